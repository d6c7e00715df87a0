// Archives that lie, and archives that don't.

import Foundation
import TestWorld
import Testing

struct ArchiveTests {
    let world: World

    init() throws { world = try World() }

    /// Writes a tar with Python's tarfile: `lines` use `file(name, text)`, `link(name, target)`, `hard(name, target)`,
    /// `folder(name, mode)`.
    private func tar(_ lines: String) throws {
        try world.write(
            "make.py",
            """
            import io, tarfile
            tar = tarfile.open("x.tar", "w", format=tarfile.PAX_FORMAT)
            def add(name, kind, link="", mode=0o755, data=b""):
                info = tarfile.TarInfo(name); info.type = kind; info.linkname = link; info.mode = mode; info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            def file(name, text): add(name, tarfile.REGTYPE, data=text.encode(), mode=0o644)
            def link(name, target): add(name, tarfile.SYMTYPE, target)
            def hard(name, target): add(name, tarfile.LNKTYPE, target)
            def folder(name, mode=0o755): add(name, tarfile.DIRTYPE, mode=mode)
            def node(name): add(name, tarfile.CHRTYPE)
            \(lines)
            tar.close()
            """)
        let made = try world.sh("python3 make.py")
        try #require(made.status == 0, "\(made.errors)")
    }

    @Test(arguments: [
        "file('../escaped', 'x')", "file('a/../../escaped', 'x')", "link('l', '..'); file('l/escaped', 'x')",
        "file('a', 'x'); hard('h', '../../etc/passwd')", "hard('h', '/etc/passwd')",
        "link('l', '/etc'); hard('h', 'l/passwd')", "link('l', '..'); folder('l/escaped')",
    ])
    func whatClimbsOutIsRefused(_ lines: String) throws {
        try tar(lines)
        let outcome = try world.sandbox(["import", "x.tar", "bad"])
        #expect(outcome.status == 125)
        #expect(
            outcome.errors.split(separator: "\n").count == 1 && outcome.errors.contains("the entry"),
            "\(outcome.errors)")
        #expect(try world.sh("find . /tmp -maxdepth 6 -name escaped 2>/dev/null").output.isEmpty)
        #expect(
            try world.sh(
                "ls -A home/.local/share/sandbox/layers home/.local/share/sandbox/images home/.local/share/sandbox/blobs | grep -v :"
            ).output.split(separator: "\n").isEmpty)
        #expect(try world.sandbox(["run", "--pull", "never", "bad", "true"]).errors.contains("not found"))
    }

    /// The folder of the layer is the root of its names and links.
    @Test(arguments: ["file('/inside', 'x')", "link('l', '/there'); folder('there'); file('l/inside', 'x')"])
    func whatBeginsAtTheRootStaysInside(_ lines: String) throws {
        try tar(lines)
        #expect(try world.sandbox(["import", "x.tar", "good"]).status == 0)
        #expect(try world.sh("find home/.local/share/sandbox/layers -name inside | wc -l").output == "1\n")
        #expect(try world.sh("find /inside /there 2>/dev/null").output.isEmpty)
    }

    @Test(arguments: [1, 300, 512, 5000, 100_000, 400_000])
    func whatIsCutShortIsRefused(_ length: Int) throws {
        try world.makeRoot()
        try world.sh("tar -C root -czf whole.tar.gz . && head -c \(length) whole.tar.gz >cut.tar.gz")
        let outcome = try world.sandbox(["import", "cut.tar.gz", "cut"])
        #expect(outcome.status == 125)
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        #expect(try world.sandbox(["images"]).output.split(separator: "\n").count <= 1)
        #expect(
            try world.sh("find home/.local/share/sandbox -type f -size +0 -name '[!.]*' | grep -vE '/(lock|version)$'")
                .output.isEmpty)
    }

    @Test(arguments: ["cat", "gzip", "zstd -q"])
    func plainAndCompressedComeIn(_ compressor: String) throws {
        try world.makeRoot()
        #expect(try world.sh("tar -C root -cf - . | \(compressor) | \"$SANDBOX\" import - Box:1").status == 125)
        #expect(try world.sh("tar -C root -cf - . | \(compressor) | \"$SANDBOX\" import - team/box:1").status == 0)
        for mode in ["range", "single"] {
            #expect(
                try world.sandbox(["run", "--id-map", mode, "team/box:1", "cat", "/etc/group"]).output.contains("extra")
            )
        }
    }

    @Test func theLastOfANameWinsAndFoldersKeepTheirModes() throws {
        try world.makeRoot()
        try tar(
            """
            folder('closed', 0o555); file('closed/x', 'one'); file('closed/x', 'two')
            file('f', 'x'); folder('f'); file('f/y', 'y'); folder('g'); file('g/z', 'z'); link('abs', '/closed/x')
            node('device')
            """)
        _ = try world.sh("tar -rf x.tar -C root bin etc")
        #expect(try world.sandbox(["import", "x.tar", "odd"]).errors.isEmpty)
        let outcome = try world.sandbox([
            "run", "odd", "sh", "-c", "cat /closed/x /f/y /g/z /abs; stat -c %a /closed; ls /device",
        ])
        #expect(outcome.output == "twoyztwo555\n")
    }

    @Test func aTarServesAsALayer() throws {
        try world.makeRoot()
        try tar("folder('opt'); file('opt/tool', 'from the layer')")
        for _ in 0..<2 {
            #expect(try world.run(["--layer", "./x.tar"], "cat /opt/tool").output == "from the layer")
        }
    }
}
