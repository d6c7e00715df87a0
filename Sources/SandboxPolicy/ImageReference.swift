// Names of images, and the record that the store keeps under each.

/// NAME[:TAG][@DIGEST] of an image: `alpine`, `alpine:3.20`, `localhost:5000/team/x@sha256:…`. Images of docker.io are
/// called as everyone calls them, `alpine` and not `docker.io/library/alpine`.
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    public let name: String
    /// Nil where a digest names the image instead.
    public let tag: String?
    /// Of its manifest or index.
    public let digest: Digest?

    /// - Returns: nil where `text` is not such a name. The grammar is that of the OCI distribution specification
    ///   ("Pulling manifests"): lower-case name components, and a tag of at most 128 characters.
    public init?(_ text: String) {
        var name = Substring(text)
        var tag: Substring?
        digest = name.lastIndex(of: "@").flatMap { Digest(String(name[name.index(after: $0)...])) }
        if let at = name.lastIndex(of: "@") {
            if digest == nil { return nil }
            name = name[..<at]
        }
        if let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") {
            tag = name[name.index(after: colon)...]
            name = name[..<colon]
        }
        if digest == nil, tag == nil { tag = "latest" }
        guard Self.isName(name), tag.map(Self.isTag) ?? true else { return nil }
        self.name = Self.familiar(name)
        // A tag beside a digest says nothing more (containers-transports(5)).
        self.tag = digest == nil ? tag.map(String.init) : nil
    }

    /// Where images come from whose name has no registry in it.
    public static let defaultRegistry = "docker.io"

    /// What the names of images begin with that have none, and are run from where they are.
    public static let madeUpPrefix = "sandbox-layout/"
    public var isMadeUp: Bool { name.hasPrefix(Self.madeUpPrefix) }
    /// The name of an image that has none; its record holds the key.
    public static func madeUpName(_ key: EntryKey) -> String { madeUpPrefix + key.name }
    /// Whether no run finds the image any more: its name was made by an earlier version.
    public var isOutdated: Bool {
        isMadeUp && EntryKey.isOutdated(name: String(name.dropFirst(Self.madeUpPrefix.count)))
    }

    private static func familiar(_ name: Substring) -> String {
        for prefix in ["docker.io/", "index.docker.io/"] where name.hasPrefix(prefix) {
            let rest = name.dropFirst(prefix.utf8.count)
            let official = rest.hasPrefix("library/") ? rest.dropFirst(8) : rest
            if !official.contains("/") { return String(official) }
            // Without docker.io it would be the name of another registry's image.
            return registry(of: rest) == nil && !rest.hasPrefix("library/") ? String(rest) : String(name)
        }
        return String(name)
    }

    /// The registry that the name begins with, as `localhost:5000`; nil for a short name.
    public var registry: String? { Self.registry(of: name[...]) }

    private static func registry(of name: Substring) -> String? {
        guard let slash = name.firstIndex(of: "/") else { return nil }
        let first = name[..<slash]
        return first.contains(".") || first.contains(":") || first == "localhost" ? String(first) : nil
    }

    public var description: String { name + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }

    /// The file name of its record in the store: no `/`, never `.` or `..`.
    public var fileName: String {
        String(description.map { $0 == "/" ? ["%", "2", "F"] : [$0] }.joined())
    }

    /// The reference whose record has this file name.
    public init?(fileName: String) {
        var text = ""
        var rest = Substring(fileName)
        while let character = rest.first {
            if rest.hasPrefix("%2F") {
                text.append("/")
                rest = rest.dropFirst(3)
            } else {
                text.append(character)
                rest = rest.dropFirst()
            }
        }
        self.init(text)
    }

    private static func isName(_ name: Substring) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 200 else { return false }
        for (index, part) in name.split(separator: "/", omittingEmptySubsequences: false).enumerated() {
            // The first component may be a host with a port.
            var letters = part
            if index == 0, let colon = part.firstIndex(of: ":"), name.contains("/") {
                let port = part[part.index(after: colon)...]
                guard !port.isEmpty, port.allSatisfy({ ("0"..."9").contains($0) }) else { return false }
                letters = part[..<colon]
            }
            guard let first = letters.first, let last = letters.last, isAlphanumeric(first), isAlphanumeric(last),
                letters.allSatisfy({ isAlphanumeric($0) || $0 == "." || $0 == "_" || $0 == "-" }),
                !letters.contains("..")
            else { return false }
        }
        return true
    }

    private static func isTag(_ tag: Substring) -> Bool {
        guard let first = tag.first, tag.utf8.count <= 128, first != ".", first != "-" else { return false }
        return tag.allSatisfy {
            isAlphanumeric($0) || $0.utf8.count == 1 && ("A"..."Z").contains($0) || $0 == "." || $0 == "_" || $0 == "-"
        }
    }

    /// By bytes: a letter with a mark on it is a character between a and z, too.
    private static func isAlphanumeric(_ character: Character) -> Bool {
        character.utf8.count == 1
            && (("a"..."z").contains(character) || ("0"..."9").contains(character))
    }
}

