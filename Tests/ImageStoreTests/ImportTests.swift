// Archives of root file systems as they come in: what is laid, and what is refused.

import Foundation
import ImageStore
import LinuxSystem
import SandboxPolicy
import Testing

/// The fixtures' Alpine root file system: `SANDBOX_SHARED`, or `shared` beside the checkout or above it.
private let alpine: String? = {
    let name = "/fixtures/alpine-minirootfs-3.20.3-x86_64.tar.gz"
    var candidates: [String] = []
    if let shared = LinuxSystem.Process.environment("SANDBOX_SHARED") { candidates.append(shared + name) }
    var folder = #filePath
    while let slash = folder.lastIndex(of: "/"), slash != folder.startIndex {
        folder = String(folder[..<slash])
        candidates.append(folder + "/shared" + name)
    }
    return candidates.first { Files.isAccessible($0, 4) }
}()

struct ImportTests {
    let world: World

    init() throws { world = try World() }

    @Test(.enabled(if: alpine != nil, "the shared fixtures are not here"))
    func alpineComesInWhole() throws {
        let file = try #require(alpine)
        let tree = try world.imported(file, "alpine:3.20")
        try world.sh("mkdir reference && tar -xzf '\(file)' -C reference --no-same-owner")
        let list = "find . -mindepth 1 -printf '%p %y %l %s %T@\\n' | grep -v ' d ' | sort"
        #expect(try world.sh("cd '\(tree)'; \(list)") == world.sh("cd reference; \(list)"))
        #expect(try world.sh("diff -r --no-dereference reference '\(tree)'") == "")
        let record = try world.store.record(try world.reference("alpine:3.20"))
        let layer = try #require(record.layers.first)
        #expect(try world.sh("gzip -dc '\(file)' | sha256sum").hasPrefix(layer.content.hex))
        #expect(try world.sh("cmp '\(file)' '\(world.places.blob(layer.blob))'") == "")
        #expect(try world.store.images().map(\.reference.description) == ["alpine:3.20"])
    }

    @Test func theStoreIsTheUsersAlone() throws {
        var tar = TarWriter()
        tar.file("f", "x")
        _ = try world.imported(tar)
        #expect(try world.sh("find '\(world.places.data)' -maxdepth 1 -type d ! -perm 700") == "")
        #expect(try world.sh("find '\(world.places.data)' -maxdepth 2 -type f -perm /077") == "")
    }

    @Test(arguments: ["cat", "gzip", "zstd -q", "xz", "bzip2"])
    func allCompressionsGiveOneDigest(_ compressor: String) throws {
        var tar = TarWriter()
        tar.file("etc/motd", String(repeating: "hello ", count: 50_000))
        _ = try world.write("plain.tar", tar.finished)
        try world.sh("\(compressor) <plain.tar >packed")
        let tree = try world.imported(world.folder + "/packed")
        #expect(try world.sh("wc -c <'\(tree)/etc/motd'") == "300000\n")
        #expect(try world.sh("sha256sum <plain.tar").prefix(64) == tree.split(separator: "/").last?.prefix(64))
    }

    @Test func aSecondImportOfANameReplacesIt() throws {
        for text in ["one", "two"] {
            var tar = TarWriter()
            tar.file("f", text)
            let tree = try world.imported(tar)
            #expect(Files.text(tree + "/f") == text)
        }
        #expect(try world.store.images().count == 1)
    }

