// Sandboxes kept under a name: listed and removed.

import LinuxSystem
public import SandboxPolicy

public struct KeptSandboxes {
    private let places: Places

    public init(_ places: Places) { self.places = places }

    public struct Summary: Equatable, Sendable {
        public let name: String
        /// ROOTFS and the command, as they were given; empty where the record can't be read.
        public let image: String
        public let command: [String]
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
                        name: name, image: record(of: name)?.line.subject ?? "",
                        command: record(of: name)?.kept.command ?? [],
                        size: try DiskUsage.of(
                            SharedDescriptor(Descriptor.open(folder + "/upper", [.readOnly, .directory]))),
                        created: try FileStatus.of(folder + "/lock").modified, isRunning: try isRunning(folder)))
            } catch .noEntry {
                continue  // Removed meanwhile, or not yet whole.
            } catch { throw .system("read the sandbox", name, error) }
        }
        return summaries
    }

    private func isRunning(_ folder: String) throws(Errno) -> Bool { try Files.isLocked(folder + "/lock") }

    /// The folders that a sandbox's root is made of, lowest first, its changes last.
    /// - Throws: `.unknownSandbox`; `.severalRoots` where it is no one stack of folders, as on `host`.
    public func folders(of name: String) throws(ImageStoreError) -> [String] {
        let folder = try folder(of: name)
        let lowers = ChangedTree.record(folder) ?? []
        guard !lowers.isEmpty, lowers.allSatisfy({ $0.place == "/" }) else { throw .severalRoots(name) }
        return lowers.map(\.folder).reversed() + [folder + "/upper"]
    }

    private func folder(of name: String) throws(ImageStoreError) -> String {
        guard Policy.isSandboxName(name), names.contains(name) else {
            throw .unknownSandbox(name, near: Nearest.name(to: name, among: names))
        }
        return places.sandboxes + "/" + name
    }

    /// The image that a sandbox was made on, as it was then; nil where an earlier version made it, or on no image.
    func image(of name: String) -> ImageRecord? {
        Files.content(places.keptImage(name), limit: 16 << 20).flatMap { ImageRecord(encoded: $0) }
    }

    /// The image that a sandbox is started again on, by the name that it was made with.
    func root(of name: String) -> ImageReference? {
        record(of: name)?.line.subject.flatMap { ImageReference($0) }
    }

    /// One that can't be read is not started again either.
    private func record(of name: String) -> (kept: KeptSandbox, line: CommandWords)? {
        guard let bytes = try? Files.read(places.kept(name), limit: 1 << 20),
            let kept = KeptSandbox(encoded: bytes), let line = try? CommandWords(kept.words)
        else { return nil }
        return (kept, line)
    }

    /// Host folders that the layers below a sandbox's changes are.
    public func lowers(of name: String) -> [String] {
        (ChangedTree.record(places.sandboxes + "/" + name) ?? []).map(\.folder)
    }

    /// What stands in a folder of the store, without what is not finished.
    static func entries(_ folder: String) -> [String] {
        do throws(Errno) {
            return try Descriptor.open(folder, [.readOnly, .directory]).names().filter { !$0.hasPrefix(".") }.sorted()
        } catch { return [] }
    }

    /// Removes a sandbox with its changes. One that runs stays.
    public func remove(_ name: String) throws(ImageStoreError) {
        let folder = try folder(of: name)
        do throws(Errno) {
            // Held until it is gone: nobody starts it meanwhile.
            let lock = try Descriptor.open(folder + "/lock", [.readWrite, .create, .noFollow], mode: 0o600)
            do throws(Errno) { try lock.lock() } catch .wouldBlock { throw Errno.busy }
            try Files.removeTree(folder)
        } catch .busy { throw .sandboxInUse(name) } catch { throw .system("remove", folder, error) }
    }
}
