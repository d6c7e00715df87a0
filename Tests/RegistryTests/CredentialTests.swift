import Foundation
import LinuxSystem
import SandboxPolicy
import Testing

@testable import Registry

@Suite struct CredentialTests {
    let world: World

    init() throws { world = try World() }

    private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    /// `user:password` or the token for a name, by what the auth files of this world say.
    private func found(_ name: String, _ environment: [String: String] = [:]) throws -> String? {
        let configuration = try world.configuration(environment)
        let endpoint = try #require(try configuration.candidates(for: try reference(name)).first)
        switch try configuration.credentials.find(for: endpoint, helpers: [])?.proof {
        case .password(let user, let password): return "\(user):\(password)"
        case .identityToken(let token): return "token \(token)"
        case nil: return nil
        }
    }

    @Test(arguments: [
        ("my.local/a/b/c", "deep:1"), ("my.local/a/bb", "host:2"), ("my.local/a/b", "deep:1"), ("my.local/x", "host:2"),
        ("other.local/x", "token identity"), ("third.local/x", "plain:3"), ("alpine", "hub:4"), ("fourth.local/x", nil),
        ("fifth.local/x", nil), ("padded.local/x", "user:pw"),
    ])
    func theMostSpecificEntryCounts(_ name: String, _ expected: String?) throws {
        try world.write(
            "home/.config/containers/auth.json",
            """
            {"auths": {"my.local": {"auth": "\(base64("host:2"))"}, "my.local/a/b": {"auth": "\(base64("deep:1"))"},
              "other.local": {"auth": "\(base64("x:y"))", "identitytoken": "identity"},
              "https://third.local/v2/": {"username": "plain", "password": "3"},
              "https://index.docker.io/v1/": {"auth": "\(base64("hub:4"))"}, "fifth.local": {},
              "padded.local": {"auth": "\(base64("user:pw\0\0"))"}}, "HttpHeaders": {"x": "y"}}
            """)
        #expect(try found(name) == expected)
    }

    @Test func filesCountInTheirOrder() throws {
        func entry(_ word: String) -> String { #"{"auths": {"a.local": {"auth": "\#(base64(word))"}}}"# }
        try world.write("home/.docker/config.json", entry("docker:1"))
        #expect(try found("a.local/x") == "docker:1")
        try world.write("home/.config/containers/auth.json", entry("config:1"))
        #expect(try found("a.local/x") == "config:1")
        try world.write("root/run/containers/1000/auth.json", entry("run:1"))
        #expect(try found("a.local/x") == "run:1")
        try world.write("runtime/containers/auth.json", entry("runtime:1"))
        #expect(try found("a.local/x", ["XDG_RUNTIME_DIR": world.folder + "/runtime"]) == "runtime:1")
        let only = try world.write("only.json", entry("only:1"))
        #expect(try found("a.local/x", ["REGISTRY_AUTH_FILE": only]) == "only:1")
        #expect(try found("a.local/x", ["REGISTRY_AUTH_FILE": world.folder + "/missing"]) == nil)
        let docker = ["XDG_CONFIG_HOME": world.folder + "/none", "DOCKER_CONFIG": world.folder + "/docker"]
        try world.write("docker/config.json", entry("other:1"))
        try FileManager.default.removeItem(atPath: world.root + "/run")
        #expect(try found("a.local/x", docker) == "other:1")
    }

    @Test(arguments: [
        #"{"auths": {"a.local": {"auth": "c2VjcmV0"}}}"#, #"{"auths": {"a.local": {"auth": "secret!"}}}"#,
        #"{"auths": {"a.local": {"auth": secret}}}"#, #"{"auths": ["secret"]}"#,
    ])
    func aBrokenFileIsNamedAndNotQuoted(_ text: String) throws {
        let file = try world.write("home/.config/containers/auth.json", text)
        let message = failure { _ = try found("a.local/x") }?.description ?? ""
        #expect(message.hasPrefix(file + ": "))
        #expect(!message.contains("secret") && !message.contains("c2VjcmV0"))
    }

    private func helper(_ name: String, _ script: String) throws {
        try world.write("bin/docker-credential-\(name)", "#!/bin/sh\n" + script, mode: 0o700)
    }

    @Test func helpersAreAsked() throws {
        try world.write(
            "home/.config/containers/auth.json",
            #"{"credHelpers": {"a.local": "keys", "t.local": "token", "docker.io": "keys"}, "credsStore": "store"}"#)
        try helper(
            "keys", #"read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"$1\",\"Secret\":\"$server\"}""#)
        try helper("token", #"echo '{"Username":"<token>","Secret":"identity"}'"#)
        try helper(
            "store",
            #"""
            read server
            [ $server = b.local ] || { echo "credentials not found in native keychain"; exit 1; }
            echo '{"Username":"u","Secret":"stored"}'
            """#)
        #expect(try found("a.local/x") == "get:a.local")
        #expect(try found("alpine") == "get:https://index.docker.io/v1/")
        #expect(try found("t.local/x") == "token identity")
        #expect(try found("b.local/x") == "u:stored")
        #expect(try found("c.local/x") == nil)
    }

    @Test func aHelperOfRegistriesConfIsAsked() throws {
        try helper("keys", #"echo '{"Username":"u","Secret":"s"}'"#)
        let configuration = try world.configuration()
        let endpoint = RegistryName.endpoint("a.local/x", insecure: false)
        let found = try configuration.credentials.find(for: endpoint, helpers: ["containers-auth.json", "keys"])
        #expect(found == Credentials(proof: .password(user: "u", "s"), source: "docker-credential-keys"))
    }

    @Test(arguments: [
        ("echo secret >&2; echo secret; exit 3", "it ends with status 3"), ("echo secret", "not the JSON"),
        ("exec sleep 60", "does not answer"), (nil, "not on the PATH"),
    ])
    func aHelperThatFailsIsNamedWithoutWhatItSaid(_ script: String?, _ reason: String) throws {
        try world.write("home/.config/containers/auth.json", #"{"credsStore": "bad"}"#)
        if let script { try helper("bad", script) }
        let configuration = try world.configuration()
        var credentials = configuration.credentials
        credentials.helperLimit = 1500
        let endpoint = RegistryName.endpoint("a.local/x", insecure: false)
        let message = failure { _ = try credentials.find(for: endpoint, helpers: []) }?.description ?? ""
        #expect(message.contains("\"docker-credential-bad\"") && message.contains(reason))
        #expect(!message.contains("secret"))
    }

    @Test func aHelperIsAPlainName() throws {
        try world.write("home/.config/containers/auth.json", #"{"credsStore": "../../bin/sh"}"#)
        #expect(failure { _ = try found("a.local/x") }?.description.contains("not the name of a program") == true)
    }
}
