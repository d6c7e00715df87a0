// Landlock: what it refuses is possible with --landlock off, and what programs need stays possible.

import Foundation
import LinuxSystem
import TestWorld
import Testing

@Suite(
    .enabled(if: Landlock.version >= 6, "needs Landlock of version 6 (Linux 6.12), among the security modules of lsm="))
struct LandlockTests {
    let world: World
    private let off = ["--landlock", "off"]

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    private func python(_ options: [String], _ script: String) throws -> Outcome {
        try world.sandbox(["run"] + options + ["host", "python3", "-c", script])
    }

    @Test func abstractSocketsOfTheHostAreOutOfReach() throws {
        let name = "sandbox-test-\(UUID().uuidString)"
        let server = try world.start(
            "/usr/bin/python3",
            [
                "-c",
                "import socket,time; s=socket.socket(socket.AF_UNIX); s.bind('\\0\(name)'); s.listen(); print(1,flush=True); time.sleep(60)",
            ])
        defer { server.signal(SIGKILL) }
        try server.waitForOutput("1")
        let connect = "import socket; socket.socket(socket.AF_UNIX).connect('\\0\(name)'); print('in')"
        let host = ["--network", "host"]
        #expect(try python(host + off, connect).output == "in\n")
        let refused = try python(host, connect)
        #expect(refused.output.isEmpty && refused.errors.contains("PermissionError"))
        let own = """
            import socket; s=socket.socket(socket.AF_UNIX); s.bind('\\0\(name)-2'); s.listen()
            socket.socket(socket.AF_UNIX).connect('\\0\(name)-2'); print('in')
            """
        #expect(try python(host, own).output == "in\n")
    }

    /// As a shell with job control has it: the launcher leads the job, and a second program is of it.
    @Test func aSignalToTheGroupStaysInside() throws {
        func reached(_ options: String) throws -> Bool {
            try world.sh("rm -rf shared; mkdir shared")
            let outcome = try world.sh(
                """
                set -m
                "$SANDBOX" run \(options) --bind ./shared:/shared ./root sh -c '
                    trap "" USR1; while [ ! -e /shared/ready ]; do sleep 0.05; done; kill -USR1 0; sleep 0.2' |
                python3 -c 'import signal, sys
                signal.signal(signal.SIGUSR1, lambda *_: print("reached", flush=True))
                open("shared/ready", "w")
                sys.stdin.read()'
                """)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.output.contains("reached")
        }
        // Without Landlock the filter keeps it inside. What is reached outside: ProcessTests.
        #expect(try !reached("--landlock off"))
        #expect(try !reached(""))
    }

