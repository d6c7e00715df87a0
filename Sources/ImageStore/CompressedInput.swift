// The bytes of an archive as they are in its file or come through a pipe: counted, summed, copied aside.

import Checksums
import Decompression
import LinuxSystem
import SandboxPolicy

/// When what has been copied or laid is begun to be written to the disk, so that little is left to flush at the end.
enum WriteBack {
    /// Bytes of one file.
    static let step = 4 << 20
}

/// One reading of a file, from where it stands to its end.
final class CompressedInput: CompressedBytes {
    private let file: SharedDescriptor
    private var copy: SharedDescriptor?
    private let limit: Int64
    private let stop: Event
    private let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
    private let digest = ContentDigest()
    /// Read to find out what it is, and not given out yet.
    private var start: UnsafeRawBufferPointer?

    /// Bytes copied since the kernel was last told to write them.
    private var unwritten = 0

    /// Bytes read.
    private(set) var size: Int64 = 0
    /// What went wrong in reading or copying.
    private(set) var failure: ArchiveSource.Failure?

    /// - Parameters:
    ///   - copy: where the bytes go as they are.
    ///   - stop: ends the wait for a pipe that gives nothing.
    init(_ file: SharedDescriptor, copy: SharedDescriptor?, limit: Int64, stop: Event) {
        self.limit = limit
        self.file = file
        self.copy = copy
        self.stop = stop
    }

    deinit { chunk.deallocate() }

    /// How the bytes are compressed, or nil where they can't be read. What has been read for that is not copied yet.
    func compression() -> Compression? {
        start = read()
        return start.map { Compression(start: $0.prefix(Compression.magicSize)) }
    }

    func next() -> UnsafeRawBufferPointer? {
        if failure != nil { return nil }
        let bytes = start ?? read()
        start = nil
        guard let bytes else { return nil }
        guard let copy else { return bytes }
        do throws(Errno) { try copy.descriptor.write(bytes.bytes) } catch {
            failure = .copy(error)
            return nil
        }
        unwritten += bytes.count
        if unwritten >= WriteBack.step {
            unwritten = 0
            copy.descriptor.startWriteBack()
        }
        return bytes
    }

    /// From here on nothing is copied.
    func keepsNothing() { copy = nil }

    /// The digest of all bytes so far, to be asked for once.
    func sum() -> Digest { digest.finish() }

    /// Fills the whole chunk, unless the end comes before.
    private func read() -> UnsafeRawBufferPointer? {
        var filled = 0
        do throws(Errno) {
            while filled < chunk.count {
                guard try file.descriptor.waitForInput(unless: stop) else { return nil }
                let count = try file.descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: chunk[filled...]))
                if count == 0 { break }
                filled += count
            }
        } catch {
            failure = .read(error)
            return nil
        }
        let bytes = UnsafeRawBufferPointer(rebasing: chunk[..<filled])
        size += Int64(filled)
        // What uncompresses to nothing has a size, too.
        if size > limit {
            failure = .tooLarge(limit)
            return nil
        }
        digest.add(bytes)
        return bytes
    }
}
