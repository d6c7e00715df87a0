// Whole-file conveniences on paths of this process's own view. Not for anything inside a root file system.

import ByteText
public import CLinux
import Glibc

public enum Files {
    /// The content of a file of at most `limit` bytes, the one way to read what a user or a sandbox can name. What is
    /// no regular file is refused and never waited for; the null device is empty, as masked files are.
    /// - Parameter acceptingPipe: also an open pipe of this process's own that `path` names (`/dev/fd/N`, as a shell
    ///   writes `<(…)`). It is read to its end, which its writer decides.
    /// - Throws: `.notRegular`, `.tooBig`, and what open(2) and read(2) leave.
    public static func read(
        _ path: String, limit: Int = 16 << 20, acceptingPipe: Bool = false
    ) throws(Errno) -> [UInt8] {
        if acceptingPipe, let pipe = try Descriptor.ownPipe(path) { return try pipe.readAll(limit: limit) }
        guard let file = try Descriptor.openRegular(path) else { return [] }
        return try file.readAll(limit: limit)
    }

    /// Whether the folder that this process is in has been removed.
    public static var isCurrentFolderGone: Bool {
        do throws(Errno) { _ = try Process.currentFolder() } catch { return error == .noEntry }
        return false
    }

    /// The content, or nil where the file can't be read.
    public static func content(_ path: String, limit: Int = 1 << 20) -> [UInt8]? {
        do { return try read(path, limit: limit) } catch { return nil }
    }

    /// The content as text, or nil where the file can't be read.
    public static func text(_ path: String, limit: Int = 16 << 20) -> String? {
        do { return ByteText.text(try read(path, limit: limit)) } catch { return nil }
    }

    /// Replaces `path` whole or not at all: written beside it, then renamed (rename(2)).
    public static func replace(_ path: String, with content: [UInt8], mode: mode_t = 0o600) throws(Errno) {
        let beside = path + ".\(getpid())-\(UInt32.random(in: 0...(.max))).new"
        do throws(Errno) {
            let file = try Descriptor.open(beside, [.writeOnly, .create, .truncate, .noFollow], mode: mode)
            try file.write(content)
            try rename(beside, to: path)
        } catch {
            _ = unsafe unlink(beside.forC)
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
        if unsafe mkdir(path.forC, mode) == 0 { return }
        switch errno {
        case EEXIST:
            return
        case ENOENT:
            guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw Errno.noEntry }
            try makeDirectories(String(path[..<slash]), mode: mode)
            if unsafe mkdir(path.forC, mode) != 0 && errno != EEXIST { throw Errno.current }
        default:
            throw Errno.current
        }
    }

    public static func rename(_ path: String, to newPath: String) throws(Errno) {
        try call { unsafe Glibc.rename(path.forC, newPath.forC) }
    }

    public static func remove(_ path: String) throws(Errno) {
        try call { unsafe unlink(path.forC) }
    }

    /// The path without links, `.` and `..` (realpath(3)).
    public static func canonical(_ path: String) throws(Errno) -> String {
        guard let resolved = unsafe realpath(path.forC, nil) else { throw Errno.current }
        defer { unsafe free(resolved) }
        return unsafe String(ofC: resolved)
    }

    public static func linkTarget(_ path: String) throws(Errno) -> String {
        try unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer throws(Errno) in
            guard let start = buffer.baseAddress else { throw Errno.invalid }
            let length = try call { unsafe readlink(path.forC, start, buffer.count) }
            return unsafe ByteText.text(Array(UnsafeRawBufferPointer(start: buffer.baseAddress, count: length)))
        }
    }

    /// Whether another process holds the lock of a file or folder (flock(2)).
    public static func isLocked(_ path: String) throws(Errno) -> Bool {
        let file = try Descriptor.open(path, [.readOnly, .noFollow, .nonBlocking, .noControllingTerminal])
        do throws(Errno) { try file.lock() } catch .wouldBlock { return true }
        return false
    }

    /// Whether the real user may do this to the file (access(2)); `how` is R_OK, W_OK or X_OK.
    public static func isAccessible(_ path: String, _ how: Int32) -> Bool {
        unsafe access(path.forC, how) == 0
    }
}

extension Descriptor {
    /// Opens a regular file to read it; nil for the null device.
    /// - Throws: `.notRegular` for any other file, which is looked at first: to open some devices does something.
    public static func openRegular(_ path: String) throws(Errno) -> Descriptor? {
        let status = try FileStatus.of(path)
        if status.isNullDevice { return nil }
        guard status.kind == .regular else { throw .notRegular }
        // It may have become another meanwhile; and some files of /proc wait, too.
        let file = try open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
        guard try file.status().kind == .regular else { throw .notRegular }
        return file
    }

    /// Opens an archive, which may be large and may come as a stream: `-` for standard input, a regular file, or an open
    /// pipe of this process's own by its path.
    /// - Throws: `.isDirectory`, and `.notRegular` for what would be waited for or is a device.
    public static func openArchive(_ path: String) throws(Errno) -> Descriptor {
        if path == "-" {
            let input = try duplicate(of: 0)
            if try input.status().kind == .directory { throw .isDirectory }
            return input
        }
        if let pipe = try ownPipe(path) { return pipe }
        if try FileStatus.of(path).kind == .directory { throw .isDirectory }
        guard let file = try openRegular(path) else { return try open("/dev/null", [.readOnly]) }
        return file
    }

    /// A second descriptor of the pipe or socket of this process's own that `path` names, or nil for any other path.
    public static func ownPipe(_ path: String) throws(Errno) -> Descriptor? {
        guard let number = standardNumber(path) else { return nil }
        let own = try duplicate(of: number)
        let kind = try own.status().kind
        guard kind == .fifo || kind == .socket else { return nil }
        return own
    }

    /// The number in `/dev/fd/N`, `/proc/self/fd/N`, `/dev/stdin`.
    private static func standardNumber(_ path: String) -> Int32? {
        if path == "/dev/stdin" { return 0 }
        for folder in ["/dev/fd/", "/proc/self/fd/"] where path.hasPrefix(folder) {
            let digits = path.dropFirst(folder.count)
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int32(digits)
        }
        return nil
    }
}
