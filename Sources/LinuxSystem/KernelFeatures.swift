// What the running kernel has, found by asking it: a version number says nothing of what was built in, left out, or is
// hidden by a seccomp filter around this process.

import CLinux
import Glibc

public enum KernelFeatures {
    /// Names of the calls that a launch can't do without and that are answered with ENOSYS.
    public static var missingCalls: [String] {
        let tries: [(String, () -> Int32)] = [
            ("openat2", sb_try_openat2), ("close_range", sb_try_close_range), ("open_tree", sb_try_open_tree),
            ("mount_setattr", sb_try_mount_setattr), ("pidfd_open", sb_try_pidfd_open),
        ]
        return tries.filter { $0.1() < 0 && errno == ENOSYS }.map(\.0)
    }

    /// What a filter may answer: `errno`, `user_notif`, … (seccomp(2), /proc interfaces); empty where it can't be told.
    public static var filterActions: [String] {
        (Files.text("/proc/sys/kernel/seccomp/actions_avail") ?? "").split { $0 == " " || $0 == "\n" }.map(String.init)
    }

    /// A supervisor's answer is waited for without being disturbed by signals that do not kill (Linux 5.19).
    public static var waitsForNotification: Bool {
        sb_try_seccomp_flags(UInt32(SB_SECCOMP_WAIT_KILLABLE)) < 0 && errno == EFAULT
    }

    /// File systems in memory keep user.* attributes, which overlayfs needs of an upper.
    public static var memoryKeepsAttributes: Bool {
        do throws(Errno) {
            try Descriptor.memoryFile("probe").setAttribute("user.overlay.probe", to: [UInt8(ascii: "y")])
            return true
        } catch { return false }
    }
}
