// A layer that hides all below it: an opaque mark in its top folder, where overlayfs looks for none.

import Foundation
import LinuxSystem
import TestWorld
import Testing

@Suite(.enabled(if: Files.isAccessible("/usr/bin/python3", 1), "needs python3"))
struct OpaqueRootTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        let made = try world.sh(
            """
            set -e; mkdir middle; cp -a root/. middle/; rmdir middle/tmp; touch middle/.wh..wh..opq
            pack() { tar --sort=name --owner=0 --group=0 --mtime=@0 "$@"; }
            pack -C middle -cf middle.tar .
            mkdir -p middle/implied/way; touch middle/implied/way/file
            pack -C middle -rf middle.tar ./implied/way/file
            mkdir -p low/etc low/bin low/deep/er; touch low/old low/etc/old low/bin/old low/deep/er/old low/etc/passwd
            pack -C low -cf low.tar .
            mkdir -p top/etc; touch top/top top/etc/.wh.group top/.wh.old; pack -C top -cf top.tar .
            """)
        try #require(made.status == 0, "\(made.errors)")
        let layers = ["low", "middle", "top"].map { #"{"tar": "\#($0).tar"}"# }.joined(separator: ",")
        _ = try makeImage(world, #"{"tag": "t", "layers": [\#(layers)]}"#, "made")
        #expect(try world.sandbox(["load", "-q", "-i", "made", "img:1"]).errors == "")
    }

    /// What an image's own files are: not the mount points, nor what is mounted on them, nor the generated files.
    private static let list = """
        find / -xdev -mindepth 1 | sed 's,^/,,' |
        grep -vxE 'proc|dev|sys|tmp|etc/(hosts|hostname|resolv.conf|mtab|apt.*)' | LC_ALL=C sort
        """

    private func lines(_ script: String) throws -> [String] {
        let outcome = try world.sh(script)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.lines
    }

    @Test(arguments: ["range", "single"])
    func whatLiesBelowIsHidden(_ mode: String) throws {
        let outcome = try world.sandbox(["run", "--id-map", mode, "img:1", "sh", "-c", Self.list])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let exported = try lines("\"$SANDBOX\" export img:1 | tar t | sed 's,^\\./,,; s,/$,,' | LC_ALL=C sort")
            .filter { $0 != "." && $0 != "" }
        #expect(outcome.lines == exported)
        #expect(outcome.lines.contains("top") && outcome.lines.contains("etc/passwd"))
        #expect(outcome.lines.allSatisfy { $0 != "old" && !$0.hasSuffix("/old") && $0 != "deep" && $0 != "etc/group" })
        guard Files.isAccessible("/usr/bin/umoci", 1) else { return }
        let theirs = try lines(
            "umoci unpack --rootless --image made:t bundle >&2; cd bundle/rootfs; find . -mindepth 1 | cut -c 3- | LC_ALL=C sort"
        )
        #expect(exported == theirs)
    }

    @Test func changesAreAgainstWhatIsShown() throws {
        let script = "echo new >/old; mkdir /deep; rm /bin/vi; echo more >>/etc/passwd"
        #expect(try world.sandbox(["run", "--name", "kept", "img:1", "sh", "-c", script]).status == 0)
        let diff = try world.sandbox(["diff", "kept"])
        #expect(Set(diff.lines) == ["A /old", "A /deep", "D /bin/vi", "M /etc/passwd"], "\(diff)")
        #expect(try lines("\"$SANDBOX\" export kept | tar xO ./old old 2>/dev/null || true") == ["new"])
        #expect(try world.sandbox(["start", "kept", "ls", "-A", "/deep"]).output == "")
    }

    @Test func marksAreVerified() throws {
        // White-outs and folders without an entry have no time that could be compared.
        #expect(try world.sandbox(["verify"]).output == "")
        let removed = try world.sh(
            """
            python3 -c 'import os, glob
            for tree in glob.glob("home/.local/share/sandbox/layers/*"):
                if "user.overlay.opaque" in os.listxattr(tree): os.removexattr(tree, "user.overlay.opaque"); print(tree)'
            """)
        #expect(removed.lines.count == 1, "\(removed)")
        let found = try world.sandbox(["verify", "--repair"])
        #expect(found.lines.count == 2 && found.output.contains("top folder"), "\(found)")
        #expect(try world.sandbox(["verify"]).output == "")
        #expect(try world.sandbox(["run", "img:1", "ls", "/deep"]).status != 0)
    }

    @Test(arguments: ["middle.tar", "unpacked"])
    func aLayerOfTheUserHidesTheImage(_ layer: String) throws {
        try world.sh(
            "cp -a root unpacked; python3 -c 'import os; os.setxattr(\"unpacked\", \"user.overlay.opaque\", b\"y\")'")
        let outcome = try world.sandbox([
            "run", "--layer", "./" + layer, "img:1", "sh", "-c", "ls -d /top /etc/group /etc/hosts",
        ])
        #expect(outcome.lines.sorted() == ["/etc/group", "/etc/hosts"], "\(outcome)")
    }
}
