// A first hour with docker's words, and what people meet in it.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct DockerWordTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test func optionsThatAskForNothingAreTaken() throws {
        try world.sh("mkdir a:b; echo in >a:b/file; printf 'export A=1\\n  B=\"2\"\\n' >variables")
        let outcome = try world.sandbox([
            "run", "-it", "--rm", "--init", "--volume", "./a\\:b:/one:ro,z", "--mount", "type=bind,src=./a:b,dst=/two",
            "--env-file", "variables", "./root", "sh", "-c", "cat /one/file /two/file; echo $A $B; echo x >/one/x",
        ])
        #expect(outcome.output == "in\nin\n1 \"2\"\n", "\(outcome)")
        #expect(outcome.errors.contains("Read-only"))
        // The folder that one stands in may have a colon, too.
        #expect(
            try world.sh(
                "cd a:b; \"$SANDBOX\" run -v ./file:/f ../root cat /f; echo C=3 | \"$SANDBOX\" run --env-file - ../root env"
            )
            .output.contains("in\n"))
        #expect(try world.sh("echo C=3 | \"$SANDBOX\" run --env-file - ./root sh -c 'echo $C; cat'").output == "3\n")
    }

    @Test func languageTerminalAndTimeZoneAreHandedOnAndNothingElse() throws {
        let variables = [
            "LANG": "de_DE.UTF-8", "LC_TIME": "C", "TERM": "vt100", "TZ": "UTC", "LANGUAGE": "x", "FOO": "y",
        ]
        let lines = try world.start(World.binary, ["run", "./root", "env"], environment: variables).finish().lines
        let names = lines.compactMap { $0.split(separator: "=").first }.sorted()
        #expect(names == ["HOME", "LANG", "LC_TIME", "PATH", "TERM", "TZ", "container"])
        #expect(lines.contains("LANG=de_DE.UTF-8") && lines.contains("TERM=vt100"))
        let own = try world.start(World.binary, ["run", "-e", "LANG=C", "./root", "env"], environment: variables)
            .finish()
        #expect(own.lines.contains("LANG=C") && !own.output.contains("de_DE"))
    }

    @Test func aKeptSandboxRunsItsCommandAgainAsItWas() throws {
        #expect(try world.sandbox(["run", "--name", "k", "--entrypoint", "echo", "./root", "a"]).output == "a\n")
        #expect(try world.sandbox(["start", "k"]).output == "a\n")
        #expect(try world.sandbox(["start", "k", "b"]).output == "b\n")
        #expect(try world.sandbox(["start", "--entrypoint", "id", "k"]).output.hasPrefix("uid=0"))
        let list = try world.sandbox(["list"]).lines
        #expect(list.count == 2 && list[1].contains("./root") && list[1].contains("echo a"), "\(list)")
        #expect(try world.sandbox(["list", "-aq"]).output == "k\n")
        #expect(try world.sandbox(["rm", "-f", "k", "nosuch"]).status == 0)
        #expect(try world.sandbox(["rm", "nosuch"]).status == 125)
        #expect(try world.sandbox(["list", "-q"]).output.isEmpty)
    }

    @Test func aShellOnARootFileSystemAndOneThatIsComeBackTo() throws {
        #expect(
            try world.sandbox(["shell", "./root", "sh", "-c", "pwd; ls -d /bin/busybox"]).lines.last == "/bin/busybox")
        #expect(try world.sandbox(["shell", "--", "pwd"]).output == world.folder + "\n")
        let inShell = "echo echo in $(pwd) | \"$SANDBOX\""
        #expect(try world.sh(inShell + " shell ./root").output == "in \(world.folder)\n")
        #expect(try world.sandbox(["shell", "--name", "s", "./root", "sh", "-c", "echo kept >/mine"]).status == 0)
        #expect(try world.sandbox(["shell", "--name", "s", "cat", "/mine"]).output == "kept\n")
        #expect(try world.sandbox(["start", "s", "cat", "/mine"]).output == "kept\n")
        #expect(try world.sh(inShell + " shell --name s").output == "in \(world.folder)\n")
        let elsewhere = try world.sh("mkdir e; cd e; \"$SANDBOX\" shell --name s true")
        #expect(elsewhere.status == 125 && elsewhere.errors.contains("sandbox start s"), "\(elsewhere)")
        #expect(try world.sandbox(["shell", "--name", "h", "true"]).status == 0)
        #expect(try world.sandbox(["start", "h", "pwd"]).output == world.folder + "\n")
    }

    @Test func allProfilesThatAreNamedCount() throws {
        try world.write("one.toml", "hostname = \"one\"\nenv = [\"A=1\"]\n")
        try world.write("two.toml", "hostname = \"two\"\n")
        let words = ["run", "-p", "./one.toml", "-p", "./two.toml", "./root", "sh", "-c", "echo $A $(hostname)"]
        #expect(try world.sandbox(words).output == "1 two\n")
    }

    @Test func aReportInJSONIsOneLineAddedToAFile() throws {
        let words = [
            "run", "--report-denied=json:report", "--read-only", "./root", "sh", "-c", "echo >/x",
        ]
        let before = try world.sandbox(["run", "--report-denied=json", "--read-only", "./root", "sh", "-c", "echo >/x"])
        #expect(before.errors.split(separator: "\n").count { $0.hasPrefix("{") } == 1, "\(before.errors)")
        for _ in 0..<2 { #expect(try !world.sandbox(words).errors.contains("{")) }
        let lines = try #require(Files.text(world.folder + "/report")).split(separator: "\n")
        #expect(lines.count == 2)
        for line in lines {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
    }
}

// Machines and folders that are not as they mostly are.
struct OddPlaceTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test(arguments: [
        ("ulimit -n 16; \"$SANDBOX\" run -p ci host true", "ulimit -n"),
        ("ulimit -n 8; \"$SANDBOX\" run ./root true", "ulimit -n"),
        ("{ (ulimit -f 0; \"$SANDBOX\" run -p ci host true); echo \"($?)\"; } 2>&1 | cat >&2; exit 125", "ulimit -f"),
        ("mkdir -m 555 ro; cd ro; \"$SANDBOX\" run -p ci host true", "--protect none"),
        ("mkdir -m 555 h; HOME=$PWD/h \"$SANDBOX\" run ./root true", "XDG_CACHE_HOME"),
        ("unshare -U \"$SANDBOX\" run ./root true", "no id in the user namespace"),
        ("unshare -U \"$SANDBOX\" run --id-map range ./root true", "has no id here"),
        ("\"$SANDBOX\" run -v ./root:/$(printf '%5000s' | tr ' ' x) ./root true", "too long"),
    ])
    func whatIsInTheWayIsNamed(_ script: String, _ says: String) throws {
        var outcome = try world.sh(script)
        // One whose messages can't go to a file tells its status behind them.
        outcome = Outcome(
            status: outcome.status, output: outcome.output, errors: outcome.errors.replacing("(125)\n", with: ""))
        #expect(outcome.status == 125 && outcome.errors.contains(says), "\(outcome)")
        #expect(!outcome.errors.contains("security module") && !outcome.errors.contains("subuid"), "\(outcome.errors)")
        #expect(outcome.errors.hasPrefix("sandbox: ") && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
    }

    @Test func whereTheUserCanNotWriteNothingNeedsProtecting() throws {
        let outcome = try world.sh("cd /usr/share; \"$SANDBOX\" run -p ci host sh -c 'pwd; touch .envrc'")
        #expect(outcome.output == "/usr/share\n" && outcome.errors.contains("touch"), "\(outcome)")
    }

    @Test func gitIsToldOfWhatItDoesNotSee() throws {
        let outcome = try world.sh(
            """
            mkdir hooks p p/sub; cd p; git init -q .; git config core.hooksPath "$PWD/../hooks"
            "$SANDBOX" shell true; cd sub; "$SANDBOX" shell true; "$SANDBOX" shell --quiet true
            """)
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.count == 2, "\(outcome.errors)")
        #expect(lines.first?.contains("/hooks\" (core.hooksPath)") == true)
        #expect(lines.last?.contains("git's repository is in \"\(world.folder)/p\"") == true)
    }

    @Test func anImageThatIsHereAndOneThatIsNot() throws {
        try world.sh("tar -C root -cf root.tar .; \"$SANDBOX\" import root.tar 127.0.0.1:1/app:1")
        let here = try world.sandbox(["run", "--pull", "always", "127.0.0.1:1/app:1", "true"])
        #expect(here.errors.contains("is here") && !here.errors.contains("did you mean"), "\(here.errors)")
        let missing = try world.sandbox(["run", "127.0.0.1:1/other:1", "true"])
        #expect(missing.errors.contains("is not here, and 127.0.0.1:1 can't be reached"), "\(missing.errors)")
    }

    @Test func progressFitsANarrowTerminal() throws {
        try world.write(
            "narrow.py",
            """
            import fcntl, os, pty, re, struct, sys, termios
            child, terminal = pty.fork()
            if child == 0:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 20, 40, 0, 0))
                os.execv(sys.argv[1], sys.argv[1:])
            seen = b''
            try:
                while more := os.read(terminal, 65536): seen += more
            except OSError: pass
            text = re.sub(r'\\x1b\\[[0-9]*[A-Z]', '', seen.decode())
            lines = [line.strip('\\r') for line in text.split('\\n')]
            print(len([line for line in lines if line]) > 0, max(map(len, lines)) < 40, os.waitpid(child, 0)[1])
            """)
        try world.sh("tar -C root -cf a-root-file-system-whose-name-is-far-too-long-for-that.tar .")
        let importing = try world.sh("python3 narrow.py \"$SANDBOX\" import a-root*.tar app:1")
        #expect(importing.output == "True True 0\n", "\(importing)")
        let loading = try world.sh(
            "\"$SANDBOX\" save -o app.oci app:1; \"$SANDBOX\" rmi app:1; python3 narrow.py \"$SANDBOX\" load -i app.oci"
        )
        #expect(loading.output == "True True 0\n", "\(loading)")
    }

    @Test func whatAnInterruptedPullLeftIsCountedAndGoes() throws {
        let blobs = world.home + "/.local/share/sandbox/blobs"
        try world.sh("mkdir -p -m 700 \(blobs); head -c 5000000 /dev/zero >\(blobs)/.tmp-left")
        let row = try #require(try world.sandbox(["df"]).lines.first { $0.hasPrefix("unfinished") })
        #expect(row.split(separator: " ").map(String.init) == ["unfinished", "1", "5", "MiB", "5", "MiB"])
        #expect(try world.sandbox(["prune", "-f"]).status == 0)
        #expect(try world.sandbox(["df"]).output.contains("unfinished     0"))
    }
}
