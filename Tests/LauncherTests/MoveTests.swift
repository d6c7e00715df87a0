// Images between this program and others, as archives and layouts; and what is done with images in the store.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct MoveTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRootArchive()
    }

    private static func has(_ programs: String...) -> Bool {
        programs.allSatisfy { Files.isAccessible("/usr/bin/" + $0, 1) }
    }

    private func succeed(_ words: String...) throws -> Outcome {
        let outcome = try world.sandbox(words)
        #expect(outcome.status == 0, "\(words): \(outcome.errors)")
        return outcome
    }

    private func refused(_ words: [String], _ says: String...) throws {
        let outcome = try world.sandbox(words)
        #expect(outcome.status == 125 && outcome.output.isEmpty, "\(outcome)")
        #expect(outcome.errors.hasPrefix("sandbox: ") && outcome.errors.split(separator: "\n").count == 1)
        for text in says { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
    }

    private func shell(_ script: String, _ comment: Comment? = nil) throws -> String {
        let outcome = try world.sh(script)
        try #require(outcome.status == 0, "\(script): \(outcome.errors)")
        return outcome.output
    }

    /// An image `name` of two layers, with a command of its own.
    private func makeImage(_ name: String) throws {
        let description = """
            {"tag": "t", "config": {"Cmd": ["cat", "/who"], "Env": ["A=b", "PATH=/bin"]},
             "layers": [{"tar": "root.tar"}, \(layer("who", name))]}
            """
        _ = try LauncherTests.makeImage(world, description, "'\(world.folder)/made'")
        let loaded = try world.sandbox(["load", "-q", "-i", "made", name])
        try #require(loaded.status == 0, "\(loaded.errors)")
    }

    // What this program has written.

    static let formats = ["oci-archive", "docker-archive", "oci-dir"]

    @Test(.enabled(if: has("python3"), "needs python3"), arguments: formats)
    func whatIsSavedIsLoadedAndRunInPlace(_ format: String) throws {
        try makeImage("mine:1")
        _ = try succeed("save", "--format", format, "-o", "saved", "mine:1")
        let transport = format == "oci-dir" ? "oci" : format
        for word in ["\(transport):saved", "\(transport):\(world.folder)/saved"] {
            #expect(try succeed("run", "--quiet", word).output == "mine:1")
        }
        // Nothing is unpacked anew, and nothing said.
        #expect(try succeed("run", "\(transport):saved", "sh", "-c", "echo $A").errors.isEmpty)
        _ = try succeed("rmi", "mine:1")
        let loaded = try succeed("load", "-q", "-i", "saved")
        #expect(loaded.lines == ["mine:1"], "\(loaded.output)")
        #expect(try succeed("run", "--pull", "never", "mine:1").output == "mine:1")
    }

    @Test(.enabled(if: has("python3"), "needs python3"), arguments: ["oci-archive", "docker-archive"])
    func severalGoThroughAPipe(_ format: String) throws {
        try makeImage("mine:1")
        try makeImage("other:2")
        let other = try World()
        let load = "XDG_DATA_HOME='\(other.folder)' \"$SANDBOX\" load -q"
        let names = try shell("set -o pipefail; \"$SANDBOX\" save --format \(format) mine:1 other:2 | \(load)")
        #expect(names.split(separator: "\n").sorted() == ["mine:1", "other:2"])
        let environment = ["XDG_DATA_HOME": other.folder]
        for name in ["mine:1", "other:2"] {
            let ran = try world.sandbox(["run", "--pull", "never", name], environment: environment)
            #expect(ran.status == 0 && ran.output == name, "\(ran.errors)")
        }
        try refused(["save", "-o", "none.tar", "mine:1", "nosuch"], "nosuch")
        #expect(!FileManager.default.fileExists(atPath: world.folder + "/none.tar"))
    }

    @Test(.enabled(if: has("python3", "skopeo"), "needs python3 and skopeo"), arguments: formats)
    func skopeoReadsWhatIsSaved(_ format: String) throws {
        try makeImage("mine:1")
        _ = try succeed("save", "--format", format, "-o", "saved", "mine:1")
        let transport = format == "oci-dir" ? "oci" : format
        let read = try shell(
            """
            set -e; read="skopeo --tmpdir ."
            $read inspect --config \(transport):saved
            $read inspect \(transport):saved
            $read copy -q \(transport):saved dir:copied
            """
        )
        #expect(read.contains("\"A=b\"") && read.contains("\"linux\""), "\(read)")
    }

    @Test(
        .enabled(if: has("python3", "podman"), "needs python3 and podman"),
        arguments: ["oci-archive", "docker-archive"])
    func podmanLoadsWhatIsSaved(_ format: String) throws {
        try makeImage("localhost/mine:1")
        _ = try succeed("save", "--format", format, "-o", "saved", "localhost/mine:1")
        let podman = try Podman(world)
        let loaded = try podman.run("load -q -i saved")
        #expect(loaded.contains("localhost/mine:1"), "\(loaded)")
        #expect(
            try podman.run("image inspect --format '{{.Config.Env}} {{len .RootFS.Layers}}' localhost/mine:1")
                == "[A=b PATH=/bin] 2\n")
        // And back again.
        _ = try podman.run("save -q --format \(format) -o back localhost/mine:1")
        _ = try succeed("rmi", "localhost/mine:1")
        #expect(try succeed("load", "-q", "-i", "back").lines == ["localhost/mine:1"])
        #expect(try succeed("run", "--pull", "never", "localhost/mine:1").output == "localhost/mine:1")
        #expect(try succeed("run", "--quiet", "\(format):back").output == "localhost/mine:1")
    }

    @Test(.enabled(if: has("python3", "podman"), "needs python3 and podman"))
    func podmanRunsWhatIsSaved() throws {
        try makeImage("localhost/mine:1")
        _ = try succeed("save", "-o", "saved", "localhost/mine:1")
        let podman = try Podman(world)
        _ = try podman.run("load -q -i saved")
        let command = podman.command + "run --rm --cgroups=disabled --network none localhost/mine:1"
        let outcome = try world.sh(command)
        if outcome.status == 125 || outcome.status == 126 {
            try Test.cancel("podman can't run containers here: \(outcome.errors.suffix(200))")
        }
        #expect(outcome.status == 0 && outcome.output == "localhost/mine:1", "\(outcome.errors)")
    }

    // What others have written.

    @Test(.enabled(if: has("python3", "skopeo"), "needs python3 and skopeo"), arguments: formats)
    func whatSkopeoWritesIsLoadedAndRunInPlace(_ format: String) throws {
        _ = try LauncherTests.makeImage(
            world, #"{"tag": "t", "layers": [{"tar": "root.tar"}, \#(layer("who", "skopeo"))]}"#, "made")
        let transport = format == "oci-dir" ? "oci" : format
        let tag = format == "docker-archive" ? "localhost/theirs:2" : "theirs:2"
        _ = try shell("skopeo --tmpdir . copy -q oci:made:t \(transport):theirs:\(tag)")
        for suffix in ["", ":" + tag] {
            #expect(try succeed("run", "--quiet", "\(transport):theirs\(suffix)", "cat", "/who").output == "skopeo")
        }
        try refused(["run", "\(transport):theirs:none", "true"], "none")
        _ = try succeed("load", "-q", "-i", "theirs", "other:1")
        #expect(try succeed("run", "--pull", "never", "other:1", "cat", "/who").output == "skopeo")
        #expect(try succeed("load", "-q", "-i", "theirs").lines.first?.hasSuffix("theirs:2") == true)
    }

    @Test(.enabled(if: has("umoci"), "needs umoci")) func whatUmociWritesRunsInPlace() throws {
        // umoci wants to set owners: only a plain tree is given to it.
        _ = try shell(
            """
            umoci init --layout umo && umoci new --image umo:first &&
            umoci raw add-layer --image umo:first root.tar && umoci config --image umo:first --config.env C=d
            """)
        #expect(try succeed("run", "--quiet", "oci:umo:first", "sh", "-c", "echo $C").output == "d\n")
    }

    @Test(.enabled(if: has("python3"), "needs python3")) func aLayoutThatChangedIsReadAnew() throws {
        for who in ["one", "another"] {
            _ = try LauncherTests.makeImage(
                world, #"{"tag": "t", "layers": [{"tar": "root.tar"}, \#(layer("who", who))]}"#, "made")
            #expect(try succeed("run", "--quiet", "oci:made:t", "cat", "/who").output == who)
        }
        _ = try succeed("prune", "--all")
        #expect(try world.stored().isEmpty)
    }

    // Files of an image, and of a kept sandbox.

    @Test(.enabled(if: has("python3"), "needs python3")) func theTreeIsExported() throws {
        try makeImage("mine:1")
        let script = "echo new >/new; rm /etc/group; mkdir /d; ln -s /new /d/link"
        _ = try succeed("run", "--name", "kept", "mine:1", "sh", "-c", script)
        _ = try succeed("export", "-o", "image.tar", "mine:1")
        _ = try succeed("export", "-o", "kept.tar", "kept")
        #expect(try shell("tar -xOf image.tar who 2>/dev/null || tar -xOf image.tar ./who") == "mine:1")
        func names(_ file: String) throws -> Set<String> {
            Set(
                try shell("tar -tf \(file) | sed 's,^\\./,,; s,/$,,' | grep -v '^\\.\\?$'").split(separator: "\n").map(
                    String.init))
        }
        let image = try names("image.tar")
        #expect(image.isSuperset(of: ["bin/busybox", "etc/group", "who"]))
        #expect(
            try names("kept.tar").symmetricDifference(image).intersection(["etc/group", "new", "d", "d/link"])
                == ["etc/group", "new", "d", "d/link"])
        _ = try succeed("import", "kept.tar", "again")
        #expect(try succeed("run", "again", "cat", "/d/link", "/who").output == "new\nmine:1")
        #expect(try shell("\"$SANDBOX\" export kept | cmp - kept.tar") == "")
        try refused(["export", "nosuch"], "nosuch")
    }

    // In the store.

    private struct Image: Decodable {
        let name: String
        let tag: String
        let digest: String
        let platform: String
        let size: Int64
        let unique: Int64
    }

    private func images() throws -> [Image] {
        try JSONDecoder().decode([Image].self, from: Data(succeed("images", "--format", "json").output.utf8))
    }

    @Test(.enabled(if: has("python3"), "needs python3")) func namesComeAndGo() throws {
        #expect(try images().isEmpty)
        try makeImage("mine:1")
        _ = try succeed("tag", "mine:1", "localhost:5000/team/other:2")
        try refused(["tag", "nosuch", "x"], "no image \"nosuch")
        try refused(["tag", "mine:1", "x@sha256:" + String(repeating: "0", count: 64)], "digest")
        let two = try images()
        #expect(two.count == 2 && Set(two.map(\.digest)).count == 1 && two.allSatisfy { $0.unique == $0.size })
        #expect(two.contains { $0.name == "localhost:5000/team/other" && $0.tag == "2" })
        #expect(try succeed("images").lines.count == 3)
        let page = try JSONSerialization.jsonObject(with: Data(succeed("inspect", "mine:1").output.utf8))
        let object = try #require(page as? [String: Any])
        #expect(object["digest"] as? String == two[0].digest)
        #expect((object["layers"] as? [Any])?.count == 2 && object["platform"] as? String == two[0].platform)
        try refused(["inspect", "nosuch"], "nosuch")
        let stored = try world.stored().count
        _ = try succeed("rmi", "mine:1")
        #expect(try world.stored().count == stored - 1)
        #expect(try succeed("run", "--pull", "never", "localhost:5000/team/other:2").output == "mine:1")
        let one = try images()
        #expect(one.count == 1 && one[0].unique == one[0].size && one[0].size > 0)
        _ = try succeed("rmi", "localhost:5000/team/other:2")
        #expect(try world.stored().isEmpty && images().isEmpty)
        try refused(["rmi", "mine:1"], "no image")
    }

    @Test(.enabled(if: has("python3"), "needs python3")) func anImageInUseIsNotRemoved() throws {
        try makeImage("mine:1")
        let running = try world.start(
            World.binary, ["run", "--pull", "never", "mine:1", "sh", "-c", "echo ready; exec sleep 300"])
        try running.waitForOutput("ready")
        try refused(["rmi", "mine:1"], "in use", "--force")
        _ = try succeed("rmi", "--force", "mine:1")
        #expect(try images().isEmpty)
        // What runs keeps its layers.
        _ = try succeed("prune", "--all")
        #expect(try !world.stored().isEmpty)
        running.signal(SIGTERM)
        _ = try running.finish()
        #expect(try succeed("prune").output.hasPrefix("removed "))
        #expect(try world.stored().isEmpty)
        // A kept sandbox holds its image as well.
        try makeImage("mine:2")
        _ = try succeed("run", "--name", "kept", "mine:2", "touch", "/x")
        try refused(["rmi", "mine:2"], "kept")
        _ = try succeed("rmi", "--force", "mine:2")
        _ = try succeed("prune", "--all")
        #expect(try succeed("diff", "kept").output.contains("/x"))
        _ = try succeed("rm", "kept")
        _ = try succeed("prune", "--all")
        #expect(try world.stored().isEmpty)
    }

    @Test(.enabled(if: has("python3"), "needs python3")) func whatTheStoreTakesIsShown() throws {
        struct Row: Decodable {
            let part: String
            let count: Int
            let size: Int64
            let reclaimable: Int64
        }
        func rows() throws -> [Row] {
            try JSONDecoder().decode([Row].self, from: Data(succeed("df", "--format", "json").output.utf8))
        }
        try makeImage("mine:1")
        let before = try rows()
        #expect(before.contains { $0.size > 100_000 && $0.reclaimable == 0 })
        #expect(before.allSatisfy { $0.reclaimable == 0 && $0.count >= 0 })
        _ = try LauncherTests.makeImage(
            world, #"{"tag": "t", "layers": [{"tar": "root.tar"}, \#(layer("who", "in place"))]}"#, "other")
        _ = try succeed("run", "--quiet", "oci:other", "true")
        #expect(try succeed("df").lines.first?.hasPrefix("PART") == true)
        _ = try succeed("rmi", "mine:1")
        _ = try succeed("prune", "--all")
        #expect(try rows().allSatisfy { $0.size == 0 })
    }

    @Test(.enabled(if: LoopbackRegistry.isThere, LoopbackRegistry.missing)) func damageIsFoundAndRepaired() throws {
        let registry = try LoopbackRegistry(world)
        try registry.serve(world, "x", #"{"layers": [{"tar": "root.tar"}, \#(layer("who", "whole"))]}"#)
        let name = registry.address + "/x"
        _ = try succeed("pull", "-q", name)
        #expect(try succeed("verify").output.isEmpty)
        // A tree and a blob, the one that is not the tree's own.
        let data = "home/.local/share/sandbox"
        let damaged = try shell(
            """
            cd \(data); tree=$(ls -d layers/*/who); chmod u+w $tree; echo other >$tree
            blob=$(ls -S blobs/* | head -n 1); chmod u+w $blob
            printf XXXX | dd of=$blob bs=1 seek=100 conv=notrunc 2>&1 >/dev/null
            """)
        let found = try world.sandbox(["verify"])
        #expect(found.status == 1 && found.lines.count == 3, "\(damaged)\(found)")
        #expect(found.lines.dropFirst().allSatisfy { $0.hasSuffix("no") })
        let repaired = try world.sandbox(["verify", "--repair", "--format", "json"])
        #expect(repaired.status == 0, "\(repaired)")
        #expect(repaired.output.contains("\"repaired\" : true") && !repaired.output.contains("\"repaired\" : false"))
        #expect(try succeed("verify").output.isEmpty)
        #expect(try succeed("run", "--pull", "never", name, "cat", "/who").output == "whole")
        // Where the registry is gone only the tree can be mended.
        registry.stop()
        _ = try shell("cd \(data); for blob in blobs/*; do chmod u+w $blob; echo x >>$blob; done")
        let left = try world.sandbox(["verify", "--repair"])
        #expect(left.status == 1 && left.output.contains("no"), "\(left)")
        #expect(try succeed("run", "--pull", "never", name, "cat", "/who").output == "whole")
    }
}

/// podman with a store of its own in a test's folder, which is gone afterwards.
final class Podman {
    let command: String
    private let world: World

    init(_ world: World) throws {
        self.world = world
        command =
            "XDG_RUNTIME_DIR=\(world.folder)/podrun TMPDIR=\(world.folder) podman --root \(world.folder)/podman "
            + "--runroot \(world.folder)/podrun --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "
        try world.sh("mkdir -m 700 podrun")
        let outcome = try world.sh(command + "info")
        if outcome.status != 0 { try Test.cancel("podman does not work here: \(outcome.errors.suffix(200))") }
    }

    deinit {
        // What holds podman's user namespace for the next command waits for ever.
        let script = """
            pause=$(find podrun -name pause.pid -exec cat {} +); \(command)unshare rm -rf podman podrun
            rm -rf podman podrun; [ -z "$pause" ] || kill -KILL $pause
            """
        do { try world.sh(script) } catch { Issue.record("\(error)") }
    }

    func run(_ words: String) throws -> String {
        let outcome = try world.sh(command + words)
        try #require(outcome.status == 0, "podman \(words): \(outcome.errors)")
        return outcome.output
    }
}
