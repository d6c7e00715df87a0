// What steers a run without being said on the command line: profiles of projects, caches and the store.

import Foundation
import TestWorld
import Testing

struct TrustTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    /// Ways in which another user could have written `$F`, all of which leave it readable.
    static let strangers = [
        "chmod 666 $F", "chmod 664 $F; unshare --map-auto --map-root-user chgrp 1000 $F",
        "chmod 644 $F; unshare --map-auto --map-root-user chown 1000:1000 $F", "mv $F aside; ln -s $PWD/aside $F",
    ]

    @Test(arguments: [
        "bind = [\"/etc:/host\"]", "network = \"host\"", "seccomp = \"none\"", "cap-add = [\"ALL\"]", "here = true",
        "upper = \"./up\"", "layer = [\"./root\"]", "env = [\"HOME\"]", "env-file = [\"/etc/environment\"]",
        "extends = \"shell\"", "[setup]\nalpine = \"true\"", "id-map = \"single\"", "id-map = \"auto\"",
        "user = \"1000\"", "entrypoint = [\"echo\"]", "command = [\"echo\"]", "workdir = \"/tmp\"", "pull = \"always\"",
        "platform = \"linux/arm64\"", "report-denied = true", "extends = \"strict\"\nread-only = false",
    ])
    func aProjectsProfileOpensNothingUntrusted(_ text: String) throws {
        try world.write(".sandbox/profiles/default.toml", text + "\n")
        try world.write(".sandbox/profiles/mine.toml", text + "\n")
        for options in [[], ["--profile", "mine"], ["--profile", "./.sandbox/profiles/mine.toml"]] {
            let outcome = try world.run(options, "true")
            #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
            #expect(outcome.errors.contains("sandbox profile trust"), "\(outcome.errors)")
        }
        #expect(try world.sandbox(["profile", "trust", "mine"]).status == 0)
        let trusted = try world.run(["--profile", "mine"], "true")
        #expect(!trusted.errors.contains("trust"), "\(trusted.errors)")
        try world.write(".sandbox/profiles/mine.toml", text + "\n#\n")
        #expect(try world.run(["--profile", "mine"], "true").errors.contains("has changed"))
    }

    /// Limits of the user's own that a project's profile would make wider.
    @Test(arguments: [
        ("timeout = \"1h\"", "timeout = \"30d\""), ("syscalls = [\"read\"]", "syscalls = [\"read\", \"write\"]"),
    ])
    func aProjectsProfileLoosensNoLimitUntrusted(_ own: String, _ theirs: String) throws {
        try world.write("home/.config/sandbox/profiles/limited.toml", own + "\n")
        try world.write(".sandbox/profiles/mine.toml", "extends = \"limited\"\n" + theirs + "\n")
        let outcome = try world.sandbox(["run", "--profile", "mine", "--explain", "./root", "true"])
        #expect(outcome.status == 125 && outcome.errors.contains("sandbox profile trust"), "\(outcome)")
        try world.write(".sandbox/profiles/mine.toml", "extends = \"limited\"\n")
        #expect(try world.sandbox(["run", "--profile", "mine", "--explain", "./root", "true"]).status == 0)
    }

    @Test func aProfileInAFolderOfAnotherUserIsNotFound() throws {
        try world.write("project/.sandbox/profiles/default.toml", "network = \"host\"\nhostname = \"theirs\"\n")
        let run = "cd project; \"$SANDBOX\" run ../root hostname"
        #expect(try world.sh(run).errors.contains("sandbox profile trust"))
        try world.sh("chmod -R a+rX project; unshare --map-auto --map-root-user chown -R 1000:1000 project")
        #expect(try world.sh(run).output == "sandbox\n")
    }

    /// Leaves a cached filter as it is but for the program itself, which becomes one that allows everything: RET ALLOW.
    private static let forging = """
        import sys
        bytes = open(sys.argv[1], "rb").read()
        words = bytes.split(b"\\0")
        head = words[:3 + 2 * int(words[1])]
        size = len(b"\\0".join(head)) + 1 + int(head[-1])
        open(sys.argv[1], "wb").write(bytes[:size] + b"\\6\\0\\0\\0\\0\\0\\xff\\x7f")
        """

    @Test(arguments: strangers)
    func aFilterThatAnotherUserCouldWriteIsNotBelieved(_ stranger: String) throws {
        func plant(_ change: String) throws {
            let outcome = try world.sh(
                """
                for F in home/.cache/sandbox/filters/*; do python3 -c '\(Self.forging)' $F; \(change); done
                """)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try world.run("unshare -U true").status != 0)
        try plant(stranger)
        #expect(try world.run("unshare -U true").status != 0)
        try plant("chmod 600 $F")
        #expect(try world.run("unshare -U true").status == 0)
    }

    @Test(arguments: strangers)
    func optionsThatAnotherUserCouldWriteAreNotBelieved(_ stranger: String) throws {
        func plant(_ change: String) throws {
            let outcome = try world.sh(
                """
                for F in home/.cache/sandbox/profiles/*; do
                  printf 'profile default\\0hostname\\0theirs\\0' >>$F; \(change); done
                """)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try world.run("hostname").output == "sandbox\n")
        try plant(stranger)
        #expect(try world.run("hostname").output == "sandbox\n")
        try plant("chmod 600 $F")
        #expect(try world.run("hostname").output == "theirs\n")
    }

    @Test(arguments: strangers)
    func anImageThatAnotherUserCouldWriteIsNotBelieved(_ stranger: String) throws {
        try world.sh("tar -C root --owner=0 --group=0 -cf root.tar .")
        #expect(try world.sandbox(["import", "root.tar", "mine:1"]).status == 0)
        let run = ["run", "--pull", "never", "mine:1", "sh", "-c", "echo given $PLANTED"]
        func plant(_ change: String) throws {
            let outcome = try world.sh(
                "for F in home/.local/share/sandbox/images/*; do printf 'image mine\\0env\\0PLANTED=this\\0' >>$F; \(change); done"
            )
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try world.sandbox(run).output == "given\n")
        try plant("chmod 600 $F")
        #expect(try world.sandbox(run).output == "given this\n")
        try plant(stranger)
        let outcome = try world.sandbox(run)
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
    }

    /// Folders of this program's that belong to another user, or that others may write.
    @Test(
        arguments: ["XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"],
        [
            "chmod 755 theirs/sandbox; unshare --map-auto --map-root-user chown -R 1000:1000 theirs/sandbox",
            "chmod 777 theirs/sandbox",
            "chmod 770 theirs/sandbox; unshare --map-auto --map-root-user chgrp 1000 theirs/sandbox",
        ])
    func foldersOfAnotherUserAreNotBelieved(_ variable: String, _ stranger: String) throws {
        try world.write("victim/file", "keep\n")
        try world.write(".sandbox/profiles/mine.toml", "network = \"host\"\n")
        let environment = [variable: world.folder + "/theirs"]
        let commands = [
            ["run", "--upper", "disk", "./root", "true"], ["run", "--profile", "mine", "./root", "true"],
            ["profile", "list"],
        ]
        // All that is believed is there: as the user's own it is used.
        for command in [["profile", "trust", "mine"]] + commands {
            let outcome = try world.sandbox(command, environment: environment)
            #expect(outcome.status == 0 || variable != "XDG_CONFIG_HOME", "\(command) \(outcome)")
        }
        try world.sh("mkdir -p theirs/sandbox; cd theirs/sandbox; rm -rf ephemeral; ln -s ../../victim ephemeral")
        let changed = try world.sh(stranger)
        #expect(changed.status == 0, "\(changed.errors)")
        for command in commands {
            let outcome = try world.sandbox(command, environment: environment)
            #expect(
                outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(command) \(outcome)")
            #expect(outcome.errors.contains("is believed"), "\(outcome.errors)")
        }
        // What is in `ephemeral` is thrown away at each start.
        #expect(try world.sh("cat victim/file").output == "keep\n")
    }
}
