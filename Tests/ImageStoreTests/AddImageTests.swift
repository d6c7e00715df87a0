// Images brought in from a source that may lie.

import Checksums
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Synchronization
import Testing

@testable import ImageStore

/// An image made in memory, and what can be wrong with it.
final class MadeImage: ImageSource {
    var blobs: [Digest: Data] = [:]
    var manifest: ImageManifest
    let asked = Mutex<[Digest]>([])
    struct Broken: Error, CustomStringConvertible { let description = "the line is cut" }
    /// Bytes after which a layer breaks off with an error.
    var breaksAfter: Int?

    /// - Parameter layers: uncompressed tars.
    init(_ layers: [[UInt8]], claimed: [Digest]? = nil) throws {
        let contents = layers.map { ContentDigest.of(Data($0)) }
        let config = canonicalJSON(ImageConfig(platform: .host, layers: claimed ?? contents))
        manifest = ImageManifest(
            config: BlobDescriptor(.ociConfig, ContentDigest.of(config), size: Int64(config.count)),
            layers: zip(layers, contents).map { BlobDescriptor(.ociLayer, $1, size: Int64($0.count)) })
        blobs[manifest.config.digest] = config
        for (layer, digest) in zip(layers, contents) { blobs[digest] = Data(layer) }
    }

    func root() throws -> (bytes: Data, mediaType: String?) { (canonicalJSON(manifest), nil) }
    func document(_ descriptor: BlobDescriptor) throws -> Data { try #require(blobs[descriptor.digest]) }

    func copy(_ blob: BlobDescriptor, to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        asked.withLock { $0.append(blob.digest) }
        let bytes = try #require(blobs[blob.digest])
        for start in stride(from: 0, to: bytes.count, by: 700) {
            if let breaksAfter, start >= breaksAfter { throw Broken() }
            try bytes[start..<min(start + 700, bytes.count)].withUnsafeBytes { try sink($0) }
        }
    }
}

// Each instance is given to one store at a time, and changed before.
extension MadeImage: @unchecked Sendable {}

@Suite struct AddImageTests {
    let world: World
    init() throws { world = try World() }

    func layer(_ name: String, _ content: String = "x") -> [UInt8] {
        var tar = TarWriter()
        tar.file(name, content)
        return tar.finished
    }

    func add(_ image: MadeImage, _ name: String = "x") throws {
        try world.store.add(image, as: try world.reference(name), platform: .host, mode: .single)
    }

    func failure(_ image: MadeImage) throws -> ImageStoreError? {
        let reference = try world.reference("x")
        let error = #expect(throws: ImageStoreError.self) {
            try world.store.add(image, as: reference, platform: .host, mode: .single)
        }
        #expect(try world.sh("ls -A '\(world.places.images)' 2>/dev/null || true") == "")
        #expect(try world.sh("find '\(world.places.data)' -name '.tmp-*' 2>/dev/null || true") == "")
        return error
    }

    @Test func layersAreSharedByImages() throws {
        let base = layer("base")
        let first = try MadeImage([base, layer("one")])
        let second = try MadeImage([base, layer("two")])
        try add(first, "first")
        try add(second, "second")
        #expect(second.asked.withLock { $0 } == [second.manifest.layers[1].digest])
        let images = try world.store.images()
        #expect(images.map(\.size) == images.map { $0.uniqueSize * 2 })
        let record = try world.store.record(try world.reference("second"))
        #expect(record.layers.map(\.content) == second.manifest.layers.map(\.digest))
        #expect(Files.text(world.places.layer(record.layers[1].content, .single) + "/two") == "x")
    }

    @Test func aDigestThatDoesNotFitIsRefused() throws {
        let image = try MadeImage([layer("f")])
        let digest = image.manifest.layers[0].digest
        image.blobs[digest]?[600] ^= 1
        guard case .wrongDigest(_, digest, _) = try failure(image) else {
            Issue.record("not told as a wrong digest")
            return
        }
    }

    @Test func anUncompressedDigestThatDoesNotFitIsRefused() throws {
        let claimed = try #require(Digest(hex: String(repeating: "a", count: 64)))
        let error = try failure(try MadeImage([layer("f")], claimed: [claimed]))
        guard case .wrongDigest(let what, claimed, _) = error, what.contains("uncompressed") else {
            Issue.record("told as \(String(describing: error))")
            return
        }
    }

    @Test(arguments: [-512, 512]) func aSizeThatDoesNotFitIsRefused(by difference: Int64) throws {
        let image = try MadeImage([layer("f")])
        image.manifest.layers[0].size += difference
        guard case .wrongSize = try failure(image) else {
            Issue.record("not told as a wrong size")
            return
        }
    }

