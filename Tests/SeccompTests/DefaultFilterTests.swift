// The filter that comes with the program, call by call.

import BPF
import Foundation
import LinuxSystem
import SandboxPolicy
import Seccomp
import Testing

struct DefaultFilterTests {
    /// Anything above the low 32 bits, which the kernel does not look at in these arguments.
    static let high: UInt64 = 0xdead_beef_0000_0000

    @Test(arguments: [
        (SystemCall("read"), allow), (SystemCall("execve"), allow), (SystemCall("mknodat"), allow),
        (SystemCall("ptrace"), allow), (SystemCall("chown"), allow), (SystemCall("seccomp"), allow),
        (SystemCall("mount"), refused), (SystemCall("umount2"), refused), (SystemCall("pivot_root"), refused),
        (SystemCall("open_tree"), refused), (SystemCall("mount_setattr"), refused), (SystemCall("fsopen"), refused),
        (SystemCall("unshare", 0x1000_0000), refused), (SystemCall("setns"), refused), (SystemCall("bpf"), refused),
        (SystemCall("io_uring_setup"), refused), (SystemCall("userfaultfd"), refused), (SystemCall("keyctl"), refused),
        (SystemCall("perf_event_open"), refused), (SystemCall("init_module"), refused),
        (SystemCall("kexec_load"), refused), (SystemCall("reboot"), refused), (SystemCall("settimeofday"), refused),
        (SystemCall("open_by_handle_at"), refused), (SystemCall("process_vm_writev"), allow),
        (SystemCall("syslog"), refused), (SystemCall("iopl"), refused), (SystemCall("fanotify_init"), refused),
        (SystemCall("uselib"), unknown), (SystemCall("_sysctl"), unknown),
        (SystemCall(number: 999), unknown), (SystemCall(number: 0x3fff_ffff), unknown),
    ])
    func decidesByName(_ call: SystemCall, _ answer: UInt32) throws {
        #expect(try defaultProgram().verdict(on: call) == answer)
    }

    @Test(arguments: [0, 1, 59, 165, 999])
    func refusesForeignInterfacesWhole(_ number: UInt32) throws {
        let program = try defaultProgram()
        #expect(try program.verdict(on: SystemCall(number: number | 0x4000_0000)) == refused)  // x32
        let i386: UInt32 = 0x4000_0003
        #expect(try program.verdict(on: SystemCall(number: number, architecture: i386)) == refused)
        let aarch64: UInt32 = 0xc000_00b7
        #expect(try program.verdict(on: SystemCall(number: number, architecture: aarch64)) == refused)
    }

    @Test(
        arguments: [
            (0x5412, refused), (0x541c, refused), (0x5423, refused),  // TIOCSTI, TIOCLINUX, TIOCSETD
            (0x5401, allow), (0x5413, allow), (0x5411, allow), (0, allow), (0xffff_ffff, allow),
        ] as [(UInt64, UInt32)])
    func refusesPushingIntoTerminals(_ request: UInt64, _ answer: UInt32) throws {
        let program = try defaultProgram()
        for descriptor: UInt64 in [0, 0x5412] {
            #expect(try program.verdict(on: SystemCall("ioctl", descriptor, request)) == answer)
            #expect(try program.verdict(on: SystemCall("ioctl", descriptor, request | Self.high)) == answer)
        }
    }

    @Test(arguments: [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000])
    func refusesNewNamespaces(_ flag: UInt64) throws {
        let program = try defaultProgram()
        for others: UInt64 in [0, 17, 0x003d_0f00, Self.high] {
            #expect(try program.verdict(on: SystemCall("clone", flag | others)) == refused)
        }
    }

    @Test(arguments: [17, 0x003d_0f00, 0x0120_0011, 0x4111] as [UInt64])
    func allowsProcessesAndThreads(_ flags: UInt64) throws {
        #expect(try defaultProgram().verdict(on: SystemCall("clone", flags)) == allow)
    }

    @Test func clone3IsUnknownSoThatLibrariesUseClone() throws {
        #expect(try defaultProgram().verdict(on: SystemCall("clone3")) == unknown)
    }

    @Test(
        arguments: [
            (1, allow), (2, allow), (10, allow), (16, allow), (17, noFamily),
            (40, noFamily), (38, noFamily), (31, noFamily), (44, noFamily), (0, noFamily), (43, noFamily),
        ] as [(UInt64, UInt32)])
    func opensSocketsOfFamiliesWithANamespace(_ family: UInt64, _ answer: UInt32) throws {
        let program = try defaultProgram()
        #expect(try program.verdict(on: SystemCall("socket", family, 1, 0)) == answer)
        #expect(try program.verdict(on: SystemCall("socket", family | Self.high, 1, 0)) == answer)
    }

    @Test(arguments: ["default", "build", "strict"], 0...(31 as UInt64))
    func protocolsOfNetlinkAreAList(_ filter: String, _ number: UInt64) throws {
        let open: [String: [UInt64]] = ["default": [0, 4], "build": [0], "strict": []]
        let withNetwork: [String: [UInt64]] = ["default": [0, 4, 6, 12, 16], "build": [0], "strict": []]
        let all = target(CapabilitySet(Capability.allCases))
        for (program, open) in [
            (try installedProgram(filter), open[filter]), (try installedProgram(filter, for: all), withNetwork[filter]),
        ] {
            let answer = open?.contains(number) == true ? allow : noFamily
            for type: UInt64 in [2, 3, 3 | 0x8_0800] {
                #expect(try program.verdict(on: SystemCall("socket", 16, type, number)) == answer)
                // The kernel looks at 32 bits of each.
                let call = SystemCall("socket", 16 | Self.high, type | Self.high, number | Self.high)
                #expect(try program.verdict(on: call) == answer)
            }
        }
    }

