import SandboxPolicy
import Testing

struct PolicyTests {
    private func policy(_ settings: [Setting]) throws -> Policy { try Policy(Policy.builtIn + settings) }

    @Test func theHighestLevelWins() throws {
        let merged = try policy([
            Setting(.workdir, "/image", .image("x")), Setting(.network, "host", .profile("p")),
            Setting(.workdir, "/profile", .profile("p")), Setting(.workdir, "/line", .commandLine),
        ])
        #expect(merged.workdir == "/line")
        #expect(merged.network == .host)
        #expect(merged.settings.first { $0.option == .workdir }?.origin == .commandLine)
    }

    @Test func listsAppendOrReplaceAsTheTableSays() throws {
        let merged = try policy([
            Setting(.entrypoint, "/a", .image("x")), Setting(.entrypoint, "-b", .image("x")),
            Setting(.layer, "/one", .profile("p")), Setting(.layer, "/two", .commandLine),
            Setting(.entrypoint, "/mine", .commandLine),
        ])
        #expect(merged.entrypoint == ["/mine"])
        #expect(merged.layers == ["/one", "/two"])
    }

    @Test func aVariableGivenAgainReplacesTheFirst() throws {
        let merged = try policy([
            Setting(.env, "A=1", .image("x")), Setting(.env, "B", .profile("p")), Setting(.env, "A=2=3", .commandLine),
        ])
        #expect(merged.environment == [Variable(name: "A", value: "2=3"), Variable(name: "B", value: nil)])
    }

    @Test func capabilitiesAreDroppedThenAdded() throws {
        let merged = try policy([
            Setting(.capAdd, "kill", .commandLine), Setting(.capDrop, "ALL", .commandLine),
        ])
        #expect(merged.capabilities == [.cap_kill])
    }

    @Test func aHigherSetUpReplacesThatOfTheDistribution() throws {
        let merged = try policy([
            Setting(.setup, "alpine=a", .profile("p")), Setting(.setup, "debian=d", .profile("p")),
            Setting(.setup, "alpine=b=c", .profile("q")),
        ])
        #expect(merged.setup.commands.map(\.command) == ["d", "b=c"])
    }

    @Test func openingsAddUp() throws {
        let merged = try policy([
            Setting(.allow, "bpf", .profile("p")), Setting(.allow, "mount", .commandLine),
            Setting(.allow, "bpf", .commandLine), Setting(.nested, "true", .commandLine),
        ])
        #expect(merged.allowed == ["bpf", "mount"])
        #expect(
            merged.openings(emulateRoot: false) == ["bpf", "mount", "namespaces", "hostname", "identity", "loopback"])
        #expect(merged.openings(emulateRoot: true) == ["bpf", "mount", "namespaces", "hostname", "loopback"])
    }

    @Test(arguments: [
        ("default", FilterChoice.installed("default")), ("strict", .installed("strict")), ("none", .none),
        ("./none", .file("./none")), ("mine.json", .file("mine.json")), ("/strict", .file("/strict")),
    ])
    func filtersByNameAndByFile(_ value: String, _ choice: FilterChoice) throws {
        #expect(try policy([Setting(.seccomp, value, .commandLine)]).filter == choice)
    }

    @Test func aKeptFilterSaysWhatItWasMadeFrom() throws {
        let source = FilterSource(
            content: [1, 0, 2], capabilities: .standard, emulateRoot: false, allowed: ["bpf"], kernel: (6, 1))
        let file = FilterFile(
            dependencies: [SettingsFile.Dependency(path: "/m", stamp: "1")], source: source,
            program: [6, 0, 0, 0, 0, 0, 0, 0])
        let read = try #require(FilterFile(encoded: file.encoded))
        #expect(read == file && read.isMade(from: source))
        var others = Array(repeating: source, count: 5)
        others[0].content = [1, 0, 3]
        others[1].capabilities = []
        others[2].emulateRoot = true
        others[3].allowed = []
        others[4].kernel = (6, 2)
        for other in others { #expect(!read.isMade(from: other)) }
        #expect(Set((others.dropFirst() + [source]).map { $0.fileName(of: "/f") }).count == 5)
        for count in file.encoded.indices { #expect(FilterFile(encoded: Array(file.encoded[..<count])) == nil) }
    }

    @Test(arguments: [
        (Option.timeout, "0"), (.timeout, "1y"), (.timeout, "-5"), (.user, "-1"), (.user, "4294967295"),
        (.user, "99999999999"), (.hostname, "a b"), (.hostname, ""), (.workdir, "relative"), (.mask, "x"),
        (.tmpfs, "/x:size=0"), (.tmpfs, "/x:mode=1"), (.bind, ""), (.bind, "/a:/b:/c"), (.bind, "/a:b"), (.env, "=x"),
        (.network, "bridge"), (.idMap, "two"), (.capAdd, "cap_x"), (.setup, "alpine"), (.name, ".x"), (.name, "a/b"),
        (.explain, "yaml"), (.seccomp, "strct"), (.allow, "no_such_call"), (.allow, ""), (.allow, "mount,bpf"),
        (.landlock, "on"), (.tcpConnect, "0"), (.tcpConnect, "65536"), (.tcpBind, "+1"),
        (.tcpBind, ""),
    ])
    func badValuesNameTheOption(_ option: Option, _ value: String) {
        let error = #expect(throws: PolicyError.self) { try policy([Setting(option, value, .commandLine)]) }
        #expect(error?.description.hasPrefix("--\(option.rawValue) ") == true)
    }

    @Test func commandLinesEndAtTheRoot() throws {
        let line = try CommandWords(["--env", "A=1", "-w/x", "--here", "--", "alpine", "--env", "B=2"])
        #expect(line.subject == "alpine")
        #expect(line.commandStart == 6)
        #expect(line.settings.map(\.option) == [.env, .workdir, .here])
        #expect(throws: UsageError.self) { try CommandWords(["--here=maybe", "x"]) }
        #expect(throws: UsageError.self) { try CommandWords(["--command", "x"]) }
        #expect(throws: UsageError.self) { try CommandWords(["-z"]) }
    }

    @Test func filesOfSettingsComeBackAsTheyWere() throws {
        let file = SettingsFile(
            dependencies: [.init(path: "/a", stamp: "-")],
            settings: [Setting(.env, "A=\n", .profile("p q")), Setting(.here, "true", .image("i"))])
        #expect(SettingsFile(encoded: file.encoded) == file)
        for length in 0..<file.encoded.count - 1 {
            let cut = SettingsFile(encoded: Array(file.encoded[..<length]))
            #expect(cut == nil || cut?.settings.count ?? 0 < 2 || cut != file)
        }
        let digest = try #require(Digest("sha256:" + String(repeating: "a", count: 64)))
        func record(_ settings: [Setting]) -> ImageRecord {
            ImageRecord(
                root: digest, manifest: digest, config: digest, platform: "linux/amd64",
                layers: [.init(content: digest, blob: digest, size: 5)], settings: settings)
        }
        let own = record([Setting(.env, "A=\n", .image("i")), Setting(.user, "1", .image("i"))])
        #expect(ImageRecord(encoded: own.encoded) == own)
        // An image opens nothing, whatever its record says.
        for setting in [Setting(.env, "A=b", .profile("p")), Setting(.network, "host", .image("i"))] {
            #expect(ImageRecord(encoded: record([setting]).encoded) == nil)
        }
        #expect(Digest("sha256:../../x") == nil)
    }
}
