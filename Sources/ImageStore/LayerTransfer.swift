// One layer on its way in: through a pipe from its source, summed, kept as it came, uncompressed, laid out.

import Decompression
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Synchronization

struct LayerTransfer: Sendable {
    let store: ImageStore
    let blob: BlobDescriptor
    /// What its uncompressed bytes must have for a digest.
    let content: Digest
    let mode: IdentityMode
    let writing: Writing
    let source: any ImageSource
    let budget: DiskBudget
    let progress: (any LayerProgress)?

    private var places: Places { store.places }
    private var blobPath: String { places.blob(blob.digest) }
    private var treePath: String { places.layer(content, mode) }

    /// Has blob and tree in the store, held for this writer.
    /// - Returns: the size of the uncompressed layer in bytes.
    func ensure() throws -> Int64 {
        var size: Int64?
        try writing.claim.ensure(blobPath) {
            try writing.claim.share(treePath)
            let isUnpacked = Files.isAccessible(treePath, 0)
            if !isUnpacked { try writing.claim.release(treePath) }
            size = try bring(unpacking: !isUnpacked)
        }
        progress?.advance(blob.digest, to: blob.size)
        let wasThere = size == nil
        try writing.claim.ensure(treePath) {
            let layer = ImageRecord.Layer(content: content, blob: blob.digest, size: 0)
            let tree = try store.unpackKept(layer, mode, writing, budget)
            try writing.keep(tree, as: treePath)
        }
        let result = try size ?? store.sizeOfKept(blob.digest, as: content)
        progress?.end(blob.digest, wasThere: wasThere)
        return result
    }

    /// Brings the blob in, and the tree where nobody else has made or makes it.
    private func bring(unpacking: Bool) throws -> Int64 {
        if blob.size > store.limits.bytes { throw ImageStoreError.layerTooLarge(name, store.limits.bytes) }
        let blobAside = try writing.aside(in: places.blobs)
        let treeAside = try unpacking ? writing.aside(in: places.layers) : nil
        do {
            let sums = try stream(blobAside, treeAside)
            guard sums.archiveSize == blob.size else {
                throw ImageStoreError.wrongSize(of: name, wanted: blob.size, found: sums.archiveSize)
            }
            guard sums.archive == blob.digest else {
                throw ImageStoreError.wrongDigest(of: name, wanted: blob.digest, found: sums.archive)
            }
            guard sums.content == content else {
                throw ImageStoreError.wrongDigest(of: name + ", uncompressed,", wanted: content, found: sums.content)
            }
            try writing.flush()
            try writing.keep(blobAside, as: blobPath)
            if let treeAside {
                try writing.claim.ensure(treePath) { try writing.keep(treeAside, as: treePath) }
                // Where another has made it meanwhile.
                writing.discard([treeAside])
            }
            return sums.contentSize
        } catch {
            writing.discard([blobAside] + (treeAside.map { [$0] } ?? []))
            throw error
        }
    }

    private var name: String { "the layer \(blob.digest.short)" }

    /// The source pushes, the unpacker pulls: a pipe between the two, and a thread for the source.
    private func stream(_ blobAside: String, _ treeAside: String?) throws -> ArchiveSource.Sums {
        let (feeder, result) = try start(blobAside, treeAside)
        // A source that failed has ended the stream early, which is why reading it failed then.
        if let error = feeder.wait() { throw error }
        return try result.get()
    }

    /// The writing end is the feeder's alone: it closes with the end of the blob.
    private func feed() throws -> (Feeder, SharedDescriptor) {
        let pipe = try PipeEnds()
        // A wish: all pipes of a user have a total (pipe(7)), and a small one does it too.
        do throws(Errno) { try pipe.setCapacity(1 << 20) } catch {}
        let ends = pipe.both()
        return (Feeder(source, blob, into: ends.writer), ends.reader)
    }

    /// Returns with the reading end closed: a feeder that waits for room then learns that nobody wants more.
    private func start(
        _ blobAside: String, _ treeAside: String?
    ) throws -> (Feeder, Result<ArchiveSource.Sums, any Error>) {
        let (feeder, reader) = try feed()
        let result = Result {
            try store.receive(reader, name, keptAt: blobAside, into: treeAside, mode, budget: budget) { bytes in
                progress?.advance(blob.digest, to: bytes)
            }
        }
        return (feeder, result)
    }
}

/// A source handing a blob on into a pipe, on a thread of its own.
private final class Feeder: Sendable {
    private struct State {
        /// Nil from the end on.
        var pipe: SharedDescriptor?
        var failure: (any Error)?
    }

    private let state: Mutex<State>
    private let ended = DispatchSemaphore(value: 0)

    /// The other side of the pipe wants no more.
    private struct NotWanted: Error {}

    init(_ source: any ImageSource, _ blob: BlobDescriptor, into pipe: SharedDescriptor) {
        state = Mutex(State(pipe: pipe))
        Thread { self.run(source, blob) }.start()
    }

    private func run(_ source: any ImageSource, _ blob: BlobDescriptor) {
        Signals.blockBrokenPipe()
        do {
            try source.copy(blob) { bytes in
                guard let pipe = state.withLock({ $0.pipe }) else { return }
                do throws(Errno) { try pipe.descriptor.write(bytes.bytes) } catch { throw NotWanted() }
            }
        } catch is NotWanted {} catch { state.withLock { $0.failure = error } }
        // The end of the stream.
        state.withLock { $0.pipe = nil }
        ended.signal()
    }

    /// Waits for the end. To be called once.
    /// - Returns: why the source could not hand on all of it.
    func wait() -> (any Error)? {
        ended.wait()
        return state.withLock { $0.failure }
    }
}
