// An archive that can't be read at any place, made one that can.

import CArchive
import LinuxSystem

/// Where large temporary files may go, and how large they may be.
public struct Scratch: Sendable {
    /// An existing folder on a disk.
    public var folder: String
    /// Bytes of one uncompressed archive.
    public var limit: Int64

    public init(folder: String, limit: Int64 = 64 << 30) {
        self.folder = folder
        self.limit = limit
    }
}

/// The uncompressed bytes of a file or a pipe, in a file without a name (archive_read(3), "raw" format).
struct UncompressedCopy {
    let file: SharedDescriptor
    /// Bytes.
    private(set) var size: Int64 = 0

    /// - Throws: `.damaged`, `.tooMuch`, `.notAnArchive` for no bytes at all, `.source`, or `.writing`.
    init(of input: SharedDescriptor, _ source: String, in scratch: Scratch) throws(LayoutError) {
        do throws(Errno) {
            let folder = SharedDescriptor(try Descriptor.open(scratch.folder, [.path, .directory]))
            file = try AsideFile(in: folder, mode: 0o600).file
        } catch { throw .writing(scratch.folder, error) }
        let stream = UncompressedStream(input)
        guard try stream.open(source) else { throw .notAnArchive(source) }
        while let bytes = try stream.next(source) {
            size += Int64(bytes.count)
            if size > scratch.limit { throw .tooMuch(source, most: scratch.limit) }
            do throws(Errno) { try file.descriptor.write(bytes.bytes) } catch { throw .writing(scratch.folder, error) }
        }
    }
}

private final class UncompressedStream {
    private let input: SharedDescriptor
    private let archive: OpaquePointer
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
    /// libarchive itself only knows that reading failed.
    private var failure: Errno?
    private var isEmpty = true

    init(_ input: SharedDescriptor) {
        self.input = input
        guard let archive = archive_read_new() else { preconditionFailure("no memory") }
        self.archive = archive
        // By name, not "all": that includes filters which start programs.
        archive_read_support_filter_gzip(archive)
        archive_read_support_filter_zstd(archive)
        archive_read_support_filter_xz(archive)
        archive_read_support_filter_bzip2(archive)
        archive_read_support_format_raw(archive)
    }

    deinit {
        archive_read_free(archive)
        chunk.deallocate()
    }

    /// - Returns: false where there are no bytes.
    func open(_ source: String) throws(LayoutError) -> Bool {
        let opened = archive_read_open(
            archive, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, own, buffer in
                guard let own, let buffer else { return -1 }
                return Unmanaged<UncompressedStream>.fromOpaque(own).takeUnretainedValue().fill(buffer)
            }, nil)
        var entry: OpaquePointer?
        if opened == ARCHIVE_OK, archive_read_next_header(archive, &entry) == ARCHIVE_OK { return true }
        if isEmpty, failure == nil { return false }
        throw reason(source)
    }

    private func fill(_ buffer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        do throws(Errno) {
            buffer.pointee = UnsafeRawPointer(chunk.baseAddress)
            let count = try input.descriptor.read(into: chunk)
            if count > 0 { isEmpty = false }
            return count
        } catch {
            failure = error
            return -1
        }
    }

    /// The next bytes, valid until the next call; nil at the end.
    func next(_ source: String) throws(LayoutError) -> UnsafeRawBufferPointer? {
        while true {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            switch archive_read_data_block(archive, &start, &count, &offset) {
            case ARCHIVE_EOF: return nil
            case ARCHIVE_OK, ARCHIVE_WARN:
                if count > 0 { return UnsafeRawBufferPointer(start: start, count: count) }
            default: throw reason(source)
            }
        }
    }

    private func reason(_ source: String) -> LayoutError {
        if let failure { return .source(source, failure) }
        return .damaged(source, archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason")
    }
}
