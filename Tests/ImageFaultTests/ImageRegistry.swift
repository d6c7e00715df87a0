// A registry with small images that share layers, for as long as a test lasts.

import Foundation
import LinuxSystem
import Synchronization
import Testing

/// Debian's docker-registry on a port that the kernel has chosen, as `benchmarks/registry` starts it.
final class ImageRegistry: Sendable {
    static let count = 4

    /// `localhost:PORT`
    let address: String
    private let id: ProcessID
    /// The registry ends with this, so however this process ends.
    private let input: Mutex<SharedDescriptor?>
    /// Stays until the registry has removed what it has there.
    private let world: World

    /// - Parameter files: how many small files each of the three layers of an image has.
    init(_ world: World, files: Int) throws {
        let output = world.folder + "/registry"
        let file = try Descriptor.open(output, [.writeOnly, .create], mode: 0o600)
        var own = try PipeEnds()
        var given = own
        let reader = given.keepReader()
        input = Mutex(own.keepWriter())
        self.world = world
        // Tried again where it ends at once: it may look for the server's log before there is one.
        let start = "for _ in 1 2 3 4 5; do \"$0\" -- cat 2>>\"$1\" && exit; done; echo no registry"
        id = try LinuxSystem.Process.spawn(
            "/bin/sh",
            arguments: ["sh", "-c", start, World.checkout + "/benchmarks/registry", world.folder + "/registry-errors"],
            environment: ["PATH=/usr/bin:/bin", "TMPDIR=" + world.folder], output: file.raw, errorOutput: file.raw,
            input: reader.raw)
        withExtendedLifetime(reader) {}
        var lines: [Substring] = []
        for _ in 0..<2000 {
            lines = (Files.text(output) ?? "").split(separator: "\n")
            if !lines.isEmpty { break }
            usleep(10_000)
        }
        try #require(lines.count == 2, "\(lines) \(Files.text(world.folder + "/registry-errors") ?? "")")
        address = String(lines[0])
        for number in 0..<Self.count {
            let description = try JSONSerialization.data(withJSONObject: Self.image(number, files))
            try description.write(to: URL(fileURLWithPath: world.folder + "/image.json"))
            let made = try world.sh(
                "exec \"$1\" image.json \"$2/storage\" --serve \"$3\"",
                [World.checkout + "/Tests/Fixtures/make-image", String(lines[1]), "image\(number)"])
            try #require(made.status == 0, "\(made.errors)")
        }
    }

    deinit {
        input.withLock { $0 = nil }
        do throws(Errno) { _ = try LinuxSystem.Process.wait(for: id) } catch { Issue.record("\(id): \(error)") }
    }

    func name(_ number: Int) -> String { "\(address)/image\(number)" }

    /// Busybox below, a layer in common with one other image, and one of its own on top.
    private static func image(_ number: Int, _ files: Int) throws -> [String: Any] {
        let busybox = try Data(contentsOf: URL(fileURLWithPath: "/bin/busybox")).base64EncodedString()
        let base: [[String: Any]] = [
            ["path": "bin", "type": "folder"],
            ["path": "bin/busybox", "mode": "0755", "content": ["base64": busybox]],
            ["path": "bin/cat", "type": "link", "target": "busybox"],
        ]
        return ["layers": [base, layer("shared\(number / 2)", files), layer("own\(number)", files)]]
    }

    private static func layer(_ name: String, _ files: Int) -> [[String: Any]] {
        let folders: [[String: Any]] = [
            ["path": name, "type": "folder"], ["path": "\(name)/a", "type": "folder", "mode": "0700"],
        ]
        return folders
            + (0..<files).map { number in
                ["path": "\(name)/\(number % 3 == 0 ? "a/" : "")\(number)", "content": "\(name) \(number)\n"]
            }
    }
}
