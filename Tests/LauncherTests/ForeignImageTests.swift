// Images that podman and skopeo wrote, as a sandbox shows them, beside what umoci(1) unpacks of the same image.

import Foundation
import LinuxSystem
import TestWorld
import Testing

/// An image to be sent through other tools, as `Tests/Fixtures/make-image` takes it, with `sparse.tar` beside it.
enum ForeignImage: String, CaseIterable {
    case changes, rights, opaque

    /// - Parameter holes: whether one layer is in GNU tar's form for files with holes.
    func layers(holes: Bool) -> [String] {
        switch self {
        case .changes: Self.changeLayers
        case .rights: Self.rightLayers + (holes ? [#"{"tar": "sparse.tar"}"#] : [])
        case .opaque: Self.opaqueLayers
        }
    }

    private static func folder(_ path: String, _ mode: String = "0755", time: Int = 100, _ more: String = "") -> String
    {
        #"{"path": "\#(path)", "type": "folder", "mode": "\#(mode)", "mtime": \#(time)\#(more)}"#
    }

    private static func file(_ path: String, _ mode: String = "0644", time: Int = 101, _ more: String = "") -> String {
        #"{"path": "\#(path)", "content": "\#(path)", "mode": "\#(mode)", "mtime": \#(time)\#(more)}"#
    }

    private static func mark(_ kind: String, _ path: String) -> String {
        #"{"path": "\#(path)", "type": "\#(kind)"}"#
    }

    private static func link(_ path: String, _ kind: String, _ target: String, _ more: String = "") -> String {
        #"{"path": "\#(path)", "type": "\#(kind)", "target": "\#(target)", "mtime": 103\#(more)}"#
    }

    /// White-outs of files and folders, opaque folders, kinds that change, names that come back.
    private static let changeLayers: [String] = {
        let base =
            ["a", "a/b", "a/b/c", "opaque", "opaque/sub", "opaque/sub/deep", "gone", "gone/sub", "swapped", "back"]
            .map { folder($0) }
            + [
                "a/one", "a/b/two", "a/b/c/three", "a/b/c/four", "opaque/x", "opaque/sub/y", "opaque/sub/deep/z",
                "gone/x", "gone/sub/x", "swapped/x", "swapper", "back/x", "kept",
            ].map { file($0) } + [link("hidden-link", "link", "a"), link("other-link", "link", "a")]
        let middle =
            ["a", "a/b", "opaque"].map { folder($0, "0750", time: 200) } + [mark("opaque", "opaque")]
            + ["a/one", "gone", "hidden-link", "never-was", "back"].map { mark("whiteout", $0) }
            + [file("opaque/new", time: 201), file("a/new", time: 201), folder("a/b/made", "0711", time: 202)]
            + [file("a/b/made/x"), file("swapped", "0600"), folder("swapper", "0700", time: 203), file("swapper/x")]
            + [file("other-link", "0640")]
        let top =
            [folder("a", "0700", time: 300), folder("a/b", time: 300), folder("a/b/c", time: 300)]
            + [mark("opaque", "a/b/c"), mark("whiteout", "a/b/made"), mark("whiteout", "a/new")]
            + [file("a/one", time: 301), file("a/b/c/four", "0444", time: 301)]
            + [folder("back", "0705", time: 302), file("back/y"), folder("opaque", time: 302), file("opaque/last")]
        return [base, middle, top].map { "[" + $0.joined(separator: ",") + "]" }
    }()

    /// Owners, set-id bits, capabilities, attributes, times, links of both kinds, holes.
    private static let rightLayers: [String] = {
        func owner(_ user: Int, _ group: Int) -> String { #", "uid": \#(user), "gid": \#(group)"# }
        // Version 2, CAP_NET_RAW permitted and effective (capabilities(7), "File capability extended attributes").
        let capability = Data([1, 0, 0, 2, 0, 0x20] + [UInt8](repeating: 0, count: 14)).base64EncodedString()
        func attributes(_ more: String) -> String { #", "xattrs": {\#(more)}"# }
        let capable = attributes(#""security.capability": {"base64": "\#(capability)"}"#)
        let base =
            [
                folder("home", "0755"), folder("home/user", "0700", owner(1000, 1000)), folder("sticky", "1777"),
                folder("group", "2775", owner(0, 42)), folder("dark", "0000", owner(65_534, 65_534)),
                folder("noted", "0555", attributes(#""user.one": "1", "user.two": {"base64": "QQpC/w=="}"#)),
            ] + [
                file("home/user/own", "0600", owner(1000, 100)), file("set-user", "4755", owner(7, 0)),
                file("set-both", "6711", owner(33, 44)), file("dark/inner", "0000", owner(65_534, 1)),
                file("capable", "0755", owner(5, 6) + capable),
                file("noted/file", "0444", attributes(#""user.mime": "text/plain""#)),
                file("precise", "0644", #", "pax": {"mtime": "1.123456789"}"#), file("late", time: 1 << 33),
                file("early", time: 0), file("shared", "0640", owner(1, 2)), file("replaced", "4755", owner(9, 9)),
                link("shared-too", "hardlink", "shared"), link("home/user/shared", "hardlink", "./shared"),
                link("owned-link", "link", "/nowhere", owner(12, 13)), link("link-too", "hardlink", "owned-link"),
                #"{"path": "pipe", "type": "fifo", "mode": "0620", "uid": 3, "gid": 4, "mtime": 104}"#,
            ]
        let top = [
            file("replaced", "0755", owner(0, 0)), file("set-user", "2755", owner(0, 8)),
            file("capable-too", "0750", owner(0, 65_535) + capable), link("twin", "hardlink", "replaced"),
            folder("home", "0755", time: 300), folder("home/user", "0750", time: 300, owner(1001, 1001)),
        ]
        return [base, top].map { "[" + $0.joined(separator: ",") + "]" }
    }()

    /// A top folder that is opaque, odd names, a deep way down.
    private static let opaqueLayers: [String] = {
        var deep: [String] = []
        for name in ["x", "y", "z"] {
            let part = String(repeating: name, count: 200)
            deep.append((deep.last.map { $0 + "/" } ?? "") + part)
        }
        let low = [folder("low"), file("low/x"), file("both"), folder("shared"), file("shared/low")]
        let middle =
            [mark("opaque", ""), folder("shared", "0711", time: 200), file("shared/middle"), file("both", "0600")]
            + deep.map { folder($0) } + [file(deep[2] + "/end"), file("gone")]
            + ["spaces  ", "back\\\\slash", "new\\nline", "e\\u0301", "\\udce9"].map { file($0) }
        let top = [folder("shared", "0755", time: 300), mark("whiteout", "gone"), file("shared/top")]
        return [low, middle, top].map { "[" + $0.joined(separator: ",") + "]" }
    }()
}

enum ForeignWriter: String, CaseIterable {
    case skopeoFolder, skopeoArchive, skopeoDocker, podmanArchive, podmanDocker

    /// Podman can't write a layer with holes as it got it: "archive/tar: write too long".
    var takesHoles: Bool { ![.podmanArchive, .podmanDocker].contains(self) }

    /// Writes the image of the layout `made` to `theirs`.
    func write(_ world: World) throws {
        func skopeo(_ destination: String) throws {
            let copied = try world.sh("skopeo --tmpdir . copy -q oci:made:t \(destination)")
            try #require(copied.status == 0, "\(copied.errors)")
        }
        func podman(_ format: String) throws {
            let podman = try Podman(world)
            try skopeo("docker-archive:given:localhost/theirs:1")
            _ = try podman.run("load -q -i given")
            _ = try podman.run("save -q --format \(format) -o theirs localhost/theirs:1")
        }
        switch self {
        case .skopeoFolder: try skopeo("oci:theirs:1")
        case .skopeoArchive: try skopeo("oci-archive:theirs:1")
        case .skopeoDocker: try skopeo("docker-archive:theirs:localhost/theirs:1")
        case .podmanArchive: try podman("oci-archive")
        case .podmanDocker: try podman("docker-archive")
        }
    }
}

@Suite(
    .enabled(
        if: ["python3", "skopeo", "podman", "umoci"].allSatisfy { Files.isAccessible("/usr/bin/" + $0, 1) },
        "needs python3, skopeo, podman and umoci"))
struct ForeignImageTests {
    let world: World

    init() throws {
        world = try World()
        let made = try world.sh(
            """
            set -e; mkdir t
            python3 -c 'f = open("t/holes", "wb")
            for i in range(20): f.seek(i * 200000); f.write(b"x" * 5000)
            f.truncate(9000000)'
            chmod 640 t/holes; touch -d @105 t/holes
            tar -S --format=posix --sparse-version=1.0 --owner=+21 --group=+22 -C t -cf sparse.tar holes
            """)
        try #require(made.status == 0, "\(made.errors)")
        // Names, kinds, modes, owners, times, links, contents and attributes of all below a folder but of what is named.
        try world.write(
            "list.py",
            """
            import hashlib, os, stat, sys
            top, skipped = os.fsencode(sys.argv[1]), {os.fsencode(name) for name in sys.argv[2:]}
            lines = []
            def show(path, name):
                status = os.lstat(path)
                fields = [name, stat.filemode(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns]
                if not stat.S_ISDIR(status.st_mode): fields.append(status.st_nlink)
                if stat.S_ISLNK(status.st_mode): fields.append(os.readlink(path))
                if stat.S_ISREG(status.st_mode):
                    content = open(path, "rb").read()
                    fields += [status.st_size, len(content), hashlib.sha256(content).hexdigest()]
                for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
                    fields += [attribute, os.getxattr(path, attribute, follow_symlinks=False)]
                lines.append(repr(fields))
                if stat.S_ISDIR(status.st_mode): walk(path, name + b"/")
            def walk(folder, prefix):
                for name in os.listdir(folder):
                    if prefix + name not in skipped: show(folder + b"/" + name, prefix + name)
            walk(top, b"")
            print("\\n".join(sorted(lines)))
            """)
    }

    /// This machine's python, in an image that has nothing of its own.
    private func listInSandbox(_ image: String) throws -> Outcome {
        let found = try world.sh("realpath /lib*/ld-linux-*.so.* | head -n 1; realpath /usr/bin/python3").lines
        try #require(found.count == 2 && found.allSatisfy { $0.hasPrefix("/usr/") })
        let libraries = String(found[0][..<(found[0].lastIndex(of: "/") ?? found[0].startIndex)])
        return try world.sandbox([
            "run", "--id-map", "range", "--bind", "/usr:/host/usr:ro", "--bind",
            "\(world.folder)/list.py:/host/list.py:ro",
            "--env", "PYTHONHOME=/host/usr", "--env", "PYTHONDONTWRITEBYTECODE=1", image, "/host" + found[0],
            "--library-path", "/host" + libraries, "/host" + found[1], "/host/list.py", "/",
            "host", "proc", "dev", "sys", "tmp", "etc",
        ])
    }

    @Test(arguments: ForeignImage.allCases, ForeignWriter.allCases)
    func itsTreeIsWhatUmociMakesOfIt(_ image: ForeignImage, _ writer: ForeignWriter) throws {
        let layers = image.layers(holes: writer.takesHoles).joined(separator: ",")
        _ = try makeImage(world, #"{"tag": "t", "layers": [\#(layers)]}"#, "made")
        let theirs = try world.sh(
            """
            unshare --user --map-auto --map-root-user sh -c \
            'umoci unpack --image made:t bundle >&2 && python3 list.py bundle/rootfs'
            """)
        try #require(theirs.status == 0, "\(theirs.errors)")
        try writer.write(world)
        let loaded = try world.sandbox(["load", "-q", "-i", "theirs", "ours:1"])
        try #require(loaded.status == 0, "\(loaded.errors)")
        let ours = try listInSandbox("ours:1")
        try #require(ours.status == 0, "\(ours.errors)")
        #expect(theirs.lines.count >= 10)
        let difference = Set(ours.lines).symmetricDifference(theirs.lines).sorted()
        #expect(difference.isEmpty, "\(difference.joined(separator: "\n"))")
    }
}
