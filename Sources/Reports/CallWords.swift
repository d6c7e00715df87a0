// One observed call, as strace(1) would write it.

import BPF
import Observations
import SandboxPolicy
import Seccomp

/// Names of the flags, requests and families that tell one use of a call from another.
enum CallWords {
    /// The CLONE_NEW* flags of clone(2).
    static let namespaceFlags: [(bit: UInt64, name: String)] = [
        (0x0000_0080, "CLONE_NEWTIME"), (0x0002_0000, "CLONE_NEWNS"), (0x0200_0000, "CLONE_NEWCGROUP"),
        (0x0400_0000, "CLONE_NEWUTS"), (0x0800_0000, "CLONE_NEWIPC"), (0x1000_0000, "CLONE_NEWUSER"),
        (0x2000_0000, "CLONE_NEWPID"), (0x4000_0000, "CLONE_NEWNET"),
    ]
    /// socket(2), address_families(7).
    private static let families: [UInt64: String] = [
        1: "AF_UNIX", 2: "AF_INET", 4: "AF_IPX", 5: "AF_APPLETALK", 9: "AF_X25", 10: "AF_INET6", 15: "AF_KEY",
        16: "AF_NETLINK", 17: "AF_PACKET", 21: "AF_RDS", 26: "AF_LLC", 29: "AF_CAN", 30: "AF_TIPC",
        31: "AF_BLUETOOTH", 38: "AF_ALG", 40: "AF_VSOCK", 44: "AF_XDP",
    ]
    /// ptrace(2).
    private static let traces: [UInt64: String] = [
        0: "PTRACE_TRACEME", 16: "PTRACE_ATTACH", 0x4206: "PTRACE_SEIZE",
    ]
    /// ioctl_tty(2).
    private static let requests: [UInt64: String] = [0x5412: "TIOCSTI", 0x541c: "TIOCLINUX", 0x5423: "TIOCSETD"]

    static func argument(_ call: String, _ value: UInt64) -> String? {
        let low = value & 0xffff_ffff
        switch call {
        case "unshare", "setns", "clone":
            var rest = call == "clone" ? low & namespaceFlags.dropFirst().reduce(0) { $0 | $1.bit } : low
            var names: [String] = []
            for (bit, name) in namespaceFlags where rest & bit != 0 {
                names.append(name)
                rest &= ~bit
            }
            if rest != 0 || names.isEmpty { names.append("0x" + String(rest, radix: 16)) }
            return names.joined(separator: "|")
        case "socket": return families[low] ?? String(low)
        case "ptrace": return traces[low] ?? String(low)
        case "ioctl": return requests[low] ?? "0x" + String(low, radix: 16)
        case "mount": return nil
        default: return "0x" + String(low, radix: 16)
        }
    }

    static func words(_ observation: Observation) -> String {
        let name = SystemCallName.of(observation.number, architecture: observation.architecture)
        switch observation.kind {
        case .connection where observation.texts.isEmpty: return "connections to addresses outside"
        case .unanswered where name == "connect":
            return "connections to the sandbox's own loopback, where nothing listened"
        case .unanswered:
            return "datagrams to the sandbox's own loopback, where nothing listened, as look-ups of names send them"
        default: break
        }
        // The texts are whatever a process inside put there.
        var words = observation.texts.filter { !$0.isEmpty }.map(quoted)
        if let argument = observation.argument.flatMap({ Self.argument(name, $0) }) { words.insert(argument, at: 0) }
        if observation.architecture != SystemCall.nativeArchitecture {
            words.append("by another architecture's interface")
        }
        return name + (words.isEmpty ? "" : "(" + words.joined(separator: ", ") + ")")
    }
}
