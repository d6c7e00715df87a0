import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

@testable import Registry

@Suite(.enabled(if: FakeRegistry.isThere, FakeRegistry.missing)) struct AuthorizationTests {
    let world: World
    let image = TestImage()

    init() throws { world = try World() }

    private func registry(
        _ auth: [String: Any], _ faults: [Fault] = [], _ settings: [String: Any] = [:]
    ) throws -> FakeRegistry {
        try FakeRegistry(world, image, faults: faults, settings: settings.merging(["auth": auth]) { $1 })
    }

    private func layer(_ source: RemoteImage) throws -> [UInt8] {
        let sink = Sink()
        try source.copy(image.layerBlob, to: sink.take)
        return sink.bytes
    }

    @Test func anonymousTokensAreUsedAgain() throws {
        let registry = try registry(["kind": "bearer"])
        let source = try world.image("\(registry.server)/team/x:1")
        #expect(try source.root().bytes == image.manifest)
        #expect(try layer(source) == image.layer)
        let seen = try registry.seen()
        #expect(seen.filter { $0.path.hasPrefix("/token") }.count == 1)
        let token = try #require(seen.first { $0.path.hasPrefix("/token") })
        #expect(
            token.path == "/token?service=fake%20service&scope=repository%3Ateam%2Fx%3Apull&scope=repository%3Ax%3Apull"
        )
        #expect(token.fields["authorization"] == nil)
        #expect(seen.last?.fields["authorization"]?.hasPrefix("Bearer token-0-") == true)
    }

    @Test func tokensComeForCredentials() throws {
        let registry = try registry(["kind": "bearer", "user": "me", "password": "hidden"])
        try world.allowPlain(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
        let seen = try registry.seen()
        #expect(seen.filter { $0.fields["authorization"]?.hasPrefix("Basic ") == true }.map(\.path).count == 1)
    }

    @Test func tokensComeForAnIdentity() throws {
        let registry = try registry(["kind": "bearer", "user": "me", "password": "p", "refresh": "identity&/"])
        try world.allowPlain(registry)
        try world.write(
            "home/.config/containers/auth.json", #"{"auths":{"\#(registry.server)":{"identitytoken":"identity&/"}}}"#)
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
        #expect(try registry.seen().contains { $0.method == "POST" && $0.path == "/token" })
    }

    @Test func aTokenThatHasEndedIsReplaced() throws {
        // It ends at the server before it says so.
        let registry = try registry(["kind": "bearer", "lifetime": 0.3])
        let source = try world.image("\(registry.server)/x:1")
        _ = try source.root()
        usleep(400_000)
        #expect(try layer(source) == image.layer)
        #expect(try registry.seen().filter { $0.path.hasPrefix("/token") }.count == 2)
    }

    @Test func aTokenIsReplacedBeforeItEnds() throws {
        let registry = try registry(["kind": "bearer", "says": 1])
        let source = try world.image("\(registry.server)/x:1")
        _ = try source.root()
        usleep(1_000_000)
        #expect(try layer(source) == image.layer)
        #expect(
            try registry.seen().filter { $0.fields["authorization"] == nil && !$0.path.hasPrefix("/token") }.count == 1)
        #expect(try registry.seen().filter { $0.path.hasPrefix("/token") }.count == 2)
    }

    @Test func basicCredentialsAreSentOnlyWhereTheyAreAskedFor() throws {
        let registry = try registry(["kind": "basic", "user": "me", "password": "hidden"])
        try world.allowPlain(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
        #expect(try registry.seen().map { $0.fields["authorization"] != nil } == [false, true])
    }

    @Test(arguments: ["basic", "bearer"])
    func withoutCredentialsTheRemedyIsNamed(_ kind: String) throws {
        let registry = try registry(["kind": kind, "user": "me", "password": "hidden"])
        let source = try world.image("\(registry.server)/x:1")
        let text = failure { _ = try source.root() }?.description ?? ""
        #expect(text.contains("`podman login \(registry.server)`"))
        #expect(text.contains(world.home + "/.docker/config.json"))
        #expect(world.events.retries == 0)
    }

    @Test(arguments: ["basic", "bearer"])
    func wrongCredentialsAreNamedByTheirFile(_ kind: String) throws {
        let registry = try registry(["kind": kind, "user": "me", "password": "right"])
        try world.allowPlain(registry)
        let file = try world.write("home/.config/containers/auth.json", auth(registry, "me:wrong"))
        let source = try world.image("\(registry.server)/x:1")
        let text = failure { _ = try source.root() }?.description ?? ""
        #expect(text.contains("does not let the credentials of \(file)"))
        #expect(!text.contains("wrong"))
        #expect(try registry.seen().count == 2)
    }

    @Test func aRefusedRightIsNamed() throws {
        let registry = try registry(
            ["kind": "bearer"],
            [["match": "GET /v2", "status": 403, "body": #"{"errors":[{"code":"DENIED","message":"no"}]}"#]])
        let source = try world.image("\(registry.server)/x:1")
        #expect(failure { _ = try source.root() }?.description.contains("DENIED: no") == true)
        #expect(try registry.seen().count == 1)
    }

    @Test func whatAServerEchoesIsNotShown() throws {
        let basic = Data("me:hidden".utf8).base64EncodedString()
        let registry = try registry(
            ["kind": "basic", "user": "me", "password": "other", "echo": "you sent Basic \(basic) for hidden"])
        try world.allowPlain(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        let source = try world.image("\(registry.server)/x:1")
        let text = failure { _ = try source.root() }?.description ?? ""
        #expect(text.contains("you sent Basic … for …"))
        #expect(!text.contains(basic) && !text.contains("hidden"))
        for case .retrying(let reason, _) in world.events.all { #expect(!reason.contains("hidden")) }
    }

    @Test(arguments: [
        "ftp://a.local/token", "", "/token", "https://user:pw@a.local/token",
    ])
    func aRealmIsAnAddressOfTheWeb(_ realm: String) throws {
        let registry = try registry(
            ["kind": "bearer"],
            [["match": "GET /v2", "status": 401, "headers": ["WWW-Authenticate": "Bearer realm=\"\(realm)\""]]])
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        guard case .badAnswer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: [#"{"token":"a\r\nX-Evil: 1"}"#, #"{"token":""}"#, "{}", "nonsense"])
    func aTokenIsOneWord(_ answer: String) throws {
        let registry = try registry(["kind": "bearer"], [["match": "GET /token", "status": 200, "body": answer]])
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        guard case .badAnswer = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func tokensForAnotherHostDoNotGoThere() throws {
        // The realm redirects to another server: the user's password stays.
        let other = try FakeRegistry(world, image)
        let registry = try registry(
            ["kind": "bearer", "user": "me", "password": "hidden"],
            [["match": "GET /token", "status": 302, "headers": ["Location": "http://\(other.server)/token"]]])
        try world.allowPlain(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        let source = try world.image("\(registry.server)/x:1")
        #expect(failure { _ = try source.root() } != nil)
        #expect(try other.seen().count > 0)
        #expect(try other.seen().allSatisfy { $0.fields["authorization"] == nil })
    }
}

@Suite(.enabled(if: FakeRegistry.isThere, FakeRegistry.missing)) struct EncryptionTests {
    let world: World
    let image = TestImage(size: 1000)

    init() throws { world = try World() }

    /// A registry with a certificate for 127.0.0.1 of an authority of its own, `ca.crt` in this world.
    private func registry(
        _ faults: [Fault] = [], _ settings: [String: Any] = [:], client: Bool = false
    ) throws -> FakeRegistry {
        try makeCertificates(world)
        var tls: [String: Any] = [
            "certificate": world.folder + "/server.crt", "key": world.folder + "/server.key",
        ]
        if client { tls["client"] = world.folder + "/ca.crt" }
        return try FakeRegistry(world, image, faults: faults, settings: settings.merging(["tls": tls]) { $1 })
    }

    private func trust(_ registry: FakeRegistry) throws {
        let folder = "home/.config/containers/certs.d/\(registry.server)"
        try world.write("\(folder)/ca.crt", try Files.read(world.folder + "/ca.crt"))
    }

    @Test func anUnknownAuthorityIsRefused() throws {
        let registry = try registry()
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        guard case .untrusted(host: registry.server, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("certs.d/\(registry.server)/ca.crt") == true)
        #expect(world.events.retries == 0)
    }

    @Test func anOwnAuthorityIsTrusted() throws {
        let registry = try registry()
        try trust(registry)
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
    }

    @Test func theUsersBundleIsTrusted() throws {
        let registry = try registry()
        let environment = ["SSL_CERT_FILE": world.folder + "/ca.crt"]
        #expect(try world.image("\(registry.server)/x:1", environment).root().bytes == image.manifest)
        let missing = ["SSL_CERT_FILE": world.folder + "/missing.crt"]
        #expect(failure { _ = try world.image("\(registry.server)/x:1", missing).root() } != nil)
    }

    @Test func insecureMeansAnyCertificate() throws {
        let registry = try registry()
        try world.write(
            "root/etc/containers/registries.conf", "[[registry]]\nlocation = '\(registry.server)'\ninsecure = true")
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
    }

    @Test func aClientShowsItsCertificate() throws {
        let registry = try registry(client: true)
        try trust(registry)
        let name = "\(registry.server)/x:1"
        // Whether the reason is heard before the connection is closed is a matter of luck.
        #expect(failure { _ = try world.image(name).root() } != nil)
        let folder = "home/.config/containers/certs.d/\(registry.server)"
        try world.write("\(folder)/me.cert", try Files.read(world.folder + "/server.crt"))
        try world.write("\(folder)/me.key", try Files.read(world.folder + "/server.key"))
        #expect(try world.image(name).root().bytes == image.manifest)
    }

    @Test func nothingGoesFromEncryptedToPlain() throws {
        let plain = try FakeRegistry(world, image)
        let registry = try registry([
            ["match": "GET", "status": 302, "headers": ["Location": "http://\(plain.server)/v2/x/manifests/1"]]
        ])
        try trust(registry)
        let source = try world.image("\(registry.server)/x:1")
        #expect(failure { _ = try source.root() }?.description.contains("from https to plain http") == true)
        #expect(try plain.seen().isEmpty)
    }

    @Test func credentialsDoNotGoToAPlainRealm() throws {
        let plain = try FakeRegistry(world, image)
        let registry = try registry(
            [],
            ["auth": ["kind": "bearer", "realm": "http://\(plain.server)/token", "user": "me", "password": "hidden"]])
        try trust(registry)
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        let source = try world.image("\(registry.server)/x:1")
        #expect(failure { _ = try source.root() }?.description.contains("no credentials go there") == true)
        #expect(try plain.seen().isEmpty)
    }

    /// Whoever listens at a port of this machine may be another user of it.
    @Test(arguments: ["basic", "bearer"])
    func credentialsGoInTheClearOnlyWhereThatIsAllowedByName(_ kind: String) throws {
        let registry = try FakeRegistry(
            world, image, settings: ["auth": ["kind": kind, "user": "me", "password": "hidden"]])
        try world.write("home/.config/containers/auth.json", auth(registry, "me:hidden"))
        let source = try world.image("\(registry.server)/x:1")
        let error = failure { _ = try source.root() }
        #expect(error?.description.contains("insecure = true") == true, "\(String(describing: error))")
        #expect(try registry.seen().allSatisfy { $0.fields["authorization"] == nil })
        try world.allowPlain(registry)
        #expect(try world.image("\(registry.server)/x:1").root().bytes == image.manifest)
    }

    @Test func withoutTLSAnotherHostIsRefused() throws {
        let registry = try FakeRegistry(world, image)
        let client = try world.client("\(registry.server)/x")
        // Straight to the address by https, as for a host that is not this machine.
        let target = try #require(Address("https://\(registry.server)/v2/x/manifests/1"))
        #expect(failure { _ = try client.send(Call(.get, target)) } == .notEncrypted(host: registry.server))
    }
}

/// `ca.crt`, and `server.crt` and `server.key` for 127.0.0.1 that it vouches for, in this world.
func makeCertificates(_ world: World) throws {
    try world.write("san", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    try world.sh(
        """
        exec 2>/dev/null
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test-authority
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=test-server
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.crt
        """)
}
