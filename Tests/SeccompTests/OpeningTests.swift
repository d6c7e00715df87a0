// What `--allow` opens, in whatever filter.

import BPF
import SandboxPolicy
import Seccomp
import Testing

struct OpeningTests {
    /// A file of the user's that kills for everything.
    static let closed = #"{"names": ["ioctl", "mount", "chown"], "action": "SCMP_ACT_KILL"}"#

    private func filters(_ allowed: [String]) throws -> [FilterProgram] {
        let target = target(emulateRoot: true, allowed: allowed)
        return try ["default", "strict", "build"].map { try installedProgram($0, for: target) }
            + [program(Self.closed, for: target)]
    }

    @Test(arguments: CallGroup.all.map(\.name))
    func aGroupOpensItsCallsAndNoOthers(_ name: String) throws {
        let calls = try #require(CallGroup.calls(of: name))
        let (before, after) = (try filters([]), try filters([name]))
        for (closed, open) in zip(before, after) {
            for call in calls where isKnown(call.name) {
                let value = call.argument.map { UInt64($0.value) } ?? 0x1000_0000
                let made = SystemCall(call.name, value, value)
                #expect(try open.verdict(on: made) == allow, "\(call.name)")
            }
            let whole = Set(calls.filter { $0.argument == nil }.map { SystemCall($0.name).number })
            for number in 0...(500 as UInt32) where !whole.contains(number) {
                let call = SystemCall(number: number)
                #expect(try open.verdict(on: call) == closed.verdict(on: call), "\(number)")
            }
            #expect(try open.verdict(on: SystemCall(number: 0x4000_0000)) == refused)
        }
    }

    private func isKnown(_ name: String) -> Bool { SystemCallTable.x86_64.number(of: name) != nil }

    @Test func oneRequestOfATerminalLeavesTheOthersClosed() throws {
        let program = try defaultProgram(for: target(allowed: ["terminal-injection"]))
        let high: UInt64 = 1 << 40
        #expect(try program.verdict(on: SystemCall("ioctl", 0, 0x5412)) == allow)
        #expect(try program.verdict(on: SystemCall("ioctl", 0, 0x5412 | high)) == allow)
        #expect(try program.verdict(on: SystemCall("ioctl", 0, 0x541c)) == allow)
        #expect(try program.verdict(on: SystemCall("ioctl", 0, 0x5423)) == refused)
    }

    @Test func oneCallByName() throws {
        for program in try filters(["socket", "chown"]) {
            #expect(try program.verdict(on: SystemCall("socket", 40)) == allow)
            // Also over the emulation of changes of owner.
            #expect(try program.verdict(on: SystemCall("chown")) == allow)
        }
    }

    @Test func aCallAndAGroupOfItsRequests() throws {
        let program = try installedProgram("strict", for: target(allowed: ["terminal-injection", "ioctl"]))
        for request: UInt64 in [0x5412, 0x5423, 0x8933] {
            #expect(try program.verdict(on: SystemCall("ioctl", 0, request)) == allow)
        }
    }

    @Test func namesOfGroupsAreSetAndEachSaysWhatItMeans() throws {
        #expect(Set(CallGroup.all.map(\.name)).count == CallGroup.all.count)
        for group in CallGroup.all {
            #expect(!group.meaning.isEmpty && !group.meaning.contains("\n") && !group.meaning.contains("|"))
            for call in group.calls { #expect(SystemCallNames.all.contains(call.name), "\(call.name)") }
        }
        // Every class that the default filter closes can be opened by a group.
        let opened = Set(CallGroup.all.flatMap(\.calls).map(\.name))
        let program = try defaultProgram()
        for name in SystemCallNames.all where isKnown(name) {
            let answer = try program.verdict(on: SystemCall(name, 1))
            if answer == refused,
                !["personality", "vhangup", "lookup_dcookie", "nfsservctl", "vmsplice", "listns"].contains(name)
            {
                #expect(opened.contains(name), "\(name)")
            }
        }
    }
}
