// Archives of images: written and read, and hostile ones.

import Checksums
import Foundation
import ImageFormat
import LinuxSystem
import SandboxPolicy
import Testing

@testable import ImageLayout

@Suite struct ArchiveTests {
    let world: World
    var file: String { world.folder + "/x.tar" }

    init() throws { world = try World() }

    private func ociArchive(_ images: [(MadeImage, String?)], to file: String) throws {
        let writer = try OCIArchiveWriter(try ArchiveOutput(file: file))
        for (image, name) in images { try image.put(into: writer, as: name) }
        try writer.close()
    }

    private func dockerArchive(_ images: [(MadeImage, String?)], to file: String) throws {
        let writer = try DockerArchiveWriter(try ArchiveOutput(file: file))
        for (image, name) in images { try image.put(into: writer, as: name) }
        try writer.close()
    }

    private func sum() throws -> Digest { ContentDigest.of(try Data(contentsOf: URL(fileURLWithPath: file))) }

    // MARK: What is written is read

    @Test(arguments: [false, true]) func anOCIArchiveIsReadBack(compressed: Bool) throws {
        let image = try MadeImage(world, compressed: compressed)
        try ociArchive([(image, "alpine:3.20")], to: file)
        #expect(try pull(try world.image("oci-archive:\(file)").source) == image.content)
        let loaded = try LoadableImage.all(in: file, scratch: world.scratch)
        #expect(loaded.map { $0.references.map(\.description) } == [["alpine:3.20"]])
    }

    @Test(arguments: [false, true]) func aDockerArchiveIsReadBack(compressed: Bool) throws {
        let image = try MadeImage(world, compressed: compressed)
        try dockerArchive([(image, "alpine:3.20"), (image, "alpine:latest")], to: file)
        let loaded = try LoadableImage.all(in: file, scratch: world.scratch)
        #expect(loaded.map { $0.references.map(\.description) } == [["alpine:3.20", "alpine:latest"]])
        #expect(try pull(loaded[0].source) == image.content)
        // Made anew of what the archive has, and yet the same.
        #expect(try loaded[0].source.root().bytes == image.manifestBytes)
    }

