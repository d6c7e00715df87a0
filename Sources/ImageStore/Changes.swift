// What an upper folder changed against its lower layers, read as overlayfs reads it
// (Documentation/filesystems/overlayfs, "Upper and Lower", "whiteouts and opaque directories").

public import LinuxSystem
public import SandboxPolicy

/// One difference between what a sandbox was started on and what it left.
public struct Change: Equatable, Sendable {
    public enum Kind: String, Sendable, Codable {
        case added, modified, deleted
    }
    public let kind: Kind
    /// Inside the root, without the leading slash.
    public let path: TreePath
    /// What it is now, or was before it was deleted.
    public let type: FileKind
    /// Bytes, as `type` has them now or had them.
    public let size: Int64
}

/// An upper folder with the layers it was used on.
public struct ChangedTree: Sendable {
    /// A folder of the host that is a lower layer at a place inside (`/`, or `/usr` on `host`).
    public struct Lower: Equatable, Sendable {
        public let place: String
        public let folder: String
    }
    public let upper: String
    /// Topmost first.
    public let lowers: [Lower]

    /// Finds a kept sandbox by its name, or the folder that was given with --upper.
    public static func find(_ word: String, _ places: Places) throws(ImageStoreError) -> ChangedTree {
        if !word.contains("/"), Policy.isSandboxName(word) {
            let folder = places.sandboxes + "/" + word
            if let lowers = record(folder) { return ChangedTree(upper: folder + "/upper", lowers: lowers) }
        }
        let path: String
        do throws(Errno) { path = try Files.canonical(word) } catch {
            throw .unknownSandbox(word, near: Nearest.name(to: word, among: KeptSandboxes(places).names))
        }
        let parts = path.split(separator: "/")
        let state = "/" + (parts.dropLast() + [".\(parts.last ?? "root").sandbox"]).joined(separator: "/")
        guard let lowers = record(state) else { throw .notAnUpper(word) }
        return ChangedTree(upper: path, lowers: lowers)
    }

    /// The list that the launcher wrote: place and folder in turn.
    private static func record(_ folder: String) -> [Lower]? {
        let words: [String]
        do throws(Errno) { words = Words.split(try Files.read(folder + "/lowers")) } catch { return nil }
        return stride(from: 0, to: words.count - words.count % 2, by: 2).map {
            Lower(place: words[$0], folder: words[$0 + 1])
        }
    }

    /// All changes, by path. Folders that only hold changes are not changes; a file that was copied up and is as it
    /// was is none either.
    public func changes() throws(ImageStoreError) -> [Change] {
        var walk = ChangeWalk(lowers)
        do throws(Errno) {
            let root = SharedDescriptor(try .open(upper, [.readOnly, .directory]))
            try walk.visit(root, lowers: try walk.opened(at: "/"), path: .root)
        } catch {
            throw walk.missing ?? .system("read the changes in", upper, error)
        }
        return walk.found.sorted { $0.path < $1.path }
    }
}

private struct ChangeWalk {
    var found: [Change] = []
    /// Set where a recorded layer is gone.
    var missing: ImageStoreError?
    private let lowers: [ChangedTree.Lower]

    init(_ lowers: [ChangedTree.Lower]) { self.lowers = lowers }

    /// What the lower layers show under one name.
    private struct Below {
        var status: FileStatus?
        /// The topmost layer's folder that holds the name.
        var holder: SharedDescriptor?
        /// The folders that merge there, topmost first.
        var folders: [SharedDescriptor] = []
    }

    mutating func opened(at place: String) throws(Errno) -> [SharedDescriptor] {
        var folders: [SharedDescriptor] = []
        for lower in lowers where lower.place == place {
            do throws(Errno) {
                folders.append(SharedDescriptor(try .open(lower.folder, [.readOnly, .directory])))
            } catch {
                missing = .lowerGone(lower.folder, error)
                throw error
            }
        }
        return folders
    }

