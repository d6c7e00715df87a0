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
    /// Uppers on disk that are dropped at the end of their run.
    public var ephemeral: String { data + "/ephemeral" }
    /// Read-only layers made by set-up commands and from tar files given with --layer.
    public var setup: String { data + "/setup" }
    public var profileCache: String { cache + "/profiles" }
    public var filterCache: String { cache + "/filters" }
    /// What was refused in the last run that was started in `folder`.
    public func denials(of folder: String) -> String { "\(cache)/denied/\(Self.key(folder))" }
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

    /// The byte of the file `lock` that stands for a part of the store, a blob or a folder of layers.
    public static func lockOffset(of path: String) -> Int64 {
        Int64(bitPattern: fnv(path, 0xcbf2_9ce4_8422_2325) >> 1)
    }

    /// A name for what `text` identifies: FNV-1a in two halves, 32 hexadecimal digits. Names cache entries only; what
    /// is found there is compared, never believed for its name.
    public static func key(_ text: String) -> String {
        digits(fnv(text, 0xcbf2_9ce4_8422_2325)) + digits(fnv(text, 0x6c62_272e_07bb_0142))
    }

    private static func fnv(_ text: String, _ seed: UInt64) -> UInt64 {
        var hash = seed
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }

    private static func digits(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
