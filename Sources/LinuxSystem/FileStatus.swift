// What stat(2) says, under Swift names.

public import CLinux
import Glibc

/// The kinds of file of inode(7).
public enum FileKind: Sendable, Equatable {
    case regular, directory, symlink, fifo, socket, characterDevice, blockDevice, unknown

    init(mode: mode_t) {
        self =
            switch Int32(mode) & Int32(SB_S_IFMT) {
            case Int32(SB_S_IFREG): .regular
            case Int32(SB_S_IFDIR): .directory
            case Int32(SB_S_IFLNK): .symlink
            case Int32(SB_S_IFIFO): .fifo
            case Int32(SB_S_IFSOCK): .socket
            case Int32(SB_S_IFCHR): .characterDevice
            case Int32(SB_S_IFBLK): .blockDevice
            default: .unknown
            }
    }
}

/// The attributes of one file (stat(2)).
public struct FileStatus: Sendable, Equatable {
    public let device: UInt64
    public let inode: UInt64
    public let mode: mode_t
    public let owner: uid_t
    public let group: gid_t
    public let size: Int64
    public let specialDevice: UInt64
    public let links: UInt64
    /// Nanoseconds since the epoch, in the years 1678 to 2261; `modificationTime` reaches further.
    public let modified: Int64
    public let changed: Int64
    public let modificationTime: Timestamp

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        mode = status.st_mode
        owner = status.st_uid
        group = status.st_gid
        size = Int64(status.st_size)
        specialDevice = UInt64(status.st_rdev)
        links = UInt64(status.st_nlink)
        modificationTime = Timestamp(status.st_mtim)
        modified = modificationTime.inNanoseconds
        changed = Timestamp(status.st_ctim).inNanoseconds
    }

    public var kind: FileKind { FileKind(mode: mode) }

    /// Whether it is /dev/null under whatever name (null(4): character device 1:3).
    public var isNullDevice: Bool { kind == .characterDevice && specialDevice == 0x103 }

    /// The permission bits, with set-user-id, set-group-id and sticky.
    public var permissions: mode_t { mode & 0o7777 }

    /// True for the same file at the same moment: what a cache compares. Changes with content, mode and owner.
    public var stamp: String { "\(device):\(inode):\(size):\(modified):\(changed)" }

    /// Of the same file in whatever state.
    public var identity: String { "@\(device):\(inode)" }

    /// Whether both name the same file.
    public func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}

extension FileStatus {
    /// Of a path in this process's own view, links followed (stat(2)).
    public static func of(_ path: String) throws(Errno) -> FileStatus {
        var status = stat()
        try call { unsafe stat(path.forC, &status) }
        return FileStatus(status)
    }

    /// Of a path in this process's own view, the last link not followed (lstat(2)).
    public static func ofLink(_ path: String) throws(Errno) -> FileStatus {
        var status = stat()
        try call { unsafe lstat(path.forC, &status) }
        return FileStatus(status)
    }

    /// `identity` of what `path` leads to, or `-` where there is nothing to see.
    public static func identity(of path: String) -> String {
        do { return try of(path).identity } catch { return "-" }
    }

    /// Whether `stamp(of:)`, or `identity(of:)` where it is one, is this still.
    public static func isStill(_ stamp: String, at path: String) -> Bool {
        stamp == (stamp.utf8.first == UInt8(ascii: "@") ? identity(of: path) : Self.stamp(of: path))
    }

    /// `stamp` of what `path` leads to, or `-` where there is nothing to see.
    public static func stamp(of path: String) -> String {
        do { return try of(path).stamp } catch { return "-" }
    }
}

extension Descriptor {
    /// Whether the mount or the file system that this file is on refuses changes (fstatvfs(3), ST_RDONLY).
    public var isReadOnly: Bool {
        borrowing get throws(Errno) {
            let number = raw
            var status = statvfs()
            try call { unsafe fstatvfs(number, &status) }
            return status.f_flag & UInt(ST_RDONLY) != 0
        }
    }
}

extension Descriptor {
    /// Whether this process may write to the file (faccessat(2)); a kernel before 5.8 can't say, which is taken for yes.
    public var isWritable: Bool {
        borrowing get { sb_is_writable(raw) == 0 || errno != EACCES }
    }
}

/// What a file system has and what is left of it for ordinary users (statvfs(3)).
public struct DiskSpace: Sendable {
    /// Bytes.
    public let size: Int64
    public let free: Int64
    /// Zero where files are not counted.
    public let files: UInt64
    public let freeFiles: UInt64
}

extension Descriptor {
    /// Of the file system that this file is on.
    public borrowing func diskSpace() throws(Errno) -> DiskSpace {
        let number = raw
        var status = statvfs()
        try call { unsafe fstatvfs(number, &status) }
        let block = Int64(clamping: status.f_frsize)
        return DiskSpace(
            size: Int64(clamping: status.f_blocks).multipliedClamping(by: block),
            free: Int64(clamping: status.f_bavail).multipliedClamping(by: block), files: UInt64(status.f_files),
            freeFiles: UInt64(status.f_favail))
    }
}

extension Int64 {
    fileprivate func multipliedClamping(by other: Int64) -> Int64 {
        let (product, isBeyond) = multipliedReportingOverflow(by: other)
        return isBeyond ? .max : product
    }
}
