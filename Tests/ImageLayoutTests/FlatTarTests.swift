// Layers as one tar, unpacked by GNU tar.

import Foundation
import LinuxSystem
import Testing

@testable import ImageLayout

@Suite struct FlatTarTests {
    let world: World

    init() throws {
        world = try World()
        try world.sh("mkdir low top out")
    }

    private func write(_ layers: [String]) throws {
        try FlatTar.write(
            layers: try layers.map { SharedDescriptor(try Descriptor.open(world.folder + "/" + $0, [.readOnly])) },
            to: try ArchiveOutput(file: world.folder + "/flat.tar"))
    }

    private func setAttribute(_ path: String, _ name: String, _ value: String) throws {
        try Descriptor.open(world.folder + "/" + path, [.readOnly]).setAttribute(name, to: Array(value.utf8))
    }

    private func attribute(_ path: String, _ name: String) throws -> String? {
        try Descriptor.open(world.folder + "/" + path, [.readOnly]).wholeAttribute(name)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// Writes the layers, and unpacks them into `out`.
    private func unpacked(_ layers: [String] = ["low", "top"]) throws {
        try write(layers)
        try world.sh("tar xpf flat.tar -C out --xattrs --xattrs-include='*' --numeric-owner")
        #expect(try world.sh("cat .errors") == "")
    }

    private static let listing =
        "find . -printf '%P %y %m %U:%G %s %T@ %l\\n' | sed '/ d /s/ [0-9]* \\([0-9.]* \\)$/ \\1/'"

    private func expectSame(_ one: String, _ other: String) throws {
        #expect(
            try world.sh("cd \(one); \(Self.listing) | LC_ALL=C sort")
                == world.sh("cd \(other); \(Self.listing) | LC_ALL=C sort"))
        let sums = "find . -type f -exec sha256sum {} + | LC_ALL=C sort"
        #expect(try world.sh("cd \(one); \(sums)") == world.sh("cd \(other); \(sums)"))
    }

    @Test func oneLayerComesBackAsItWas() throws {
        try world.sh(
            """
            mkdir -p low/etc low/bin low/sub; echo hello >low/etc/hello; chmod 4755 low/bin; ln -s ../x/$(printf 'y%.0s' {1..300}) low/link
            touch -d '1960-01-01 00:00:00.25' low/old; touch -d '2040-05-06 07:08:09.123456789' low/etc; mkfifo low/fifo; chmod 600 low/fifo
            head -c 3000000 /dev/urandom >low/bin/big; truncate -s 2M low/sparse; echo x >low/sub/$(printf 'n%.0s' {1..250}); : >low/empty
            d=low; for i in 1 2 3; do d=$d/$(printf 'f%.0s' {1..200}); mkdir $d; done; echo deep >$d/deep; chmod 1770 low
            """)
        try unpacked(["low"])
        try expectSame("low", "out")
    }

    @Test func namesNeedNotBeText() throws {
        try world.sh(
            """
            echo x >low/$'short\\xff\\xfe'; echo y >low/$'long\\xff'$(printf 'n%.0s' {1..200}); ln -s $'\\xff'$(printf 't%.0s' {1..200}) low/$'link\\xff'
            echo z >low/$'new\\nline'; echo ü >low/ü
            """)
        try unpacked(["low"])
        try expectSame("low", "out")
    }

