// Compressed streams, each way of compressing behind one protocol.

/// Where compressed bytes come from.
public protocol CompressedBytes: AnyObject {
    /// The next bytes, valid until the next call; empty at the end, and at every call from there on.
    /// - Returns: nil when they can't be had; the source knows why.
    func next() -> UnsafeRawBufferPointer?
}

/// Why a stream can't be uncompressed further.
public enum DecompressionError: Error, Equatable, Sendable {
    /// The source of the compressed bytes has failed.
    case source
    /// The compressed stream ends before its own end mark.
    case truncated
    /// Not what the format allows, with the reason.
    case damaged(String)
}

extension DecompressionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .source: "it can't be read"
        case .truncated: "it ends in the middle of the compressed stream"
        case .damaged(let reason): reason
        }
    }
}

/// One compressed stream, read from its start to its end.
public protocol Decompressor: AnyObject {
    /// Fills `room`, which is not empty, from the front with the next uncompressed bytes.
    /// - Returns: how many bytes, at least one; 0 at the end, which is where the source ends too.
    func read(into room: UnsafeMutableRawBufferPointer) throws(DecompressionError) -> Int
}

/// How a file is compressed, as its first bytes tell.
public enum Compression: Sendable, CaseIterable {
    case none, gzip, zstd, xz, bzip2

    /// As many bytes as `init(start:)` looks at.
    public static let magicSize = 6

    /// - Parameter start: the first bytes of the file, `magicSize` of them if it has so many.
    public init(start: some Collection<UInt8>) {
        let start = Array(start.prefix(Self.magicSize))
        if start.starts(with: [0x1f, 0x8b]) {  // RFC 1952, section 2.3.1
            self = .gzip
        } else if start.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {  // RFC 8878, section 3.1.1
            self = .zstd
        } else if start.count >= 4, start[0] & 0xf0 == 0x50, start[1...3] == [0x2a, 0x4d, 0x18] {  // section 3.1.2
            self = .zstd
        } else if start == [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] {  // The .xz file format, section 2.1.1.1
            self = .xz
        } else if start.starts(with: Array("BZh".utf8)) {
            self = .bzip2
        } else {
            self = .none
        }
    }

    /// Whether layers of images are compressed like this (OCI image specification, "Image Layer Filesystem Changeset").
    public var isOfLayers: Bool { self == .none || self == .gzip || self == .zstd }

    /// What uncompresses `source`, from its first byte on.
    public func decompressor(of source: any CompressedBytes) -> any Decompressor {
        switch self {
        case .none: StoredStream(source)
        case .gzip: GzipStream(source, .preferred)
        case .zstd: ZstdStream(source)
        case .xz, .bzip2: FilteredStream(source)
        }
    }
}

/// What of a piece of compressed bytes is not used up yet.
@safe struct PendingInput {
    private let source: any CompressedBytes
    private(set) var rest = unsafe UnsafeRawBufferPointer(start: nil, count: 0)

    init(_ source: any CompressedBytes) { self.source = source }

    /// Gets more where nothing is left.
    /// - Returns: false at the end of the source.
    mutating func fill() throws(DecompressionError) -> Bool {
        if unsafe !rest.isEmpty { return true }
        guard let bytes = unsafe source.next() else { throw .source }
        unsafe rest = bytes
        return unsafe !bytes.isEmpty
    }

    /// Takes away the first `count` bytes.
    mutating func use(_ count: Int) { unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }
}

/// Not compressed at all.
final class StoredStream: Decompressor {
    private var input: PendingInput

    init(_ source: any CompressedBytes) { input = PendingInput(source) }

    func read(into room: UnsafeMutableRawBufferPointer) throws(DecompressionError) -> Int {
        guard try input.fill() else { return 0 }
        let count = unsafe min(room.count, input.rest.count)
        unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: input.rest[..<count]))
        input.use(count)
        return count
    }
}
