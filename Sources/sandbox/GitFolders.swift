// Where git keeps what belongs to a project (gitrepository-layout(5)): in `.git`, or where a file of that name leads,
// which is the project's own word and is believed only where the other side says the same.

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
    /// `.git` of submodules, and files and folders that the settings name.
    private(set) var others: [String] = []
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
        guard let line = Self.line(of: file), line.hasPrefix("gitdir:"),
            let own = Self.canonical(Self.path(String(line.dropFirst(7)), from: project))
        else { return }
        let common = Self.line(of: own + "/commondir").flatMap { Self.canonical(Self.path($0, from: own)) } ?? own
        if !isShown(common) {
            guard common == own ? isModule(own) : isWorktree(own, common, status) else {
                refusal =
                    "\(quoted(file)) leads to \(quoted(own)), which does not say that it belongs here; git does not "
                    + "work inside (`git worktree repair` mends it, --bind shows it)"
                return
            }
            outside = common
        }
        try add(common)
    }

    /// A linked work tree: its folder in the common one names our `.git` file, and its place is where git puts it.
    private func isWorktree(_ own: String, _ common: String, _ file: FileStatus) -> Bool {
        guard let slash = own.lastIndex(of: "/"), String(own[..<slash]) == common + "/worktrees",
            let back = Self.line(of: own + "/gitdir"), let there = Self.status(Self.path(back, from: own)),
            there.isSameFile(as: file)
        else { return false }
        return Self.isRepository(common) && [own, own + "/gitdir", own + "/commondir"].allSatisfy(Self.isOwn)
    }

    /// A submodule: its folder lies among the modules of a repository and names this work tree.
    private func isModule(_ own: String) -> Bool {
        guard own.contains("/.git/modules/"), Self.isRepository(own),
            let text = Files.text(own + "/config", limit: 1 << 20), let tree = GitSettings(text).workTree
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

// What hangs on a repository.
extension GitFolders {
    private mutating func add(_ folder: String) throws(RunError) {
        guard all.count < Self.most else {
            throw RunError(
                "\(quoted(project)) has more than \(Self.most) submodules, which are not protected one by one; "
                    + "--protect '!.git' leaves git's folders out")
        }
        let settings = GitSettings(Self.content(folder + "/config") ?? "")
        all.append(Folder(path: folder, settings: settings))
        let home = Process.environment("HOME") ?? "/"
        func whole(_ path: String, from base: String) -> String {
            path.hasPrefix("~/") ? home + path.dropFirst() : Self.path(path, from: base)
        }
        let tree = settings.workTree.map { Self.path($0, from: folder) } ?? project
        others += settings.hooks.map { whole($0, from: tree) } + settings.includes.map { whole($0, from: folder) }
        ofWorktrees += Self.folders(folder + "/worktrees")
        try addModules(folder + "/modules", depth: 0)
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

    private static func content(_ path: String) -> String? {
        do throws(Errno) { return String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self) } catch {
            return nil
        }
    }

    private static func line(of path: String) -> String? {
        content(path)?.split(separator: "\n").first.map(String.init)
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
