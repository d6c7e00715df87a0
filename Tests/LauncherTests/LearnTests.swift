// A profile is learned from a run: under it the same command passes, and others do not.

import Foundation
import TestWorld
import Testing

@Suite final class LearnTests {
    let world: World

    init() throws {
        world = try World()
        try world.write("hello.c", "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n")
    }

    /// What must not pass under a profile that was learned from a compiler.
    private static let others = [
        ["curl", "http://127.0.0.1:1"], ["unshare", "-U", "true"], ["strace", "true"],
        ["python3", "-c", "import socket; socket.socket(); print('made')"],
    ]

    @Test(arguments: ["range", "single"])
    func gccOnHost(_ mode: String) throws {
        let options = ["--here", "--id-map", mode]
        let learned = try world.sandbox(["profile", "learn", "-o", "cc"] + options + ["host", "gcc", "hello.c"])
        #expect(learned.status == 0 && learned.errors.isEmpty && learned.output.isEmpty, "\(learned.errors)")
        try world.sh("rm a.out")
        let under = ["run", "--report-denied", "--id-map", mode, "--profile", "cc", "host"]
        let again = try world.sandbox(under + ["gcc", "hello.c"])
        #expect(again.status == 0 && again.errors.isEmpty, "\(again.errors)")
        #expect(try world.sh("./a.out").output == "hello\n")
        for command in Self.others {
            let outcome = try world.sandbox(under + command)
            #expect(outcome.status != 0 && !outcome.output.contains("made"), "\(command)")
        }
        let text = try String(contentsOfFile: world.home + "/.config/sandbox/profiles/cc.toml", encoding: .utf8)
        #expect(text.contains("network = \"none\"") && text.contains("cap-drop = [\"ALL\"]"))
        #expect(text.contains("\(world.folder)/a.out"))
        #expect(!text.contains("\"unshare\"") && !text.contains("\"socket\"") && !text.contains("\"ptrace\""))
    }

    /// This machine's gcc as an Alpine package, linked with this machine's libraries.
    @Test(.enabled(if: World.shared != nil, "\(World.noShared)"))
    func gccOnAlpine() throws {
        let site = try ApkRepository.folder.get()
        #expect(try world.sandbox(["import", World.alpine ?? "", "alpine:3.20"]).errors.isEmpty)
        try world.sh("mkdir -p init/etc/apk/keys && cp \(site)/keys/test.rsa.pub init/etc/apk/keys/ && mkdir up")
        let added = try world.sandbox([
            "run", "--layer", "./init", "--upper", "./up", "--bind", "\(site)/repo:/repo:ro", "alpine:3.20",
            "apk", "add", "--repositories-file", "/dev/null", "--repository", "/repo", "gcc",
        ])
        try #require(added.status == 0, "\(added.output) \(added.errors)")
        let libraries = ["/usr/lib/gcc", "/usr/lib/x86_64-linux-gnu", "/usr/include"].flatMap {
            ["--bind", "\($0):\($0):ro"]
        }
        let on = ["--layer", "\(world.folder)/up", "alpine:3.20"]
        let learned = try world.sandbox(
            ["profile", "learn", "-o", "cc", "--here"] + libraries + on + ["gcc", "-c", "hello.c"])
        #expect(learned.status == 0 && learned.errors.isEmpty, "\(learned.errors)")
        let under = ["run", "--report-denied", "--profile", "cc"] + on
        let again = try world.sandbox(under + ["gcc", "-c", "hello.c"])
        #expect(again.status == 0 && again.errors.isEmpty, "\(again.errors)")
        #expect(try world.sh("gcc hello.o -o hello && ./hello").output == "hello\n")
        for command in [["wget", "http://127.0.0.1:1"], ["unshare", "-U", "true"], ["nc", "127.0.0.1", "1"]] {
            let outcome = try world.sandbox(under + command)
            #expect(outcome.status != 0 && outcome.errors.contains("sandbox: refused"), "\(command): \(outcome.errors)")
        }
    }

    @Test func whatWasRefusedWhileLearningStaysRefused() throws {
        let learned = try world.sandbox(["profile", "learn", "-o", "./u.toml", "host", "unshare", "-U", "true"])
        #expect(learned.status == 1 && learned.errors.contains("the command ended with 1"))
        let text = try String(contentsOfFile: world.folder + "/u.toml", encoding: .utf8)
        #expect(text.contains("#   unshare(CLONE_NEWUSER), once"))
        #expect(!text.contains("\"unshare\""))
    }

    @Test func aConnectionOutsideOpensTheNetwork() throws {
        let script = """
            import socket
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(server.getsockname())
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            if __import__("sys").argv[1:]: udp.connect(("192.0.2.1", 53))
            """
        for (words, network) in [([String](), "none"), (["out"], "host")] {
            let learned = try world.sandbox(
                ["profile", "learn", "--force", "-o", "net", "--network", "host", "host", "python3", "-c", script]
                    + words)
            #expect(learned.errors.isEmpty, "\(learned.errors)")
            let text = try String(contentsOfFile: world.home + "/.config/sandbox/profiles/net.toml", encoding: .utf8)
            #expect(text.contains("network = \"\(network)\""))
            #expect(text.contains("192.0.2.1:53") == (network == "host"))
        }
    }

