// The registry of fake-registry.py, started for one test on a port of its own.

import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

/// JSON by hand: what the fake registry is told.
typealias Fault = [String: any Sendable]

final class FakeRegistry {
    struct Seen {
        let method: String
        let path: String
        /// Names in lower case.
        let fields: [String: String]
    }

    let port: Int
    var server: String { "127.0.0.1:\(port)" }
    private let log: String
    private let process: Server

    static let python = "/usr/bin/python3"
    static let missing: Comment = "needs python3"
    static var isThere: Bool { Files.isAccessible(python, 1) }

    /// - Parameters:
    ///   - image: served as tag `1` and by its digest, in every repository.
    ///   - settings: more for SETTINGS.
    init(
        _ world: World, _ image: TestImage? = TestImage(), faults: [Fault] = [], settings: [String: Any] = [:]
    ) throws {
        let base = "fake-" + UUID().uuidString
        var all = settings
        all["faults"] = faults
        if let image {
            all["blobs"] = [
                "\(image.layerBlob.digest)": try world.write(base + ".layer", image.layer),
                "\(image.configBlob.digest)": try world.write(base + ".config", image.config),
            ]
            let manifest = [
                "path": try world.write(base + ".manifest", image.manifest), "type": MediaType.ociManifest.rawValue,
            ]
            all["manifests"] = ["1": manifest, "\(image.manifestBlob.digest)": manifest]
        }
        let file = try world.write(base + ".json", try JSONSerialization.data(withJSONObject: all))
        log = "\(world.folder)/\(base).log"
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/fake-registry.py"
        process = try Server(world, Self.python, [script, file, log])
        port = try process.number(after: "port ")
    }

    /// The requests so far.
    func seen() throws -> [Seen] {
        let lines = (Files.text(log) ?? "").split(separator: "\n")
        return try lines.map { line in
            let read = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let object = try #require(read as? [String: Any])
            let fields = (object["fields"] as? [String: String] ?? [:]).map { ($0.key.lowercased(), $0.value) }
            return Seen(
                method: object["method"] as? String ?? "", path: object["path"] as? String ?? "",
                fields: Dictionary(fields) { $1 })
        }
    }
}
