// Commands that take all there is: processes, descriptors, memory file systems and disk.

import Foundation
import LinuxSystem
import TestWorld
import Testing

/// One at a time: each takes much of the machine.
@Suite(.serialized)
struct ExhaustionTests {
    let world: World
    let mark = "bomb\(Int.random(in: 1_000_000...9_999_999))"

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    private func isGone() -> Bool {
        for _ in 0..<200 where !processes(with: mark).isEmpty { usleep(20_000) }
        return processes(with: mark).isEmpty
    }

    /// Processes that ignore every signal, made without end.
    @Test func aForkBombEndsWithTheTimeLimit() throws {
        try world.compile("bomb")
        let (outcome, _) = try world.limited("echo ready; exec bomb \(mark) 300")
        #expect(outcome.status == 124 && outcome.output == "ready\nstarted\n", "\(outcome)")
        #expect(isGone())
        // Outside, what is killed is the first of them alone.
        let first = try world.start("./bomb", [mark, "20"])
        for _ in 0..<500 where processes(with: mark).count < 5 { usleep(20_000) }
        first.signal(SIGKILL)
        _ = try first.finish()
        let left = processes(with: mark)
        #expect(left.count >= 4)
        for process in left { LinuxSystem.Process.kill(process, SIGKILL) }
        #expect(isGone())
    }

    @Test func aForkBombEndsWithItsLauncher() throws {
        try world.compile("bomb")
        let running = try world.start(World.binary, ["run", "./root", "bomb", mark, "300"])
        try running.waitForOutput("started")
        usleep(200_000)
        running.signal(SIGKILL)
        _ = try running.finish()
        #expect(isGone())
    }

    enum Busy: String, CaseIterable, CustomTestStringConvertible {
        case plain = "starve 800"
        case lowering = "starve 800 init"
        case groups = "starve 800 group"
        case both = "starve 800 group init"
        var testDescription: String { rawValue }
    }

    static let rights = ["--cap-add", "ALL", "--seccomp", "none"]

    /// 800 processes that want every processor and ignore every signal, each with a scheduling group of its own where it
    /// can have one. A machine that others use too gets some seconds more than the one that an idle one needs.
    @Test(arguments: [
        (Busy.plain, []), (.lowering, ["--profile", "strict"]), (.groups, rights), (.both, []),
        (.both, ["--profile", "strict"]), (.both, rights),
    ])
    func busyProcessesDoNotPutOffTheLimit(_ busy: Busy, _ options: [String]) throws {
        try world.compile("starve")
        let begun = Clock.milliseconds
        let outcome = try world.bounded(["--timeout", "1"] + options, "exec \(busy.rawValue) \(mark)")
        // One second, and two more for a command that was asked to end.
        #expect(outcome.status == 124 && Clock.milliseconds - begun < 3_000 + 4_000, "\(outcome)")
        #expect(isGone())
    }

    /// The launcher is asked to end, and then killed.
    @Test(arguments: [Busy.plain, .both])
    func busyProcessesDoNotOutliveTheLauncher(_ busy: Busy) throws {
        try world.compile("starve")
        let running = try world.start(
            World.binary, ["run", "./root", "sh", "-c", "echo begun; exec \(busy.rawValue) \(mark)"])
        try running.waitForOutput("begun")
        usleep(300_000)
        running.signal(SIGTERM)
        usleep(100_000)
        running.signal(SIGKILL)
        _ = try running.finish()
        #expect(isGone())
    }

    /// RLIMIT_NPROC of the caller's counts inside as well (user_namespaces(7)): id 0 there has no right to pass it.
    @Test func theCallersProcessLimitHoldsInside() throws {
        try world.compile("bomb")
        let limit =
            "own=$(find /proc -mindepth 3 -maxdepth 3 -path '/proc/[0-9]*/task/*' -user $(id -u) 2>/dev/null | wc -l); "
            + "ulimit -Su $((own + 400)); "
        for options in ["", "--cap-add ALL --seccomp none"] {
            let outcome = try world.sh(limit + "\"$SANDBOX\" run --timeout 2 \(options) ./root bomb \(mark) 900")
            #expect(outcome.status == 124 && outcome.lines == ["started", "refused"], "\(outcome)")
            #expect(isGone())
        }
        let (unlimited, _) = try world.limited("echo ready; exec bomb \(mark) 410")
        #expect(unlimited.output == "ready\nstarted\n")
        #expect(isGone())
    }

    @Test func tenThousandOpenFilesAreTheSandboxsOwn() throws {
        try world.compile("open-many")
        let limit = "ulimit -n $(ulimit -Hn); ulimit -n; "
        let outcome = try world.sh(
            limit + "\"$SANDBOX\" run --timeout 20 ./root sh -c 'open-many 10000; open-many 100000000; echo after'")
        let numbers = outcome.lines.compactMap { Int($0) }
        try #require(numbers.count == 3)
        #expect(numbers[1] == min(10_000, numbers[0] - 3) && numbers[2] < numbers[0] && outcome.lines.last == "after")
        // The caller's own limit is the sandbox's.
        let few = try world.sh("ulimit -n 100; \"$SANDBOX\" run ./root open-many 10000")
        #expect(few.lines.compactMap { Int($0) }.allSatisfy { $0 <= 100 } && few.status == 0, "\(few)")
    }

    @Test(arguments: ["/tmp", "/dev/shm", "/run/mine"])
    func aSizedMountInMemoryFills(_ place: String) throws {
        let fill =
            "dd if=/dev/zero of=\(place)/x bs=64k count=32 2>&1 | grep -o 'No space'; df -k \(place) | tail -1; "
            + "i=0; while [ $i -lt 3000 ] && ln -s x \(place)/$i; do i=$((i+1)); done 2>/dev/null; echo after"
        let outcome = try world.bounded(["--tmpfs", place + ":size=1m"], fill)
        #expect(outcome.lines.first == "No space" && outcome.lines.last == "after" && outcome.status == 0, "\(outcome)")
        let unlimited = try world.bounded(["--tmpfs", place], fill)
        #expect(unlimited.lines.first != "No space" && unlimited.lines.last == "after")
    }

    /// The disk that an upper lies on is full: an error inside. What a start writes down lies elsewhere, so one that changes
    /// nothing goes on, and with room again so do changes.
    @Test func aFullUpperIsAnErrorInside() throws {
        let outcome = try world.sh(
            """
            unshare -Urm sh -c 'mkdir small; mount -t tmpfs -o size=2m small small; mkdir small/up
            run="$SANDBOX run --id-map single --upper small/up ./root sh -c"
            $run "dd if=/dev/zero of=/x bs=64k count=64 2>&1 | grep -o No.space; echo after"
            $run "echo starts"; rm small/up/x; $run "echo y >/y; cat /y"; $run "cat /y"'
            """)
        #expect(outcome.lines == ["No space", "after", "starts", "y", "y"] && outcome.errors.isEmpty, "\(outcome)")
        let large = try world.run(
            ["--upper", "./up"], "dd if=/dev/zero of=/x bs=64k count=64 2>&1 | grep -o 'No space'; echo after")
        #expect(large.output == "after\n")
    }
}