    @Test func capabilitiesThatWereUsedAreKept() throws {
        try world.makeRoot()
        let script = "mkdir d && chown 5:5 d && chroot . true && echo ok"
        let learned = try world.sandbox([
            "profile", "learn", "-o", "own", "--id-map", "range", "./root", "sh", "-c", script,
        ])
        #expect(learned.errors.isEmpty && learned.output == "ok\n", "\(learned.errors)")
        let text = try String(contentsOfFile: world.home + "/.config/sandbox/profiles/own.toml", encoding: .utf8)
        #expect(
            text.contains("\"CAP_CHOWN\"") && text.contains("\"CAP_SYS_CHROOT\"") && !text.contains("\"CAP_SETUID\""))
        let again = try world.sandbox([
            "run", "--report-denied", "--profile", "own", "--id-map", "range", "./root", "sh", "-c", script,
        ])
        #expect(again.output == "ok\n" && again.errors.isEmpty, "\(again.errors)")
    }

    @Test func mistakesAreOneLineAndLeaveNothing() throws {
        for (words, said) in [
            (["-o", "x"], "say what to run"), (["-o", "../x", "--base", "strct", "host", "true"], "strct"),
            (["-o", "a b", "host", "true"], "can't be a profile's name"),
            (["-o", "x", "host", "/no/such"], "not found"),
        ] {
            let outcome = try world.sandbox(["profile", "learn"] + words)
            #expect(outcome.status != 0 && outcome.errors.contains(said), "\(words): \(outcome.errors)")
        }
        #expect(try world.sh("ls home/.config/sandbox/profiles 2>/dev/null").output.isEmpty)
        try world.write("kept.toml", "description = \"mine\"\n")
        let refused = try world.sandbox(["profile", "learn", "-o", "./kept.toml", "host", "true"])
        #expect(refused.status != 0 && refused.errors.contains("--force"))
        #expect(try String(contentsOfFile: world.folder + "/kept.toml", encoding: .utf8) == "description = \"mine\"\n")
    }

    @Test func checkSaysWhatIsOpenedAndHowDangerousThatIs() throws {
        try world.write(
            "open.toml",
            "description = \"open\"\nnetwork = \"host\"\nallow = [\"io_uring\"]\nbind = [\"/usr/share:/s:ro\"]\n")
        let page = try world.sandbox(["profile", "check", "./open.toml"])
        let lines = page.lines
        let high = try #require(lines.firstIndex { $0.contains("high") && $0.contains("network = \"host\"") })
        let low = try #require(lines.firstIndex { $0.contains("low") && $0.contains("bind") })
        #expect(high < low && lines.contains { $0.contains("high") && $0.contains("io_uring") })
        #expect(lines.contains { $0.contains("open.toml:2") })
        let strict = try world.sandbox(["profile", "check", "strict"])
        #expect(strict.lines.contains("opens nothing"))
        #expect(strict.lines.last?.contains("all capabilities") == true)
    }

    @Test func whatIsReachedByLinksAndDotsIsRatedForWhatItIs() throws {
        try world.sh("mkdir -p home/.ssh && ln -s home/.ssh keys")
        let binds = ["/.:/host", "\(world.home)/.ssh/.:/k", "\(world.folder)/keys:/k", "//etc:/e", "/run/./user:/r"]
        for bind in binds {
            try world.write("b.toml", "bind = [\"\(bind)\"]\n")
            let page = try world.sandbox(["profile", "check", "./b.toml"])
            #expect(page.output.contains("  high    bind"), "\(bind): \(page.output)")
        }
        try world.write("b.toml", "landlock = \"required\"\ntcp-connect = [\"none\"]\n")
        #expect(try world.sandbox(["profile", "check", "./b.toml"]).output.contains("opens nothing"))
    }

    @Test func aListOfCallsNeedsAFilter() throws {
        try world.write("l.toml", "seccomp = \"none\"\nsyscalls = [\"read\"]\n")
        let outcome = try world.sandbox(["run", "--profile", "./l.toml", "host", "true"])
        #expect(outcome.status == 125 && outcome.errors.contains("syscalls limits"), "\(outcome.errors)")
        let learned = try world.sandbox(["profile", "learn", "-o", "./m.toml", "--seccomp", "none", "host", "true"])
        #expect(learned.errors.isEmpty)
        #expect(try String(contentsOfFile: world.folder + "/m.toml", encoding: .utf8).contains("seccomp = \"default\""))
    }

    @Test func aClosedNetworkIsNotOpenedByTrying() throws {
        let script = "import socket; s = socket.socket(); s.connect_ex(('192.0.2.1', 80))"
        #expect(
            try world.sandbox(["profile", "learn", "-o", "./n.toml", "host", "python3", "-c", script]).errors.isEmpty)
        let text = try String(contentsOfFile: world.folder + "/n.toml", encoding: .utf8)
        #expect(text.contains("network = \"none\"") && text.contains("# Tried, while the network was closed:"))
        #expect(text.contains("#   192.0.2.1:80"))
    }

    /// So many paths that not all are kept: no call is lost among them.
    @Test func callsAreNotLostAmongPaths() throws {
        let script = """
            import os
            for i in range(5000):
                try: os.open('/no/such/%d' % i, os.O_RDONLY)
                except OSError: pass
            os.getpriority(os.PRIO_PROCESS, 0)
            """
        let learned = try world.sandbox(["profile", "learn", "-o", "./p.toml", "host", "python3", "-c", script])
        #expect(learned.status == 0 && learned.errors.contains("paths more than are kept"), "\(learned.errors)")
        #expect(try String(contentsOfFile: world.folder + "/p.toml", encoding: .utf8).contains("\"getpriority\""))
    }

    /// How servers are ended: what they did until then is learned, and nothing stays behind.
    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func aSignalEndsTheCommandAndWritesTheProfile(_ signal: Int32) throws {
        let learner = try world.start(
            World.binary, ["profile", "learn", "-o", "./s.toml", "host", "sh", "-c", "echo on; exec sleep 1000"])
        try learner.waitForOutput("on")
        learner.signal(signal)
        let outcome = try learner.finish()
        #expect(outcome.status == 128 + signal, "\(outcome)")
        #expect(try String(contentsOfFile: world.folder + "/s.toml", encoding: .utf8).contains("\"execve\""))
    }

    @Test func aKilledLearnerLeavesNoCommand() throws {
        let mark = "9\(Int.random(in: 100_000...999_999))"
        let learner = try world.start(
            World.binary, ["profile", "learn", "-o", "./s.toml", "host", "sh", "-c", "echo on; exec sleep \(mark)"])
        try learner.waitForOutput("on")
        learner.signal(SIGKILL)
        _ = try learner.finish()
        let gone = try world.sh(
            "for _ in $(seq 100); do pgrep -f 'slee[p] \(mark)' >/dev/null || exit 0; sleep 0.1; done; exit 1")
        #expect(gone.status == 0)
    }

    @Test func rightsThatFollowFromOthersAreLearned() throws {
        try world.makeRoot()
        for script in [
            "touch /tmp/a; chown 5:5 /tmp/a; chmod 4755 /tmp/a; echo x >>/tmp/a; echo ok",
            "su user -s /bin/sh -c 'exec sleep 30' & sleep 0.3; kill $! && echo ok",
        ] {
            let run = ["--id-map", "range", "./root", "sh", "-c", script]
            let learned = try world.sandbox(["profile", "learn", "--force", "-o", "r"] + run)
            #expect(learned.output == "ok\n" && learned.errors.isEmpty, "\(script) \(learned)")
            let again = try world.sandbox(["run", "--profile", "r"] + run)
            #expect(again.output == "ok\n" && again.errors.isEmpty, "\(script) \(again)")
        }
    }

    @Test func settingsOfAProfileAreKept() throws {
        try world.write("x/Makefile", "all:\n\tcat Makefile >copy\n")
        let learned = try world.sh(
            "cd x && \"$SANDBOX\" profile learn -o ../p.toml --profile ci host sh -c 'cat Makefile >copy'")
        #expect(learned.status == 0, "\(learned)")
        let again = try world.sh(
            "cd x && rm copy && \"$SANDBOX\" run --profile ../p.toml host sh -c 'cat Makefile >copy' && ls copy")
        #expect(again.output == "copy\n", "\(again)")
        let locked = try world.sandbox([
            "profile", "learn", "-o", "./ro.toml", "--read-only", "host", "sh", "-c",
            "echo x 2>/dev/null >/etc/x; true",
        ])
        #expect(locked.status == 0)
        #expect(try String(contentsOfFile: world.folder + "/ro.toml", encoding: .utf8).contains("read-only = true"))
    }

    @Test func theHostsLoopbackIsOutside() throws {
        let server = try world.start(
            "/usr/bin/python3",
            [
                "-c",
                "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\nwhile True: s.accept()",
            ])
        defer { server.signal(SIGKILL) }
        try server.waitForOutput("\n")
        let port = server.outputSoFar.trimmingCharacters(in: .whitespacesAndNewlines)
        let script = "import socket; socket.create_connection(('127.0.0.1', \(port)))"
        #expect(
            try world.sandbox([
                "profile", "learn", "-o", "./h.toml", "--network", "host", "host", "python3", "-c", script,
            ])
            .status == 0)
        #expect(try String(contentsOfFile: world.folder + "/h.toml", encoding: .utf8).contains("network = \"host\""))
    }

    @Test func namesThatMeanSomethingElseAreRefused() throws {
        let installed = try world.sandbox(["profile", "learn", "-o", "strict", "host", "true"])
        #expect(installed.status != 0 && installed.errors.contains("came with the program"))
        try world.write("s.toml", "syscalls = [\"read\", \"opennat\"]\n")
        let unknown = try world.sandbox(["profile", "check", "./s.toml"])
        #expect(unknown.status != 0 && unknown.errors.contains("openat"), "\(unknown)")
    }
}
