// Ways to TCP that Landlock does not look at, closed by a small filter of system calls (seccomp(2)) beside it: MPTCP and SMC
// sockets speak TCP to whoever does not know them, MSG_FASTOPEN connects without connect(2), a TCP socket can be
// made an SMC one later (TCP_ULP), and io_uring makes sockets and sends without system calls.

import CLinux
import Glibc

extension Landlock {
    /// Refuses them as a kernel does that lacks them, so that programs fall back to plain TCP.
    public static func closeOtherTCP() throws(Errno) {
        let program = otherTCP
        try call { unsafe sb_seccomp_load(UInt16(program.count), program) }
    }

    private static var otherTCP: [sock_filter] {
        let fastOpen: UInt32 = 0x2000_0000  // MSG_FASTOPEN
        // AF_SMC; IPPROTO_SMC and IPPROTO_MPTCP.
        let socket =
            refuse(0, .equals, 43, EAFNOSUPPORT) + refuse(2, .equals, 256, EPROTONOSUPPORT)
            + refuse(2, .equals, 262, EPROTONOSUPPORT)
        // Calls of another architecture, and of x32, have other numbers: refused as a whole.
        return [load(architectureOffset), jump(.equals, architecture, 1, 0), answer(EPERM)]
            + [load(callOffset), jump(.atLeast, 0x4000_0000, 0, 1), answer(EPERM)]
            + at(SB_SYS_SOCKET, socket)
            + at(SB_SYS_SENDTO, refuse(3, .hasBits, fastOpen, EOPNOTSUPP))
            + at(SB_SYS_SENDMSG, refuse(2, .hasBits, fastOpen, EOPNOTSUPP))
            + at(SB_SYS_SENDMMSG, refuse(3, .hasBits, fastOpen, EOPNOTSUPP))
            // Level SOL_TCP, option TCP_ULP: kernel TLS goes the same way, and is done without.
            + at(SYS_setsockopt, refuse(1, 2, .equals, (6, 31), ENOPROTOOPT))
            + at(SB_SYS_IO_URING_SETUP, [answer(ENOSYS)])
            + [sock_filter(code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000)]  // SECCOMP_RET_ALLOW
    }

    // Offsets in struct seccomp_data.
    private static let callOffset: UInt32 = 0
    private static let architectureOffset: UInt32 = 4
    /// The lower half of an argument; all of these are ints.
    private static func argumentOffset(_ index: UInt32) -> UInt32 { 16 + 8 * index }

    #if arch(x86_64)
    private static let architecture: UInt32 = 0xc000_003e  // AUDIT_ARCH_X86_64
    #elseif arch(arm64)
    private static let architecture: UInt32 = 0xc000_00b7  // AUDIT_ARCH_AARCH64
    #endif

    /// BPF_JMP | BPF_K with BPF_JEQ, BPF_JGE, BPF_JSET.
    private enum Test: UInt16 {
        case equals = 0x15
        case atLeast = 0x35
        case hasBits = 0x45
    }

    private static func load(_ offset: UInt32) -> sock_filter { sock_filter(code: 0x20, jt: 0, jf: 0, k: offset) }
    private static func answer(_ errno: Int32) -> sock_filter {
        sock_filter(code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | UInt32(errno))  // SECCOMP_RET_ERRNO
    }
    private static func jump(_ test: Test, _ value: UInt32, _ then: Int, _ otherwise: Int) -> sock_filter {
        sock_filter(code: test.rawValue, jt: UInt8(then), jf: UInt8(otherwise), k: value)
    }
    /// What is done at one system call; others go on behind it.
    private static func at(_ number: some BinaryInteger, _ body: [sock_filter]) -> [sock_filter] {
        [load(callOffset), jump(.equals, UInt32(number), 0, body.count)] + body
    }
    private static func refuse(_ argument: UInt32, _ test: Test, _ value: UInt32, _ errno: Int32) -> [sock_filter] {
        [load(argumentOffset(argument)), jump(test, value, 0, 1), answer(errno)]
    }
    /// The same of two arguments together.
    private static func refuse(
        _ first: UInt32, _ second: UInt32, _ test: Test, _ values: (UInt32, UInt32), _ errno: Int32
    ) -> [sock_filter] {
        [
            load(argumentOffset(first)), jump(test, values.0, 0, 3), load(argumentOffset(second)),
            jump(test, values.1, 0, 1), answer(errno),
        ]
    }
}
