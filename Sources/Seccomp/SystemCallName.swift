// Names of system calls, from libseccomp's tables.

import BPF
import CSeccomp
import Glibc

public enum SystemCallName {
    /// The name of the call that a process made, or its number where it has none here.
    /// - Parameter architecture: AUDIT_ARCH_* of linux/audit.h, which libseccomp's own words for architectures are.
    public static func of(_ number: UInt32, architecture: UInt32) -> String {
        guard let name = seccomp_syscall_resolve_num_arch(architecture, Int32(bitPattern: number)) else {
            return "call \(number)"
        }
        defer { free(name) }
        return String(cString: name)
    }
}
