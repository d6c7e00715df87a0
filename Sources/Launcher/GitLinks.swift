// Links in git's own folders. git outside writes through some of them, as through COMMIT_EDITMSG and logs: one that a command
// left leads its next message into any file of the user's. So those that a run leaves are taken away when it has ended.

import ByteText
import LinuxSystem
import SandboxPolicy

public struct GitLinks: Sendable {
    /// Folders of git, without links, none in another.
    private let folders: [String]
    /// All of them, with those that lie in others.
    private let all: Set<String>
    /// What nobody inside can write: no link may lead there either.
    private let closed: [String]
    /// Of `folders`, the one that is a project's own, where other files lie too.
    private let bare: String?
    /// A folder of the user's own for what has to be known when a run ended with all that looks after it.
    private let records: String

    /// Larger folders are not looked through.
    private static let most = 1_000_000
    private static let mostNamed = 50
    /// Where most is named by what it holds, so that nobody else chose the names of files that git makes there; and the
    /// folders in them where that is not so.
    private static let stores: [[UInt8]: Set<[UInt8]>] = [
        Array("objects".utf8): [Array("info".utf8), Array("pack".utf8)], Array("lfs".utf8): [], Array("annex".utf8): [],
    ]
    /// What is git's in a folder that is a repository itself.
    private static let inBare: Set<[UInt8]> = Set(
        [
            "objects", "logs", "refs", "info", "worktrees", "modules", "rebase-merge", "rebase-apply", "sequencer",
            "rr-cache",
        ]
        .map { Array($0.utf8) })

    public init(_ folders: [String], bare: String?, closed: [String], records: String) {
        self.bare = bare
        self.folders = folders.filter { one in !folders.contains { $0 != one && PathNames.lies(one, in: $0) } }
        all = Set(folders)
        self.closed = closed
        self.records = records
    }

    public var isEmpty: Bool { folders.isEmpty }

    private func record(of folder: String) -> String { "\(records)/\(EntryKey("links", [folder]).name)" }
}

/// What was there before a run, held until it has ended.
struct LinksBefore {
    fileprivate var folders: [(folder: String, known: Set<[UInt8]>, record: SharedDescriptor)] = []
}

// When it begins, and when it has ended.
extension GitLinks {
    /// Takes note of the links that are there. Where an earlier run ended with all that looked after it, what that one left
    /// is taken away first.
    func begin(_ say: (String) -> Void) -> LinksBefore {
        var before = LinksBefore()
        for folder in folders {
            do throws(Errno) { before.folders.append(try begin(folder, say)) } catch {
                say(
                    "can't note which links are in \(quoted(folder)): \(error); look at them before you use git outside"
                )
            }
        }
        return before
    }

    private func begin(
        _ folder: String, _ say: (String) -> Void
    ) throws(Errno) -> (folder: String, known: Set<[UInt8]>, record: SharedDescriptor) {
        try Files.makeDirectories(records)
        let path = record(of: folder)
        while true {
            let record = SharedDescriptor(
                try .open(path, [.readWrite, .create, .noFollow, .nonBlocking, .noControllingTerminal], mode: 0o600))
            var isAlone = true
            do throws(Errno) { try record.descriptor.lock() } catch .wouldBlock {
                try record.descriptor.lock(exclusive: false, wait: true)
                isAlone = false
            }
            // Whoever was the last may have removed it in between.
            do throws(Errno) {
                guard try record.descriptor.status().isSameFile(as: FileStatus.ofLink(path)) else { continue }
            } catch .noEntry { continue }
            let words = try record.descriptor.readAll(limit: 64 << 20).split(separator: 0).map { Array($0) }
            if !isAlone, let known = Self.known(words) { return (folder, known, record) }
            if let known = Self.known(words) { try sweep(folder, known, say) }
            var known: Set<[UInt8]> = []
            try look(folder, isBegin: true) { known.insert($0.key) }
            try record.descriptor.setSize(0)
            let text = Array(
                ([Array(folder.utf8)] + known.sorted { $0.lexicographicallyPrecedes($1) }).joined(separator: [0]))
            try record.descriptor.write((text + [0]).span.bytes, at: 0)
            try record.descriptor.lock(exclusive: false)
            return (folder, known, record)
        }
    }

    /// The first is the folder, for people who look.
    private static func known(_ words: [[UInt8]]) -> Set<[UInt8]>? { words.isEmpty ? nil : Set(words.dropFirst()) }

    /// Whether there is nothing to take away, as far as this process can see.
    func isClean(_ before: LinksBefore) -> Bool {
        before.folders.allSatisfy { folder, known, _ in
            var isClean = true
            do throws(Errno) { try look(folder) { isClean = isClean && known.contains($0.key) } } catch { return false }
            return isClean
        }
    }

