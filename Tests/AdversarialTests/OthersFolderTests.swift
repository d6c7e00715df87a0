// Folders for changes that somebody else has a hand in, and records and locks that others could write or hold.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct OthersFolderTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        // Others get here, as they get to /tmp.
        try world.sh("chmod 755 . && mkdir -m 1777 shared && mkdir -m 700 mine && mkdir mine/up")
    }

    static let plant =
        "mkdir -p UP/usr/bin && printf '#!/bin/sh\\necho planted\\n' >UP/usr/bin/make && chmod +x UP/usr/bin/make"
    static let theirs = "unshare --map-auto --map-root-user chown -R 1000:1000"

    /// Ways in which another user of the machine could have put something into a folder, or a folder in its place.
    @Test(arguments: [
        ("shared/up", "\(theirs) shared/up"), ("shared/up", "chmod 777 shared/up"),
        ("shared/up", "unshare --map-auto --map-root-user chgrp 1000 shared/up; chmod 775 shared/up"),
        ("shared/outer/up", "chmod 777 shared/outer"),
        ("shared/outer/up", "unshare --map-auto --map-root-user chown 1000 shared/outer"),
    ])
    func anUpperThatOthersHaveAHandInIsRefused(_ upper: String, _ stranger: String) throws {
        let words = ["--upper", "./\(upper)"]
        try world.sh("mkdir -p \(upper)")
        #expect(try world.run(words, "true").status == 0)
        try world.sh(Self.plant.replacingOccurrences(of: "UP", with: upper))
        #expect(try world.run(words, "make").output == "planted\n")
        let before = try world.fingerprint("shared")
        try world.sh(stranger)
        let owned = try world.fingerprint("shared")
        let outcome = try world.run(words, "make")
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(before.isEmpty == owned.isEmpty)
        #expect(try world.fingerprint("shared") == owned)
    }

    /// A link of theirs would choose among one's own folders.
    @Test func aLinkOfAnotherUsersToAnUpperIsRefused() throws {
        try world.sh("ln -s \"$PWD/mine/up\" shared/link")
        #expect(try world.run(["--upper", "./shared/link"], "true").status == 0)
        try world.sh("unshare --map-auto --map-root-user chown -h 1000 shared/link")
        let outcome = try world.run(["--upper", "./shared/link"], "touch /new")
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(try world.sh("ls -A mine/up").output.isEmpty)
        // Nor is it followed by any other option.
        for words in [["--bind", "./shared/link:/mnt"], ["--layer", "./shared/link"]] {
            #expect(try world.run(words, "true").status == 125, "\(words)")
        }
    }

    /// What lies beside an upper: a work folder that others chose, and a record that they wrote.
    @Test(arguments: [
        "mkdir mine/.up.sandbox; chmod 777 mine/.up.sandbox",
        "mkdir mine/.up.sandbox; \(theirs) mine/.up.sandbox",
        "ln -s ../victim mine/.up.sandbox", "mkfifo mine/.up.sandbox",
        "mkdir -p mine/.up.sandbox/work; chmod 777 mine/.up.sandbox/work",
    ])
    func whatLiesBesideAnUpperIsNotBelieved(_ plant: String) throws {
        try world.sh("mkdir -p victim/work/work; echo keep >victim/work/work/file; \(plant)")
        let outcome = try world.bounded(["--upper", "./mine/up"], "true")
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(try world.sh("cat victim/work/work/file").output == "keep\n")
    }

    /// `diff` lists against layers that this program wrote down itself, and waits for nothing.
    @Test(arguments: ["printf '/\\0'\"$PWD\"'/private\\0' >mine/.up.sandbox/lowers", "mkfifo mine/.up.sandbox/lowers"])
    func aListOfLayersOfOthersIsNotRead(_ plant: String) throws {
        try world.sh("mkdir private mine/.up.sandbox; touch private/name; mknod mine/up/name c 0 0; \(plant)")
        let words = ["-s", "KILL", "20", World.binary, "diff", "./mine/up"]
        let outcome = try world.start("/usr/bin/timeout", words, environment: [:]).finish()
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        // One that this user's run has left is listed.
        try world.sh("rm -rf mine/.up.sandbox mine/up/name")
        #expect(try world.run(["--upper", "./mine/up"], "touch /name").status == 0)
        #expect(try world.sandbox(["diff", "./mine/up"]).output == "A /name\n")
    }

    /// Who can read a folder can lock it.
    @Test(arguments: ["-s", "-x"]) func alockOnTheFolderItselfHoldsNobodyUp(_ kind: String) throws {
        for (options, file) in [
            (["--upper", "./mine/up"], "mine/up"), (["--upper", "./mine/up"], "mine/.up.sandbox"),
        ] {
            #expect(try world.run(options, "true").status == 0)
            let holder = try world.start(
                "/usr/bin/flock", [kind, file, "sh", "-c", "echo held; sleep 60"], environment: [:])
            try holder.waitForOutput("held")
            #expect(try world.run(options, "echo ran").output == "ran\n")
            holder.signal(SIGKILL)
            _ = try holder.finish()
        }
        // By two names it is one folder still.
        try world.sh("ln -s up mine/other")
        let first = try world.start(
            World.binary, ["run", "--upper", "./mine/other", "./root", "sh", "-c", "echo ready; sleep 60"])
        try first.waitForOutput("ready")
        #expect(try world.run(["--upper", "./mine/up"], "true").errors.contains("in use by another sandbox"))
        first.signal(SIGTERM)
        _ = try first.finish()
    }

    /// The folders of kept and of ephemeral sandboxes are closed to others, whoever opened them.
    @Test(arguments: [("sandboxes", ["--name", "box"]), ("ephemeral", ["--upper", "disk"])])
    func foldersOfSandboxesAreClosedToOthers(_ folder: String, _ options: [String]) throws {
        let path = "home/.local/share/sandbox/" + folder
        try world.sh("mkdir -p \(path); chmod 755 home/.local/share/sandbox \(path)")
        #expect(try world.run(options, "true").status == 0)
        #expect(try world.sh("stat -c %a \(path)").output == "700\n")
        try world.sh("rm -rf \(path); mkdir victim; mkdir victim/x; ln -s \"$PWD/victim\" \(path)")
        let outcome = try world.run(options.map { $0 == "box" ? "other" : $0 }, "true")
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(try world.sh("ls victim").output == "x\n")
    }

    /// Records of kept sandboxes that others could write, and those that are none.
    @Test(arguments: [
        "chmod 666 FILE", "\(theirs) FILE; chmod 644 FILE", "rm FILE; mkfifo FILE", "mv FILE x; ln -s $PWD/x FILE",
    ])
    func aRecordOfAKeptSandboxThatOthersCouldWriteIsNotBelieved(_ change: String) throws {
        #expect(try world.sandbox(["run", "--name", "box", "./root", "true"]).status == 0)
        let folder = "home/.local/share/sandbox/sandboxes/box/"
        #expect(try world.sandbox(["start", "box", "true"]).status == 0)
        try world.sh(change.replacingOccurrences(of: "FILE", with: folder + "run"))
        let start = ["-s", "KILL", "20", World.binary, "start", "box", "true"]
        let outcome = try world.start("/usr/bin/timeout", start, environment: [:]).finish()
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome)")
        try world.sh(change.replacingOccurrences(of: "FILE", with: folder + "lowers"))
        let list = ["-s", "KILL", "20", World.binary, "export", "-o", "out.tar", "box"]
        let listed = try world.start("/usr/bin/timeout", list, environment: [:]).finish()
        #expect(listed.status != 137 && listed.saysOneLineAtMost, "\(listed)")
    }

    /// The lists of uppers that are no more go when another is made.
    @Test func listsOfUppersThatAreGoneGo() throws {
        for name in ["a", "b", "c"] {
            #expect(try world.run(["--upper", "./mine/\(name)"], "true").status == 0)
            try world.sh("rm -rf mine/\(name)")
        }
        #expect(try world.run(["--upper", "./mine/up"], "true").status == 0)
        #expect(try world.sh("ls home/.local/share/sandbox/uppers | wc -l").output == "1\n")
    }

    /// An image may leave its top folder open to all; only the folder above keeps others out of it.
    @Test func anOpenFolderOfLayersIsNotBelieved() throws {
        try world.sh("tar -C root --owner=0 --group=0 -cf root.tar .")
        #expect(try world.sandbox(["import", "root.tar", "x:1"]).status == 0)
        let data = "home/.local/share/sandbox/"
        func run(_ words: [String]) throws -> Outcome { try world.sandbox(words) }
        #expect(try run(["run", "x:1", "true"]).status == 0)
        try world.sh("chmod 777 \(data)layers")
        let outcome = try run(["run", "x:1", "true"])
        #expect(
            outcome.status == 125 && outcome.saysOneLineAtMost && outcome.errors.contains("chmod 700"), "\(outcome)")
        // Only open to look into: it is closed.
        try world.sh("chmod 755 \(data)layers")
        #expect(try run(["run", "--name", "box", "x:1", "true"]).status == 0)
        #expect(try world.sh("stat -c %a \(data)layers").output == "700\n")
        try world.sh("chmod 777 \(data)sandboxes/box")
        #expect(try run(["start", "box", "true"]).status == 125)
        try world.sh("chmod 755 \(data)sandboxes/box")
        #expect(try run(["start", "box", "true"]).status == 0)
        #expect(try world.sh("stat -c %a \(data)sandboxes/box").output == "700\n")
    }

    /// In a sticky folder of root's nobody can remove what somebody else has made there first.
    @Test(.enabled(if: OthersFolderTests.isShared("/tmp"), "needs a /tmp of root's that all share"))
    func aWorkFolderOfSomebodyElsesIsNamed() throws {
        let upper = "/tmp/" + String(world.folder.split(separator: "/").last ?? "") + "-up"
        let state = upper.replacingOccurrences(of: "/tmp/", with: "/tmp/.") + ".sandbox"
        try world.sh("mkdir \(state); unshare --map-auto --map-root-user chown 1000 \(state)")
        let outcome = try world.run(["--upper", upper], "true")
        try world.sh("rmdir \(upper); unshare --map-auto --map-root-user rmdir \(state)")
        #expect(outcome.status == 125 && outcome.errors.contains("choose another folder"), "\(outcome)")
        #expect(outcome.saysOneLineAtMost && !outcome.errors.contains("it is made anew"), "\(outcome)")
    }

    private static func isShared(_ path: String) -> Bool {
        do {
            let status = try FileStatus.of(path)
            return status.owner == 0 && status.permissions & 0o1002 == 0o1002 && LinuxSystem.Process.effectiveUser != 0
        } catch { return false }
    }

    /// What is written over an archive of the user's is no more open than that was.
    @Test func anArchiveThatWasClosedStaysSo() throws {
        try world.sh(
            "tar -C root --owner=0 --group=0 -cf root.tar .; touch a b c new.toml; chmod 600 a b new.toml; rm c")
        #expect(try world.sandbox(["import", "root.tar", "x:1"]).status == 0)
        for words in [["export", "-o", "a", "x:1"], ["save", "-o", "b", "x:1"], ["save", "-o", "c", "x:1"]] {
            let outcome = try world.sandbox(words)
            #expect(outcome.status == 0, "\(outcome)")
        }
        let learned = try world.sandbox(["profile", "learn", "--force", "-o", "./new.toml", "./root", "true"])
        #expect(learned.status == 0, "\(learned)")
        #expect(try world.sh("umask 022; stat -c %a a b new.toml c").lines == ["600", "600", "600", "644"])
    }

    /// A file system of another user's says of every file that it is whose one likes.
    @Test(.enabled(if: FileManager.default.isWritableFile(atPath: "/dev/fuse"), "needs /dev/fuse"))
    func aFileSystemOfAnotherUsersIsNotBelieved() throws {
        let server = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/programs/made-up-files.py"
        func run(_ author: Int) throws -> Outcome {
            try world.sh(
                """
                mkdir -p made\(author); timeout 60 unshare --map-auto --map-root-user -m bash -c '
                  python3 \(server) made\(author) \(author) p.toml "hostname = \\"made-up\\"" & server=$!
                  until [ "$(stat -f -c %T made\(author))" = fuseblk ]; do kill -0 $server || exit 9; sleep 0.05; done
                  "$SANDBOX" run --profile ./made\(author)/p.toml ./root hostname; echo $?; kill $server'
                """)
        }
        let own = try run(0)
        #expect(own.lines == ["made-up", "0"], "\(own)")
        let others = try run(1)
        #expect(others.lines == ["125"] && others.errors.contains("file system of user 1"), "\(others)")
    }
}
