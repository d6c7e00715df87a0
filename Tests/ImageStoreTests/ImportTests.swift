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
            ("SCHILY.xattr.user.overlay.redirect", Array("/etc".utf8)), ("SCHILY.xattr.trusted.overlay.opaque", [0x79]),
            ("SCHILY.xattr.trusted.note", [0x79]), ("SCHILY.xattr.security.selinux", Array("u:r:t:s0".utf8)),
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
            #expect(try noted.attributeNames() == ["user.note"])
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

    /// A folder of a layer need not have an entry, and a layer may both remove a folder and make it anew.
    @Test func aWhiteOutGivesWayToAFolder() throws {
        var tar = TarWriter()
        tar.file(".wh.a", "")
        tar.file("a/b/inner", "x")
        tar.file(".wh.c", "")
        tar.file("c", "x")
        tar.file("d/inner", "x")
        tar.file("d/.wh.inner", "")
        let tree = try world.imported(tar)
        #expect(
            try world.sh("cd '\(tree)'; find . -mindepth 1 -printf '%p %y %m\\n' | sort")
                == "./a d 755\n./a/b d 755\n./a/b/inner f 644\n./c f 644\n./d d 755\n./d/inner f 644\n")
        let folder = try Descriptor.open(tree + "/a", [.readOnly])
        #expect(try folder.wholeAttribute("user.overlay.opaque") == [UInt8(ascii: "y")])
    }

    @Test func oddWhiteOutNamesAreNames() throws {
        var tar = TarWriter()
        tar.file(".wh..wh..opq", "")
        tar.file(".wh....", "")
        tar.file(".wh..hidden", "")
        tar.file(".wh./x", "")
        tar.file("a.wh.b", "")
        let tree = try world.imported(tar)
        #expect(
            try world.sh("cd '\(tree)'; find . -mindepth 1 -printf '%p %y\\n' | sort")
                == "./... c\n./.hidden c\n./.wh. d\n./.wh./x f\n./a.wh.b f\n")
        let root = try Descriptor.open(tree, [.readOnly])
        #expect(try root.wholeAttribute("user.overlay.opaque") == [UInt8(ascii: "y")])
    }

    /// In whatever order they come, folders keep the time that the archive gives them.
    @Test func foldersKeepTheirTimesAndModes() throws {
        var tar = TarWriter()
        tar.add("a", type: "5", mode: 0o755, modified: 1000)
        tar.add("a/b", type: "5", mode: 0o1777, modified: 2000)
        tar.file("a/b/f", "x")
        tar.file("c/d/f", "x")
        tar.file("a/late", "x")
        tar.file("a/b/late", "x")
        tar.add("c", type: "5", mode: 0o711, modified: 3000)
        tar.add("c/d", type: "5", mode: 0o500, modified: 4000)
        tar.file("c/d/late", "x")
        tar.file("a/.wh.gone", "")
        tar.hardLink("a/b/link", to: "c/d/f")
        tar.symlink("c/link", to: "x")
        tar.file("c/d/f", "another")
        tar.add(".", type: "5", mode: 0o750, modified: 5000)
        tar.file("top", "x")
        let tree = try world.imported(tar)
        #expect(
            try world.sh("cd '\(tree)'; stat -c '%n %a %Y' . a a/b c c/d")
                == ". 750 5000\na 755 1000\na/b 1777 2000\nc 711 3000\nc/d 500 4000\n")
    }

    @Test func timesAreKeptToTheNanosecond() throws {
        var tar = TarWriter()
        tar.addAttributes([("mtime", Array("1000000000.123456789".utf8))])
        tar.file("late", "x")
        tar.addAttributes([("mtime", Array("-2".utf8))])
        tar.file("early", "x")
        tar.addAttributes([("mtime", Array("1.000000001".utf8))])
        tar.folder("folder")
        tar.addAttributes([("mtime", Array("7.25".utf8))])
        tar.symlink("link", to: "x")
        let tree = try world.imported(tar)
        let root = try Descriptor.open(tree, [.readOnly, .directory])
        let wanted: [(String, Int64)] = [
            ("late", 1_000_000_000_123_456_789), ("early", -2_000_000_000), ("folder", 1_000_000_001),
            ("link", 7_250_000_000),
        ]
        for (name, time) in wanted { #expect(try root.status(of: name).modified == time, "\(name)") }
    }

    /// Beyond what 64 bits of nanoseconds reach, which only some file systems keep.
    @Test func timesMayBeFarAway() throws {
        var tar = TarWriter()
        for (name, time) in [("late", "99999999999999"), ("early", "-99999999999999")] {
            tar.addAttributes([("mtime", Array(time.utf8))])
            tar.folder(name)
            tar.addAttributes([("path", Array("\(name)/f".utf8)), ("mtime", Array(time.utf8))])
            tar.file("short", "x")
        }
        tar.file("late/again", "x")
        tar.file("early/again", "x")
        let tree = try Descriptor.open(try world.imported(tar), [.readOnly, .directory])
        #expect(try tree.status(of: "late").modified > tree.status(of: "early").modified)
    }

    /// More folders in one another than are held open, with times, left and entered again.
    @Test func foldersMayBeDeep() throws {
        let deep = Array(repeating: "d", count: 1000)
        var tar = TarWriter()
        for depth in [200, 1000, 100, 999] {
            tar.addAttributes([("path", Array(deep[..<depth].joined(separator: "/").utf8))])
            tar.add("short", type: "5", mode: 0o700 + depth % 8, modified: depth)
            tar.addAttributes([("path", Array((deep[..<depth] + ["f"]).joined(separator: "/").utf8))])
            tar.file("short", "x")
        }
        let root = try Descriptor.open(try world.imported(tar), [.readOnly, .directory])
        for depth in [100, 200, 999, 1000] {
            let path = TreePath(deep[..<depth].compactMap { FileName($0) })
            let folder = try root.open(beneath: path, [.readOnly, .directory])
            let status = try folder.status()
            #expect(status.modified == Int64(depth) * 1_000_000_000)
            #expect(status.permissions == 0o700 + mode_t(depth % 8))
            #expect(try folder.status(of: "f").size == 1)
        }
    }

    /// What the store's own folders pass down to new files (acl(5)) does not change modes.
    @Test func foldersAboveDoNotChangeModes() throws {
        try Files.makeDirectories(world.places.data + "/layers")
        try world.sh(
            """
            chmod g+s '\(world.places.data)/layers'; cat >acl.py <<'END'
            import os, struct, sys
            acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", t, p, 0xffffffff) for t, p in ((1, 7), (4, 0), (32, 0)))
            try: os.setxattr(sys.argv[1], "system.posix_acl_default", acl)
            except OSError as e: print(e)
            END
            python3 acl.py '\(world.places.data)/layers'
            """)
        var tar = TarWriter()
        tar.folder("a", mode: 0o755)
        tar.file("a/f", "x", mode: 0o664)
        tar.file("a/b/f", "x", mode: 0o666)
        let tree = try world.imported(tar)
        #expect(
            try world.sh("cd '\(tree)'; stat -c '%n %a' . a a/f a/b a/b/f")
                == ". 755\na 755\na/f 664\na/b 755\na/b/f 666\n")
        #expect(try world.sh("cd '\(tree)'; ls -l a | grep -c '+' || true") == "0\n")
    }

    @Test(.enabled(if: Process.effectiveUser == 0, "only root may give files away"))
    func ownersAndSetIdBitsAreKeptForARange() throws {
        var tar = TarWriter()
        tar.add("home", type: "5", mode: 0o2750, user: 1000)
        tar.add("home/f", mode: 0o4711, user: 1000, content: [1])
        tar.add("home/roots", mode: 0o2755, content: [1])
        tar.add("home/link", type: "2", user: 1001, link: "f")
        tar.add("home/pipe", type: "6", mode: 0o620, user: 1002)
        tar.add("home/again", type: "5", mode: 0o700, user: 1000)
        tar.add("home/again", type: "5", mode: 0o700)
        tar.file("home/again/f", "x")
        let reference = try world.reference("x")
        try world.store.importTar(from: try world.write("x.tar", tar.finished), as: reference, mode: .range)
        let tree = world.places.layer(try #require(try world.store.record(reference).layers.first).content, .range)
        #expect(
            try world.sh(
                "cd '\(tree)'; stat -c '%n %a %u %g' home home/f home/roots home/link home/pipe home/again/f home/again"
            )
                == """
                home 2750 1000 1000
                home/f 4711 1000 1000
                home/roots 2755 0 0
                home/link 777 1001 1001
                home/pipe 620 1002 1002
                home/again/f 644 0 0
                home/again 700 0 0

                """)
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
        let key = EntryKey("tar", ["1", "single"])
        let stamp = FileStatus.stamp(of: file)
        let folder = world.places.setup(key)
        func tool() -> String? { Files.text(Places.setupTree(folder) + "/opt/tool") }
        try world.store.unpackTar(file, stamp: stamp, as: key, mode: .single)
        #expect(tool() == "x")
        #expect(try world.sh("ls -A '\(world.places.setup)'") == key.name + "\n")
        // What is there is not made again, unless it is something else's.
        try world.sh("echo own >'\(Places.setupTree(folder))/opt/tool'")
        try world.store.unpackTar(file, stamp: stamp, as: key, mode: .single)
        #expect(tool() == "own\n")
        try Files.replace(Places.setupKey(folder), with: EntryKey("tar", ["2", "single"]).encoded)
        try world.store.unpackTar(file, stamp: stamp, as: key, mode: .single)
        #expect(tool() == "x")
        // Another file than the one that the key is of.
        let other = EntryKey("tar", ["3", "single"])
        #expect(throws: ImageStoreError.changedArchive(file)) {
            try world.store.unpackTar(file, stamp: "1:2:3:4:5", as: other, mode: .single)
        }
        #expect(!Files.isAccessible(world.places.setup(other), 0))
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