    /// Nobody inside is left that could make one.
    func sweep(_ before: LinksBefore, _ say: (String) -> Void) {
        for (folder, known, _) in before.folders {
            do throws(Errno) { try sweep(folder, known, say) } catch {
                say(
                    "can't look for links in \(quoted(folder)): \(error); do it before you use git outside: "
                        + "find \(quoted(folder)) -type l")
            }
        }
    }

    func end(_ before: LinksBefore) {
        for (folder, _, record) in before.folders {
            do throws(Errno) {
                try record.descriptor.lock()
                try Files.remove(self.record(of: folder))
            } catch {}  // Another sandbox is there still, and removes it.
        }
    }
}

// Looking.
extension GitLinks {
    fileprivate struct Found {
        let folder: SharedDescriptor
        let name: FileName
        /// Without a NUL.
        let path: [UInt8]
        let target: [UInt8]
        /// By which it is known again: the path, a line's end, the target.
        var key: [UInt8] { path + [10] + target }
    }

    private func sweep(_ folder: String, _ known: Set<[UInt8]>, _ say: (String) -> Void) throws(Errno) {
        var taken = 0
        try look(folder) { link in
            if known.contains(link.key) { return }
            let path = ByteText.text(link.path)
            let end = Self.end(of: path)
            // What is in the same folder can be written without a link.
            if let end, PathNames.lies(end, in: folder), !closed.contains(where: { PathNames.lies(end, in: $0) }) {
                return
            }
            do throws(Errno) { try link.folder.descriptor.removeFile(link.name) } catch .noEntry { return } catch {
                return say(
                    "\(path) leads to \(ByteText.text(link.target)), and can't be removed: \(error); git would write through it"
                )
            }
            taken += 1
            if taken <= Self.mostNamed {
                say(
                    "\(path) led to \(ByteText.text(link.target)); the link is taken away, for git would have written "
                        + "through it")
            }
        }
        if taken > Self.mostNamed { say("\(taken - Self.mostNamed) more such links in \(folder) are taken away") }
    }

    /// - Parameter isBegin: what can't be looked into then has its links still, and nothing is known of them.
    private func look(_ top: String, isBegin: Bool = false, _ found: (Found) -> Void) throws(Errno) {
        guard let opened = try Self.open(top) else { return }
        var walk = FolderWalk(opened)
        var names: [FileName] = []
        var left = Self.most
        var pending = [try enter(walk, top, names, &left, found)]
        while var level = pending.popLast() {
            guard let name = level.popLast() else {
                if names.popLast() != nil { try walk.leave() }
                continue
            }
            pending.append(level)
            do throws(Errno) { try walk.enter(name) } catch {
                // Gone, or something else by now. What the command closed, whoever looks at the end has the rights to open.
                if [.noEntry, .notDirectory, .loop].contains(error) || isBegin && error == .access { continue }
                throw error
            }
            names.append(name)
            pending.append(try enter(walk, top, names, &left, found))
        }
    }

    private static func open(_ top: String) throws(Errno) -> SharedDescriptor? {
        do throws(Errno) {
            return SharedDescriptor(try .openWithoutLinks(top, [.readOnly, .directory]))
        } catch .noEntry {
            return nil
        }
    }

    /// - Returns: the folders to go to from the one where `walk` stands.
    private func enter(
        _ walk: FolderWalk, _ top: String, _ names: [FileName], _ left: inout Int, _ found: (Found) -> Void
    ) throws(Errno) -> [FileName] {
        var folders: [FileName] = []
        for (name, kind) in try walk.current.descriptor.entries() {
            left -= 1
            if left < 0 { throw .tooBig }
            if kind == .directory { folders.append(name) }
            if kind != .symlink { continue }
            let target = try walk.current.descriptor.linkTarget(of: name)
            found(Found(folder: walk.current, name: name, path: Self.path(top, names + [name]), target: target))
        }
        if let last = names.last?.bytes, let within = Self.stores[last],
            all.contains(ByteText.text(Self.path(top, names.dropLast())))
        {
            return folders.filter { within.contains($0.bytes) }
        }
        return names.isEmpty && top == bare ? folders.filter { Self.inBare.contains($0.bytes) } : folders
    }

    private static func path(_ top: String, _ names: some Sequence<FileName>) -> [UInt8] {
        names.reduce(into: ByteText.bytes(top)) { $0 += [UInt8(ascii: "/")] + $1.bytes }
    }

    /// Where a path leads, links followed as far as there is something; nil where that can't be told.
    private static func end(of path: String) -> String? {
        var walk = PathWalk(path)
        while walk.next() {
            do throws(Errno) {
                guard !walk.isRoot, try FileStatus.ofLink(walk.place).kind == .symlink else { continue }
                try walk.follow(Files.linkTarget(walk.place))
            } catch .noEntry {} catch .notDirectory {} catch { return nil }
        }
        return walk.place
    }
}
