// Owned file descriptors, and what is done by descriptor rather than by path.

import ByteText
public import CLinux
import Glibc

/// A file descriptor that closes itself. Always close-on-exec.
public struct Descriptor: ~Copyable, Sendable {
    public let raw: Int32

    /// Takes ownership of `raw`.
    public init(owning raw: Int32) { self.raw = raw }

    deinit { _ = close(raw) }

    /// Marks an open descriptor of the caller's, which this process does not own yet, as not to be handed on.
    public static func closeOnExecute(_ number: Int32) throws(Errno) {
        try call { sb_fcntl(number, F_SETFD, FD_CLOEXEC) }
    }

    /// Gives up ownership: the number stays open until the process ends or replaces itself.
    public consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }
}

/// A descriptor held by more than one owner, or kept in a collection.
public final class SharedDescriptor: Sendable {
    public let descriptor: Descriptor
    public init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
    public var raw: Int32 { descriptor.raw }
}

/// How a file is opened (open(2)); O_CLOEXEC is always added.
public struct OpenFlags: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
    public static let readOnly = OpenFlags([])
    public static let writeOnly = OpenFlags(rawValue: O_WRONLY)
    public static let readWrite = OpenFlags(rawValue: O_RDWR)
    public static let create = OpenFlags(rawValue: O_CREAT)
    public static let exclusive = OpenFlags(rawValue: O_EXCL)
    public static let truncate = OpenFlags(rawValue: O_TRUNC)
    public static let append = OpenFlags(rawValue: O_APPEND)
    public static let directory = OpenFlags(rawValue: O_DIRECTORY)
    public static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
    public static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    public static let noControllingTerminal = OpenFlags(rawValue: O_NOCTTY)
    /// A name for a place in the tree and no right to read it: what mounting and further opening need.
    public static let path = OpenFlags(rawValue: O_PATH)
}

/// How far a path may lead (openat2(2)).
public struct Resolve: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// `..`, absolute paths and links that lead out are refused with EXDEV.
    public static let beneath = Resolve(rawValue: UInt64(RESOLVE_BENEATH))
    /// The folder is the root: absolute links and `..` stay inside it, as after chroot(2).
    public static let inRoot = Resolve(rawValue: UInt64(RESOLVE_IN_ROOT))
    /// Links like `/proc/self/fd/3` are refused with ELOOP.
    public static let noMagicLinks = Resolve(rawValue: UInt64(RESOLVE_NO_MAGICLINKS))
    public static let noSymlinks = Resolve(rawValue: UInt64(RESOLVE_NO_SYMLINKS))
    public static let noCrossing = Resolve(rawValue: UInt64(RESOLVE_NO_XDEV))
}

extension Descriptor {
    /// Opens a path of this process's own view (open(2)).
    public static func open(
        _ path: String, _ flags: OpenFlags, mode: mode_t = 0o644
    ) throws(Errno) -> Descriptor {
        Descriptor(owning: try call { unsafe sb_open(path.forC, flags.rawValue | O_CLOEXEC, mode) })
    }

    /// The same where no link is on the way; else it throws ELOOP.
    public static func openWithoutLinks(_ path: String, _ flags: OpenFlags) throws(Errno) -> Descriptor {
        let wanted = UInt64(UInt32(bitPattern: flags.rawValue | O_CLOEXEC))
        let resolve: Resolve = [.noSymlinks, .noMagicLinks]
        return Descriptor(owning: try call { unsafe sb_openat2(AT_FDCWD, path.forC, wanted, 0, resolve.rawValue) })
    }

    /// Opens `path` as seen from this folder, no further than `resolve` lets it lead (openat2(2)).
    public borrowing func open(
        _ path: String, _ flags: OpenFlags, mode: mode_t = 0o644, resolve: Resolve
    ) throws(Errno) -> Descriptor {
        let folder = raw
        let wanted = UInt64(UInt32(bitPattern: flags.rawValue | O_CLOEXEC))
        // openat2 refuses a mode without O_CREAT.
        let bits = flags.contains(.create) ? UInt64(mode) : 0
        while true {
            do {
                return Descriptor(
                    owning: try call { unsafe sb_openat2(folder, path.forC, wanted, bits, resolve.rawValue) })
            } catch Errno.wouldBlock where !flags.contains(.nonBlocking) {
                continue  // A rename elsewhere raced with `..`; the kernel asks for another try.
            }
        }
    }

