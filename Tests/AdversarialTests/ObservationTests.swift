// A launcher that hears of system calls (--report-denied) is one more thing to attack from inside.

import Foundation
import TestWorld
import Testing

@Suite struct ObservationTests {
    let world: World
    init() throws { world = try World() }

    /// Descriptors that are on their way through sockets count for the user, whoever sends them.
    @Test func whoUsesUpTheDescriptorsOnTheirWayIsNamed() throws {
        try world.makeRoot()
        try world.write(
            "send.py",
            """
            import array, os, resource, socket, subprocess, sys
            ends = [socket.socketpair() for _ in range(2)]
            for _ in range(100):
                ends[0][0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
            # The limit of whoever sends counts: this one's is high.
            low = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            sys.exit(subprocess.run(sys.argv[1:], preexec_fn=low).returncode)
            """)
        let outcome = try world.sh("python3 send.py \"$SANDBOX\" run --report-denied ./root true")
        #expect(outcome.status == 125 && outcome.saysOneLineAtMost, "\(outcome)")
        #expect(outcome.errors.contains("on their way through sockets"), "\(outcome)")
        #expect(try world.sh("python3 send.py \"$SANDBOX\" run ./root true").status == 0)
    }

    /// Memory that a call points to is changed by another thread while the launcher looks at it. Whatever it reads,
    /// every call gets the filter's answer.
    @Test func memoryThatChangesAfterItWasReadDecidesNothing() throws {
        try world.makeRoot()
        try world.compile("change-memory")
        let outcome = try world.sandbox(["run", "--report-denied", "./root", "change-memory"])
        #expect(outcome.output == "refused 2000, other 0, reached 0\n", "\(outcome.output) \(outcome.errors)")
        #expect(outcome.errors.contains("sandbox: refused mount"))
        // Where mounts are allowed the very same calls do something.
        let open = try world.sandbox([
            "run", "--seccomp", "none", "--cap-add", "CAP_SYS_ADMIN", "./root", "change-memory",
        ])
        #expect(open.output.hasPrefix("refused") && !open.output.hasPrefix("refused 2000"), "\(open.output)")
    }

    /// A second listener, whose owner inside would answer "go on" in place of the launcher.
    @Test func nobodyInsideAnswersInPlaceOfTheLauncher() throws {
        try world.makeRoot()
        try world.compile("listen")
        #expect(try world.sandbox(["run", "--report-denied", "./root", "listen"]).output == "busy\n")
        #expect(try world.sandbox(["run", "./root", "listen"]).output == "listening\n")
    }

    /// Callers that die while they are asked about, threads that are killed in the middle of it.
    @Test func callersThatDieWhileTheyWaitDoNotHoldTheLauncher() throws {
        let script = """
            import ctypes, os, signal, time
            libc = ctypes.CDLL(None)
            for _ in range(200):
                child = os.fork()
                if child == 0:
                    while True: libc.unshare(0x10000000)
                time.sleep(0.001)
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            print("done")
            """
        let outcome = try world.sandbox(["run", "--report-denied", "--timeout", "60", "host", "python3", "-c", script])
        #expect(outcome.status == 0 && outcome.output == "done\n", "\(outcome.errors)")
    }

    /// The launcher reads its filter's file once more for the report: by then it may be a pipe that nobody writes to.
    @Test func aPipeInPlaceOfTheFilterHoldsNobody() throws {
        try world.write(
            "f.json",
            #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#
        )
        try world.sh("mkdir shared")
        let words = [
            "-s", "KILL", "30", World.binary, "run", "--report-denied", "--bind", "./shared:/shared", "--seccomp",
            "./f.json", "host", "sh", "-c",
            "echo runs; while [ ! -e /shared/go ]; do sleep 0.05; done; unshare -U true; true",
        ]
        let run = try world.start("/usr/bin/timeout", words)
        try run.waitForOutput("runs\n")
        try world.sh("rm f.json; mkfifo f.json; touch shared/go")
        let outcome = try run.finish()
        #expect(outcome.status == 0 && outcome.errors.contains("refused unshare"), "\(outcome)")
        #expect(try world.start("/usr/bin/timeout", ["-s", "KILL", "30", World.binary, "why"]).finish().status == 0)
    }

