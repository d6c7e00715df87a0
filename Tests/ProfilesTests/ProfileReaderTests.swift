import Profiles
import SandboxPolicy
import Testing

struct ProfileReaderTests {
    private func read(_ text: String) throws(ProfileError) -> Profile {
        try ProfileReader.read(Array(text.utf8), name: "x", file: "/p/x.toml")
    }

    @Test(arguments: [
        ("read-only = true", ["read-only=true"]),
        ("here = false", ["here=false"]),
        ("bind = [\"/data:/data:ro\", \"/b\"]", ["bind=/data:/data:ro", "bind=/b"]),
        ("bind = \"/b\"", ["bind=/b"]),
        ("env = [\"A=1\", \"B\"]", ["env=A=1", "env=B"]),
        ("[env]\nA = \"1\"\nPORT = 80", ["env=A=1", "env=PORT=80"]),
        ("cap-drop = [\"ALL\"]", ["cap-drop=ALL"]),
        ("network = \"none\"", ["network=none"]),
        ("timeout = \"5m\"", ["timeout=5m"]),
        ("timeout = 90", ["timeout=90"]),
        ("command = [\"sh\", \"-c\", \"\"]", ["command=sh", "command=-c", "command="]),
        ("entrypoint = [\"/init\"]", ["entrypoint=/init"]),
        ("layer = [\"./a\", \"/b\"]", ["layer=/p/a", "layer=/b"]),
        ("[[layer]]\nsource = \"./a\"\n[[layer]]\nsource = \"b.tar\"", ["layer=/p/a", "layer=/p/b.tar"]),
        (
            "[setup]\nunless = \"true\"\nnetwork = \"host\"\nalpine = \"apk add gcc\"",
            ["setup-unless=true", "setup-network=host", "setup=alpine=apk add gcc"]
        ),
    ])
    func takesValuesAsTomlWritesThem(_ text: String, _ settings: [String]) throws {
        let profile = try read(text)
        #expect(profile.settings.map { "\($0.option.rawValue)=\($0.value)" } == settings)
        #expect(profile.settings.allSatisfy { $0.origin == .profile("x") })
    }

    @Test func knowsItsDescriptionAndWhatItExtends() throws {
        let profile = try read("description = \"d\"\nextends = [\"a\", \"b\"]")
        #expect(profile.text == "d")
        #expect(profile.extends.map(\.word) == ["a", "b"])
        #expect(try read("extends = \"a\"").extends.map(\.word) == ["a"])
    }

    @Test(arguments: [
        ("bind = [\"data:/d:ro\"]", "/p/data:/d:ro"), ("bind = [\".\"]", "/p"), ("bind = [\"../d\"]", "/p/../d"),
        ("upper = \"./diff\"", "/p/diff"), ("upper = \"memory\"", "memory"), ("env-file = [\"e\"]", "/p/e"),
        ("seccomp = \"f.json\"", "/p/f.json"), ("seccomp = \"default\"", "default"),
    ])
    func makesPathsOfTheHostAbsolute(_ text: String, _ value: String) throws {
        #expect(try read(text).settings.map(\.value) == [value])
    }

