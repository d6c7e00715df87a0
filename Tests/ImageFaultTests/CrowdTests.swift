// Many processes at once on one store: each does what it says, or says that an image is gone.

import Foundation
import LinuxSystem
import Synchronization
import Testing

/// What went wrong in several threads.
private final class Complaints: Sendable {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

@Suite(.enabled(if: World.canRun, World.missing), .serialized) struct CrowdTests {
    let world: World
    let registry: ImageRegistry
    private let complaints = Complaints()

    init() throws {
        world = try World()
        registry = try ImageRegistry(world, files: 60)
    }

    /// What may be said where others remove images.
    private static let expected = [
        "no image ", " not found", "was removed meanwhile", "a layer of the store was removed while it was to be used",
        "is in use by a running sandbox",
    ]

    /// Runs `body` with its number in so many threads, and waits for all.
    private func together(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
        let complaints = complaints
        let group = DispatchGroup()
        for number in 0..<count {
            group.enter()
            Thread {
                do { try body(number) } catch { complaints.add("\(number): \(error)") }
                group.leave()
            }.start()
        }
        group.wait()
    }

    /// Runs a command that may fail as is to be expected, and in no other way.
    /// - Returns: what it did, or nil.
    private func attempt(_ words: [String]) throws -> Outcome? {
        let outcome = try world.sandbox(words)
        return hasWorked(outcome, "\(words)") ? outcome : nil
    }

    private func hasWorked(_ outcome: Outcome, _ what: String) -> Bool {
        if outcome.status == 0 { return true }
        let isOneLine = outcome.errors.filter { $0 == "\n" }.count == 1
        if !isOneLine || !Self.expected.contains(where: { outcome.errors.contains($0) }) {
            complaints.add("\(what): \(outcome)")
        }
        return false
    }

    /// Runs the top layer's file of an image.
    private func read(_ image: String, of number: Int) throws {
        let file = "/own\(number)/a/0"
        guard let outcome = try attempt(["run", "--pull", "never", image, "cat", file]) else { return }
        if outcome.output != "own\(number) 0\n" { complaints.add("\(image): \(outcome)") }
    }

    @Test(.timeLimit(.minutes(10))) func manyWritersLoseNothing() throws {
        let end = Date(timeIntervalSinceNow: World.seconds)
        let (crowd, world, registry, complaints) = (self, world, registry, complaints)
        together(8) { me in
            let number = me % ImageRegistry.count
            let image = registry.name(number)
            // A name that only this thread gives and takes away.
            var isMine = false
            while Date() < end {
                switch Int.random(in: 0..<9) {
                case 0, 1:
                    let pulled = try world.sandbox(["pull", "-q", image])
                    if pulled.status != 0 { complaints.add("pull: \(pulled)") }
                case 2: if try crowd.attempt(["tag", image, "own\(me)"]) != nil { isMine = true }
                case 3: _ = try crowd.attempt(["rmi"] + (Bool.random() ? ["--force"] : []) + [image])
                case 4: _ = try crowd.attempt(["prune"])
                case 5: try crowd.read(image, of: number)
                case 6:
                    guard isMine, try crowd.attempt(["rmi", "--force", "own\(me)"]) != nil else { continue }
                    isMine = false
                case 7:
                    let verified = try world.sandbox(["verify"])
                    if !verified.isSilent { complaints.add("verify: \(verified)") }
                default:
                    guard isMine else { continue }
                    let read = try world.sandbox(["run", "--pull", "never", "own\(me)", "cat", "/own\(number)/1"])
                    if read.output != "own\(number) 1\n" { complaints.add("own\(me) was lost: \(read)") }
                }
            }
        }
        #expect(complaints.all.isEmpty, "\(complaints.all.joined(separator: "\n"))")
        for number in 0..<ImageRegistry.count {
            try world.must(["pull", "-q", registry.name(number)])
            let read = try world.must(["run", "--pull", "never", registry.name(number), "cat", "/own\(number)/2"])
            #expect(read.output == "own\(number) 2\n")
        }
        try world.must(["prune"])
        #expect(try world.debris().isEmpty)
        let verified = try world.sandbox(["verify"])
        #expect(verified.isSilent, "\(verified)")
    }

    @Test(.timeLimit(.minutes(10))) func whatRunsIsWholeOrGone() throws {
        let end = Date(timeIntervalSinceNow: World.seconds / 2)
        let (crowd, world, image) = (self, world, registry.name(3))
        let worked = Mutex(0)
        try world.must(["pull", "-q", image])
        try world.must(["export", image, "-o", "image.tar"])
        let size = try FileStatus.of(world.folder + "/image.tar").size
        together(4) { me in
            while Date() < end {
                switch me {
                case 0:
                    _ = try crowd.attempt(["rmi", "--force", image])
                    _ = try crowd.attempt(["prune"])
                    try world.must(["pull", "-q", image])
                case 1:
                    // Read slowly: most of it is still to be written while others remove the image.
                    let script = "set -o pipefail; \"$1\" export \"$2\" | { head -c 1000; sleep 0.1; cat; } | wc -c"
                    let outcome = try world.sh(script, [World.binary, image], environment: world.store())
                    guard crowd.hasWorked(outcome, "export") else { continue }
                    if outcome.output != "\(size)\n" { crowd.complaints.add("the export is not whole: \(outcome)") }
                default:
                    // All files of the image, its last ones late.
                    let script = "sleep 0.05; cat /own3/?* /own3/a/* /shared1/?* 2>/dev/null | busybox wc -l"
                    let words = ["run", "--pull", "never", image, "busybox", "sh", "-c", script]
                    guard let outcome = try crowd.attempt(words) else { continue }
                    if outcome.output != "100\n" { crowd.complaints.add("run: \(outcome)") }
                    worked.withLock { $0 += 1 }
                }
            }
        }
        #expect(complaints.all.isEmpty, "\(complaints.all.joined(separator: "\n"))")
        #expect(worked.withLock { $0 } > 0)
    }
}
