// What is done inside an untrusted tree: by descriptor and by name in one folder, never through a symbolic link.

public import CLinux
import Glibc

extension Descriptor {
    /// A second descriptor for one that this process was started with, as 0 for standard input (fcntl(2)).
    public static func duplicate(of number: Int32) throws(Errno) -> Descriptor {
        Descriptor(owning: try call { sb_fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }

    /// Opens what is called `name` in this folder, itself if it is a link (openat2(2)); a link is refused with ELOOP
    /// unless it is opened with `.path` and `.noFollow`.
    public borrowing func open(_ name: FileName, _ flags: OpenFlags, mode: mode_t = 0o600) throws(Errno) -> Descriptor {
        try openCharacters(name.characters, flags, mode: mode)
    }

    /// Opens a place beneath this folder; a link on the way is refused with ELOOP. There is no limit to the length of
    /// the path: it is walked in pieces shorter than PATH_MAX.
    public borrowing func open(beneath path: TreePath, _ flags: OpenFlags) throws(Errno) -> Descriptor {
        var folder: SharedDescriptor?
        var rest = path.bytes[...]
        while rest.count > 4000 {
            // No name is longer than 255 bytes.
            guard let slash = rest.prefix(4000).lastIndex(of: UInt8(ascii: "/")) else { throw Errno(ENAMETOOLONG) }
            folder = SharedDescriptor(try openPiece(from: folder, rest[..<slash], [.path, .directory]))
            rest = rest[(slash + 1)...]
        }
        return try openPiece(from: folder, rest.isEmpty ? [UInt8(ascii: ".")] : rest, flags)
    }

    private borrowing func openPiece(
        from folder: SharedDescriptor?, _ piece: ArraySlice<UInt8>, _ flags: OpenFlags
    ) throws(Errno) -> Descriptor {
        let characters = piece.map { CChar(bitPattern: $0) } + [0]
        guard let folder else { return try openCharacters(characters, flags) }
        return try folder.descriptor.openCharacters(characters, flags)
    }

    private borrowing func openCharacters(
        _ path: [CChar], _ flags: OpenFlags, mode: mode_t = 0o600
    ) throws(Errno) -> Descriptor {
        let folder = raw
        let wanted = UInt64(UInt32(bitPattern: flags.rawValue | O_CLOEXEC))
        let bits = flags.contains(.create) ? UInt64(mode) : 0
        let resolve: Resolve = [.beneath, .noSymlinks, .noMagicLinks]
        while true {
            do throws(Errno) {
                return Descriptor(
                    owning: try call { unsafe sb_openat2(folder, path, wanted, bits, resolve.rawValue) })
            } catch .wouldBlock where !flags.contains(.nonBlocking) { continue }
        }
    }

    /// What fstatat(2) says of `name` in this folder, itself if it is a link; nil where there is none.
    public borrowing func status(of name: FileName) throws(Errno) -> FileStatus? {
        let number = raw
        var status = stat()
        do throws(Errno) {
            try call { unsafe fstatat(number, name.characters, &status, AT_SYMLINK_NOFOLLOW) }
        } catch .noEntry { return nil }
        return FileStatus(status)
    }

    /// The names in this folder, in no order. The descriptor must be open for reading.
    public borrowing func fileNames() throws(Errno) -> [FileName] {
        let own = try open(beneath: .root, [.readOnly, .directory])
        guard let stream = unsafe fdopendir(own.raw) else { throw Errno.current }
        _ = own.release()
        defer { unsafe closedir(stream) }
        var names: [FileName] = []
        while let entry = unsafe readdir(stream) {
            let bytes = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
            if let name = FileName(bytes) { names.append(name) }
        }
        return names
    }

    /// The names in this folder with the kinds that its own list gives, in no order. Open for reading.
    public borrowing func entries() throws(Errno) -> [(name: FileName, kind: FileKind)] {
        let own = try open(beneath: .root, [.readOnly, .directory])
        guard let stream = unsafe fdopendir(own.raw) else { throw Errno.current }
        _ = own.release()
        defer { unsafe closedir(stream) }
        var entries: [(name: FileName, kind: FileKind)] = []
        while let entry = unsafe readdir(stream) {
            let bytes = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
            guard let name = FileName(bytes) else { continue }
            let type = unsafe entry.pointee.d_type
            // Some file systems leave it to be asked for.
            let kind = type == 0 ? try status(of: name)?.kind : FileKind(mode: mode_t(type) << 12)
            entries.append((name, kind ?? .unknown))
        }
        return entries
    }

    /// mkdirat(2); the mode is subject to the umask.
    public borrowing func makeDirectory(_ name: FileName, mode: mode_t) throws(Errno) {
        let number = raw
        try call { unsafe mkdirat(number, name.characters, mode) }
    }

    /// symlinkat(2). `target` is stored as it is; it ends at its first NUL.
    public borrowing func makeSymlink(_ name: FileName, to target: [UInt8]) throws(Errno) {
        let number = raw
        let characters = target.map { CChar(bitPattern: $0) } + [0]
        try call { unsafe symlinkat(characters, number, name.characters) }
    }

    /// linkat(2), of a link itself where `target` is one.
    public borrowing func makeHardLink(
        _ name: FileName, to target: FileName, in folder: borrowing Descriptor
    ) throws(Errno) {
        let number = raw
        let from = folder.raw
        try call { unsafe linkat(from, target.characters, number, name.characters, 0) }
    }

    /// mknodat(2): `mode` carries the type.
    public borrowing func makeNode(_ name: FileName, mode: mode_t, device: dev_t = 0) throws(Errno) {
        let number = raw
        try call { unsafe mknodat(number, name.characters, mode, device) }
    }

    /// unlinkat(2); throws EISDIR for a folder.
    public borrowing func removeFile(_ name: FileName) throws(Errno) {
        let number = raw
        try call { unsafe unlinkat(number, name.characters, 0) }
    }

    /// unlinkat(2) with AT_REMOVEDIR.
    public borrowing func removeDirectory(_ name: FileName) throws(Errno) {
        let number = raw
        try call { unsafe unlinkat(number, name.characters, AT_REMOVEDIR) }
    }

    /// Moves `name` into `folder` (renameat(2)).
    public borrowing func rename(
        _ name: FileName, to newName: FileName, in folder: borrowing Descriptor
    ) throws(Errno) {
        let number = raw
        let other = folder.raw
        try call { unsafe renameat(number, name.characters, other, newName.characters) }
    }

    /// What the link `name` holds (readlinkat(2)).
    public borrowing func linkTarget(of name: FileName) throws(Errno) -> [UInt8] {
        let number = raw
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try call { unsafe readlinkat(number, name.characters, &target, target.count) }
        return target[..<length].map { UInt8(bitPattern: $0) }
    }

    /// Gives `name`, itself if it is a link, to an owner and a group as this user namespace counts them (fchownat(2)).
    public borrowing func setOwner(_ name: FileName, _ owner: uid_t, _ group: gid_t) throws(Errno) {
        let number = raw
        try call { unsafe fchownat(number, name.characters, owner, group, AT_SYMLINK_NOFOLLOW) }
    }

    /// fchown(2).
    public borrowing func setOwner(_ owner: uid_t, _ group: gid_t) throws(Errno) {
        let number = raw
        try call { fchown(number, owner, group) }
    }

    /// The same of a descriptor that is a mere `.path`.
    public borrowing func setOwnerOfPlace(_ owner: uid_t, _ group: gid_t) throws(Errno) {
        let number = raw
        try call { unsafe fchownat(number, "", owner, group, AT_EMPTY_PATH) }
    }

    /// fchmod(2), also of a descriptor that is a mere `.path`.
    public borrowing func setMode(_ mode: mode_t) throws(Errno) {
        let number = raw
        do throws(Errno) { try call { fchmod(number, mode) } } catch Errno(EBADF) {
            let path = "/proc/self/fd/\(number)"
            try call { unsafe chmod(path, mode) }
        }
    }

    /// Sets when `name`, itself if it is a link, was modified (utimensat(2)).
    public borrowing func setModified(_ name: FileName, _ time: Timestamp) throws(Errno) {
        let number = raw
        let times = time.pair
        try call { unsafe utimensat(number, name.characters, times, AT_SYMLINK_NOFOLLOW) }
    }

    /// Sets when this file was modified (futimens(3)).
    public borrowing func setModified(_ time: Timestamp) throws(Errno) {
        let number = raw
        let times = time.pair
        try call { unsafe futimens(number, times) }
    }

    /// ftruncate(2): the length becomes `size` bytes, with a hole where there was less.
    public borrowing func setSize(_ size: Int64) throws(Errno) {
        let number = raw
        try call { ftruncate(number, off_t(size)) }
    }

    /// Writes all of `bytes` at `offset`, over what is there (pwrite(2)).
    public borrowing func write(_ bytes: RawSpan, at offset: Int64) throws(Errno) {
        let number = raw
        var done = 0
        while done < bytes.byteCount {
            let start = done
            done += try call {
                unsafe bytes.withUnsafeBytes {
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: $0[start...])
                    return unsafe pwrite(number, rest.baseAddress, rest.count, off_t(offset) + off_t(start))
                }
            }
        }
    }

    /// Writes all of `bytes` (write(2)).
    public borrowing func write(_ bytes: RawSpan) throws(Errno) {
        let number = raw
        var done = 0
        while done < bytes.byteCount {
            let start = done
            done += try call {
                unsafe bytes.withUnsafeBytes {
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: $0[start...])
                    return unsafe Glibc.write(number, rest.baseAddress, rest.count)
                }
            }
        }
    }

