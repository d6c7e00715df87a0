// Ways to TCP that Landlock does not look at, closed by a small filter beside it: MPTCP and SMC sockets speak TCP to
// whoever does not know them, MSG_FASTOPEN connects without connect(2), a TCP socket can be made an SMC one later
// (TCP_ULP), and io_uring makes sockets and sends without system calls.

import BPF
import LinuxSystem

enum OtherTCP {
    /// Refuses them as a kernel does that lacks them, so that programs fall back to plain TCP.
    static var closed: FilterProgram {
        typealias Call = SystemCallNumber
        let fastOpen: UInt32 = 0x2000_0000  // MSG_FASTOPEN
        func refuse(_ call: UInt32, _ errno: Errno, where conditions: CallRule.Condition...) -> CallRule {
            CallRule(call, where: conditions, answer: SeccompAnswer.refusal(errno.rawValue))
        }
        return FilterProgram(
            [
                // AF_SMC; IPPROTO_SMC and IPPROTO_MPTCP.
                refuse(Call.socket, .noAddressFamily, where: .equals(argument: 0, 43)),
                refuse(Call.socket, .noProtocol, where: .equals(argument: 2, 256)),
                refuse(Call.socket, .noProtocol, where: .equals(argument: 2, 262)),
                refuse(Call.sendto, .notSupported, where: .anyBit(argument: 3, fastOpen)),
                refuse(Call.sendmsg, .notSupported, where: .anyBit(argument: 2, fastOpen)),
                refuse(Call.sendmmsg, .notSupported, where: .anyBit(argument: 3, fastOpen)),
                // Level SOL_TCP, option TCP_ULP: kernel TLS goes the same way, and is done without.
                refuse(
                    Call.setsockopt, .noProtocolOption, where: .equals(argument: 1, 6), .equals(argument: 2, 31)),
                refuse(Call.ioUringSetup, Errno(FilterProgram.unknownCall)),
            ], foreign: SeccompAnswer.refusal(Errno.permission.rawValue))
    }
}
