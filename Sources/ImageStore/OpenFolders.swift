// The folders that an archive is being laid into: the one that is filled now, and those above it.

import LinuxSystem

/// A way from the root of a tree down to one folder, each folder on it open and writable for as long as it is on the
/// way. A folder gets its final mode and its time when it is left, so nothing has to be remembered of folders that are
/// finished, and an archive in the order of a tree walk opens each of its folders once.
struct OpenFolders {
    private struct Level {
        let name: FileName
        /// nil where too many are open: found again from the one below.
        var folder: SharedDescriptor?
        var state: State
    }

    /// What a folder gets when it is left.
    private struct State {
        var permissions: UInt32
        /// Whether the folder does not have these permissions now.
        var isChanged: Bool
        /// nil: as it comes.
        var modified: Timestamp?
        var group: UInt32
    }

    /// Folders held open at once: real trees are not as deep, and a process may hold 1,024.
    static let mostOpen = 64

    private let root: SharedDescriptor
    private var rootState: State
    private var levels: [Level] = []

    /// How many folders have been opened so far: what an archive costs that jumps between deep folders.
    private(set) var opened = 0

    /// - Parameter root: an empty folder, which gets mode 0755 unless `setAttributes` says otherwise.
    init(root: SharedDescriptor) throws(Errno) {
        self.root = root
        // What the folders above pass down is not for this tree.
        try root.descriptor.removeAttribute("system.posix_acl_default")
        try root.descriptor.removeAttribute("system.posix_acl_access")
        try root.descriptor.setMode(0o700)
        rootState = State(
            permissions: 0o755, isChanged: true, modified: nil, group: try root.descriptor.status().group)
    }

    /// The innermost folder.
    var current: SharedDescriptor { levels.last?.folder ?? root }

    /// The group that new files of `current` may inherit.
    var currentGroup: UInt32 { (levels.last?.state ?? rootState).group }

    /// Goes to the folder at `path`, making those on the way that are missing. A link of this tree on the way leads to
    /// where it would with the tree as the root.
    mutating func enter(_ path: ArraySlice<FileName>) throws(EntryFault) {
        var path = path
        for _ in 0..<Self.mostLinks {
            guard let place = try enterAsFarAs(path) else { return }
            path = try Self.following(link(path[place], in: current), path[..<place], path[(place + 1)...])[...]
        }
        throw .throughLink(TreePath(Array(path)).bytes)
    }

    /// - Returns: the place of a link on the way, which was not entered.
    private mutating func enterAsFarAs(_ path: ArraySlice<FileName>) throws(EntryFault) -> Int? {
        var shared = path.startIndex
        for (level, name) in zip(levels, path) {
            if level.name != name { break }
            shared += 1
        }
        try leave(to: shared - path.startIndex)
        for place in shared..<path.endIndex {
            let name = path[place]
            do throws(Errno) { try enter(name) } catch .loop { return place } catch .notDirectory {
                throw .throughFile(bytes(below: name))
            } catch { throw .system("entered", error) }
        }
        return nil
    }

    /// The folder at `path`, as `enter` would find it, without going there.
    mutating func place(of path: [FileName]) throws(Errno) -> SharedDescriptor {
        var path = path
        for _ in 0..<Self.mostLinks {
            do throws(Errno) {
                return SharedDescriptor(try root.descriptor.open(beneath: TreePath(path), [.path, .directory]))
            } catch .loop {
                path = try withoutFirstLink(path)
            }
        }
        throw .loop
    }

    private mutating func withoutFirstLink(_ path: [FileName]) throws(Errno) -> [FileName] {
        var folder = root
        opened += path.count
        for (place, name) in path.enumerated() {
            guard let status = try folder.descriptor.status(of: name) else { throw .noEntry }
            if status.kind == .symlink {
                do throws(EntryFault) {
                    return try Self.following(link(name, in: folder), path[..<place], path[(place + 1)...])
                } catch { throw .loop }
            }
            folder = SharedDescriptor(try folder.descriptor.open(name, [.path, .directory]))
        }
        throw .loop
    }

    /// As many as the kernel follows on one way (path_resolution(7)).
    private static let mostLinks = 40

    private func link(_ name: FileName, in folder: SharedDescriptor) throws(EntryFault) -> [UInt8] {
        do throws(Errno) { return try folder.descriptor.linkTarget(of: name) } catch { throw .system("read", error) }
    }

    private static func following(
        _ target: [UInt8], _ above: ArraySlice<FileName>, _ below: ArraySlice<FileName>
    ) throws(EntryFault) -> [FileName] {
        do throws(EntryFault) { return try way(target, from: Array(above)) + below } catch .climbsOut {
            throw .throughLink(TreePath(Array(above)).bytes + [UInt8(ascii: "/")] + target)
        }
    }

