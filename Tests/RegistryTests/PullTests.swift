import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

@testable import Registry

@Suite(.enabled(if: FakeRegistry.isThere, FakeRegistry.missing)) struct PullTests {
    let world: World
    let image = TestImage()

    init() throws { world = try World() }

    private func registry(_ faults: [Fault] = [], _ settings: [String: Any] = [:]) throws -> FakeRegistry {
        try FakeRegistry(world, image, faults: faults, settings: settings)
    }

    /// The bytes of the layer, as a source gives them.
    private func layer(_ source: RemoteImage, _ blob: BlobDescriptor? = nil) throws -> [UInt8] {
        let sink = Sink()
        try source.copy(blob ?? image.layerBlob, to: sink.take)
        return sink.bytes
    }

    @Test func anImageIsRead() throws {
        let registry = try registry()
        let source = try world.image("\(registry.server)/team/x:1")
        let root = try source.root()
        #expect(root.bytes == image.manifest)
        #expect(root.mediaType == MediaType.ociManifest.rawValue)
        #expect(try source.digest() == image.manifestBlob.digest)
        #expect(try source.document(image.configBlob) == Data(image.config))
        #expect(try source.document(image.manifestBlob) == image.manifest)
        #expect(try layer(source) == image.layer)
        #expect(source.endpoint?.description == "\(registry.server)/team/x")
        #expect(world.events.all.last == .progress(image.layerBlob.digest, image.layerBlob.size))
        let seen = try registry.seen()
        #expect(seen.map(\.method) == ["GET", "HEAD", "GET", "GET", "GET"])
        #expect(seen.map(\.path).first == "/v2/team/x/manifests/1")
        #expect(seen.allSatisfy { $0.fields["user-agent"] == "sandbox/0.1.0" && $0.fields["authorization"] == nil })
        for type in MediaType.wanted { #expect(seen[0].fields["accept"]?.contains(type.rawValue) == true) }
    }

    @Test func severalLayersAreCopiedAtOnce() async throws {
        let registry = try registry()
        let source = try world.image("\(registry.server)/x:1")
        let blob = image.layerBlob
        let wanted = image.layer
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let sink = Sink()
                    try source.copy(blob, to: sink.take)
                    return sink.bytes == wanted
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test(arguments: 0..<10)
    func aBrokenConnectionIsGoneOnWith(_ tenth: Int) throws {
        let cut: Fault = ["match": "GET /v2/x/blobs/", "times": 3, "cut": image.layer.count * tenth / 10]
        let registry = try registry([cut])
        #expect(try layer(world.image("\(registry.server)/x:1")) == image.layer)
        let ranges = try registry.seen().filter { $0.path.contains("/blobs/") }.map { $0.fields["range"] }
        #expect(ranges[0] == nil)
        if tenth > 0 { #expect(ranges[1] == "bytes=\(image.layer.count * tenth / 10)-") }
    }

    @Test func progressKeepsRetriesGoing() throws {
        // Twenty breaks, each after some bytes.
        let registry = try registry([["match": "GET /v2/x/blobs/", "times": 20, "cut": 4000]])
        #expect(try layer(world.image("\(registry.server)/x:1")) == image.layer)
        #expect(world.events.retries == 20)
    }

    @Test func withoutProgressThereIsAnEnd() throws {
        let registry = try registry([["match": "GET /v2/x/blobs/", "cut": 0]])
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try layer(source) }
        guard case .unreachable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(world.events.retries == 5)
    }

    @Test func aServerThatKnowsNoRangesIsReadAgain() throws {
        let registry = try registry([
            ["match": "GET /v2/x/blobs/", "times": 1, "cut": 60_000],
            ["match": "GET /v2/x/blobs/", "times": 1, "cut": 70_000, "ignore_range": true],
            ["match": "GET /v2/x/blobs/", "ignore_range": true],
        ])
        #expect(try layer(world.image("\(registry.server)/x:1")) == image.layer)
    }

    @Test func aRangeThatWasNotAskedForIsRefused() throws {
        let registry = try registry([
            ["match": "GET /v2/x/blobs/", "times": 1, "cut": 60_000],
            ["match": "GET /v2/x/blobs/", "range": "bytes 70000-99999/100000"],
        ])
        let source = try world.image("\(registry.server)/x:1")
        #expect(
            failure { _ = try layer(source) }
                == .badAnswer(host: registry.server, "it sends another range than was asked for"))
    }

    @Test(arguments: [false, true])
    func moreThanTheSizeIsNeverHandedOn(_ isUnsized: Bool) throws {
        let registry = try registry([["match": "GET /v2/x/blobs/", "size": 5_000_000, "unsized": isUnsized]])
        let source = try world.image("\(registry.server)/x:1")
        let sink = Sink()
        let blob = image.layerBlob
        #expect(
            failure { try source.copy(blob, to: sink.take) }
                == .blobTooLong(blob.digest, size: blob.size, host: registry.server))
        #expect(sink.bytes.count <= image.layer.count)
        #expect(world.events.retries == 0)
    }

    @Test(arguments: [false, true])
    func lessThanTheSizeIsAnError(_ isUnsized: Bool) throws {
        let registry = try registry([["match": "GET /v2/x/blobs/", "size": 40_000, "unsized": isUnsized]])
        let source = try world.image("\(registry.server)/x:1")
        let blob = image.layerBlob
        #expect(
            failure { _ = try layer(source) }
                == .blobTooShort(blob.digest, got: 40_000, size: blob.size, host: registry.server))
    }

    @Test func anEndWithoutALengthIsGoneOnWith() throws {
        let registry = try registry([["match": "GET /v2/x/blobs/", "times": 1, "cut": 50_000, "unsized": true]])
        #expect(try layer(world.image("\(registry.server)/x:1")) == image.layer)
    }

    @Test func aTransferThatStallsIsBroken() throws {
        let registry = try registry([["match": "GET /v2/x/blobs/", "times": 1, "cut": 50_000, "stall": 30]])
        #expect(try layer(world.image("\(registry.server)/x:1")) == image.layer)
        #expect(world.events.retries == 1)
    }

    @Test func anAnswerThatDoesNotComeIsAskedForAgain() throws {
        let registry = try registry([["match": "GET /v2/x/manifests/1", "times": 1, "wait": 30]])
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
        #expect(world.events.retries == 1)
    }

    @Test func theReceiversErrorComesBack() throws {
        struct Full: Error, Equatable {}
        let registry = try registry()
        let source = try world.image("\(registry.server)/x:1")
        #expect(throws: Full()) { try source.copy(image.layerBlob) { _ in throw Full() } }
        #expect(world.events.retries == 0)
        // The handle is good for more.
        #expect(try layer(source) == image.layer)
    }

    @Test(arguments: [429, 500, 503])
    func aFailureThatPassesIsWaitedFor(_ status: Int) throws {
        let registry = try registry([["match": "GET /v2/x/manifests/1", "times": 5, "status": status]])
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
        #expect(world.events.retries == 5)
    }

    @Test func afterTheLastRetryTheStatusIsNamed() throws {
        let body = #"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#
        let registry = try registry([["match": "GET", "status": 429, "body": body]])
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        #expect(
            error
                == .refused(
                    image: "\(registry.server)/x:1", host: registry.server, status: 429,
                    said: "TOOMANYREQUESTS: slow down"))
        #expect(try registry.seen().count == 6)
    }

    @Test func aServerMayAskForItsTime() throws {
        let registry = try registry([
            ["match": "GET", "times": 1, "status": 429, "headers": ["Retry-After": "1"]],
            ["match": "GET", "times": 1, "status": 503, "headers": ["Retry-After": "3600"]],
        ])
        let start = Date()
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
        // A second, and then the policy's most.
        #expect(Date().timeIntervalSince(start) >= 3)
        #expect(world.events.all.count == 2)
    }

    @Test(arguments: [400, 405, 410, 451])
    func otherRefusalsAreFinal(_ status: Int) throws {
        let registry = try registry([["match": "GET", "status": status]])
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        #expect(
            error == .refused(image: "\(registry.server)/x:1", host: registry.server, status: status, said: ""))
        #expect(try registry.seen().count == 1)
    }

    @Test func whatIsMissingIsNamedWithWhatTheServerSays() throws {
        let registry = try registry()
        let source = try world.image("\(registry.server)/x:2")
        let error = failure { _ = try source.root() }
        let text = error?.description ?? ""
        #expect(text.contains("\"\(registry.server)/x:2\"") && text.contains("MANIFEST_UNKNOWN: manifest"))
        #expect(!text.contains("\u{1b}"))
        #expect(try registry.seen().count == 1)
    }

    @Test func longReasonsAreCut() throws {
        let said = String(repeating: "y", count: 100_000)
        let registry = try registry([
            ["match": "GET", "status": 400, "headers": ["Content-Type": "text/plain"], "body": said]
        ])
        let source = try world.image("\(registry.server)/x:1")
        let text = failure { _ = try source.root() }?.description ?? ""
        #expect(text.count < 400 && text.contains(String(repeating: "y", count: 200) + "…"))
    }

    @Test func aHugeManifestIsNotReadToItsEnd() throws {
        let registry = try registry([["match": "GET", "endless": 100 << 20]])
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        #expect(
            error == .tooLarge(image: "\(registry.server)/x:1", host: registry.server, most: ImageDocument.limit))
        for _ in 0..<100 where try registry.seen().last?.method != "SENT" { usleep(20_000) }
        let sent = try #require(try registry.seen().last { $0.method == "SENT" }.flatMap { Int($0.path) })
        #expect(sent < 20 << 20)
    }

    @Test func aHugeErrorIsNotReadToItsEnd() throws {
        let registry = try registry([["match": "GET", "status": 404, "body": String(repeating: " ", count: 1 << 22)]])
        let source = try world.image("\(registry.server)/x:1")
        #expect(
            failure { _ = try source.root() }
                == .notFound(image: "\(registry.server)/x:1", host: registry.server, said: ""))
    }

    @Test func aLongerConfigIsRefused() throws {
        let registry = try registry([["match": "GET /v2/x/blobs/", "size": 1000]])
        let source = try world.image("\(registry.server)/x:1")
        let config = image.configBlob
        #expect(
            failure { _ = try source.document(config) }
                == .blobTooLong(config.digest, size: config.size, host: registry.server))
    }

    @Test func anotherDigestThanAskedForIsRefused() throws {
        let other = "sha256:" + String(repeating: "b", count: 64)
        let registry = try registry([["match": "GET", "digest": other]])
        let name = "\(registry.server)/x@\(image.manifestBlob.digest)"
        let source = try world.image(name)
        #expect(
            failure { _ = try source.root() } == .wrongDigest(image: name, host: registry.server, named: other))
    }

    @Test func nobodyAtHomeIsNamed() throws {
        let port: Int
        do { port = try registry().port }
        let source = try world.image("127.0.0.1:\(port)/x:1")
        let error = failure { _ = try source.root() }
        guard case .unreachable(host: "127.0.0.1:\(port)", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(world.events.retries == 5)
    }

    // MARK: Redirections

    @Test func redirectionsAreFollowedWithoutCredentials() throws {
        let storage = try registry()
        let registry = try registry(
            [
                [
                    "match": "GET /v2/x/blobs/", "status": 307,
                    "headers": ["Location": "http://\(storage.server)/v2/x/blobs/\(image.layerBlob.digest)"],
                ]
            ], ["auth": ["kind": "basic", "user": "me", "password": "hidden"]])
        try world.allowPlain(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        #expect(try layer(world.image("\(registry.server)/x:1")) == image.layer)
        #expect(try registry.seen().contains { $0.fields["authorization"] != nil })
        let there = try storage.seen()
        #expect(there.count == 1 && there.allSatisfy { $0.fields["authorization"] == nil })
    }

    @Test func aSignatureThatHasBecomeOldIsAskedForAnew() throws {
        let storage = try registry([["match": "GET", "times": 2, "status": 403]])
        let registry = try registry([
            [
                "match": "GET /v2/x/blobs/", "status": 302,
                "headers": ["Location": "http://\(storage.server)/v2/x/blobs/\(image.layerBlob.digest)?signature=s"],
            ]
        ])
        #expect(try layer(world.image("\(registry.server)/x:1")) == image.layer)
        #expect(try registry.seen().filter { $0.path.contains("blobs") }.count == 3)
    }

    @Test(arguments: [
        ("/v2/x/manifests/1", "in a circle"), ("file:///etc/passwd", "not an address"),
        ("http://user:pw@127.0.0.1/", "not an address"),
    ])
    func badRedirectionsAreNamed(_ location: String, _ reason: String) throws {
        let registry = try registry([["match": "GET", "status": 302, "headers": ["Location": location]]])
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        guard case .redirection(host: registry.server, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains(reason) == true)
    }

    @Test func thereIsAMostToRedirections() throws {
        let faults: [Fault] = (0..<20).map {
            ["match": "GET", "times": 1, "status": 302, "headers": ["Location": "/v2/x/manifests/r\($0)"]]
        }
        let registry = try registry(faults)
        let source = try world.image("\(registry.server)/x:1")
        #expect(failure { _ = try source.root() }?.description.contains("more than 10 times") == true)
        #expect(try registry.seen().count == 11)
    }

    // MARK: Proxies

    @Test func otherMachinesAreReachedThroughTheProxy() throws {
        let proxy = try registry()
        try world.write(
            "root/etc/containers/registries.conf", "[[registry]]\nlocation = 'registry.invalid'\ninsecure = true")
        // It makes no tunnels, so TLS is not there.
        let environment = ["ALL_PROXY": "http://me:hidden@\(proxy.server)"]
        #expect(try world.image("registry.invalid/x:1", environment).root().bytes == image.manifest)
        let seen = try #require(try proxy.seen().first)
        #expect(seen.path == "http://registry.invalid/v2/x/manifests/1")
        #expect(seen.fields["proxy-authorization"] != nil)
        // Not this machine itself.
        let own = try registry()
        #expect(try world.image("\(own.server)/x:1", environment).root().bytes == image.manifest)
        #expect(try proxy.seen().count == 1)
    }

    @Test(arguments: ["http://me:hidden@127.0.0.1:1", "nonsense://me:hidden@127.0.0.1:1", "http://me:hidden@:x:y/"])
    func aProxysPasswordIsNotShown(_ proxy: String) throws {
        try world.write(
            "root/etc/containers/registries.conf", "[[registry]]\nlocation = 'registry.invalid'\ninsecure = true")
        let source = try world.image("registry.invalid/x:1", ["ALL_PROXY": proxy])
        let text = failure { _ = try source.root() }?.description ?? ""
        #expect(text.contains("registry.invalid can't be reached") && !text.contains("hidden"))
    }

    // MARK: Several places

    @Test func mirrorsAreTriedInTurn() throws {
        let empty = try FakeRegistry(world, nil)
        let broken = try registry([["match": "GET", "status": 500]])
        let registry = try registry()
        try world.write(
            "root/etc/containers/registries.conf",
            """
            [[registry]]
            prefix = "images.example.com/team"
            location = "\(registry.server)/own"
            [[registry.mirror]]
            location = "\(empty.server)/m"
            [[registry.mirror]]
            location = "\(broken.server)/m"
            """)
        let source = try world.image("images.example.com/team/x:1")
        #expect(try source.root().bytes == image.manifest)
        #expect(try layer(source) == image.layer)
        #expect(source.endpoint?.description == "\(registry.server)/own/x")
        #expect(try empty.seen().map(\.path) == ["/v2/m/x/manifests/1"])
        #expect(try broken.seen().count == 2)
    }

    @Test func whereNoPlaceHasItAllAreNamed() throws {
        let one = try FakeRegistry(world, nil)
        let two = try FakeRegistry(world, nil)
        try world.write(
            "root/etc/containers/registries.conf",
            "unqualified-search-registries = [\"\(one.server)\", \"\(two.server)\"]")
        let source = try world.image("x:1")
        let text = failure { _ = try source.root() }?.description ?? ""
        #expect(text.hasPrefix("\"x:1\" is nowhere to be had: "))
        #expect(text.contains(one.server) && text.contains(two.server))
    }
}

/// An auth file with one user for one registry.
func auth(_ registry: FakeRegistry, _ user: String) -> String {
    #"{"auths": {"\#(registry.server)": {"auth": "\#(Data(user.utf8).base64EncodedString())"}}}"#
}
