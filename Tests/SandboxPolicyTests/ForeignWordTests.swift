// Words that users of docker, podman and bwrap type.

import SandboxPolicy
import Testing

struct ForeignWordTests {
    /// `option=value` of each setting, then the subject.
    private func read(_ words: String) throws -> String {
        let line = try CommandWords(words.split(separator: " ").map(String.init))
        return (line.settings.map { "\($0.option.rawValue)=\($0.value)" } + [line.subject ?? "-"])
            .joined(separator: " ")
    }

    private func failure(_ words: String) -> String {
        do { return "read: " + (try read(words)) } catch { return "\(error)" }
    }

    @Test(arguments: [
        ("-it --rm alpine", "alpine"), ("-i -t --init --interactive --tty alpine", "alpine"),
        ("-ti=true --rm=true alpine", "alpine"), ("-i=false -t=false alpine", "alpine"),
        ("-itv ./a:/b alpine", "bind=./a:/b alpine"), ("-qitu 1000 alpine", "quiet=true user=1000 alpine"),
        ("-e=A=1 -eB=2 -e C=3 alpine", "env=A=1 env=B=2 env=C=3 alpine"), ("-q=false alpine", "quiet=false alpine"),
        ("--volume ./a:/b --net none alpine", "bind=./a:/b network=none alpine"),
        ("--mount type=bind,src=/a,dst=/b,ro alpine", "bind=/a:/b:ro alpine"),
        ("--mount type=bind,source=./a:1,target=/b,readonly=true alpine", "bind=./a\\:1:/b:ro alpine"),
        ("--mount=type=bind,\"src=/a,b\",destination=/b alpine", "bind=/a,b:/b alpine"),
        ("--mount type=tmpfs,dst=/t,tmpfs-size=1m alpine", "tmpfs=/t:size=1m alpine"),
        ("-p build -p ci alpine", "profile=build profile=ci alpine"),
    ])
    func areTaken(_ words: String, _ meaning: String) throws { #expect(try read(words) == meaning) }

    @Test(arguments: [
        ("-d alpine", ["\"-d\"", "sandbox run … &"]), ("-itd alpine", ["\"-d\""]),
        ("--detach alpine", ["not there yet"]), ("--memory 1g alpine", ["\"--memory\"", "MemoryMax"]),
        ("-m 1g alpine", ["\"-m\"", "MemoryMax"]), ("--cpus=2 alpine", ["CPUQuota"]), ("-P alpine", ["--network host"]),
        ("--publish 80:80 alpine", ["--network host"]), ("--restart always alpine", ["systemd"]),
        ("--privileged alpine", ["--nested"]), ("--chdir /x alpine", ["--workdir"]),
        ("--setenv A 1 alpine", ["--env"]), ("--ro-bind / / alpine", [":ro"]),
        ("--share-net alpine", ["--network host"]),
        ("-p 8080:80 alpine", ["--profile", "--network host"]), ("-p127.0.0.1:8080:80/tcp alpine", ["--profile"]),
        ("-h box alpine", ["read: -"]), ("--whitelist=~/x alpine", ["--bind"]),
        ("--rm=false alpine", ["--name"]), ("-i=no alpine", ["true or false"]), ("-x alpine", ["\"-x\"", "--help"]),
        ("-qx alpine", ["\"-qx\""]), ("--vlume alpine", ["\"--vlume\""]),
        ("--netwrok=none alpine", ["did you mean --network?"]),
        ("--mount type=volume,src=a,dst=/b alpine", ["type=bind"]),
        ("--mount type=bind,src=/a alpine", ["dst=PATH is missing"]),
        ("--mount type=bind,srx=/a,dst=/b alpine", ["\"srx\"", "did you mean src?"]), ("--mount", ["needs a value"]),
    ])
    func getOneErrorThatNamesOurs(_ words: String, _ says: [String]) {
        let error = failure(words)
        for text in says { #expect(error.contains(text), "\(error)") }
        #expect(!error.contains("\n"))
    }

    @Test func noOptionOfOursIsForeign() {
        for row in ForeignOption.podman + ForeignOption.bwrap + ForeignOption.firejail {
            #expect(Set(row.names).count == row.names.count, "\(row.names)")
        }
        for option in Option.allCases {
            for name in option.described.also {
                #expect(Option(rawValue: name) == nil && Option(named: name) == option)
            }
        }
    }

    @Test(arguments: [
        ("/a", "/a", "/a", false), ("/a:/b", "/a", "/b", false), ("/a:/b:ro", "/a", "/b", true),
        ("/a:/b:rw", "/a", "/b", false), ("/a:ro", "/a", "/a", true), ("/a:/b:ro,z", "/a", "/b", true),
        ("/a:/b:Z", "/a", "/b", false), ("/a\\:1:/b\\:2", "/a:1", "/b:2", false), ("/a\\\\:/b", "/a\\", "/b", false),
        ("/a\\b:/b", "/a\\b", "/b", false), ("/a:/b:private,nosuid", "/a", "/b", false),
    ])
    func aBindIsReadAsItIsMeant(_ text: String, _ source: String, _ destination: String, _ readOnly: Bool) throws {
        let bind = try Bind(text)
        #expect(bind == Bind(source: source, destination: destination, readOnly: readOnly))
        #expect(try Bind(bind.text) == bind)
    }

    @Test(arguments: [
        ("", "SRC is missing"), (":/b", "SRC is missing"), ("/a:b", "must begin with /"), ("/a:/b:/c", "\\:"),
        ("/a:/b:O", "--layer"), ("/a:/b:U", "owners"), ("/a:/b:ro,shared", "private"),
        ("/a:/b:rox", "did you mean ro?"),
        ("/a:/b:", "must be"),
    ])
    func aBindThatCanNotBeReadSaysWhy(_ text: String, _ why: String) {
        do throws(BindError) {
            _ = try Bind(text)
            Issue.record("\(text) was read")
        } catch { #expect(error.why.contains(why), "\(error.why)") }
    }

    @Test(arguments: [Option.bind, .layer, .upper, .envFile])
    func anEmptyWordIsNoPath(_ option: Option) {
        #expect(throws: PolicyError.self) { try Policy([Setting(option, "", .commandLine)]) }
    }

    @Test(arguments: [
        ("A=1", "A=1"), ("A", "A"), ("A=\"x y\"", "A=\"x y\""), ("A= x ", "A= x "), ("export A=1", "A=1"),
        ("export A", "A"), ("export A='x $y'", "A=x $y"), ("export A=\"x \\\"y\\\" \\$z\"", "A=x \"y\" $z"),
        ("declare -x A=\"x\"", "A=x"), ("export A=a\\ b # why", "A=a b"),
    ])
    func aLineOfVariablesIsReadAsItsWriterMeant(_ line: String, _ setting: String) throws {
        #expect(try VariableLine.setting(line) == setting)
    }

    @Test(arguments: ["=1", "A B=1", "export A=$HOME", "export A=\"x", "export A=`id`", "export A=1 B=2", "export =1"])
    func aLineOfVariablesThatWouldHaveToBeRunIsRefused(_ line: String) {
        #expect(throws: VariableLine.Mistake.self) { try VariableLine.setting(line) }
    }

    /// docker run: `--entrypoint` takes the image's command away, and a command alone leaves the entrypoint.
    @Test(
        arguments: [
            ([], [], ["entry"], ["cmd"]), ([(Option.entrypoint, "mine")], [], ["mine"], []),
            ([(.entrypoint, "")], [], [], []), ([], [(.command, "other")], ["entry"], ["other"]),
            ([], [(.entrypoint, "other"), (.command, "words")], ["other"], ["words"]),
            ([(.entrypoint, "mine")], [(.command, "words")], ["mine"], []),
        ] as [([(Option, String)], [(Option, String)], [String], [String])])
    func entrypointAndCommandCombineAsInDocker(
        _ given: [(Option, String)], _ profile: [(Option, String)], _ entrypoint: [String], _ command: [String]
    ) throws {
        let image = [(Option.entrypoint, "entry"), (.command, "cmd")].map { Setting($0.0, $0.1, .image("i")) }
        let policy = try Policy(
            image + profile.map { Setting($0.0, $0.1, .profile("p")) } + given.map { Setting($0.0, $0.1, .commandLine) }
        )
        #expect(policy.entrypoint == entrypoint && policy.command == command)
    }

    @Test func nobodyIsAskedForTheNameThatWasGiven() {
        #expect(Nearest.suggestion("app:1", among: ["app:1", "app:2"]).isEmpty)
        #expect(Nearest.suggestion("app:3", among: ["app:1"]) == "; did you mean app:1?")
    }
}
