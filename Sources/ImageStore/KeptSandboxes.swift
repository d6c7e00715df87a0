// Sandboxes kept under a name: listed and removed.

import LinuxSystem
public import SandboxPolicy

public struct KeptSandboxes {
    private let places: Places

    public init(_ places: Places) { self.places = places }

    public struct Summary: Equatable, Sendable {
        public let name: String
        /// Bytes of the files in its upper.
        public let size: Int64
        /// Nanoseconds since the epoch.
        public let created: Int64
        public let isRunning: Bool
    }

    /// By name.
    public var names: [String] {
        do throws(Errno) {
            return try Descriptor.open(places.sandboxes, [.readOnly, .directory]).names()
                .filter { Policy.isSandboxName($0) }.sorted()
        } catch { return [] }
    }

    public func list() throws(ImageStoreError) -> [Summary] {
        var summaries: [Summary] = []
        for name in names {
            let folder = places.sandboxes + "/" + name
            do throws(Errno) {
                summaries.append(
                    Summary(
                        name: name,
                        size: try Self.size(of: Descriptor.open(folder + "/upper", [.readOnly, .directory])),
                        created: try FileStatus.of(folder + "/lock").modified, isRunning: try isRunning(folder)))
            } catch .noEntry {
                continue  // Removed meanwhile, or not yet whole.
            } catch { throw .system("read the sandbox", name, error) }
        }
        return summaries
    }

    private func isRunning(_ folder: String) throws(Errno) -> Bool { try Files.isLocked(folder + "/lock") }

    /// Folders wait by their path: a sandbox may have nested them without end.
    private static func size(of top: borrowing Descriptor) throws(Errno) -> Int64 {
        var total: Int64 = 0
        var waiting = [TreePath.root]
        while let path = waiting.popLast() {
            do throws(Errno) {
                let folder = try top.open(beneath: path, [.readOnly, .directory])
                for name in try folder.fileNames() {
                    guard let status = try folder.status(of: name) else { continue }
                    if status.kind == .directory { waiting.append(path.appending(name)) }
                    if status.kind == .regular { total += status.size }
                }
            } catch .access { continue } catch .noEntry { continue } catch .notDirectory { continue }
        }
        return total
    }

    /// Removes a sandbox with its changes. One that runs stays.
    public func remove(_ name: String) throws(ImageStoreError) {
        guard Policy.isSandboxName(name), names.contains(name) else {
            throw .unknownSandbox(name, near: Nearest.name(to: name, among: names))
        }
        let folder = places.sandboxes + "/" + name
        do throws(Errno) {
            // Held until it is gone: nobody starts it meanwhile.
            let lock = try Descriptor.open(folder + "/lock", [.readWrite, .create, .noFollow], mode: 0o600)
            do throws(Errno) { try lock.lock() } catch .wouldBlock { throw Errno.busy }
            try Files.removeTree(folder)
        } catch .busy { throw .sandboxInUse(name) } catch { throw .system("remove", folder, error) }
    }
}
