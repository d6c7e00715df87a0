// Files without a name, in memory: for C libraries that only write to descriptors.

import CLinux
import Glibc

extension Descriptor {
    /// An empty file in memory that is gone with its last descriptor (memfd_create(2)).
    /// - Parameter label: what /proc shows of it; it names nothing.
    public static func memoryFile(_ label: String) throws(Errno) -> Descriptor {
        Descriptor(owning: try call { unsafe memfd_create(label, UInt32(MFD_CLOEXEC)) })
    }

    /// Goes back to the first byte (lseek(2)).
    public borrowing func rewind() throws(Errno) {
        let number = raw
        try call { lseek(number, 0, SEEK_SET) }
    }
}
