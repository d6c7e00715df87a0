// Other tools read what is written here, and what they write is read.

import Foundation
import ImageFormat
import LinuxSystem
import Testing

@testable import ImageLayout

@Suite struct ToolTests {
    let world: World

    init() throws { world = try World() }

    private static let skopeo = "skopeo --insecure-policy"

    /// Writes one image in all three ways, named t:1.
    private func writeAll(compressed: Bool) throws -> MadeImage {
        let image = try MadeImage(world, compressed: compressed)
        try image.put(into: try OCILayoutWriter(folder: world.folder + "/layout"), as: "t:1")
        let oci = try OCIArchiveWriter(try ArchiveOutput(file: world.folder + "/oci.tar"))
        try image.put(into: oci, as: "t:1")
        try oci.close()
        let docker = try DockerArchiveWriter(try ArchiveOutput(file: world.folder + "/docker.tar"))
        try image.put(into: docker, as: "t:1")
        try docker.close()
        return image
    }

    @Test(.enabled(if: isInstalled("skopeo"), needsSkopeo), arguments: [false, true])
    func skopeoReadsWhatIsWritten(compressed: Bool) throws {
        let image = try writeAll(compressed: compressed)
        for source in ["oci:layout", "oci:layout:docker.io/library/t:1", "oci-archive:oci.tar"] {
            let output = try world.sh("\(Self.skopeo) inspect \(source)")
            #expect(output.contains(image.manifest.digest.description))
            #expect(output.contains(image.layers[1].blob.digest.description))
        }
        for source in ["docker-archive:docker.tar", "docker-archive:docker.tar:t:1"] {
            let output = try world.sh("\(Self.skopeo) inspect --config \(source)")
            #expect(output.contains("2024-01-01"))
        }
        // Copying reads and checks the layers too.
        for source in ["oci:layout", "oci-archive:oci.tar", "docker-archive:docker.tar"] {
            try world.sh("rm -rf copy; \(Self.skopeo) copy \(source) oci:copy:x")
            let copy = try pull(try world.image("oci:\(world.folder)/copy:x").source)
            #expect(copy.contents == image.content.contents)
        }
    }

    @Test(.enabled(if: isInstalled("skopeo"), needsSkopeo), arguments: [false, true])
    func whatSkopeoWritesIsRead(compressed: Bool) throws {
        let image = try writeAll(compressed: compressed)
        try world.sh(
            """
            \(Self.skopeo) copy oci:layout oci:a:3.20
            \(Self.skopeo) copy oci:layout oci-archive:b.tar:3.20
            \(Self.skopeo) copy oci:layout docker-archive:c.tar:t:1
            """)
        for source in ["oci:\(world.folder)/a:3.20", "oci-archive:\(world.folder)/b.tar:3.20"] {
            #expect(try pull(try world.image(source).source).config == image.config.digest)
        }
        let docker = try world.image("docker-archive:\(world.folder)/c.tar:t:1")
        #expect(docker.references.map(\.description) == ["t:1"])
        // Another config, and layers uncompressed.
        #expect(try pull(docker.source).contents == image.content.contents)
    }

    private static let podman = "podman --root $PWD/p --runroot $PWD/r --storage-driver vfs --tmpdir $PWD/t"
    private static let hasPodman = isInstalled("podman") && getuid() == 0

    @Test(.enabled(if: hasPodman, needsPodman), arguments: [false, true])
    func podmanLoadsWhatIsWrittenAndItsOwnIsRead(compressed: Bool) throws {
        let image = try writeAll(compressed: compressed)
        for file in ["oci.tar", "docker.tar"] {
            #expect(try world.sh("\(Self.podman) load -i \(file)").contains("docker.io/library/t:1"))
            #expect(
                try world.sh("\(Self.podman) image inspect -f '{{.Id}}' docker.io/library/t:1")
                    == image.config.digest.hex + "\n")
            try world.sh("\(Self.podman) save --format oci-archive -o saved-\(file) docker.io/library/t:1")
            try world.sh("\(Self.podman) save --format docker-archive -o docker-\(file) docker.io/library/t:1")
            try world.sh("\(Self.podman) rmi -f docker.io/library/t:1")
            for saved in ["saved-\(file)", "docker-\(file)"] {
                let loaded = try LoadableImage.all(in: world.folder + "/" + saved, scratch: world.scratch)
                #expect(loaded.map { $0.references.map(\.description) } == [["t:1"]])
                #expect(try pull(try #require(loaded.first).source).contents == image.content.contents)
            }
        }
    }

    @Test(.enabled(if: isInstalled("umoci"), "umoci is not installed"))
    func umociAddsToALayout() throws {
        let image = try MadeImage(world)
        try image.put(into: try OCILayoutWriter(folder: world.folder + "/layout", tag: "one"), as: nil)
        try world.sh(
            "umoci tag --image layout:one two; umoci config --image layout:one --tag three --config.workingdir /srv")
        #expect(try pull(try world.image("oci:\(world.folder)/layout:two").source) == image.content)
        #expect(try pull(try world.image("oci:\(world.folder)/layout:three").source).layers == image.content.layers)
        try MadeImage(world, "other").put(into: try OCILayoutWriter(folder: world.folder + "/layout"), as: "t:4")
        #expect(try world.sh("umoci list --layout layout").contains("three"))
    }
}