    /// The names on the way to `path` from the folder `start`, step by step, `..` as one back. Only what starts with a
    /// slash stays at the root when it goes up there.
    static func way(_ path: [UInt8], from start: [FileName]) throws(EntryFault) -> [FileName] {
        let isAbsolute = path.first == UInt8(ascii: "/")
        var names = isAbsolute ? [] : start
        for part in path.split(separator: UInt8(ascii: "/")) where part != [UInt8(ascii: ".")] {
            if part == [UInt8(ascii: "."), UInt8(ascii: ".")] {
                if names.popLast() == nil, !isAbsolute { throw .climbsOut }
                continue
            }
            guard let name = FileName(part) else { throw .nameless }
            names.append(name)
        }
        return names
    }

    /// Makes `name` a folder of the current one where it is none, replacing a file of that name, and goes there. A new
    /// one gets mode 0755 unless `setAttributes` says otherwise.
    /// - Returns: whether it is new.
    mutating func make(_ name: FileName) throws(Errno) -> Bool {
        let parent = current
        do throws(Errno) { try makeFolder(name) } catch .exists {
            guard let status = try parent.descriptor.status(of: name) else { throw .noEntry }
            if status.kind == .directory {
                try enter(name)
                return false
            }
            try parent.descriptor.removeFile(name)
            try makeFolder(name)
            if Whiteout.isWhiteout(status) { try Whiteout.opaque.lay(in: current.descriptor) }
        }
        return true
    }

    /// What the current folder becomes when it is left.
    /// - Parameters:
    ///   - modified: nil: as it is, or comes.
    ///   - group: the one it has now, where the caller has changed it.
    mutating func setAttributes(permissions: UInt32, modified: Timestamp? = nil, group: UInt32? = nil) {
        var state = levels.last?.state ?? rootState
        state.permissions = permissions
        state.isChanged = true
        state.modified = modified ?? state.modified
        state.group = group ?? state.group
        if levels.isEmpty { rootState = state } else { levels[levels.count - 1].state = state }
    }

    /// Leaves every folder, the root too. To be called once, at the end.
    mutating func leaveAll() throws(EntryFault) {
        try leave(to: 0)
        do throws(Errno) { try finish(root, rootState) } catch { throw .system("given its mode", error) }
    }

    private mutating func makeFolder(_ name: FileName) throws(Errno) {
        try current.descriptor.makeDirectory(name, mode: 0o700)
        try push(name, try current.descriptor.open(name, [.readOnly, .directory]), isNew: true)
    }

    private mutating func enter(_ name: FileName) throws(Errno) {
        let parent = current
        do throws(Errno) {
            try push(name, try parent.descriptor.open(name, [.readOnly, .directory]), isNew: false)
        } catch .access {
            // Closed to its owner, who may change that.
            let place = try parent.descriptor.open(name, [.path, .directory])
            let permissions = try place.status().permissions
            try place.setMode(0o700)
            try push(name, try parent.descriptor.open(name, [.readOnly, .directory]), isNew: false)
            levels[levels.count - 1].state.permissions = permissions
            levels[levels.count - 1].state.isChanged = true
        } catch .noEntry {
            try makeFolder(name)
        } catch .notDirectory {
            guard let status = try parent.descriptor.status(of: name), Whiteout.isWhiteout(status) else {
                throw .notDirectory
            }
            _ = try make(name)
        }
    }

    private mutating func push(_ name: FileName, _ folder: consuming Descriptor, isNew: Bool) throws(Errno) {
        var state: State
        if isNew {
            state = State(permissions: 0o755, isChanged: true, modified: nil, group: currentGroup)
        } else {
            let status = try folder.status()
            state = State(
                permissions: status.permissions, isChanged: false,
                modified: status.modificationTime, group: status.group)
            // Set-group-id is inherited; without the owner's bits nothing can be made here.
            if status.permissions & 0o7700 != 0o700 {
                try folder.setMode(0o700)
                state.isChanged = true
            }
        }
        opened += 1
        levels.append(Level(name: name, folder: SharedDescriptor(folder), state: state))
        if levels.count > Self.mostOpen { levels[levels.count - 1 - Self.mostOpen].folder = nil }
    }

    /// Leaves folders until `depth` are left.
    private mutating func leave(to depth: Int) throws(EntryFault) {
        do throws(Errno) {
            while levels.count > depth, let level = levels.popLast() {
                guard let folder = level.folder else { preconditionFailure("a folder is left from above") }
                // Before this one may be closed again.
                if let last = levels.indices.last, levels[last].folder == nil {
                    levels[last].folder = SharedDescriptor(try folder.descriptor.openParent())
                    opened += 1
                }
                try finish(folder, level.state)
            }
        } catch { throw .system("given its mode", error) }
    }

    private func finish(_ folder: SharedDescriptor, _ state: State) throws(Errno) {
        if let modified = state.modified { try folder.descriptor.setModified(modified) }
        if state.isChanged { try folder.descriptor.setMode(state.permissions) }
    }

    private func bytes(below name: FileName) -> [UInt8] { TreePath(levels.map(\.name) + [name]).bytes }
}
