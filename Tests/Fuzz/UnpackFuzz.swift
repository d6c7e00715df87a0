// What libFuzzer calls with bytes of its own making: they are taken for an archive and unpacked into a folder that is
// removed again. Beyond crashes it looks for anything laid outside of that folder, and for descriptors left open.

import Glibc
import LinuxSystem
import SandboxPolicy

@testable import ImageStore

/// The folder SANDBOX_FUZZ_FOLDER, with a file that no archive may touch beside the tree that each may fill.
private struct Playground {
    let folder: String
    let store: ImageStore

    var tree: String { folder + "/tree" }

    init(_ folder: String) throws {
        self.folder = folder
        let places = Places(home: folder, dataHome: nil, cacheHome: nil, configHome: nil)
        store = ImageStore(places, limits: UnpackLimits(bytes: 64 << 20, entries: 2000))
        try Files.makeDirectories(folder)
        try Files.replace(folder + "/neighbour", with: [1])
    }

    /// What can be seen from outside of the tree.
    func state() throws -> [String] {
        let open = try Descriptor.open("/proc/self/fd", [.readOnly, .directory]).names().count
        let names = try Descriptor.open(folder, [.readOnly, .directory]).names().sorted()
        return try names + ["\(open)", FileStatus.of(folder + "/neighbour").stamp]
    }

    /// Removes the tree, and ends the process where anything else has changed since `before`.
    func clear(_ before: [String]) throws {
        try Files.removeTree(tree)
        // The thread that reads lets go of its descriptors when it has ended.
        var after = try state()
        for _ in 0..<1000 where after != before {
            usleep(1000)
            after = try state()
        }
        if after != before { fatalError("\(before) became \(after)") }
    }
}

private let playground = Result { try Playground(Process.environment("SANDBOX_FUZZ_FOLDER") ?? "") }

@_cdecl("LLVMFuzzerTestOneInput")
public func unpackOne(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    do {
        let playground = try playground.get()
        // libFuzzer opens things of its own between two calls.
        let before = try playground.state()
        let file = try Descriptor.memoryFile("fuzz")
        try file.write(withSums(Array(UnsafeBufferPointer(start: bytes, count: count))))
        try file.rewind()
        unpack(file, in: playground)
        try playground.clear(before)
    } catch { fatalError("\(error)") }
    return 0
}

/// The same with the sum of each header set right (POSIX pax, "ustar Interchange Format"): chance does not find it.
private func withSums(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for start in stride(from: 0, to: bytes.count - 511, by: 512) {
        guard bytes[(start + 257)..<(start + 262)].elementsEqual("ustar".utf8) else { continue }
        let field = (start + 148)..<(start + 156)
        bytes.replaceSubrange(field, with: [UInt8](repeating: UInt8(ascii: " "), count: 8))
        let sum = String(bytes[start..<(start + 512)].reduce(0) { $0 + Int($1) }, radix: 8)
        bytes.replaceSubrange(field, with: Array((String(repeating: "0", count: 6 - sum.count) + sum + "\0 ").utf8))
    }
    return bytes
}

private func unpack(_ file: consuming Descriptor, in playground: Playground) {
    let file = SharedDescriptor(file)
    do throws(ImageStoreError) {
        _ = try playground.store.unpack(file, "fuzz", keptAt: nil, into: playground.tree, .single, { _ in })
    } catch {}  // Most are no archives.
}
