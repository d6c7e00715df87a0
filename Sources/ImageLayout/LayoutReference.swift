// The words that name an image in a folder or a file (containers-transports(5)).

public import SandboxPolicy

/// `oci:FOLDER[:TAG]`, `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME]`. The path ends at its first colon; in
/// place of a tag or a name, `@N` is the image at that place of the list, from 0.
public struct LayoutReference: Hashable, Sendable, CustomStringConvertible {
    /// Which of the images that are there.
    public enum Choice: Hashable, Sendable {
        /// The only one.
        case only
        /// A tag, the whole text of a reference name, or NAME[:TAG].
        case named(String)
        case place(Int)
    }

    public let kind: LayoutKind
    /// `-` is standard input, for an archive.
    public let path: String
    public let choice: Choice

    /// - Throws: `.notAReference`.
    public init(_ text: String) throws(LayoutError) {
        guard let kind = LayoutKind(of: text) else { throw .notAReference(text) }
        let rest = text.dropFirst(kind.prefix.count)
        let colon = rest.firstIndex(of: ":")
        self.kind = kind
        path = String(rest[..<(colon ?? rest.endIndex)])
        guard !path.isEmpty, !text.utf8.contains(0) else { throw .notAReference(text) }
        guard let colon else {
            choice = .only
            return
        }
        let name = rest[rest.index(after: colon)...]
        if name.isEmpty { throw .notAReference(text) }
        if name.first == "@" {
            guard let place = Int(name.dropFirst()), place >= 0 else { throw .notAReference(text) }
            choice = .place(place)
        } else {
            choice = .named(String(name))
        }
    }

    public var description: String {
        kind.prefix + path
            + {
                switch choice {
                case .only: ""
                case .named(let name): ":" + name
                case .place(let place): ":@\(place)"
                }
            }()
    }
}

extension LayoutReference.Choice {
    /// Picks one of `images`, each given by its names.
    func pick(from images: [[String]], in source: String) throws(LayoutError) -> Int {
        // An image without a name is called by its place.
        var shown: [String] { images.enumerated().flatMap { $1.isEmpty ? ["@\($0)"] : $1 } }
        if images.isEmpty { throw .noImages(source) }
        switch self {
        case .only:
            if images.count > 1 { throw .severalImages(source, names: shown) }
            return 0
        case .place(let place):
            guard images.indices.contains(place) else {
                throw .unknownImage(source, wanted: "@\(place)", names: shown)
            }
            return place
        case .named(let name):
            if let exact = images.firstIndex(where: { $0.contains(name) }) { return exact }
            // `alpine` and `docker.io/library/alpine:latest` are one name.
            if let wanted = ImageReference(name),
                let same = images.firstIndex(where: { $0.contains { ImageReference($0) == wanted } })
            {
                return same
            }
            // Whole names stand where tags do in layouts of docker and containerd.
            let tagged = images.indices.filter { images[$0].contains { ImageReference($0)?.tag == name } }
            if let place = tagged.first, tagged.count == 1 { return place }
            throw .unknownImage(source, wanted: name, names: shown)
        }
    }
}
