// Laying the entries of an archive out beneath one folder, of which nothing may lead outside.

import LinuxSystem
import SandboxPolicy

/// Makes the tree of one layer. Every folder is opened by name in the one above without following links (openat2(2)),
/// and files are made in open folders, so the archive can at most spoil its own tree.
///
/// Of what an archive may say this is kept: content with its holes, the kinds of file but device nodes and sockets, hard
/// links, modes, times of modification to the nanosecond, the attributes of `isKept`, and in `.range` mode owners and
/// set-id bits, which then mean ids that belong to the sandbox alone. White-outs take the form that overlayfs reads.
struct Unpacker {
    private let mode: IdentityMode
    private var folders: OpenFolders
    /// Bits that a new file does not get.
    private let mask = Process.fileModeMask
    /// What a new file belongs to.
    private let owner: (user: UInt32, group: UInt32) = (Process.effectiveUser, Process.effectiveGroup)
    /// Hashes of the names that were not laid, because nobody could use them: a hard link to one is left out, too.
    private var leftOut: Set<Int> = []

    /// - Parameter root: an empty folder.
    init(root: SharedDescriptor, mode: IdentityMode) throws(Errno) {
        self.mode = mode
        folders = try OpenFolders(root: root)
    }

    /// Lays one entry. A later one of the same name replaces an earlier one; a folder keeps what it holds.
    /// - Parameter content: writes the content of a regular file; its failure, not this one's, is the archive's.
    mutating func lay(
        _ entry: TarEntry, content: (borrowing Descriptor) -> TarReader.Failure?
    ) throws(EntryFault) {
        let path = try Self.names(of: entry.name)
        if entry.kind == .unwanted {
            leftOut.insert(path.hashValue)
            return
        }
        guard let name = path.last else {
            guard entry.kind == .directory else { throw .nameless }
            try folders.enter([])
            return try setFolder(entry, isNew: false)
        }
        if Whiteout.isForeign(path) { return }
        try folders.enter(path.dropLast())
        if let whiteout = try Whiteout(name) {
            let folder = folders.current
            return try attempt("made a white-out") { () throws(Errno) in try whiteout.lay(in: folder.descriptor) }
        }
        switch entry.kind {
        case .directory:
            let isNew: Bool
            do throws(Errno) { isNew = try folders.make(name) } catch { throw fault("made", entry, error) }
            try setFolder(entry, isNew: isNew)
        case .hardLink(let target): try layHardLink(path, name, to: target)
        case .symlink(let target): try laySymlink(entry, name, to: target)
        case .fifo: try layFifo(entry, name)
        case .regular: try layFile(entry, name, content)
        case .unwanted: return
        }
    }

    /// How many folders have been opened so far.
    var foldersOpened: Int { folders.opened }

    /// Sets what the archive says of the folders that are not finished yet.
    mutating func finish() throws(EntryFault) { try folders.leaveAll() }

    // MARK: Names

    /// The way from the root of the tree, which is what a leading slash stands for.
    private static func names(of bytes: [UInt8]) throws(EntryFault) -> [FileName] {
        if bytes.count > 4095 { throw .tooLong }
        return try OpenFolders.way(bytes, from: [])
    }

    // MARK: Kinds

    /// The current folder becomes what the entry says.
    private mutating func setFolder(_ entry: TarEntry, isNew: Bool) throws(EntryFault) {
        do throws(Errno) {
            let folder = folders.current
            let ids = try ids(entry)
            if let ids, !isNew || !isOwner(ids) { try folder.descriptor.setOwner(ids.user, ids.group) }
            try setAttributes(entry, folder)
            folders.setAttributes(
                permissions: permissions(entry.permissions), modified: entry.modified, group: ids?.group)
        } catch { throw fault("made", entry, error) }
    }

    private mutating func layFile(
        _ entry: TarEntry, _ name: FileName, _ content: (borrowing Descriptor) -> TarReader.Failure?
    ) throws(EntryFault) {
        let permissions = permissions(entry.permissions)
        // Attributes want the owner's right to write; owner before mode: chown(2) takes set-id bits away.
        let first = entry.attributes.isEmpty ? permissions & 0o777 : 0o600
        do throws(Errno) {
            let folder = folders.current
            let file = try making(name) { () throws(Errno) in
                SharedDescriptor(try folder.descriptor.open(name, [.writeOnly, .create, .exclusive], mode: first))
            }
            switch content(file.descriptor) {
            case nil: break
            case .write(let errno): throw errno
            default: return  // The reader's own failure is told by the reader.
            }
            if let ids = try ids(entry), !isOwner(ids) { try file.descriptor.setOwner(ids.user, ids.group) }
            try setAttributes(entry, file)
            if permissions != first & ~mask { try file.descriptor.setMode(permissions) }
            if let modified = entry.modified { try file.descriptor.setModified(modified) }
        } catch { throw fault("written", entry, error) }
    }

    private mutating func laySymlink(
        _ entry: TarEntry, _ name: FileName, to target: [UInt8]
    ) throws(EntryFault) {
        do throws(Errno) {
            let folder = folders.current
            try making(name) { () throws(Errno) in try folder.descriptor.makeSymlink(name, to: target) }
            try setOwner(of: name, entry)
            if let modified = entry.modified { try folder.descriptor.setModified(name, modified) }
        } catch { throw fault("linked", entry, error) }
    }

