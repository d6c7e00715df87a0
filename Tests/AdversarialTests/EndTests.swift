// Commands that will not end, and launchers that end first.

import Foundation
import TestWorld
import Testing

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
        case ownSession = "setsid sh -c 'trap \"\" TERM HUP; sleep MARK & sleep MARK'"
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
        let outcome = try world.bounded(["--timeout", "2"], script(payload))
        #expect(outcome.status == 124 && outcome.output == "ready\n", "\(outcome)")
        #expect(outcome.errors == "sandbox: the time limit of 2 s ended the command\n")
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
}
