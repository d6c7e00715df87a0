// Commands that will not end, and launchers that end first.

import Foundation
import TestWorld
import Testing

@Suite(.waiting)
struct EndTests {
    let world: World
    /// An argument of sleep(1) that stands for this test among all processes.
    let mark = "9\(Int.random(in: 1_000_000...9_999_999))"

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    enum Payload: String, CaseIterable, CustomTestStringConvertible {
        case plain = "sleep MARK"
        case deaf = "trap '' TERM HUP INT QUIT; sleep MARK; sleep MARK"
        case ownSession = "setsid sh -c 'trap \"\" TERM HUP; sleep MARK & sleep MARK'; sleep MARK"
        case orphans = "(setsid setsid sleep MARK &); (trap '' TERM; sleep MARK &); sleep MARK"
        case stopped = "sleep MARK & kill -STOP $!; kill -STOP $$"
        case allStopped = "sleep MARK & kill -STOP -1; kill -STOP $$"
        case otherUser = "su user -c 'sleep MARK'"

        var testDescription: String { rawValue }
    }

    private func script(_ payload: Payload) -> String {
        "echo ready; " + payload.rawValue.replacingOccurrences(of: "MARK", with: mark)
    }

    /// Whether nothing of the sandbox is left within two seconds.
    private func isGone() -> Bool {
        for _ in 0..<100 where !processes(with: "sleep \(mark)").isEmpty { usleep(20_000) }
        return processes(with: "sleep \(mark)").isEmpty
    }

    @Test(arguments: Payload.allCases)
    func aTimeLimitEndsAllOfIt(_ payload: Payload) throws {
        let (outcome, seconds) = try world.limited(script(payload))
        #expect(outcome.status == 124 && outcome.output == "ready\n", "\(outcome)")
        #expect(outcome.errors == "sandbox: the time limit of \(seconds) s ended the command\n")
        #expect(isGone())
    }

    @Test(arguments: Payload.allCases)
    func nothingOutlivesAKilledLauncher(_ payload: Payload) throws {
        let running = try world.start(World.binary, ["run", "./root", "sh", "-c", script(payload)])
        try running.waitForOutput("ready")
        usleep(100_000)
        running.signal(SIGKILL)
        #expect(try running.finish().status == 128 + SIGKILL)
        #expect(isGone())
    }

    @Test func nothingOutlivesTheCommand() throws {
        let left = "(setsid sleep \(mark) &); sleep \(mark) & exit 0"
        _ = try world.run(left)
        #expect(processes(with: "sleep \(mark)").isEmpty)
        // A shell of the host's leaves both.
        _ = try world.sh(left)
        let outside = processes(with: "sleep \(mark)")
        #expect(outside.count == 2)
        for process in outside { kill(process, SIGKILL) }
    }

    /// A launcher killed at any moment of its way.
    @Test func aLauncherKilledWhileItStartsLeavesNothing() throws {
        for step in 0..<40 {
            let running = try world.start(
                World.binary, ["run", "--upper", "disk", "./root", "sh", "-c", "sleep \(mark)"])
            usleep(UInt32(step) * 2_000)
            running.signal(SIGKILL)
            _ = try running.finish()
        }
        #expect(isGone())
        #expect(try world.run(["--upper", "disk"], "true").status == 0)
        #expect(try world.sh("ls home/.local/share/sandbox/ephemeral").output.isEmpty)
        #expect(try world.sh("grep -c '\(world.folder)' /proc/self/mountinfo").output == "0\n")
    }

    /// Standard error takes nothing: a pipe that nobody reads, full.
    @Test func aMessageThatCanNotBeWrittenHoldsNothingUp() throws {
        let outcome = try world.sh(
            """
            mkfifo stuck; exec 7<>stuck; dd if=/dev/zero of=stuck bs=4096 count=1000 oflag=nonblock 2>/dev/null
            timeout -s KILL 20 "$SANDBOX" run --timeout 1 ./root sleep \(mark) 2>&7; echo $?
            """)
        #expect(outcome.output == "124\n", "\(outcome)")
        #expect(isGone())
    }

    enum Terminal: String, CaseIterable { case stopped, background }

    /// A terminal whose output is stopped (tcflow(3)), and one that stops who writes and is not in front (TOSTOP).
    @Test(arguments: Terminal.allCases)
    func aTerminalThatTakesNothingHoldsNothingUp(_ terminal: Terminal) throws {
        let outcome = try world.start(
            "/usr/bin/timeout",
            ["-s", "KILL", "25", "/usr/bin/python3", program("held-terminal.py"), terminal.rawValue, World.binary]
                + ["run", "--timeout", "1", "./root", "sleep", mark]
        ).finish()
        #expect(outcome.output == "124\n", "\(outcome)")
        #expect(isGone())
    }

    private func program(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/programs/" + name
    }

    /// Ctrl-Z stops the launcher, and not a command that does not want to be stopped.
    @Test func aStoppedLauncherKeepsItsLimit() throws {
        let running = try world.start(
            World.binary, ["run", "--timeout", "4", "./root", "sh", "-c", "trap '' TSTP TERM; echo up; sleep \(mark)"])
        try running.waitForOutput("up")
        running.signal(SIGSTOP)
        for _ in 0..<400 where processes(with: "sleep \(mark)").count > 1 { usleep(20_000) }
        // The launcher itself has these words too.
        #expect(processes(with: "sleep \(mark)") == [running.id])
        running.signal(SIGCONT)
        let outcome = try running.finish()
        #expect(outcome.status == 124 && outcome.errors == "sandbox: the time limit of 4 s ended the command\n")
    }

    /// Init gets no turn at all: it has been stopped from outside, as a debugger does it.
    @Test func aStoppedInitKeepsTheLimit() throws {
        let running = try world.start(
            World.binary, ["run", "--timeout", "4", "./root", "sh", "-c", "trap '' TERM; echo up; sleep \(mark)"])
        try running.waitForOutput("up")
        let children = try world.sh("cat /proc/\(running.id)/task/*/children").output.split(separator: " ")
        let initProcess = try #require(children.first.flatMap { Int32($0) })
        kill(initProcess, SIGSTOP)
        #expect(try running.finish().status == 124)
        #expect(isGone())
    }

    /// A command that ends by itself when it is asked to has its two seconds, and what it leaves has none.
    @Test func theLimitAsksFirst() throws {
        let (outcome, _) = try world.limited(
            "trap 'echo asked; exit 3' TERM; echo ready; sleep \(mark) & while :; do sleep 0.1; done")
        #expect(outcome.status == 124 && outcome.output == "ready\nasked\n", "\(outcome)")
        #expect(isGone())
    }
}
