// What can go wrong in the store, and the one line that says so.

import Glibc
public import LinuxSystem
public import SandboxPolicy

/// Why one entry of an archive can't be laid out.
public enum EntryFault: Error, Equatable, Sendable {
    case nameless
    case climbsOut
    case tooLong
    case throughLink([UInt8])
    case throughFile([UInt8])
    case linkOutside([UInt8])
    case linkMissing([UInt8])
    case linkToFolder([UInt8])
    case owner(Int64, Int64)
    case badWhiteout
    case system(String, Errno)
}

extension EntryFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .nameless: "has no name that a file can have"
        case .climbsOut: "climbs out of the root with .."
        case .tooLong: "has a name of more than 4095 bytes, which no program could open"
        case .throughLink(let link): "leads through the symbolic link \(shownQuoted(link)), out of the root"
        case .throughFile(let file): "leads through \(shownQuoted(file)), which is not a folder"
        case .linkOutside(let target): "is a hard link to \(shownQuoted(target)), outside of the root"
        case .linkMissing(let target):
            "is a hard link to \(shownQuoted(target)), which the archive has not laid before it"
        case .linkToFolder(let target): "is a hard link to \(shownQuoted(target)), which is a folder"
        case .owner(let user, let group):
            "belongs to user \(user) and group \(group), beyond the subordinate ids of this account; `--id-map single` "
                + "takes it without owners"
        case .badWhiteout: "is a white-out of nothing"
        case .system(let action, let errno): "can't be \(action): \(errno)"
        }
    }
}

public enum ImageStoreError: Error, Equatable, Sendable {
    /// The archive can't be opened or read.
    case source(String, Errno)
    case emptySource(String)
    case notTar(String)
    case noEntries(String)
    /// Truncated or corrupt, with the reason.
    case damaged(String, String)
    /// More uncompressed bytes, or more entries, than `UnpackLimits` allow.
    case layerTooLarge(String, Int64)
    case tooManyEntries(String, Int)
    /// More bytes on the disk, in all its layers, than `UnpackLimits` allow.
    case imageTooLarge(Int64)
    /// Less would be left of the disk than is kept free, in bytes.
    case tooLittleLeft(String, free: Int64, kept: Int64)
    /// The entry of this name is refused.
    case entry(source: String, name: [UInt8], EntryFault)
    case noSpace(String)
    /// The store itself: what was done, where, and why it failed.
    case system(String, String, Errno)
    case unknownImage(String, near: String?)
    case damagedRecord(String)
    /// A kept archive does not have the content that its name says.
    case changedBlob(String)
    /// The file of a tar is another than when it was asked for, or changed while it was read.
    case changedArchive(String)
    /// The blob of this name is another than it should be: what it is called, what it is.
    case wrongDigest(of: String, wanted: Digest, found: Digest)
    case wrongSize(of: String, wanted: Int64, found: Int64)
    /// The store was written by a later version of this program.
    case newerStore(String, Int)
    /// What a registry, a layout or an archive said of itself.
    case fetching(String)
    /// A blob of an image is gone.
    case incomplete(String, Digest)
    /// The image that a kept sandbox was made on, by name and digest, where the latter is known.
    case keptImageGone(String, String, Digest?)
    case imageInUse(String, by: String)
    case unknownSandbox(String, near: String?)
    case sandboxInUse(String)
    /// A sandbox that is not one stack of folders.
    case severalRoots(String)
    /// No list of lower layers lies beside this upper.
    case notAnUpper(String)
    case lowerGone(String, Errno)

    /// An error of a write to the store: a full disk is said as such.
    static func writing(_ action: String, _ path: String, _ errno: Errno) -> ImageStoreError {
        isFull(errno) ? .noSpace(path) : .system(action, path, errno)
    }

    static func isFull(_ errno: Errno) -> Bool { errno == .noSpace || errno.rawValue == EDQUOT }
}

