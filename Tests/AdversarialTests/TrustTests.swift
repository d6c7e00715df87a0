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
        "platform = \"linux/arm64\"", "report-denied = true", "tmpfs = [\"/notes\"]",
        "extends = \"strict\"\nread-only = false",
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

    // What a trusted profile names.

    /// What a later commit, or a command of an earlier run, can do to a project whose profile is trusted: the profile's
    /// line, what changes, and what the error names.
    static let changes = [
        ("bind = [\"../../data:/data\"]", "rm -r data; ln -s ../secret data", "led out of the project"),
        ("bind = [\"../../data:/data\"]", "mv data old; mkdir -p a/b; ln -s a/b data", "/a/b"),
        ("bind = [\"../../data/file:/file\"]", "ln -sf ../../secret/file data/file", "led out of the project"),
        ("bind = [\"../../data/file:/file\"]", "mv data real; ln -s real data", "bind "),
        ("layer = [\"../../data\"]", "rm -r data; ln -s ../secret data", "led out of the project"),
        ("layer = [\"../../x.tar\"]", "tar -cf x.tar data x.json", "the content of layer"),
        ("upper = \"../../up\"", "rm -rf up; ln -s ../secret up", "led out of the project"),
        ("upper = \"../../up\"", "rm -rf up; ln -s data up", "upper "),
        (
            "seccomp = \"../../x.json\"", "echo '{\"defaultAction\":\"SCMP_ACT_ALLOW\"}' >x.json",
            "the content of seccomp"
        ),
        ("env-file = [\"../../x.env\"]", "echo LD_PRELOAD=/evil >>x.env", "the content of env-file"),
        ("env-file = [\"../../x.env\"]", "ln -sf ../secret/file x.env", "led out of the project"),
        (
            "extends = \"./base.toml\"\nhere = true", "echo 'hostname = \"x\"' >>.sandbox/profiles/base.toml",
            "base.toml"
        ),
        (
            "extends = \"./base.toml\"\nhere = true",
            "echo 'hostname = \"x\"' >b; ln -sf ../../b .sandbox/profiles/base.toml",
            "/b"
        ),
    ]

    private func makeProject(_ line: String) throws {
        try world.write("secret/file", "secret\n")
        try world.write("project/data/file", "data\n")
        try world.write("project/x.env", "A=1\n")
        try world.write("project/.sandbox/profiles/base.toml", "hostname = \"base\"\n")
        try world.write("project/.sandbox/profiles/mine.toml", line + "\n")
        // The filter that came with the program, as a file of the project's.
        try world.sh(
            "cp ${SANDBOX%/bin/*}/share/sandbox/profiles/seccomp/default.json project/x.json; cd project; tar -cf x.tar data"
        )
    }

    @Test(arguments: changes)
    func trustCoversWhatAProfileNames(_ line: String, _ change: String, _ named: String) throws {
        try makeProject(line)
        let run = "cd project; $SANDBOX run --profile mine ../root sh -c 'cat /data/file /file 2>/dev/null; echo ran'"
        #expect(try world.sh("cd project; $SANDBOX profile trust mine").status == 0)
        let trusted = try world.sh(run)
        #expect(trusted.status == 0 && trusted.output.hasSuffix("ran\n"), "\(trusted)")
        #expect(try world.sh(run).output == trusted.output)
        let changed = try world.sh("cd project; " + change)
        #expect(changed.status == 0, "\(changed.errors)")
        let outcome = try world.sh(run)
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains(named), "\(outcome.errors)")
    }

    /// The daily work of a trusted project: what is in a folder that it shows changes.
    @Test func whatIsShownMayChange() throws {
        try makeProject("bind = [\"../../data:/data\"]\nlayer = [\"../../data\"]")
        let run = "cd project; $SANDBOX run --profile mine ../root cat /data/file"
        #expect(try world.sh("cd project; $SANDBOX profile trust mine").status == 0)
        #expect(try world.sh(run).output == "data\n")
        try world.sh("cd project; echo new >data/file; touch data/other; mkdir more")
        #expect(try world.sh(run).output == "new\n")
    }

    /// Changes the filter `x.json` by memory that was mapped before: its times stay as they were.
    private static let quietly = """
        import mmap, sys
        text = (b'{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_AARCH64"],'
                b'"syscalls":[{"names":["reboot"],"action":"SCMP_ACT_ERRNO"}]}')
        with open("x.json", "r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
            memory[:] = memory[:]
            print("mapped", flush=True)
            sys.stdin.readline()
            memory[:] = text.ljust(len(memory))
            print("changed", flush=True)
            sys.stdin.readline()
        """

    /// Whatever the times of a file say: the filter that is used is the one that was looked at.
    @Test func theTrustedFilterIsTheOneThatIsUsed() throws {
        try makeProject("seccomp = \"../../x.json\"")
        try world.write("project/quietly.py", Self.quietly)
        let outcome = try world.sh(
            """
            cd project; run() { $SANDBOX run "$@" ../root sh -c 'unshare -U true 2>/dev/null && echo opened || echo held'; }
            coproc python3 quietly.py; read -r _ <&${COPROC[0]}
            $SANDBOX profile trust mine; run --profile mine
            echo >&${COPROC[1]}; read -r _ <&${COPROC[0]}
            run --profile mine 2>/dev/null; run --seccomp ./x.json
            echo >&${COPROC[1]}; wait
            """)
        // The file is open by then, as the last of them shows.
        #expect(outcome.output == "held\nheld\nopened\n" || outcome.output == "held\nopened\n", "\(outcome)")
    }

    /// Ways to a project's profile that go round the search for its name.
    @Test(arguments: [
        "$SANDBOX run --profile ./project/.sandbox/profiles/mine.toml ./root true",
        "cd project/sub; $SANDBOX run --profile ../.sandbox/profiles/mine.toml ../../root true",
        "cd project/sub/.sandbox; $SANDBOX run --profile ../../.sandbox/profiles/mine.toml ../../../root true",
        "cd project/.sandbox/profiles; $SANDBOX run --profile mine.toml ../../../root true",
        "ln -s project/.sandbox link; $SANDBOX run --profile ./link/profiles/mine.toml ./root true",
        "ln -s project/.sandbox/profiles/mine.toml link.toml; $SANDBOX run --profile ./link.toml ./root true",
        "mv project/.sandbox dot; ln -s ../dot project/.sandbox; "
            + "$SANDBOX run --profile ./project/.sandbox/profiles/mine.toml ./root true",
        "mkdir -p home/.config/sandbox/profiles; ln -s $PWD/project/.sandbox/profiles/mine.toml "
            + "home/.config/sandbox/profiles/own.toml; $SANDBOX run --profile own ./root true",
        "mkdir -p home/.config/sandbox; ln -s $PWD/project/.sandbox/profiles home/.config/sandbox/profiles; "
            + "$SANDBOX run --profile mine ./root true",
        "echo 'extends = \"./project/.sandbox/profiles/mine.toml\"' >own.toml; $SANDBOX run --profile ./own.toml ./root true",
    ])
    func aProjectsProfileIsItsFromWhereverItIsNamed(_ way: String) throws {
        try world.write("project/.sandbox/profiles/mine.toml", "network = \"host\"\n")
        try world.write("project/sub/.sandbox/profiles/other.toml", "hostname = \"x\"\n")
        let outcome = try world.sh(way)
        #expect(outcome.status == 125 && outcome.output.isEmpty && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("comes from the project"), "\(outcome.errors)")
        // Trusted once, it may be used from wherever it is named.
        #expect(try world.sh("cd project; $SANDBOX profile trust ./.sandbox/profiles/mine.toml").status == 0)
        let again = try world.sh(
            way.replacingOccurrences(of: "ln -s ", with: "ln -sfn ").replacingOccurrences(
                of: "mv project/.sandbox dot; ln -sfn ../dot project/.sandbox; ", with: ""))
        #expect(again.status == 0, "\(again)")
    }

    /// Records of trust as earlier versions wrote them, under both of the names that they gave.
    @Test(arguments: [String(repeating: "0", count: 32), "$(ls home/.config/sandbox/trust)"])
    func aRecordOfAnOlderVersionIsDropped(_ name: String) throws {
        try world.write(".sandbox/profiles/mine.toml", "network = \"host\"\n")
        #expect(try world.sandbox(["profile", "trust", "mine"]).status == 0)
        let planted = try world.sh(
            """
            cd home/.config/sandbox/trust; F=\(name.replacingOccurrences(of: "home/.config/sandbox/trust", with: "."))
            rm *; printf 'sandbox-trust-1\\0%s\\0network = "host"\\n' $OLDPWD/.sandbox/profiles/mine.toml >$F; chmod 600 $F
            """)
        #expect(planted.status == 0, "\(planted)")
        let outcome = try world.run(["--profile", "mine"], "true")
        #expect(outcome.status == 125 && outcome.errors.contains("was trusted by an older version"), "\(outcome)")
        #expect(try world.sandbox(["profile", "trust", "mine"]).status == 0)
        #expect(try world.run(["--profile", "mine"], "true").status == 0)
        #expect(try world.sh("ls home/.config/sandbox/trust | wc -l").output == "1\n")
    }
}

