// The one writer of a store: what it makes aside, keeps, and clears away.

import LinuxSystem
import SandboxPolicy

/// The right to write to a store, for as long as this lives: one process has it at a time.
struct Writing {
    private let lock: SharedDescriptor
    private let data: String
    private static let mark = ".tmp-"

    /// What is made aside.
    enum Part: String, CaseIterable { case blob, layer, record }

    /// Makes the store's folders, waits for another writer to end, and removes what a killed one has left.
    init(_ places: Places) throws(ImageStoreError) {
        data = places.data
        do throws(Errno) {
            let folders = [places.images, places.blobs, places.data + "/layers", places.setup]
            for folder in [places.data] + folders { try Files.makeDirectories(folder) }
            lock = SharedDescriptor(
                try Descriptor.open(places.data + "/lock", [.readWrite, .create, .noFollow], mode: 0o600))
            try lock.descriptor.lock(wait: true)
            for folder in folders { try Self.clear(folder) }
        } catch { throw .writing("write to", places.data, error) }
    }

    /// Lets the next writer in.
    func end() { withExtendedLifetime(lock) {} }

    /// A new name in `folder` for something unfinished.
    func aside(in folder: String, _ part: Part) throws(ImageStoreError) -> String {
        do throws(Errno) { try Files.makeDirectories(folder) } catch { throw .writing("make", folder, error) }
        return "\(folder)/\(Self.mark)\(Process.id)-\(part.rawValue)"
    }

    /// Gives something finished its name, once all of it is on the disk; what has that name already is the same.
    func keep(_ aside: String, as path: String) throws(ImageStoreError) {
        if Files.isAccessible(path, 0) { return discard([aside]) }
        do throws(Errno) {
            try Descriptor.open(data, [.readOnly, .directory]).syncFileSystem()
            try Files.rename(aside, to: path)
        } catch { throw .writing("keep", path, error) }
    }

    /// Removes what is not to be kept. What can't be removed now is left to the next writer.
    func discard(_ unfinished: [String]) {
        for path in unfinished {
            do throws(Errno) { try Files.removeTree(path) } catch { continue }
        }
    }

    private static func clear(_ folder: String) throws(Errno) {
        let opened = try Descriptor.open(folder, [.readOnly, .directory])
        for name in try opened.fileNames() where isAside(name) {
            // What belongs to ids that are not mapped now goes when they are.
            do throws(Errno) { try opened.removeTree(name) } catch { continue }
        }
    }

    /// Others may put things aside in the same folder: theirs end otherwise.
    private static func isAside(_ name: FileName) -> Bool {
        let text = String(decoding: name.bytes, as: UTF8.self)
        return text.hasPrefix(mark) && Part.allCases.contains { text.hasSuffix("-" + $0.rawValue) }
    }
}
