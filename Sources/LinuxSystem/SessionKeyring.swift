// The session keyring of session-keyring(7), which processes inherit from whoever logged in.

import CLinux
import Glibc

public enum SessionKeyring {
    public enum Outcome: Sendable {
        case joined
        /// This process can't make such calls, so neither can those that come from it.
        case closed
        /// The user has as many keys as may be (keyrings(7), /proc/sys/kernel/keys/maxkeys).
        case tooMany
    }

    /// This process, and those that come from it, get an empty one of their own (keyctl_join_session_keyring(3)).
    public static func joinNew() throws(Errno) -> Outcome {
        do throws(Errno) {
            try call { sb_join_session_keyring() }
            return .joined
        } catch {
            switch error.rawValue {
            case ENOSYS, EPERM: return .closed
            case EDQUOT: return .tooMany
            default: throw error
            }
        }
    }
}