    mutating func visit(_ upper: SharedDescriptor, lowers: [SharedDescriptor], path: TreePath) throws(Errno) {
        let names = try upper.descriptor.fileNames()
        for name in names {
            guard let status = try upper.descriptor.status(of: name) else { continue }
            let here = path.appending(name)
            let below = try below(name, lowers, here)
            if try Whiteout.isWhiteout(status, name, in: upper.descriptor) {
                if let old = below.status { note(.deleted, here, old) }
            } else if status.kind == .directory {
                try visitFolder(name, status, in: upper, below, here)
            } else if let old = below.status {
                if let holder = below.holder,
                    try isSame(name, status, in: upper.descriptor, old, in: holder.descriptor)
                {
                    continue
                }
                note(.modified, here, status)
            } else {
                note(.added, here, status)
            }
        }
    }

    private mutating func visitFolder(
        _ name: FileName, _ status: FileStatus, in upper: SharedDescriptor, _ below: Below, _ path: TreePath
    ) throws(Errno) {
        let folder = SharedDescriptor(try upper.descriptor.open(name, [.readOnly, .directory, .noFollow]))
        if let old = below.status {
            let isChanged =
                old.kind != .directory || old.permissions != status.permissions || old.owner != status.owner
                || old.group != status.group
            if isChanged { note(.modified, path, status) }
        } else {
            note(.added, path, status)
        }
        if try Whiteout.isOpaque(folder.descriptor) {
            let kept = Set(try folder.descriptor.fileNames())
            var gone: Set<FileName> = []
            for lower in below.folders { gone.formUnion(try lower.descriptor.fileNames()) }
            for name in gone.subtracting(kept) {
                let here = path.appending(name)
                if let old = try self.below(name, below.folders, here).status { note(.deleted, here, old) }
            }
        }
        try visit(folder, lowers: below.folders, path: path)
    }

    private mutating func below(
        _ name: FileName, _ lowers: [SharedDescriptor], _ path: TreePath
    ) throws(Errno) -> Below {
        let mounted = try opened(at: "/" + String(decoding: path.bytes, as: UTF8.self))
        if let top = mounted.first { return Below(status: try top.descriptor.status(), folders: mounted) }
        var below = Below()
        for lower in lowers {
            guard let status = try lower.descriptor.status(of: name) else { continue }
            if try Whiteout.isWhiteout(status, name, in: lower.descriptor) { break }
            if below.status == nil { (below.status, below.holder) = (status, lower) }
            guard status.kind == .directory else { break }
            let folder: SharedDescriptor
            do throws(Errno) {
                folder = SharedDescriptor(try lower.descriptor.open(name, [.readOnly, .directory, .noFollow]))
            } catch .access { break }
            below.folders.append(folder)
            if try Whiteout.isOpaque(folder.descriptor) { break }
        }
        return below
    }

    private mutating func note(_ kind: Change.Kind, _ path: TreePath, _ status: FileStatus) {
        found.append(Change(kind: kind, path: path, type: status.kind, size: status.size))
    }

    /// Whether a file was copied up and is as it was: attributes first, then the bytes.
    private func isSame(
        _ name: FileName, _ status: FileStatus, in upper: borrowing Descriptor, _ old: FileStatus,
        in lower: borrowing Descriptor
    ) throws(Errno) -> Bool {
        guard status.kind == old.kind, status.permissions == old.permissions, status.owner == old.owner,
            status.group == old.group
        else { return false }
        switch status.kind {
        case .symlink: return try upper.linkTarget(of: name) == lower.linkTarget(of: name)
        case .regular:
            guard status.size == old.size else { return false }
            do throws(Errno) { return try Self.haveSameBytes(name, upper, lower) } catch .access { return false }
        default: return status.specialDevice == old.specialDevice
        }
    }

    private static func haveSameBytes(
        _ name: FileName, _ a: borrowing Descriptor, _ b: borrowing Descriptor
    ) throws(Errno) -> Bool {
        let first = try a.open(name, [.readOnly, .noFollow, .nonBlocking])
        let second = try b.open(name, [.readOnly, .noFollow, .nonBlocking])
        while true {
            let bytes = try first.read(upTo: 1 << 16)
            if bytes.isEmpty { return true }
            var rest = bytes[...]
            while !rest.isEmpty {
                let other = try second.read(upTo: rest.count)
                if other.isEmpty || !rest.starts(with: other) { return false }
                rest = rest.dropFirst(other.count)
            }
        }
    }
}
