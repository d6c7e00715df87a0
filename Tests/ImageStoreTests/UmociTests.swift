// The unpacked tree beside what umoci(1) makes of the same image, and GNU tar of the same archive.

import Foundation
import ImageStore
import LinuxSystem
import SandboxPolicy
import Testing

private func isInstalled(_ program: String) -> Bool {
    let path = LinuxSystem.Process.environment("PATH") ?? ""
    return path.split(separator: ":").contains { Files.isAccessible("\($0)/\(program)", 1) }
}

private let isRoot = LinuxSystem.Process.effectiveUser == 0

struct UmociTests {
    let world: World

    init() throws { world = try World() }

    /// Root keeps owners and set-id bits; an ordinary user has one id, for both programs.
    private var mode: IdentityMode { isRoot ? .range : .single }

    /// Every folder has an entry: those without one have the time when they were made.
    private var base: [UInt8] {
        var tar = TarWriter()
        for (name, mode, time) in [
            ("etc", 0o755, 100), ("usr", 0o755, 101), ("usr/bin", 0o755, 102), ("tmp", 0o1777, 103),
            ("closed", 0o555, 104), ("late", 0o700, 1 << 32),
        ] {
            tar.add(name, type: "5", mode: mode, modified: time)
        }
        tar.file("etc/passwd", "root:x:0:0::/:/bin/sh\n")
        tar.add(
            "usr/bin/program", mode: isRoot ? 0o6755 : 0o755, user: 42, content: [UInt8](repeating: 1, count: 100_000))
        tar.symlink("bin", to: "usr/bin")
        tar.add("absolute", type: "2", mode: 0o777, user: 7, link: "/etc/passwd")
        tar.hardLink("etc/hard", to: "./usr/bin/program")
        tar.hardLink("hard link", to: "absolute")
        tar.add("pipe", type: "6", mode: 0o620, user: 1000)
        tar.file("closed/inner", "x", mode: 0o444)
        if isRoot {
            tar.add("dark", type: "5", mode: 0, user: 65_534)
            tar.file("dark/inner", "x", mode: 0)
        }
        tar.file("twice", "one")
        tar.file("twice", "two", mode: 0o600)
        tar.file("file-then-folder", "x")
        tar.folder("file-then-folder", mode: 0o711)
        tar.file("file-then-folder/inner", "x")
        tar.folder("folder-then-file")
        tar.file("folder-then-file/inner", "x")
        tar.file("folder-then-file", "x")
        tar.folder("folder-then-link")
        tar.symlink("folder-then-link", to: "/etc")
        tar.add("empty", modified: 0)
        for name in ["new\nline", "back\\slash", " spaces ", "e\u{301}", "\u{e9}"] { tar.file(name, name) }
        tar.add(nameBytes: [0xff, 0xfe, 0x41], content: [1])
        var long: [UInt8] = []
        for letter in Array("abcdefghijklmnopqrs".utf8) {
            long += [UInt8](repeating: letter, count: 200)
            tar.addAttributes([("path", long), ("mtime", Array("\(letter).000000007".utf8))])
            tar.folder("short")
            long += [UInt8(ascii: "/")]
        }
        tar.addAttributes([("path", long + Array("end".utf8)), ("mtime", Array("1.123456789".utf8))])
        tar.file("short", "x")
        tar.addAttributes([
            ("SCHILY.xattr.user.one", Array("1".utf8)), ("SCHILY.xattr.user.two", [0x41, 0x0a, 0x42, 0xff]),
        ])
        tar.file("noted", "x", mode: 0o444)
        tar.addAttributes([("SCHILY.xattr.user.three", Array("3".utf8))])
        tar.folder("noted-folder", mode: 0o555)
        // Version 2, CAP_NET_RAW permitted and effective (capabilities(7), "File capability extended attributes").
        tar.addAttributes([
            ("SCHILY.xattr.security.capability", [1, 0, 0, 2, 0, 0x20] + [UInt8](repeating: 0, count: 14))
        ])
        tar.add("capable", mode: 0o755, user: 5, content: [1])
        return tar.finished
    }

    private var upper: [UInt8] {
        var tar = TarWriter()
        tar.add("etc", type: "5", mode: 0o750, modified: 200)
        tar.file("etc/.wh.passwd", "")
        tar.file("etc/.wh.never-was", "")
        tar.add("usr", type: "5", mode: 0o755, modified: 201)
        tar.add("usr/bin", type: "5", mode: 0o755, modified: 202)
        tar.file("usr/bin/.wh..wh..opq", "")
        tar.file("usr/bin/new", "new")
        tar.file(".wh.tmp", "")
        tar.add("tmp", type: "5", mode: 0o700, modified: 203)
        tar.file("tmp/new", "new")
        tar.file(".wh.bin", "")
        tar.file(".wh.folder-then-file", "")
        tar.folder("folder-then-file")
        tar.file(".wh.file-then-folder", "")
        tar.file("twice", "three")
        tar.file("closed/.wh.inner", "")
        tar.add("closed", type: "5", mode: 0o500, modified: 204)
        return tar.finished
    }

