// How a command is started, signalled, limited and reported.

import Foundation
import LinuxSystem
import TestWorld
import Testing

struct CommandTests {
    let world: World

    init() throws {
        world = try World()
        try world.makeRoot()
    }

    @Test(arguments: [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("exit 125", 125)])
    func theStatusIsTheCommandsOwn(_ script: String, _ status: Int32) throws {
        let outcome = try world.run(script)
        #expect(outcome.status == status)
        #expect(outcome.errors.isEmpty)
    }

    @Test func wordsArePassedByteForByte() throws {
        let outcome = try world.sh(
            "\"$SANDBOX\" run ./root printf '%s|' -- --profile '' 'a b' $'\\xff\\xfe' $'new\\nline' | od -An -tx1 | tr -d ' \\n'"
        )
        #expect(outcome.output == "2d2d7c2d2d70726f66696c657c7c6120627cfffe7c6e65770a6c696e657c")
    }

    @Test func standardInputAndOutputAreTheCommands() throws {
        #expect(try world.sh("printf abc | \"$SANDBOX\" run ./root cat").output == "abc")
    }

    @Test func aTermSignalReachesTheCommand() throws {
        let running = try world.start(
            World.binary,
            ["run", "./root", "sh", "-c", "trap 'echo got; exit 42' TERM; echo ready; while :; do sleep 0.05; done"])
        try running.waitForOutput("ready")
        running.signal(SIGTERM)
        let outcome = try running.finish()
        #expect(outcome.status == 42)
        #expect(outcome.output.contains("got"))
    }

    @Test func orphansAreReaped() throws {
        let outcome = try world.run("(sleep 0.1 & exit); sleep 0.5; grep -l 'State:.Z' /proc/[0-9]*/status")
        #expect(outcome.output.isEmpty)
    }

    @Test func aQuickCommandKeepsItsStatusUnderALimit() throws {
        #expect(try world.run(["--timeout", "20s"], "exit 3").status == 3)
    }

    @Test func explainRunsNothingAndSaysWhere() throws {
        try world.write("p.toml", "hostname = \"fromprofile\"\n")
        let outcome = try world.sandbox(
            [
                "run", "--explain", "--profile", "./p.toml", "--env", "A=1", "--upper", "./up", "./root", "touch",
                "/tmp/ran",
            ])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("hostname fromprofile") && outcome.output.contains("(profile "))
        #expect(outcome.output.contains("env A=1") && outcome.output.contains("(command line)"))
        #expect(outcome.output.contains("pivot into the new root"))
        #expect(!FileManager.default.fileExists(atPath: world.folder + "/up"))
        let json = try world.sandbox(["run", "--explain=json", "./root", "true"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect((object?["namespaces"] as? [String])?.count == 7)
        #expect((object?["steps"] as? [String])?.isEmpty == false)
    }

    @Test func aShellRunsWordsOnThisMachine() throws {
        #expect(try world.sandbox(["shell", "sh", "-c", "pwd; exit 4"]).status == 4)
        #expect(try world.sandbox(["shell", "pwd"]).output == world.folder + "\n")
    }

    @Test func nothingIsSaidOnSuccess() throws {
        let outcome = try world.run("true")
        #expect(outcome.output.isEmpty && outcome.errors.isEmpty)
    }
}
