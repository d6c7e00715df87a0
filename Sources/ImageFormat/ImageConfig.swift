// The config of an image: what it is for, its layers uncompressed, and how it wants to be run.

public import Foundation
public import SandboxPolicy

/// OCI image specification, "Image Configuration"; Docker's has the same members.
public struct ImageConfig: Codable, Equatable, Sendable {
    public struct Process: Codable, Equatable, Sendable {
        public var user: String?
        public var environment: [String]?
        public var entrypoint: [String]?
        public var command: [String]?
        public var workingFolder: String?

        enum CodingKeys: String, CodingKey {
            case user = "User"
            case environment = "Env"
            case entrypoint = "Entrypoint"
            case command = "Cmd"
            case workingFolder = "WorkingDir"
        }

        public init() {}
    }

    public struct RootFS: Codable, Equatable, Sendable {
        public var type = "layers"
        /// Digests of the uncompressed layers, lowest first.
        public var layers: [Digest]

        enum CodingKeys: String, CodingKey {
            case type
            case layers = "diff_ids"
        }
    }

    public var created: String?
    public var architecture: String
    public var os: String
    public var variant: String?
    public var config: Process?
    public var rootfs: RootFS

    public init(platform: Platform, layers: [Digest], process: Process? = nil, created: String? = nil) {
        architecture = platform.architecture
        os = platform.os
        variant = platform.variant
        config = process
        rootfs = RootFS(layers: layers)
        self.created = created
    }

    /// Reads the config that belongs to `manifest`.
    public static func parse(_ bytes: Data, of manifest: ImageManifest) throws(FormatError) -> ImageConfig {
        let config = try ImageDocument.decode(ImageConfig.self, bytes)
        guard config.rootfs.type == "layers" else { throw .invalid("rootfs.type is not layers") }
        guard config.rootfs.layers.count == manifest.layers.count else {
            throw .layerCount(manifest: manifest.layers.count, config: config.rootfs.layers.count)
        }
        guard Platform("\(config.platform)") == config.platform else { throw .invalid("a platform that is none") }
        for word in config.words where word.utf8.contains(0) { throw .invalid("a word with a NUL byte") }
        return config
    }

    public var platform: Platform { Platform(os: os, architecture: architecture, variant: variant) }

    private var words: [String] {
        guard let config else { return [] }
        return (config.environment ?? []) + (config.entrypoint ?? []) + (config.command ?? [])
            + [config.user ?? "", config.workingFolder ?? ""]
    }

    /// What it says, as settings of the image called `name`.
    public func settings(of name: String) -> [Setting] {
        guard let config else { return [] }
        let origin = Origin.image(name)
        var settings: [Setting] = []
        func add(_ option: Option, _ values: [String]?) {
            for value in values ?? [] { settings.append(Setting(option, value, origin)) }
        }
        // Without a `=` the caller's own variable would be handed in.
        add(.env, config.environment?.filter { $0.contains("=") && !$0.hasPrefix("=") })
        add(.entrypoint, config.entrypoint)
        add(.command, config.command)
        add(.user, config.user.flatMap { $0.isEmpty ? nil : [$0] })
        add(.workdir, config.workingFolder.flatMap { $0.isEmpty ? nil : [$0] })
        return settings
    }
}

/// JSON whose bytes are the same for the same value: it has a digest.
public func canonicalJSON(_ value: some Encodable) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return try encoder.encode(value) } catch { preconditionFailure("a document of strings and numbers: \(error)") }
}
