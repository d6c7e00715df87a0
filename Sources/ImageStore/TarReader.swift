// The entries of a tar stream, as libarchive reads them (tar(5), archive_entry(3)), in Swift's terms.

import CArchive
import LinuxSystem

/// What one entry asks for. Names are the archive's bytes.
struct TarEntry {
    enum Kind: Equatable {
        case regular, directory, fifo
        case symlink([UInt8])
        case hardLink([UInt8])
        /// Device nodes and sockets, which no sandbox can use.
        case unwanted
    }

    var name: [UInt8]
    var kind: Kind
    /// The low twelve bits.
    var permissions: UInt32
    var user: Int64
    var group: Int64
    /// Bytes, holes included.
    var size: Int64
    var modified: Timestamp?
    var attributes: [(name: String, value: [UInt8])]
}

final class TarReader {
    private let source: ArchiveSource
    private let archive: OpaquePointer
    private var current: OpaquePointer?
    /// How many more bytes the running call may read, or nil: any number.
    private var reach: Int64?
    private var isHeaderTooLong = false

    /// Headers and maps of holes are kept in memory as they are read: many times their own size. This is for those of
    /// one entry, a few long names and 40,000 holes.
    private static let longestHeader: Int64 = 1 << 20

    /// Why the stream can't be read on.
    enum Failure: Error {
        /// `ArchiveSource.failure` says it.
        case source
        case notTar
        case damaged(String)
        case noEntries
        case tooManyEntries
        case tooManyBytes
        case write(Errno)
        /// An entry of this name can't be laid out.
        case entry([UInt8], EntryFault)
    }

    init(_ source: ArchiveSource) {
        self.source = source
        guard let archive = archive_read_new() else { preconditionFailure("no memory") }
        self.archive = archive
        archive_read_support_format_tar(archive)
    }

    deinit { archive_read_free(archive) }

    func open() throws(Failure) {
        reach = Self.longestHeader
        let opened = archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, reader, buffer in
                guard let reader, let buffer else { return -1 }
                let bytes = Unmanaged<TarReader>.fromOpaque(reader).takeUnretainedValue().read()
                buffer.pointee = bytes?.baseAddress
                return bytes?.count ?? -1
            }, nil)
        if opened != ARCHIVE_OK { throw failure(atStart: true) }
    }

    /// The next bytes for libarchive, or nil where they fail or it wants too many at once.
    private func read() -> UnsafeRawBufferPointer? {
        if let reach, reach <= 0 {
            isHeaderTooLong = true
            return nil
        }
        let bytes = source.next()
        if let reach, let bytes { self.reach = reach - Int64(bytes.count) }
        return bytes
    }

    /// The next entry, or nil behind the last.
    func next(isFirst: Bool) throws(Failure) -> TarEntry? {
        if !isFirst {
            reach = nil
            guard archive_read_data_skip(archive) >= ARCHIVE_WARN else { throw failure(atStart: false) }
        }
        reach = Self.longestHeader
        switch archive_read_next_header(archive, &current) {
        case ARCHIVE_EOF: return nil
        // A warning is about names that this locale can't show: they are taken as bytes.
        case ARCHIVE_OK, ARCHIVE_WARN: return try entry()
        default: throw failure(atStart: isFirst)
        }
    }

    /// Where the archive's own end must be marked by a block of zeros (POSIX pax, "ustar Interchange Format"): the
    /// offset of the byte behind the last entry. For use behind the last entry.
    var endOfEntries: Int64 { archive_read_header_position(archive) }

    /// Writes the content of the current entry, with its holes.
    /// - Parameter size: what it comes to.
    func copyContent(to file: borrowing Descriptor, size: Int64) throws(Failure) {
        var end: Int64 = 0
        var unwritten = 0
        while true {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            reach = Self.longestHeader
            switch archive_read_data_block(archive, &start, &count, &offset) {
            case ARCHIVE_EOF:
                do throws(Errno) { if end != size { try file.setSize(size) } } catch { throw .write(error) }
                return
            case ARCHIVE_OK, ARCHIVE_WARN:
                do throws(Errno) {
                    try file.write(UnsafeRawBufferPointer(start: start, count: count).bytes, at: offset)
                } catch { throw .write(error) }
                end = max(end, offset + Int64(count))
                unwritten += count
                if unwritten >= WriteBack.step || end == size && size >= WriteBack.step / 4 {
                    unwritten = 0
                    file.startWriteBack()
                }
            default: throw failure(atStart: false)
            }
        }
    }

    private func failure(atStart: Bool) -> Failure {
        if source.failure != nil { return .source }
        if isHeaderTooLong { return .damaged("the headers of one entry are longer than \(Self.longestHeader) bytes") }
        if atStart { return .notTar }
        return .damaged(archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason")
    }

    private func entry() throws(Failure) -> TarEntry {
        guard let name = bytes(archive_entry_pathname(current)) else { throw .damaged("an entry has no name") }
        let hasTime = archive_entry_mtime_is_set(current) != 0
        return TarEntry(
            name: name, kind: kind, permissions: UInt32(archive_entry_perm(current)) & 0o7777,
            user: archive_entry_uid(current), group: archive_entry_gid(current), size: archive_entry_size(current),
            modified: hasTime
                ? Timestamp(
                    seconds: Int64(archive_entry_mtime(current)), nanoseconds: Int(archive_entry_mtime_nsec(current)))
                : nil,
            attributes: attributes)
    }

    private var kind: TarEntry.Kind {
        if let target = bytes(archive_entry_hardlink(current)) { return .hardLink(target) }
        switch archive_entry_filetype(current) & 0o170000 {
        case 0o100000: return .regular
        case 0o040000: return .directory
        case 0o010000: return .fifo
        case 0o120000: return .symlink(bytes(archive_entry_symlink(current)) ?? [])
        default: return .unwanted
        }
    }

    private var attributes: [(name: String, value: [UInt8])] {
        var found: [(name: String, value: [UInt8])] = []
        archive_entry_xattr_reset(current)
        while true {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            guard archive_entry_xattr_next(current, &name, &value, &size) == ARCHIVE_OK, let name else { return found }
            found.append((String(cString: name), Array(UnsafeRawBufferPointer(start: value, count: size))))
        }
    }

    private func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8]? {
        guard let text else { return nil }
        var count = 0
        while text[count] != 0 { count += 1 }
        return Array(UnsafeRawBufferPointer(start: text, count: count))
    }
}
