// Whole-file conveniences on paths of this process's own view. Not for anything inside a root file system.

public import CLinux
import Glibc

public enum Files {
    /// The content of a file of at most `limit` bytes.
    public static func read(_ path: String, limit: Int = 16 << 20) throws(Errno) -> [UInt8] {
        try Descriptor.open(path, [.readOnly, .noControllingTerminal]).readAll(limit: limit)
    }

    /// The same of a regular file only (EINVAL for others): what may have become a pipe is not waited for.
    public static func readRegular(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        let file = try Descriptor.open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
        guard try file.status().kind == .regular else { throw Errno.invalid }
        return try file.readAll(limit: limit)
    }

    /// Whether the folder that this process is in has been removed.
    public static var isCurrentFolderGone: Bool {
        do throws(Errno) { _ = try Process.currentFolder() } catch { return error == .noEntry }
        return false
    }

    /// The content as text, or nil where the file can't be read.
    public static func text(_ path: String, limit: Int = 16 << 20) -> String? {
        do { return String(decoding: try read(path, limit: limit), as: UTF8.self) } catch { return nil }
    }

    /// Replaces `path` whole or not at all: written beside it, then renamed (rename(2)).
    public static func replace(_ path: String, with content: [UInt8], mode: mode_t = 0o600) throws(Errno) {
        let beside = path + ".\(getpid())-\(UInt32.random(in: 0...(.max))).new"
        do throws(Errno) {
            let file = try Descriptor.open(beside, [.writeOnly, .create, .truncate, .noFollow], mode: mode)
            try file.write(content)
            try rename(beside, to: path)
        } catch {
            _ = unsafe unlink(beside)
            throw error
        }
    }

    /// The same, and makes the folders above it where they are missing.
    public static func replaceMakingFolders(_ path: String, with content: [UInt8]) throws(Errno) {
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeDirectories(String(path[..<slash]))
        }
        try replace(path, with: content)
    }

    /// Writes an existing file in place, as /proc wants it.
    public static func write(_ path: String, _ content: String) throws(Errno) {
        try Descriptor.open(path, [.writeOnly]).write(Array(content.utf8))
    }

    /// Makes the folder and those above it; those made get `mode`.
    public static func makeDirectories(_ path: String, mode: mode_t = 0o700) throws(Errno) {
        if unsafe mkdir(path, mode) == 0 { return }
        switch errno {
        case EEXIST:
            return
        case ENOENT:
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw Errno.noEntry }
            try makeDirectories(String(path[..<slash]), mode: mode)
            if unsafe mkdir(path, mode) != 0 && errno != EEXIST { throw Errno.current }
        default:
            throw Errno.current
        }
    }

    public static func rename(_ path: String, to newPath: String) throws(Errno) {
        try call { unsafe Glibc.rename(path, newPath) }
    }

    public static func remove(_ path: String) throws(Errno) {
        try call { unsafe unlink(path) }
    }

    /// The path without links, `.` and `..` (realpath(3)).
    public static func canonical(_ path: String) throws(Errno) -> String {
        guard let resolved = unsafe realpath(path, nil) else { throw Errno.current }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    public static func linkTarget(_ path: String) throws(Errno) -> String {
        try unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer throws(Errno) in
            guard let start = buffer.baseAddress else { throw Errno.invalid }
            let length = try call { unsafe readlink(path, start, buffer.count) }
            return unsafe String(
                decoding: UnsafeRawBufferPointer(start: buffer.baseAddress, count: length), as: UTF8.self)
        }
    }

    /// Whether another process holds the lock of a file or folder (flock(2)).
    public static func isLocked(_ path: String) throws(Errno) -> Bool {
        let file = try Descriptor.open(path, [.readOnly, .noFollow])
        do throws(Errno) { try file.lock() } catch .wouldBlock { return true }
        return false
    }

    /// Whether the real user may do this to the file (access(2)); `how` is R_OK, W_OK or X_OK.
    public static func isAccessible(_ path: String, _ how: Int32) -> Bool {
        unsafe access(path, how) == 0
    }
}
