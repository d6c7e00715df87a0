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
        let path: HostPath
        do throws(Errno) { path = try HostPath.resolve(word) } catch {
            throw .unknownSandbox(word, near: Nearest.name(to: word, among: KeptSandboxes(places).names))
        }
        guard let status = path.status,
            let words = words(places.upperRecord(device: status.device, inode: status.inode)), words.first == path.place
        else { throw .notAnUpper(word) }
        return ChangedTree(upper: path.place, lowers: pairs(words.dropFirst()))
    }

    /// The list that the launcher wrote: place and folder in turn, after the upper's own path where that lies anywhere.
    static func record(_ folder: String) -> [Lower]? { words(folder + "/lowers").map { pairs($0[...]) } }

    private static func words(_ file: String) -> [String]? {
        do throws(Errno) { return Words.split(try Files.read(file)) } catch { return nil }
    }

    private static func pairs(_ words: ArraySlice<String>) -> [Lower] {
        stride(from: words.startIndex, to: words.endIndex - words.count % 2, by: 2).map {
            Lower(place: words[$0], folder: words[$0 + 1])
        }
    }

    /// All changes, by path. Folders that only hold changes are not changes; a file that was copied up and is as it
    /// was is none either.
    /// - Parameters:
    ///   - unread: told of the folders whose paths are so long that nothing in them can be named.
    ///   - closed: told of those that are another user's, who lets nobody see what is in them.
    /// - Throws: `.lowerGone` where a layer has been moved away, `.system` where the upper can't be read.
    public func changes(
        unread: ([TreePath]) -> Void = { _ in }, closed: ([TreePath]) -> Void = { _ in }
    ) throws(ImageStoreError) -> [Change] {
        var walk = ChangeWalk(upper: try opened(upper), lowers: try opened(lowers))
        do throws(Errno) { try walk.run() } catch { throw .system("read the changes in", upper, error) }
        if !walk.unread.isEmpty { unread(walk.unread) }
        if !walk.closed.isEmpty { closed(walk.closed) }
        return walk.found.sorted { $0.path < $1.path }
    }

    private func opened(_ upper: String) throws(ImageStoreError) -> SharedDescriptor {
        do throws(Errno) { return SharedDescriptor(try .open(upper, [.readOnly, .directory])) } catch {
            throw .system("read the changes in", upper, error)
        }
    }

    /// As they are mounted: without those below one that is opaque itself.
    private func opened(_ lowers: [Lower]) throws(ImageStoreError) -> [ChangeWalk.Root] {
        var roots: [ChangeWalk.Root] = []
        var closed: Set<String> = []
        for lower in lowers where !closed.contains(lower.place) {
            let place = TreePath(lower.place.split(separator: "/").compactMap { FileName(String($0)) })
            do throws(Errno) {
                let folder = SharedDescriptor(try .open(lower.folder, [.path, .directory]))
                roots.append(ChangeWalk.Root(place: place, folder: folder))
                if try folder.descriptor.isOpaque() { closed.insert(lower.place) }
            } catch { throw .lowerGone(lower.folder, error) }
        }
        return roots
    }
}
