// Uncompressing beside laying out: a thread of its own, a few buffers ahead.

import Checksums
import Decompression
import Dispatch
import Foundation
import LinuxSystem
import Synchronization

/// Reads, uncompresses and sums one archive on another thread, never more than `slots.count` buffers ahead of who takes
/// them. A slot belongs to that thread until it is `filled`, and to the taker until it is `free` again; everything else
/// is the thread's own until `finished`.
final class ReadAhead: @unchecked Sendable {
    final class Slot {
        /// 256 KiB: what one write lays down at most.
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
        /// Uncompressed bytes in `room`; 0 at the end, and where reading failed.
        var count = 0
        /// Compressed bytes read so far.
        var inputSize: Int64 = 0

        deinit { room.deallocate() }
    }

    private let slots = (0..<4).map { _ in Slot() }
    // Dispatch aborts where one goes away below the value it was made with: all start at 0.
    private let free = DispatchSemaphore(value: 0)
    private let filled = DispatchSemaphore(value: 0)
    private let finished = DispatchSemaphore(value: 0)
    private let isStopped = Atomic(false)
    private let stop: Event

    private let input: CompressedInput
    private let copy: SharedDescriptor?
    private let digest = ContentDigest()
    private let limit: Int64
    private let isLayer: Bool
    private var size: Int64 = 0
    private var result: Result<ArchiveSource.Sums, ArchiveSource.Failure> = .failure(.stopped)

    /// - Parameters:
    ///   - limit: the most bytes that are read, compressed and uncompressed.
    ///   - isLayer: of an image: then only what layers are compressed with is uncompressed.
    init(_ file: SharedDescriptor, copy: SharedDescriptor?, limit: Int64, isLayer: Bool) throws(Errno) {
        stop = try Event()
        input = CompressedInput(file, copy: copy, limit: limit, stop: stop)
        self.isLayer = isLayer
        self.limit = limit
        self.copy = copy
        for _ in slots { free.signal() }
        Thread { self.run() }.start()
    }

    // MARK: The taker's side

    private var taken = -1

    /// The next slot, valid until the next call. Not to be called behind one of no bytes.
    func next() -> Slot {
        if taken >= 0 { free.signal() }
        taken += 1
        filled.wait()
        return slots[taken % slots.count]
    }

    /// What came out, behind a slot of no bytes.
    func end() -> Result<ArchiveSource.Sums, ArchiveSource.Failure> { result }

    /// Ends the thread where it still runs, and waits for that. To be called once.
    func close() {
        isStopped.store(true, ordering: .releasing)
        stop.signal()
        free.signal()
        finished.wait()
    }

    // MARK: The thread's side

    private func run() {
        result = Result(catching: fillAll)
        // The taker learns of the end by a slot of no bytes: `fillAll` has left one free, or the taker has gone.
        filled.signal()
        finished.signal()
    }

    private func fillAll() throws(ArchiveSource.Failure) -> ArchiveSource.Sums {
        var index = 0
        free.wait()
        guard let compression = input.compression() else { throw input.failure ?? .stopped }
        if input.size == 0, !isLayer { throw .empty }
        if !compression.isOfLayers {
            if isLayer { throw .damaged("it is compressed in a way that layers of images are not") }
            input.keepsNothing()
        }
        let decompressor = compression.decompressor(of: input)
        while true {
            let slot = slots[index % slots.count]
            slot.count = 0
            slot.count = try fill(slot.room, from: decompressor)
            slot.inputSize = input.size
            if slot.count == 0 {
                let content = digest.finish()
                return ArchiveSource.Sums(
                    content: content, contentSize: size, archive: compression.isOfLayers ? input.sum() : content,
                    archiveSize: compression.isOfLayers ? input.size : size, compression: compression)
            }
            if !compression.isOfLayers { try keep(slot) }
            filled.signal()
            index += 1
            free.wait()
            if isStopped.load(ordering: .acquiring) { throw .stopped }
        }
    }

    /// Layers of images are not compressed in this way: the copy aside is of the uncompressed bytes.
    private func keep(_ slot: Slot) throws(ArchiveSource.Failure) {
        do throws(Errno) {
            try copy?.descriptor.write(UnsafeRawBufferPointer(rebasing: slot.room[..<slot.count]).bytes)
        } catch { throw .copy(error) }
    }

    /// Fills the whole of `room`, unless the end comes before.
    private func fill(
        _ room: UnsafeMutableRawBufferPointer, from decompressor: any Decompressor
    ) throws(ArchiveSource.Failure) -> Int {
        var filled = 0
        while filled < room.count {
            do throws(DecompressionError) {
                let count = try decompressor.read(into: UnsafeMutableRawBufferPointer(rebasing: room[filled...]))
                if count == 0 { break }
                filled += count
            } catch {
                throw error == .source ? input.failure ?? .stopped : .damaged("\(error)")
            }
        }
        size += Int64(filled)
        if size > limit { throw .tooLarge(limit) }
        digest.add(UnsafeRawBufferPointer(rebasing: room[..<filled]))
        return filled
    }
}
