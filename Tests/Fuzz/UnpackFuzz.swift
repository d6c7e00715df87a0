// What libFuzzer calls with bytes of its own making: they are taken for an archive and unpacked into a folder that is
// removed again. Beyond crashes it looks for anything laid outside of that folder, and for descriptors left open.

import Glibc
import LinuxSystem
import SandboxPolicy

@testable import ImageStore

/// A folder of this process in memory, with a file that no archive may touch beside the tree that each may fill.
private struct Playground {
    let folder: String
    let store: ImageStore
    private let before: [String]

    var tree: String { folder + "/tree" }

    init(_ folder: String) throws {
        self.folder = folder
        let places = Places(home: folder, dataHome: nil, cacheHome: nil, configHome: nil)
        store = ImageStore(places, limits: UnpackLimits(bytes: 64 << 20, entries: 2000))
        try Files.makeDirectories(folder)
        try Files.replace(folder + "/neighbour", with: [1])
        before = try Self.state(folder)
    }

    /// What can be seen from outside of the tree.
    private static func state(_ folder: String) throws -> [String] {
        let open = try Descriptor.open("/proc/self/fd", [.readOnly, .directory]).names().count
        let names = try Descriptor.open(folder, [.readOnly, .directory]).names().sorted()
        return try names + ["\(open)", FileStatus.of(folder + "/neighbour").stamp]
    }

    /// Removes the tree, and ends the process where anything else has changed.
    func clear() throws {
        try Files.removeTree(tree)
        // The thread that reads lets go of its descriptors when it has ended.
        var after = try Self.state(folder)
        for _ in 0..<1000 where after != before {
            usleep(1000)
            after = try Self.state(folder)
        }
        if after != before { fatalError("\(before) became \(after)") }
    }
}

private let playground = Result { try Playground("/dev/shm/sandbox-fuzz-\(Process.id)") }

@_cdecl("LLVMFuzzerTestOneInput")
public func unpackOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    do {
        let playground = try playground.get()
        let file = try Descriptor.memoryFile("fuzz")
        try file.write(UnsafeRawBufferPointer(start: bytes, count: count).bytes)
        try file.rewind()
        unpack(SharedDescriptor(file), in: playground)
        try playground.clear()
    } catch { fatalError("\(error)") }
    return 0
}

private func unpack(_ file: SharedDescriptor, in playground: Playground) {
    do throws(ImageStoreError) {
        _ = try playground.store.unpack(file, "fuzz", keptAt: nil, into: playground.tree, .single, { _ in })
    } catch {}  // Most are no archives.
}