    /// Reads once into `room` (read(2)).
    /// - Returns: how many bytes; 0 at the end of the file.
    public borrowing func read(into room: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        let number = raw
        return try call { unsafe Glibc.read(number, room.baseAddress, room.count) }
    }

    /// Has the kernel begin to write what this file has in memory, and does not wait (sync_file_range(2)). A mere hint:
    /// what goes wrong in writing, the next `sync` says.
    public borrowing func startWriteBack() { _ = sync_file_range(raw, 0, 0, UInt32(SB_SYNC_FILE_RANGE_WRITE)) }

    /// Opens the folder that holds this one, wherever that is: for folders that nobody moves.
    public borrowing func openParent() throws(Errno) -> Descriptor {
        let folder = raw
        return Descriptor(owning: try call { unsafe sb_openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) })
    }

    /// Flushes this file or folder (fsync(2)).
    public borrowing func sync() throws(Errno) {
        let number = raw
        try call { fsync(number) }
    }
}

/// A moment as struct timespec(3type) has it.
public struct Timestamp: Equatable, Sendable {
    /// Since the epoch; negative before it.
    public let seconds: Int64
    /// 0 to 999,999,999.
    public let nanoseconds: Int

    public init(seconds: Int64, nanoseconds: Int) {
        self.seconds = seconds
        self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
    }

    init(_ time: timespec) { self.init(seconds: Int64(time.tv_sec), nanoseconds: Int(time.tv_nsec)) }

    /// Since the epoch; the nearest that there is for a moment beyond what 64 bits reach. Any user can set such a time.
    var inNanoseconds: Int64 {
        let (whole, isBeyond) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isJustBeyond) = whole.addingReportingOverflow(Int64(nanoseconds))
        return isBeyond || isJustBeyond ? (seconds < 0 ? .min : .max) : sum
    }

    /// Last access and last modification, both this.
    var pair: [timespec] {
        let time = timespec(tv_sec: time_t(seconds), tv_nsec: nanoseconds)
        return [time, time]
    }
}

extension OpenFlags {
    /// What opens a file of any kind without reading it, itself if it is a link.
    public static let link: OpenFlags = [.path, .noFollow]
}