// What another project, or a run, has laid down.
extension TrustTests {
    /// The trust in one project's file is not another's.
    @Test(arguments: [
        "mkdir -p b/.sandbox/profiles; ln -s ../../../a/.sandbox/profiles/t.toml b/.sandbox/profiles",
        "mkdir -p b/.sandbox; ln -s ../../a/.sandbox/profiles b/.sandbox", "mkdir b; ln -s ../a/.sandbox b",
    ])
    func trustIsOfOneProject(_ link: String) throws {
        try world.write("a/.sandbox/profiles/t.toml", "bind = [\"../../data:/data\"]\n")
        try world.sh("mkdir a/data; touch a/data/theirs; \(link)")
        let run = "\"$SANDBOX\" run --profile t ../root ls /data"
        #expect(try world.sh("cd a; \"$SANDBOX\" profile trust t; \(run)").output.contains("theirs"))
        for words in [run, run.replacingOccurrences(of: "profile t", with: "profile .sandbox/profiles/t.toml")] {
            let outcome = try world.sh("cd b; \(words)")
            #expect(outcome.status == 125 && !outcome.output.contains("theirs"), "\(outcome)")
            #expect(outcome.errors.contains("the project that links to it, which is new"), "\(outcome.errors)")
        }
    }

    /// A folder that a run made hides no profile of the project's above it.
    @Test(arguments: ["mkdir sub/.sandbox", "mkdir -p sub/.sandbox/profiles; touch sub/.sandbox/profiles/other.toml"])
    func aFolderFurtherDownHidesNothing(_ change: String) throws {
        try world.write("project/sub/secret", "secret")
        try world.write(
            "project/.sandbox/profiles/ci.toml", "extends = \"ci\"\nmask = [\"\(world.folder)/project/sub/secret\"]\n")
        try world.sh("cd project; \"$SANDBOX\" profile trust ci; \(change)")
        let outcome = try world.sh(
            "cd project/sub; \"$SANDBOX\" run -q --profile ci ../../root cat \(world.folder)/project/sub/secret")
        #expect(outcome.status == 0 && outcome.output.isEmpty, "\(outcome)")
    }

    /// Also a file that was trusted with such a line in it.
    @Test func aTrustedProfilesFileHandsOnNothing() throws {
        try world.write("project/.sandbox/profiles/t.toml", "env-file = [\"../../ci.env\"]\n")
        try world.write("project/ci.env", "A=b\nTOKEN\n")
        let run = "cd project; export TOKEN=secret; \"$SANDBOX\" profile trust t >/dev/null 2>&1; \"$SANDBOX\" run"
        let outcome = try world.sh("\(run) --profile t ../root env")
        #expect(outcome.status == 125 && outcome.errors.contains("hands on a variable of yours"), "\(outcome)")
        #expect(try world.sh("\(run) --env-file ci.env ../root env").output.contains("TOKEN=secret"))
        try world.write("project/ci.env", "A=b\n")
        #expect(try world.sh("\(run) --profile t ../root env").output.contains("A=b"))
    }
}