    @Test func blobsAreSharedAndBytesAreTheSame() throws {
        let images = [(try MadeImage(world, "one"), "a:1"), (try MadeImage(world, "two"), "b:2")]
        for write in [ociArchive, dockerArchive] {
            try write(images, file)
            let first = try sum()
            try write(images, file)
            #expect(try sum() == first)
            #expect(try world.sh("tar tf x.tar | sort | uniq -d") == "")
            #expect(try LoadableImage.all(in: file, scratch: world.scratch).count == 2)
            #expect(try world.sh("tar tf x.tar | grep -c \(images[0].0.layers[1].blob.digest.hex)") == "1\n")
        }
        #expect(
            try pull(try world.image("docker-archive:\(file):b:2").source) == images[1].0.content)
        #expect(try pull(try world.image("docker-archive:\(file):@0").source) == images[0].0.content)
        #expect(
            try world.failure("docker-archive:\(file)")
                == .severalImages(file, names: ["docker.io/library/a:1", "docker.io/library/b:2"]))
    }

    @Test func aBrokenOffArchiveLeavesWhatWasThere() throws {
        try world.write("x.tar", "old".utf8)
        do {
            let writer = try OCIArchiveWriter(try ArchiveOutput(file: file))
            try MadeImage(world).put(into: writer, as: "x")
        }
        #expect(Files.text(file) == "old")
        #expect(try world.sh("ls -A | grep -v -e store -e x.tar -e .errors || true") == "")
        try ociArchive([(try MadeImage(world), nil)], to: file)
        #expect(try LoadableImage.all(in: file, scratch: world.scratch).map(\.names) == [[]])
    }

    @Test func anArchiveGoesToAPipe() throws {
        let image = try MadeImage(world, [Array(repeating: 1, count: 3 << 20)])
        try world.sh("mkfifo pipe")
        let reader = Foundation.Process()
        reader.executableURL = URL(fileURLWithPath: "/bin/cp")
        reader.arguments = [world.folder + "/pipe", file]
        try reader.run()
        try dockerArchive([(image, "x:1")], to: world.folder + "/pipe")
        reader.waitUntilExit()
        #expect(try pull(try world.image("docker-archive:\(file)").source) == image.content)
        #expect(try world.sh("stat -c %F pipe") == "fifo\n")
    }

    @Test(arguments: ["gzip", "zstd", "xz", "bzip2"]) func compressedArchivesAreRead(program: String) throws {
        let image = try MadeImage(world)
        try ociArchive([(image, "x:1")], to: file)
        try world.sh("\(program) -c x.tar >x.tar.c; ls -A >before")
        #expect(try pull(try world.image("oci-archive:\(file).c").source) == image.content)
        #expect(try world.sh("ls -A | diff before - | grep '^[<>]' || true") == "")
        let small = Scratch(folder: world.folder, limit: 2048)
        #expect(throws: LayoutError.tooMuch(file + ".c", most: 2048)) {
            try world.image("oci-archive:\(file).c", scratch: small)
        }
    }

    @Test func anArchiveComesThroughAPipe() throws {
        let image = try MadeImage(world)
        try dockerArchive([(image, "x:1")], to: file)
        let (pipe, writer) = (Pipe(), Foundation.Process())
        writer.executableURL = URL(fileURLWithPath: "/bin/cat")
        writer.arguments = [file]
        writer.standardOutput = pipe
        try writer.run()
        let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
        let loaded = try LoadableImage.all(in: path, scratch: world.scratch)
        writer.waitUntilExit()
        #expect(try pull(try #require(loaded.first).source) == image.content)
        // Nobody may ever write to one that has a name.
        try world.sh("mkfifo pipe")
        #expect(throws: LayoutError.source(world.folder + "/pipe", .notRegular)) {
            try LoadableImage.all(in: world.folder + "/pipe", scratch: world.scratch)
        }
    }

    // MARK: docker save of old

    private func docker(
        _ image: MadeImage, layers: [String], _ add: (inout RawTar) throws -> Void
    ) throws {
        var tar = RawTar()
        try add(&tar)
        tar.file("config.json", image.configBytes)
        let list = layers.map { "\"\($0)\"" }.joined(separator: ",")
        tar.file("manifest.json", #"[{"Config":"config.json","RepoTags":null,"Layers":[\#(list)]}]"#)
        try world.write("x.tar", tar.finished)
    }

    private func layer(_ image: MadeImage, _ number: Int) throws -> [UInt8] {
        try Files.read(image.layers[number].path)
    }

    @Test func layersThatAreLinksAreFoundInTheArchive() throws {
        let image = try MadeImage(world)
        try docker(image, layers: ["a/layer.tar", "c/layer.tar"]) { tar in
            tar.add("a/layer.tar", type: "2", link: "../b/layer.tar")
            tar.add("b/layer.tar", content: try layer(image, 0))
            tar.add("./d.tar", content: try layer(image, 1))
            tar.add("c/layer.tar", type: "1", link: "d.tar")
        }
        #expect(try pull(try world.image("docker-archive:\(file)").source) == image.content)
    }

    @Test(arguments: [
        ("2", "../../secret.tar"), ("2", "/secret.tar"), ("1", "../secret.tar"), ("2", "layer.tar"),
    ])
    func aLayerLinkDoesNotLeadOut(type: Character, target: String) throws {
        let image = try MadeImage(world)
        try world.write("secret.tar", try layer(image, 0))
        try docker(image, layers: ["a/layer.tar", "b"]) { tar in
            tar.add("a/layer.tar", type: type, link: target)
            tar.add("b", content: try layer(image, 1))
        }
        #expect(try world.failure("docker-archive:\(file)") == .linkOutside(file, entry: "a/layer.tar"))
    }

    @Test(arguments: ["../secret.tar", "a/../../secret.tar"]) func aLayerPathDoesNotLeadOut(path: String) throws {
        let image = try MadeImage(world)
        try docker(image, layers: [path, "b"]) { tar in tar.add("b", content: try layer(image, 1)) }
        #expect(try world.failure("docker-archive:\(file)") == .linkOutside(file, entry: path))
    }

    @Test func aLayerMustBeAFileOfTheArchive() throws {
        let image = try MadeImage(world)
        try docker(image, layers: ["a", "b"]) { $0.add("b", content: try layer(image, 1)) }
        #expect(try world.failure("docker-archive:\(file)") == .missing(file, entry: "a"))
        try docker(image, layers: ["a", "b"]) { $0.add("a", type: "6") }
        #expect(try world.failure("docker-archive:\(file)") == .irregular(file, entry: "a"))
        try docker(image, layers: ["a", "b"]) { $0.file("a", "BZh9 is bzip2") }
        #expect(try world.failure("docker-archive:\(file)") == .layerCompression(file, entry: "a"))
    }

    // MARK: Hostile

    /// The entries of an OCI archive of `image`, all but what is left out.
    private func entries(_ image: MadeImage) throws -> RawTar {
        var tar = RawTar()
        tar.file("oci-layout", LayoutDocuments.version)
        tar.file("blobs/sha256/" + image.manifest.digest.hex, image.manifestBytes)
        tar.file("blobs/sha256/" + image.config.digest.hex, image.configBytes)
        tar.file("index.json", canonicalJSON(ImageIndex(manifests: [image.manifest])))
        return tar
    }

    @Test func ofTwoEntriesTheLaterCounts() throws {
        let image = try MadeImage(world)
        var tar = try entries(image)
        for (number, layer) in image.layers.enumerated() {
            let name = "blobs/sha256/" + layer.blob.digest.hex
            tar.file(name, "not this")
            tar.add(name, content: try self.layer(image, number))
        }
        try world.write("x.tar", tar.finished)
        #expect(try pull(try world.image("oci-archive:\(file)").source) == image.content)
    }

    @Test func anEntryBeyondTheEndIsNotRead() throws {
        let image = try MadeImage(world)
        var tar = try entries(image)
        tar.add("blobs/sha256/" + image.layers[0].blob.digest.hex, content: [1, 2, 3], size: 1 << 30)
        try world.write("x.tar", tar.finished)
        #expect(try world.failure("oci-archive:\(file)") == .damaged(file, "an entry reaches beyond its end"))
    }

    @Test(arguments: [0, 511, 512, 700, 1024, 5000]) func aTruncatedArchiveIsNotRead(size: Int) throws {
        try ociArchive([(try MadeImage(world), "x")], to: file)
        try world.sh("truncate -s \(size) x.tar")
        let error = try world.failure("oci-archive:\(file)")
        #expect(
            error == (size < 512 ? .notAnArchive(file) : .damaged(file, "it ends before its end mark"))
                || error == .damaged(file, "an entry reaches beyond its end"))
    }

    @Test func lengthsThatOverflowAreRefused() throws {
        for size in [[0x80] + [UInt8](repeating: 0xff, count: 11), [UInt8](repeating: 0xff, count: 12)] {
            var tar = RawTar()
            tar.file("a", "x")
            var bytes = tar.finished
            bytes.replaceSubrange(124..<136, with: size)
            bytes.replaceSubrange(148..<156, with: repeatElement(0x20, count: 8))
            let digits = String(bytes[..<512].reduce(0) { $0 + Int($1) }, radix: 8)
            bytes.replaceSubrange(
                148..<156, with: Array(digits.utf8) + Array(repeating: 0, count: 8 - digits.utf8.count))
            try world.write("x.tar", bytes)
            #expect(try world.failure("oci-archive:\(file)") == .notAnArchive(file))
        }
    }

    @Test func extendedHeadersAreReadWithSuspicion() throws {
        for (text, reason) in [
            ("99 path=x\n", "an extended header that does not parse"),
            ("11 path=xy", "an extended header that does not parse"),
            ("9 size=-1\n", "an extended header that does not parse"), ("11 size=-1\n", "a size that is no number"),
            ("23 GNU.sparse.major=1\n", "an extended header that does not parse"),
            ("22 GNU.sparse.major=1\n", "it has sparse entries, which images have not"),
            ("25 size=9223372036854775807\n", "an extended header that does not parse"),
            ("28 size=9223372036854775807\n", "an entry reaches beyond its end"),
        ] {
            var tar = RawTar()
            tar.add("x", type: "x", content: Array(text.utf8))
            tar.file("a", "x")
            try world.write("x.tar", tar.finished)
            #expect(try world.failure("oci-archive:\(file)") == .damaged(file, reason), "\(text)")
        }
    }

    @Test func largeEntriesAreSkipped() throws {
        let image = try MadeImage(world)
        var large = RawTar()
        large.add("x", type: "x", content: Array("19 size=9663676416\n".utf8))
        large.add("large", size: 0)
        try world.write("x.tar", large.bytes)
        var tar = try entries(image)
        for (number, layer) in image.layers.enumerated() {
            tar.add("blobs/sha256/" + layer.blob.digest.hex, content: try self.layer(image, number))
        }
        try world.write("rest", tar.finished)
        try world.sh("truncate -s +9G x.tar; cat rest >>x.tar")
        #expect(try pull(try world.image("oci-archive:\(file)").source) == image.content)
    }

    @Test func largeNumbersAreWrittenInRecords() {
        let header = TarStreamHeader(TarStreamEntry(path: [0x78], kind: .file(size: 9 << 30), owner: 4_000_000))
        #expect(String(decoding: header.records, as: UTF8.self) == "15 uid=4000000\n19 size=9663676416\n")
    }

    @Test func anArchiveOfBothKindsIsReadAsALayout() throws {
        let image = try MadeImage(world)
        var entry = image.manifest
        entry.annotations = [OCILayout.nameKey: "1", OCILayout.wholeNameKey: "docker.io/library/both:1"]
        var tar = try entries(image)
        tar.file("index.json", canonicalJSON(ImageIndex(manifests: [entry])))
        tar.file("manifest.json", #"[{"Config":"none","RepoTags":["not/this:1"],"Layers":["none"]}]"#)
        for (number, layer) in image.layers.enumerated() {
            tar.add("blobs/sha256/" + layer.blob.digest.hex, content: try self.layer(image, number))
        }
        try world.write("x.tar", tar.finished)
        let loaded = try #require(try LoadableImage.all(in: file, scratch: world.scratch).first)
        #expect(loaded.references.map(\.description) == ["both:1"])
        #expect(try pull(loaded.source) == image.content)
        #expect(try world.failure("docker-archive:\(file)") == .missing(file, entry: "none"))
    }

    @Test func whatIsNoArchiveOfImagesIsTold() throws {
        try world.sh("mkdir root; echo x >root/x; tar cf x.tar root")
        #expect(throws: LayoutError.notImages(file, missing: "index.json and no manifest.json")) {
            try LoadableImage.all(in: file, scratch: world.scratch)
        }
        try world.sh("echo hello hello >x.tar; truncate -s 4096 x.tar")
        #expect(throws: LayoutError.notAnArchive(file)) { try LoadableImage.all(in: file, scratch: world.scratch) }
        #expect(throws: LayoutError.source(file + ".none", .noEntry)) {
            try LoadableImage.all(in: file + ".none", scratch: world.scratch)
        }
    }
}