    /// Opens `path` with this folder as the root: the way into anything an image or a sandbox may have laid out.
    public borrowing func openInRoot(_ path: String, _ flags: OpenFlags, mode: mode_t = 0o644) throws(Errno)
        -> Descriptor
    {
        try open(path, flags, mode: mode, resolve: [.inRoot, .noMagicLinks])
    }

    /// Makes this file descriptor 0, 1 or 2 of this process as well (dup2(2)).
    public borrowing func becomeStandard(_ number: Int32) throws(Errno) {
        let own = raw
        try call { dup2(own, number) }
    }

    /// Reading what is not there is EAGAIN from here on (O_NONBLOCK of open(2)).
    public borrowing func setNonBlocking() throws(Errno) {
        let number = raw
        try call { sb_fcntl(number, F_SETFL, O_NONBLOCK) }
    }

    /// What fstat(2) says, of an O_PATH descriptor too.
    public borrowing func status() throws(Errno) -> FileStatus {
        let number = raw
        var status = stat()
        try call { unsafe fstat(number, &status) }
        return FileStatus(status)
    }

    /// What fstatat(2) says of `name` in this folder, links not followed.
    public borrowing func status(of name: String) throws(Errno) -> FileStatus {
        let number = raw
        var status = stat()
        try call { unsafe fstatat(number, name.forC, &status, AT_SYMLINK_NOFOLLOW) }
        return FileStatus(status)
    }

    public borrowing func makeDirectory(_ name: String, mode: mode_t = 0o755) throws(Errno) {
        let number = raw
        try call { unsafe mkdirat(number, name.forC, mode) }
    }

    public borrowing func makeSymlink(_ name: String, to target: String) throws(Errno) {
        let number = raw
        try call { unsafe symlinkat(target.forC, number, name.forC) }
    }

    /// A character device 0:0, by which overlayfs knows that there is nothing; any user may make one (mknod(2)).
    public borrowing func makeWhiteout(_ path: String) throws(Errno) {
        let number = raw
        do throws(Errno) { try call { unsafe mknodat(number, path.forC, S_IFCHR, 0) } } catch .permission {
            // Within a sandbox whose filter lets nobody make devices, renaming leaves one behind (renameat2(2)).
            let aside = path + "."
            _ = try open(path, [.writeOnly, .create, .exclusive], resolve: [.beneath, .noSymlinks])
            try call { unsafe renameat2(number, path.forC, number, aside.forC, UInt32(RENAME_WHITEOUT)) }
            try removeFile(aside)
        }
    }

    public borrowing func removeFile(_ name: String) throws(Errno) {
        let number = raw
        try call { unsafe unlinkat(number, name.forC, 0) }
    }

    public borrowing func removeDirectory(_ name: String) throws(Errno) {
        let number = raw
        try call { unsafe unlinkat(number, name.forC, AT_REMOVEDIR) }
    }

    public borrowing func rename(_ name: String, to newName: String) throws(Errno) {
        let number = raw
        try call { unsafe renameat(number, name.forC, number, newName.forC) }
    }

