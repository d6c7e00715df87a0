// The uncompressed stream of an archive, read once.

import Decompression
import ImageFormat
import LinuxSystem
import SandboxPolicy

/// A compressed or plain file or pipe, as a stream of its uncompressed bytes.
final class ArchiveSource {
    private let ahead: ReadAhead
    private let progress: (Int64) -> Void
    private var isAtEnd = false

    /// Uncompressed bytes given out.
    private(set) var size: Int64 = 0
    /// What went wrong, once `next` or `finish` has answered nil.
    private(set) var failure: Failure?

    enum Failure: Error, Equatable {
        case read(Errno)
        case copy(Errno)
        case empty
        case damaged(String)
        /// It has more uncompressed bytes than this.
        case tooLarge(Int64)
        case disk(DiskBudget.Shortage)
        /// Nobody wanted the rest.
        case stopped
    }

    /// Told of what is put on the disk: the bytes as they come where they are kept, the uncompressed where they are laid.
    var budget: DiskBudget?
    var isKept = false
    var isLaid = false
    private var inputSize: Int64 = 0

    /// What is known of an archive once it has been read to its end.
    struct Sums {
        /// Of the uncompressed bytes.
        let content: Digest
        let contentSize: Int64
        /// Of the bytes as they were kept.
        let archive: Digest
        let archiveSize: Int64
        let compression: Compression
    }

    /// - Parameters:
    ///   - copy: where the bytes go as they are, before they are uncompressed.
    ///   - limit: the most bytes that are read, compressed and uncompressed.
    ///   - isLayer: of an image: then only what layers are compressed with is uncompressed.
    ///   - progress: told how many compressed bytes have been read so far.
    init(
        _ input: SharedDescriptor, copy: SharedDescriptor?, limit: Int64, isLayer: Bool,
        progress: @escaping (Int64) -> Void
    ) throws(Errno) {
        ahead = try ReadAhead(input, copy: copy, limit: limit, isLayer: isLayer)
        self.progress = progress
    }

    deinit { ahead.close() }

    /// The next uncompressed bytes, valid until the next call; empty at the end; nil when it failed.
    func next() -> UnsafeRawBufferPointer? {
        if failure != nil { return nil }
        if isAtEnd { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let slot = ahead.next()
        if slot.count == 0 {
            isAtEnd = true
            if case .failure(let failure) = ahead.end() {
                self.failure = failure
                return nil
            }
        }
        progress(slot.inputSize)
        size += Int64(slot.count)
        if take((isKept ? slot.inputSize - inputSize : 0) + (isLaid ? Int64(slot.count) : 0)) != nil { return nil }
        inputSize = slot.inputSize
        return UnsafeRawBufferPointer(rebasing: slot.room[..<slot.count])
    }

    /// Counts bytes that go on the disk.
    /// - Returns: a failure, also told by `failure`, where there is no room for them.
    func take(_ bytes: Int64) -> TarReader.Failure? {
        do throws(DiskBudget.Shortage) {
            try budget?.take(bytes)
            return nil
        } catch {
            failure = .disk(error)
            return .source
        }
    }

    /// Reads what is left, so that copy and sums cover the whole file.
    /// - Returns: nil when it failed.
    func finish() -> Sums? {
        while let bytes = next() {
            if bytes.isEmpty { break }
        }
        guard failure == nil, case .success(let sums) = ahead.end() else { return nil }
        return sums
    }
}

extension Compression {
    /// Of a layer that is kept so, or has been uncompressed to be kept.
    var mediaType: MediaType {
        switch self {
        case .gzip: .ociLayerGzip
        case .zstd: .ociLayerZstd
        case .none, .xz, .bzip2: .ociLayer
        }
    }
}
