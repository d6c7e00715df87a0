// One content in two blobs of an image: threads of one process that make the same layer.

import Foundation
import LinuxSystem
import Testing

@Suite(.enabled(if: World.canRun, World.missing)) struct TwinLayerTests {
    let world: World

    init() throws { world = try World() }

    @Test(.timeLimit(.minutes(2))) func oneContentInSeveralBlobsIsLaidOnce() throws {
        let entries: [[String: Any]] = (0..<20).map { ["path": "\($0)", "content": "\($0)"] }
        let layers = ["gzip", "zstd", "none"].map { ["entries": entries, "compression": $0] as [String: Any] }
        try JSONSerialization.data(withJSONObject: ["layers": layers])
            .write(to: URL(fileURLWithPath: world.folder + "/image.json"))
        let made = try world.sh(
            "exec \"$1\" image.json layout", [World.checkout + "/Tests/Fixtures/make-image"])
        try #require(made.status == 0, "\(made.errors)")
        for round in 0..<20 {
            let store = "data\(round)"
            try world.must(["load", "-q", "-i", "layout", "twins"], store: store)
            #expect(try world.debris(in: store).isEmpty)
            let trees = try world.sh("ls '\(world.path("layers", in: store))'").lines
            #expect(trees.count == 1, "\(trees)")
            #expect(try world.sandbox(["verify"], store: store).isSilent)
        }
    }
}