    @Test(arguments: [
        ("nework = \"none\"", "profile \"x\" (/p/x.toml:1): unknown key \"nework\"; did you mean network?"),
        ("\n\nqqqqq = 1", "profile \"x\" (/p/x.toml:3): unknown key \"qqqqq\""),
        ("\"a\\u001b[2J\" = 1", "profile \"x\" (/p/x.toml:1): unknown key \"a\\x1b[2J\""),
        ("[setup]\nunles = \"a\"", "profile \"x\" (/p/x.toml:2): unknown key \"unles\"; did you mean unless?"),
        ("[[layer]]\nsorce = \"a\"", "profile \"x\" (/p/x.toml:2): unknown key \"sorce\"; did you mean source?"),
    ])
    func saysWhereAnUnknownKeyStandsAndTheNearOne(_ text: String, _ message: String) {
        #expect(throws: ProfileError.self) { try read(text) }
        do { _ = try read(text) } catch { #expect(error.description == message) }
    }

    @Test(arguments: [
        ("read-only = \"yes\"", 1, "read-only must be true or false, not a string"),
        ("\nnetwork = true", 2, "network must be a string, not a boolean"),
        ("bind = [\n\"/a\",\n1]", 3, "bind must be a string, not an integer"),
        ("bind = 1.5", 1, "bind must be a string or an array of strings, not a date or a floating-point number"),
        ("command = \"make\"", 1, "command must be an array of words, not a string"),
        ("command = []", 1, "command must be an array of words, not an empty array"),
        ("[network]\na = 1", 1, "network must be a string, not a table"),
        ("timeout = 0", 1, "timeout must be more than 0 seconds"),
        ("network = \"hots\"", 1, "network can't be \"hots\"; did you mean host?"),
        ("id-map = \"xxxxxx\"", 1, "id-map can't be \"xxxxxx\"; it is one of auto, single, range"),
        ("[setup]\nnetwork = \"lan\"", 2, "setup-network can't be \"lan\"; it is one of none, user, host"),
        ("hostname = \"a\\u0000b\"", 1, "a value of hostname holds a NUL character"),
        ("profile = \"a\"", 1, "profile can be said on the command line only; a profile says extends = \"NAME\""),
        ("quiet = true", 1, "quiet can be said on the command line only"),
        ("[[layer]]", 1, "a [[layer]] must have a source"),
        ("upper = \"\"", 1, "upper is empty"),
    ])
    func saysWhichLineHoldsAWrongValue(_ text: String, _ line: Int, _ message: String) {
        let error = #expect(throws: ProfileError.self) { try read(text) }
        #expect(error == .invalid(ProfilePlace(profile: "x", file: "/p/x.toml", line: line), message))
    }

    @Test(arguments: ["cap-add = [\"NET_ADMN\"]", "timeout = \"soon\"", "workdir = \"here\"", "tmpfs = [\"/a:b\"]"])
    func refusesWhatThePolicyRefuses(_ text: String) {
        let error = #expect(throws: ProfileError.self) { try read("\n" + text) }
        #expect(error?.description.hasPrefix("profile \"x\" (/p/x.toml:2): --") == true)
    }

    @Test func saysLineAndColumnOfWhatIsNotToml() {
        let error = #expect(throws: ProfileError.self) { try read("a = 1\nb = = 2\n") }
        #expect(error?.description.hasPrefix("profile \"x\" (/p/x.toml:2:5) is not TOML: ") == true)
    }

    @Test(arguments: [
        (Option.network, "host", true), (.network, "none", false), (.here, "true", true), (.here, "false", false),
        (.upper, "memory", false), (.upper, "/d", true), (.seccomp, "none", true), (.seccomp, "strict", false),
        (.seccomp, "build", true), (.seccomp, "/f", true),
        (.nested, "true", true), (.nested, "false", false), (.allow, "bpf", true), (.readOnly, "false", true),
        (.readOnly, "true", false), (.idMap, "single", true),
        (.env, "A=1", true), (.capDrop, "ALL", false), (.setup, "alpine=true", true),
        (.landlock, "required", false), (.landlock, "when-available", true), (.tcpConnect, "none", false),
        (.tcpConnect, "443", true),
    ])
    func knowsWhichValuesOpenTheSandbox(_ option: Option, _ value: String, _ opens: Bool) {
        #expect(Setting(option, value, .builtIn).opens == opens)
    }

    @Test func printsValuesThatReadBackTheSame() throws {
        let settings = [
            Setting(.env, "A=\"\\\u{1b}\n\u{202e}é", .profile("x")), Setting(.readOnly, "true", .profile("x")),
            Setting(.hostname, "h", .profile("x")),
        ]
        let text = settings.map(\.profileText).joined(separator: "\n")
        #expect(try read(text).settings == settings)
        #expect(!text.unicodeScalars.contains("\u{1b}"))
    }
}
