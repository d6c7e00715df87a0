// Bringing an image in from anywhere: its documents, then its layers, several at once, then its name.

import Checksums
import Decompression
import Foundation
public import ImageFormat
import LinuxSystem
public import SandboxPolicy
import Synchronization

/// Told of the layers of an image while they are brought in, from several threads.
public protocol LayerProgress: Sendable {
    /// All of them, lowest first.
    func begin(_ layers: [BlobDescriptor])
    /// Bytes of a layer's blob that are here and laid out.
    func advance(_ layer: Digest, to bytes: Int64)
    /// - Parameter wasThere: nothing of it had to be brought in.
    func end(_ layer: Digest, wasThere: Bool)
}

extension ImageStore {
    /// How many layers are brought in at once.
    static let layersAtOnce = 3

    /// Brings an image in under a name, replacing an image of that name. Every blob is checked against its digest and
    /// size, and every layer against its uncompressed digest, while it streams; what is in the store already is not
    /// asked for again.
    /// - Parameters:
    ///   - key: what a made-up name stands for.
    ///   - others: names that it gets as well.
    ///   - expected: the digest of its index or manifest, where the name is none.
    ///   - mode: what trees are unpacked for. `.range` wants a user namespace with the ids of the archives mapped.
    /// - Throws: `ImageStoreError`, also where the one image there is has another platform; then no name has changed.
    ///   Layers that were whole by then are kept.
    public func add(
        _ source: any ImageSource, as reference: ImageReference, and others: [ImageReference] = [],
        key: EntryKey? = nil, being expected: Digest? = nil, platform: Platform, mode: IdentityMode,
        progress: (any LayerProgress)? = nil
    ) throws(ImageStoreError) {
        do {
            let (bytes, type) = try source.root()
            let root = ContentDigest.of(bytes)
            for reference in [reference] + others {
                guard let wanted = reference.digest ?? expected, wanted != root else { continue }
                throw ImageStoreError.wrongDigest(of: "\(reference)", wanted: wanted, found: root)
            }
            let image = try Documents(source, bytes, type, platform, root)
            guard image.config.platform.fits(platform) else {
                throw FormatError.noPlatform(wanted: platform, offered: [image.config.platform])
            }
            let writing = try Writing(places)
            progress?.begin(image.manifest.layers)
            let layers = try addLayers(of: image, from: source, mode, writing, progress)
            try writeDocument(image.configBytes, writing)
            try writeDocument(image.manifestBytes, writing)
            try name([reference] + others, writing) { reference in
                ImageRecord(
                    root: root, manifest: image.manifestDigest, config: image.manifest.config.digest,
                    platform: "\(image.config.platform)", layers: layers,
                    settings: image.config.settings(of: reference.description), key: key)
            }
        } catch { throw Self.typed(error, places) }
    }

    /// Gives an image its names, when all its parts are held.
    private func name(
        _ references: [ImageReference], _ writing: Writing, _ record: (ImageReference) -> ImageRecord
    ) throws {
        // A flush for each would take as long as all the rest, and so would holding a lock for each at once.
        let atOnce = 256
        for start in stride(from: 0, to: references.count, by: atOnce) {
            let wanted = try references[start..<min(start + atOnce, references.count)].filter {
                // Asked for now: a name seen before may have been taken away since.
                try record($0) != existing($0)
            }
            try writeRecords(wanted.map { ($0, record($0)) }, writing)
        }
    }

    /// The record of an image; nil where there is none that can be read.
    public func existing(_ reference: ImageReference) throws(ImageStoreError) -> ImageRecord? {
        // Not by way of the error, which looks for the nearest of all names.
        if !Files.isAccessible(places.images + "/" + reference.fileName, 0) { return nil }
        do throws(ImageStoreError) { return try record(reference) } catch .unknownImage {
            return nil
        } catch .damagedRecord { return nil }
    }

