// Images outside of the store, as words begin that name them (containers-transports(5)).

public enum LayoutKind: String, CaseIterable, Sendable {
    case layout = "oci"
    case ociArchive = "oci-archive"
    case dockerArchive = "docker-archive"

    /// - Returns: nil where `word` does not begin as one of these does, and so names an image in a registry.
    public init?(of word: String) {
        guard let kind = Self.allCases.first(where: { word.hasPrefix($0.prefix) }) else { return nil }
        self = kind
    }

    public var prefix: String { rawValue + ":" }
}
