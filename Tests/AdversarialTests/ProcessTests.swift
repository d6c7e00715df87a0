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
}
