// Names of content: what a blob, a layer or an image is called by everything that keeps or moves it.

/// A SHA-256 digest as OCI writes it: `sha256:` and 64 lower-case hexadecimal digits (OCI image specification,
/// "Digests"). Nothing else may become part of a path or of an address.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 64 digits.
    public let hex: String

    /// - Returns: nil where `text` is not such a digest.
    public init?(_ text: String) {
        guard text.utf8.count == 71, text.hasPrefix("sha256:") else { return nil }
        self.init(hex: String(text.dropFirst(7)))
    }

    /// - Returns: nil where `hex` is not 64 lower-case hexadecimal digits.
    public init?(hex: String) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        self.hex = hex
    }

    public var description: String { "sha256:" + hex }
    /// Enough to tell it from others in a list.
    public var short: String { String(hex.prefix(12)) }
}
