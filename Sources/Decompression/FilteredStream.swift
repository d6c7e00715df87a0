// xz and bzip2, which images of a registry never are, by libarchive (archive_read(3), "raw" format).

import CArchive

@safe final class FilteredStream: Decompressor {
    private let source: any CompressedBytes
    private let archive: OpaquePointer
    private var isOpen = false
    private var sourceFailed = false
    private var rest = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    init(_ source: any CompressedBytes) {
        self.source = source
        guard let archive = unsafe archive_read_new() else { preconditionFailure("no memory") }
        unsafe self.archive = unsafe archive
        // By name, not "all": that includes filters which start programs.
        unsafe archive_read_support_filter_xz(archive)
        unsafe archive_read_support_filter_bzip2(archive)
        unsafe archive_read_support_format_raw(archive)
        // "raw" is not for a file of no bytes.
        unsafe archive_read_support_format_empty(archive)
    }

    deinit { unsafe archive_read_free(archive) }

    func read(into room: UnsafeMutableRawBufferPointer) throws(DecompressionError) -> Int {
        if !isOpen {
            guard try open() else { return 0 }
        }
        while unsafe rest.isEmpty {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            switch unsafe archive_read_data_block(archive, &start, &count, &offset) {
            case ARCHIVE_EOF: return try drained()
            case ARCHIVE_OK, ARCHIVE_WARN: unsafe rest = unsafe UnsafeRawBufferPointer(start: start, count: count)
            default: throw failure
            }
        }
        let count = unsafe min(room.count, rest.count)
        unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
        unsafe rest = unsafe UnsafeRawBufferPointer(rebasing: rest[count...])
        return count
    }

    /// - Returns: false where nothing is compressed in the file.
    private func open() throws(DecompressionError) -> Bool {
        isOpen = true
        let own = unsafe Unmanaged.passUnretained(self).toOpaque()
        let opened = unsafe archive_read_open(
            archive, own, nil,
            { _, stream, buffer in
                guard let stream = unsafe stream, let buffer = unsafe buffer else { return -1 }
                let own = unsafe Unmanaged<FilteredStream>.fromOpaque(stream).takeUnretainedValue()
                guard let bytes = unsafe own.source.next() else {
                    own.sourceFailed = true
                    return -1
                }
                unsafe buffer.pointee = bytes.baseAddress
                return bytes.count
            }, nil)
        var entry: OpaquePointer?
        guard opened == ARCHIVE_OK else { throw failure }
        // Too short for libarchive to see what it is.
        if unsafe archive_filter_code(archive, 0) == ARCHIVE_FILTER_NONE { throw sourceFailed ? .source : .truncated }
        switch unsafe archive_read_next_header(archive, &entry) {
        case ARCHIVE_OK: return true
        case ARCHIVE_EOF: return false
        default: throw failure
        }
    }

    /// What follows the compressed stream means nothing, and is read all the same.
    private func drained() throws(DecompressionError) -> Int {
        while true {
            guard let bytes = unsafe source.next() else { throw .source }
            if unsafe bytes.isEmpty { return 0 }
        }
    }

    private var failure: DecompressionError {
        if sourceFailed { return .source }
        return .damaged(unsafe archive_error_string(archive).map { unsafe String(cString: $0) } ?? "unknown reason")
    }
}