extension ImageStoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .source(let source, .isDirectory):
            "\(shownQuoted(source)) is a folder, not a tar file; run it as it is, as in sandbox run FOLDER"
        case .source(let source, .notRegular):
            "\(shownQuoted(source)) is not a regular file; what comes as a stream is given by -, as in sandbox import - NAME"
        case .source(let source, let errno): "can't read \(shownQuoted(source)): \(errno); check the path and its mode"
        case .emptySource(let source): "\(shownQuoted(source)) is empty; give a tar file of a root file system"
        case .notTar(let source):
            "\(shownQuoted(source)) is not a tar file (plain, gzip, zstd, xz or bzip2); give one of a root file system"
        case .noEntries(let source):
            "the archive \(shownQuoted(source)) holds no files; give a tar file of a root file system"
        case .damaged(let source, let reason):
            "the archive \(shownQuoted(source)) is damaged: \(shown(reason.utf8)); get it again and check its sum"
        case .layerTooLarge(let source, let limit):
            "\(shownQuoted(source)) uncompresses to more than \(limit) bytes; if it is meant to, set "
                + UnpackLimits.bytesVariable
        case .tooManyEntries(let source, let limit):
            "\(shownQuoted(source)) takes more steps to unpack than \(limit) entries should; if it is meant to, set "
                + UnpackLimits.entriesVariable
        case .imageTooLarge(let limit):
            "the image takes more than \(limit) bytes of the disk; if it is meant to, give a larger --max-image-size"
        case .tooLittleLeft(let path, let free, let kept):
            "no space left for \(shownQuoted(path)): \(free >> 20) MiB are free and \(kept >> 20) MiB are kept so; free "
                + "some there, or set XDG_DATA_HOME to a larger disk"
        case .entry(let source, let name, let fault):
            "the entry \(shownQuoted(name)) of \(shownQuoted(source)) \(fault); nothing was kept of this archive"
        case .noSpace(let path):
            "no space left for \(shownQuoted(path)); free some there, or set XDG_DATA_HOME to a larger disk"
        case .system(let action, let path, let errno):
            "can't \(action) \(shownQuoted(path)): \(errno); check owner and mode"
        case .unknownImage(let name, let near):
            "no image \(shownQuoted(name)) in the store\(Self.suggestion(near)); sandbox images lists them"
        case .damagedRecord(let name): "the record of image \(shownQuoted(name)) can't be read; import the image again"
        case .changedArchive(let path): "the tar \(shownQuoted(path)) changes while it is read; try again"
        case .changedBlob(let path): "the kept archive \(shownQuoted(path)) has changed on disk; import the image again"
        case .wrongDigest(let what, let wanted, let found):
            "\(shown(what.utf8)) should have the digest \(wanted) and has \(found): it was changed on the way or where "
                + "it is kept; nothing of it was kept"
        case .wrongSize(let what, let wanted, let found):
            "\(shown(what.utf8)) should have \(wanted) bytes and has \(found); nothing of it was kept"
        case .newerStore(let path, let version):
            "the store \(shownQuoted(path)) has version \(version), written by a newer sandbox; install that one, or "
                + "set XDG_DATA_HOME to another folder"
        case .fetching(let reason): reason
        case .incomplete(let name, let digest):
            "the blob \(digest.short) of image \(shownQuoted(name)) is gone; `sandbox verify --repair` gets it anew"
        case .keptImageGone(let name, let image, let root):
            "the image \(shownQuoted(image))\(root.map { " (\($0))" } ?? "") that \(shownQuoted(name)) was made on is gone "
                + "from the store; bring that very image in again, or remove the sandbox with `sandbox rm \(name)`"
        case .imageInUse(let name, let user):
            "image \(shownQuoted(name)) is in use by \(shown(user.utf8)); end that first, or take the name alone away "
                + "with --force"
        case .unknownSandbox(let name, let near):
            "no kept sandbox \(shownQuoted(name))\(Self.suggestion(near)); sandbox list shows them"
        case .sandboxInUse(let name): "sandbox \(shownQuoted(name)) is in use; end it first"
        case .severalRoots(let name):
            "sandbox \(shownQuoted(name)) is on this machine's own folders; only one on an image or a folder is exported"
        case .notAnUpper(let folder):
            "no sandbox has kept its changes in \(shownQuoted(folder)); give the folder of sandbox run --upper, or a name"
        case .lowerGone(let folder, let errno):
            "can't compare with the layer \(shownQuoted(folder)): \(errno); put it back where it was"
        }
    }

    private static func suggestion(_ near: String?) -> String { near.map { "; did you mean \(shown($0.utf8))?" } ?? "" }
}
