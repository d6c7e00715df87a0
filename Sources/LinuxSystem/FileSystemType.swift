// Which kind of file system a path is on (statfs(2)).

import CLinux
import Glibc

public enum FileSystemType {
    /// The magic numbers of those whose files the kernel makes up: proc, sysfs, both kinds of cgroup, devpts, debugfs,
    /// tracefs, securityfs, bpf, pstore, efivarfs and configfs.
    private static let kernels: Set<UInt32> = [
        0x9fa0, 0x6265_6572, 0x27_e0eb, 0x6367_7270, 0x1cd1, 0x6462_6720, 0x7472_6163, 0x7363_6673, 0xcafe_4a11,
        0x6165_676c, 0xde5e_81e4, 0x6265_6570,
    ]

    /// Whether the files there are the kernel's own.
    public static func isTheKernels(_ path: String) throws(Errno) -> Bool {
        var status = statfs()
        try call { unsafe statfs(path.forC, &status) }
        return kernels.contains(UInt32(truncatingIfNeeded: status.f_type))
    }
}