    @Test(arguments: ["default", "build", "strict"])
    func familiesOfPairsAreAList(_ filter: String) throws {
        let program = try installedProgram(filter)
        for family in 0...(60 as UInt64) {
            let answer = family == 1 ? allow : noFamily
            #expect(try program.verdict(on: SystemCall("socketpair", family, 1, 0)) == answer)
            #expect(try program.verdict(on: SystemCall("socketpair", family | Self.high, 1, 0)) == answer)
        }
    }

    @Test func packetsAreForThoseWithTheCapability() throws {
        let raw = target(CapabilitySet([.cap_net_raw]))
        for (filter, answer) in [("default", allow), ("build", noFamily), ("strict", noFamily)] {
            #expect(try installedProgram(filter, for: raw).verdict(on: SystemCall("socket", 17, 3, 0)) == answer)
        }
        let without = target(CapabilitySet([.cap_chown]))
        #expect(try defaultProgram(for: without).verdict(on: SystemCall("socket", 17, 3, 0)) == noFamily)
        #expect(try defaultProgram(for: without).verdict(on: SystemCall("chroot")) == refused)
    }

    @Test(arguments: [
        ("kcmp", refused), ("pidfd_getfd", refused), ("process_madvise", refused), ("migrate_pages", refused),
        ("move_pages", refused), ("vmsplice", refused), ("listns", refused), ("file_getattr", unknown),
        ("file_setattr", unknown), ("lsm_get_self_attr", unknown), ("lsm_set_self_attr", unknown),
        ("lsm_list_modules", unknown), ("set_mempolicy_home_node", unknown), ("mbind", allow), ("statmount", allow),
        ("setxattrat", allow), ("mseal", allow), ("uretprobe", allow),
    ])
    func decidesWhatOtherEnginesDecideOtherwise(_ name: String, _ answer: UInt32) throws {
        for filter in ["default", "build"] {
            #expect(try installedProgram(filter).verdict(on: SystemCall(name, 0, 0, 0)) == answer, "\(filter)")
        }
        if answer != allow {
            #expect(try installedProgram("strict").verdict(on: SystemCall(name, 0, 0, 0)) == refused)
        }
    }

    @Test(
        arguments: [
            (0, allow), (8, allow), (0x2_0000, allow), (0x2_0008, allow), (0xffff_ffff, allow), (UInt64.max, allow),
            (0x004_0000, refused), (0x040_0000, refused), (1, refused),
        ] as [(UInt64, UInt32)])
    func takesHarmlessPersonalities(_ personality: UInt64, _ answer: UInt32) throws {
        #expect(try defaultProgram().verdict(on: SystemCall("personality", personality)) == answer)
    }

    @Test func opensMountsAndNamespacesForSysAdminAlone() throws {
        let program = try defaultProgram(for: target(CapabilitySet(CapabilitySet.standard.members + [.cap_sys_admin])))
        for call in ["mount", "umount2", "unshare", "setns", "clone3", "sethostname"] {
            #expect(try program.verdict(on: SystemCall(call)) == allow)
        }
        #expect(try program.verdict(on: SystemCall("clone", 0x1000_0000)) == allow)
        for call in ["bpf", "init_module", "keyctl"] {
            #expect(try program.verdict(on: SystemCall(call)) == refused)
        }
        #expect(try program.verdict(on: SystemCall("ioctl", 0, 0x5412)) == refused)
    }

    static let emulated = [
        "chown", "fchown", "lchown", "fchownat", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
        "setgroups", "setfsuid", "setfsgid",
    ]

    @Test(arguments: emulated)
    func emulatedRootAnswersWithSuccess(_ name: String) throws {
        let call = SystemCall(name, 0, 0, 0)
        let success = FilterAction.errno(0).rawValue
        #expect(try defaultProgram(for: target(emulateRoot: true)).verdict(on: call) == success)
        #expect(try defaultProgram().verdict(on: call) == allow)
    }

    @Test(arguments: ["mknod", "mknodat", "getuid", "chmod", "setsid"])
    func emulatedRootLeavesOtherCallsReal(_ name: String) throws {
        #expect(try defaultProgram(for: target(emulateRoot: true)).verdict(on: SystemCall(name)) == allow)
    }

    /// The kernel's own table, where its headers are installed.
    static let table = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"

    static func names(_ filter: String) throws -> Set<String> {
        struct Filter: Decodable {
            struct Rule: Decodable { let names: [String] }
            let syscalls: [Rule]
        }
        let json = Data(try Files.read(Checkout.filter(filter)))
        return Set(try JSONDecoder().decode(Filter.self, from: json).syscalls.flatMap(\.names))
    }

    @Test(.enabled(if: Files.isAccessible(table, 4), "no \(table)"))
    func namesEveryCallOfTheKernelsTable() throws {
        let named = try Self.names("default")
        let text = try #require(Files.text(Self.table))
        let calls = text.split(separator: "\n").compactMap { line in
            line.hasPrefix("#define __NR_") ? line.dropFirst(13).split(separator: " ").first.map(String.init) : nil
        }
        #expect(calls.count > 300)
        #expect(calls.filter { !named.contains($0) } == [])
    }

    @Test func fitsInTheKernelsLimit() throws {
        #expect(try defaultProgram().instructions.count < FilterProgram.limit / 4)
    }
}
