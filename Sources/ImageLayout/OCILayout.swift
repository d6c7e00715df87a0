// Images as the OCI image layout specification keeps them: oci-layout, index.json and blobs by their digests.

import Checksums
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy

/// A layout that is read, in a folder or in a tar.
struct OCILayout: Sendable {
    /// One image of the layout, for one platform or for several.
    struct Image: Sendable, Equatable {
        /// As the layout has them: tags, or whole names. None for an image that has only a place in the list.
        fileprivate(set) var names: [String]
        /// An index or a manifest; several where index.json itself lists the platforms.
        fileprivate(set) var descriptors: [BlobDescriptor]
    }

    /// In the order of index.json.
    let images: [Image]
    let files: any LayoutFiles

    /// A layout in a folder.
    /// - Throws: `.notALayout`, `.layoutVersion`, `.document` or `.source`.
    init(folder: String) throws(LayoutError) {
        let files = try FolderFiles(folder)
        guard try Self.isLayout(files) else { throw .notALayout(folder) }
        try self.init(files)
    }

    init(_ files: any LayoutFiles) throws(LayoutError) {
        self.files = files
        struct Version: Decodable { var imageLayoutVersion: String }
        if let bytes = try files.document(Self.versionFile) {
            let version: Version
            do { version = try JSONDecoder().decode(Version.self, from: bytes) } catch {
                throw .document(files.name, entry: "oci-layout", .invalid("it has no imageLayoutVersion"))
            }
            guard version.imageLayoutVersion.hasPrefix("1.") else {
                throw .layoutVersion(files.name, version.imageLayoutVersion)
            }
        }
        guard let bytes = try files.document(Self.indexFile) else {
            throw .notImages(files.name, missing: "index.json")
        }
        let index = try Self.index(bytes, files.name)
        if index.manifests.count > DockerArchive.mostImages {
            throw .tooManyImages(files.name, most: DockerArchive.mostImages)
        }
        images = Self.images(of: index)
    }

    static let versionFile = TreePath(["oci-layout"].compactMap(FileName.init))
    static let indexFile = TreePath(["index.json"].compactMap(FileName.init))
    /// OCI image specification, "Pre-Defined Annotation Keys".
    static let nameKey = "org.opencontainers.image.ref.name"
    /// The whole name beside a tag, as containerd and docker write it.
    static let wholeNameKey = "io.containerd.image.name"

    static func isLayout(_ files: any LayoutFiles) throws(LayoutError) -> Bool { try files.find(versionFile) != nil }

    static func index(_ bytes: Data, _ source: String) throws(LayoutError) -> ImageIndex {
        do throws(FormatError) {
            switch try ImageDocument.parse(bytes, mediaType: MediaType.ociIndex.rawValue) {
            case .index(let index): return index
            case .manifest: throw .invalid("a manifest where the index must be")
            }
        } catch { throw .document(source, entry: "index.json", error) }
    }

    /// Entries of one name are one image for several platforms; entries of one digest are one image of several names.
    private static func images(of index: ImageIndex) -> [Image] {
        var images: [Image] = []
        // To tell them apart takes the square of their number, which has a limit.
        for entry in index.manifests where entry.type.map({ $0.isIndex || $0.isManifest }) ?? false {
            let name = entry.annotations?[wholeNameKey] ?? entry.annotations?[nameKey]
            if let same = images.firstIndex(where: { $0.descriptors.map(\.digest) == [entry.digest] }) {
                if let name, !images[same].names.contains(name) { images[same].names.append(name) }
            } else if let other = images.firstIndex(where: { isForOtherPlatform(entry, name, $0) }) {
                images[other].descriptors.append(entry)
            } else {
                images.append(Image(names: name.map { [$0] } ?? [], descriptors: [entry]))
            }
        }
        return images
    }

    private static func isForOtherPlatform(_ entry: BlobDescriptor, _ name: String?, _ image: Image) -> Bool {
        guard let platform = entry.platform, image.names == (name.map { [$0] } ?? []) else { return false }
        return image.descriptors.allSatisfy { $0.platform != nil && $0.platform != platform }
    }

    func source(of image: Image) -> Source { Source(files: files, image: image) }

    /// One image of a layout.
    struct Source: ImageSource {
        let files: any LayoutFiles
        let image: Image

        func root() throws -> (bytes: Data, mediaType: String?) {
            guard image.descriptors.count == 1, let first = image.descriptors.first else {
                return (canonicalJSON(ImageIndex(manifests: image.descriptors)), MediaType.ociIndex.rawValue)
            }
            let bytes = try document(first)
            // Nobody else has the digest to compare with.
            guard ContentDigest.of(bytes) == first.digest else {
                throw LayoutError.wrongDigest(files.name, entry: "\(first.digest)")
            }
            return (bytes, first.mediaType)
        }

        func document(_ descriptor: BlobDescriptor) throws -> Data {
            try files.blob(descriptor)
                .content(limit: ImageDocument.limit, source: files.name, entry: "\(descriptor.digest)")
        }

        func copy(_ blob: BlobDescriptor, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
            try files.blob(blob).copy(from: files.name, to: sink)
        }
    }
}
