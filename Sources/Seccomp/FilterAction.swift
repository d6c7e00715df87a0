// What a filter answers to a system call.

import BPF

/// An action of seccomp(2). Those that need a second process to answer (`SCMP_ACT_NOTIFY`, `SCMP_ACT_TRACE`) are
/// missing on purpose: nothing would listen.
public enum FilterAction: Hashable, Sendable {
    case killProcess, killThread, trap, log, allow
    /// The call is not made and answers -1 with this errno, or success where it is 0.
    case errno(UInt16)

    /// As the kernel and libseccomp write it: SECCOMP_RET_* with its data.
    public var rawValue: UInt32 {
        switch self {
        case .killThread: 0x0000_0000
        case .trap: 0x0003_0000
        case .errno(let number): SeccompAnswer.refusal(Int32(number))
        case .log: SeccompAnswer.log
        case .allow: SeccompAnswer.allow
        case .killProcess: SeccompAnswer.killProcess
        }
    }

    /// Whether the call is made.
    public var letsPass: Bool { self == .allow || self == .log }

    /// EPERM: a call that is known and refused.
    static let refused = FilterAction.errno(1)

    /// The highest number the kernel hands on as an errno.
    static let highestErrno: UInt16 = 4095
}
