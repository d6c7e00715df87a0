// Where changes go: made, locked while the sandbox runs, recorded for `diff` and `start`, and dropped at the end.

import LaunchPlan
import LinuxSystem
import SandboxPolicy

struct Upper {
    /// nil: in memory.
    let folders: UpperFolders?
    /// Held until this process ends: no other sandbox may use the upper meanwhile.
    private let lock: SharedDescriptor?
    /// The folder of a kept sandbox.
    private let state: String?
    /// The file of the list of layers, for an upper that stays, and the words before it.
    private let list: (file: String, head: [String])?
    /// Made for this run, to be kept afterwards.
    private let isNew: Bool
    /// A folder that goes at the end.
    private let disposable: String?
    /// What is written beside the upper.
    private let over: MadeOver.Record?

    init(
        folders: UpperFolders? = nil, lock: SharedDescriptor? = nil, state: String? = nil,
        list: (file: String, head: [String])? = nil, isNew: Bool = false, disposable: String? = nil,
        over: MadeOver.Record? = nil
    ) {
        self.folders = folders
        self.lock = lock
        self.state = state
        self.list = list
        self.isNew = isNew
        self.disposable = disposable
        self.over = over
    }

    static func prepare(
        _ policy: Policy, _ facts: Facts, _ made: MadeOver, lowers: [String], _ manage: Manage, _ paths: HostPaths,
        goesOn: Bool
    ) throws -> Upper {
        let places = manage.places
        // An explanation makes nothing.
        if policy.explain != nil { return explained(policy, facts, places) }
        do {
            if let name = policy.name { return try named(name, places, goesOn) }
            switch policy.upper {
            case .folder(let path): return try UserFolder(path, paths).prepare(lowers, policy, made, places)
            case .disk: return try ephemeral(manage)
            case .memory: return Upper()
            case .automatic:
                return facts.memoryKeepsAttributes || policy.readOnly ? Upper() : try ephemeral(manage)
            }
        } catch let error as Errno {
            throw RunError(
                "can't prepare the folder for changes: \(error)" + (error == .noSpace ? "; free some space" : ""))
        }
    }

    private static func explained(_ policy: Policy, _ facts: Facts, _ places: Places) -> Upper {
        func at(_ upper: String, _ work: String, disposable: Bool = false) -> Upper {
            Upper(folders: UpperFolders(upper: upper, work: work, disposable: disposable))
        }
        if let name = policy.name {
            return at("\(places.sandboxes)/\(name)/upper", "\(places.sandboxes)/\(name)/work")
        }
        switch policy.upper {
        case .folder(let path): return at(path, Places.besideUpper(path) + "/work")
        case .disk: return at(places.ephemeral + "/…/upper", places.ephemeral + "/…/work", disposable: true)
        case .memory, .automatic: return Upper()
        }
    }

    private static func named(_ name: String, _ places: Places, _ goesOn: Bool) throws -> Upper {
        let folder = places.sandboxes + "/" + name
        try closedFolder(places.sandboxes)
        let isNew = !Files.isAccessible(places.kept(name), 0)
        if !goesOn, !isNew {
            throw RunError(
                "a sandbox named \(quoted(name)) is kept already: `sandbox start \(name)` goes on with it, "
                    + "`sandbox rm \(name)` removes it")
        }
        try closedFolder(folder)
        let lock = try locked(
            SharedDescriptor(try .open(folder + "/lock", [.readWrite, .create, .noFollow], mode: 0o600)), name)
        // `rm` may have removed the folder between opening and locking.
        guard FileStatus.stamp(of: folder + "/lock") == (try lock.descriptor.status().stamp) else {
            throw RunError("\(quoted(name)) is being removed; try again")
        }
        try Files.makeDirectories(folder + "/upper", mode: 0o755)
        try Files.makeDirectories(folder + "/work")
        return Upper(
            folders: UpperFolders(
                upper: folder + "/upper", work: folder + "/work", disposable: false,
                top: isNew ? .modeAndOwner : .kept), lock: lock,
            state: folder, list: (folder + "/lowers", []), isNew: isNew)
    }

    private static func locked(_ shared: SharedDescriptor, _ what: String) throws -> SharedDescriptor {
        do throws(Errno) { try shared.descriptor.lock() } catch .wouldBlock { throw inUse(what) }
        return shared
    }