    private func addLayers(
        of image: Documents, from source: any ImageSource, _ mode: IdentityMode, _ writing: Writing,
        _ progress: (any LayerProgress)?
    ) throws -> [ImageRecord.Layer] {
        let wanted = Array(zip(image.manifest.layers, image.config.rootfs.layers))
        // One blob may stand in an image twice, and one content in two blobs. These come one after the other: the locks
        // of this process are one's own among its threads.
        var distinct: [[LayerTransfer]] = []
        let budget = try budget(whole: true)
        for (blob, content) in wanted {
            let layer = LayerTransfer(
                store: self, blob: blob, content: content, mode: mode, writing: writing, source: source,
                budget: budget, progress: progress)
            let isRelated = { (other: LayerTransfer) in other.content == content || other.blob.digest == blob.digest }
            guard let place = distinct.firstIndex(where: { $0.contains(where: isRelated) }) else {
                distinct.append([layer])
                continue
            }
            let isSame = { (other: LayerTransfer) in other.content == content && other.blob.digest == blob.digest }
            if !distinct[place].contains(where: isSame) { distinct[place].append(layer) }
        }
        let sizes = Mutex<[Digest: Int64]>([:])
        try Workers.run(distinct, atOnce: Self.layersAtOnce) { layers in
            for layer in layers {
                let size = try layer.ensure()
                known.note(layer.blob.digest, layer.content, size)
                sizes.withLock { $0[layer.content] = size }
            }
        }
        let found = sizes.withLock { $0 }
        return wanted.map { blob, content in
            ImageRecord.Layer(content: content, blob: blob.digest, size: found[content] ?? 0)
        }
    }
}

extension ImageStore {
    /// The uncompressed size in bytes of a kept blob that is the layer `content`: as an image here has it, or read through.
    /// Nothing but that says that the two belong together: a manifest and a config can name any of what is here.
    /// - Throws: `.wrongDigest` where it is another layer.
    func sizeOfKept(_ blob: Digest, as content: Digest) throws -> Int64 {
        if let size = try known.size(of: blob, as: content, images: { try images().compactMap(\.record) }) {
            return size
        }
        let path = places.blob(blob)
        let sums = try receive(try Self.open(path), path, keptAt: nil, into: nil, .single, budget: nil) { _ in }
        guard sums.content == content else {
            throw ImageStoreError.wrongDigest(
                of: "the layer \(blob.short), uncompressed,", wanted: content, found: sums.content)
        }
        return sums.contentSize
    }
}

/// Which blobs hold which contents, and how large those are uncompressed: as the images here say, read once, and as was
/// seen since. What a digest stands for does not change.
final class KnownLayers: Sendable {
    private struct Pair: Hashable {
        let blob: Digest
        let content: Digest
    }

    private let sizes = Mutex<[Pair: Int64]?>(nil)

    func size(of blob: Digest, as content: Digest, images: () throws -> [ImageRecord]) rethrows -> Int64? {
        let pair = Pair(blob: blob, content: content)
        if let sizes = sizes.withLock({ $0 }) { return sizes[pair] }
        let records = try images()
        return sizes.withLock { sizes in
            var found = sizes ?? [:]
            for layer in records.flatMap(\.layers) {
                found[Pair(blob: layer.blob, content: layer.content)] = layer.size
            }
            sizes = found
            return found[pair]
        }
    }

    /// What was found out of a layer that is whole.
    func note(_ blob: Digest, _ content: Digest, _ size: Int64) {
        sizes.withLock { if $0 != nil { $0?[Pair(blob: blob, content: content)] = size } }
    }
}

/// The documents of one image, checked.
struct Documents {
    let manifest: ImageManifest
    let manifestBytes: Data
    let manifestDigest: Digest
    let config: ImageConfig
    let configBytes: Data

    init(_ source: any ImageSource, _ root: Data, _ type: String?, _ platform: Platform, _ digest: Digest) throws {
        var (bytes, digest, type) = (root, digest, type)
        // An index may name an index; a chain of them has an end.
        for _ in 0..<4 {
            switch try ImageDocument.parse(bytes, mediaType: type) {
            case .index(let index):
                let chosen = try index.manifest(for: platform)
                bytes = try Self.checked(source, chosen)
                (digest, type) = (chosen.digest, chosen.mediaType)
            case .manifest(let found):
                manifest = found
                manifestBytes = bytes
                manifestDigest = digest
                configBytes = try Self.checked(source, found.config)
                config = try ImageConfig.parse(configBytes, of: found)
                return
            }
        }
        throw FormatError.invalid("an index in an index in an index")
    }

    private static func checked(_ source: any ImageSource, _ wanted: BlobDescriptor) throws -> Data {
        if wanted.size > ImageDocument.limit { throw FormatError.tooLarge(wanted.size, most: ImageDocument.limit) }
        let bytes = try source.document(wanted)
        guard bytes.count == wanted.size else {
            throw ImageStoreError.wrongSize(
                of: "the document \(wanted.digest)", wanted: wanted.size, found: Int64(bytes.count))
        }
        let found = ContentDigest.of(bytes)
        guard found == wanted.digest else {
            throw ImageStoreError.wrongDigest(of: "a document", wanted: wanted.digest, found: found)
        }
        return bytes
    }
}
