// A temporary folder for each test, images made in it, and a reader that checks what a store would check.

import Checksums
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

@testable import ImageLayout

final class World {
    let folder: String
    let scratch: Scratch

    init() throws {
        // Short, as podman wants it.
        var path = Array((try Files.canonical(NSTemporaryDirectory()) + "/layout-XXXXXX").utf8CString)
        guard mkdtemp(&path) != nil else { throw Errno.current }
        folder = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        scratch = Scratch(folder: folder)
    }

    deinit {
        do throws(Errno) { try Files.removeTree(folder) } catch { Issue.record("left behind: \(folder): \(error)") }
    }

    @discardableResult
    func write(_ name: String, _ content: some Sequence<UInt8>) throws -> String {
        let path = folder + "/" + name
        try Files.makeDirectories(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
        try Files.replace(path, with: Array(content))
        return path
    }

    /// Runs a shell command in this world, and fails the test where it fails.
    @discardableResult
    func sh(_ command: String) throws -> String {
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-ec", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = [
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": folder, "LC_ALL": "C.UTF-8",
        ]
        let errors = try Descriptor.open(folder + "/.errors", [.writeOnly, .create, .truncate])
        process.standardError = FileHandle(fileDescriptor: errors.raw, closeOnDealloc: false)
        let output = Foundation.Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(
            process.terminationStatus == 0, "\(command): \(Files.text(folder + "/.errors") ?? "")")
        return String(decoding: data, as: UTF8.self)
    }

    func image(_ reference: String, scratch: Scratch? = nil) throws -> LoadableImage {
        try LayoutReference(reference).image(scratch: scratch ?? self.scratch)
    }

    /// The error of an image that must not be read.
    func failure(_ reference: String) throws -> LayoutError? {
        #expect(throws: LayoutError.self) { try pull(try image(reference).source) }
    }
}

/// Whether a program that some tests compare with is here.
func isInstalled(_ program: String) -> Bool { Files.isAccessible("/usr/bin/" + program, 1) }
let needsSkopeo: Comment = "skopeo is not installed"
let needsPodman: Comment = "podman is not installed, or this is not root"

/// An image made for a test, its blobs in files as a store has them.
struct MadeImage {
    let manifest: BlobDescriptor
    let manifestBytes: Data
    let config: BlobDescriptor
    let configBytes: Data
    let layers: [(blob: BlobDescriptor, path: String)]
    private let contents: [Digest]
    private let configPath: String

    /// - Parameter layers: uncompressed tars.
    init(_ world: World, _ layers: [[UInt8]], compressed: Bool = false) throws {
        self.layers = try layers.map { tar in
            let name = "store/" + ContentDigest.of(Data(tar)).hex
            let path = try world.write(name, tar)
            guard compressed else {
                return (BlobDescriptor(.ociLayer, ContentDigest.of(Data(tar)), size: Int64(tar.count)), path)
            }
            try world.sh("gzip -nk \(path)")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path + ".gz"))
            return (BlobDescriptor(.ociLayerGzip, ContentDigest.of(bytes), size: Int64(bytes.count)), path + ".gz")
        }
        contents = layers.map { ContentDigest.of(Data($0)) }
        configBytes = canonicalJSON(ImageConfig(platform: .host, layers: contents, created: "2024-01-01T00:00:00Z"))
        config = BlobDescriptor(.ociConfig, ContentDigest.of(configBytes), size: Int64(configBytes.count))
        configPath = try world.write("store/" + config.digest.hex, configBytes)
        manifestBytes = canonicalJSON(ImageManifest(config: config, layers: self.layers.map(\.blob)))
        manifest = BlobDescriptor(.ociManifest, ContentDigest.of(manifestBytes), size: Int64(manifestBytes.count))
    }

    init(_ world: World, _ text: String = "hello", compressed: Bool = false) throws {
        var tar = RawTar()
        tar.file("etc/\(text)", text)
        var second = RawTar()
        second.file("second", "second")
        try self.init(world, [tar.finished, second.finished], compressed: compressed)
    }

    func put(into destination: some ImageDestination, as name: String?) throws {
        try destination.add(config, at: configPath)
        for layer in layers { try destination.add(layer.blob, at: layer.path) }
        try destination.finish(manifest, manifestBytes, as: name.flatMap { ImageReference($0) })
    }

    /// What `pull` of it must give.
    var content: Pulled { Pulled(config: config.digest, layers: layers.map(\.blob.digest), contents: contents) }
}

struct Pulled: Equatable {
    let config: Digest
    let layers: [Digest]
    /// The layers uncompressed, as the config says.
    let contents: [Digest]
}

/// Reads all of an image, and checks each digest as a store does.
@discardableResult
func pull(_ source: any ImageSource) throws -> Pulled {
    var (bytes, mediaType) = try source.root()
    while case .index(let index) = try ImageDocument.parse(bytes, mediaType: mediaType) {
        let entry = try index.manifest(for: .host)
        bytes = try source.document(entry)
        mediaType = entry.mediaType
        try #require(ContentDigest.of(bytes) == entry.digest)
    }
    guard case .manifest(let manifest) = try ImageDocument.parse(bytes, mediaType: mediaType) else {
        throw FormatError.invalid("an index")
    }
    let config = try source.document(manifest.config)
    #expect(ContentDigest.of(config) == manifest.config.digest)
    let contents = try ImageConfig.parse(config, of: manifest).rootfs.layers
    for layer in manifest.layers {
        let sum = ContentDigest()
        var size: Int64 = 0
        try source.copy(layer) {
            sum.add($0)
            size += Int64($0.count)
        }
        #expect(size == layer.size)
        #expect(sum.finish() == layer.digest)
    }
    return Pulled(
        config: manifest.config.digest, layers: manifest.layers.map(\.digest), contents: contents)
}

/// A tar block by block, which writes what no real tar would.
struct RawTar {
    private(set) var bytes: [UInt8] = []

    /// - Parameter size: what the header says, where that is not the truth.
    mutating func add(
        _ name: String, type: Character = "0", link: String = "", content: [UInt8] = [], size: Int? = nil
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: [UInt8], at offset: Int) { header.replaceSubrange(offset..<(offset + text.count), with: text) }
        func octal(_ number: Int, _ width: Int) -> [UInt8] {
            let digits = String(number, radix: 8)
            return Array((String(repeating: "0", count: width - digits.count) + digits).utf8)
        }
        put(Array(name.utf8.prefix(100)), at: 0)
        for offset in [100, 108, 116] { put(octal(0o644, 7), at: offset) }
        put(octal(size ?? content.count, 11), at: 124)
        put(octal(0, 11), at: 136)
        put(Array("        ".utf8), at: 148)
        put(Array(String(type).utf8), at: 156)
        put(Array(link.utf8.prefix(100)), at: 157)
        put(Array("ustar".utf8) + [0] + Array("00".utf8), at: 257)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + [0], at: 148)
        bytes += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    mutating func file(_ name: String, _ text: some Collection<UInt8>) { add(name, content: Array(text)) }
    mutating func file(_ name: String, _ text: String) { add(name, content: Array(text.utf8)) }

    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
