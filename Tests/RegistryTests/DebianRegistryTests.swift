// Against a registry that others have written.

import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

@testable import Registry

/// Debian's docker-registry, started for one test.
private final class DebianRegistry {
    static let binary = "/usr/bin/docker-registry"
    static let missing: Comment = "needs the Debian packages docker-registry, apache2-utils and openssl"
    static var isThere: Bool {
        [binary, "/usr/bin/htpasswd", "/usr/bin/openssl"].allSatisfy { Files.isAccessible($0, 1) }
    }

    let server: String
    private let process: Server

    /// - Parameter more: lines of the registry's configuration below `http:`, and then those of the top level.
    init(_ world: World, http: String = "", more: String = "") throws {
        let configuration = try world.write(
            "registry.yml",
            """
            version: 0.1
            log: {level: info, accesslog: {disabled: true}}
            storage: {filesystem: {rootdirectory: \(world.folder)/storage}}
            \(more)
            http:
              addr: 127.0.0.1:0
            \(http)
            """)
        process = try Server(world, Self.binary, ["serve", configuration])
        server = "127.0.0.1:\(try process.number(after: "listening on 127.0.0.1:"))"
    }
}

@Suite(.enabled(if: DebianRegistry.isThere, DebianRegistry.missing)) struct DebianRegistryTests {
    let world: World
    let image = TestImage(size: 3_000_000)

    init() throws { world = try World() }

    private func push(_ name: String) throws {
        let destination = try world.destination(name)
        try destination.add(image.layerBlob, at: try world.write("layer", image.layer))
        try destination.add(image.configBlob, at: try world.write("config", image.config))
        try destination.finish(image.manifestBlob, image.manifest, as: nil)
    }

    private func pull(_ name: String) throws {
        let source = try world.image(name)
        #expect(try source.digest() == image.manifestBlob.digest)
        let root = try source.root()
        #expect(root.bytes == image.manifest && root.mediaType == MediaType.ociManifest.rawValue)
        #expect(try source.document(image.configBlob) == Data(image.config))
        let sink = Sink()
        try source.copy(image.layerBlob, to: sink.take)
        #expect(sink.bytes == image.layer)
    }

    @Test func whatIsPushedIsPulled() throws {
        let registry = try DebianRegistry(world)
        try push("\(registry.server)/team/x:1")
        try pull("\(registry.server)/team/x:1")
        try pull("\(registry.server)/team/x@\(image.manifestBlob.digest)")
        // All is there by now.
        try push("\(registry.server)/team/x:2")
        #expect(world.events.all.contains(.present(image.layerBlob.digest)))
        #expect(world.events.retries == 0)
        let missing = try world.image("\(registry.server)/team/x:none")
        #expect(failure { _ = try missing.root() }?.description.contains("MANIFEST_UNKNOWN") == true)
    }

    @Test func piecesAreTakenToo() throws {
        let registry = try DebianRegistry(world)
        let client = try world.client("\(registry.server)/team/x")
        let path = try world.write("layer", image.layer)
        // As if it had refused the whole.
        try client.upload(image.layerBlob, at: path, inPieces: true)
        let sink = Sink()
        try client.copy(image.layerBlob, to: sink.take)
        #expect(sink.bytes == image.layer)
    }

    @Test func encryptionAndAPasswordAreTaken() throws {
        try makeCertificates(world)
        try world.sh("htpasswd -Bbn me hidden >users")
        let registry = try DebianRegistry(
            world,
            http: "  tls: {certificate: \(world.folder)/server.crt, key: \(world.folder)/server.key}",
            more: "auth: {htpasswd: {realm: test, path: \(world.folder)/users}}")
        let folder = "home/.config/containers/certs.d/\(registry.server)"
        try world.write("\(folder)/ca.crt", try Files.read(world.folder + "/ca.crt"))
        let name = "\(registry.server)/team/x:1"
        let nobody = try world.image(name)
        #expect(failure { _ = try nobody.root() }?.description.contains("podman login") == true)
        let user = Data("me:hidden".utf8).base64EncodedString()
        try world.write("home/.docker/config.json", #"{"auths": {"\#(registry.server)": {"auth": "\#(user)"}}}"#)
        try push(name)
        try pull(name)
    }
}
