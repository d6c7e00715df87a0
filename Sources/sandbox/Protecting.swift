// Finds what `--protect` means in the folders that this run shows: which places are there, which are not yet, and what
// has to be held in its place so that nobody moves a protected one away with the folder above it.

import ByteText
import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy

struct Protecting {
    /// For the plan: folders before what they hold.
    private(set) var protections: [Protection] = []
    /// Where something empty has to stand.
    private(set) var missing: [Placeholder] = []
    /// Folders of this program's own, which are there: should somebody outside remove one, nobody inside makes it.
    private var own: [Placeholder] = []
    /// Git's lists of what it takes no notice of, with what stands in the project for the time of the run.
    private(set) var substitutions: [Substitution] = []
    /// Said before the command runs.
    private(set) var remarks: [String] = []

    /// A folder that the sandbox may write, without links.
    struct Shown {
        var bind: Bind
        var source: String
    }
    private var shown: [Shown] = []
    /// Kinds by path beneath each of `shown`.
    private var found: [[String: Protection.Kind]] = []
    /// Folders of git: what is missing there must be a file that git can read.
    private var gitFolders: Set<String> = []
    /// So must these.
    private var files: Set<String> = []
    /// Where git writes through links. The one that is a project's own folder, too.
    private var linkFolders: [String] = []
    private var bare: String?
    private let records: String
    /// Projects, and where git keeps what is theirs.
    private var repositories: [(project: String, folder: String)] = []

    /// - Parameter policy: gets a bind more where the project's repository lies elsewhere.
    init(_ policy: inout Policy, _ paths: HostPaths, _ places: Places) throws {
        records = places.data + "/links"
        if policy.binds.isEmpty, !policy.here { return }
        let current = try Process.currentFolder()
        if !policy.protected.isEmpty { try findWanted(&policy, paths, current) }
        let hidden = try OwnFolders(places, policy.allBinds(from: current), paths)
        own = hidden.places
        var rest = hidden.kinds
        for (index, one) in shown.enumerated() {
            // The same bind may stand there twice.
            let ofOwn = hidden.kinds.first { $0.bind == one.bind }?.kinds ?? [:]
            rest.removeAll { $0.bind == one.bind }
            collect(found[index].merging(ofOwn) { $1 == .held ? $0 : $1 }, one)
        }
        for (bind, kinds) in rest {
            collect(
                bind.readOnly ? kinds.filter { $0.value == .hidden } : kinds, Shown(bind: bind, source: bind.source))
        }
        if shown.isEmpty || policy.protected.isReleased(".git/info/exclude") { return }
        for repository in repositories { try exclude(repository.project, repository.folder) }
    }

    private mutating func findWanted(_ policy: inout Policy, _ paths: HostPaths, _ current: String) throws {
        for bind in policy.allBinds(from: current) { show(bind) }
        if shown.isEmpty { return }
        var wanted: [String] = []
        for project in projects(current) {
            wanted += try meant(in: project, &policy, current, paths)
        }
        wanted += inside(policy)
        found = shown.map { _ in [:] }
        for path in wanted { try protect(path) }
    }

    /// Sees to it that something stands where nothing is yet; nil where nothing is protected.
    func guardian(isQuiet: Bool) throws(RunError) -> Guardian? {
        if !isQuiet { for remark in remarks { Message.say(remark) } }
        if protections.isEmpty { return nil }
        Signals.failBeyondFileSizeLimit()
        let closed = protections.filter { $0.kind != .held }.map { $0.bind.source + "/" + $0.path }
        let guardian = Guardian(
            protections, missing + own, links: GitLinks(linkFolders, bare: bare, closed: closed, records: records),
            standIn: placeholder, say: { if !isQuiet { Message.sayUnlessItWaits($0) } })
        do throws(GuardianError) { try guardian.start() } catch {
            let what = error.place.map { "keep \(quoted($0)) from being made" } ?? "watch over protected paths"
            throw RunError("can't \(what): \(error.errno); \(Self.remedy(error))")
        }
        return guardian
    }

    /// Leaves out what is not there and can't be made inside either: in a folder of somebody else's the sandbox has the
    /// caller's rights and no more, unless the folder's ids are there inside.
    mutating func leaveOutUnreachable(_ identity: IdentityMap) {
        let closed = Set(missing.map(\.folder)).filter { folder in
            guard !Files.isAccessible(folder, 2), let status = GitFolders.status(folder) else { return false }
            return !identity.has(user: status.owner, group: status.group)
        }
        if closed.isEmpty { return }
        missing.removeAll { closed.contains($0.folder) }
        protections.removeAll { protection in
            guard protection.kind == .missing, let one = shown.first(where: { $0.bind == protection.bind }) else {
                return false
            }
            return closed.contains(PathNames.parent(of: one.source + "/" + protection.path))
        }
    }

