// Sandboxes that stay under a name, and trees that do not want to go.

import ImageStore
import LinuxSystem
import SandboxPolicy
import Testing

struct KeptSandboxesTests {
    let world: World

    init() throws { world = try World() }

    private func keep(_ name: String) throws -> String {
        let folder = world.places.sandboxes + "/" + name
        try Files.makeDirectories(folder + "/upper")
        try Files.replace(folder + "/lock", with: [])
        return folder
    }

    @Test func oneIsListedAndRemoved() throws {
        let folder = try keep("work")
        try world.sh(
            "cd '\(folder)/upper'; printf 12345 >f; mkdir -p a/b; printf 123 >a/b/c; ln -s /etc link; mkdir -m 0 closed"
        )
        let kept = KeptSandboxes(world.places)
        let summary = try #require(try kept.list().first)
        #expect(summary.name == "work" && summary.size == 8 && !summary.isRunning)
        try kept.remove("work")
        #expect(try world.sh("ls -A '\(world.places.sandboxes)'") == "")
    }

    @Test func oneInUseStays() throws {
        let folder = try keep("busy")
        let lock = try Descriptor.open(folder + "/lock", [.readWrite])
        try lock.lock()
        let kept = KeptSandboxes(world.places)
        #expect(throws: ImageStoreError.sandboxInUse("busy")) { try kept.remove("busy") }
        #expect(try kept.list().first?.isRunning == true)
        #expect(Files.isAccessible(folder + "/upper", 0))
    }

    @Test(arguments: [("wrok", "work"), ("..", nil), ("", nil), ("work/upper", nil)])
    func anUnknownOneIsToldWithTheNearest(_ name: String, _ near: String?) throws {
        _ = try keep("work")
        #expect(throws: ImageStoreError.unknownSandbox(name, near: near)) {
            try KeptSandboxes(world.places).remove(name)
        }
    }

    @Test func noTreeIsTooClosedOrTooDeepToGo() throws {
        try world.sh(
            """
            mkdir -p outside t/closed/in t/read-only/in; touch outside/kept t/closed/in/f t/read-only/in/f t/1 t/2
            ln -s ../outside t/link; mkfifo t/pipe; mkdir t/3 t/3/4 t/5
            chmod 0 t/closed/in t/closed; chmod 555 t/read-only/in t/read-only
            """)
        try world.nest(in: "t")
        try Files.removeTree(world.folder + "/t")
        #expect(!Files.isAccessible(world.folder + "/t", 0))
        #expect(Files.isAccessible(world.folder + "/outside/kept", 0))
        try Files.removeTree(world.folder + "/t")
    }
}