    public borrowing func linkTarget(of name: String) throws(Errno) -> String {
        let number = raw
        return try unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) {
            buffer throws(Errno) in
            guard let start = buffer.baseAddress else { throw Errno.invalid }
            let length = try call { unsafe readlinkat(number, name.forC, start, buffer.count) }
            return unsafe ByteText.text(Array(UnsafeRawBufferPointer(start: buffer.baseAddress, count: length)))
        }
    }

    /// Reads until the end, and throws EFBIG past `limit` bytes.
    public borrowing func readAll(limit: Int) throws(Errno) -> [UInt8] {
        let number = raw
        // Most files read are small: a larger room would cost more than the reading.
        var content = [UInt8](repeating: 0, count: 4096)
        var length = 0
        while true {
            let (start, room) = (length, content.count - length)
            let got = try call {
                unsafe content.withUnsafeMutableBytes {
                    unsafe Glibc.read(number, $0.baseAddress.map { unsafe $0 + start }, room)
                }
            }
            length += got
            if length > limit { throw Errno.tooBig }
            if got == 0 {
                content.removeLast(content.count - length)
                return content
            }
            if length == content.count { content += [UInt8](repeating: 0, count: min(length, 1 << 20)) }
        }
    }

    /// Reads at most `count` bytes, once (read(2)); empty at the end of the file.
    public borrowing func read(upTo count: Int) throws(Errno) -> [UInt8] {
        let number = raw
        var chunk = [UInt8](repeating: 0, count: count)
        let got = try call { unsafe Glibc.read(number, &chunk, count) }
        chunk.removeLast(count - got)
        return chunk
    }

    /// Writes all of `bytes`.
    public borrowing func write(_ bytes: [UInt8]) throws(Errno) { unsafe try write(bytes.span.bytes) }

    /// Ends a connection for both sides, whoever else holds an end of it (shutdown(2)): nobody waits for a word from here.
    public borrowing func shutDown() { _ = shutdown(raw, Int32(SHUT_RDWR)) }

    /// Takes the whole-file lock (flock(2)); throws EAGAIN when another process holds it and `wait` is false.
    public borrowing func lock(exclusive: Bool = true, wait: Bool = false) throws(Errno) {
        let number = raw
        try call { flock(number, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)) }
    }

    /// Lets others take the lock that `lock` took.
    public borrowing func unlock() throws(Errno) {
        let number = raw
        try call { flock(number, LOCK_UN) }
    }

    /// Flushes the whole file system that this descriptor is on (syncfs(2)).
    public borrowing func syncFileSystem() throws(Errno) {
        let number = raw
        try call { syncfs(number) }
    }

    /// The names in this folder, without `.` and `..`, in no order.
    public borrowing func names() throws(Errno) -> [String] {
        let own = try open(".", [.readOnly, .directory], resolve: [.beneath])
        guard let stream = unsafe fdopendir(own.raw) else { throw Errno.current }
        _ = own.release()
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(ofC: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}

/// The two ends of a pipe (pipe2(2)) or of a pair of sockets (socketpair(2)), of which a process keeps one.
public struct PipeEnds {
    private var reader: SharedDescriptor?
    private var writer: SharedDescriptor?

    /// - Parameter carriesDescriptors: sockets, by which descriptors can be handed over too.
    public init(carriesDescriptors: Bool = false) throws(Errno) {
        var ends: (Int32, Int32) = (0, 0)
        try call {
            unsafe withUnsafeMutablePointer(to: &ends) {
                unsafe $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                    unsafe carriesDescriptors ? sb_socket_pair($0) : pipe2($0, O_CLOEXEC)
                }
            }
        }
        reader = SharedDescriptor(Descriptor(owning: ends.0))
        writer = SharedDescriptor(Descriptor(owning: ends.1))
    }

    /// Bytes that it takes before a writer waits (F_SETPIPE_SZ of fcntl(2)).
    public func setCapacity(_ bytes: Int32) throws(Errno) {
        guard let writer else { return }
        try call { sb_fcntl(writer.raw, F_SETPIPE_SZ, bytes) }
    }

    /// Both ends, for two threads of this process.
    public func both() -> (reader: SharedDescriptor, writer: SharedDescriptor) {
        guard let reader, let writer else { preconditionFailure("an end was closed") }
        return (reader, writer)
    }

    /// Closes the writing end. To be called once, and not after `keepWriter`.
    public mutating func keepReader() -> SharedDescriptor {
        writer = nil
        guard let reader else { preconditionFailure("the other end was kept") }
        return reader
    }

    /// Closes the reading end. To be called once, and not after `keepReader`.
    public mutating func keepWriter() -> SharedDescriptor {
        reader = nil
        guard let writer else { preconditionFailure("the other end was kept") }
        return writer
    }
}

extension Descriptor {
    /// Writes to descriptor 2, which this process does not own.
    public static func standardError(_ bytes: [UInt8]) throws(Errno) { try writeBorrowed(2, bytes) }
    /// Writes to descriptor 1, which this process does not own.
    public static func standardOutput(_ bytes: [UInt8]) throws(Errno) { try writeBorrowed(1, bytes) }

    /// The same where it can be written at once; nothing where it can't, as to a terminal that is stopped or a pipe that is
    /// full.
    public static func standardErrorUnlessItWaits(_ bytes: [UInt8]) throws(Errno) {
        var entry = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&entry, 1, 100) == 1, entry.revents & Int16(POLLOUT) != 0 else { throw Errno.wouldBlock }
        try writeBorrowed(2, bytes)
    }

    static func writeBorrowed(_ number: Int32, _ bytes: [UInt8]) throws(Errno) {
        let borrowed = Descriptor(owning: number)
        do throws(Errno) { try borrowed.write(bytes) } catch {
            _ = borrowed.release()
            throw error
        }
        _ = borrowed.release()
    }
}
