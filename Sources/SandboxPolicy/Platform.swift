// What machine an image is for (OCI image specification, "Image Index": platform).

/// `OS/ARCHITECTURE[/VARIANT]` in Go's words: `linux/amd64`, `linux/arm64/v8`.
public struct Platform: Hashable, Sendable, Codable, CustomStringConvertible {
    public var os: String
    public var architecture: String
    public var variant: String?

    public init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    /// - Returns: nil where `text` is not OS/ARCHITECTURE[/VARIANT] or ARCHITECTURE alone, which is Linux's.
    public init?(_ text: String) {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 1 { parts.insert("linux", at: 0) }
        guard (2...3).contains(parts.count),
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 32 && $0.utf8.allSatisfy(Self.isLetter) })
        else { return nil }
        let known = ["x86_64": "amd64", "aarch64": "arm64", "i386": "386"]
        self.init(
            os: parts[0], architecture: known[parts[1]] ?? parts[1], variant: parts.count == 3 ? parts[2] : nil)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (97...122).contains(byte) || byte == 0x5f || byte == 0x2d || byte == 0x2e
    }

    #if arch(x86_64)
    public static let host = Platform(os: "linux", architecture: "amd64")
    #elseif arch(arm64)
    public static let host = Platform(os: "linux", architecture: "arm64", variant: "v8")
    #endif

    public var description: String { "\(os)/\(architecture)" + (variant.map { "/" + $0 } ?? "") }

    /// Whether an image for `self` is what `wanted` asks for. A variant counts only where both name one; arm64 without
    /// one is v8.
    public func fits(_ wanted: Platform) -> Bool {
        guard os == wanted.os, architecture == wanted.architecture else { return false }
        guard let own = variant, let other = wanted.variant else { return true }
        return own == other
    }
}
