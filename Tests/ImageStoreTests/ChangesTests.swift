// Uppers as a sandbox leaves them, against the layers it was started on.

import ImageStore
import LinuxSystem
import SandboxPolicy
import Testing

struct ChangesTests {
    let world: World

    init() throws {
        world = try World()
        try world.sh("mkdir -p low top upper")
    }

    /// Writes the launcher's list and compares.
    private func changes(
        _ lowers: [(String, String)] = [("/", "top"), ("/", "low")], unread: ([TreePath]) -> Void = { _ in }
    ) throws -> [Change] {
        let words = lowers.flatMap { [$0.0, world.folder + "/" + $0.1] }
        let status = try FileStatus.of(world.folder + "/upper")
        try Files.replaceMakingFolders(
            world.places.upperRecord(device: status.device, inode: status.inode),
            with: Words.join([world.folder + "/upper"] + words))
        return try ChangedTree.find(world.folder + "/upper", world.places).changes(unread: unread)
    }

    private func lines(_ lowers: [(String, String)] = [("/", "top"), ("/", "low")]) throws -> String {
        ChangesOutput(try changes(lowers), isColoured: false).lines
    }

    private func whiteOut(_ path: String) throws { try world.sh("mknod '\(path)' c 0 0") }

    private func makeOpaque(_ path: String) throws {
        try Descriptor.open(world.folder + "/" + path, [.readOnly]).setAttribute("user.overlay.opaque", to: [0x79])
    }

    @Test func addedModifiedAndDeletedAreTold() throws {
        try world.sh(
            """
            mkdir -p low/etc/keep upper/etc/new; echo old >low/etc/f; echo x >low/etc/gone; ln -s a low/link; echo x >low/touched
            echo new >upper/etc/f; echo x >upper/etc/new/x; ln -s b upper/link; echo x >upper/touched; touch -d 2001-01-01 low/touched
            """)
        try whiteOut("upper/etc/gone")
        try whiteOut("upper/etc/keep")
        try whiteOut("upper/never-was")
        #expect(
            try lines() == """
                M /etc/f
                D /etc/gone
                D /etc/keep
                A /etc/new
                A /etc/new/x
                M /link

                """)
    }

    @Test func everyLayerCounts() throws {
        try world.sh("mkdir -p low/d top/d upper/d; echo x >low/d/low; echo x >top/d/top; echo x >low/hidden")
        try whiteOut("top/hidden")
        try world.sh("echo x >upper/hidden; echo y >upper/d/low; echo y >upper/d/top")
        #expect(try lines() == "M /d/low\nM /d/top\nA /hidden\n")
    }

    @Test func anOpaqueFolderDeletesWhatItHides() throws {
        try world.sh(
            "mkdir -p low/d/sub top/d upper/d; echo x >low/d/a; echo x >low/d/sub/b; echo x >top/d/c; echo x >top/d/same"
        )
        try world.sh("echo y >upper/d/a; cp top/d/same upper/d/same")
        try makeOpaque("upper/d")
        #expect(try lines() == "M /d/a\nD /d/c\nD /d/sub\n")
    }

    @Test func anOpaqueLowerHidesTheLowest() throws {
        try world.sh("mkdir -p low/d top/d upper/d; echo x >low/d/a; echo x >upper/d/a")
        try makeOpaque("top/d")
        #expect(try lines() == "A /d/a\n")
    }

    @Test func kindsReplaceOneAnother() throws {
        try world.sh("mkdir -p low/folder/in upper/file; echo x >low/file; echo x >upper/folder; echo x >upper/file/in")
        #expect(try lines() == "M /file\nA /file/in\nM /folder\n")
    }

    @Test func modesAndAttributesAreChanges() throws {
        try world.sh(
            "mkdir -p low/d upper/d; echo x >low/f; cp low/f low/g; cp low/f upper/f; cp low/f upper/g; chmod 700 upper/d; chmod 4755 upper/f"
        )
        try Descriptor.open(world.folder + "/upper/g", [.readOnly]).setAttribute("user.note", to: [1])
        #expect(try lines() == "M /d\nM /f\nM /g\n")
    }

    @Test func aWhiteOutMayBeAnAttribute() throws {
        try world.sh("echo x >low/gone; : >upper/gone")
        try Descriptor.open(world.folder + "/upper/gone", [.readOnly]).setAttribute("user.overlay.whiteout", to: [0x79])
        #expect(try lines() == "D /gone\n")
    }

    /// As on `host`: one overlay for each folder of the machine.
    @Test func aLayerMayLieAtAPlaceInside() throws {
        try world.sh(
            "mkdir -p low/bin upper/usr/bin upper/opt; chmod 700 upper/usr; echo x >low/bin/a; echo x >upper/usr/bin/b")
        try whiteOut("upper/usr/bin/a")
        #expect(try lines([("/usr", "low")]) == "A /opt\nD /usr/bin/a\nA /usr/bin/b\n")
    }

    @Test func aTreeGroupsWhatAFolderHolds() throws {
        try world.sh(
            "mkdir -p low/a upper/a; echo x >upper/a/x; echo x >upper/a-b; echo x >low/a/y; echo x >low/z; echo y >upper/z"
        )
        try whiteOut("upper/a/y")
        let output = ChangesOutput(try changes(), isColoured: false)
        #expect(output.lines == "A /a-b\nA /a/x\nD /a/y\nM /z\n")
        #expect(
            output.tree == """
                /
                ├── a
                │   ├── + x
                │   └── - y
                ├── + a-b
                └── ~ z

                """)
        #expect(ChangesOutput(try changes(), isColoured: true).lines.hasPrefix("\u{1b}[32mA /a-b\u{1b}[0m\n"))
    }

    @Test func namesCanNotDriveTheTerminal() throws {
        try world.sh("touch \"upper/$(printf '\\033[31m\\nA fake')\" \"upper/$(printf '\\377')\"")
        #expect(try lines() == "A /\\x1b[31m\\x0aA fake\nA /\\xff\n")
    }

    /// A sandbox may nest folders deeper than a process may hold descriptors, and than a path is long: what has a path
    /// that can be opened is listed, and the rest is told of.
    @Test func allIsListedThatAPathLeadsTo() throws {
        try world.nest(in: "upper")
        var unread: [TreePath] = []
        let changes = try changes { unread = $0 }
        #expect(unread.map(\.bytes.count) == [4094])
        #expect(changes.count == 1365 + 1364 && changes.contains { $0.path == unread.first })
    }

    @Test func aLayerThatIsGoneIsSaid() throws {
        #expect(throws: ImageStoreError.lowerGone(world.folder + "/none", .noEntry)) { try changes([("/", "none")]) }
        let stranger = world.folder + "/low"
        #expect(throws: ImageStoreError.notAnUpper(stranger)) { try ChangedTree.find(stranger, world.places) }
    }
}