    @Test func attributesAreKept() throws {
        var tar = TarWriter()
        tar.folder("closed", mode: 0o555)
        tar.folder("dark", mode: 0)
        tar.file("dark/inner", "x")
        tar.file("closed/program", "x", mode: 0o4755)
        tar.add("pipe", type: "6", mode: 0o622)
        tar.addAttributes([
            ("SCHILY.xattr.user.note", Array("kept".utf8)), ("SCHILY.xattr.user.overlay.opaque", [0x79]),
        ])
        tar.file("noted", "x")
        let tree = try world.imported(tar)
        let list = try world.sh("cd '\(tree)'; stat -c '%n %a %F %Y' closed dark closed/program pipe")
        #expect(
            list == """
                closed 555 directory 1000000000
                dark 0 directory 1000000000
                closed/program 755 regular file 1000000000
                pipe 622 fifo 1000000000

                """)
        let noted = try Descriptor.open(tree + "/noted", [.readOnly])
        if try noted.wholeAttribute("user.note") != nil {
            #expect(try noted.attributeNames().filter { $0.hasPrefix("user.") } == ["user.note"])
        }
    }

    @Test func hardLinksAndSymbolicLinksAreLaid() throws {
        var tar = TarWriter()
        tar.file("bin/busybox", "box")
        tar.hardLink("bin/sh", to: "./bin/busybox")
        tar.symlink("sbin", to: "bin")
        tar.symlink("absolute", to: "/etc/passwd")
        tar.hardLink("again", to: "absolute")
        let tree = try world.imported(tar)
        #expect(
            try world.sh("cd '\(tree)'; stat -c %h bin/sh; readlink sbin absolute again")
                == "2\nbin\n/etc/passwd\n/etc/passwd\n")
    }

    /// Names as bytes: not UTF-8, decomposed, and longer than a ustar header holds.
    @Test func namesAreBytes() throws {
        let names: [[UInt8]] = [
            [0xff, 0xfe, 0x41], Array("e\u{301}".utf8), Array("\u{e9}".utf8), Array("a\u{1b}[31m".utf8),
        ]
        let long =
            Array(String(repeating: String(repeating: "d", count: 200) + "/", count: 15).utf8) + Array("end".utf8)
        var tar = TarWriter()
        for name in names { tar.add(nameBytes: name, content: name) }
        for name in names + [long] {
            tar.addAttributes([("path", Array("pax/".utf8) + name)])
            tar.add("short", content: name)
        }
        let root = try Descriptor.open(try world.imported(tar), [.readOnly, .directory])
        let wanted = Set(names)
        #expect(Set(try root.fileNames().map(\.bytes)) == wanted.union([Array("pax".utf8)]))
        let pax = try #require(FileName("pax"))
        let below = try root.open(pax, [.readOnly, .directory])
        #expect(Set(try below.fileNames().map(\.bytes)) == wanted.union([Array(long.prefix(200))]))
        let path = TreePath([pax] + long.split(separator: UInt8(ascii: "/")).compactMap { FileName($0) })
        #expect(try root.open(beneath: path, [.readOnly]).readAll(limit: 5000) == long)
    }

    @Test func holesStayHoles() throws {
        try world.sh(
            "mkdir t; truncate -s 64M t/hole; printf x | dd of=t/hole bs=1 seek=9999999 conv=notrunc status=none")
        try world.sh("tar -C t -S -cf sparse.tar .")
        let tree = try world.imported(world.folder + "/sparse.tar")
        #expect(
            try world.sh("cmp t/hole '\(tree)/hole'; stat -c %b '\(tree)/hole'").trimmingCharacters(in: .newlines).count
                < 4)
    }

    @Test func theLastOfANameWins() throws {
        var tar = TarWriter()
        tar.file("twice", "one")
        tar.file("twice", "two")
        tar.file("was-file", "x")
        tar.folder("was-file")
        tar.file("was-file/inner", "x")
        tar.folder("was-folder")
        tar.file("was-folder/deep/inner", "x")
        tar.file("was-folder", "now a file")
        tar.symlink("was-link", to: "/")
        tar.folder("was-link")
        tar.file("was-link/inner", "x")
        tar.file("original", "kept")
        tar.hardLink("other", to: "original")
        tar.file("other", "written apart")
        tar.hardLink("original", to: "original")
        let tree = try world.imported(tar)
        let list = try world.sh("cd '\(tree)'; find . -type f -printf '%p=' -exec cat {} ';' -printf '\\n' | sort")
        #expect(
            list == """
                ./original=kept
                ./other=written apart
                ./twice=two
                ./was-file/inner=x
                ./was-folder=now a file
                ./was-link/inner=x

                """)
    }

    @Test func whiteOutsBecomeThoseOfOverlayfs() throws {
        var tar = TarWriter()
        tar.file("etc/.wh.gone", "")
        tar.file("opaque/.wh..wh..opq", "")
        tar.file(".wh..wh.plnk/1", "")
        tar.file("both", "kept")
        tar.file(".wh.both", "")
        tar.file(".wh.folder", "")
        tar.folder("folder")
        let tree = try world.imported(tar)
        #expect(
            try world.sh("cd '\(tree)'; find . -printf '%p %y\\n' | sort")
                == ". d\n./both f\n./etc d\n./etc/gone c\n./folder d\n./opaque d\n")
        #expect(try world.sh("stat -c '%t:%T' '\(tree)/etc/gone'") == "0:0\n")
        for name in ["opaque", "folder"] {
            let folder = try Descriptor.open(tree + "/" + name, [.readOnly])
            #expect(try folder.wholeAttribute("user.overlay.opaque") == [UInt8(ascii: "y")])
        }
    }

    @Test func devicesAreLeftOut() throws {
        var tar = TarWriter()
        tar.add("dev/null", type: "3", mode: 0o666)
        tar.add("dev/sda", type: "4", mode: 0o660)
        tar.file("f", "x")
        let tree = try world.imported(tar)
        #expect(try world.sh("find '\(tree)' -type c -o -type b") == "")
    }

    @Test func anotherModeIsUnpackedFromTheKeptArchive() throws {
        var tar = TarWriter()
        tar.file("f", "x")
        let tree = try world.imported(tar)
        let reference = try world.reference("x")
        try Files.removeTree(tree)
        try world.store.unpack(reference, mode: .single)
        #expect(Files.text(tree + "/f") == "x")
        try Files.removeTree(tree)
        tar.file("g", "y")
        let blob = world.places.blob(try #require(try world.store.record(reference).layers.first).blob)
        try Files.replace(blob, with: tar.finished)
        #expect(throws: ImageStoreError.changedBlob(blob)) { try world.store.unpack(reference, mode: .single) }
        #expect(!Files.isAccessible(tree, 0))
    }

    @Test func aTarServesAsALayer() throws {
        var tar = TarWriter()
        tar.file("opt/tool", "x")
        let file = try world.write("layer.tar", tar.finished)
        let folder = world.places.setup + "/tar-1.single"
        try world.store.unpackTar(file, into: folder, mode: .single)
        #expect(Files.text(folder + "/opt/tool") == "x")
        #expect(try world.sh("ls -A '\(world.places.setup)'") == "tar-1.single\n")
    }

    @Test func theNextImportRemovesWhatAKilledOneLeft() throws {
        var tar = TarWriter()
        tar.file("f", "x")
        _ = try world.imported(tar)
        try world.sh(
            """
            cd '\(world.places.data)'
            mkdir -p layers/.tmp-99-layer/a; chmod 0 layers/.tmp-99-layer/a; touch blobs/.tmp-99-blob images/.tmp-99-record
            """)
        _ = try world.imported(tar)
        #expect(try world.sh("find '\(world.places.data)' -name '.tmp-*'") == "")
    }
}
