// What is in a folder or an archive, whatever kind it turns out to be.

public import ImageFormat
import LinuxSystem
public import SandboxPolicy

/// An image that can be brought in, with what it is called where it stands.
public struct LoadableImage: Sendable {
    /// As written there: whole names, or mere tags; none where it was saved without a name.
    public let names: [String]
    public let source: any ImageSource

    /// The names that say which image it is. A word without `:` and `/` is a tag, and does not.
    public var references: [ImageReference] {
        var found: [ImageReference] = []
        var seen: Set<ImageReference> = []
        for name in names where name.contains(":") || name.contains("/") {
            if let reference = ImageReference(name), seen.insert(reference).inserted { found.append(reference) }
        }
        return found
    }

    /// All images of a folder or an archive. Nothing is read yet but names.
    /// - Parameters:
    ///   - path: a folder with an OCI layout, a tar of `docker save`, `podman save` or `skopeo copy`, plain or
    ///     compressed by gzip, zstd, xz or bzip2, or `-` for such a tar on standard input.
    ///   - scratch: where a compressed archive is uncompressed to.
    public static func all(in path: String, scratch: Scratch) throws(LayoutError) -> [LoadableImage] {
        let images: [LoadableImage]
        if path != "-", isFolder(path) {
            images = try all(in: try OCILayout(folder: path))
        } else {
            let files = try ArchiveFiles(path, scratch)
            // docker writes both since version 25; the layout has digests, which then need not be found out.
            if try OCILayout.isLayout(files), try files.find(OCILayout.indexFile) != nil {
                images = try all(in: try OCILayout(files))
            } else if try files.find(DockerArchive.manifestFile) != nil {
                images = try all(in: try DockerArchive(files))
            } else {
                throw .notImages(files.name, missing: "index.json and no manifest.json")
            }
        }
        if images.isEmpty { throw .noImages(path == "-" ? "standard input" : path) }
        return images
    }

    private static func isFolder(_ path: String) -> Bool {
        do throws(Errno) { return try FileStatus.of(path).kind == .directory } catch { return false }
    }

    private static func all(in layout: OCILayout) throws(LayoutError) -> [LoadableImage] {
        var found: [LoadableImage] = []
        for image in layout.images {
            found.append(LoadableImage(names: image.names, source: layout.source(of: image)))
        }
        return found
    }

    private static func all(in archive: DockerArchive) throws(LayoutError) -> [LoadableImage] {
        var found: [LoadableImage] = []
        for (place, names) in archive.images.enumerated() {
            found.append(LoadableImage(names: names, source: archive.source(at: place)))
        }
        return found
    }
}

extension LayoutReference {
    /// The one image that this names.
    /// - Throws: `.severalImages`, `.unknownImage` or `.noImages` with what is there, or why nothing can be read.
    public func image(scratch: Scratch) throws(LayoutError) -> LoadableImage {
        switch kind {
        case .dockerArchive:
            let archive = try DockerArchive(try ArchiveFiles(path, scratch))
            let place = try choice.pick(from: archive.images, in: path)
            return LoadableImage(names: archive.images[place], source: archive.source(at: place))
        case .layout, .ociArchive:
            let layout =
                kind == .layout ? try OCILayout(folder: path) : try OCILayout(try ArchiveFiles(path, scratch))
            let place = try choice.pick(from: layout.images.map(\.names), in: path)
            return LoadableImage(names: layout.images[place].names, source: layout.source(of: layout.images[place]))
        }
    }
}
