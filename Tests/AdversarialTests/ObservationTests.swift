// A launcher that hears of system calls (--report-denied) is one more thing to attack from inside.

import Foundation
import TestWorld
import Testing

@Suite struct ObservationTests {
    let world: World
    init() throws { world = try World() }

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
}