    /// What a learner is told comes by a descriptor that the command does not have.
    @Test func whatIsLearnedIsNotToldByTheCommand() throws {
        try world.sh("mkdir tmp")
        let script = "ls /proc/self/fd | wc -l; find \(world.folder)/tmp -name 'record*' -o -name '*learn*'"
        let outcome = try world.start(
            World.binary,
            ["profile", "learn", "-o", "./p.toml", "--bind", world.folder + "/tmp", "host", "sh", "-c", script],
            environment: ["TMPDIR": world.folder + "/tmp"]
        ).finish()
        // 0, 1, 2 and the folder that ls reads.
        #expect(outcome.output == "4\n", "\(outcome)")
    }

    /// A link in place of the folder that a learned profile was to go to.
    @Test func aLearnedProfileGoesToTheFolderThatWasThere() throws {
        let profiles = world.home + "/.config/sandbox/profiles"
        try world.sh("mkdir -p out '\(profiles)'")
        let outcome = try world.sandbox([
            "profile", "learn", "-o", "out/ci.toml", "--here", "host", "sh", "-c",
            "mv out out2; ln -s '\(profiles)' out",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try world.sh("ls '\(profiles)'").output.isEmpty && world.sh("ls out2").output == "ci.toml\n")
        let again = try world.sandbox([
            "profile", "learn", "-o", "out2/new.toml", "--here", "host", "sh", "-c", "echo mine >out2/new.toml",
        ])
        #expect(again.status != 0 && again.errors.contains("is there already"))
        #expect(try world.sh("cat out2/new.toml").output == "mine\n")
    }

    /// Paths of thousands of bytes that grow when they are shown.
    @Test func longPathsDoNotHideARefusal() throws {
        let script = """
            import ctypes, os
            os.chdir('/tmp')
            for _ in range(14):
                os.mkdir(b'\\xff' * 250); os.chdir(b'\\xff' * 250)
            libc = ctypes.CDLL(None)
            for i in range(4096): libc.mount(b'x%d' % i, b'\\xff' * 200, b'tmpfs', 0, None)
            """
        let outcome = try world.sandbox(["run", "--report-denied", "host", "python3", "-c", script])
        let lines = outcome.errors.split(separator: "\n")
        #expect(outcome.status == 0)
        #expect(lines.count == 41 && lines.allSatisfy { $0.utf8.count < 4096 }, "\(lines.count)")
        #expect(lines.last?.contains("4056 kinds more") == true)
        #expect(try world.sandbox(["why"]).lines.count == 4097)
        try world.sh("for f in home/.cache/sandbox/denied/*; do echo x >$f; done")
        let damaged = try world.sandbox(["why"])
        #expect(damaged.status != 0 && damaged.errors.contains("can't read"))
    }

    @Test func controlsDoNotReachATerminalByJson() throws {
        let script = "import ctypes; ctypes.CDLL(None).mount(b'\\xc2\\x9b31m\\x7f\\x1b', b'/mnt', b'x', 0, None)"
        let outcome = try world.sandbox(["run", "--report-denied=json", "host", "python3", "-c", script])
        #expect(
            outcome.errors.contains("refused")
                && outcome.errors.unicodeScalars.allSatisfy {
                    $0 == "\n" || $0.properties.generalCategory != .control
                })
    }

    /// A call that the filter ends the caller for ends it, whoever listens.
    @Test func aCallerThatIsToBeKilledIs() throws {
        for action in ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"] {
            try world.write(
                "k.json",
                #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["connect"], "action": "\#(action)"}]}"#)
            let script = "import socket; socket.socket().connect_ex(('127.0.0.1', 1)); print('survived')"
            for options in [[], ["--report-denied"]] {
                let outcome = try world.sandbox(
                    ["run", "--seccomp", "./k.json"] + options + ["host", "python3", "-c", script])
                #expect(outcome.status == 159 && outcome.output.isEmpty, "\(options) \(outcome)")
            }
        }
    }
}
