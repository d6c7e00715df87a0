// Where git keeps what belongs to a project (gitrepository-layout(5)): in `.git`, or where a file of that name leads,
// which is the project's own word and is believed only where the other side says the same.

import ByteText
import Launcher
import LinuxSystem
import SandboxPolicy

struct GitFolders {
    /// One in which `.git/…` of `--protect` is looked for.
    struct Folder {
        var path: String
        var settings: GitSettings
    }
    private(set) var all: [Folder] = []
    /// What belongs to one work tree of several: read by git there, beside the common folder.
    private(set) var ofWorktrees: [String] = []
    /// `.git` of submodules, folders that git would take for one's own, and what the settings name.
    private(set) var others: [String] = []
    /// Of `others`, settings that settings include.
    private(set) var included: [String] = []
    /// Of `others`, folders of hooks that the project's settings name.
    private(set) var hooks: [String] = []
    /// The folder that commits in this project need, and that lies elsewhere.
    private(set) var outside: String?
    /// Why such a one is not shown.
    private(set) var refusal: String?

    private let project: String
    /// More submodules and work trees than this are not looked at one by one at each start.
    private static let most = 512

    /// - Parameter isShown: whether the sandbox sees this path of the host, and may write there.
    init(of project: String, isShown: (String) -> Bool) throws(RunError) {
        self.project = project
        try addOwn(isShown)
        try addProjectItself()
    }

    private mutating func addOwn(_ isShown: (String) -> Bool) throws(RunError) {
        let place = project + "/.git"
        guard let status = Self.status(place) else { return }
        if status.kind == .directory {
            try add(place)
        } else if let target = Self.canonical(place), Self.status(target)?.kind == .directory {
            try add(target)
        } else if status.kind == .regular {
            try follow(place, status, isShown)
        }
    }

    /// A file in place of the folder: `gitdir: PATH`.
    private mutating func follow(_ file: String, _ status: FileStatus, _ isShown: (String) -> Bool) throws(RunError) {
        guard let line = try Self.line(of: file), line.hasPrefix("gitdir:"),
            let own = Self.canonical(Self.path(String(line.dropFirst(7)), from: project))
        else { return }
        let common = try Self.line(of: own + "/commondir").flatMap { Self.canonical(Self.path($0, from: own)) } ?? own
        if !isShown(common) {
            guard try common == own ? isModule(own) : isWorktree(own, common, status) else {
                refusal =
                    "\(quoted(file)) leads to \(quoted(own)), which does not say that it belongs here, and may be another "
                    + "project's; git does not work inside (if it is this one's, --bind shows it)"
                return
            }
            outside = common
        }
        try add(common)
    }

    /// A linked work tree: its folder in the common one names our `.git` file, and its place is where git puts it.
    private func isWorktree(_ own: String, _ common: String, _ file: FileStatus) throws(RunError) -> Bool {
        guard let slash = own.lastIndex(of: "/"), String(own[..<slash]) == common + "/worktrees",
            let back = try Self.line(of: own + "/gitdir"), let there = Self.status(Self.path(back, from: own)),
            there.isSameFile(as: file)
        else { return false }
        return Self.isRepository(common) && [own, own + "/gitdir", own + "/commondir"].allSatisfy(Self.isOwn)
    }

    /// A submodule: its folder lies among the modules of a repository and names this work tree.
    private func isModule(_ own: String) throws(RunError) -> Bool {
        guard own.contains("/.git/modules/"), Self.isRepository(own),
            let text = try Self.content(own + "/config"), let tree = GitSettings(text).workTree
        else { return false }
        return Self.canonical(Self.path(tree, from: own)) == project
    }

    private static func isRepository(_ folder: String) -> Bool {
        ["", "/HEAD", "/config", "/objects", "/refs"].allSatisfy { isOwn(folder + $0) }
    }

    /// The caller's, and nobody else can write it.
    private static func isOwn(_ path: String) -> Bool {
        guard let status = status(path), status.kind != .symlink else { return false }
        return status.owner == Process.effectiveUser && FileStatus.stranger(of: path) == nil
    }
}