    /// An image layout of these layers (OCI image specification, "Image Layout"), unpacked by umoci.
    private func unpackedByUmoci(_ layers: [[UInt8]]) throws -> String {
        try world.sh("mkdir -p oci/blobs/sha256; echo '{\"imageLayoutVersion\":\"1.0.0\"}' >oci/oci-layout")
        func blob(_ content: [UInt8], _ type: String, packed: Bool = false) throws -> String {
            _ = try world.write("blob", content)
            let digest = try world.sh("\(packed ? "gzip <blob >b; mv b blob;" : "") sha256sum <blob | head -c 64")
            let size = try world.sh("mv blob oci/blobs/sha256/\(digest); stat -c %s oci/blobs/sha256/\(digest)")
            return """
                "mediaType":"application/vnd.oci.image.\(type)","digest":"sha256:\(digest)","size":\(size)
                """
        }
        let packed = try layers.map { "{" + (try blob($0, "layer.v1.tar+gzip", packed: true)) + "}" }
        let contents = try layers.map { layer in
            _ = try world.write("layer", layer)
            return try "\"sha256:" + world.sh("sha256sum <layer | head -c 64") + "\""
        }
        let config = try blob(
            Array(
                """
                {"architecture":"amd64","os":"linux","config":{},
                "rootfs":{"type":"layers","diff_ids":[\(contents.joined(separator: ","))]}}
                """.utf8), "config.v1+json")
        let manifest = try blob(
            Array(
                """
                {"schemaVersion":2,"config":{\(config)},"layers":[\(packed.joined(separator: ","))]}
                """.utf8), "manifest.v1+json")
        _ = try world.write(
            "oci/index.json",
            Array(
                """
                {"schemaVersion":2,"manifests":[{\(manifest),
                "annotations":{"org.opencontainers.image.ref.name":"x"}}]}
                """.utf8))
        try world.sh("umoci unpack \(isRoot ? "" : "--rootless") --image oci:x bundle 2>&1")
        return world.folder + "/bundle/rootfs"
    }

    /// Says of each file below the current folder what it is, and of regular files what they hold.
    private func list(links: Bool) -> String {
        """
        find . -mindepth 1 -printf '%p %y %m \(isRoot ? "%U:%G" : "") %T@ %l' \
        \(links ? #"\( ! -type d -printf ' %n' -o -true \)"# : "") -printf '\\n' | LC_ALL=C sort; \
        find . -type f -exec sha256sum {} + | LC_ALL=C sort
        """
    }

    private func layer(_ content: [UInt8], _ name: String) throws -> String {
        let reference = try world.reference(name)
        try world.store.importTar(from: try world.write(name + ".tar", content), as: reference, mode: mode)
        return world.places.layer(try #require(try world.store.record(reference).layers.first).content, mode)
    }

    @Test(.enabled(if: isInstalled("umoci"), "umoci is not here"))
    func oneLayerIsWhatUmociMakesOfIt() throws {
        let tree = try layer(base, "base")
        let other = try unpackedByUmoci([base])
        #expect(
            try world.sh(
                """
                (cd '\(tree)'; \(list(links: true))) >ours; (cd '\(other)'; \(list(links: true))) >theirs
                test $(wc -l <ours) -gt 50; diff theirs ours || true
                """) == "")
        // For users without root's rights umoci sets none.
        for name in ["noted", "noted-folder", "capable"] where isRoot {
            let ours = try Descriptor.open(tree + "/" + name, [.readOnly])
            let theirs = try Descriptor.open(other + "/" + name, [.readOnly])
            let names = try theirs.attributeNames()
            #expect(try ours.attributeNames().sorted() == names.sorted(), "\(name)")
            for attribute in names {
                #expect(try ours.wholeAttribute(attribute) == theirs.wholeAttribute(attribute), "\(attribute)")
            }
        }
    }

    private static let namespace = isRoot ? "unshare --mount" : "unshare --user --map-root-user --mount"

    /// Overlaid as a sandbox does it, and merged as umoci does it.
    @Test(.enabled(if: isInstalled("umoci"), "umoci is not here"))
    func layersOnOneAnotherAreWhatUmociMakesOfThem() throws {
        let trees = try (layer(base, "base"), layer(upper, "upper"))
        let other = try unpackedByUmoci([base, upper])
        try world.sh("mkdir merged")
        let mount = "mount -t overlay overlay -o userxattr,lowerdir='\(trees.1):\(trees.0)' merged"
        guard try world.sh("\(Self.namespace) sh -c \"\(mount)\" 2>&1 && echo yes || true").hasSuffix("yes\n") else {
            return  // No overlays on this file system, or for this user.
        }
        _ = try world.write("list", Array("\(mount); cd merged; \(list(links: false))".utf8))
        #expect(
            try world.sh(
                """
                \(Self.namespace) sh -e ./list >ours; (cd '\(other)'; \(list(links: false))) >theirs
                test $(wc -l <ours) -gt 50; diff theirs ours || true
                """) == "")
    }

    /// All forms in which holes are written (tar(5), "GNU tar archives"), the last of which umoci can't read.
    @Test(arguments: ["posix --sparse-version=1.0", "posix --sparse-version=0.1", "posix --sparse-version=0.0", "gnu"])
    func holesAreReadInAllForms(_ format: String) throws {
        try world.sh(
            """
            mkdir t; cd t
            python3 -c 'f = open("many", "wb")
            for i in range(50): f.seek(i * 200000); f.write(b"x" * 5000)
            f.truncate(20000000)'
            truncate -s 5M none; echo plain >plain; touch -d @1000 *
            tar -S --format=\(format) -cf ../x.tar many none plain
            """)
        let tree = try layer(try Files.read(world.folder + "/x.tar"), "x")
        #expect(try world.sh("diff -r t '\(tree)'; cd '\(tree)'; stat -c '%Y' *") == "1000\n1000\n1000\n")
        #expect(try #require(Int(world.sh("du -k '\(tree)/many' | cut -f 1").dropLast())) < 1000)
    }
}
