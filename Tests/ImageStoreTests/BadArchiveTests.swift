// Archives that climb out, are cut short, or are none: one error each, and an empty store.

import ImageStore
import LinuxSystem
import SandboxPolicy
import Testing

struct BadArchiveTests {
    let world: World

    init() throws { world = try World() }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let entry: String
        let fault: EntryFault
        let write: @Sendable (inout TarWriter) -> Void

        init(
            _ description: String, _ entry: String, _ fault: EntryFault,
            _ write: @escaping @Sendable (inout TarWriter) -> Void
        ) {
            testDescription = description
            self.entry = entry
            self.fault = fault
            self.write = write
        }
    }

    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    static let cases = [
        Case("two dots", "../x", .climbsOut) { $0.file("../x", "") },
        Case("two dots inside", "a/../../x", .climbsOut) { $0.file("a/../../x", "") },
        Case("two dots at the end", "a/..", .nameless) { $0.symlink("a/..", to: "x") },
        Case("through a link that leads out", "a/l/b/x", .throughLink(bytes("a/../.."))) {
            $0.symlink("a/l", to: "../..")
            $0.file("a/l/b/x", "")
        },
        Case("a white-out through a link that leads out", "l/.wh.x", .throughLink(bytes("/.."))) {
            $0.symlink("l", to: "..")
            $0.file("l/.wh.x", "")
        },
        Case("through a link to itself", "l/x", .throughLink(bytes("l"))) {
            $0.symlink("l", to: "l")
            $0.file("l/x", "")
        },
        Case("through a file", "f/x", .throughFile(bytes("f"))) {
            $0.file("f", "")
            $0.file("f/x", "")
        },
        Case("a hard link above", "h", .linkOutside(bytes("../x"))) { $0.hardLink("h", to: "../x") },
        Case("a hard link through a link that leads out", "h", .linkOutside(bytes("l/passwd"))) {
            $0.symlink("l", to: "../etc")
            $0.hardLink("h", to: "l/passwd")
        },
        Case("a hard link to a file of the host", "h", .linkMissing(bytes("/etc/passwd"))) {
            $0.hardLink("h", to: "/etc/passwd")
        },
        Case("a hard link to nothing", "h", .linkMissing(bytes("x"))) { $0.hardLink("h", to: "x") },
        Case("a hard link to a folder", "h", .linkToFolder(bytes("a"))) {
            $0.folder("a")
            $0.hardLink("h", to: "a")
        },
        Case("a root that is a file", "./", .nameless) { $0.symlink("./", to: "x") },
        Case("a white-out of nothing", ".wh.", .badWhiteout) { $0.file(".wh.", "") },
        Case("a white-out of two dots", ".wh...", .badWhiteout) { $0.file(".wh...", "") },
    ]

    @Test(arguments: cases)
    func anEntryThatIsRefusedIsNamed(_ bad: Case) throws {
        var tar = TarWriter()
        tar.file("before", "x")
        bad.write(&tar)
        let file = try world.write("bad.tar", tar.finished)
        #expect(try world.failure(of: file) == .entry(source: file, name: Array(bad.entry.utf8), bad.fault))
    }

    @Test func aNameLongerThanAnyPathIsRefused() throws {
        let name = Array(String(repeating: "d/", count: 2100).utf8)
        var tar = TarWriter()
        tar.addAttributes([("path", name)])
        tar.file("short", "")
        let file = try world.write("bad.tar", tar.finished)
        #expect(try world.failure(of: file) == .entry(source: file, name: name, .tooLong))
    }

    @Test func aRefusedNameCanNotDriveTheTerminal() throws {
        var tar = TarWriter()
        tar.file("../\u{1b}[31m\u{9b}", "")
        let error = try #require(try world.failure(of: try world.write("bad.tar", tar.finished)))
        #expect("\(error)".unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
        #expect("\(error)".contains(#"../\x1b[31m\xc2\x9b"#))
    }

    /// Three entries of two blocks each, and the end mark.
    private var whole: [UInt8] {
        var tar = TarWriter()
        for name in ["a", "b", "c"] { tar.file(name, "content of \(name)") }
        return tar.finished
    }

    @Test(arguments: [1, 100, 511, 512, 600, 1023, 1024, 1536, 2000, 2048, 3071, 3072])
    func aPlainTarCutShortIsRefused(_ length: Int) throws {
        let file = try world.write("cut.tar", Array(whole.prefix(length)))
        let error = try world.failure(of: file)
        switch error {
        case .damaged, .notTar: break
        default: Issue.record("\(length): \(String(describing: error))")
        }
    }

    @Test(arguments: ["gzip", "zstd -q", "xz", "bzip2"], [2, 10, 50, 90, 99])
    func aCompressedTarCutShortIsRefused(_ compressor: String, _ percent: Int) throws {
        var tar = TarWriter()
        var seed: UInt32 = 1
        let noise = (0..<200_000).map { _ in
            seed = seed &* 1_664_525 &+ 1_013_904_223
            return UInt8(seed >> 24)
        }
        tar.add("noise", content: noise)
        _ = try world.write("whole.tar", tar.finished)
        try world.sh("\(compressor) <whole.tar >whole; head -c $(($(wc -c <whole) * \(percent) / 100)) whole >cut")
        _ = try world.failure(of: world.folder + "/cut")
    }

    @Test func aBitFlippedInGzipIsNoticed() throws {
        var tar = TarWriter()
        tar.add("f", content: (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 5) })
        _ = try world.write("whole.tar", tar.finished)
        // Stored blocks: nothing but the sum can tell.
        try world.sh(
            "python3 -c 'import gzip; open(\"flipped\", \"wb\").write(gzip.compress(open(\"whole.tar\", \"rb\").read(), 0))'"
        )
        var bytes = try Files.read(world.folder + "/flipped")
        bytes[50_000] ^= 0x10
        let file = try world.write("flipped", bytes)
        #expect(try world.failure(of: file) == .damaged(file, "its check sum does not fit its content"))
    }

    @Test func severalGzipMembersAreOneArchive() throws {
        var tar = TarWriter()
        tar.file("f", "x")
        _ = try world.write("whole.tar", tar.finished)
        try world.sh("(head -c 700 whole.tar | gzip; tail -c +701 whole.tar | gzip) >members.gz")
        #expect(Files.text(try world.imported(world.folder + "/members.gz") + "/f") == "x")
    }

    @Test func whatIsNoTarIsRefused() throws {
        let empty = try world.write("empty", [])
        #expect(try world.failure(of: empty) == .emptySource(empty))
        let text = try world.write("text", Array("#!/bin/sh\necho hello\n".utf8))
        #expect(try world.failure(of: text) == .notTar(text))
        let noise = try world.write("noise", [UInt8](repeating: 0x55, count: 5000))
        #expect(try world.failure(of: noise) == .notTar(noise))
        let hollow = try world.write("hollow", TarWriter().finished)
        #expect(try world.failure(of: hollow) == .noEntries(hollow))
        try world.sh("gzip <text >text.gz; gzip <empty >empty.gz")
        #expect(try world.failure(of: world.folder + "/text.gz") == .notTar(world.folder + "/text.gz"))
        _ = try world.failure(of: world.folder + "/empty.gz")
    }

    @Test func whatCanNotBeReadIsSaid() throws {
        #expect(try world.failure(of: world.folder) == .source(world.folder, .isDirectory))
        #expect(try world.failure(of: world.folder + "/none") == .source(world.folder + "/none", .noEntry))
    }

    @Test func aBadImportLeavesAnEarlierImageAlone() throws {
        var tar = TarWriter()
        tar.file("f", "x")
        let tree = try world.imported(tar)
        let file = try world.write("cut.tar", Array(whole.prefix(700)))
        let reference = try world.reference("x")
        #expect(throws: ImageStoreError.self) { try world.store.importTar(from: file, as: reference, mode: .single) }
        #expect(Files.text(tree + "/f") == "x")
        #expect(try world.store.record(reference).layers.count == 1)
        #expect(try world.sh("find '\(world.places.data)' -name '.tmp-*'") == "")
    }

    @Test func anUnknownImageIsToldWithTheNearest() throws {
        var tar = TarWriter()
        tar.file("f", "x")
        _ = try world.imported(try world.write("x.tar", tar.finished), "alpine:3.20")
        let wrong = try world.reference("alpin:3.20")
        #expect(throws: ImageStoreError.unknownImage("alpin:3.20", near: "alpine:3.20")) {
            try world.store.record(wrong)
        }
    }
}
