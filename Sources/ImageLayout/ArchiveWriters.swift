// Images into one tar, for `podman load`, `docker load` and `skopeo copy`.

public import Foundation
public import ImageFormat
import LinuxSystem
public import SandboxPolicy

/// Writes the tar of an OCI layout. Several images share their blobs; the same images make the same bytes.
public final class OCIArchiveWriter: ImageDestination {
    private let entries: ArchiveEntries
    private let tag: String?
    private var manifests: [BlobDescriptor] = []

    /// - Parameter tag: what the image is called in the layout; nil for the name it is finished with.
    /// - Throws: `.writing`.
    public init(_ output: ArchiveOutput, tag: String? = nil) throws(LayoutError) {
        self.tag = tag
        entries = ArchiveEntries(output)
        try entries.file("oci-layout", [UInt8](LayoutDocuments.version))
        try entries.folder("blobs")
        try entries.folder("blobs/sha256")
    }

    public func add(_ blob: BlobDescriptor, at path: String) throws {
        try entries.file("blobs/sha256/" + blob.digest.hex, try FileSlice(stored: blob, at: path), from: path)
    }

    public func finish(_ manifest: BlobDescriptor, _ bytes: Data, as reference: ImageReference?) throws {
        try entries.file("blobs/sha256/" + manifest.digest.hex, [UInt8](bytes))
        manifests.append(LayoutDocuments.entry(manifest, name: tag ?? reference?.wholeName))
    }

    /// Ends the archive behind its last image; without this nothing is there.
    /// - Throws: `.writing`.
    public func close() throws(LayoutError) {
        try entries.file("index.json", [UInt8](canonicalJSON(ImageIndex(manifests: manifests))))
        try entries.end()
    }
}

/// Writes the tar of `docker save`. Layers stay compressed as they are: what loads such archives looks at their first
/// bytes. Several images share their layers; the same images make the same bytes.
public final class DockerArchiveWriter: ImageDestination {
    private struct Item: Encodable {
        var config: String
        var names: [String]?
        var layers: [String]

        enum CodingKeys: String, CodingKey {
            case config = "Config"
            case names = "RepoTags"
            case layers = "Layers"
        }
    }

    private let entries: ArchiveEntries
    private var items: [Item] = []

    /// - Throws: `.writing`.
    public init(_ output: ArchiveOutput) throws(LayoutError) { entries = ArchiveEntries(output) }

    public func add(_ blob: BlobDescriptor, at path: String) throws {
        let name = blob.type?.isConfig ?? false ? Self.config(blob.digest) : Self.layer(blob.digest)
        try entries.file(name, try FileSlice(stored: blob, at: path), from: path)
    }

    public func finish(_ manifest: BlobDescriptor, _ bytes: Data, as reference: ImageReference?) throws {
        guard case .manifest(let content) = try ImageDocument.parse(bytes, mediaType: manifest.mediaType) else {
            throw FormatError.invalid("an index where a manifest must be")
        }
        let config = Self.config(content.config.digest)
        // A digest is no tag.
        let name = reference.flatMap { $0.tag == nil ? nil : $0.wholeName }
        if let same = items.firstIndex(where: { $0.config == config }), let name {
            items[same].names = (items[same].names ?? []) + [name]
        } else {
            items.append(
                Item(
                    config: config, names: name.map { [$0] }, layers: content.layers.map { Self.layer($0.digest) }))
        }
    }

    /// Ends the archive behind its last image; without this nothing is there.
    /// - Throws: `.writing`.
    public func close() throws(LayoutError) {
        try entries.file("manifest.json", [UInt8](canonicalJSON(items)))
        try entries.end()
    }

    private static func config(_ digest: Digest) -> String { digest.hex + ".json" }
    private static func layer(_ digest: Digest) -> String { digest.hex + ".tar" }
}