    @Test func linksAreKeptWithinALayer() throws {
        try world.sh(
            "echo x >low/b; ln low/b low/a; mkdir top/c; echo y >top/c/one; ln top/c/one top/two; ln low/b low/hidden")
        try world.sh("mknod top/hidden c 0 0")
        try unpacked()
        #expect(
            try world.sh("cd out; stat -c '%n %h' a b c/one two; test a -ef b; test two -ef c/one")
                == "a 2\nb 2\nc/one 2\ntwo 2\n")
        #expect(try world.sh("tar tvf flat.tar | grep -c 'link to'") == "2\n")
    }

    @Test func whiteoutsAndOpaqueFoldersHide() throws {
        try world.sh(
            """
            mkdir -p low/d/sub top/d mid/o low/o low/gone low/kind/in mid/kept; echo 1 >low/d/low; echo 1 >low/d/same; echo 1 >low/gone/x
            echo 2 >top/d/same; echo 2 >top/d/top; mknod top/gone c 0 0; echo o >low/o/hidden; echo o >mid/o/shown
            echo f >top/kind; echo x >low/file; mkdir top/file; echo in >top/file/in
            mknod top/never c 0 0; : >low/marked; : >mid/marked
            mkdir -p low/back mid top/back; echo l >low/back/l; mknod mid/back c 0 0; echo t >top/back/t
            """)
        try setAttribute("mid/o", "user.overlay.opaque", "y")
        try setAttribute("mid/marked", "user.overlay.whiteout", "")
        try unpacked(["low", "mid", "top"])
        #expect(
            try world.sh("cd out; find . -type f -printf '%P=' -exec cat {} \\; | LC_ALL=C sort")
                == "back/t=t\nd/low=1\nd/same=2\nd/top=2\nfile/in=in\nkind=f\no/shown=o\n")
        #expect(
            try world.sh("cd out; find . -type d | LC_ALL=C sort") == ".\n./back\n./d\n./d/sub\n./file\n./kept\n./o\n")
        #expect(try attribute("out/o", "user.overlay.opaque") == nil)
    }

    @Test func theOrderIsThatOfNames() throws {
        try world.sh("mkdir -p low/a top/a low/a.b; : >top/a/z; : >low/a/y; : >top/b; : >low/A")
        try write(["low", "top"])
        #expect(try world.sh("tar tf flat.tar") == "./\nA\na/\na/y\na/z\na.b/\nb\n")
        let first = try world.sh("sha256sum flat.tar")
        try write(["low", "top"])
        #expect(try world.sh("sha256sum flat.tar") == first)
    }

    @Test func attributesOfTheUserAreKept() throws {
        try world.sh("echo x >low/x")
        let long = String(repeating: "v", count: 2000)
        try setAttribute("low/x", "user.note", long)
        try setAttribute("low/x", "user.a=b", "c")
        try setAttribute("low/x", "user.overlay.impure", "y")
        try unpacked(["low"])
        #expect(try attribute("out/x", "user.note") == long)
        #expect(try attribute("out/x", "user.a=b") == "c")
        #expect(try attribute("out/x", "user.overlay.impure") == nil)
    }

    @Test(.enabled(if: getuid() == 0, "only root gives files away, and makes devices"))
    func ownersAreKeptAndDevicesAreNot() throws {
        try world.sh(
            """
            echo x >low/x; chown 1234:4000000 low/x; ln -s x low/l; chown -h 7:8 low/l; mknod low/null c 1 3; mknod low/disk b 7 0
            python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("low/s")'
            """)
        // cap_net_raw, permitted and effective (VFS_CAP_REVISION_2 in linux/capability.h).
        let capability = [1, 0, 0, 2, 0, 0x20] + [UInt8](repeating: 0, count: 14)
        try Descriptor.open(world.folder + "/low/x", [.readOnly]).setAttribute("security.capability", to: capability)
        try unpacked(["low"])
        #expect(try world.sh("cd out; stat -c '%n %u:%g' *") == "l 7:8\nx 1234:4000000\n")
        #expect(
            try Descriptor.open(world.folder + "/out/x", [.readOnly]).wholeAttribute("security.capability")
                == capability)
    }

    @Test func contentThatAnOverlayHasMovedIsNotLost() throws {
        try world.sh("mkdir top/new")
        try setAttribute("top/new", "user.overlay.redirect", "/old")
        #expect(throws: LayoutError.redirected("/new")) { try write(["low", "top"]) }
        #expect(try world.sh("ls flat.tar 2>&1 || true").contains("No such file"))
    }

    @Test func aDeepTreeIsWritten() throws {
        try world.sh(
            """
            cd low && python3 -c 'import os
            for _ in range(1300): os.mkdir("dd"); os.chdir("dd"); open("f", "w").close()'
            """)
        try write(["low"])
        #expect(try world.sh("tar tf flat.tar | wc -l") == "2601\n")
        // Deeper than a path can be, nobody could unpack it.
        try world.sh(
            """
            rm flat.tar; cd low && python3 -c 'import os
            for _ in range(1300): os.chdir("dd")
            for _ in range(100): os.mkdir("dd"); os.chdir("dd")'
            """)
        #expect(throws: LayoutError.self) { try write(["low"]) }
        #expect(try world.sh("ls flat.tar 2>&1 || true").contains("No such file"))
    }

    /// Three layers of a few names, so that files, folders, white-outs and opaque folders meet in all ways.
    private static let randomLayers = """
        import os, random, sys
        random.seed(int(sys.argv[1]))
        def fill(folder, depth, layer):
            for name in random.sample("abcdef", random.randrange(1, 6)):
                path = folder + "/" + name
                kind = random.choice(["file", "folder", "folder", "link", "hole"])
                if kind == "file": open(path, "w").write(path + "\\n")
                elif kind == "link": os.symlink(layer, path)
                elif kind == "hole" and layer != "low": os.mknod(path, 0o020000, 0)
                elif kind == "folder":
                    os.mkdir(path)
                    if layer != "low" and random.random() < 0.3: os.setxattr(path, "user.overlay.opaque", b"y")
                    if depth < 4: fill(path, depth + 1, layer)
        for layer in ["low", "mid", "top"]: fill(layer, 0, layer)
        """

    @Test(.enabled(if: getuid() == 0, "only root mounts here"), arguments: 1...8)
    func itIsWhatOverlayfsShows(seed: Int) throws {
        try world.write("layers.py", Self.randomLayers.utf8)
        try world.sh("mkdir mid shown; python3 layers.py \(seed)")
        try unpacked(["low", "mid", "top"])
        // The mount goes with its namespace.
        let shown = try world.sh(
            "unshare -m sh -c 'mount -t overlay -o userxattr,lowerdir=top:mid:low x shown && cd shown && \(Self.look)'")
        #expect(shown.split(separator: "\n").count > 3)
        #expect(try world.sh("cd out; \(Self.look)") == shown)
    }

    private static let look =
        #"find . -printf "%P %y %m %T@ %l\\n" | LC_ALL=C sort; find . -type f -exec cat {} + | LC_ALL=C sort"#

    @Test func pythonReadsIt() throws {
        // Its times are floating-point numbers.
        try world.sh(
            """
            echo y >low/$'long\\xff'$(printf 'n%.0s' {1..200}); touch low/old; touch -d '2024-01-02 03:04:05.5' low/*
            touch -d '1960-01-01 00:00:00.25' low/old low
            """)
        try write(["low"])
        try world.sh("python3 -c 'import tarfile; tarfile.open(\"flat.tar\").extractall(\"out\")'")
        try expectSame("low", "out")
    }
}