// The project's own folder, which git takes for a repository where `.git` is none: with HEAD, objects and refs in it, or
// HEAD and a file `commondir` that leads to the others.
extension GitFolders {
    private mutating func addProjectItself() throws(RunError) {
        if Self.isBare(project) { try add(project) } else { others += Self.whatMakesBare(project) }
    }

    /// What has to stay away from a folder that is no bare repository.
    static func whatMakesBare(_ folder: String) -> [String] {
        func isThere(_ name: String) -> Bool { Self.isThere(name, in: folder) }
        // One that is missing is enough. HEAD is the last choice: `git log HEAD` does not work beside one.
        let missing = isThere("commondir") ? "HEAD" : ["refs", "objects"].first { !isThere($0) } ?? "HEAD"
        return ["commondir", missing].map { folder + "/" + $0 }
    }

    static func isBare(_ folder: String) -> Bool {
        ["HEAD", "objects", "refs"].allSatisfy { isThere($0, in: folder) }
    }

    /// What another sandbox put there is not.
    private static func isThere(_ name: String, in folder: String) -> Bool {
        guard status(folder + "/" + name) != nil else { return false }
        do throws(Errno) {
            return try !Placeholder.isOne(name, in: Descriptor.open(folder, [.path, .directory]))
        } catch {
            return true
        }
    }
}

// What hangs on a repository.
extension GitFolders {
    /// - Parameter place: the work tree, where the settings name none.
    private mutating func add(_ folder: String, _ place: String? = nil) throws(RunError) {
        if all.contains(where: { $0.path == folder }) { return }
        try refuseMore(than: all.count, "submodules")
        let settings = GitSettings(try Self.content(folder + "/config") ?? [])
        all.append(Folder(path: folder, settings: settings))
        let tree = settings.workTree.map { Self.path($0, from: folder) } ?? place ?? project
        try follow(settings, of: folder + "/config", tree)
        try follow(folder + "/config.worktree", tree)
        try addModules(folder + "/modules", depth: 0)
        try addSubmodules(folder, tree)
        let worktrees = Self.folders(folder + "/worktrees")
        try refuseMore(than: worktrees.count, "linked work trees")
        for worktree in worktrees {
            ofWorktrees.append(worktree)
            let file = try Self.line(of: worktree + "/gitdir").map { Self.path($0, from: worktree) }
            // Of one that lies elsewhere or is gone, nothing is seen inside.
            if let file, Self.status(file) != nil { others.append(file) }
            let tree = file.map { Self.path("..", from: $0) } ?? tree
            try follow(worktree + "/config.worktree", tree)
            try addModules(worktree + "/modules", depth: 0)
            try addSubmodules(worktree, tree)
        }
    }

    private func refuseMore(than count: Int, _ what: String) throws(RunError) {
        if count < Self.most { return }
        throw RunError(
            "\(quoted(project)) has more than \(Self.most) \(what), which are not protected one by one; "
                + "--protect '!.git' leaves git's folders out")
    }

    private mutating func follow(_ file: String, _ tree: String, depth: Int = 0) throws(RunError) {
        if let text = try Self.content(file) { try follow(GitSettings(text), of: file, tree, depth: depth) }
    }

    /// What settings name counts from the folder that they are in, hooks from the work tree.
    private mutating func follow(_ settings: GitSettings, of file: String, _ tree: String, depth: Int = 0)
        throws(RunError)
    {
        let home = Process.environment("HOME") ?? "/"
        func whole(_ path: String, from base: String) -> String {
            path.hasPrefix("~/") ? home + path.dropFirst() : Self.path(path, from: base)
        }
        let hooks = settings.hooks.map { whole($0, from: tree) }
        others += hooks
        if tree == project { self.hooks += hooks }
        // Git goes no deeper.
        guard depth < 10 else { return }
        for include in settings.includes {
            let file = whole(include, from: Self.path("..", from: Self.canonical(file) ?? file))
            if included.contains(file) { continue }
            others.append(file)
            included.append(file)
            try follow(file, tree, depth: depth + 1)
        }
    }

