// Files in the OCI format and in Docker's: what they mean, and what is wrong with them.

import BPF
import SandboxPolicy
import Seccomp
import Testing

struct FilterProfileTests {
    static func rule(_ name: String, _ action: String = "SCMP_ACT_ALLOW", _ more: String = "") -> String {
        #"{"names": ["\#(name)"], "action": "\#(action)"\#(more)}"#
    }

    @Test func takesTheOlderNameAndDefaultsToEPERM() throws {
        let program = try program(#"{"name": "read", "action": "SCMP_ACT_ALLOW"}"#)
        #expect(try program.verdict(on: SystemCall("read")) == allow)
        #expect(try program.verdict(on: SystemCall("write")) == refused)
    }

    @Test(
        arguments: [
            ("SCMP_ACT_KILL", 0), ("SCMP_ACT_KILL_THREAD", 0), ("SCMP_ACT_KILL_PROCESS", 0x8000_0000),
            ("SCMP_ACT_TRAP", 0x0003_0000), ("SCMP_ACT_LOG", 0x7ffc_0000), ("SCMP_ACT_ALLOW", 0x7fff_0000),
        ] as [(String, UInt32)])
    func knowsTheActions(_ action: String, _ answer: UInt32) throws {
        #expect(try program(Self.rule("read", action)).verdict(on: SystemCall("read")) == answer)
    }

    @Test(
        arguments: [
            ("SCMP_CMP_NE", 6, true), ("SCMP_CMP_NE", 5, false), ("SCMP_CMP_EQ", 5, true), ("SCMP_CMP_EQ", 6, false),
            ("SCMP_CMP_LT", 4, true), ("SCMP_CMP_LT", 5, false), ("SCMP_CMP_LE", 5, true), ("SCMP_CMP_LE", 6, false),
            ("SCMP_CMP_GT", 6, true), ("SCMP_CMP_GT", 5, false), ("SCMP_CMP_GE", 5, true), ("SCMP_CMP_GE", 4, false),
            ("SCMP_CMP_EQ", 0x1_0000_0005, false), ("SCMP_CMP_GT", 0x1_0000_0000, true),
        ] as [(String, UInt64, Bool)])
    func comparesArguments(_ comparison: String, _ argument: UInt64, _ holds: Bool) throws {
        let args = #", "args": [{"index": 2, "value": 5, "op": "\#(comparison)"}]"#
        let program = try program(Self.rule("read", "SCMP_ACT_ALLOW", args))
        #expect(try program.verdict(on: SystemCall("read", 0, 0, argument)) == (holds ? allow : refused))
    }

    @Test func allArgumentsMustMatch() throws {
        let args = """
            , "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 2, "op": "SCMP_CMP_EQ"}]
            """
        let program = try program(Self.rule("read", "SCMP_ACT_ALLOW", args))
        #expect(try program.verdict(on: SystemCall("read", 1, 2)) == allow)
        #expect(try program.verdict(on: SystemCall("read", 1, 3)) == refused)
        #expect(try program.verdict(on: SystemCall("read", 3, 2)) == refused)
    }

    @Test func twoComparisonsOfOneArgumentAreAlternatives() throws {
        let args = """
            , "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]
            """
        let program = try program(Self.rule("read", "SCMP_ACT_ALLOW", args))
        #expect(try program.verdict(on: SystemCall("read", 1)) == allow)
        #expect(try program.verdict(on: SystemCall("read", 2)) == allow)
        #expect(try program.verdict(on: SystemCall("read", 3)) == refused)
    }

    @Test(arguments: [("SCMP_ACT_ALLOW", "SCMP_ACT_KILL"), ("SCMP_ACT_KILL", "SCMP_ACT_ALLOW")], [true, false])
    func aConditionComesBeforeARuleWithoutOne(_ actions: (String, String), _ conditionFirst: Bool) throws {
        let args = #", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]"#
        let rules = [Self.rule("read", actions.0, args), Self.rule("read", actions.1)]
        let ordered = conditionFirst ? rules : rules.reversed()
        let program = try program(ordered.joined(separator: ", "))
        let answers: [String: UInt32] = ["SCMP_ACT_ALLOW": allow, "SCMP_ACT_KILL": 0]
        #expect(try program.verdict(on: SystemCall("read", 1)) == answers[actions.0])
        #expect(try program.verdict(on: SystemCall("read", 2)) == answers[actions.1])
        #expect(try program.verdict(on: SystemCall("write", 1)) == refused)
    }

    /// The shape of Docker's own file: an allow-list with conditions of capability, architecture and kernel.
    @Test(arguments: [
        ("caps", #""includes": {"caps": ["CAP_SYS_TIME"]}"#, false),
        ("caps held", #""includes": {"caps": ["CAP_CHOWN"]}"#, true),
        ("all caps", #""includes": {"caps": ["CAP_CHOWN", "CAP_SYS_TIME"]}"#, false),
        ("no such cap", #""includes": {"caps": ["CAP_NEWER"]}"#, false),
        ("but caps", #""excludes": {"caps": ["CAP_SYS_TIME", "CAP_CHOWN"]}"#, false),
        ("but caps not held", #""excludes": {"caps": ["CAP_SYS_TIME"]}"#, true),
        ("arch", #""includes": {"arches": ["arm64", "amd64"]}"#, true),
        ("other arch", #""includes": {"arches": ["s390", "s390x"]}"#, false),
        ("but arch", #""excludes": {"arches": ["amd64"]}"#, false),
        ("kernel", #""includes": {"minKernel": "4.8"}"#, true),
        ("this kernel", #""includes": {"minKernel": "6.1"}"#, true),
        ("newer kernel", #""includes": {"minKernel": "6.10"}"#, false),
        ("but kernel", #""excludes": {"minKernel": "4.8"}"#, false),
        ("but newer kernel", #""excludes": {"minKernel": "6.10"}"#, true),
        ("nothing", #""includes": {}, "excludes": {}, "args": [], "comment": """#, true),
        ("nulls", #""includes": null, "args": null, "errnoRet": null"#, true),
    ])
    func rulesCountWhereTheirConditionsHold(_ title: String, _ condition: String, _ counts: Bool) throws {
        let program = try program(Self.rule("ptrace", "SCMP_ACT_ALLOW", ", " + condition))
        #expect(try program.verdict(on: SystemCall("ptrace")) == (counts ? allow : refused), "\(title)")
    }

    @Test func passesOverCallsItDoesNotKnow() throws {
        let program = try program(
            #"{"names": ["no_such_call", "read", "_llseek"], "action": "SCMP_ACT_ALLOW"}"#)
        #expect(try program.verdict(on: SystemCall("read")) == allow)
        #expect(try program.verdict(on: SystemCall(number: .max)) == refused)
    }

    @Test func theSameRuleTwiceIsOne() throws {
        let args = #", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]"#
        let once = [Self.rule("read"), Self.rule("write", "SCMP_ACT_ALLOW", args)]
        #expect(try program((once + once).joined(separator: ",")) == program(once.joined(separator: ",")))
    }

    /// As libseccomp has it, and Podman's own file needs it: it allows setns, and refuses it further down.
    @Test(arguments: [("SCMP_ACT_ALLOW", "SCMP_ACT_KILL", allow), ("SCMP_ACT_KILL", "SCMP_ACT_ALLOW", 0)])
    func theFirstOfTwoRulesWithoutConditionsCounts(_ first: String, _ second: String, _ answer: UInt32) throws {
        let program = try program(Self.rule("setns", first) + "," + Self.rule("setns", second))
        #expect(try program.verdict(on: SystemCall("setns")) == answer)
    }

    @Test func theSameFileIsTheSameProgramEveryTime() throws {
        let rules = (1...9).map { number in
            let comparison = #"{"index": \#(number % 3), "value": \#(number), "op": "SCMP_CMP_GE"}"#
            return Self.rule("read", number % 2 == 0 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_LOG", ", \"args\": [\(comparison)]")
        }.joined(separator: ",")
        // A dictionary made anew is in another order.
        for _ in 0..<8 { #expect(try program(rules) == program(rules)) }
    }

    @Test func emulatedRootOverridesTheFile() throws {
        let args = #", "args": [{"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}]"#
        let program = try program(
            Self.rule("chown", "SCMP_ACT_KILL", args) + "," + Self.rule("setuid", "SCMP_ACT_KILL"),
            for: target(emulateRoot: true))
        #expect(try program.verdict(on: SystemCall("chown", 0, 1)) == FilterAction.errno(0).rawValue)
        #expect(try program.verdict(on: SystemCall("setuid", 0)) == FilterAction.errno(0).rawValue)
    }

    @Test func survivesBytesAndBack() throws {
        let program = try defaultProgram()
        #expect(program.bytes.count == program.instructions.count * 8)
        #expect(FilterProgram(bytes: program.bytes) == program)
    }

    static let isOne = #", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]"#
    static let head = #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": ["#

    @Test(arguments: [
        (#"{"syscalls": []}"#, #""defaultAction" is missing"#),
        (#"{"defaultAction": "ALLOW"}"#, "defaultAction: unknown action; it is one of SCMP_ACT_ALLOW"),
        (#"{"defaultAction": "SCMP_ACT_ALLOW"}"#, "it allows everything and has no rules"),
        (#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#, "defaultAction: nothing would answer here"),
        (#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}"#, "defaultErrnoRet: an errno is at most 4095"),
        (#"{"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}"#, "defaultErrnoRet: this action has no errno"),
        (
            #"{"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}"#,
            "flags: SECCOMP_FILTER_FLAG_LOG can't be had here"
        ),
        (head + #"{"action": "SCMP_ACT_ALLOW"}]}"#, #"syscalls[0]: "names" is missing"#),
        (head + #"{"names": "read", "action": "SCMP_ACT_ALLOW"}]}"#, "syscalls[0].names: "),
        (head + rule("read") + "," + rule("write", "SCMP_ACT_NO") + "]}", "syscalls[1].action: unknown action"),
        (
            head + rule("read", "SCMP_ACT_ALLOW", #", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]"#) + "]}",
            "syscalls[0].args[0].index: arguments are numbered from 0 to 5"
        ),
        (
            head + rule("read", "SCMP_ACT_ALLOW", #", "args": [{"index": 0, "value": 1, "op": "EQ"}]"#) + "]}",
            "syscalls[0].args[0].op: unknown operator"
        ),
        (
            head + rule("read", "SCMP_ACT_ALLOW", #", "includes": {"minKernel": "new"}"#) + "]}",
            #"syscalls[0].includes.minKernel: expected a version such as "4.8""#
        ),
        (
            head + rule("read", "SCMP_ACT_ALLOW", isOne) + "," + rule("read", "SCMP_ACT_KILL", isOne) + "]}",
            #"two rules decide "read" differently"#
        ),
        (
            head + rule("read", "SCMP_ACT_ALLOW", #", "args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]"#)
                + "]}",
            "it holds a number that is negative"
        ),
        (head + rule("read", "SCMP_ACT_ERRNO", #", "errnoRet": 70000"#) + "]}", "it holds a number that is negative"),
        ("[]", "Expected to decode"),
        ("{", "not JSON: Unexpected end of file"),
        ("", "not JSON: "),
        ("\u{1}", "not JSON: "),
    ])
    func saysWhatIsWrong(_ json: String, _ message: String) throws {
        let said = try #require(failure(json))
        #expect(said.hasPrefix(message))
        #expect(!said.contains("\n"))
    }
}
