// Removing a tree that may be hostile: of any depth, with folders that may not be entered, full of links.

import CLinux
import Glibc

extension Descriptor {
    /// Removes `name` in this folder with all that it holds; nothing there is no error. No link is followed, and no
    /// more than three descriptors are held however deep the tree is: inner folders are moved up to its top first.
    /// - Throws: what kept a file from being removed; then part of the tree may be gone.
    public borrowing func removeTree(_ name: FileName) throws(Errno) {
        do throws(Errno) {
            try removeFile(name)
            return
        } catch .noEntry { return } catch .isDirectory {}
        let top = try openForRemoval(name)
        var counter = 0
        var waiting = try top.emptied(into: top, &counter)
        while let next = waiting.popLast() {
            do throws(Errno) {
                waiting += try top.openForRemoval(next).emptied(into: top, &counter)
                try top.removeDirectory(next)
            } catch .noEntry { continue }
        }
        do throws(Errno) { try removeDirectory(name) } catch .noEntry {}
    }

    /// A folder's owner may do this whatever its mode says.
    private borrowing func openForRemoval(_ name: FileName) throws(Errno) -> Descriptor {
        let place = try open(name, [.path, .directory, .noFollow])
        if try place.status().permissions & 0o700 != 0o700 { try place.setMode(0o700) }
        return try place.open(beneath: .root, [.readOnly, .directory])
    }

    /// Removes the files of this folder and moves its folders into `top`, under new names.
    /// - Returns: the names in `top` of the folders still to be emptied.
    private borrowing func emptied(
        into top: borrowing Descriptor, _ counter: inout Int
    ) throws(Errno) -> [FileName] {
        let isTop = raw == top.raw
        var folders: [FileName] = []
        for name in try fileNames() {
            do throws(Errno) {
                try removeFile(name)
            } catch .noEntry {
                continue
            } catch .isDirectory {
                folders.append(isTop ? name : try moveUp(name, into: top, &counter))
            }
        }
        return folders
    }

    private borrowing func moveUp(
        _ name: FileName, into top: borrowing Descriptor, _ counter: inout Int
    ) throws(Errno) -> FileName {
        // Moving a folder writes its `..`, which its mode may forbid.
        let place = try open(name, [.path, .directory, .noFollow])
        if try place.status().permissions & 0o700 != 0o700 { try place.setMode(0o700) }
        while true {
            counter += 1
            guard let newName = FileName("\(counter)") else { throw Errno.invalid }
            do throws(Errno) {
                try rename(name, to: newName, in: top)
                return newName
            } catch .notEmpty { continue } catch .exists { continue } catch .notDirectory { continue }
        }
    }
}

extension Files {
    /// Removes `path` of this process's own view with all that it holds, as `Descriptor.removeTree` does.
    public static func removeTree(_ path: String) throws(Errno) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard let last = parts.last, let name = FileName(String(last)) else { throw Errno.invalid }
        let start = path.hasPrefix("/") ? "/" : "./"
        try Descriptor.open(start + parts.dropLast().joined(separator: "/"), [.path, .directory]).removeTree(name)
    }
}