    @Test func aConfigThatDoesNotFitIsRefused() throws {
        let image = try MadeImage([layer("f")])
        image.blobs[image.manifest.config.digest]?[3] ^= 1
        guard case .wrongDigest = try failure(image) else {
            Issue.record("not told as a wrong digest")
            return
        }
    }

    @Test func aSourceThatBreaksSaysWhy() throws {
        let image = try MadeImage([layer("f", String(repeating: "y", count: 5000))])
        image.breaksAfter = 1400
        #expect(try failure(image) == .fetching("the line is cut"))
    }

    @Test func aBadLayerSpoilsNoOther() throws {
        var bad = TarWriter()
        bad.file("../out", "x")
        let image = try MadeImage([layer("good"), bad.finished])
        guard case .entry = try failure(image) else {
            Issue.record("not told as a bad entry")
            return
        }
        #expect(!Files.isAccessible(world.places.blob(image.manifest.layers[1].digest), 0))
        #expect(try world.store.verify(repairing: nil, modes: [.single]) == [])
    }

    @Test func aLayerTwiceInAnImageIsBroughtOnce() throws {
        let image = try MadeImage([layer("f"), layer("f")])
        try add(image)
        #expect(image.asked.withLock { $0.count } == 1)
        #expect(try world.store.record(try world.reference("x")).layers.count == 2)
    }

    @Test func manyAtOnceBringEachLayerOnce() throws {
        let images = try (0..<6).map { try MadeImage([layer("base"), layer("own \($0)")]) }
        let store = world.store
        let references = try (0..<6).map { try world.reference("image\($0)") }
        let done = DispatchGroup()
        let failures = Mutex<[String]>([])
        for (image, reference) in zip(images, references) {
            done.enter()
            Thread {
                do { try store.add(image, as: reference, platform: .host, mode: .single) } catch {
                    failures.withLock { $0.append("\(error)") }
                }
                done.leave()
            }.start()
        }
        done.wait()
        #expect(failures.withLock { $0 } == [])
        let base = images[0].manifest.layers[0].digest
        #expect(images.reduce(0) { $0 + $1.asked.withLock { $0.filter { $0 == base }.count } } == 1)
        #expect(try store.images().count == 6)
        #expect(try store.verify(repairing: nil, modes: [.single]) == [])
    }

    /// A manifest and a config can name anything that is here: only what has been seen together belongs together.
    @Test func aLayerOfAnotherImageIsNotToBeHad() throws {
        let secret = try MadeImage([layer("secret")])
        try add(secret, "secret")
        let mine = layer("mine")
        try add(try MadeImage([mine]), "mine")
        let stolen = try MadeImage([mine], claimed: [secret.manifest.layers[0].digest])
        let twice = try MadeImage(
            [mine, mine], claimed: [ContentDigest.of(Data(mine)), secret.manifest.layers[0].digest])
        for image in [stolen, twice] {
            let reference = try world.reference("evil")
            #expect(throws: ImageStoreError.self) {
                try world.store.add(image, as: reference, platform: .host, mode: .single)
            }
            #expect(throws: ImageStoreError.self) { try world.store.record(reference) }
        }
    }

    @Test func aPlatformCanNotWriteTheRecord() throws {
        let image = try MadeImage([layer("f")])
        let text = String(decoding: canonicalJSON(ImageConfig(platform: .host, layers: [])), as: UTF8.self)
            .replacingOccurrences(of: "amd64", with: "amd64\\u00001")
            .replacingOccurrences(of: "[]", with: "[\"\(image.manifest.layers[0].digest)\"]")
        let config = Data(text.utf8)
        image.blobs[ContentDigest.of(config)] = config
        image.manifest.config = BlobDescriptor(.ociConfig, ContentDigest.of(config), size: Int64(config.count))
        #expect(try failure(image) == .fetching("not an image: a platform that is none"))
    }

    @Test func aLayerInXzIsNone() throws {
        let file = try world.write("x.tar", layer("f"))
        try world.sh("xz -k '\(file)'")
        let image = try MadeImage([try Files.read(file + ".xz")], claimed: [ContentDigest.of(Data(layer("f")))])
        guard case .damaged = try failure(image) else {
            Issue.record("not told as damaged")
            return
        }
    }

    @Test func aBlobLargerThanTheLimitIsNotAskedFor() throws {
        let image = try MadeImage([layer("f")])
        image.manifest.layers[0].size = 1 << 62
        guard case .layerTooLarge = try failure(image) else {
            Issue.record("not told as too large")
            return
        }
        #expect(image.asked.withLock { $0 } == [])
    }
}