    private static func remedy(_ error: GuardianError) -> String {
        switch error.errno {
        case .tooManyOpenFiles: "allow more open files: `ulimit -n 1024`"
        case .tooBig: "allow larger files: `ulimit -f unlimited`"
        case .noSpace: "free some space"
        case .access, .permission:
            "make that folder writable for you, or leave all protections out with --protect none"
        default: "--protect '!PATH' does without that one, --protect none without all"
        }
    }

    /// For who starts in a folder of a repository, which is all that is shown: git does not work there.
    static func repositoryAbove() throws(Errno) -> String? {
        let current = try Process.currentFolder()
        guard GitFolders.status(current + "/.git") == nil, !GitFolders.isBare(current) else { return nil }
        var names = PathNames.of(current)
        while names.popLast() != nil, !names.isEmpty {
            let folder = "/" + names.joined(separator: "/")
            if GitFolders.status(folder + "/.git") == nil { continue }
            return "only the current folder is shown, and git's repository is in \(quoted(folder)): start there for git"
        }
        return nil
    }

    private mutating func show(_ bind: Bind) {
        guard !bind.readOnly, let source = GitFolders.canonical(bind.source),
            GitFolders.status(source)?.kind == .directory
        else { return }
        shown.append(Shown(bind: bind, source: source))
    }

    private func isShown(_ path: String) -> Bool {
        shown.contains { Self.rest(of: path, beneath: $0.source) != nil }
    }

    /// What follows `folder` in `path`, empty for the folder itself; nil where it does not lie there.
    private static func rest(of path: String, beneath folder: String) -> String? {
        if path == folder { return "" }
        let start = folder == "/" ? "/" : folder + "/"
        guard path.utf8.starts(with: start.utf8) else { return nil }
        return String(Substring(path.utf8.dropFirst(start.utf8.count)))
    }

    /// The current folder, and what else looks like one: tools outside are started at such places.
    private func projects(_ current: String) -> [String] {
        var projects = isShown(current) ? [current] : []
        for one in shown where !projects.contains(one.source) {
            let marks = [".git", ".sandbox"].map { one.source + "/" + $0 }
            if marks.contains(where: { GitFolders.status($0) != nil }) || GitFolders.isBare(one.source) {
                projects.append(one.source)
            }
        }
        return projects
    }
}

// Which paths of the host are meant.
extension Protecting {
    private mutating func meant(
        in project: String, _ policy: inout Policy, _ current: String, _ paths: HostPaths
    ) throws -> [String] {
        let protected = policy.protected
        var wanted: [String] = []
        for path in protected.paths where !path.hasPrefix("/") && !path.hasPrefix(".git/") {
            wanted.append(project + "/" + path)
        }
        if protected.paths.contains(".git") {
            return wanted + (GitFolders.isBare(project) ? [] : GitFolders.whatMakesBare(project))
        }
        guard !protected.ofGit.isEmpty else { return wanted }
        let git = try GitFolders(of: project, isShown: isShown)
        if GitFolders.status(project + "/.git")?.kind != .directory { wanted.append(project + "/.git") }
        if let refusal = git.refusal { remarks.append(refusal) }
        let binds = policy.allBinds(from: current)
        for hooks in git.hooks where !binds.contains(where: { Self.rest(of: hooks, beneath: $0.source) != nil }) {
            if GitFolders.status(hooks)?.kind != .directory { continue }
            remarks.append(
                "git's hooks in \(quoted(hooks)) (core.hooksPath) are not run inside, for that folder is not shown; "
                    + "--bind shows it, and core.hooksPath has to be an absolute path")
        }
        if let common = git.outside, policy.here, project == current {
            let bind = Bind(source: common, destination: common, readOnly: false)
            policy.binds.append(bind)
            // A place that this run can write is remembered as one.
            paths.show(try paths.resolve(common, "--here"))
            show(bind)
        }
        if let own = git.all.first { repositories.append((project, own.path)) }
        linkFolders += git.all.map(\.path)
        if GitFolders.isBare(project) { bare = project }
        for folder in git.all {
            gitFolders.formUnion([folder.path, folder.path + "/info"])
            for name in protected.ofGit {
                // Of a folder that is shown only for commits, no more than they need is writable.
                let isWhole = folder.path == git.outside && name.hasPrefix("info/")
                wanted.append(folder.path + "/" + (isWhole ? "info" : name))
            }
        }
        for folder in git.ofWorktrees {
            gitFolders.insert(folder)
            wanted += ["commondir", "gitdir"].map { folder + "/" + $0 }.filter { GitFolders.status($0) != nil }
            // Read as soon as a setting says so, which git itself makes: `git sparse-checkout`.
            if protected.ofGit.contains("config.worktree") { wanted.append(folder + "/config.worktree") }
        }
        wanted += git.others
        files.formUnion(git.included)
        let start = project + "/"
        return wanted.filter { !$0.hasPrefix(start) || !protected.isReleased(String($0.dropFirst(start.count))) }
    }

    /// Absolute ones are paths inside: the last bind that shows the place counts.
    private func inside(_ policy: Policy) -> [String] {
        policy.protected.paths.filter { $0.hasPrefix("/") }.compactMap { path in
            shown.reversed().lazy.compactMap { one in
                Self.rest(of: path, beneath: one.bind.destination).map { one.source + ($0.isEmpty ? "" : "/" + $0) }
            }.first
        }
    }
}