    private mutating func layFifo(_ entry: TarEntry, _ name: FileName) throws(EntryFault) {
        let permissions = permissions(entry.permissions)
        do throws(Errno) {
            let folder = folders.current
            try making(name) { () throws(Errno) in
                try folder.descriptor.makeNode(name, mode: 0o010000 | permissions & 0o777)
            }
            try setOwner(of: name, entry)
            if permissions != permissions & 0o777 & ~mask {
                try folder.descriptor.open(name, .link).setMode(permissions)
            }
            if let modified = entry.modified { try folder.descriptor.setModified(name, modified) }
        } catch { throw fault("made", entry, error) }
    }

    /// The link shares owner and mode with what it leads to: the entry's own are not looked at.
    private mutating func layHardLink(
        _ path: [FileName], _ name: FileName, to bytes: [UInt8]
    ) throws(EntryFault) {
        let target: [FileName]
        do throws(EntryFault) { target = try Self.names(of: bytes) } catch { throw .linkOutside(bytes) }
        guard let targetName = target.last else { throw .linkToFolder(bytes) }
        if target == path { return }
        do throws(Errno) {
            let folder = folders.current
            let from =
                target.dropLast() == path.dropLast()
                ? folder : try folders.place(of: Array(target.dropLast()))
            try making(name) { () throws(Errno) in
                do throws(Errno) {
                    try folder.descriptor.makeHardLink(name, to: targetName, in: from.descriptor)
                } catch .permission {
                    let isFolder = try from.descriptor.status(of: targetName)?.kind == .directory
                    throw isFolder ? .isDirectory : .permission
                } catch .exists {
                    // link(2) looks at the new name first: what is there goes only where it can be replaced.
                    guard let status = try from.descriptor.status(of: targetName) else { throw .noEntry }
                    throw status.kind == .directory ? .isDirectory : .exists
                }
            }
        } catch .loop {
            throw .linkOutside(bytes)
        } catch .noEntry {
            if leftOut.contains(target.hashValue) {
                leftOut.insert(path.hashValue)
                return
            }
            throw .linkMissing(bytes)
        } catch .notDirectory {
            throw .linkMissing(bytes)
        } catch .isDirectory {
            throw .linkToFolder(bytes)
        } catch { throw .system("linked", error) }
    }

    /// Makes a file with `body`; what an earlier entry laid under this name goes first.
    private func making<Made>(_ name: FileName, _ body: () throws(Errno) -> Made) throws(Errno) -> Made {
        do throws(Errno) { return try body() } catch .exists {
            try folders.current.descriptor.removeTree(name)
            return try body()
        }
    }

    // MARK: Attributes

    private func setOwner(of name: FileName, _ entry: TarEntry) throws(Errno) {
        guard let ids = try ids(entry), !isOwner(ids) else { return }
        try folders.current.descriptor.setOwner(name, ids.user, ids.group)
    }

    /// Whether a new file of the current folder belongs to them; some file systems hand a folder's group down.
    private func isOwner(_ ids: (user: UInt32, group: UInt32)) -> Bool {
        ids == owner && folders.currentGroup == owner.group
    }

    /// Whom the entry belongs to, or nil where owners are not kept.
    private func ids(_ entry: TarEntry) throws(Errno) -> (user: UInt32, group: UInt32)? {
        if mode == .single { return nil }
        // The greatest number is "no change" to chown(2).
        guard let user = UInt32(exactly: entry.user), let group = UInt32(exactly: entry.group), user != .max,
            group != .max
        else { throw .invalid }
        return (user, group)
    }

    /// To be called when the owner is set: chown(2) takes capabilities away.
    private func setAttributes(_ entry: TarEntry, _ file: SharedDescriptor) throws(Errno) {
        for (name, value) in entry.attributes where Self.isKept(name) {
            do throws(Errno) { try file.descriptor.setAttribute(name, to: value) } catch .permission {
            } catch .notSupported {}
        }
    }

    /// File capabilities and the users' own attributes. An archive must not speak to overlayfs, as that is for its
    /// white-outs; labels (`security.selinux`) and access lists are the host's.
    private static func isKept(_ attribute: String) -> Bool {
        attribute == "security.capability" || attribute.hasPrefix("user.") && !attribute.hasPrefix("user.overlay.")
    }

    /// Set-id bits are for ids that belong to the sandbox.
    private func permissions(_ bits: UInt32) -> UInt32 { mode == .range ? bits : bits & 0o1777 }

    /// EINVAL from chown(2) is an id that the user namespace does not map.
    private func fault(_ action: String, _ entry: TarEntry, _ errno: Errno) -> EntryFault {
        errno == .invalid && mode == .range ? .owner(entry.user, entry.group) : .system(action, errno)
    }

    private func attempt(_ action: String, _ body: () throws(Errno) -> Void) throws(EntryFault) {
        do throws(Errno) { try body() } catch { throw .system(action, error) }
    }
}
