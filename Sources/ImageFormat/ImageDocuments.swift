// Index, manifest and config of an image, read with suspicion and written canonically.

public import Foundation
public import SandboxPolicy

extension Digest: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let digest = Digest(text) else { throw FormatError.badDigest(text) }
        self = digest
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A reference to a blob: its kind, name and length (OCI image specification, "Content Descriptors").
public struct BlobDescriptor: Codable, Equatable, Sendable {
    /// As written: `type` is nil for one that is not known.
    public var mediaType: String
    public var digest: Digest
    /// Bytes.
    public var size: Int64
    public var platform: Platform?
    public var annotations: [String: String]?

    public init(
        _ type: MediaType, _ digest: Digest, size: Int64, platform: Platform? = nil,
        annotations: [String: String]? = nil
    ) {
        mediaType = type.rawValue
        self.digest = digest
        self.size = size
        self.platform = platform
        self.annotations = annotations
    }

    public var type: MediaType? { MediaType(rawValue: mediaType) }
}

/// A list of images for several platforms, or of the images of a layout.
public struct ImageIndex: Codable, Equatable, Sendable {
    public var schemaVersion = 2
    public var mediaType: String? = MediaType.ociIndex.rawValue
    public var manifests: [BlobDescriptor]

    public init(manifests: [BlobDescriptor]) { self.manifests = manifests }

    /// The image that is nearest to `wanted`; one that names no platform fits where nothing else does.
    /// - Throws: `.noPlatform`.
    public func manifest(for wanted: Platform) throws(FormatError) -> BlobDescriptor {
        // Attestations stand in an index as images for the platform unknown/unknown.
        let images = manifests.filter { $0.type.map { $0.isManifest || $0.isIndex } ?? false }
        let fitting = images.compactMap { image in image.platform?.distance(from: wanted).map { (image, $0) } }
        if let nearest = fitting.min(by: { $0.1 < $1.1 }) { return nearest.0 }
        if let silent = images.first(where: { $0.platform == nil }) { return silent }
        throw .noPlatform(wanted: wanted, offered: images.compactMap(\.platform).filter { $0.os != "unknown" })
    }
}

/// One image: its config and its layers, lowest first.
public struct ImageManifest: Codable, Equatable, Sendable {
    public var schemaVersion = 2
    public var mediaType: String? = MediaType.ociManifest.rawValue
    public var config: BlobDescriptor
    public var layers: [BlobDescriptor]
    public var annotations: [String: String]?

    public init(config: BlobDescriptor, layers: [BlobDescriptor]) {
        self.config = config
        self.layers = layers
    }
}

/// What a manifest's bytes turn out to be.
public enum ImageDocument: Equatable, Sendable {
    case index(ImageIndex)
    case manifest(ImageManifest)

    /// The most bytes of an index, a manifest or a config that are read (OCI distribution specification, "Pushing
    /// Manifests", names 4 MiB for manifests).
    public static let limit = 4 << 20
    /// The most layers of one image: overlayfs takes 500.
    public static let layerLimit = 480

    /// - Parameter mediaType: what came with the bytes, as a `Content-Type`; nil where only they themselves tell.
    public static func parse(_ bytes: Data, mediaType: String? = nil) throws(FormatError) -> ImageDocument {
        struct Probe: Decodable {
            var schemaVersion: Int?
            var mediaType: String?
            var manifests: [Ignored]?
            var config: Ignored?
            struct Ignored: Decodable {}
        }
        let probe = try decode(Probe.self, bytes)
        if probe.schemaVersion == 1 { throw .schema1 }
        let given = mediaType.map { String($0.prefix { $0 != ";" }).trimmingCharacters(in: .whitespaces).lowercased() }
        // A server may say no more than that it is JSON: what the document says of itself then counts.
        let named = probe.mediaType ?? given.flatMap { $0.contains("vnd.") ? $0 : nil }
        let type: MediaType
        switch named {
        case let name?:
            guard let known = MediaType(rawValue: name) else { throw .unknownMediaType(name) }
            type = known
        case nil: type = probe.manifests != nil ? .ociIndex : .ociManifest
        }
        if type.isSchema1 { throw .schema1 }
        guard probe.schemaVersion == 2 else { throw .invalid("schemaVersion is not 2") }
        // One document must not be an index to one reader and a manifest to another.
        if probe.manifests != nil, probe.config != nil { throw .invalid("both an index and a manifest") }
        if type.isIndex { return .index(try decode(ImageIndex.self, bytes)) }
        guard type.isManifest else { throw .unknownMediaType(type.rawValue) }
        return .manifest(try checked(decode(ImageManifest.self, bytes)))
    }

    private static func checked(_ manifest: ImageManifest) throws(FormatError) -> ImageManifest {
        guard manifest.config.type?.isConfig ?? false else { throw .unknownMediaType(manifest.config.mediaType) }
        for layer in manifest.layers {
            guard layer.type?.isLayer ?? false else { throw .unknownMediaType(layer.mediaType) }
        }
        if manifest.layers.isEmpty { throw .invalid("it has no layers") }
        if manifest.layers.count > layerLimit { throw .invalid("it has more than \(layerLimit) layers") }
        for blob in [manifest.config] + manifest.layers where blob.size < 0 { throw .invalid("a size below 0") }
        return manifest
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: Data) throws(FormatError) -> Value {
        if bytes.count > limit { throw .tooLarge(Int64(bytes.count), most: limit) }
        do { return try JSONDecoder().decode(type, from: bytes) } catch let error as FormatError {
            throw error
        } catch let
            error as DecodingError
        {
            throw error.asFormatError
        } catch { throw .notJSON("\(error)") }
    }
}

extension DecodingError {
    fileprivate var asFormatError: FormatError {
        func place(_ context: Context) -> String { context.codingPath.map(\.stringValue).joined(separator: ".") }
        return switch self {
        case .keyNotFound(let key, let context):
            .invalid("\((context.codingPath + [key]).map(\.stringValue).joined(separator: ".")) is missing")
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            .invalid("\(place(context)) has the wrong type")
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? .notJSON("it does not parse") : .invalid("\(place(context)) is not valid")
        @unknown default: .notJSON("it does not parse")
        }
    }
}
