// Names that stand for content: a hash over words, with the words themselves kept beside what has the name.

/// All that an entry of a cache or of the store was made from. Its hash is the entry's name; the words are kept with the
/// entry and compared when it is used, so that no name is believed for itself.
public struct EntryKey: Equatable, Sendable {
    /// What is kept beside the entry: every word behind its length, so that no two lists of words look alike, and none
    /// begins as another does.
    public let encoded: [UInt8]

    /// - Parameters:
    ///   - kind: what the words are of: entries of two kinds never have one name.
    ///   - words: all that the entry depends on, in an order that is always the same.
    public init(_ kind: String, _ words: [String]) {
        var bytes = Array("\(Self.signature)\(words.count + 1)\n".utf8)
        for word in [kind] + words {
            bytes += Array("\(word.utf8.count):".utf8)
            bytes += Array(word.utf8)
        }
        encoded = bytes
    }

    /// As one word of a command line: none of its words holds a NUL byte.
    public var word: String { String(decoding: encoded, as: UTF8.self) }

    /// - Returns: nil where `word` is no such thing. What is in it is not looked at: it is compared whole.
    public init?(word: String) {
        guard word.hasPrefix(Self.signature) else { return nil }
        encoded = Array(word.utf8)
    }

    /// As it was kept.
    public init?(encoded: [UInt8]) {
        guard encoded.starts(with: Self.signature.utf8) else { return nil }
        self.encoded = encoded
    }

    /// Whether its words are of this kind.
    public func isOf(_ kind: String) -> Bool { words.first == kind }

    /// The kind, and the words; none where it is no key.
    public var words: [String] {
        guard let end = encoded.firstIndex(of: UInt8(ascii: "\n")) else { return [] }
        var found: [String] = []
        var rest = encoded[(end + 1)...]
        while let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            let start = colon + 1
            guard let length = Int(String(decoding: rest[..<colon], as: UTF8.self)), length >= 0,
                length <= rest.endIndex - start
            else { return [] }
            found.append(String(decoding: rest[start..<(start + length)], as: UTF8.self))
            rest = rest[(start + length)...]
        }
        return found
    }

    private static let signature = "sandbox-key-1 "

    /// 64 hexadecimal digits.
    public var name: String { SHA256.hexadecimal(of: encoded) }

    /// A file that holds the key and then `content`.
    public func entry(_ content: [UInt8]) -> [UInt8] { encoded + content }

    /// The content of a file of this key; nil where it is another's.
    public func content(of entry: [UInt8]) -> [UInt8]? {
        entry.starts(with: encoded) ? Array(entry.dropFirst(encoded.count)) : nil
    }

    /// Whether a name is one that this program gave by a weaker hash, up to its first version: nothing is found by it
    /// any more, so it can go.
    public static func isOutdated(name: String) -> Bool {
        let stem = name.hasPrefix("tar-") ? name.dropFirst(4) : name[...]
        let digits = stem.utf8.prefix { $0 != UInt8(ascii: ".") }
        return digits.count == 32 && digits.allSatisfy { isDigit($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