    @Test func signalsReachTheCommandAndItsChildren() throws {
        #expect(try world.run("sleep 100 & kill $!; wait $!; echo $?").output == "143\n")
        #expect(
            try world.run("(sleep 100; :) & kill -TERM $!; wait $!; kill -0 1 2>/dev/null; echo $?").output == "1\n")
        let running = try world.start(
            World.binary,
            ["run", "./root", "sh", "-c", "trap 'echo got; exit 7' TERM; echo up; while :; do sleep 0.05; done"])
        try running.waitForOutput("up")
        running.signal(SIGTERM)
        let outcome = try running.finish()
        #expect(outcome.status == 7 && outcome.output == "up\ngot\n")
    }

    @Test(arguments: [[], ["--read-only"]])
    func aFileThatIsOnlyReadCanNotBeOpenedForWriting(_ options: [String]) throws {
        let words = options.joined(separator: " ")
        func write(_ more: String) throws -> String {
            try world.write("victim", "before\n")
            try world.sh("\"$SANDBOX\" run \(words) \(more) ./root sh -c 'echo after >>/proc/self/fd/0' <victim")
            return try world.sh("cat victim").output
        }
        #expect(try write("--landlock off") == "before\nafter\n")
        #expect(try write("") == "before\n")
        // What is open for writing stays so by its other names.
        #expect(
            try world.sh(
                "\"$SANDBOX\" run \(words) ./root sh -c 'echo a >/dev/stdout; echo b >/dev/stderr' >out 2>err; cat out err"
            ).output == "a\nb\n")
    }

    @Test func nothingIsMountedEvenWithoutAFilter() throws {
        let script = "unshare -Urm sh -c 'mount -t tmpfs x /tmp && echo mounted'"
        let open = ["--seccomp", "none", "--id-map", "single"]
        #expect(try world.run(open + off, script).output == "mounted\n")
        #expect(try world.run(open, script).output.isEmpty)
        #expect(try world.run(open + ["--cap-add", "cap_sys_admin"], script).output == "mounted\n")
    }

    private static let ports = """
        import socket, sys
        def listen():
            s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); return s
        a, b = listen(), listen()
        print(a.getsockname()[1], b.getsockname()[1], flush=True)
        import time; time.sleep(60)
        """

    @Test func onlyTheNamedPortsAreConnectedTo() throws {
        let server = try world.start("/usr/bin/python3", ["-c", Self.ports])
        defer { server.signal(SIGKILL) }
        try server.waitForOutput("\n")
        let ports = server.outputSoFar.split { $0 == " " || $0 == "\n" }.map(String.init)
        try #require(ports.count == 2)
        let probe = """
            import errno, socket
            def word(call):
                try: call(); return "yes"
                except OSError as e: return errno.errorcode[e.errno]
            for port in \(ports.joined(separator: ", ")):
                print(word(lambda: socket.socket().connect(("127.0.0.1", port))))
            # Other ways to the second port.
            print(word(lambda: socket.socket(proto=262).connect(("127.0.0.1", port))))
            print(word(lambda: socket.socket().sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", port))))
            print(word(lambda: socket.socket().sendmsg([b"x"], [], socket.MSG_FASTOPEN, ("127.0.0.1", port))))
            """
        let host = ["--network", "host"]
        let open = try python(host, probe).lines
        #expect(open.prefix(2) == ["yes", "yes"])
        let refused = ["EACCES", "EPROTONOSUPPORT", "ENOTSUP", "ENOTSUP"]
        #expect(try python(host + ["--tcp-connect", ports[0]], probe).lines == ["yes"] + refused)
        #expect(try python(host + ["--tcp-connect", ports[0], "--seccomp", "none"], probe).lines == ["yes"] + refused)
        #expect(try python(host + ["--tcp-connect", ports[0], "--tcp-connect", "none"], probe).lines.first == "EACCES")
    }

    @Test func onlyTheNamedPortsAreBound() throws {
        let probe = """
            import errno, socket
            for port in 8080, 8081:
                try: socket.socket().bind(("127.0.0.1", port)); print("yes")
                except OSError as e: print(errno.errorcode[e.errno])
            """
        #expect(try python([], probe).lines == ["yes", "yes"])
        #expect(try python(["--tcp-bind", "8081"], probe).lines == ["EACCES", "yes"])
        #expect(try python(["--tcp-bind", "none"], probe).lines == ["EACCES", "EACCES"])
    }

    @Test func portsAndOffExcludeEachOther() throws {
        let outcome = try world.run(off + ["--tcp-connect", "443"], "echo ran")
        #expect(outcome.status == 125 && outcome.output.isEmpty)
        #expect(outcome.errors.contains("--landlock off") && outcome.errors.contains("--tcp-connect"))
    }

    /// Each in a folder of its own; with a read-only root only where the plan leaves something writable.
    @Test(arguments: [
        ([], "/"), ([], "/usr"), ([], "/root"), ([], "/tmp"), ([], "/dev/shm"), ([], "/var/tmp"), (["--here"], "."),
        (["--read-only"], "/tmp"), (["--read-only"], "/dev/shm"), (["--read-only"], "/var/tmp"),
        (["--read-only", "--tmpfs", "/data/x"], "/data/x"), (["--read-only", "--here"], "."),
        (["--read-only", "--bind", "home:/srv/home"], "/srv/home"),
    ])
    func programsWorkAsBefore(_ options: [String], _ folder: String) throws {
        let outcome = try python(options, Self.workload.replacingOccurrences(of: "FOLDER", with: folder))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.hasSuffix("done\n"))
    }

    /// What package managers, compilers and terminals do with files.
    private static let workload = """
        import os, socket, ctypes, fcntl, termios, pty
        top = os.path.join("FOLDER", "landlock-test"); os.mkdir(top); os.chdir(top)
        os.makedirs("a/deep"); os.mkdir("b")
        open("a/f", "w").write("text")
        os.rename("a/f", "b/f"); os.link("b/f", "a/hard"); os.symlink("f", "b/soft"); os.rename("a/deep", "b/deep")
        os.rename("b/f", "f.new"); os.rename("f.new", "a/deep.f")
        os.mkfifo("a/fifo"); os.rename("a/fifo", "b/fifo")
        s = socket.socket(socket.AF_UNIX); s.bind("a/socket"); s.listen()
        socket.socket(socket.AF_UNIX).connect("a/socket")
        os.truncate("a/hard", 2); assert open("a/hard").read() == "te"
        with open("a/hard", "r+") as f: f.truncate(1)
        open("a/hard", "w").close()
        os.unlink("b/fifo"); os.rmdir("b/deep")
        program = os.path.realpath("program")
        open(program, "w").write("#!/bin/sh\\nexit 5\\n"); os.chmod(program, 0o755)
        assert "FOLDER" == "/dev/shm" or os.waitstatus_to_exitcode(os.system(program)) == 5
        m = os.memfd_create("m"); os.close(os.open(f"/proc/self/fd/{m}", os.O_RDWR | os.O_TRUNC))
        r, w = os.pipe(); os.close(os.open(f"/proc/self/fd/{w}", os.O_WRONLY))
        main, other = pty.openpty()
        for terminal in main, other, os.open(os.ttyname(other), os.O_RDWR):
            fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"12345678"); fcntl.ioctl(terminal, termios.TIOCSWINSZ, b"12345678")
        assert pty.spawn(["/bin/sh", "-c", "stty size </dev/tty >/dev/null && echo >/dev/tty"], lambda fd: os.read(fd, 99)) == 0
        open("/dev/null", "w").write("x")
        open("/proc/self/comm", "w").write("other"); open("/proc/self/oom_score_adj", "w").write("500")
        libc = ctypes.CDLL(None, use_errno=True)
        q = libc.mq_open(b"/queue", os.O_CREAT | os.O_RDWR, 0o600, None); assert q >= 0, ctypes.get_errno()
        q = libc.mq_open(b"/queue", os.O_WRONLY); assert q >= 0, ctypes.get_errno()
        sem = libc.sem_open(b"/semaphore", os.O_CREAT, 0o600, 1); assert sem != 0
        print("done")
        """

    @Test func aReadOnlyRootLeavesTheRestRefused() throws {
        let outcome = try world.run(
            ["--read-only", "--bind", "home:/in:ro", "--bind", "home:/out", "--mask", "/out"],
            "for place in / /etc /in /out /proc /sys; do echo x 2>/dev/null >$place/new && echo $place; done; echo end")
        #expect(outcome.output == "end\n")
    }
}
