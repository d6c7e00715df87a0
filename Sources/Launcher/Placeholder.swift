// Something empty that stands where a protected path has nothing yet: a mount needs a place to be mounted on, and a file
// system has no other way to keep a name from being made. It goes with the sandbox.

public import LinuxSystem

/// Its mode says what it is from the moment it exists: the sticky bit, which nobody sets on an empty folder or file of a
/// project. So the next start knows one that was left behind when everything was killed at once.
public struct Placeholder: Sendable, Equatable {
    /// Of the host, without links.
    public let folder: String
    public let name: String
    /// A file with this content; nil: a folder. Git takes no notice of an empty folder, so that is the rule.
    public let content: [UInt8]?

    /// For the caller alone: whoever can open one can lock it, and so keep it there.
    private static let folderMode: UInt32 = 0o1700
    private static let fileMode: UInt32 = 0o1400

    public init(folder: String, name: String, content: [UInt8]?) {
        self.folder = folder
        self.name = name
        self.content = content
    }

    /// What git reads in a folder of its own without being told anything by it (gitrepository-layout(5)).
    public static func content(ofGit name: String) -> [UInt8]? {
        switch name {
        case "hooks", "info", "modules", "refs", "objects": nil
        // In a bare repository: git takes `.git` for the folder's own.
        case _ where name.hasPrefix("."): nil
        // The common folder is this one. libgit2 finds no repository without the slash.
        case "commondir": Array("./\n".utf8)
        default: []
        }
    }

    /// Whether what is there was made by this type and not used by anybody since.
    public static func isOne(_ name: String, in folder: borrowing Descriptor) throws(Errno) -> Bool {
        let status = try folder.status(of: name)
        guard status.permissions & 0o1000 != 0, status.owner == Process.effectiveUser else { return false }
        switch status.kind {
        case .directory: return try folder.open(name, [.readOnly, .directory, .noFollow], resolve: [.beneath]).isEmpty
        case .regular: return status.size <= 3
        default: return false
        }
    }

    /// Of a folder that was made by this type, whatever is in it now.
    static func hasMode(_ status: FileStatus) -> Bool { status.permissions == folderMode }

    private func openFolder() throws(Errno) -> Descriptor {
        try Descriptor.open("/", [.path, .directory]).open(
            folder == "/" ? "." : String(folder.dropFirst()), [.path, .directory], resolve: [.noSymlinks])
    }

    /// Makes it, or takes one over that another sandbox made.
    /// - Returns: a lock to hold meanwhile, which those who share the place have too; nil where there is something else.
    /// - Throws: EAGAIN where somebody keeps others from sharing it.
    public func make() throws(Errno) -> SharedDescriptor? { try make(in: openFolder()) }

    /// - Parameter parent: its folder, wherever that is by now.
    func make(in parent: borrowing Descriptor) throws(Errno) -> SharedDescriptor? {
        for attempt in 0..<100 {
            do throws(Errno) {
                try makeOnce(in: parent)
            } catch .exists {
                guard try Self.isOne(name, in: parent) else { return nil }
            }
            do throws(Errno) {
                let own = try parent.open(name, [.readOnly, .noFollow, .nonBlocking], resolve: [.beneath])
                try own.lock(exclusive: false)
                // Whoever made it may have removed it between opening and locking.
                if try own.status().isSameFile(as: parent.status(of: name)) { return SharedDescriptor(own) }
            } catch .noEntry {} catch .wouldBlock where attempt < 99 { Clock.pause(milliseconds: 10) }
        }
        throw Errno.wouldBlock
    }

    private func makeOnce(in parent: borrowing Descriptor) throws(Errno) {
        guard let content else { return try parent.makeDirectory(name, mode: Self.folderMode) }
        guard let fileName = FileName(name) else { throw Errno.invalid }
        do throws(Errno) {
            // With a name only when it is whole: git outside may read it at any time.
            let file = try parent.open(".", [.readOnly, .directory], resolve: [.beneath]).makeUnnamedFile()
            try file.write(content)
            try file.setMode(Self.fileMode)
            try file.giveName(fileName, in: parent)
        } catch .notSupported {
            let file = try parent.open(
                name, [.writeOnly, .create, .exclusive], mode: Self.fileMode, resolve: [.beneath])
            try file.write(content)
        }
    }

    /// Removes it, unless another sandbox still stands on it or somebody has put something there.
    public func remove() throws(Errno) {
        do throws(Errno) { try remove(from: openFolder()) } catch .noEntry {}
    }

    func remove(from parent: borrowing Descriptor) throws(Errno) {
        do throws(Errno) {
            guard try Self.isOne(name, in: parent) else { return }
            let own = try parent.open(name, [.readOnly, .noFollow, .nonBlocking], resolve: [.beneath])
            try own.lock()
            guard try own.status().isSameFile(as: parent.status(of: name)) else { return }
            if try own.status().kind == .directory {
                try parent.removeDirectory(name)
            } else {
                try parent.removeFile(name)
            }
        } catch .noEntry {} catch .notEmpty {} catch .wouldBlock {}  // Gone, or in use: whoever uses it removes it.
    }

    /// Removes it where it is now, if it is one still: the project may have been moved.
    private func removed(_ held: SharedDescriptor, _ status: FileStatus) throws(Errno) -> Bool {
        let place = try Files.linkTarget("/proc/self/fd/\(held.raw)")
        let folder = String(Substring(place.utf8.dropLast(name.utf8.count + 1)))
        let parent = try Descriptor.openWithoutLinks(folder.isEmpty ? "/" : folder, [.path, .directory])
        guard try Self.isOne(name, in: parent), try parent.status(of: name).isSameFile(as: status) else { return false }
        if status.kind == .directory { try parent.removeDirectory(name) } else { try parent.removeFile(name) }
        return true
    }

    /// Something was put there from outside while the command ran: it is an ordinary folder or file now.
    public func giveUp(_ held: SharedDescriptor) {
        do throws(Errno) {
            // Not while another sandbox stands on it.
            try held.descriptor.lock()
            let status = try held.descriptor.status()
            guard status.links > 0 else { return }
            do throws(Errno) { if try removed(held, status) { return } } catch {}
            try held.descriptor.setMode(status.kind == .directory ? 0o755 : 0o644)
        } catch {}
    }
}

extension Descriptor {
    fileprivate var isEmpty: Bool { borrowing get throws(Errno) { try names().isEmpty } }
}
