// Why a document of an image can't be used, in one line.

public import SandboxPolicy

public enum FormatError: Error, Equatable, Sendable {
    /// Bytes there are, and the most that are read.
    case tooLarge(Int64, most: Int)
    case notJSON(String)
    /// What is wrong with a member of the document.
    case invalid(String)
    case badDigest(String)
    case schema1
    case unknownMediaType(String)
    case noPlatform(wanted: Platform, offered: [Platform])
    /// The config names another number of layers than the manifest.
    case layerCount(manifest: Int, config: Int)
}

extension FormatError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLarge(let size, let most): "the document of \(size) bytes is larger than the \(most) that are read"
        case .notJSON(let reason): "not the JSON of an image: \(escaped(reason))"
        case .invalid(let what): "not an image: \(escaped(what))"
        case .badDigest(let text): "\(quoted(String(text.prefix(100)))) is not a sha256 digest"
        case .schema1:
            "a manifest of the old schema 1, without checkable layers; push the image anew with a current tool"
        case .unknownMediaType(let type):
            "media type \(quoted(String(type.prefix(100)))) is not one of an image with a root file system"
        case .noPlatform(let wanted, let offered):
            "there is no image for \(wanted)"
                + (offered.isEmpty ? "" : "; --platform takes one of \(Self.list(offered))")
        case .layerCount(let manifest, let config):
            "the manifest has \(manifest) layers and the config \(config)"
        }
    }

    private static func list(_ platforms: [Platform]) -> String {
        let names = platforms.prefix(12).map { escaped("\($0)") }
        return names.joined(separator: ", ") + (platforms.count > names.count ? ", …" : "")
    }
}
