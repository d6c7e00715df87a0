// The walk over an upper folder, each name beside what the lower layers show under it.

import LinuxSystem

/// One pass over an upper. A sandbox has made it and may have nested it without end, so folders wait in a list by their
/// path and are opened one at a time.
struct ChangeWalk {
    /// A lower layer, at its place inside.
    struct Root {
        let place: TreePath
        let folder: SharedDescriptor
    }

    /// A folder of a lower layer: the layer, and where in it.
    private struct Place {
        let root: Int
        let path: TreePath
    }

    /// What the lower layers show under one name.
    private struct Below {
        var status: FileStatus?
        /// The topmost layer's folder that holds the name.
        var holder: SharedDescriptor?
        /// The folders that merge there, topmost first.
        var folders: [Place] = []
    }

    private(set) var found: [Change] = []
    /// Folders that were not looked into, because no name beneath them could be opened.
    private(set) var unread: [TreePath] = []
    /// Folders that are another user's, and closed.
    private(set) var closed: [TreePath] = []
    private let upper: SharedDescriptor
    private let roots: [Root]
    private var waiting: [(path: TreePath, lowers: [Place])]

    /// - Parameter lowers: for each place the topmost first.
    init(upper: SharedDescriptor, lowers: [Root]) {
        self.upper = upper
        roots = lowers
        waiting = [(.root, Self.mounted(lowers, at: .root))]
    }

    mutating func run() throws(Errno) {
        while let (path, lowers) = waiting.popLast() {
            do throws(Errno) {
                let folder = SharedDescriptor(try upper.descriptor.open(beneath: path, [.readOnly, .directory]))
                try visit(folder, lowers: lowers, path)
            } catch .access where !path.isRoot {
                closed.append(path)
            } catch {
                // The sandbox may be running: what is gone since is no change any more.
                guard [.noEntry, .notDirectory, .loop].contains(error), !path.isRoot else { throw error }
            }
        }
    }

    private static func mounted(_ roots: [Root], at place: TreePath) -> [Place] {
        roots.indices.filter { roots[$0].place == place }.map { Place(root: $0, path: .root) }
    }

    private func open(_ place: Place, _ flags: OpenFlags) throws(Errno) -> SharedDescriptor {
        SharedDescriptor(try roots[place.root].folder.descriptor.open(beneath: place.path, flags))
    }

    private func open(_ places: [Place]) throws(Errno) -> [SharedDescriptor] {
        var folders: [SharedDescriptor] = []
        for place in places { folders.append(try open(place, [.path, .directory])) }
        return folders
    }

    private mutating func visit(
        _ folder: SharedDescriptor, lowers: [Place], _ path: TreePath
    ) throws(Errno) {
        let layers = try open(lowers)
        for name in try folder.descriptor.fileNames() {
            guard let status = try folder.descriptor.status(of: name) else { continue }
            let here = path.appending(name)
            let below = try below(name, lowers, layers, here)
            if try Whiteout.isWhiteout(status, name, in: folder.descriptor) {
                if let old = below.status { note(.deleted, here, old) }
            } else if status.kind == .directory {
                try visitFolder(name, status, in: folder, below, here)
            } else if let old = below.status, let holder = below.holder {
                let comparison = FileComparison(name: name, new: status, old: old)
                if try !comparison.isSame(folder.descriptor, holder.descriptor) { note(.modified, here, status) }
            } else {
                note(below.status == nil ? .added : .modified, here, status)
            }
        }
    }

    private mutating func visitFolder(
        _ name: FileName, _ status: FileStatus, in parent: SharedDescriptor, _ below: Below, _ path: TreePath
    ) throws(Errno) {
        // A place where another overlay is mounted is made by the launcher, not by the sandbox.
        let isMountPoint = roots.contains { $0.place.relative(to: path) != nil }
        if let old = below.status {
            let isChanged =
                old.kind != .directory || old.permissions != status.permissions || old.owner != status.owner
                || old.group != status.group
            if isChanged, !isMountPoint { note(.modified, path, status) }
        } else if !isMountPoint {
            note(.added, path, status)
        }
        let folder = try parent.descriptor.open(name, [.path, .directory])
        let isOpaque: Bool
        do throws(Errno) { isOpaque = try folder.isOpaque() } catch .access {
            closed.append(path)
            return
        }
        if isOpaque {
            let kept = Set(try folder.fileNames())
            try noteHidden(below.folders, path, kept: kept)
        }
        if path.bytes.count >= TreePath.longest {
            unread.append(path)
        } else {
            waiting.append((path, below.folders))
        }
    }

    /// What an opaque folder hides is deleted, but for what it holds itself.
    private mutating func noteHidden(_ lowers: [Place], _ path: TreePath, kept: Set<FileName>) throws(Errno) {
        let layers = try open(lowers)
        var hidden: Set<FileName> = []
        for layer in layers {
            do throws(Errno) { hidden.formUnion(try layer.descriptor.fileNames()) } catch .access { continue }
        }
        for name in hidden.subtracting(kept) {
            let here = path.appending(name)
            if let old = try below(name, lowers, layers, here).status { note(.deleted, here, old) }
        }
    }

    /// Merges the layers under `name` as overlayfs does: the topmost file, or folders down to the first that is opaque
    /// or lies over something else.
    private func below(
        _ name: FileName, _ lowers: [Place], _ layers: [SharedDescriptor], _ path: TreePath
    ) throws(Errno) -> Below {
        let mounted = Self.mounted(roots, at: path)
        if let top = mounted.first {
            return Below(status: try roots[top.root].folder.descriptor.status(), folders: mounted)
        }
        var below = Below()
        for (place, layer) in zip(lowers, layers) {
            guard let status = try status(of: name, in: layer) else { continue }
            if try Whiteout.isWhiteout(status, name, in: layer.descriptor) { break }
            if below.status == nil { (below.status, below.holder) = (status, layer) }
            // A file below a folder is hidden by it.
            guard status.kind == .directory, below.status?.kind == .directory else { break }
            below.folders.append(Place(root: place.root, path: place.path.appending(name)))
            if try layer.descriptor.open(name, [.path, .directory]).isOpaque() { break }
        }
        return below
    }

    /// A folder of the host that is closed to the user is closed to the sandbox, too: there is nothing to compare with.
    private func status(of name: FileName, in layer: SharedDescriptor) throws(Errno) -> FileStatus? {
        do throws(Errno) { return try layer.descriptor.status(of: name) } catch .access { return nil }
    }

    private mutating func note(_ kind: Change.Kind, _ path: TreePath, _ status: FileStatus) {
        found.append(Change(kind: kind, path: path, type: status.kind, size: status.size))
    }
}
