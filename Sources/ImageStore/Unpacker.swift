// Laying the entries of an archive out beneath one folder, of which nothing may lead outside.

import LinuxSystem
import SandboxPolicy

/// Makes the tree of one layer. Every name is opened beneath the root without following links (openat2(2)), so the
/// archive can at most spoil its own tree. Attributes of folders are set by `finish`, when all is in them.
struct Unpacker {
    private let root: SharedDescriptor
    private let mode: IdentityMode
    private var folders: [TreePath: FolderAttributes] = [:]
    private var lastParent: (path: TreePath, folder: SharedDescriptor)?

    private struct FolderAttributes {
        let permissions: UInt32
        let modified: Timestamp?
    }

    init(root: SharedDescriptor, mode: IdentityMode) {
        self.root = root
        self.mode = mode
    }

    /// Lays one entry. A later one of the same name replaces an earlier one; a folder keeps what it holds.
    /// - Parameter content: writes the content of a regular file; its failure, not this one's, is the archive's.
    mutating func lay(
        _ entry: TarEntry, content: (borrowing Descriptor) -> TarReader.Failure?
    ) throws(EntryFault) {
        if entry.kind == .unwanted { return }
        let path = try Self.path(of: entry.name)
        guard let name = path.name else {
            guard entry.kind == .directory else { throw .nameless }
            return try setFolder(entry, path, root)
        }
        if Whiteout.isForeign(path) { return }
        let parent = try folder(path.parent)
        if let whiteout = try Whiteout(name) {
            return try attempt("made a white-out") { () throws(Errno) in try whiteout.lay(in: parent.descriptor) }
        }
        switch entry.kind {
        case .directory: try layFolder(entry, path, name, parent)
        case .hardLink(let target): try layHardLink(path, name, parent, to: target)
        case .symlink(let target): try laySymlink(entry, name, parent, to: target)
        case .fifo: try layFifo(entry, name, parent)
        case .regular: try layFile(entry, name, parent, content)
        case .unwanted: return
        }
    }

    /// Sets what the archive says of folders, innermost first, as a folder may then be closed to its owner.
    mutating func finish() throws(EntryFault) {
        lastParent = nil
        for (path, attributes) in folders.sorted(by: { $0.key > $1.key }) {
            let permissions = self.permissions(attributes.permissions)
            try attempt("given its mode") { () throws(Errno) in
                do throws(Errno) {
                    let folder = try root.descriptor.open(beneath: path, [.readOnly, .directory])
                    if let modified = attributes.modified { try folder.setModified(modified) }
                    try folder.setMode(permissions)
                } catch .noEntry {} catch .notDirectory {} catch .loop {}  // A later entry has replaced it.
            }
        }
        folders = [:]
    }

    // MARK: Names

    private static func path(of bytes: [UInt8]) throws(EntryFault) -> TreePath {
        if bytes.first == UInt8(ascii: "/") { throw .absolute }
        if bytes.count > 4095 { throw .tooLong }
        var names: [FileName] = []
        for part in bytes.split(separator: UInt8(ascii: "/")) where part != [UInt8(ascii: ".")] {
            if part == [UInt8(ascii: "."), UInt8(ascii: ".")] { throw .climbsOut }
            guard let name = FileName(part) else { throw .nameless }
            names.append(name)
        }
        return TreePath(names)
    }

    /// The folder at `path`, made with those above it where the archive has left them out.
    private mutating func folder(_ path: TreePath) throws(EntryFault) -> SharedDescriptor {
        if path.isRoot { return root }
        if let lastParent, lastParent.path == path { return lastParent.folder }
        var found: SharedDescriptor
        do throws(Errno) {
            found = SharedDescriptor(try root.descriptor.open(beneath: path, [.path, .directory]))
        } catch {
            found = root
            var reached = TreePath.root
            for name in path.names {
                reached = reached.appending(name)
                found = try enter(name, of: found, reached)
            }
        }
        lastParent = (path, found)
        return found
    }

    private func enter(
        _ name: FileName, of parent: SharedDescriptor, _ path: TreePath
    ) throws(EntryFault) -> SharedDescriptor {
        do throws(Errno) {
            guard let status = try parent.descriptor.status(of: name) else {
                try parent.descriptor.makeDirectory(name, mode: 0o700)
                let made = try parent.descriptor.open(name, [.readOnly, .directory])
                try made.setMode(0o755)
                return SharedDescriptor(made)
            }
            if status.kind == .directory {
                return SharedDescriptor(try parent.descriptor.open(name, [.path, .directory]))
            }
            throw status.kind == .symlink ? .loop : .notDirectory
        } catch .loop { throw .throughLink(path.bytes) } catch .notDirectory { throw .throughFile(path.bytes) } catch {
            throw .system("entered", error)
        }
    }

    // MARK: Kinds

    private mutating func layFolder(
        _ entry: TarEntry, _ path: TreePath, _ name: FileName, _ parent: SharedDescriptor
    ) throws(EntryFault) {
        do throws(Errno) {
            let status = try parent.descriptor.status(of: name)
            if status?.kind != .directory {
                if status != nil { try parent.descriptor.removeFile(name) }
                try parent.descriptor.makeDirectory(name, mode: 0o700)
            }
            let folder = SharedDescriptor(try parent.descriptor.open(name, [.readOnly, .directory]))
            if let status, Whiteout.isWhiteout(status) { try Whiteout.opaque.lay(in: folder.descriptor) }
            try setOwnerAndAttributes(entry, folder)
        } catch { throw fault("made", entry, error) }
        folders[path] = FolderAttributes(permissions: entry.permissions, modified: entry.modified)
    }