    /// What `.gitmodules` names: git looks for a repository in the place of each, and believes what it finds there, and
    /// in the folder that it would fetch it to.
    private mutating func addSubmodules(_ folder: String, _ tree: String) throws(RunError) {
        let modules = folder + "/modules"
        let isAny = Self.isThere("modules", in: folder)
        if !isAny { others.append(modules) }
        guard let text = try Self.content(tree + "/.gitmodules") else { return }
        let settings = GitSettings(text)
        try refuseMore(than: max(settings.modules.count, settings.modulePaths.count), "submodules")
        for name in isAny ? settings.modules : [] {
            guard let parts = ProtectedPaths.names(name) else { continue }
            let module = modules + "/" + parts.joined(separator: "/")
            if Self.status(module + "/HEAD") == nil { others.append(module) }
        }
        for path in settings.modulePaths {
            guard let parts = ProtectedPaths.names(path) else { continue }
            let place = tree + "/" + parts.joined(separator: "/")
            // Without the folder there is nothing to look into.
            guard Self.status(place) != nil else { continue }
            let own = place + "/.git"
            if Self.status(own)?.kind == .directory, Self.status(own + "/HEAD") != nil {
                try add(own, place)
            } else {
                others.append(own)
            }
        }
    }

    /// A name of a submodule may have slashes in it.
    private mutating func addModules(_ folder: String, depth: Int) throws(RunError) {
        for module in Self.folders(folder) {
            if Self.status(module + "/HEAD") == nil {
                if depth < 8 { try addModules(module, depth: depth + 1) }
                continue
            }
            try add(module)
            if let tree = all.last(where: { $0.path == module })?.settings.workTree {
                others.append(Self.path(tree, from: module) + "/.git")
            }
        }
    }

    private static func folders(_ folder: String) -> [String] {
        do throws(Errno) {
            return try Descriptor.open(folder, [.readOnly, .directory, .noFollow]).names().sorted()
                .map { folder + "/" + $0 }.filter { status($0)?.kind == .directory }
        } catch { return [] }
    }
}

// Small files and paths.
extension GitFolders {
    static func status(_ path: String) -> FileStatus? {
        do throws(Errno) { return try FileStatus.ofLink(path) } catch { return nil }
    }

    static func canonical(_ path: String) -> String? {
        do throws(Errno) { return try Files.canonical(path) } catch { return nil }
    }

    /// - Throws: where the file is too long to be looked through: what it names would go unprotected.
    private static func content(_ path: String) throws(RunError) -> [UInt8]? {
        do throws(Errno) { return try Files.read(path, limit: 1 << 20) } catch .tooBig {
            throw RunError(
                "\(quoted(path)) is longer than 1 MiB, so what it names can't be protected; --protect '!.git' leaves git's "
                    + "folders out")
        } catch { return nil }
    }

    /// All of a file that holds a path, without the line's end.
    private static func line(of path: String) throws(RunError) -> String? {
        guard var bytes = try content(path) else { return nil }
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        return ByteText.text(bytes)
    }

    /// The links on the way to a path, and where they lead: as far as there is something, and what follows as it is written.
    static func trail(_ path: String) throws(Errno) -> (links: [String], end: String) {
        var walk = PathWalk(path)
        var links: [String] = []
        while walk.next() {
            do throws(Errno) {
                guard !walk.isRoot, try FileStatus.ofLink(walk.place).kind == .symlink else { continue }
                links.append(walk.place)
                try walk.follow(Files.linkTarget(walk.place))
            } catch .noEntry {} catch .notDirectory {} catch .loop { break } catch .permission {} catch .access {}
        }
        return (links, walk.place)
    }

    /// `path` as meant from `folder`, `.` and `..` taken away as they are written.
    static func path(_ path: String, from folder: String) -> String {
        let path = String(path.drop { $0 == " " })
        var names: [Substring] = []
        for name in ((path.hasPrefix("/") ? "" : folder + "/") + path).split(separator: "/") where name != "." {
            if name == ".." { _ = names.popLast() } else { names.append(name) }
        }
        return "/" + names.joined(separator: "/")
    }
}
