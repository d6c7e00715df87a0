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

    /// Whether an image for `self` is what `wanted` asks for.
    public func fits(_ wanted: Platform) -> Bool { distance(from: wanted) != nil }

    /// How far an image for `self` is from what `wanted` asks for: 0 where it is that, and nil where it does not run
    /// there. Variants are steps of one architecture, `v6` before `v7`: whoever runs one runs those before it, too.
    public func distance(from wanted: Platform) -> Int? {
        guard os == wanted.os, architecture == wanted.architecture else { return nil }
        if variant == wanted.variant { return 0 }
        // Where one of the two says nothing, it means what is common; whoever says the same is nearer.
        guard let own = Self.step(variant ?? common), let other = Self.step(wanted.variant ?? common) else {
            return variant == nil || wanted.variant == nil ? 1000 : nil
        }
        if own <= other { return 2 * (other - own) + 1 }
        return variant == nil || wanted.variant == nil ? 1000 + own : nil
    }

    /// The variant that is meant where none is named.
    private var common: String { ["arm": "v7", "arm64": "v8"][architecture] ?? "v1" }

    private static func step(_ variant: String) -> Int? {
        variant.hasPrefix("v") && variant.utf8.count <= 3 ? Int(variant.dropFirst()) : nil
    }
}