    static func inUse(_ what: String) -> RunError {
        RunError("\(quoted(what)) is in use by another sandbox; wait for it to end, or choose another")
    }

    /// A folder of this program's own, closed to others: who could open what is in it could lock that as well, and change
    /// what an image or a command leaves open to all.
    static func closedFolder(_ path: String) throws {
        try Files.makeDirectories(path)
        let folder = try Descriptor.open(path, [.readOnly, .directory, .noFollow])
        let status = try folder.status()
        guard status.owner == Process.effectiveUser else {
            throw RunError("the folder \(quoted(path)) belongs to user \(status.owner); remove it, it is made anew")
        }
        if status.permissions & 0o022 != 0 {
            throw RunError(
                "the folder \(quoted(path)) can be written by others, who may have put anything in it for you to run; "
                    + "remove it, or if you know that nobody has, say `chmod 700` on it")
        }
        if status.permissions & 0o077 != 0 { try folder.setMode(0o700) }
    }

    /// A folder that goes at the end; and those that a killed launcher could not drop go now.
    private static func ephemeral(_ manage: Manage) throws -> Upper {
        let all = manage.places.ephemeral
        try closedFolder(all)
        // Held while folders are made and swept: one that is not locked yet is not taken for debris.
        let gate = try Descriptor.open(all, [.readOnly, .directory])
        try gate.lock(wait: true)
        for name in try gate.names() {
            do throws(Errno) { if try Files.isLocked(all + "/" + name) { continue } } catch { continue }
            try remove(all + "/" + name, manage)
        }
        let folder = "\(all)/\(Process.id)-\(Clock.milliseconds)"
        try Files.makeDirectories(folder)
        let lock = try locked(SharedDescriptor(try .open(folder, [.readOnly, .directory])), folder)
        try Files.makeDirectories(folder + "/upper", mode: 0o755)
        try Files.makeDirectories(folder + "/work")
        return Upper(
            folders: UpperFolders(
                upper: folder + "/upper", work: folder + "/work", disposable: true, top: .modeAndOwner), lock: lock,
            disposable: folder)
    }

    /// Writes what `sandbox diff` and `sandbox start` read.
    func record(_ plan: LaunchPlan, _ root: Root, words: [String], command: [String]) throws {
        guard let list else { return }
        Signals.failBeyondFileSizeLimit()
        do throws(Errno) {
            let lowers = plan.lowers.flatMap { [$0.place, $0.folder] }
            try Files.replaceMakingFolders(list.file, with: Words.join(list.head + lowers))
            if let over { try over.write() }
            if let state, let image = root.record, !Files.isAccessible(state + "/image", 0) {
                try Files.replace(state + "/image", with: image.encoded)
            }
            if let state, !Files.isAccessible(state + "/run", 0) {
                let kept = KeptSandbox(folder: try Process.currentFolder(), words: words, command: command)
                try Files.replace(state + "/run", with: kept.encoded)
            }
        } catch { throw RunError("can't write to \(quoted(list.file)): \(error)") }
    }

    /// The command could not be started: nothing is worth keeping under a new name.
    func forget(_ manage: Manage) {
        guard isNew, let state else { return }
        do { try Self.remove(state, manage) } catch {}
    }

    func discard(_ manage: Manage) {
        guard let disposable else { return }
        do { try Self.remove(disposable, manage) } catch {
            Message.error("can't remove \(quoted(disposable)); the next start tries again")
        }
    }

    /// Mostly all of it is the user's own; files of subordinate ids need a user namespace, which the manager enters.
    private static func remove(_ folder: String, _ manage: Manage) throws(RunError) {
        do throws(Errno) { try Files.removeTree(folder) } catch { try manage.run(["__remove-tree", folder]) }
    }
}

extension KeptSandbox {
    static func read(_ name: String, _ places: Places) throws -> KeptSandbox {
        guard let bytes = OwnFile.read(places.kept(name)) else {
            var names: [String] = []
            do throws(Errno) { names = try Descriptor.open(places.sandboxes, [.readOnly, .directory]).names() } catch {}
            throw RunError(
                "no sandbox named \(quoted(name)) is kept" + Nearest.suggestion(name, among: names)
                    + "; `sandbox list` shows the kept ones")
        }
        guard let kept = KeptSandbox(encoded: bytes) else {
            throw RunError("the record of \(quoted(name)) is damaged; `sandbox rm \(name)` removes it")
        }
        return kept
    }
}
