// Why a layout or an archive of images can't be read or written, in one line.

public import ImageFormat
public import LinuxSystem
public import SandboxPolicy

/// `source` is what the user called the folder or archive; an entry is a path inside it.
public enum LayoutError: Error, Equatable, Sendable {
    /// The text is none of oci:, oci-archive: and docker-archive:.
    case notAReference(String)
    case source(String, Errno)
    /// A folder without an oci-layout file.
    case notALayout(String)
    /// An archive without index.json and manifest.json, or one that lacks what its kind has.
    case notImages(String, missing: String)
    case notAnArchive(String)
    case layoutVersion(String, String)
    /// A document of the layout, and what is wrong with it.
    case document(String, entry: String, FormatError)
    case noImages(String)
    /// Less would be left of the disk than is kept free, in bytes.
    case tooLittleLeft(String, free: Int64, kept: Int64)
    case tooManyImages(String, most: Int)
    case severalImages(String, names: [String])
    case unknownImage(String, wanted: String, names: [String])
    case missing(String, entry: String)
    /// A symbolic link, a folder, a fifo or a device where a file must be.
    case irregular(String, entry: String)
    case linkOutside(String, entry: String)
    /// Bytes there are, and bytes there should be.
    case wrongSize(String, entry: String, Int64, expected: Int64)
    case wrongDigest(String, entry: String)
    case tooLarge(String, entry: String, Int64, most: Int64)
    /// A layer that is compressed by something that images do not use.
    case layerCompression(String, entry: String)
    /// Truncated or corrupt, with the reason.
    case damaged(String, String)
    /// Uncompressed it is larger than this many bytes.
    case tooMuch(String, most: Int64)
    case writing(String, Errno)
    /// The folder is neither a layout nor empty.
    case occupied(String)
    /// A blob of the store is not what the manifest says.
    case changedBlob(Digest)
    /// A file of a tree that is written out: what was done with it, and why it failed.
    case tree(String, path: String, Errno)
    case changedFile(String)
    /// A path of this tree can't be opened by any program.
    case tooDeep(String)
    /// An overlay has put the content of this path elsewhere.
    case redirected(String)
}

extension LayoutError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notAReference(let text):
            "\(quoted(text)) is no image in a file; write oci:FOLDER[:TAG], oci-archive:FILE[:TAG] or "
                + "docker-archive:FILE[:NAME]"
        case .source(let source, .notRegular):
            "\(quoted(source)) is not a regular file; what comes as a stream is given by -, as in sandbox load <FILE"
        case .source(let source, let errno): "can't read \(quoted(source)): \(errno); check the path and its mode"
        case .notALayout(let folder):
            "\(quoted(folder)) is no OCI layout: it has no file oci-layout; a root file system is run as it is"
        case .notImages(let source, let missing):
            "\(quoted(source)) is no archive of images: it has no \(missing); a tar of a root file system is for "
                + "sandbox import"
        case .notAnArchive(let source):
            "\(quoted(source)) is not a tar file (plain, gzip, zstd, xz or bzip2); "
                + "give one of docker save or podman save"
        case .layoutVersion(let source, let version):
            "\(quoted(source)) is an OCI layout of version \(quoted(Self.short(version))), and 1 is read; write it anew"
        case .document(let source, let entry, let error):
            "\(quoted(Self.short(entry))) of \(quoted(source)) can't be used: \(error)"
        case .noImages(let source): "there is no image in \(quoted(source)); write one to it first"
        case .tooManyImages(let source, let most):
            "\(quoted(source)) has more than \(most) images; write them to several archives"
        case .severalImages(let source, let names):
            "there are several images in \(quoted(source)); add one of \(Self.list(names)) behind a colon"
        case .unknownImage(let source, let wanted, let names):
            "there is no image \(quoted(wanted)) in \(quoted(source)); it has \(Self.list(names))"
        case .missing(let source, let entry):
            "\(quoted(source)) lacks \(quoted(Self.short(entry))), which its image needs; get it again"
        case .irregular(let source, let entry):
            "\(quoted(Self.short(entry))) of \(quoted(source)) is not a plain file; links and devices are not followed"
        case .linkOutside(let source, let entry):
            "\(quoted(Self.short(entry))) of \(quoted(source)) leads out of the archive or in a circle; get it again"
        case .wrongSize(let source, let entry, let size, let expected):
            "\(quoted(Self.short(entry))) of \(quoted(source)) has \(size) bytes and should have \(expected); "
                + "get it again"
        case .wrongDigest(let source, let entry):
            "\(quoted(Self.short(entry))) of \(quoted(source)) does not have the content that its name says; "
                + "get it again"
        case .tooLarge(let source, let entry, let size, let most):
            "\(quoted(Self.short(entry))) of \(quoted(source)) has \(size) bytes, and at most \(most) are read"
        case .layerCompression(let source, let entry):
            "the layer \(quoted(Self.short(entry))) of \(quoted(source)) is neither plain nor compressed by gzip or "
                + "zstd; write the image anew"
        case .damaged(let source, let reason):
            "the archive \(quoted(source)) is damaged: \(escaped(Self.short(reason))); get it again and check its sum"
        case .tooMuch(let source, let most):
            "the archive \(quoted(source)) has more than \(most) bytes uncompressed; if it is meant to, give a larger "
                + "--max-image-size"
        case .tooLittleLeft(let path, let free, let kept):
            "no space left for \(quoted(path)): \(free >> 20) MiB are free and \(kept >> 20) MiB are kept so; free some "
                + "there, or set XDG_DATA_HOME to a larger disk"
        case .writing(let path, let errno):
            "can't write \(quoted(path)): \(errno); check owner, mode and free space"
        case .occupied(let folder):
            "\(quoted(folder)) has files in it and is no OCI layout; give a new or empty folder"
        case .changedBlob(let digest): "the stored blob \(digest.short) has changed on disk; bring the image in again"
        case .tree(let action, let path, let errno):
            "can't \(action) \(quoted(Self.short(path))): \(errno); check its mode"
        case .tooDeep(let path):
            "\(quoted(Self.short(path))) is nested too deep: a path in an archive has at most \(TreePath.longest + 1) "
                + "bytes; remove it first"
        case .changedFile(let path):
            "\(quoted(Self.short(path))) became shorter while it was read; end the sandbox that writes to it first"
        case .redirected(let path):
            "an overlay with redirects or metacopy has moved the content of \(quoted(Self.short(path))) elsewhere; "
                + "mount it and use tar"
        }
    }

    /// Names in an archive may be of any length.
    private static func short(_ text: String) -> String { text.count > 200 ? text.prefix(200) + "…" : text }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(12).map { escaped(short($0)) }
        return shown.joined(separator: ", ") + (names.count > shown.count ? ", …" : "")
    }
}
