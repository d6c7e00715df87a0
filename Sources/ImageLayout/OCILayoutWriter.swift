// Images into the folder of an OCI layout, new or with others in it.

public import Foundation
public import ImageFormat
import LinuxSystem
public import SandboxPolicy

/// Writes a layout that a reader may look at meanwhile: blobs get their names when they are whole, and index.json names
/// an image when all its blobs are there.
public final class OCILayoutWriter: ImageDestination {
    private let path: String
    private let tag: String?
    private let folder: SharedDescriptor
    private let blobs: SharedDescriptor

    /// - Parameters:
    ///   - folder: made where there is none; else empty, or a layout.
    ///   - tag: what the images are called in the layout; nil for the names they are finished with.
    /// - Throws: `.occupied`, `.layoutVersion`, `.document` or `.writing`.
    public init(folder path: String, tag: String? = nil) throws(LayoutError) {
        self.path = path
        self.tag = tag
        do throws(Errno) {
            try Files.makeDirectories(path, mode: 0o755)
            folder = SharedDescriptor(try Descriptor.open(path, [.readOnly, .directory]))
        } catch { throw .writing(path, error) }
        let files = try FolderFiles(path)
        let isNew = try !OCILayout.isLayout(files)
        do throws(Errno) {
            if isNew, try !folder.descriptor.fileNames().isEmpty { throw .notEmpty }
            blobs = try Self.makeBlobs(in: folder)
        } catch .notEmpty { throw .occupied(path) } catch { throw .writing(path, error) }
        if isNew {
            try write(LayoutDocuments.version, as: OCILayout.versionFile)
        } else if try files.document(OCILayout.indexFile) != nil {
            _ = try OCILayout(files)
        }
    }

    private static func makeBlobs(in folder: SharedDescriptor) throws(Errno) -> SharedDescriptor {
        var inner = folder
        for name in ["blobs", "sha256"].compactMap(FileName.init) {
            do throws(Errno) { try inner.descriptor.makeDirectory(name, mode: 0o755) } catch .exists {}
            inner = SharedDescriptor(try inner.descriptor.open(name, [.readOnly, .directory]))
        }
        return inner
    }

    public func add(_ blob: BlobDescriptor, at path: String) throws {
        if try isThere(blob) { return }
        let content = try FileSlice(stored: blob, at: path)
        try keep(blob.digest) { file in
            try content.copy(from: path) { bytes in
                do throws(Errno) { try file.descriptor.write(bytes.bytes) } catch {
                    throw LayoutError.writing(self.path, error)
                }
            }
        }
    }

    public func finish(_ manifest: BlobDescriptor, _ bytes: Data, as reference: ImageReference?) throws {
        try keep(manifest.digest) { file in
            do throws(Errno) { try file.descriptor.write(Array(bytes)) } catch {
                throw LayoutError.writing(self.path, error)
            }
        }
        let entry = LayoutDocuments.entry(manifest, name: tag ?? reference?.wholeName)
        do throws(Errno) { try folder.descriptor.lock(wait: true) } catch { throw LayoutError.writing(path, error) }
        let old = try FolderFiles(path).document(OCILayout.indexFile)
        try write(try LayoutDocuments.index(old, adding: entry, path), as: OCILayout.indexFile)
        // The lock goes with the open file, which lives on for the next image.
        do throws(Errno) { try folder.descriptor.unlock() } catch { throw LayoutError.writing(path, error) }
    }

    private func isThere(_ blob: BlobDescriptor) throws(LayoutError) -> Bool {
        do throws(Errno) {
            guard let name = FileName(blob.digest.hex), let status = try blobs.descriptor.status(of: name) else {
                return false
            }
            return status.kind == .regular && status.size == blob.size
        } catch { throw .writing(path, error) }
    }

    private func keep(_ digest: Digest, _ fill: (SharedDescriptor) throws -> Void) throws {
        do {
            let aside = try AsideFile(in: blobs)
            try fill(aside.file)
            if let name = FileName(digest.hex) { try aside.keep(as: name) }
        } catch let error as Errno { throw LayoutError.writing(path, error) }
    }

    private func write(_ bytes: Data, as file: TreePath) throws(LayoutError) {
        do throws(Errno) {
            let aside = try AsideFile(in: folder)
            try aside.file.descriptor.write(Array(bytes))
            if let name = file.name { try aside.keep(as: name) }
        } catch { throw .writing(path + "/" + file.text, error) }
    }
}

extension FileSlice {
    /// A blob of a store, in the file at `path`.
    init(stored blob: BlobDescriptor, at path: String) throws(LayoutError) {
        do throws(Errno) {
            guard let opened = try Descriptor.openRegular(path) else { throw .notRegular }
            let file = SharedDescriptor(opened)
            let status = try file.descriptor.status()
            guard status.size == blob.size else { throw .invalid }
            self.init(file: file, offset: 0, size: status.size)
        } catch .invalid { throw .changedBlob(blob.digest) } catch { throw .source(path, error) }
    }
}

/// The documents of a layout, as they are written.
enum LayoutDocuments {
    static let version = Data(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)

    /// An entry of index.json. podman reads the whole name where others have a tag, docker and containerd beside it.
    static func entry(_ manifest: BlobDescriptor, name: String?) -> BlobDescriptor {
        var entry = manifest
        guard let name else { return entry }
        entry.annotations = (entry.annotations ?? [:]).merging([OCILayout.nameKey: name]) { $1 }
        if let reference = ImageReference(name), name.contains(":"), reference.tag != nil {
            entry.annotations?[OCILayout.wholeNameKey] = reference.wholeName
        }
        return entry
    }

    /// index.json with one more entry, in place of one of the same name. All else stays as others have written it.
    /// - Parameter old: the one there is, checked already; nil for none.
    static func index(_ old: Data?, adding entry: BlobDescriptor, _ source: String) throws -> Data {
        guard let old else { return canonicalJSON(ImageIndex(manifests: [entry])) }
        _ = try OCILayout.index(old, source)
        guard var index = try JSONSerialization.jsonObject(with: old) as? [String: Any] else {
            throw LayoutError.document(source, entry: "index.json", .invalid("not an object"))
        }
        let others = (index["manifests"] as? [[String: Any]] ?? []).filter { !isReplaced($0, by: entry) }
        let new = try JSONSerialization.jsonObject(with: canonicalJSON(entry))
        index["manifests"] = others as [Any] + [new]
        return try JSONSerialization.data(withJSONObject: index, options: [.sortedKeys, .withoutEscapingSlashes])
    }

    private static func isReplaced(_ other: [String: Any], by entry: BlobDescriptor) -> Bool {
        let name = (other["annotations"] as? [String: Any])?[OCILayout.nameKey] as? String
        if let name { return name == entry.annotations?[OCILayout.nameKey] }
        // One without a name is only in the way of the same image.
        return other["digest"] as? String == entry.digest.description
    }
}

extension ImageReference {
    /// With the registry that a short name leaves out: what other tools call the image.
    var wholeName: String {
        if registry != nil { return description }
        return Self.defaultRegistry + "/" + (name.contains("/") ? "" : "library/") + description
    }
}
