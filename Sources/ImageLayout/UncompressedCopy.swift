// An archive that can't be read at any place, made one that can.

import Decompression
import LinuxSystem

/// Where large temporary files may go, and how large they may be.
public struct Scratch: Sendable {
    /// An existing folder on a disk.
    public var folder: String
    /// Bytes of one uncompressed archive.
    public var limit: Int64
    /// Bytes of the disk that stay free; nil for what `DiskBudget` finds reasonable.
    public var keptFree: Int64?

    public init(folder: String, limit: Int64 = 64 << 30, keptFree: Int64? = nil) {
        self.folder = folder
        self.limit = limit
        self.keptFree = keptFree
    }
}

/// The uncompressed bytes of a file or a pipe, in a file without a name.
struct UncompressedCopy {
    let file: SharedDescriptor
    /// Bytes.
    private(set) var size: Int64 = 0

    /// - Throws: `.damaged`, `.tooMuch`, `.notAnArchive` for no bytes at all, `.source`, or `.writing`.
    init(of input: SharedDescriptor, _ source: String, in scratch: Scratch) throws(LayoutError) {
        let budget: DiskBudget
        do throws(Errno) {
            budget = try DiskBudget(scratch.folder, limit: scratch.limit, kept: scratch.keptFree)
            let folder = SharedDescriptor(try Descriptor.open(scratch.folder, [.path, .directory]))
            file = try AsideFile(in: folder, mode: 0o600).file
        } catch { throw .writing(scratch.folder, error) }
        let bytes = InputBytes(input)
        let start = bytes.peek()
        if let failure = bytes.failure { throw .source(source, failure) }
        if start.isEmpty { throw .notAnArchive(source) }
        let stream = Compression(start: start.prefix(Compression.magicSize)).decompressor(of: bytes)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { room.deallocate() }
        while true {
            let count: Int
            do throws(DecompressionError) { count = try stream.read(into: room) } catch {
                throw bytes.failure.map { .source(source, $0) } ?? .damaged(source, "\(error)")
            }
            if count == 0 { return }
            size += Int64(count)
            do throws(DiskBudget.Shortage) { try budget.take(Int64(count)) } catch {
                switch error {
                case .tooMuch(let limit): throw .tooMuch(source, most: limit)
                case .tooLittleLeft(let free, let kept): throw .tooLittleLeft(scratch.folder, free: free, kept: kept)
                }
            }
            do throws(Errno) {
                try file.descriptor.write(UnsafeRawBufferPointer(rebasing: room[..<count]).bytes)
            } catch { throw .writing(scratch.folder, error) }
        }
    }
}

/// A file or a pipe from where it stands to its end.
private final class InputBytes: CompressedBytes {
    private let input: SharedDescriptor
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
    /// Read to find out what it is, and not given out yet.
    private var start: UnsafeRawBufferPointer?
    /// Why `next` has answered nil.
    private(set) var failure: Errno?

    init(_ input: SharedDescriptor) { self.input = input }

    deinit { chunk.deallocate() }

    /// The first bytes, as many as tell how they are compressed; empty where there are none, or they can't be read.
    func peek() -> UnsafeRawBufferPointer {
        start = read(atLeast: Compression.magicSize)
        return start ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    func next() -> UnsafeRawBufferPointer? {
        if failure != nil { return nil }
        defer { start = nil }
        return start ?? read(atLeast: 1)
    }

    private func read(atLeast wanted: Int) -> UnsafeRawBufferPointer? {
        var filled = 0
        do throws(Errno) {
            while filled < wanted {
                let count = try input.descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: chunk[filled...]))
                if count == 0 { break }
                filled += count
            }
        } catch {
            failure = error
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: chunk[..<filled])
    }
}
