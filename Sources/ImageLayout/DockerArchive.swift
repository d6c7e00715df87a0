// Images as `docker save` writes them: a tar with manifest.json (Docker image specification v1.2, "Combined Image JSON
// + Filesystem Changeset Format").

import Checksums
import Decompression
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Synchronization

/// An archive of docker, podman or skopeo. It has no manifests and no digests, so both are made: the digest of a layer
/// is that of its bytes as they stand.
final class DockerArchive: Sendable {
    /// One image of manifest.json.
    struct Item: Decodable, Sendable {
        var config: String
        var names: [String]?
        var layers: [String]?

        enum CodingKeys: String, CodingKey {
            case config = "Config"
            case names = "RepoTags"
            case layers = "Layers"
        }
    }

    /// The names of each image, in the order of manifest.json; none for one that was saved by its id.
    var images: [[String]] { items.map { $0.names ?? [] } }

    private let items: [Item]
    private let files: any LayoutFiles
    /// Images share layers: each is read once. By their place in the tar.
    private let sums = Mutex<[Int64: Digest]>([:])

    /// Of one archive; a layout has the same limit.
    static let mostImages = 1000

    static let manifestFile = TreePath(["manifest.json"].compactMap(FileName.init))

    init(_ files: any LayoutFiles) throws(LayoutError) {
        self.files = files
        guard let bytes = try files.document(Self.manifestFile) else {
            throw .notImages(files.name, missing: "manifest.json")
        }
        do { items = try JSONDecoder().decode([Item].self, from: bytes) } catch {
            throw .document(files.name, entry: "manifest.json", .invalid("not a list of Config, RepoTags and Layers"))
        }
        if items.count > Self.mostImages { throw .tooManyImages(files.name, most: Self.mostImages) }
    }

    func source(at place: Int) -> Source { Source(archive: self, item: items[place]) }

    private func entry(_ path: String) throws(LayoutError) -> FileSlice {
        guard let place = TreePath(path.utf8) else { throw .linkOutside(files.name, entry: path) }
        guard let slice = try files.find(place) else { throw .missing(files.name, entry: path) }
        return slice
    }

    private func digest(of slice: FileSlice) throws -> Digest {
        if let known = sums.withLock({ $0[slice.offset] }) { return known }
        let sum = ContentDigest()
        try slice.copy(from: files.name) { sum.add($0) }
        let digest = sum.finish()
        sums.withLock { $0[slice.offset] = digest }
        return digest
    }

    private func layer(_ path: String) throws -> (BlobDescriptor, FileSlice) {
        let slice = try entry(path)
        let type: MediaType
        switch try Compression(of: slice, files.name) {
        case .none: type = .ociLayer
        case .gzip: type = .ociLayerGzip
        case .zstd: type = .ociLayerZstd
        case .xz, .bzip2: throw LayoutError.layerCompression(files.name, entry: path)
        }
        return (BlobDescriptor(type, try digest(of: slice), size: slice.size), slice)
    }

    /// One image of an archive. Its layers are read once, when it is first asked for anything.
    final class Source: ImageSource {
        private struct Content {
            let manifest: Data
            let blobs: [Digest: FileSlice]
        }

        private let archive: DockerArchive
        private let item: Item
        private let known = Mutex<Content?>(nil)

        init(archive: DockerArchive, item: Item) {
            self.archive = archive
            self.item = item
        }

        /// The lock is held while the layers are summed: nobody can go on without them.
        private func content() throws -> Content {
            try known.withLock { known in
                if let known { return known }
                let config = try archive.entry(item.config)
                let bytes = try config.content(
                    limit: ImageDocument.limit, source: archive.files.name, entry: item.config)
                let digest = ContentDigest.of(bytes)
                var blobs = [digest: config]
                var layers: [BlobDescriptor] = []
                for path in (item.layers ?? []).prefix(ImageDocument.layerLimit + 1) {
                    let (layer, slice) = try archive.layer(path)
                    blobs[layer.digest] = slice
                    layers.append(layer)
                }
                let manifest = ImageManifest(
                    config: BlobDescriptor(.ociConfig, digest, size: config.size), layers: layers)
                let content = Content(manifest: canonicalJSON(manifest), blobs: blobs)
                known = content
                return content
            }
        }

        private func blob(_ descriptor: BlobDescriptor) throws -> FileSlice {
            guard let slice = try content().blobs[descriptor.digest] else {
                throw LayoutError.missing(archive.files.name, entry: "\(descriptor.digest)")
            }
            return slice
        }

        func root() throws -> (bytes: Data, mediaType: String?) {
            (try content().manifest, MediaType.ociManifest.rawValue)
        }

        func document(_ descriptor: BlobDescriptor) throws -> Data {
            try blob(descriptor)
                .content(limit: ImageDocument.limit, source: archive.files.name, entry: "\(descriptor.digest)")
        }

        func copy(_ blob: BlobDescriptor, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
            try self.blob(blob).copy(from: archive.files.name, to: sink)
        }
    }
}
