// What a filter refuses stays refused: calls newer than libseccomp, words that match nothing, protocols that nobody
// thought of.

import Foundation
import LinuxSystem
import SandboxPolicy
import TestWorld
import Testing

struct FilterHoleTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.compile("calls")
    }

    static let refused = 1
    static let noFamily = 97

    /// Answers of `calls`, by its words.
    private func answers(_ options: [String], _ words: [String]) throws -> [String: Int] {
        let outcome = try world.sandbox(["run"] + options + ["./root", "calls"] + words)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return Dictionary(
            uniqueKeysWithValues: outcome.lines.compactMap { line in
                let words = line.split(separator: " ")
                return words.count == 2 ? Int(words[1]).map { (String(words[0]), $0) } : nil
            })
    }

    private func write(_ file: String, default action: String, _ names: [String], _ other: String) throws {
        let list = names.map { "\"\($0)\"" }.joined(separator: ", ")
        try world.write(
            file, #"{"defaultAction": "\#(action)", "syscalls": [{"names": [\#(list)], "action": "\#(other)"}]}"#)
    }

    @Test func callsThatAreNewerThanTheLibraryAreRefusedByAFileThatNamesThem() throws {
        let names = [
            "statmount", "listmount", "lsm_list_modules", "mseal", "setxattrat", "open_tree_attr", "file_getattr",
            "listns", "rseq_slice_yield",
        ]
        try write("deny.json", default: "SCMP_ACT_ALLOW", names, "SCMP_ACT_ERRNO")
        let numbers = names.compactMap { SystemCallTable.native.number(of: $0).map { "\($0)" } }
        #expect(numbers.count == names.count)
        let closed = try answers(["--seccomp", "./deny.json"], numbers)
        for number in numbers { #expect(closed[number] == Self.refused, "\(number)") }
        let open = try answers(["--seccomp", "none"], numbers)
        for number in numbers { #expect(open[number] != nil && open[number] != Self.refused, "\(number)") }
    }

    @Test(arguments: ["mkdirr", "Mkdir", "mkdir ", "sys_mkdir"])
    func aNameThatNobodyKnowsIsNotPassedOverInADenyList(_ name: String) throws {
        try write("deny.json", default: "SCMP_ACT_ALLOW", [name], "SCMP_ACT_ERRNO")
        let outcome = try world.run(["--seccomp", "./deny.json"], "echo started")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost)
        #expect(outcome.errors.contains("it refuses \"\(name)\", which is no system call that is known here"))
    }

    @Test(arguments: [#"{"arches": ["x86-64"]}"#, #"{"caps": ["CAP_SYS_ADMN"]}"#])
    func aConditionThatNobodyKnowsIsNotPassedOver(_ condition: String) throws {
        try world.write(
            "deny.json",
            """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                {"names": ["rmdir"], "action": "SCMP_ACT_ERRNO"},
                {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "includes": \(condition)}]}
            """)
        let outcome = try world.run(["--seccomp", "./deny.json"], "mkdir /tmp/x && echo made")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost)
        #expect(outcome.errors.contains("is not known here"))
    }

    @Test func aNameThatNobodyKnowsIsToldOfInAnAllowList() throws {
        let path = URL(fileURLWithPath: #filePath + "/../../../profiles/seccomp/strict.json").standardized.path
        let strict = try Files.read(path)
        try world.write(
            "allow.json", String(decoding: strict, as: UTF8.self).replacing("\"access\",", with: "\"acess\","))
        let outcome = try world.run(["--seccomp", "./allow.json"], "echo started")
        #expect(outcome.output == "started\n" && outcome.saysOneLineAtMost)
        #expect(outcome.errors.contains("and stay refused: \"acess\""))
        let other = try world.run(["--seccomp", "./allow.json", "--quiet", "--cap-drop", "ALL"], "echo started")
        #expect(other.output == "started\n" && other.errors.isEmpty)
    }

    @Test(arguments: ["default", "build", "strict"])
    func noProtocolOfNetlinkTellsOfTheMachine(_ filter: String) throws {
        // Audit, connector, devices, SELinux, fibre channel, iSCSI, RDMA, ciphers, and one that nobody knows.
        let closed = ["9", "11", "15", "7", "10", "8", "20", "21", "31"].map { "16/\($0)" }
        let options = ["--network", "host", "--seccomp", filter]
        let answers = try answers(options, closed + ["17/0", "40/0", "38/0", "16/0"])
        for name in closed + ["17/0", "40/0", "38/0"] { #expect(answers[name] == Self.noFamily, "\(name)") }
        #expect(answers["16/0"] == (filter == "strict" ? Self.noFamily : 0))
        // The kernel's own answer, where the filter lets it be asked.
        let opened = try self.answers(options + ["--allow", "netlink"], ["16/15"])
        #expect(opened["16/15"] == 0)
    }

    @Test(arguments: ["default", "build"])
    func addressesAreStillAskedFor(_ filter: String) throws {
        let outcome = try world.run(["--seccomp", filter], "ip addr show lo")
        #expect(outcome.status == 0 && outcome.output.contains("127.0.0.1"), "\(outcome)")
    }

    @Test(
        .enabled(if: Files.isAccessible("/usr/sbin/useradd", 1), "needs useradd"), arguments: ["default", "build"])
    func programsThatLookForAuditGoOn(_ filter: String) throws {
        let outcome = try world.sandbox(["run", "--seccomp", filter, "host", "/usr/sbin/useradd", "-D"])
        #expect(outcome.status == 0 && outcome.output.contains("SHELL="), "\(outcome)")
    }
}
