// Names, what is removed with them, and what damage is found.

import Foundation
import LinuxSystem
import SandboxPolicy
import Testing

@testable import ImageStore

@Suite struct HousekeepingTests {
    let world: World
    init() throws { world = try World() }

    func image(_ files: String...) throws -> MadeImage {
        try MadeImage(
            files.map {
                var tar = TarWriter()
                tar.file($0, "content")
                return tar.finished
            })
    }

    func add(_ image: MadeImage, _ name: String) throws {
        try world.store.add(image, as: try world.reference(name), platform: .host, mode: .single)
    }

    func parts() throws -> Int {
        Int(
            try world.sh("ls '\(world.places.blobs)' '\(world.places.layers)' | grep -c '[0-9a-f]\\{64\\}' || true")
                .trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }

    @Test func anImageGoesWithWhatNoOtherHas() throws {
        try add(image("base", "one"), "first")
        try add(image("base", "two"), "second")
        #expect(try parts() == 4 + 3 + 3)
        try world.store.remove(try world.reference("first"))
        #expect(try parts() == 4 + 2)
        try world.store.remove(try world.reference("second"))
        #expect(try parts() == 0)
        #expect(throws: ImageStoreError.unknownImage("second:latest", near: nil)) {
            try world.store.remove(try world.reference("second"))
        }
    }

    @Test func aSecondNameKeepsTheImage() throws {
        try add(image("f"), "one")
        try world.store.tag(try world.reference("one"), as: try world.reference("team/two:3"))
        let before = try parts()
        try world.store.remove(try world.reference("one"))
        #expect(try parts() == before)
        #expect(try world.store.images().map(\.reference.description) == ["team/two:3"])
        #expect(try world.store.images().map(\.uniqueSize) == world.store.images().map(\.size))
    }

    @Test func whatARunningSandboxUsesStays() throws {
        try add(image("f"), "x")
        let reference = try world.reference("x")
        let tree = world.places.layer(try world.store.record(reference).layers[0].content, .single)
        var file: SharedDescriptor? = SharedDescriptor(try .open(world.places.lock, [.readWrite]))
        try file?.descriptor.lockByte(at: Places.lockOffset(of: tree), exclusive: false, wait: true)
        #expect(throws: ImageStoreError.imageInUse("x:latest", by: "a running sandbox")) {
            try world.store.remove(reference)
        }
        try world.store.remove(reference, force: true)
        #expect(Files.text(tree + "/f") == "content")
        _ = try world.store.prune()
        #expect(Files.text(tree + "/f") == "content")
        file = nil
        #expect(try world.store.prune().parts == 1)
        #expect(!Files.isAccessible(tree, 0))
    }

    @Test func whatAKeptSandboxIsMadeOfStays() throws {
        try add(image("f"), "x")
        let reference = try world.reference("x")
        let tree = world.places.layer(try world.store.record(reference).layers[0].content, .single)
        let folder = world.places.sandboxes + "/mine"
        try Files.makeDirectories(folder + "/upper")
        try Files.replace(folder + "/lowers", with: Words.join(["/", tree]))
        #expect(throws: ImageStoreError.imageInUse("x:latest", by: "the kept sandbox mine")) {
            try world.store.remove(reference)
        }
        try world.store.remove(reference, force: true)
        #expect(Files.text(tree + "/f") == "content")
    }

    @Test func nothingIsPrunedBesideADamagedRecord() throws {
        try add(image("f"), "x")
        let before = try parts()
        let record = world.places.images + "/" + (try world.reference("x")).fileName
        try Files.replace(record, with: Array("rubbish".utf8))
        #expect(throws: ImageStoreError.damagedRecord("x:latest")) { try world.store.prune() }
        #expect(try parts() == before)
        try world.store.remove(try world.reference("x"))
        #expect(try world.store.prune().parts == before)
    }

    @Test func aNewerStoreIsLeftAlone() throws {
        try add(image("f"), "x")
        try Files.replace(world.places.data + "/version", with: Array("2\n".utf8))
        #expect(throws: ImageStoreError.newerStore(world.places.data, 2)) { try add(image("g"), "y") }
        #expect(try world.store.images().count == 1)
    }

    @Test(arguments: [
        "echo z >>f", "chmod 600 f", "touch -d @5 f", "rm f", "touch new", "ln -sf x f",
        "setfattr -n user.a -v b f || touch new",
    ])
    func aChangedLayerIsFoundAndRepaired(change: String) throws {
        let image = try image("f")
        try add(image, "x")
        let tree = world.places.layer(image.manifest.layers[0].digest, .single)
        try world.sh("chmod u+w '\(tree)'; cd '\(tree)'; \(change)")
        let found = try world.store.verify(repairing: nil, modes: [.single])
        #expect(found.count == 1 && found.allSatisfy(\.remains))
        #expect(try world.store.verify(repairing: { _, _ in nil }, modes: [.single]).map(\.remains) == [false])
        #expect(try world.store.verify(repairing: nil, modes: [.single]) == [])
        #expect(Files.text(tree + "/f") == "content")
    }

    @Test func aChangedBlobIsGotAnew() throws {
        let image = try image("f")
        try add(image, "x")
        let blob = world.places.blob(image.manifest.layers[0].digest)
        try Files.replace(blob, with: [1])
        #expect(try world.store.verify(repairing: nil, modes: [.single]).map(\.remains) == [true])
        #expect(try world.store.verify(repairing: { _, _ in image }, modes: [.single]).map(\.remains) == [false])
        #expect(try world.store.verify(repairing: nil, modes: [.single]) == [])
    }
}
