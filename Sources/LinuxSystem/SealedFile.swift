// Files in memory that nobody can change any more (memfd_create(2), F_ADD_SEALS in fcntl(2)).

import CLinux
import Glibc

extension Descriptor {
    /// The content of a file, in memory, sealed against every change.
    public static func sealedCopy(of path: String, name: String) throws(Errno) -> Descriptor {
        let source = try Descriptor.open(path, [.readOnly])
        let size = Int(try source.status().size)
        let copy = Descriptor(
            owning: try call { unsafe memfd_create(name, UInt32(MFD_CLOEXEC) | UInt32(MFD_ALLOW_SEALING)) })
        let (from, to) = (source.raw, copy.raw)
        var offset: off_t = 0
        while offset < size {
            if try call({ unsafe sendfile(to, from, &offset, size - Int(offset)) }) == 0 { throw Errno.noData }
        }
        try call { sb_fcntl(to, F_ADD_SEALS, SB_ALL_SEALS) }
        return copy
    }

    /// Whether the file at `path` is sealed in that way.
    public static func isSealed(_ path: String) -> Bool {
        do throws(Errno) {
            let file = try Descriptor.open(path, [.readOnly])
            let number = file.raw
            return try call { sb_fcntl(number, F_GET_SEALS, 0) } & SB_ALL_SEALS == SB_ALL_SEALS
        } catch { return false }
    }

    /// Executes this file with this process's own words, but the first, and environment (fexecve(3)).
    /// - Returns: what kept it from that.
    public borrowing func execute(firstWord: String) -> Errno {
        let words = ProgramWords([firstWord], tail: 1)
        return words.execute(descriptor: raw)
    }
}
