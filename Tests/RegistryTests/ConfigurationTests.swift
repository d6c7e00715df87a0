import Foundation
import LinuxSystem
import SandboxPolicy
import Testing

@testable import Registry

@Suite struct ConfigurationTests {
    let world: World

    init() throws { world = try World() }

    /// `host/repository` of each place, `!` before insecure ones.
    private func places(_ name: String, written: String? = nil) throws -> [String] {
        try world.configuration().candidates(for: try reference(name), written: written)
            .map { ($0.insecure ? "!" : "") + "\($0)" }
    }

    @Test(arguments: [
        ("alpine", "docker.io/library/alpine"), ("docker.io/alpine", "docker.io/library/alpine"),
        ("team/x:1", "docker.io/team/x"), ("localhost:5000/x", "localhost:5000/x"),
        ("registry.example.com/a/b/c", "registry.example.com/a/b/c"),
    ])
    func withoutFilesNamesMeanWhatTheySay(_ name: String, _ place: String) throws {
        #expect(try places(name) == [place])
    }

    @Test func theDefaultRegistryHasAServerOfItsOwn() throws {
        let places = try world.configuration().candidates(for: try reference("alpine"))
        #expect(places.map(\.server) == ["registry-1.docker.io"])
    }

    static let rules = """
        unqualified-search-registries = ["one.example.com", "two.example.com:5000"]
        [aliases]
        "known" = "three.example.com/team/known"
        "gone" = ""
        "hub" = "docker.io/known"
        [[registry]]
        prefix = "example.org/foo"
        location = "inside.example.net/bar"
        [[registry.mirror]]
        location = "m0.local:443/mirror"
        insecure = true
        [[registry.mirror]]
        location = "m1.local/digests"
        pull-from-mirror = "digest-only"
        [[registry.mirror]]
        location = "m2.local/tags"
        pull-from-mirror = "tag-only"
        [[registry]]
        location = "example.org"
        insecure = true
        [[registry]]
        prefix = "*.wild.example.org"
        [[registry.mirror]]
        location = "mirror.local/wild"
        [[registry]]
        prefix = "*.moved.example.org"
        location = "new.example.org/old"
        [[registry]]
        prefix = "example.org/only"
        mirror-by-digest-only = true
        [[registry.mirror]]
        location = "m3.local/only"
        [[registry]]
        prefix = "docker.io/library"
        location = "hub.local/library"
        [[registry]]
        prefix = "example.org/tagged:old"
        location = "archive.local/tagged"
        """

    @Test(arguments: [
        ("x", ["one.example.com/x", "two.example.com:5000/x"]),
        ("known:2", ["three.example.com/team/known"]), ("gone", ["one.example.com/gone", "two.example.com:5000/gone"]),
        ("hub", ["hub.local/library/known"]),
        ("example.org/foo/x:1", ["!m0.local:443/mirror/x", "m2.local/tags/x", "inside.example.net/bar/x"]),
        ("example.org/foo:1", ["!m0.local:443/mirror", "m2.local/tags", "inside.example.net/bar"]),
        (
            "example.org/foo/x@" + digest, ["!m0.local:443/mirror/x", "m1.local/digests/x", "inside.example.net/bar/x"]
        ),
        ("example.org/foobar/x", ["!example.org/foobar/x"]), ("example.org:5000/x", ["example.org:5000/x"]),
        ("a.wild.example.org/x", ["mirror.local/wild/x", "a.wild.example.org/x"]),
        ("a.b.wild.example.org:99/x", ["mirror.local/wild/x", "a.b.wild.example.org:99/x"]),
        ("wild.example.org/x", ["wild.example.org/x"]), ("a.moved.example.org/y/z", ["new.example.org/old/y/z"]),
        ("example.org/only/x", ["example.org/only/x"]),
        ("example.org/only/x@" + digest, ["m3.local/only/x", "example.org/only/x"]),
        ("example.org/tagged:old", ["archive.local/tagged"]), ("example.org/tagged:new", ["!example.org/tagged"]),
    ])
    func namesLeadWhereTheRulesSay(_ name: String, _ expected: [String]) throws {
        try world.write("root/etc/containers/registries.conf", Self.rules)
        #expect(try places(name) == expected)
    }

