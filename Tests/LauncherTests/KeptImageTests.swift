// Kept sandboxes go on with what they were made on; images that are run in place come and go.

import Foundation
import LinuxSystem
import TestWorld
import Testing

@Suite(.enabled(if: Files.isAccessible("/usr/bin/python3", 1), "needs python3")) struct KeptImageTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRootArchive()
    }

    private func make(_ who: String) throws {
        _ = try world.sh("rm -rf made")
        _ = try LauncherTests.makeImage(
            world,
            #"{"tag": "t", "config": {"Env": ["WHO=\#(who)"]}, "layers": [{"tar": "root.tar"}, \#(layer("who", who))]}"#,
            "made")
    }

    private func load(_ who: String) throws {
        try make(who)
        try #require(try world.sandbox(["load", "-q", "-i", "made", "it:1"]).status == 0)
    }

    private var folder: String { world.home + "/.local/share/sandbox" }

    @Test func aKeptSandboxStaysOnItsImage() throws {
        try load("one")
        #expect(try world.sandbox(["run", "--name", "k", "it:1", "sh", "-c", "echo n >/new"]).status == 0)
        try load("two")
        _ = try world.sandbox(["prune"])
        let script = "cat /who /new; echo $WHO"
        #expect(try world.sandbox(["start", "k", "sh", "-c", script]).output == "onen\none\n")
        #expect(try world.sandbox(["start", "--id-map", "single", "k", "cat", "/who"]).output == "one")
        #expect(try world.sandbox(["diff", "k"]).output == "A /new\n")
        #expect(try world.sh("\"$SANDBOX\" export k | tar -xO who").output == "one")
        // The name is another image's by now, and can go; so can all else.
        #expect(try world.sandbox(["rmi", "it:1"]).status == 0)
        _ = try world.sandbox(["prune", "--all"])
        #expect(try world.sandbox(["start", "k", "cat", "/who"]).output == "one")
        // What is gone is said, and nothing else is taken for it.
        try load("three")
        _ = try world.sh(
            "cd '\(folder)'; chmod -R u+w layers; '\(World.manage)' __remove-tree \"$PWD/layers\"; rm -r blobs")
        try load("three")
        let gone = try world.sandbox(["start", "k", "cat", "/who"])
        #expect(gone.status == 125 && gone.output.isEmpty, "\(gone)")
        #expect(gone.errors.contains("it:1") && gone.errors.contains("sha256:") && gone.errors.contains("gone"))
    }

    /// As earlier versions kept it: the list of layers alone.
    @Test func aRecordWithoutItsImageGoesOn() throws {
        try load("one")
        for name in ["k", "l"] { _ = try world.sandbox(["run", "--name", name, "it:1", "true"]) }
        _ = try world.sh("rm '\(folder)'/sandboxes/*/image")
        // Written where the name is still what it was.
        #expect(try world.sandbox(["start", "k", "cat", "/who"]).output == "one")
        #expect(Files.isAccessible(folder + "/sandboxes/k/image", 0))
        try load("two")
        _ = try world.sandbox(["prune"])
        for name in ["k", "l"] { #expect(try world.sandbox(["start", name, "cat", "/who"]).output == "one") }
        #expect(!Files.isAccessible(folder + "/sandboxes/l/image", 0))
        _ = try world.sandbox(["rmi", "--force", "it:1"])
        #expect(try world.sandbox(["start", "l", "cat", "/who"]).output == "one")
    }

    @Test func twoSandboxesAreNotMixed() throws {
        for name in ["a", "b"] {
            _ = try world.sandbox(["run", "--name", name, "./root", "sh", "-c", "echo \(name) >/n"])
        }
        for options in [["--name", "b"], ["--name", "c"], ["--upper", "./u"], ["--pull", "always"]] {
            let outcome = try world.sandbox(["start"] + options + ["a", "true"])
            #expect(outcome.status == 125 && outcome.errors.contains("start goes on with \"a\" as it is"), "\(outcome)")
        }
        // One that was renamed is itself.
        _ = try world.sh("mv '\(folder)/sandboxes/a' '\(folder)/sandboxes/c'")
        #expect(try world.sandbox(["start", "c", "cat", "/n"]).output == "a\n")
    }

    @Test func wordsOfAStartBelongToWhereItIs() throws {
        let outcome = try world.sh(
            """
            mkdir -p a b b/.sandbox/profiles; touch a/in-a b/in-b
            (cd a && "$SANDBOX" run --here --bind ./in-a:/old --name k ../root sh -c 'ls; ls /old')
            cd b
            "$SANDBOX" start --here k sh -c 'pwd; ls; echo x >made; ls /old'
            "$SANDBOX" start --bind ./in-b:/x k sh -c 'pwd; ls; ls /x'
            cat made; ls ../a
            """)
        let (a, b) = (world.folder + "/a", world.folder + "/b")
        #expect(
            outcome.lines == ["in-a", "/old", b, "in-b", "/old", a, "in-a", "/x", "x", "in-a"],
            "\(outcome)")
    }

    @Test func imagesRunInPlaceDoNotLitter() throws {
        func rows(_ options: String...) throws -> [String] {
            try world.sandbox(["images"] + options).lines.dropFirst().map { String($0.prefix { $0 != " " }) }
        }
        try make("one")
        #expect(try world.sandbox(["run", "-q", "oci:made:t", "cat", "/who"]).output == "one")
        #expect(try rows() == [])
        #expect(try rows("--all") == ["oci:made:t"])
        // What it was before is not kept; what nothing finds any more goes with the next prune.
        try make("another")
        #expect(try world.sandbox(["run", "-q", "oci:made:t", "cat", "/who"]).output == "another")
        #expect(try rows("-a") == ["oci:made:t"])
        _ = try world.sandbox(["prune"])
        #expect(try rows("-a") == ["oci:made:t"])
        _ = try world.sh("rm -r made")
        _ = try world.sandbox(["prune"])
        #expect(try rows("-a") == [] && world.stored().isEmpty)
    }

    @Test func aFolderIsWrittenWithASlashBehindToo() throws {
        #expect(try world.sandbox(["run", "root/", "echo", "x"]).output == "x\n")
    }
}
