// `--allow i386`: the numbers of the other interface are decided by the same file as the names that they stand for.

import BPF
import SandboxPolicy
import Seccomp
import Testing

private func second(_ name: String, _ arguments: UInt64...) throws -> SystemCall {
    SystemCall(
        number: try #require(SystemCallTable.i386.number(of: name), "\(name)"), architecture: 0x4000_0003, arguments)
}

struct SecondInterfaceTests {
    @Test(arguments: ["default", "strict", "build"], [false, true])
    func whatHasTheSameNameIsDecidedAlike(_ filter: String, _ emulateRoot: Bool) throws {
        let program = try installedProgram(filter, for: target(emulateRoot: emulateRoot, allowed: ["i386"]))
        for name in SystemCallTable.i386.numbers.keys.sorted() where SystemCallTable.x86_64.number(of: name) != nil {
            for first: UInt64 in [0, 1, 2, 10, 16, 38, 40, 0x1000_0000] {
                for other: UInt64 in [0, 0x5412, 0x541c, 0x5423, 0x5401] {
                    let native = try program.verdict(on: SystemCall(name, first, other, other))
                    #expect(try program.verdict(on: second(name, first, other, other)) == native, "\(name) \(first)")
                }
            }
        }
        for number: UInt32 in [0, 1, 59, 165] {
            #expect(try program.verdict(on: SystemCall(number: number | 0x4000_0000)) == refused)  // x32
            #expect(try program.verdict(on: SystemCall(number: number, architecture: 0xc000_00b7)) == refused)
        }
    }

    @Test func namesOfItsOwnAreDecidedByTheirWork() throws {
        let program = try defaultProgram(for: target(emulateRoot: true, allowed: ["i386"]))
        for name in [
            "stat64", "fstatat64", "mmap2", "_llseek", "fcntl64", "getuid32", "clock_gettime64", "futex_time64",
            "ppoll_time64", "waitpid", "sigreturn", "sigaction", "_newselect", "ugetrlimit", "truncate64",
            "set_thread_area",
        ] { #expect(try program.verdict(on: second(name)) == allow, "\(name)") }
        for name in ["umount", "stime", "clock_settime64", "mount", "bpf", "iopl", "socketcall", "ipc"] {
            #expect(try program.verdict(on: second(name)) == refused, "\(name)")
        }
        for name in ["vm86", "vm86old", "bdflush", "ulimit"] {
            #expect(try program.verdict(on: second(name)) == unknown, "\(name)")
        }
        // Emulated for one id.
        for name in ["chown32", "setuid32", "lchown32"] {
            #expect(try program.verdict(on: second(name)) == 0x0005_0000, "\(name)")
        }
        #expect(try program.verdict(on: SystemCall(number: 999, architecture: 0x4000_0003)) == unknown)
    }

    /// The family of a socket lies in memory there.
    @Test func callsThatStandForManyAreOpenInTheirOpenParts() throws {
        for (allowed, made) in [([], refused), (["sockets"], allow)] as [([String], UInt32)] {
            let program = try defaultProgram(for: target(allowed: ["i386"] + allowed))
            #expect(try program.verdict(on: second("socketcall", 1)) == made)  // SYS_SOCKET
            #expect(try program.verdict(on: second("socketcall", 8)) == made)  // SYS_SOCKETPAIR
            #expect(try program.verdict(on: second("socketcall", 3)) == allow)  // SYS_CONNECT
            #expect(try program.verdict(on: second("socketcall", 0)) == refused)
            #expect(try program.verdict(on: second("socketcall", 99)) == refused)
            #expect(try program.verdict(on: second("ipc", 23)) == allow)  // SHMGET
            #expect(try program.verdict(on: second("ipc", 0x1_0015)) == allow)  // SHMAT of another version
            #expect(try program.verdict(on: second("ipc", 5)) == refused)
        }
        let strict = try installedProgram("strict", for: target(allowed: ["i386"]))
        #expect(try strict.verdict(on: second("socket", 2)) == strict.verdict(on: SystemCall("socket", 2)))
    }

    /// A file that refuses what it lists, and compares otherwise than can be said here.
    @Test func whatCanNotBeComparedIsClosed() throws {
        let rule =
            #"{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "op": "SCMP_CMP_GT", "value": 2}]}, "#
            + #"{"names": ["umount2", "pread64"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 3, "op": "SCMP_CMP_EQ", "value": 2}]}"#
        let json = #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": ["# + rule + "]}"
        let program = try FilterProfile(json: Array(json.utf8)).compiled(for: target(allowed: ["i386"]))
        #expect(try program.verdict(on: SystemCall("socket", 1)) == allow)
        for name in ["socket", "umount", "umount2", "pread64"] {
            #expect(try program.verdict(on: second(name, 1)) == refused, "\(name)")
        }
        for part: UInt64 in [1, 8] {
            #expect(try program.verdict(on: second("socketcall", part)) == (part == 1 ? refused : allow))
        }
        #expect(try program.verdict(on: second("stat64")) == allow)
    }
}
