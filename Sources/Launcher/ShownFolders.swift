// The folders that sandboxes could write, and what may be believed of the paths that lead through them.

public import LinuxSystem
public import SandboxPolicy

/// A path that a sandbox may have turned to where it has no business. One line of text.
public struct PathRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// The folders that this run shows writable, and by the record in the user's own data those that earlier ones did. A link
/// in one of them may be a command's work: it leads nowhere outside of that folder.
///
/// The record is a list of words: what stat(2) says of a folder, then its path, in turn. A folder counts by either: it may
/// be moved, and devices may get other numbers when the machine starts again.
public struct ShownFolders {
    private struct Folder: Equatable {
        let place: String
        /// `DEVICE:INODE`.
        let key: String
    }

    /// More are kept only of folders that are there still.
    private static let limit = 1024

    private let places: Places
    private var now: [Folder] = []
    private var earlier: [Folder]?

    public init(_ places: Places) { self.places = places }

    private static func key(_ status: FileStatus) -> String { "\(status.device):\(status.inode)" }

    /// This run shows the folder writable.
    public mutating func add(_ path: HostPath) {
        guard let status = path.status, status.kind == .directory else { return }
        let folder = Folder(place: path.place, key: Self.key(status))
        if !now.contains(folder) { now.append(folder) }
    }

    /// The nearest folder above `place` that this run shows writable, or by the record an earlier one.
    public mutating func folder(above place: String, of path: HostPath) throws(PathRefusal) -> String? {
        let known = try record() + now
        return path.nearest(above: place) { place, status in
            let key = Self.key(status)
            return known.contains { $0.place == place || $0.key == key }
        }
    }

    /// The same of this run's alone.
    public func folderOfThisRun(above place: String, of path: HostPath) -> String? {
        path.nearest(above: place) { place, status in
            let key = Self.key(status)
            return now.contains { $0.place == place || $0.key == key }
        }
    }

    /// Refuses a path that led out of such a folder by a link in it.
    /// - Parameter what: the option with its value, or what else named the path.
    public mutating func check(_ path: HostPath, _ what: String) throws(PathRefusal) {
        for link in path.links {
            guard let folder = try folder(above: link, of: path), !path.lies(in: folder) else { continue }
            throw PathRefusal(
                "\(what): the link \(quoted(link)) leads out of \(quoted(folder)), which a sandbox could write; "
                    + "if you want what it leads to, say \(quoted(path.place))")
        }
    }
}

// The record.
extension ShownFolders {
    private mutating func record() throws(PathRefusal) -> [Folder] {
        if let earlier { return earlier }
        let words = Words.split(try content())
        var folders = stride(from: 0, to: words.count - words.count % 2, by: 2).map {
            Folder(place: words[$0 + 1], key: words[$0])
        }
        // Uppers and layers of the store are what sandboxes and images made.
        do throws(Errno) {
            let data = try HostPath.resolve(places.data)
            if let status = data.status { folders.append(Folder(place: data.place, key: Self.key(status))) }
        } catch {}
        earlier = folders
        return folders
    }

    private func content() throws(PathRefusal) -> [UInt8] {
        let path = places.shownFolders
        do throws(Errno) {
            let file = try Descriptor.open(path, [.readOnly, .noFollow, .nonBlocking, .noControllingTerminal])
            let status = try file.status()
            guard status.kind == .regular, status.owner == Process.effectiveUser, status.permissions & 0o022 == 0 else {
                throw .permission
            }
            return try file.readAll(limit: 16 << 20)
        } catch .noEntry { return [] } catch {
            throw PathRefusal(
                "can't read which folders sandboxes could write, in \(quoted(path)): \(error); "
                    + "make it a file of yours alone")
        }
    }

    /// Writes down the folders of this run that are new, before its command can write to them.
    public func remember() throws(PathRefusal) {
        if now.isEmpty { return }
        let known = try content()
        if now.allSatisfy({ Self.holds(known, $0) }) { return }
        Signals.failBeyondFileSizeLimit()
        do throws(Errno) {
            try Files.makeDirectories(places.data)
            let lock = try Descriptor.open(places.lock, [.readWrite, .create, .noFollow], mode: 0o600)
            try lock.lockByte(at: Places.lockOffset(of: places.shownFolders), exclusive: true, wait: true)
            // Another run may have written meanwhile.
            let words = Words.split(Self.shortened(try lockedContent(), limit: Self.limit))
            var all = words
            for folder in now where !Self.holds(Words.join(words), folder) { all += [folder.key, folder.place] }
            try Files.replace(places.shownFolders, with: Words.join(all))
        } catch {
            throw PathRefusal(
                "can't write down that the sandbox can write to \(quoted(now[0].place)), in "
                    + "\(quoted(places.shownFolders)): \(error); XDG_DATA_HOME names a folder that can be written")
        }
    }

    private func lockedContent() throws(Errno) -> [UInt8] {
        do throws(PathRefusal) { return try content() } catch { throw .permission }
    }

    /// Without making words of all: this is read at each start that shows a folder.
    private static func holds(_ bytes: [UInt8], _ folder: Folder) -> Bool {
        let wanted = Words.join([folder.key, folder.place])
        var start = 0
        while bytes.count - start >= wanted.count {
            guard bytes[start...].starts(with: wanted) else {
                guard let end = bytes[start...].firstIndex(of: 0), let next = bytes[(end + 1)...].firstIndex(of: 0)
                else { return false }
                start = next + 1
                continue
            }
            return true
        }
        return false
    }

    /// Folders that are gone make room, then the oldest.
    private static func shortened(_ bytes: [UInt8], limit: Int) -> [UInt8] {
        var words = Words.split(bytes)
        if words.count < 2 * limit { return bytes }
        words = stride(from: 0, to: words.count - words.count % 2, by: 2).flatMap { index in
            do throws(Errno) {
                let isThere = try FileStatus.ofLink(words[index + 1]).kind == .directory
                return isThere ? [words[index], words[index + 1]] : []
            } catch { return [] }
        }
        return Words.join(Array(words.suffix(2 * (limit - 1))))
    }
}
