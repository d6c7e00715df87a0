// Places inside the root to mount on: found there and nowhere else, made where they are missing, and never the root itself.

import LinuxSystem

extension StepWalker {
    /// A file or folder inside the root, links followed inside it.
    /// - Throws: EBUSY where that is the root itself: what is mounted on it covers nothing, but `..` leads there.
    func openInside(_ path: String) throws(Errno) -> (found: SharedDescriptor, kind: FileKind) {
        let found = SharedDescriptor(try withRoot().openInRoot(path, [.path]))
        let place = try found.descriptor.place()
        if place == rootPlace { throw Errno.busy }
        return (found, place.kind)
    }

    /// A folder at the top of the root that has to be one, and is made where it is missing.
    func openOwnFolder(_ path: String) throws(Errno) -> Descriptor {
        let root = try withRoot()
        let name = String(path.dropFirst())
        do throws(Errno) { return try openFolder(name, in: root.descriptor) } catch .noEntry {
            try root.descriptor.makeDirectory(name)
            return try openFolder(name, in: root.descriptor)
        }
    }

    /// A folder that is one: ELOOP, and the link's target as the culprit, where it is a link.
    func openFolder(_ name: String, in folder: borrowing Descriptor) throws(Errno) -> Descriptor {
        do throws(Errno) {
            return try folder.open(name, [.path, .directory], resolve: [.beneath, .noSymlinks])
        } catch .loop {
            culprit.name = try folder.linkTarget(of: name)
            throw Errno.loop
        }
    }

    /// Opens a place to mount on, and makes it where it is missing: a folder, or an empty file for a file.
    func openMountPoint(_ path: String, isFile: Bool) throws(Errno) -> SharedDescriptor {
        do throws(Errno) {
            let (found, kind) = try openInside(path)
            if (kind == .directory) == !isFile { return found }
            throw isFile ? Errno.isDirectory : Errno.notDirectory
        } catch .noEntry {
            return SharedDescriptor(try makeMountPoint(path, isFile: isFile))
        }
    }

    private func makeMountPoint(_ path: String, isFile: Bool) throws(Errno) -> Descriptor {
        let (parent, name) = Self.split(path)
        let folder: Descriptor
        do throws(Errno) { folder = try withRoot().openInRoot(parent, [.path]) } catch .noEntry {
            folder = try makeMountPoint(parent, isFile: false)
        }
        if isFile {
            _ = try folder.open(name, [.writeOnly, .create, .exclusive], resolve: [.beneath, .noSymlinks])
        } else {
            do throws(Errno) { try folder.makeDirectory(name) } catch .exists {}
        }
        return try folder.open(name, [.path], resolve: [.beneath, .noSymlinks])
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ("/", path) }
        let name = path[path.index(after: slash)...]
        if name.isEmpty { return path == "/" ? ("/", ".") : split(String(path[..<slash])) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(name))
    }
}
