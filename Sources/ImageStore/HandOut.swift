// Handing an image out: to a registry, a layout, an archive.

public import Foundation
public import ImageFormat
import LinuxSystem
public import SandboxPolicy

extension ImageStore {
    /// Gives an image to `destination` as it came: blobs, config and manifest unchanged.
    /// - Parameter name: what it is called there; nil: as here.
    /// - Throws: `ImageStoreError`, also for what the destination throws.
    public func send(
        _ reference: ImageReference, to destination: some ImageDestination, as name: ImageReference? = nil
    ) throws(ImageStoreError) {
        let record = try record(reference)
        let writing = try Writing(places)
        do {
            for digest in record.blobs {
                try writing.claim.share(places.blob(digest))
                guard Files.isAccessible(places.blob(digest), 0) else {
                    // Where the image was removed meanwhile, that it is unknown says it.
                    _ = try self.record(reference)
                    throw ImageStoreError.incomplete("\(reference)", digest)
                }
            }
            let (manifest, bytes) = try manifest(of: record)
            for blob in [manifest.config] + manifest.layers {
                try destination.add(blob, at: places.blob(blob.digest))
            }
            let type: MediaType = manifest.config.type == .dockerConfig ? .dockerManifest : .ociManifest
            try destination.finish(
                BlobDescriptor(
                    manifest.mediaType.flatMap(MediaType.init) ?? type, record.manifest, size: Int64(bytes.count)),
                bytes, as: name ?? reference)
        } catch { throw Self.typed(error, places) }
    }

    /// The manifest of an image, with its bytes.
    public func manifest(of record: ImageRecord) throws -> (ImageManifest, Data) {
        let bytes = Data(try Files.read(places.blob(record.manifest), limit: ImageDocument.limit))
        guard case .manifest(let manifest) = try ImageDocument.parse(bytes) else {
            throw ImageStoreError.changedBlob(places.blob(record.manifest))
        }
        return (manifest, bytes)
    }

    /// Gives `body` the layers of an image as folders, lowest first, unpacked for `mode`. Nobody removes them
    /// meanwhile.
    /// - Throws: `ImageStoreError`, or what `body` throws.
    public func withFolders(
        of reference: ImageReference, mode: IdentityMode, _ body: ([String]) throws -> Void
    ) throws {
        let record = try record(reference)
        let writing = try Writing(places)
        try unpack(record, of: reference, mode, writing)
        try withExtendedLifetime(writing) { try body(record.layers.map { places.layer($0.content, mode) }) }
    }
}
