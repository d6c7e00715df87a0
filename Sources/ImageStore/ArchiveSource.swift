// The uncompressed stream of an archive, read once: copied as it comes, uncompressed by libarchive, summed.

import CArchive
import LinuxSystem

/// A compressed or plain file, as a stream of its uncompressed bytes (archive_read(3), "raw" format).
final class ArchiveSource {
    private let input: SharedDescriptor
    private let copy: SharedDescriptor?
    private let progress: (Int64) -> Void
    private let archive: OpaquePointer
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
    private let digest = ContentDigest()
    private var gzipSum: GzipSum?
    private var tail: [UInt8] = []

    /// Compressed bytes read.
    private(set) var inputSize: Int64 = 0
    /// Uncompressed bytes given out.
    private(set) var size: Int64 = 0
    /// What went wrong in reading or copying: libarchive itself knows of a failure only.
    private(set) var failure: Failure?

    enum Failure {
        case read(Errno)
        case copy(Errno)
        case damaged(String)
    }

    /// - Parameters:
    ///   - copy: where the bytes go as they are, before they are uncompressed.
    ///   - progress: told how many compressed bytes have been read so far.
    init(_ input: SharedDescriptor, copy: SharedDescriptor?, progress: @escaping (Int64) -> Void) {
        self.input = input
        self.copy = copy
        self.progress = progress
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

    /// Finds out how the file is compressed.
    /// - Returns: false where it is empty or could not be read.
    func open() -> Bool {
        let own = Unmanaged.passUnretained(self).toOpaque()
        let opened = archive_read_open(
            archive, own, nil,
            { _, source, buffer in
                guard let source, let buffer else { return -1 }
                let own = Unmanaged<ArchiveSource>.fromOpaque(source).takeUnretainedValue()
                buffer.pointee = UnsafeRawPointer(own.chunk.baseAddress)
                return own.readChunk()
            }, nil)
        var entry: OpaquePointer?
        guard opened == ARCHIVE_OK, archive_read_next_header(archive, &entry) == ARCHIVE_OK else {
            if failure == nil, inputSize > 0 { failure = .damaged(message) }
            return false
        }
        if archive_filter_code(archive, 0) == ARCHIVE_FILTER_GZIP { gzipSum = GzipSum() }
        return true
    }

    private func readChunk() -> Int {
        do throws(Errno) {
            let count = try input.descriptor.read(into: chunk)
            let bytes = UnsafeRawBufferPointer(rebasing: chunk[..<count])
            inputSize += Int64(count)
            tail = (tail + bytes.suffix(8)).suffix(8)
            if count > 0, let copy, !write(bytes, to: copy) { return -1 }
            progress(inputSize)
            return count
        } catch {
            failure = .read(error)
            return -1
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, to copy: SharedDescriptor) -> Bool {
        do throws(Errno) {
            try copy.descriptor.write(bytes.bytes)
            return true
        } catch {
            failure = .copy(error)
            return false
        }
    }

    /// The next uncompressed bytes, valid until the next call; empty at the end; nil when it failed.
    func next() -> UnsafeRawBufferPointer? {
        while true {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            switch archive_read_data_block(archive, &start, &count, &offset) {
            case ARCHIVE_EOF:
                return UnsafeRawBufferPointer(start: nil, count: 0)
            case ARCHIVE_OK, ARCHIVE_WARN:
                if count == 0 { continue }
                let bytes = UnsafeRawBufferPointer(start: start, count: count)
                size += Int64(count)
                digest.add(bytes)
                gzipSum?.add(bytes)
                return bytes
            default:
                if failure == nil { failure = .damaged(message) }
                return nil
            }
        }
    }

    /// Reads what is left, so that copy and sum cover the whole file.
    /// - Returns: the digest of the uncompressed bytes, or nil when it failed.
    func finish() -> String? {
        while true {
            guard let bytes = next() else { return nil }
            if bytes.isEmpty { break }
        }
        // What follows the compressed stream is copied too, and means nothing.
        while true {
            let count = readChunk()
            if count < 0 { return nil }
            if count == 0 { break }
        }
        if let gzipSum, !agrees(gzipSum.value) {
            failure = .damaged("its check sum does not fit its content")
            return nil
        }
        return digest.finish()
    }

    /// RFC 1952, section 2.3.1: sum and length end the file. Where the length is not that of the whole, the file has
    /// several members or a tail, and the sum says nothing.
    private func agrees(_ sum: UInt32) -> Bool {
        guard tail.count == 8 else { return true }
        func number(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        return number(tail[4...]) != UInt32(truncatingIfNeeded: size) || number(tail[..<4]) == sum
    }

    private var message: String { archive_error_string(archive).map { String(cString: $0) } ?? "unknown reason" }
}