/// Whose ids the files of an unpacked layer carry: a store keeps one copy of a layer for each mode in use.
public enum IdentityMode: String, Sendable, CaseIterable {
    /// Everything belongs to the user alone.
    case single
    /// Ids as in the archive, through the user's subordinate range.
    case range
}

/// What the store knows of one image, as the launcher reads it.
public struct ImageRecord: Equatable, Sendable {
    public struct Layer: Equatable, Sendable {
        /// Of the uncompressed archive: it names the unpacked tree.
        public var content: Digest
        /// Of the archive as it came.
        public var blob: Digest
        /// Bytes, uncompressed.
        public var size: Int64

        public init(content: Digest, blob: Digest, size: Int64) {
            self.content = content
            self.blob = blob
            self.size = size
        }
    }

    /// Of the index or manifest that the name stood for where the image came from.
    public var root: Digest
    public var manifest: Digest
    public var config: Digest
    /// OS/ARCHITECTURE[/VARIANT].
    public var platform: String
    /// Lowest first.
    public var layers: [Layer]
    /// From the image's config (OCI image specification, "config"): env, entrypoint, command, user, workdir.
    public var settings: [Setting]
    /// What a made-up name stands for; nil for an image that somebody named.
    public var key: EntryKey?

    public init(
        root: Digest, manifest: Digest, config: Digest, platform: String, layers: [Layer], settings: [Setting],
        key: EntryKey? = nil
    ) {
        self.root = root
        self.manifest = manifest
        self.config = config
        self.platform = platform
        self.layers = layers
        self.settings = settings
        self.key = key
    }

    private static let signature = "sandbox-image-2"
    /// The same behind one more word, the key.
    private static let keyedSignature = "sandbox-image-2-keyed"

    public var encoded: [UInt8] {
        var words = key.map { [Self.keyedSignature, $0.word] } ?? []
        words += [Self.signature, "\(root)", "\(manifest)", "\(config)", platform, String(layers.count)]
        for layer in layers { words += ["\(layer.content)", "\(layer.blob)", String(layer.size)] }
        return Words.join(words) + SettingsFile(dependencies: [], settings: settings).encoded
    }

    /// - Returns: nil where the bytes are not such a record. Nothing but a digest may become a path.
    public init?(encoded: [UInt8]) {
        var words = Words.split(encoded)
        if words.count > 2, words[0] == Self.keyedSignature {
            guard let key = EntryKey(word: words[1]) else { return nil }
            self.key = key
            words.removeFirst(2)
        }
        guard words.count >= 6, words[0] == Self.signature, let root = Digest(words[1]),
            let manifest = Digest(words[2]), let config = Digest(words[3]), let count = Int(words[5]), count > 0,
            count < 10_000, words.count >= 6 + 3 * count
        else { return nil }
        self.root = root
        self.manifest = manifest
        self.config = config
        platform = words[4]
        layers = []
        for index in 0..<count {
            let at = 6 + 3 * index
            guard let content = Digest(words[at]), let blob = Digest(words[at + 1]), let size = Int64(words[at + 2])
            else { return nil }
            layers.append(Layer(content: content, blob: blob, size: size))
        }
        guard let file = SettingsFile(encoded: Words.join(Array(words[(6 + 3 * count)...]))) else { return nil }
        // Whatever got into a record: an image says no more than how it wants to be run.
        guard
            file.settings.allSatisfy({
                $0.origin.level == Origin.image("").level
                    && [.env, .entrypoint, .command, .user, .workdir].contains($0.option)
            })
        else { return nil }
        settings = file.settings
    }

    /// Every blob that the image is made of.
    public var blobs: [Digest] { [manifest, config] + layers.map(\.blob) }
}
