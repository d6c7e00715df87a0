// The filters `strict` and `build`, beside the default one that they narrow.

import BPF
import Foundation
import LinuxSystem
import SandboxPolicy
import Seccomp
import Testing

struct OtherFilterTests {
    /// Anything above the low 32 bits.
    static let high: UInt64 = 0xdead_beef_0000_0000

    /// Argument lists that some rule of one of the filters looks at: families, personalities, requests, CLONE_… flags.
    static let patterns: [[UInt64]] = [
        [], [1], [2], [8], [10], [16], [16, 3, 12], [17], [31], [38], [40], [0x2_0000], [0x4_0000], [.max],
        [0, 0x5401], [0, 0x5412], [0, 0x541c], [0, 0x5423], [0, 0x5412 | high], [0, 0x8933], [0x11], [0x1000_0011],
        [0x3d_0f00], [1 | high], [1, 2, 9],
    ]

    @Test(arguments: ["strict", "build"])
    func opensNothingThatTheDefaultCloses(_ name: String) throws {
        let (narrow, wide) = (try installedProgram(name), try defaultProgram())
        for number in 0...(600 as UInt32) {
            for arguments in Self.patterns {
                let call = SystemCall(number: number, arguments)
                if try narrow.verdict(on: call) == allow {
                    #expect(try wide.verdict(on: call) == allow, "\(number) \(arguments)")
                }
            }
        }
    }

    @Test(arguments: ["strict", "build"])
    func namesWhatTheDefaultNames(_ name: String) throws {
        // What is known is refused with EPERM; what is left out would be taken for unknown.
        #expect(try DefaultFilterTests.names(name) == DefaultFilterTests.names("default"))
    }

    @Test func theListOfNamesIsThatOfTheFilters() throws {
        #expect(try DefaultFilterTests.names("default") == Set(SystemCallNames.all))
        #expect(SystemCallNames.all == SystemCallNames.all.sorted())
    }

    @Test func theChoicesAreTheInstalledFilters() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Checkout.top + "/profiles/seccomp")
        #expect(Set(files) == Set(Option.seccomp.described.choices.filter { $0 != "none" }.map { $0 + ".json" }))
    }

    @Test(arguments: ["default", "strict", "build"])
    func refusesForeignInterfacesAndUnknownCalls(_ name: String) throws {
        let program = try installedProgram(name)
        for number: UInt32 in [0, 1, 59, 165, 999] {
            #expect(try program.verdict(on: SystemCall(number: number | 0x4000_0000)) == refused)  // x32
            #expect(try program.verdict(on: SystemCall(number: number, architecture: 0x4000_0003)) == refused)  // i386
        }
        #expect(try program.verdict(on: SystemCall(number: 999)) == unknown)
        #expect(try program.verdict(on: SystemCall("clone3")) == unknown)
        #expect(try program.verdict(on: SystemCall("uselib")) == unknown)
    }

    @Test(arguments: ["default", "strict", "build"], [0x5412, 0x541c, 0x5423] as [UInt64])
    func noTerminalIsPushedInto(_ name: String, _ request: UInt64) throws {
        let program = try installedProgram(name)
        for value in [request, request | Self.high, request | 1 << 32] {
            #expect(try program.verdict(on: SystemCall("ioctl", 0, value)) == refused)
            // What the kernel looks at decides, not what stands in another argument.
            #expect(try program.verdict(on: SystemCall("ioctl", value, 0x5401)) == allow)
        }
    }

    @Test(
        arguments: [
            (SystemCall("read"), allow), (SystemCall("openat"), allow), (SystemCall("execve"), allow),
            (SystemCall("fork"), allow), (SystemCall("clone", 0x3d_0f00), allow), (SystemCall("futex"), allow),
            (SystemCall("socket", 1), allow), (SystemCall("socket", 1 | high), allow),
            (SystemCall("socketpair", 1), allow), (SystemCall("ioctl", 0, 0x5401), allow),
            (SystemCall("socket", 2), noFamily), (SystemCall("socket", 10), noFamily),
            (SystemCall("socket", 16), noFamily),
            (SystemCall("socketpair", 30), noFamily), (SystemCall("socket", 0x1_0000_0002), noFamily),
            (SystemCall("ptrace"), refused), (SystemCall("chroot"), refused), (SystemCall("mknod"), refused),
            (SystemCall("mknodat"), refused), (SystemCall("mount"), refused), (SystemCall("unshare"), refused),
            (SystemCall("setns"), refused), (SystemCall("clone", 0x1000_0000), refused),
            (SystemCall("clone", 0x1000_0000 | high), refused), (SystemCall("setuid"), refused),
            (SystemCall("shmget"), refused), (SystemCall("modify_ldt"), refused), (SystemCall("io_setup"), refused),
            (SystemCall("personality", 0), refused), (SystemCall("personality", 0xffff_ffff), allow),
            (SystemCall("ioctl", 0, 0x8933), FilterAction.errno(25).rawValue),
        ] as [(SystemCall, UInt32)])
    func strictComputesAndNoMore(_ call: SystemCall, _ answer: UInt32) throws {
        #expect(try installedProgram("strict").verdict(on: call) == answer)
        // No capability opens anything.
        let all = target(CapabilitySet(Capability.allCases))
        #expect(try installedProgram("strict", for: all).verdict(on: call) == answer)
    }

    @Test(
        arguments: [
            (SystemCall("ptrace"), allow), (SystemCall("chroot"), allow), (SystemCall("mknodat"), allow),
            (SystemCall("setresuid"), allow), (SystemCall("socket", 2, 1, 0), allow),
            (SystemCall("socket", 10, 2, 0), allow), (SystemCall("socket", 16, 3, 0), allow),
            (SystemCall("socket", 16 | high, 3, high), allow),
            (SystemCall("socket", 16, 3, 12), noFamily), (SystemCall("socket", 16, 3, 12 | high), noFamily),
            (SystemCall("socket", 17, 3, 0), noFamily), (SystemCall("vmsplice"), refused),
            (SystemCall("modify_ldt"), refused), (SystemCall("memfd_secret"), refused), (SystemCall("mount"), refused),
            (SystemCall("io_uring_setup"), refused), (SystemCall("personality", 0x4_0000), refused),
        ] as [(SystemCall, UInt32)])
    func buildKeepsWhatBuildsNeed(_ call: SystemCall, _ answer: UInt32) throws {
        #expect(try installedProgram("build").verdict(on: call) == answer)
    }
}
