// Layers, binds, and where changes go.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct UpperTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test(arguments: ["single", "range"])
    func everyChangeIsInTheUpperAndNoneElsewhere(_ mode: String) throws {
        try world.write("rootfs-init/etc/resolv.conf", "nameserver 192.0.2.1\n")
        try world.write("root/etc/old", "old")
        try world.write("root/etc/gone", "gone")
        let before = try world.fingerprint("root") + world.fingerprint("rootfs-init")
        let outcome = try world.run(
            ["--id-map", mode, "--layer", "./rootfs-init", "--upper", "./diff"],
            "cat /etc/resolv.conf; echo new >>/etc/old; rm /etc/gone; mkdir /d; echo x >/d/x; chmod 600 /etc/resolv.conf"
        )
        #expect(outcome.output == "nameserver 192.0.2.1\n")
        #expect(outcome.status == 0)
        #expect(try world.fingerprint("root") + world.fingerprint("rootfs-init") == before)
        let diff = try world.sandbox(["diff", "./diff"])
        #expect(diff.output == "A /d\nA /d/x\nD /etc/gone\nM /etc/old\nM /etc/resolv.conf\n")
        let names = try world.sh("cd diff && find . -mindepth 1 | sort | tr '\\n' ' '").output
        #expect(names == "./d ./d/x ./etc ./etc/gone ./etc/old ./etc/resolv.conf ")
        // The upper goes on where it was.
        #expect(
            try world.run(
                ["--id-map", mode, "--layer", "./rootfs-init", "--upper", "./diff"], "cat /d/x; ls /etc/gone"
            ).output == "x\n")
    }

    /// A slip for --bind must not have the project's files deleted.
    @Test func whatIsNoUpperIsNotTakenForOne() throws {
        try world.write("project/f", "x")
        let refused = try world.run(["--upper", "./project"], "rm -f /f")
        #expect(refused.status == 125, "\(refused)")
        for text in ["--bind", "--layer", ".project.sandbox"] { #expect(refused.errors.contains(text), "\(refused)") }
        #expect(!Files.isAccessible(world.folder + "/.project.sandbox", 0))
        #expect(try world.sh("cat project/f").output == "x")
        // One that is marked as such, as one of an earlier version is.
        _ = try world.sh("mkdir -m 700 -p .project.sandbox/work")
        #expect(try world.run(["--upper", "./project"], "cat /f").output == "x")
        // By the list of its layers alone.
        _ = try world.sh("rm -r .project.sandbox")
        #expect(try world.run(["--upper", "./project"], "cat /f").output == "x")
    }

    @Test func anUpperIsForTheRootItWasMadeOver() throws {
        _ = try world.run(["--id-map", "single", "--upper", "./up"], "echo 1 >/n")
        _ = try world.sh("mkdir other; cp -a root/. other")
        for (words, says) in [
            (["--id-map", "single", "--upper", "./up", "./other", "true"], "not to \"\(world.folder)/other\""),
            (["--id-map", "single", "--upper", "./up", "host", "true"], "not to \"host\""),
            (["--id-map", "range", "--upper", "./up", "./root", "true"], "--id-map single"),
        ] {
            let outcome = try world.sandbox(["run"] + words)
            #expect(outcome.status == 125 && outcome.errors.contains(says), "\(outcome)")
        }
        #expect(try world.run(["--id-map", "single", "--upper", "./up"], "cat /n").output == "1\n")
        // One of an earlier version goes on, and is marked.
        _ = try world.sh("rm .up.sandbox/over")
        #expect(try world.run(["--id-map", "single", "--upper", "./up"], "cat /n").output == "1\n")
        #expect(try world.sandbox(["run", "--upper", "./up", "host", "true"]).status == 125)
        _ = try world.sh("rm .up.sandbox/over")
        #expect(
            try world.sandbox(["run", "--id-map", "single", "--upper", "./up", "./other", "cat", "/n"]).output == "1\n")
    }

    @Test(arguments: ["single", "range"])
    func anUpperIsRemovedWithWhatLiesBesideIt(_ mode: String) throws {
        let owner = mode == "range" ? "chown -R 1000:1000 /d; " : ""
        let made = try world.run(["--id-map", mode, "--upper", "./up"], "mkdir /d; touch /d/f; \(owner)chmod 0 /d")
        #expect(made.status == 0, "\(made)")
        try world.write("project/f", "x")
        for (word, says) in [
            ("./project", "no sandbox has kept"), ("up", "./up"), ("./none", "none"), ("./project/f", "no "),
        ] {
            let outcome = try world.sandbox(["rm", word])
            #expect(outcome.status == 125 && outcome.errors.contains(says), "\(outcome)")
        }
        let running = try world.start(
            World.binary, ["run", "--id-map", mode, "--upper", "./up", "./root", "sh", "-c", "echo ready; sleep 60"])
        try running.waitForOutput("ready")
        #expect(try world.sandbox(["rm", "./up"]).errors.contains("in use"))
        running.signal(SIGTERM)
        _ = try running.finish()
        let removed = try world.sandbox(["rm", "./up"])
        #expect(removed.status == 0, "\(removed)")
        #expect(
            try world.sh("ls -A; ls home/.local/share/sandbox/uppers; cat project/f").lines.filter {
                !$0.hasPrefix("out-")
            }
                == ["home", "project", "root", "x"])
    }

    /// What one run changed on this machine's folders is a layer of the next.
    @Test func theUpperOfARunOnThisMachineIsALayer() throws {
        let first = try world.sandbox([
            "run", "--upper", "./one", "host", "sh", "-c",
            "echo 1 >/etc/mine; mkdir -p /opt/a /var/lib/q; echo 2 >/opt/a/b; rm /etc/hostname; echo 3 >/top; ls /etc | wc -l",
        ])
        #expect(first.status == 0, "\(first)")
        let script = "cat /etc/mine /opt/a/b /top; ls -d /var/lib/q; ls /etc | wc -l; ls /etc/hostname 2>/dev/null"
        for options in [["--upper", "./two"], ["--read-only"], ["--layer", "./empty"]] {
            _ = try world.sh("mkdir -p empty")
            let next = try world.sandbox(["run", "--layer", "./one"] + options + ["host", "sh", "-c", script])
            #expect(next.lines == ["1", "2", "3", "/var/lib/q"] + first.lines, "\(options) \(next)")
        }
        _ = try world.sandbox(["run", "--layer", "./one", "--upper", "./two", "host", "sh", "-c", "echo 4 >>/etc/mine"])
        #expect(try world.sandbox(["diff", "./two"]).output == "M /etc/mine\n")
        // A link in a layer leads nowhere.
        _ = try world.sh("mkdir -p trick secret; echo s >secret/s; ln -s ../secret trick/opt")
        let tricked = try world.sandbox(["run", "--layer", "./trick", "host", "cat", "/opt/s"])
        #expect(tricked.output.isEmpty && tricked.status != 0)
    }

    @Test func opaqueFoldersAreUnderstood() throws {
        try world.write("root/opt/a", "a")
        try world.write("root/opt/b", "b")
        _ = try world.run(["--upper", "./diff"], "rm -r /opt && mkdir /opt && echo b2 >/opt/b")
        let plain = try world.sandbox(["diff", "diff"])
        #expect(plain.output.contains("D /opt/a\n") && plain.output.contains("M /opt/b\n"))
        let json = try world.sandbox(["diff", "--format", "json", "diff"])
        let rows = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
        #expect(rows?.contains { $0["path"] as? String == "/opt/a" && $0["kind"] as? String == "deleted" } == true)
        #expect(try world.sandbox(["diff", "--tree", "diff"]).output.contains("- a"))
    }

    @Test func aKeptSandboxGoesOn() throws {
        #expect(try world.sandbox(["run", "--name", "box", "./root", "sh", "-c", "echo 1 >/n"]).status == 0)
        let again = try world.sandbox(["run", "--name", "box", "./root", "true"])
        #expect(again.status == 125 && again.errors.contains("sandbox start box"))
        #expect(try world.sandbox(["start", "box", "cat", "/n"]).output == "1\n")
        #expect(try world.sandbox(["diff", "box"]).output == "A /n\n")
        #expect(try world.sandbox(["list"]).output.contains("box"))
        #expect(try world.sandbox(["rm", "box"]).status == 0)
        let gone = try world.sandbox(["start", "box"])
        #expect(gone.status == 125 && gone.errors.contains("no sandbox named"))
    }

    @Test(arguments: [[], ["--upper", "disk"], ["--upper", "memory"], ["--read-only"]])
    func nothingIsLeftOfThrownAwayChanges(_ options: [String]) throws {
        let before = try world.fingerprint("root")
        _ = try world.run(options, "echo 1 >/n; rm -rf /etc")
        #expect(try world.fingerprint("root") == before)
        #expect(try world.run("ls /n").status != 0)
        #expect(try world.sh("ls home/.local/share/sandbox/ephemeral 2>/dev/null").output.isEmpty)
    }

    @Test func anEphemeralUpperOfAKilledLauncherGoesAtTheNextStart() throws {
        let running = try world.start(
            World.binary, ["run", "--upper", "disk", "./root", "sh", "-c", "echo x >/n; echo ready; sleep 60"])
        try running.waitForOutput("ready")
        running.signal(SIGKILL)
        _ = try running.finish()
        #expect(try world.run(["--upper", "disk"], "true").status == 0)
        #expect(try world.sh("ls home/.local/share/sandbox/ephemeral").output.isEmpty)
    }

    @Test func anUpperIsForOneSandboxAtATime() throws {
        let running = try world.start(
            World.binary, ["run", "--upper", "./diff", "./root", "sh", "-c", "echo ready; sleep 60"])
        try running.waitForOutput("ready")
        let second = try world.run(["--upper", "./diff"], "true")
        #expect(second.status == 125 && second.errors.contains("in use by another sandbox"))
        running.signal(SIGTERM)
        _ = try running.finish()
    }

    @Test func bindsShowFilesAndFolders() throws {
        try world.write("data/x", "x")
        try world.write("file", "f")
        let outcome = try world.run(
            ["--bind", "./data:/mnt/deep/data", "--bind", "./file:/etc/file:ro", "--bind", "./data:/ro:ro"],
            "cat /etc/file; echo y >/mnt/deep/data/y; echo z >/etc/file; echo z >/ro/z; mount | grep -c 'nosuid.* / '")
        #expect(outcome.output.hasPrefix("f"))
        #expect(try world.sh("cat data/y; ls data/z").output == "y\n")
        #expect(try world.sh("cat file").output == "f")
    }

    @Test func hereIsTheCurrentFolder() throws {
        #expect(try world.run(["--here"], "pwd; echo 1 >made").output == world.folder + "\n")
        #expect(try world.sh("cat made").output == "1\n")
    }

    @Test func masksAndMemory() throws {
        let outcome = try world.run(
            ["--mask", "/etc/passwd", "--mask", "/etc", "--tmpfs", "/big:size=1m"],
            "ls /etc; dd if=/dev/zero of=/big/x bs=1M count=2 2>&1 | grep -c 'No space'")
        #expect(outcome.output == "1\n")
    }

    @Test func readOnlyRefusesChangesToTheRootOnly() throws {
        let outcome = try world.run(
            ["--read-only"], "touch /x 2>/dev/null || echo refused; echo t >/tmp/t && cat /tmp/t")
        #expect(outcome.output == "refused\nt\n")
    }

    @Test func manyAtOnceDoNotSweepEachOther() throws {
        let outcome = try world.sh("for i in $(seq 30); do \"$SANDBOX\" run --upper disk ./root true & done; wait")
        #expect(outcome.errors.isEmpty)
        #expect(try world.sh("ls home/.local/share/sandbox/ephemeral").output.isEmpty)
    }
}
