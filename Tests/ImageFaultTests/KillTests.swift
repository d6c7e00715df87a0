// Killed at any moment, a writer leaves a store that is whole.

import Foundation
import LinuxSystem
import Testing

@Suite(.enabled(if: World.canRun, World.missing)) struct KillTests {
    let world: World
    let registry: ImageRegistry

    init() throws {
        world = try World()
        registry = try ImageRegistry(world, files: 60)
    }

    /// Runs a command to its end once, to know its duration.
    private func duration(_ words: [String], _ store: String) throws -> Duration {
        try ContinuousClock().measure { try world.must(words, store: store) }
    }

    /// Starts a command, and kills it somewhere within its usual duration, which follows how busy the machine is.
    /// - Returns: whether it was killed before its end.
    private func kill(_ words: [String], within usual: inout Duration, _ store: String) throws -> Bool {
        let running = try world.start(words, store: store)
        usleep(UInt32.random(in: 0...UInt32(usual / .microseconds(1))))
        running.kill()
        let wasKilled = try running.finish().status == 128 + SIGKILL
        usual = usual * (wasKilled ? 1.1 : 0.8)
        return wasKilled
    }

    /// Two stores at a time, each with half of the kills.
    @Test(.timeLimit(.minutes(5)), arguments: ["one", "another"]) func killedWritersLeaveAWholeStore(
        _ store: String
    ) throws {
        let name = registry.name(0)
        try world.must(["pull", "-q", name], store: "fresh")
        try world.must(["export", name, "-o", "image.tar"], store: "fresh")
        try world.must(["import", "image.tar", "imported"], store: "fresh")
        let right = try world.layers(in: "fresh")

        let pull = ["pull", "-q", name]
        let importing = ["import", "image.tar", "imported"]
        let (remove, removeImported) = (["rmi", "--force", name], ["rmi", "--force", "imported"])
        var pullTime = try duration(pull, store)
        var importTime = try duration(importing, store)
        var removeTime = try duration(remove, store)
        var pruneTime = try duration(["prune"], store)
        try world.must(removeImported, store: store)

        var killed = 0
        let rounds = max(Int(World.seconds * 2), 1)
        for round in 0..<rounds {
            if try kill(pull, within: &pullTime, store) { killed += 1 }
            if try kill(importing, within: &importTime, store) { killed += 1 }
            // Something to remove, every other time; what is half there stays for the next pull to find.
            if round % 2 == 0 { try world.must(pull, store: store) }
            if try kill(round % 4 == 1 ? removeImported : remove, within: &removeTime, store) { killed += 1 }
            if try kill(["prune"], within: &pruneTime, store) { killed += 1 }
            guard round % 8 == 7 else { continue }
            let verified = try world.sandbox(["verify"], store: store)
            #expect(verified.isSilent, "after \(round + 1) rounds: \(verified)")
        }
        // The delays are right: most commands were not at their end yet.
        #expect(killed > rounds, "\(killed) of \(rounds * 4) were killed")

        try world.must(pull, store: store)
        try world.must(importing, store: store)
        #expect(try world.debris(in: store).isEmpty)
        let verified = try world.sandbox(["verify"], store: store)
        #expect(verified.isSilent, "\(verified)")
        try world.must(["prune"], store: store)
        #expect(try world.layers(in: store) == right)
        #expect(try world.must(["run", "--pull", "never", name, "cat", "/own0/7"], store: store).output == "own0 7\n")
    }
}
