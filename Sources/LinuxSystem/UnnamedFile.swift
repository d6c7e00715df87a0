// Files that have no name until they are whole, and reading a file at a place.

public import CLinux
import Glibc

extension Descriptor {
    /// A new file on this folder's file system that has no name, and is gone with its last descriptor unless
    /// `giveName` gives it one (O_TMPFILE in open(2)).
    /// - Parameter mode: subject to the umask.
    /// - Throws: EOPNOTSUPP where the file system can't do this.
    public borrowing func makeUnnamedFile(mode: mode_t = 0o600) throws(Errno) -> Descriptor {
        let folder = raw
        let flags = UInt64(UInt32(bitPattern: SB_O_TMPFILE | O_RDWR | O_CLOEXEC))
        return Descriptor(owning: try call { unsafe sb_openat2(folder, ".", flags, UInt64(mode), 0) })
    }

    /// Names a file that was made by `makeUnnamedFile` (linkat(2)); throws EEXIST where the name is taken.
    public borrowing func giveName(_ name: FileName, in folder: borrowing Descriptor) throws(Errno) {
        let path = "/proc/self/fd/\(raw)"
        let number = folder.raw
        try call { unsafe linkat(AT_FDCWD, path, number, name.characters, AT_SYMLINK_FOLLOW) }
    }

    /// Opens the very file of a `.path` descriptor, whatever its name leads to by now.
    public borrowing func reopened(_ flags: OpenFlags) throws(Errno) -> Descriptor {
        try Descriptor.open("/proc/self/fd/\(raw)", flags)
    }

    /// Reads once into `room` from `offset` on; the descriptor's own place is not used, so threads may share it
    /// (pread(2)).
    /// - Returns: how many bytes; 0 at the end of the file.
    public borrowing func read(into room: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Errno) -> Int {
        let number = raw
        return try call { unsafe pread(number, room.baseAddress, room.count, off_t(offset)) }
    }
}
