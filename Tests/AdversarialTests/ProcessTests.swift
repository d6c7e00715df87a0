// Other processes: those outside, the launcher and the sandbox's init.

import Foundation
import TestWorld
import Testing

struct ProcessTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    private static let weak = ["--cap-add", "ALL", "--seccomp", "none"]

    @Test func initIsNotTraced() throws {
        try world.compile("trace")
        #expect(try world.run("trace 1").output == "\(EPERM)\n")
        #expect(try world.run(Self.weak, "trace 1").output == "\(EPERM)\n")
        #expect(try world.run("sleep 5 & trace $!; kill $!").output == "0\n")
    }

    @Test func theLauncherAndTheRestOfTheHostAreNotTraced() throws {
        try world.compile("trace")
        let own = try world.start("/bin/sleep", ["30"])
        defer { own.signal(SIGKILL) }
        // $PPID is the sandbox's init, whose parent the launcher is: process 0, seen from inside.
        for options in [[], Self.weak] {
            let outcome = try world.sandbox(
                ["run"] + options + [
                    "./root", "sh", "-c", "trace $0; trace $(awk '{print $4}' /proc/1/stat)", "\(own.id)",
                ])
            #expect(outcome.output == "\(ESRCH)\n\(ESRCH)\n", "\(outcome)")
        }
        #expect(try world.sh("sleep 5 & ./trace $!; kill $!").output == "0\n")
    }

    @Test func aSignalReachesNothingOutside() throws {
        let own = try world.start("/bin/sleep", ["30"])
        let script = "kill -9 $0; kill -9 0; kill -9 -1"
        let outcome = try world.sh("\"$SANDBOX\" run ./root sh -c '\(script)' \(own.id); echo outside lives")
        #expect(outcome.output == "outside lives\n")
        #expect(try world.sh("kill -0 \(own.id)").status == 0)
        #expect(try world.sh("kill -9 \(own.id)").status == 0)
        #expect(try own.finish().status == 128 + SIGKILL)
    }

    @Test func initIsNotKilledFromInside() throws {
        for options in [[], Self.weak] {
            let outcome = try world.run(options, "kill -9 1; kill -STOP 1; echo still here; exit 3")
            #expect(outcome.status == 3 && outcome.output == "still here\n", "\(outcome)")
        }
        #expect(try world.run("sleep 5 & kill -9 $!; wait $!; echo $?").output == "137\n")
    }

    /// What sets another process's scheduling asks whether its capabilities are one's own too. Limits are the exception:
    /// they end init at most, and everything with it.
    @Test(arguments: [
        [], ["--profile", "strict"], ["--user", "1000"], ["--id-map", "single"], ["--seccomp", "none"],
        ["--cap-add", "cap_sys_nice"], ["--cap-add", "ALL", "--seccomp", "none"],
    ])
    func initKeepsItsTurns(_ options: [String]) throws {
        try world.compile("starve")
        let outcome = try world.sandbox(["run"] + options + ["./root", "starve", "0", "init"])
        var lines = Set(outcome.lines)
        // Whoever has CAP_SYS_NICE may delay the waits of others, and init's alarm is none.
        if options.contains("--cap-add") { lines.remove("timers") }
        #expect(outcome.status == 0 && lines.subtracting(["limits"]) == ["ready"], "\(outcome)")
    }

    @Test func onesOwnProcessesAreStillSetAtWill() throws {
        let outcome = try world.run(
            ["--cap-add", "cap_sys_nice"],
            "sleep 5 & renice 17 -p $! && taskset -p 1 $! && ionice -c 3 -p $! && echo done; kill $!")
        #expect(outcome.status == 0 && outcome.lines.last == "done", "\(outcome)")
    }

    @Test func initHasNothingLeftWhenTheCommandBegins() throws {
        for _ in 0..<100 {
            let outcome = try world.sandbox(
                ["run", "./root", "grep", "-E", "^(Cap(Prm|Eff|Bnd|Inh|Amb)|NoNewPrivs)", "/proc/1/status"])
            let values = outcome.lines.compactMap { $0.split(separator: "\t").last.map(String.init) }
            // CAP_KILL and CAP_SYS_NICE.
            let kept = "0000000000800020"
            let none = "0000000000000000"
            #expect(values == [none, kept, kept, kept, none, "1"], "\(outcome)")
        }
    }

    /// A command that its terminal's session and a shell's job hold may not reach the rest of them.
    @Test(arguments: ["", "--landlock off", "--seccomp none"])
    func theCallersProcessGroupIsOutOfReach(_ options: String) throws {
        try world.compile("group")
        // With job control, so that what is first leads a group, which has a second program in it.
        let script = """
            set -m; mkdir -p shared; rm -f shared/ready
            state() { echo "nice $(nice) $(ionice -p $BASHPID | cut -d: -f1) $(cut -d' ' -f3 /proc/self/autogroup)"; }
            state; PROGRAM | { trap 'echo reached' USR1; >shared/ready; cat; sleep 0.2; state; }
            """
        let wait = "while [ ! -e shared/ready ]; do sleep 0.05; done; "
        func outcome(_ program: String) throws -> [String] {
            try world.start(
                "/usr/bin/setsid",
                ["-w", "bash", "-c", script.replacingOccurrences(of: "PROGRAM", with: program)]
            ).finish().lines
        }
        let inside = try outcome(
            "\"$SANDBOX\" run \(options) --bind ./shared:/shared --workdir / ./root sh -c '\(wait)group'")
        #expect(inside.dropFirst().starts(with: ["priority 1", "ioprio 1"]), "\(inside)")
        #expect(inside.last == inside.first && !inside.contains("reached"), "\(inside)")
        // The kernel takes ten changes of scheduling groups a second, whoever makes them.
        let outside = try outcome("bash -c '\(wait)./group'")
        #expect(outside.contains("reached") && outside.last?.hasPrefix("nice 11 idle") == true, "\(outside)")
    }

    /// With a session of its own the command sets its group and its own processes as it likes, and not the caller's.
    /// A caller has no scheduling group where nobody has made a session since the machine started (sched(7)).
    @Test func aGroupOfItsOwnIsTheCommands() throws {
        try world.compile("group")
        func outcome(_ start: String, _ program: String) throws -> (said: [String], before: String?, after: String?) {
            let state = "echo \"$(nice) $(ionice -p $BASHPID) $(cat /proc/self/autogroup)\""
            let lines = try world.sh("\(start) bash -c '\(state); \(program); \(state)'").lines
            return (lines.dropFirst().dropLast(), lines.first, lines.last)
        }
        for start in ["", "/usr/bin/setsid -w"] {
            let inside = try outcome(start, "\"$SANDBOX\" run ./root group")
            #expect(inside.said.contains("signal 0") && inside.before == inside.after, "\(inside)")
        }
        let outside = try outcome("/usr/bin/setsid -w", "./group")
        #expect(outside.said.contains("signal 0") && outside.before != outside.after, "\(outside)")
    }

    /// Keys of whoever logged in (session-keyring(7)), where the filter opens the calls.
    @Test func theCallersSessionKeyringIsNotTheSandboxs() throws {
        try world.compile("keys")
        let run = "\"$SANDBOX\" run"
        for options in ["--seccomp none", "--allow keyctl", "--seccomp none --id-map single"] {
            let found = try world.sh("./keys give \(run) \(options) ./root keys find")
            #expect(found.output == "\(ENOKEY)\n", "\(found)")
        }
        #expect(try world.sh("./keys give \(run) ./root keys find").output == "\(EPERM)\n")
        #expect(try world.sh("./keys give ./keys find").output == "secret\n")
    }
}
