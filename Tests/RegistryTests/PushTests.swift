import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

@testable import Registry

@Suite(.enabled(if: FakeRegistry.isThere, FakeRegistry.missing)) struct PushTests {
    let world: World
    let image = TestImage()

    init() throws { world = try World() }

    /// Sends the whole image.
    private func push(_ destination: RemoteDestination, as tag: String? = nil) throws {
        try destination.add(image.layerBlob, at: try world.write("layer", image.layer))
        try destination.add(image.configBlob, at: try world.write("config", image.config))
        try destination.finish(image.manifestBlob, image.manifest, as: try tag.map { try reference("x:\($0)") })
    }

    /// What another client reads of it.
    private func pulled(_ name: String) throws -> Bool {
        let source = try world.image(name)
        let sink = Sink()
        let root = try source.root()
        try source.copy(image.layerBlob, to: sink.take)
        let config = try source.document(image.configBlob)
        return root.bytes == image.manifest && root.mediaType == MediaType.ociManifest.rawValue
            && sink.bytes == image.layer && config == Data(image.config)
    }

    @Test func anImageIsWritten() throws {
        let registry = try FakeRegistry(world, nil)
        let destination = try world.destination("\(registry.server)/team/x:3")
        #expect(destination.endpoint.description == "\(registry.server)/team/x")
        try push(destination)
        #expect(try pulled("\(registry.server)/team/x:3"))
        #expect(world.events.all.contains(.progress(image.layerBlob.digest, image.layerBlob.size)))
        let uploads = try registry.seen().filter { $0.method == "PUT" && $0.path.contains("uploads") }
        #expect(uploads.count == 2)
        #expect(uploads[0].path.contains("state=a%2Fb&digest=sha256%3A"))
    }

    @Test func theTagMayBeGivenAtTheEnd() throws {
        let registry = try FakeRegistry(world, nil)
        try push(try world.destination("\(registry.server)/x:1"), as: "other")
        #expect(try pulled("\(registry.server)/x:other"))
        #expect(failure { _ = try world.image("\(registry.server)/x:1").root() } != nil)
    }

    @Test func whatIsThereIsNotSentAgain() throws {
        let registry = try FakeRegistry(world, image)
        let destination = try world.destination("\(registry.server)/x:2")
        try push(destination)
        // Asked for once only.
        try destination.add(image.layerBlob, at: "/nowhere")
        #expect(try registry.seen().map(\.method) == ["HEAD", "HEAD", "PUT"])
        #expect(world.events.all.contains(.present(image.layerBlob.digest)))
    }

    @Test func aBlobOfAnotherLengthIsSentAgain() throws {
        let registry = try FakeRegistry(world, image, faults: [["match": "HEAD", "times": 1, "size": 7]])
        try push(try world.destination("\(registry.server)/x:2"))
        #expect(try registry.seen().map(\.method) == ["HEAD", "POST", "PUT", "HEAD", "PUT"])
    }

    @Test func aBrokenUploadIsBegunAnew() throws {
        let registry = try FakeRegistry(
            world, nil,
            faults: [
                ["match": "PUT /v2/x/blobs/uploads/", "times": 1, "cut_request": 5000],
                ["match": "PUT /v2/x/blobs/uploads/", "times": 1, "status": 503],
                ["match": "PUT /v2/x/blobs/uploads/", "times": 1, "status": 404],
            ])
        try push(try world.destination("\(registry.server)/x:1"))
        #expect(try pulled("\(registry.server)/x:1"))
        // Where a kept connection has broken, libcurl tries once itself.
        #expect((2...3).contains(world.events.retries))
    }

    @Test func aRegistryThatTakesNoLargeBlobsGetsPieces() throws {
        let registry = try FakeRegistry(
            world, nil, faults: [["match": "PUT /v2/x/blobs/uploads/u0", "times": 1, "status": 413]])
        var policy = world.policy
        policy.chunk = 30_000
        let destination = try RemoteDestination(
            reference("\(registry.server)/x:1"), configuration: world.configuration(), policy: policy,
            events: world.events.record)
        try push(destination)
        #expect(try pulled("\(registry.server)/x:1"))
        let pieces = try registry.seen().filter { $0.method == "PATCH" }.map { $0.fields["content-range"] }
        #expect(pieces == ["0-29999", "30000-59999", "60000-89999", "90000-99999"])
    }

    @Test func anEmptyBlobIsSent() throws {
        let registry = try FakeRegistry(world, nil)
        let blob = BlobDescriptor(.ociLayer, digest(of: []), size: 0)
        try world.destination("\(registry.server)/x:1").add(blob, at: try world.write("empty", ""))
        let sink = Sink()
        try world.client("\(registry.server)/x").copy(blob, to: sink.take)
        #expect(sink.bytes.isEmpty)
    }

    @Test func aFileOfAnotherSizeIsNotSent() throws {
        let registry = try FakeRegistry(world, nil)
        let path = try world.write("layer", image.layer.dropLast())
        let destination = try world.destination("\(registry.server)/x:1")
        #expect(
            failure { try destination.add(image.layerBlob, at: path) }
                == .changedBlob(path: path, size: image.layerBlob.size))
        let missing = world.folder + "/missing"
        #expect(
            failure { try destination.add(image.layerBlob, at: missing) }
                == .unreadableBlob(path: missing, .noEntry))
    }

    @Test func aFileOfAnotherContentIsRefusedByTheRegistry() throws {
        let registry = try FakeRegistry(world, nil)
        let path = try world.write("layer", image.layer.reversed())
        let destination = try world.destination("\(registry.server)/x:1")
        #expect(
            failure { try destination.add(image.layerBlob, at: path) }?.description.contains("DIGEST_INVALID") == true)
    }

    @Test func anotherDigestThanSentIsNamed() throws {
        let other = "sha256:" + String(repeating: "c", count: 64)
        let registry = try FakeRegistry(
            world, nil,
            faults: [["match": "PUT /v2/x/manifests", "status": 201, "headers": ["Docker-Content-Digest": other]]])
        let destination = try world.destination("\(registry.server)/x:1")
        let name = "\(registry.server)/x:1"
        #expect(failure { try push(destination) } == .wrongDigest(image: name, host: registry.server, named: other))
    }

    @Test func oneTokenIsEnough() throws {
        let registry = try FakeRegistry(
            world, nil, settings: ["auth": ["kind": "bearer", "user": "me", "password": "hidden"]])
        try world.allowPlain(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        try push(try world.destination("\(registry.server)/x:1"))
        let tokens = try registry.seen().filter { $0.path.hasPrefix("/token") }
        #expect(tokens.count == 1)
        #expect(tokens.first?.path.contains("repository%3Ax%3Apull%2Cpush") == true)
    }

    @Test func uploadsElsewhereGoWithoutCredentials() throws {
        let storage = try FakeRegistry(world, nil, faults: [["match": "PUT", "status": 201]])
        let registry = try FakeRegistry(
            world, nil,
            settings: [
                "auth": ["kind": "basic", "user": "me", "password": "hidden"], "uploads_at": "http://\(storage.server)",
            ])
        try world.allowPlain(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        try world.destination("\(registry.server)/x:1").add(image.layerBlob, at: try world.write("layer", image.layer))
        #expect(try storage.seen().map { $0.fields["authorization"] } == [nil])
        #expect(try storage.seen().map(\.fields["content-length"]) == ["100000"])
    }
}
