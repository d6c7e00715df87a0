// Layers that builders write and no tar(1) would: each is laid as umoci(1) and podman(1) lay it.

import ImageStore
import LinuxSystem
import SandboxPolicy
import Testing

struct TrickyLayerTests {
    let world: World

    init() throws { world = try World() }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// `NAME=CONTENT` of every regular file, sorted.
        let files: [String]
        let bytes: [UInt8]

        init(_ description: String, _ files: String..., write: (inout TarWriter) -> Void) {
            testDescription = description
            self.files = files
            var tar = TarWriter()
            write(&tar)
            bytes = tar.finished
        }

        init(_ description: String, _ files: String..., bytes: [UInt8]) {
            testDescription = description
            self.files = files
            self.bytes = bytes
        }
    }

    private static var withoutEnd: [UInt8] {
        var tar = TarWriter()
        tar.file("x", "1")
        return tar.bytes
    }

    static let cases = [
        Case("no members") { _ in },
        Case("no bytes", bytes: []),
        Case("no end mark", "x=1", bytes: withoutEnd),
        Case("one block of zeros at the end", "x=1", bytes: withoutEnd + [UInt8](repeating: 0, count: 512)),
        Case("names from the root", "etc/x=1", "h=1") {
            $0.folder("/", mode: 0o711)
            $0.file("/etc/x", "1")
            $0.hardLink("/h", to: "/etc/x")
        },
        Case("up and down again", "b/y=2", "h=2", "x=1") {
            $0.file("a/../x", "1")
            $0.file("./b/./c/../y", "2")
            $0.hardLink("h", to: "b/q/../y")
        },
        Case("above the root from the root", "h=1", "x=1") {
            $0.file("/../x", "1")
            $0.hardLink("h", to: "/../../x")
        },
        Case("nodes left out", "x=1") {
            $0.add("dev/null", type: "3")
            $0.hardLink("dev/null2", to: "dev/null")
            $0.hardLink("null3", to: "./dev/null2")
            $0.file("x", "1")
        },
        Case("through a link that stays inside", "a/x=1", "h=1", "tmp/y=2") {
            $0.folder("a")
            $0.symlink("l", to: "./b/../a")
            $0.file("l/x", "1")
            $0.symlink("m", to: "/tmp")
            $0.symlink("n", to: "m/.")
            $0.file("n/y", "2")
            $0.hardLink("h", to: "l/x")
        },
        Case("a link on another way up", "d/e/x=1", "d/y=2") {
            $0.folder("d/e")
            $0.symlink("d/l", to: "e")
            $0.file("d/l/x", "1")
            $0.file("d/y", "2")
        },
    ]

    @Test(arguments: cases)
    func aTrickyLayerIsLaid(_ layer: Case) throws {
        var base = TarWriter()
        base.file("base", "")
        // Twice: the second name finds a layer that is kept, and is unpacked from there.
        let image = try MadeImage([base.finished, layer.bytes])
        let reference = try world.reference("x")
        try world.store.add(image, as: reference, platform: .host, mode: .single)
        let tree = world.places.layer(image.manifest.layers[1].digest, .single)
        let list = "cd '\(tree)' && find . -type f -printf '%P=' -exec cat {} \\; -printf '\\n' | LC_ALL=C sort"
        #expect(try world.sh(list).split(separator: "\n").map(String.init) == layer.files)
        try Files.removeTree(tree)
        try world.store.unpack(reference, mode: .single)
        #expect(try world.sh(list).split(separator: "\n").map(String.init) == layer.files)
    }

    @Test func theModeOfTheRootIsThatOfItsEntry() throws {
        var tar = TarWriter()
        tar.folder("/", mode: 0o711)
        #expect(try world.sh("stat -c %a '\(world.imported(tar))'") == "711\n")
    }
}