    private mutating func setFolder(
        _ entry: TarEntry, _ path: TreePath, _ folder: SharedDescriptor
    ) throws(EntryFault) {
        do throws(Errno) { try setOwnerAndAttributes(entry, folder) } catch { throw fault("made", entry, error) }
        folders[path] = FolderAttributes(permissions: entry.permissions, modified: entry.modified)
    }

    private mutating func layFile(
        _ entry: TarEntry, _ name: FileName, _ parent: SharedDescriptor,
        _ content: (borrowing Descriptor) -> TarReader.Failure?
    ) throws(EntryFault) {
        do throws(Errno) {
            try makeWay(for: name, in: parent)
            let file = SharedDescriptor(
                try parent.descriptor.open(name, [.writeOnly, .create, .exclusive], mode: 0o600))
            switch content(file.descriptor) {
            case nil: break
            case .write(let errno): throw errno
            default: return  // The reader's own failure is told by the reader.
            }
            try file.descriptor.setSize(entry.size)
            try setOwnerAndAttributes(entry, file)
            try file.descriptor.setMode(permissions(entry.permissions))
            if let modified = entry.modified { try file.descriptor.setModified(modified) }
        } catch { throw fault("written", entry, error) }
    }

    private mutating func laySymlink(
        _ entry: TarEntry, _ name: FileName, _ parent: SharedDescriptor, to target: [UInt8]
    ) throws(EntryFault) {
        do throws(Errno) {
            try makeWay(for: name, in: parent)
            try parent.descriptor.makeSymlink(name, to: target)
            if mode == .range { try setOwner(of: name, in: parent, entry) }
            if let modified = entry.modified { try parent.descriptor.setModified(name, modified) }
        } catch { throw fault("linked", entry, error) }
    }

    private mutating func layFifo(
        _ entry: TarEntry, _ name: FileName, _ parent: SharedDescriptor
    ) throws(EntryFault) {
        do throws(Errno) {
            try makeWay(for: name, in: parent)
            try parent.descriptor.makeNode(name, mode: 0o010600)
            if mode == .range { try setOwner(of: name, in: parent, entry) }
            try parent.descriptor.open(name, .link).setMode(permissions(entry.permissions))
            if let modified = entry.modified { try parent.descriptor.setModified(name, modified) }
        } catch { throw fault("made", entry, error) }
    }

    /// The link shares owner and mode with what it leads to: the entry's own are not looked at.
    private mutating func layHardLink(
        _ path: TreePath, _ name: FileName, _ parent: SharedDescriptor, to bytes: [UInt8]
    ) throws(EntryFault) {
        let target: TreePath
        do throws(EntryFault) { target = try Self.path(of: bytes) } catch { throw .linkOutside(bytes) }
        guard let targetName = target.name else { throw .linkToFolder(bytes) }
        if target == path { return }
        do throws(Errno) {
            let folder = try root.descriptor.open(beneath: target.parent, [.path, .directory])
            guard let status = try folder.status(of: targetName) else { throw .noEntry }
            if status.kind == .directory { throw .isDirectory }
            try makeWay(for: name, in: parent)
            try parent.descriptor.makeHardLink(name, to: targetName, in: folder)
        } catch .loop {
            throw .linkThroughLink(bytes)
        } catch .noEntry {
            throw .linkMissing(bytes)
        } catch .notDirectory {
            throw .linkMissing(bytes)
        } catch .isDirectory {
            throw .linkToFolder(bytes)
        } catch { throw .system("linked", error) }
    }

    // MARK: Attributes

    /// Removes what an earlier entry laid under this name.
    private mutating func makeWay(for name: FileName, in parent: SharedDescriptor) throws(Errno) {
        do throws(Errno) { try parent.descriptor.removeFile(name) } catch .noEntry {} catch .isDirectory {
            try parent.descriptor.removeTree(name)
            lastParent = nil
        }
    }

    /// Owner first: chown(2) takes capabilities and set-id bits away.
    private func setOwnerAndAttributes(_ entry: TarEntry, _ file: SharedDescriptor) throws(Errno) {
        if mode == .range {
            let (user, group) = try ids(entry)
            try file.descriptor.setOwner(user, group)
        }
        for (name, value) in entry.attributes where Self.isKept(name) {
            do throws(Errno) { try file.descriptor.setAttribute(name, to: value) } catch .permission {
            } catch .notSupported {}
        }
    }

    private func setOwner(of name: FileName, in parent: SharedDescriptor, _ entry: TarEntry) throws(Errno) {
        let (user, group) = try ids(entry)
        try parent.descriptor.setOwner(name, user, group)
    }

    private func ids(_ entry: TarEntry) throws(Errno) -> (UInt32, UInt32) {
        // The greatest number is "no change" to chown(2).
        guard let user = UInt32(exactly: entry.user), let group = UInt32(exactly: entry.group), user != .max,
            group != .max
        else { throw .invalid }
        return (user, group)
    }

    /// An archive must not speak to overlayfs: that is for its white-outs.
    private static func isKept(_ attribute: String) -> Bool {
        attribute == "security.capability" || attribute.hasPrefix("user.") && !attribute.hasPrefix("user.overlay.")
    }

    private func permissions(_ bits: UInt32) -> UInt32 { mode == .range ? bits : bits & 0o1777 }

    /// EINVAL from chown(2) is an id that the user namespace does not map.
    private func fault(_ action: String, _ entry: TarEntry, _ errno: Errno) -> EntryFault {
        errno == .invalid && mode == .range ? .owner(entry.user, entry.group) : .system(action, errno)
    }

    private func attempt(_ action: String, _ body: () throws(Errno) -> Void) throws(EntryFault) {
        do throws(Errno) { try body() } catch { throw .system(action, error) }
    }
}