    static let digest = "sha256:" + String(repeating: "a", count: 64)

    @Test func aNameWrittenWholeIsNotSearchedFor() throws {
        try world.write("root/etc/containers/registries.conf", "unqualified-search-registries = [\"evil.example.com\"]")
        #expect(try places("docker.io/library/alpine") == ["evil.example.com/alpine"])
        #expect(
            try places("docker.io/library/alpine", written: "docker.io/library/alpine") == ["docker.io/library/alpine"])
        #expect(try places("alpine", written: "alpine") == ["evil.example.com/alpine"])
    }

    @Test func laterFilesCountMore() throws {
        let etc = "root/etc/containers/"
        try world.write(
            etc + "registries.conf", "unqualified-search-registries = [\"a.local\"]\n[aliases]\nx='a.local/1'")
        try world.write(etc + "registries.conf.d/10.conf", "unqualified-search-registries = [\"b.local\"]")
        try world.write(etc + "registries.conf.d/20.txt", "not TOML")
        #expect(try places("y") == ["b.local/y"])
        try world.write("home/.config/containers/registries.conf.d/1.conf", "[aliases]\nx='c.local/2'")
        #expect(try places("x") == ["c.local/2"])
        try world.write("home/.cache/containers/short-name-aliases.conf", "[aliases]\nx='d.local/3'")
        #expect(try places("x") == ["d.local/3"])
        // A user's own main file takes the place of all the system's files.
        try world.write("home/.config/containers/registries.conf", "")
        #expect(try places("y") == ["docker.io/library/y"])
        let only = try world.write("only.conf", "unqualified-search-registries = [\"e.local\"]")
        let configuration = try world.configuration(["CONTAINERS_REGISTRIES_CONF": only])
        #expect(try configuration.candidates(for: reference("x")).map(\.description) == ["e.local/x"])
    }

    @Test func aRuleOfTheSamePrefixIsReplacedWhole() throws {
        try world.write("root/etc/containers/registries.conf", "[[registry]]\nprefix='a.local'\ninsecure=true")
        try world.write(
            "root/etc/containers/registries.conf.d/1.conf", "[[registry]]\nprefix='a.local'\nlocation='b.local'")
        #expect(try places("a.local/x") == ["b.local/x"])
    }

    @Test func whatIsBlockedIsNamedWithItsFile() throws {
        let file = try world.write(
            "root/etc/containers/registries.conf", "[[registry]]\nprefix='a.local/x'\nblocked=true")
        #expect(failure { _ = try places("a.local/x/y") } == .blocked(name: "a.local/x/y", file: file))
        let target = try reference("a.local/x/y")
        #expect(failure { _ = try world.configuration().destination(for: target) } != nil)
        #expect(try places("a.local/z") == ["a.local/z"])
    }

    @Test func anEnforcingConfigurationDoesNotGuess() throws {
        try world.write(
            "root/etc/containers/registries.conf",
            "short-name-mode='enforcing'\nunqualified-search-registries=['a.local','b.local']")
        #expect(failure { _ = try places("x") } == .ambiguous(name: "x", registries: ["a.local", "b.local"]))
    }

    @Test func imagesAreSentToWhereTheirNameSays() throws {
        try world.write("root/etc/containers/registries.conf", Self.rules)
        let configuration = try world.configuration()
        func place(_ name: String) throws -> String { "\(try configuration.destination(for: reference(name)))" }
        #expect(try place("known") == "docker.io/library/known")
        #expect(try place("example.org/foo/x") == "example.org/foo/x")
        #expect(try configuration.destination(for: reference("example.org/y")).insecure)
    }

    @Test(arguments: [
        ("a = 1\nb = \n", 2), ("\nunqualified-search-registries = 'x'\n", 2),
        ("unqualified-search-registries = [\n'ok.example.com',\n7]", 3),
        ("unqualified-search-registries = ['http://x']", 1),
        ("[[registry]]\ninsecure = 'yes'", 2), ("[[registry]]\ninsecure = true", 1),
        ("[[registry]]\nprefix = 'a.*.b'", 2), ("[[registry]]\nprefix = '*.a/b'", 2),
        ("[[registry]]\nlocation = 'a.local/../b'", 2), ("[[registry]]\nlocation = 'a.local:x/b'", 2),
        ("[[registry]]\nlocation = 'a'\n[[registry.mirror]]\ninsecure = true", 3),
        ("[[registry]]\nlocation = 'a'\n[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'x'", 5),
        ("[[registry]]\nlocation = 'a'\n[[registry]]\nlocation = 'a'", 3), ("[registry]\nlocation = 'a'", 1),
        ("[aliases]\nx = 'noregistry'", 2), ("short-name-mode = 'x'", 1),
        ("[registries.search]\nregistries = ['x']", 1),
    ])
    func aBrokenFileIsNamedWithItsLine(_ text: String, _ line: Int) throws {
        let file = try world.write("root/etc/containers/registries.conf", text)
        let error = failure { _ = try world.configuration() }
        guard case .badConfiguration(file, line, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.hasPrefix("\(file):\(line): ") == true)
    }

    @Test func aNamedFileMustExist() throws {
        let missing = world.folder + "/missing.conf"
        #expect(
            failure { _ = try world.configuration(["CONTAINERS_REGISTRIES_CONF": missing]) }
                == .unreadable(file: missing, .noEntry))
    }

    @Test(arguments: [
        ("localhost", true), ("localhost:5000", true), ("127.0.0.1:5000", true), ("127.3.2.1", true),
        ("[::1]:80", true),
        ("localhost.example.com", false), ("127.0.0.1.example.com", false), ("128.0.0.1", false),
        ("example.com", false),
    ])
    func loopbackIsThisMachineOnly(_ server: String, _ expected: Bool) {
        #expect(RegistryName.isLoopback(server) == expected)
    }

    @Test func certificatesAreFoundByServer() throws {
        try world.write("home/.config/containers/certs.d/a.local:5000/ca.crt", "USER")
        try world.write("root/etc/containers/certs.d/a.local:5000/ca.crt", "SYSTEM")
        try world.write("root/etc/docker/certs.d/b.local/client.cert", "C")
        try world.write("root/etc/docker/certs.d/b.local/client.key", "K")
        try world.write("root/etc/docker/certs.d/c.local/client.key", "K")
        let trust = try world.configuration(["SSL_CERT_FILE": try world.write("bundle.pem", "BUNDLE")]).trust
        #expect(try trust.trust(for: "a.local:5000").authorities == Array("BUNDLE\nUSER\n".utf8))
        #expect(try trust.trust(for: "a.local") == ServerTrust())
        let client = try trust.trust(for: "b.local")
        #expect(client.certificate == world.root + "/etc/docker/certs.d/b.local/client.cert")
        #expect(client.key == world.root + "/etc/docker/certs.d/b.local/client.key")
        #expect(client.authorities == nil)
        #expect(failure { _ = try trust.trust(for: "c.local") }?.description.contains("client.cert is missing") == true)
    }

    @Test(arguments: [
        ("https://a.local/", ["HTTPS_PROXY": "http://p:1"], "http://p:1"),
        ("https://a.local/", ["http_proxy": "http://p:1"], ""),
        ("http://a.local/", ["http_proxy": "http://p:1"], "http://p:1"),
        ("http://a.local/", ["ALL_PROXY": "http://p:1"], "http://p:1"),
        ("https://a.local/", ["ALL_PROXY": "http://p:1", "https_proxy": "http://p:2"], "http://p:2"),
        ("https://localhost:5000/", ["ALL_PROXY": "http://p:1"], ""),
    ])
    func proxiesComeFromTheEnvironment(_ address: String, _ environment: [String: String], _ proxy: String) throws {
        #expect(Proxies(environment).proxy(for: try #require(Address(address))) == proxy)
    }
}
