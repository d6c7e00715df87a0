// Where this program keeps things, for one user, by the XDG base directory specification.

/// The folders of one user and of one installation. Pure: made from environment values and the program's own path.
public struct Places: Equatable, Sendable {
    /// Images, kept sandboxes, set-up layers: `$XDG_DATA_HOME/sandbox`.
    public let data: String
    /// What can be made again: `$XDG_CACHE_HOME/sandbox`.
    public let cache: String
    /// The user's own profiles and trust: `$XDG_CONFIG_HOME/sandbox`.
    public let configuration: String

    /// - Parameters: absolute values only count, as the specification says; `home` is the fallback.
    public init(home: String, dataHome: String?, cacheHome: String?, configHome: String?) {
        func folder(_ value: String?, _ fallback: String) -> String {
            if let value, value.hasPrefix("/") { return value + "/sandbox" }
            return home + fallback + "/sandbox"
        }
        data = folder(dataHome, "/.local/share")
        cache = folder(cacheHome, "/.cache")
        configuration = folder(configHome, "/.config")
    }

    /// Records of images, by `ImageReference.fileName`.
    public var images: String { data + "/images" }
    /// Manifests, configs and layers as they came, each named by the digest of its bytes.
    public var blobs: String { data + "/blobs" }
    public func blob(_ digest: Digest) -> String { blobs + "/" + digest.hex }
    /// Layers unpacked.
    public var layers: String { data + "/layers" }
    /// The file whose bytes are the locks of all parts of the store.
    public var lock: String { data + "/lock" }
    /// Kept sandboxes, by name.
    public var sandboxes: String { data + "/sandboxes" }
    /// The record of one that lies at `--upper DIR`, by what stat(2) says of DIR.
    public func upperRecord(device: UInt64, inode: UInt64) -> String { "\(upperRecords)/\(device)-\(inode)" }
    /// What overlayfs needs beside the upper DIR, on the same file system: `.NAME.sandbox`.
    /// - Parameter path: absolute, without links.
    public static func besideUpper(_ path: String) -> String {
        let parts = path.split(separator: "/")
        return "/" + (parts.dropLast() + [".\(parts.last ?? "root").sandbox"]).joined(separator: "/")
    }
    public var upperRecords: String { data + "/uppers" }
    /// The record of folders that sandboxes could write.
    public var shownFolders: String { data + "/shown" }
    /// Uppers on disk that are dropped at the end of their run.
    public var ephemeral: String { data + "/ephemeral" }
    /// Read-only layers made by set-up commands and from tar files given with --layer.
    public var setup: String { data + "/setup" }
    public var profileCache: String { cache + "/profiles" }
    public var filterCache: String { cache + "/filters" }
    public var denied: String { cache + "/denied" }
    /// What was refused in the last run that was started in `folder`.
    public func denials(of folder: String) -> String { "\(denied)/\(EntryKey("denied", [folder]).name)" }
    /// The layer that set-up commands made, or a tar given with --layer: a folder with `upper`, the tree, and `done`, the
    /// key, which is written last.
    public func setup(_ key: EntryKey) -> String { setup + "/" + key.name }
    public static func setupTree(_ folder: String) -> String { folder + "/upper" }
    public static func setupKey(_ folder: String) -> String { folder + "/done" }
    public var userProfiles: String { configuration + "/profiles" }
    /// Project profiles that the user trusts: one file name for each.
    public var trust: String { configuration + "/trust" }

    /// What is found in these is believed: they must be the user's, and nobody else may write them.
    public var all: [String] { [data, cache, configuration] }
    public static func refusal(_ folder: String, _ reason: String) -> String {
        "the folder \(quoted(folder)) \(reason), and what is kept there is believed; make it yours alone, or name "
            + "another with XDG_DATA_HOME, XDG_CACHE_HOME or XDG_CONFIG_HOME"
    }

    /// The unpacked tree of one layer.
    /// - Parameter digest: of its uncompressed archive.
    public func layer(_ digest: Digest, _ mode: IdentityMode) -> String { "\(layers)/\(digest.hex).\(mode.rawValue)" }

    /// The byte of the file `lock` that stands for a part of the store, a blob or a folder of layers: FNV-1a. Two parts
    /// that share a byte wait for each other; nothing is found by it. Whoever holds several parts lets go of a byte only
    /// with the last of them.
    public static func lockOffset(of path: String) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int64(bitPattern: hash >> 1)
    }
}
