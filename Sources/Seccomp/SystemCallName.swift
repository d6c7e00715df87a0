// What a name in a filter stands for, and what a number in a report is called: by this program's own tables, and for other
// machines' calls by libseccomp's.

import CSeccomp
import Glibc
import SandboxPolicy

public enum SystemCallName {
    /// The name of the call that a process made, or its number where it has none here.
    /// - Parameter architecture: AUDIT_ARCH_* of linux/audit.h, which libseccomp's own words for architectures are.
    public static func of(_ number: UInt32, architecture: UInt32) -> String {
        if let name = SystemCallTable.of(architecture: architecture)?.name(of: number) { return name }
        guard let name = seccomp_syscall_resolve_num_arch(architecture, Int32(bitPattern: number)) else {
            return "call \(number)"
        }
        defer { free(name) }
        return String(cString: name)
    }
}

/// What the name of a call means on this machine.
enum NamedCall: Equatable {
    case here(UInt32)
    /// Another machine has it.
    case elsewhere
    /// A slip of the hand, or newer than everything here.
    case unknown

    init(_ name: String) {
        if let number = SystemCallTable.native.number(of: name) {
            self = .here(number)
            return
        }
        // A libseccomp that is newer than the tables. What is below zero is its word for a call of other machines.
        let number = seccomp_syscall_resolve_name(name)
        if number >= 0 {
            self = .here(UInt32(number))
        } else {
            let isOthers = number != __NR_SCMP_ERROR || SystemCallNames.contains(name) || Self.others.contains(name)
            self = isOthers ? .elsewhere : .unknown
        }
    }

    /// Calls of machines which this program does not run on, newer than the oldest libseccomp that it is built with.
    private static let others: Set<String> = ["riscv_hwprobe"]

    var number: UInt32? { if case .here(let number) = self { number } else { nil } }
}