// What is there.
extension Protecting {
    private mutating func protect(_ path: String) throws {
        do throws(Errno) {
            if try !hold(path) { return }
            // Each link on the way is held, and what they lead to in the end, be it there or not.
            let trail = try GitFolders.trail(path)
            for link in trail.links { _ = try hold(link) }
            _ = try hold(trail.end)
        } catch {
            throw RunError("--protect: can't look at \(quoted(path)): \(error)")
        }
    }

    /// - Returns: whether a link is on the way, or the path lies nowhere in what is shown.
    private mutating func hold(_ path: String) throws(Errno) -> Bool {
        var isLed = true
        for index in shown.indices {
            guard let rest = Self.rest(of: path, beneath: shown[index].source), !rest.isEmpty else { continue }
            isLed = try walk(rest, index)
        }
        return isLed
    }

    /// - Returns: whether a link is on the way.
    private mutating func walk(_ path: String, _ index: Int) throws(Errno) -> Bool {
        let names = PathNames.of(path)
        var folder = try Descriptor.open(shown[index].source, [.path, .directory])
        for (depth, name) in names.enumerated() {
            let so = names[...depth].joined(separator: "/")
            let isLast = depth == names.count - 1
            let status: FileStatus
            do throws(Errno) { status = try folder.status(of: name) } catch .noEntry {
                note(so, .missing, index)
                return false
            }
            if status.kind == .symlink {
                note(so, .readOnly, index)
                return true
            }
            if try Placeholder.isOne(name, in: folder) {
                note(so, .missing, index)
                return false
            }
            guard !isLast, status.kind == .directory else {
                note(so, .readOnly, index)
                return false
            }
            note(so, .held, index)
            folder = try folder.open(name, [.path, .directory], resolve: [.beneath, .noSymlinks])
        }
        return false
    }

    private mutating func note(_ path: String, _ kind: Protection.Kind, _ index: Int) {
        if let known = found[index][path], known != .held { return }
        found[index][path] = kind
    }

    private func placeholder(_ folder: String, _ name: String) -> Placeholder {
        let isFile = files.contains(folder + "/" + name)
        let content = gitFolders.contains(folder) ? Placeholder.content(ofGit: name) : isFile ? [] : nil
        return Placeholder(folder: folder, name: name, content: content)
    }

    private mutating func collect(_ kinds: [String: Protection.Kind], _ one: Shown) {
        for (path, kind) in kinds.sorted(by: { $0.key < $1.key }) {
            let isCovered = kinds.contains { other, kind in
                kind != .held && other != path && Self.rest(of: path, beneath: other) != nil
            }
            // What is read-only can be read: what is hidden is hidden there too.
            if isCovered, kind != .hidden { continue }
            protections.append(Protection(bind: one.bind, path: path, kind: kind))
            if kind != .missing { continue }
            let whole = one.source + "/" + path
            let folder = PathNames.parent(of: whole)
            let name = PathNames.of(whole).last ?? ""
            let place = placeholder(folder, name)
            if !missing.contains(where: { $0.folder == folder && $0.name == name }) { missing.append(place) }
        }
    }
}

// What git is told.
extension Protecting {
    /// `git stash -u` and `git clean` remove empty folders too, and fail where one is a mount.
    private mutating func exclude(_ project: String, _ folder: String) throws(RunError) {
        let lines = missing.filter { $0.content == nil }.compactMap { place in
            let whole = place.folder + "/" + place.name
            return Self.rest(of: whole, beneath: folder) == nil ? Self.rest(of: whole, beneath: project) : nil
        }.map { "/" + Self.pattern($0) + "/\n" }
        let list = folder + "/info/exclude"
        guard !lines.isEmpty, GitFolders.status(folder + "/info")?.kind == .directory else { return }
        var text = ""
        if let status = GitFolders.status(list) {
            guard status.kind == .regular else { return }
            do throws(Errno) {
                // By its place, not its name: somebody may put a link there since it was looked at.
                let file = try Descriptor.openWithoutLinks(
                    list, [.readOnly, .nonBlocking, .noControllingTerminal])
                guard try file.status().kind == .regular else { throw Errno.notRegular }
                text = ByteText.text(try file.readAll(limit: 1 << 20))
            } catch {
                throw RunError("can't read \(quoted(list)): \(error)")
            }
        } else {
            missing.append(Placeholder(folder: folder + "/info", name: "exclude", content: []))
        }
        if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
        for one in shown {
            guard let rest = Self.rest(of: list, beneath: one.source) else { continue }
            substitutions.append(Substitution(bind: one.bind, path: rest, content: text + lines.joined()))
        }
    }

    /// As a pattern of gitignore(5) that matches this path alone.
    private static func pattern(_ path: String) -> String {
        path.reduce(into: "") { text, character in
            if "\\*?[ !#".contains(character) { text.append("\\") }
            text.append(character)
        }
    }
}
