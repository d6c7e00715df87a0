// A home, a root for system files and an image of its own for each test, in a temporary folder that goes with it.

import Checksums
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Synchronization
import Testing

@testable import Registry

final class World {
    let folder: String
    var home: String { folder + "/home" }
    var root: String { folder + "/root" }
    let events = Recorder()

    init() throws {
        folder = try Files.canonical(NSTemporaryDirectory()) + "/registry-test-" + UUID().uuidString
        for folder in [home, root] { try Files.makeDirectories(folder) }
    }

    deinit {
        do throws(Errno) { try Files.removeTree(folder) } catch { Issue.record("left behind: \(folder): \(error)") }
    }

    /// Writes a file of this world, and returns its path.
    @discardableResult
    func write(_ path: String, _ content: some Collection<UInt8>, mode: mode_t = 0o600) throws -> String {
        let whole = "\(folder)/\(path)"
        if let slash = whole.lastIndex(of: "/") { try Files.makeDirectories(String(whole[..<slash])) }
        try Files.replace(whole, with: Array(content), mode: mode)
        return whole
    }

    @discardableResult
    func write(_ path: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        try write(path, Array(text.utf8), mode: mode)
    }

    func configuration(_ environment: [String: String] = [:]) throws -> RegistryConfiguration {
        let own = ["HOME": home, "PATH": "\(folder)/bin:/usr/bin:/bin"]
        return try RegistryConfiguration(environment: own.merging(environment) { $1 }, root: root, user: 1000)
    }

    /// Runs a shell command in this world, and fails the test where it fails.
    @discardableResult
    func sh(_ command: String) throws -> String {
        let process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-ec", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let output = Foundation.Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command)")
        return String(decoding: data, as: UTF8.self)
    }

    /// Short waits, so that a test of retries does not last.
    var policy: TransferPolicy {
        var policy = TransferPolicy()
        policy.firstDelay = 0.01
        policy.longestDelay = 2
        policy.stallLimit = 1
        policy.connectLimit = 5000
        return policy
    }

    func image(_ name: String, _ environment: [String: String] = [:]) throws -> RemoteImage {
        try RemoteImage(
            try reference(name), configuration: configuration(environment), policy: policy, events: events.record)
    }

    /// Credentials may go to it by plain http.
    func allowPlain(_ registry: FakeRegistry) throws {
        try write(
            "root/etc/containers/registries.conf", "[[registry]]\nlocation = '\(registry.server)'\ninsecure = true\n")
    }

    /// A client of one repository, for what needs no manifest.
    func client(_ name: String) throws -> RegistryClient {
        let configuration = try configuration()
        return RegistryClient(
            RegistryName.endpoint(name, insecure: false), image: name, actions: "pull", configuration: configuration,
            transport: Transport(configuration, policy), policy: policy, events: events.record)
    }

    func destination(_ name: String, _ environment: [String: String] = [:]) throws -> RemoteDestination {
        try RemoteDestination(
            try reference(name), configuration: configuration(environment), policy: policy, events: events.record)
    }
}

func reference(_ text: String) throws -> ImageReference { try #require(ImageReference(text), "\(text)") }

func digest(of bytes: some Sequence<UInt8>) -> Digest { ContentDigest.of(Data(bytes)) }

/// The error of something that must fail.
func failure(_ body: () throws -> Void) -> RegistryError? {
    let error = #expect(throws: RegistryError.self) { try body() }
    if let error { #expect(!error.description.contains("\n")) }
    return error
}

/// Keeps the events of a pull or push.
final class Recorder: Sendable {
    private let events = Mutex<[RegistryEvent]>([])
    var record: RegistryEvents { { event in self.events.withLock { $0.append(event) } } }
    var all: [RegistryEvent] { events.withLock { $0 } }

    var retries: Int {
        all.count {
            guard case .retrying = $0 else { return false }
            return true
        }
    }
}

/// What a blob's bytes are collected in.
final class Sink {
    var bytes: [UInt8] = []
    func take(_ piece: UnsafeRawBufferPointer) { bytes += piece }
}

/// Bytes that tell where in them one is.
func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) } }

/// An image of one config and one layer.
struct TestImage {
    let layer: [UInt8]
    let config = Array(#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#.utf8)

    init(size: Int = 100_000) { layer = pattern(size) }

    var layerBlob: BlobDescriptor { BlobDescriptor(.ociLayerGzip, digest(of: layer), size: Int64(layer.count)) }
    var configBlob: BlobDescriptor { BlobDescriptor(.ociConfig, digest(of: config), size: Int64(config.count)) }
    var manifest: Data { canonicalJSON(ImageManifest(config: configBlob, layers: [layerBlob])) }
    var manifestBlob: BlobDescriptor {
        BlobDescriptor(.ociManifest, digest(of: manifest), size: Int64(manifest.count))
    }
}
