// What covers a part of a bound tree: masks, read-only binds, other mounts, and this program's own folders. None of it is
// moved away with a folder above it, nor taken away by a command that has mounts of its own.

import Foundation
import TestWorld
import Testing

struct CoverTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
        try world.write("project/a/deep/secret", "SECRET\n")
        try world.write("project/b/ordinary", "ordinary\n")
        try world.write("other/other", "other\n")
    }

    private func inside(_ options: String, _ script: String, in folder: String = "project") throws -> Outcome {
        try world.write("script", script + "\n")
        return try world.sh(
            "cd \(folder) && \"$SANDBOX\" run --bind \(world.folder)/script:/script:ro \(options) \(world.root) sh /script"
        )
    }

    /// The folder above what is covered goes where another bind shows it without its cover.
    @Test(arguments: [
        "--here --mask TOP/a/deep/secret", "--here --mask TOP/a/deep", "--bind TOP:TOP --mask TOP/a/deep/secret",
        "--here --mask TOP/link/secret", "--here --mask TOP/link", "--here --bind ../other:TOP/a/deep",
        "--here --bind ../other/other:TOP/a/deep/secret:ro", "--here --bind ../other:TOP/a/deep:ro",
        "--here --tmpfs TOP/a/deep", "--here --bind TOP/a:TOP/a --mask TOP/a/deep/secret",
    ])
    func whatIsCoveredIsNotMovedAway(_ options: String) throws {
        try world.sh("ln -s a/deep project/link")
        let top = world.folder + "/project"
        let options = options.replacingOccurrences(of: "TOP", with: top) + " --bind \(top)/b:/b"
        let script = """
            cd \(top); mv b/ordinary b/moved; mv a b/a; mv a/deep b/deep; mv a/deep/secret b/secret; mv link b/
            ln a/deep/secret b/hard; mv \(top) \(top)2
            cat /b/a/deep/secret /b/deep/secret /b/secret /b/hard /b/link/secret
            for f in /b/a/deep/secret /b/deep/secret /b/secret; do [ -e $f ] && echo CHANGED >$f; done
            """
        let outcome = try inside(options, script)
        #expect(!outcome.output.contains("SECRET"), "\(outcome)")
        let files = try world.sh("cat project/a/deep/secret; ls project project/b").output
        #expect(files.hasPrefix("SECRET\n") && files.contains("moved"), "\(files)\(outcome)")
    }

    /// A decoy in the place of the folder above would make the next run hide that instead.
    @Test func noDecoyTakesThePlaceOfWhatIsHidden() throws {
        let options = "--here --mask \(world.folder)/project/a/deep/secret"
        let moves = "mv a c; mv a/deep c; mkdir -p a/deep; echo decoy >a/deep/secret; cat c/secret c/deep/secret"
        for _ in 0..<2 { #expect(try !inside(options, moves).output.contains("SECRET")) }
        #expect(try world.sh("cat project/a/deep/secret").output == "SECRET\n")
    }

    /// What a read-only bind keeps is the same file, shown read-only where it is.
    @Test func aReadOnlyPartIsNotMovedToWhereItCanBeWritten() throws {
        let top = world.folder + "/project"
        let script = "mv a b/a; mv a/deep b/deep; echo CHANGED >/b/a/deep/secret; echo CHANGED >/b/deep/secret; ls b"
        let outcome = try inside(
            "--here --bind \(top)/a/deep/secret:\(top)/a/deep/secret:ro --bind \(top)/b:/b", script)
        #expect(try world.sh("cat project/a/deep/secret").output == "SECRET\n", "\(outcome)")
        // What was copied is nobody's secret.
        try world.sh("rm -rf project/b/deep")
        // Without it, the folder moves.
        #expect(try inside("--here --bind \(top)/b:/b", script).output == "a\nordinary\n")
        #expect(try world.sh("cat project/b/a/deep/secret").output == "CHANGED\n")
    }

    static let ownWays: [(environment: [String: String], folder: String, options: String)] = [
        ([:], "project", "--bind HOME/.cache:/c"), ([:], "project", "--bind HOME/.cache:/c:ro"),
        ([:], "project", "--bind HOME:/c"), ([:], "project", "--bind HOME/.config:/c --bind HOME/.local:/d"),
        ([:], "home/.cache", "--here"), ([:], "project", "--bind alias:/c"),
        (["XDG_CACHE_HOME": "TOP/.cache"], "project", "--here"),
        (["XDG_CACHE_HOME": "TOP/.cache"], "project", "--profile ci"),
        (["XDG_DATA_HOME": "TOP/x/y", "XDG_CONFIG_HOME": "TOP/x/z"], "project", "--here --bind TOP/b:/b"),
        (["XDG_CACHE_HOME": "TOP/link/c"], "project", "--here --bind TOP/b:/b"),
    ]

    /// None of these folders is read or written inside, nor made where it was not yet, nor exchanged with one above it.
    @Test(arguments: ownWays.indices)
    func thisProgramsOwnFoldersAreNotSeen(_ index: Int) throws {
        let way = Self.ownWays[index]
        let top = world.folder + "/project"
        func filled(_ text: String) -> String {
            text.replacingOccurrences(of: "TOP", with: top).replacingOccurrences(of: "HOME", with: world.home)
        }
        try world.sh(
            "mkdir -p home/.cache home/.config home/.local project/x; ln -s x project/link; ln -s \(world.home)/.cache project/alias"
        )
        try world.write(
            "script",
            """
            for d in /c /d "$1"; do
              [ -d $d ] || continue
              find $d -path '*/sandbox/*'
              for s in $(find $d -name sandbox -type d); do
                touch $s/made; mkdir -p $s/profiles; chmod 777 $s
                mv $s $s.old; mv ${s%/*} ${s%/*}.old; rm -rf $s; mkdir -p $s/profiles && touch $s/profiles/made
              done
              [ -d $d/link/c ] && rm -f $d/link && mkdir -p $d/link/c/sandbox && touch $d/link/c/sandbox/made
            done
            """)
        let environment = way.environment.mapValues(filled)
        let words = "run \(filled(way.options)) --bind \(world.folder)/script:/script:ro \(world.root) sh /script"
        let command = "cd \(way.folder) && exec \"$SANDBOX\" \(words) $PWD"
        let outcome = try world.sh(command, environment: environment)
        #expect(outcome.status != 125 && outcome.output.isEmpty, "\(outcome)")
        let left = try world.sh(
            "find . -name made; find . -name '*.old'; find . -name sandbox -type d ! -perm 700; readlink project/link")
        #expect(left.output == "x\n", "\(left.output)\(outcome.errors)")
        let explained = try world.sh(
            "cd \(way.folder) && exec \"$SANDBOX\" run --explain \(filled(way.options)) \(world.root) true",
            environment: environment)
        #expect(explained.output.contains("a folder of this program's own"), "\(explained)")
    }

    /// What was written there would count in the next run, wherever that is started.
    @Test func theNextRunDoesNothingThatThisOneWrote() throws {
        let script = """
            cd /c/sandbox/profiles && for f in *; do printf 'profile default\\0bind\\0\(world.folder)/other:/stolen\\0' >>$f; done
            """
        try world.sh("mkdir -p home/.cache")
        #expect(try world.run("true").status == 0)
        _ = try inside("--bind \(world.home)/.cache:/c", script)
        #expect(try world.run("ls /stolen").output.isEmpty)
    }

    @Test func aFolderOfItsOwnThatIsRemovedOutsideIsNotMadeInside() throws {
        try world.sh("mkdir -p home/.cache")
        let running = try world.start(
            World.binary,
            [
                "run", "--bind", world.home + "/.cache:/c", "./root", "sh", "-c",
                """
                echo on; until [ -e /c/go ] && grep -q ' /c/sandbox ' /proc/self/mountinfo; do sleep 0.1; done
                ls -A /c/sandbox; mkdir -p /c/sandbox/profiles; touch /c/sandbox/made; mv /c/sandbox /c/x
                """,
            ])
        try running.waitForOutput("on")
        try world.sh("rm -r home/.cache/sandbox")
        try world.sh("touch home/.cache/go")
        #expect(try running.finish().output == "on\n")
        #expect(try world.sh("ls -A home/.cache").output == "go\n")
    }

    @Test(
        arguments: ["", ":ro"],
        [".cache/sandbox", ".cache/sandbox/profiles", ".local/share/sandbox", ".config/sandbox"])
    func whatLiesInThemIsRefused(_ mode: String, _ folder: String) throws {
        try world.sh("mkdir -p home/\(folder); ln -s home/\(folder) alias")
        for source in [world.home + "/" + folder, world.folder + "/alias"] {
            let outcome = try world.run(["--bind", source + ":/c" + mode], "true")
            #expect(outcome.status == 125 && outcome.errors.contains("this program believes what is in"), "\(outcome)")
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
        let here = try inside("--here", "true", in: "home/" + folder)
        #expect(here.status == 125 && here.errors.contains("this program believes what is in"), "\(here)")
        let shell = try world.sh("cd home/\(folder) && exec \"$SANDBOX\" shell true")
        #expect(shell.status == 125, "\(shell)")
    }

    /// Another mount namespace may remove or rename a mount point, and what covers it is gone everywhere.
    @Test(
        arguments: [
            "--here --mask TOP/a/deep/secret", "--mask /etc/passwd", "--here --bind ../other:TOP/a/deep:ro",
            "--here --tmpfs TOP/a/deep", "--here --bind ../other:TOP/a/deep", "--here --mask TOP/link/secret",
            "--profile ci", "--here --protect a", "--read-only --here --mask TOP/a/deep/secret", "--bind HOME:/h",
        ], ["--nested", "--allow namespaces --allow mount"])
    func withMountsOfItsOwnNothingIsPromisedThatDoesNotHold(_ options: String, _ nested: String) throws {
        try world.sh("ln -s a/deep project/link; mkdir -p home/.cache")
        let top = world.folder + "/project"
        let filled = options.replacingOccurrences(of: "TOP", with: top).replacingOccurrences(
            of: "HOME", with: world.home)
        let outcome = try inside(nested + " " + filled, "echo ran")
        #expect(outcome.status == 125 && outcome.output.isEmpty, "\(outcome)")
        #expect(
            outcome.errors.split(separator: "\n").count == 1 && outcome.errors.contains(nested.suffix(7)), "\(outcome)")
    }

    @Test(arguments: [
        "--here", "--read-only --mask /etc/passwd", "--bind TOP:TOP:ro --mask TOP/a/deep/secret",
        "--profile ci --protect none",
        "--bind HOME:/h:ro", "--bind ../other:/mnt:ro",
    ])
    func whatHoldsIsNotRefused(_ options: String) throws {
        let filled = options.replacingOccurrences(of: "TOP", with: world.folder + "/project")
            .replacingOccurrences(of: "HOME", with: world.home)
        let outcome = try inside("--nested " + filled, "echo ran")
        #expect(outcome.output == "ran\n", "\(outcome)")
    }
}
