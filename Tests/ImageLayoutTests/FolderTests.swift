// Layouts in a folder: written and read, and hostile ones.

import Checksums
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

@testable import ImageLayout

@Suite struct FolderTests {
    let world: World
    var layout: String { world.folder + "/layout" }

    init() throws { world = try World() }

    @discardableResult
    private func written(_ name: String? = "alpine:3.20", _ text: String = "hello") throws -> MadeImage {
        let image = try MadeImage(world, text)
        try image.put(into: try OCILayoutWriter(folder: layout), as: name)
        return image
    }

    private func path(_ digest: Digest) -> String { layout + "/blobs/sha256/" + digest.hex }

    private func writeIndex(_ json: String) throws { try world.write("layout/index.json", json.utf8) }

    @Test func whatIsWrittenIsRead() throws {
        let image = try written()
        let loadable = try world.image("oci:\(layout)")
        #expect(loadable.names == ["docker.io/library/alpine:3.20"])
        #expect(loadable.references.map(\.description) == ["alpine:3.20"])
        #expect(try pull(loadable.source) == image.content)
        #expect(try loadable.source.root().bytes == image.manifestBytes)
        #expect(try world.sh("ls -A layout layout/blobs/sha256 | grep -c tmp || true") == "0\n")
    }

    @Test func aNameIsReplacedAndOthersStay() throws {
        try written("alpine:3.20", "old")
        let other = try written("debian:12", "other")
        let new = try written("alpine:3.20", "new")
        #expect(try LoadableImage.all(in: layout, scratch: world.scratch).count == 2)
        #expect(try pull(try world.image("oci:\(layout):alpine:3.20").source) == new.content)
        #expect(try pull(try world.image("oci:\(layout):debian:12").source) == other.content)
        #expect(
            try world.failure("oci:\(layout)")
                == .severalImages(layout, names: ["docker.io/library/debian:12", "docker.io/library/alpine:3.20"]))
    }

    @Test func whatOthersHaveWrittenIntoTheIndexStays() throws {
        try written()
        let index = try String(contentsOfFile: layout + "/index.json", encoding: .utf8)
        try writeIndex(index.replacing("{\"manifests\"", with: #"{"annotations":{"a":"b"},"manifests""#))
        try written("debian:12", "other")
        #expect(try String(contentsOfFile: layout + "/index.json", encoding: .utf8).contains(#""a":"b""#))
    }

    @Test func oneImageHasSeveralNames() throws {
        try written("alpine:3.20")
        try written("alpine:latest")
        let images = try LoadableImage.all(in: layout, scratch: world.scratch)
        #expect(images.map { $0.references.map(\.description) } == [["alpine:3.20", "alpine:latest"]])
    }

    @Test func aTagOfTheUsersIsWritten() throws {
        let image = try MadeImage(world)
        try image.put(into: try OCILayoutWriter(folder: layout, tag: "edge"), as: "alpine:3.20")
        let loadable = try world.image("oci:\(layout):edge")
        #expect(loadable.names == ["edge"])
        #expect(loadable.references == [])
    }

    @Test func aNestedIndexIsFollowed() throws {
        let image = try written()
        var entry = image.manifest
        entry.platform = .host
        let foreign = BlobDescriptor(.ociManifest, image.config.digest, size: 1, platform: Platform("linux/s390x"))
        let inner = canonicalJSON(ImageIndex(manifests: [foreign, entry]))
        let sum = ContentDigest.of(inner)
        try world.write("layout/blobs/sha256/" + sum.hex, inner)
        try world.write(
            "layout/index.json",
            canonicalJSON(ImageIndex(manifests: [BlobDescriptor(.ociIndex, sum, size: Int64(inner.count))])))
        #expect(try pull(try world.image("oci:\(layout)").source) == image.content)
    }

    @Test func platformsInTheIndexItselfAreOneImage() throws {
        let image = try written()
        var entry = image.manifest
        entry.platform = .host
        let foreign = BlobDescriptor(.ociManifest, image.config.digest, size: 1, platform: Platform("linux/s390x"))
        try world.write("layout/index.json", canonicalJSON(ImageIndex(manifests: [foreign, entry])))
        #expect(try pull(try world.image("oci:\(layout)").source) == image.content)
    }

    @Test func aFolderOfOtherThingsIsNotWrittenTo() throws {
        try world.write("layout/precious", "x".utf8)
        #expect(throws: LayoutError.occupied(layout)) { try OCILayoutWriter(folder: layout) }
        #expect(try world.sh("ls -A layout") == "precious\n")
        #expect(try world.failure("oci:\(layout)") == .notALayout(layout))
    }

    @Test func anotherVersionIsNotRead() throws {
        try written()
        try world.write("layout/oci-layout", #"{"imageLayoutVersion":"2.0.0"}"#.utf8)
        #expect(try world.failure("oci:\(layout)") == .layoutVersion(layout, "2.0.0"))
    }

    @Test func aStoredBlobOfAnotherSizeIsNotWritten() throws {
        let image = try MadeImage(world)
        try world.sh("echo >>\(image.layers[0].path)")
        #expect(throws: LayoutError.changedBlob(image.layers[0].blob.digest)) {
            try image.put(into: try OCILayoutWriter(folder: layout), as: "x")
        }
        #expect(try world.sh("ls -A layout/blobs/sha256 | wc -l") == "1\n")
    }

    // MARK: Hostile

    enum Blob: String, CaseIterable {
        case link = "ln -s ../../../secret"
        case linkWithin = "ln -s ../../index.json"
        case fifo = "mkfifo"
        case folder = "mkdir"
    }

    @Test(arguments: Blob.allCases) func aBlobThatIsNoFileIsNotRead(blob: Blob) throws {
        let image = try written()
        try world.write("secret", Array(repeating: 0x20, count: Int(image.layers[0].blob.size)))
        let path = path(image.layers[0].blob.digest)
        try world.sh("rm \(path); \(blob.rawValue) \(path)")
        let entry = "blobs/sha256/" + image.layers[0].blob.digest.hex
        #expect(try world.failure("oci:\(layout)") == .irregular(layout, entry: entry))
    }

    @Test func aLinkInTheWayIsNotFollowed() throws {
        let image = try written()
        try world.sh("mv layout/blobs outside; ln -s ../outside layout/blobs")
        let entry = "blobs/sha256/" + image.manifest.digest.hex
        #expect(try world.failure("oci:\(layout)") == .irregular(layout, entry: entry))
        #expect(throws: LayoutError.self) { try written("x:1", "new") }
    }

    @Test func aHugeIndexIsNotRead() throws {
        try written()
        try world.sh("truncate -s 100M layout/index.json")
        #expect(
            try world.failure("oci:\(layout)")
                == .tooLarge(layout, entry: "index.json", 100 << 20, most: Int64(ImageDocument.limit)))
    }

    @Test(arguments: ["sha256:../../x", "../../../secret", "sha256:" + String(repeating: "A", count: 64)])
    func aDigestThatIsNoneIsNotAPath(text: String) throws {
        try written()
        try writeIndex(
            #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.ociManifest.rawValue)","digest":"\#(text)","size":1}]}"#
        )
        #expect(
            try world.failure("oci:\(layout)") == .document(layout, entry: "index.json", .badDigest(text)))
    }

    @Test func aManifestOfAnotherContentIsNotTaken() throws {
        let image = try written()
        try world.sh("sed -i 's/schemaVersion\":2/schemaVersion\":3/' \(path(image.manifest.digest))")
        #expect(try world.failure("oci:\(layout)") == .wrongDigest(layout, entry: "\(image.manifest.digest)"))
    }

    @Test func aBlobOfAnotherLengthIsNotTaken() throws {
        let image = try written()
        let layer = image.layers[1].blob
        try world.sh("truncate -s 10 \(path(layer.digest))")
        #expect(
            try world.failure("oci:\(layout)")
                == .wrongSize(layout, entry: "blobs/sha256/" + layer.digest.hex, 10, expected: layer.size))
        try world.sh("rm \(path(layer.digest))")
        #expect(try world.failure("oci:\(layout)") == .missing(layout, entry: "blobs/sha256/" + layer.digest.hex))
    }

    @Test func namesAreShownWithoutTheirControls() throws {
        try written()
        try writeIndex(#"{"schemaVersion":2,"manifests":[]}"#)
        #expect(try world.failure("oci:\(layout)") == .noImages(layout))
        let error = LayoutError.severalImages("x", names: ["a\u{1b}[31m", "b"])
        #expect(!error.description.contains("\u{1b}"))
        #expect(error.description.contains("b"))
    }
}
