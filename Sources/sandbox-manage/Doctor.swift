// Goes through what a launch needs. Namespaces, mounts and the rest are not guessed at: the plan of `sandbox run host true`
// is walked, and where it stops is what is missing.

import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy
import Seccomp

struct Doctor {
    private(set) var checks: [Check] = []
    private let surroundings: Surroundings
    private let policy: Policy
    private let facts: Facts

    /// What the walk of the plan tells about, in its order.
    private static let walked: [Need] = [
        .userNamespaces, .hostFolders, .ids, .memory, .overlay, .proc, .devices, .network, .sys, .root, .rights,
        .filter,
        .command,
    ]

    init(_ surroundings: Surroundings) throws(PolicyError) {
        self.surroundings = surroundings
        policy = try Policy(Policy.builtIn)
        facts = Facts.gather(for: policy, isHost: true)
    }

    mutating func examine() throws {
        let filter = examineInstallation()
        let hasData = examineFolders()
        examineKernel()
        try examineLaunch(filter, hasData: hasData)
        examineLandlock()
        examineCgroup()
        examineNetworking()
        let hasHost = !checks.contains { $0.name == Need.hostFolders.rawValue && $0.state != .ok }
        if hasHost, !checks.contains(where: { $0.state == .missing }) { try examineRun() }
        checks = Need.allCases.flatMap { need in checks.filter { $0.name == need.rawValue } }
    }

    private mutating func add(_ need: Need, _ state: Check.State, _ diagnosis: Diagnosis) {
        checks.append(Check(need, state, diagnosis))
    }
}

// What is there before a launch begins.
extension Doctor {
    /// - Returns: the standard filter, where it can be made.
    private mutating func examineInstallation() -> [UInt8]? {
        let installation = surroundings.installation
        var faults: [String] = []
        if !Files.isAccessible(installation.launcher, 1) {
            faults.append("\(quoted(installation.launcher)) is not there or can't be run")
        }
        do { _ = try surroundings.resolver.resolve(installation.profiles + "/default.toml") } catch {
            faults.append("\(error)")
        }
        let filter: [UInt8]?
        do { filter = try standardFilter() } catch {
            faults.append("\(quoted(filterFile)): \(error)")
            filter = nil
        }
        if faults.isEmpty {
            checks.append(Check(.installation, found: installation.launcher))
        } else {
            add(.installation, .missing, .brokenInstallation(faults))
        }
        return filter
    }

    private var filterFile: String { surroundings.installation.profiles + "/seccomp/default.json" }

    private func standardFilter() throws -> [UInt8] {
        let (major, minor) = facts.kernel
        let identity = try IdentityMap(policy.identity, facts)
        let target = FilterTarget(
            capabilities: policy.capabilities, kernel: KernelVersion(major: major, minor: minor),
            emulateRoot: identity.mode == .single)
        return try FilterProfile(json: Files.read(filterFile)).compiled(for: target).bytes
    }

    /// - Returns: whether the data folder can be used.
    private mutating func examineFolders() -> Bool {
        let places = surroundings.places
        let cache = fault(of: places.cache, "XDG_CACHE_HOME")
        if let cache {
            add(.cache, .missing, .folder(cache, facts, without: "profiles and filters can't be prepared"))
        } else {
            checks.append(Check(.cache, found: places.cache))
        }
        let data = fault(of: places.data, "XDG_DATA_HOME")
        if let data {
            // Changes in memory need no data folder.
            let isNeeded = !facts.memoryKeepsAttributes
            add(
                .data, isNeeded ? .missing : .degraded,
                .folder(data, facts, without: isNeeded ? "changes can't be held" : "no images and no kept sandboxes"))
        } else {
            checks.append(Check(.data, found: places.data))
        }
        return data == nil
    }

    /// Makes the folder, and a file in it.
    private func fault(of path: String, _ variable: String) -> FolderFault? {
        var refused: Errno?
        do throws(Errno) {
            try Files.makeDirectories(path)
            try Files.replace(path + "/doctor", with: [])
            try Files.remove(path + "/doctor")
        } catch { refused = error }
        var existing = path
        while existing != "/", Self.owner(existing) == nil { existing = Self.above(existing) }
        let owner = Self.owner(existing)
        let isOthers = owner != nil && owner != facts.uid
        // Whose a folder is that others have to be made in does not matter, as long as they can be.
        guard refused != nil || (isOthers && existing == path) else { return nil }
        return FolderFault(
            wanted: path, path: existing, owner: isOthers ? owner.map(Self.name) : nil,
            reason: (refused ?? .permission).description, isPermission: refused == nil || refused == .access,
            isBelowOwnHome: existing.hasPrefix(surroundings.home + "/")
                && Self.owner(surroundings.home) == facts.uid, variable: variable)
    }

    private static func owner(_ path: String) -> UInt32? {
        do throws(Errno) { return try FileStatus.of(path).owner } catch { return nil }
    }

    private static func above(_ path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "/"
    }
    private static func name(_ uid: UInt32) -> String { Facts.userName(uid).map { "\($0) (\(uid))" } ?? "\(uid)" }

    private mutating func examineKernel() {
        let missing = KernelFeatures.missingCalls
        if !missing.isEmpty {
            add(.kernel, .missing, .missingCalls(missing, facts.kernel))
        } else if facts.kernel < (5, 15) {
            add(.kernel, .degraded, .oldKernel(facts.kernel))
        } else {
            checks.append(Check(.kernel, found: "\(facts.kernel.major).\(facts.kernel.minor)"))
        }
    }
}

// The launch itself.
extension Doctor {
    private mutating func examineLaunch(_ filter: [UInt8]?, hasData: Bool) throws {
        let onDisk = !facts.memoryKeepsAttributes && hasData
        var trial = try attempt(.host, onDisk: onDisk, filter)
        if let (failure, _) = trial.failure, failure.lockedMount(trial.plan, trial.limits) != nil, hasData {
            add(.hostFolders, .degraded, .noHost(trial.diagnosis(failure)))
            trial = try attempt(.folder, onDisk: onDisk, filter)
        }
        guard let (failure, said) = trial.failure else {
            for need in Self.walked where need != .command { tell(need) }
            tellCommand(trial.status)
            if !onDisk, hasData, trial.status == 0 { try examineDisk(trial.root, filter) }
            return
        }
        let need = failure.need(trial.plan)
        for passed in passed(failure, trial.plan) where passed != need { tell(passed) }
        var diagnosis = trial.diagnosis(failure)
        let words = said.split(separator: "\n").joined(separator: ", ")
        if !words.isEmpty { diagnosis.cause += " (" + words + ")" }
        add(need, .missing, diagnosis)
    }

    /// Changes on disk: what a kept sandbox needs, and one that is dropped does not.
    private mutating func examineDisk(_ root: Trying.Root, _ filter: [UInt8]?) throws {
        let trial = try attempt(root, onDisk: true, filter)
        guard let (failure, _) = trial.failure else { return checks.append(Check(.diskOverlay)) }
        add(.diskOverlay, .degraded, .diskOverlay(trial.diagnosis(failure)))
    }

    /// One launch, and how it went.
    private struct Trying {
        enum Root { case host, folder }
        let root: Root
        let plan: LaunchPlan
        let outcome: Trial.Outcome
        let limits: HostLimits

        var failure: (LaunchFailure, said: String)? {
            if case .failed(let failure, let said) = outcome { (failure, said) } else { nil }
        }
        var status: Int32 { if case .ran(let status) = outcome { status } else { 125 } }

        func diagnosis(_ failure: LaunchFailure) -> Diagnosis {
            failure.diagnosis(plan, limits, reason: Errno(failure.errno).description)
        }
    }

    /// Starts `true` on this machine's folders as layers, or bound into an empty folder.
    private func attempt(_ root: Trying.Root, onDisk: Bool, _ filter: [UInt8]?) throws -> Trying {
        let room = onDisk || root == .folder ? try ScratchRoom(surroundings) : nil
        defer { room?.remove() }
        var policy = policy
        var source = RootSource.host
        if root == .folder, let room {
            source = .folder(room.folder + "/root")
            let entries = facts.hostRoot.map(\.name).filter { $0 == "bin" || $0 == "usr" || $0.hasPrefix("lib") }
            policy = try Policy(
                Policy.builtIn + entries.map { Setting(.bind, "/\($0):/\($0)", .commandLine) })
        }
        let upper = room.map {
            UpperFolders(upper: $0.folder + "/upper", work: $0.folder + "/work", disposable: true)
        }
        let plan = try LaunchPlan(
            LaunchRequest(
                policy: policy, facts: facts, root: source, layers: [], upper: onDisk ? upper : nil,
                identity: try IdentityMap(policy.identity, facts), command: ["true"]))
        let outcome = try Trial.run(plan, filter: filter)
        let limits = HostLimits.gather(for: plan, launcher: surroundings.installation.launcher)
        return Trying(root: root, plan: plan, outcome: outcome, limits: limits)
    }

    /// What had been walked when the launch failed.
    private func passed(_ failure: LaunchFailure, _ plan: LaunchPlan) -> [Need] {
        switch failure.stage {
        case .namespaces: return []
        case .identity: return [.userNamespaces, .hostFolders]
        case .step(let index):
            let needs = Set(plan.needs.prefix(index))
            return Self.walked.filter(needs.contains)
        default: return Array(Self.walked.prefix { $0 != failure.need(plan) })
        }
    }

    /// Something that the launch has been able to do.
    private mutating func tell(_ need: Need) {
        switch need {
        case .hostFolders where checks.contains(where: { $0.name == need.rawValue }): return
        case .ids:
            if let why = IdentityMap.whyOne(facts) { return add(.ids, .degraded, .oneID(why)) }
            let range = facts.subordinateUIDs.first.map { "\($0.first) to \($0.first + ($0.count - 1))" }
            checks.append(Check(.ids, found: range ?? ""))
        case .memory where !KernelFeatures.memoryKeepsAttributes:
            add(.memory, .degraded, .memoryWithoutAttributes)
        case .filter:
            let known = KernelFeatures.filterActions
            let missing = ["errno", "kill_process", "log", "user_notif"].filter { !known.contains($0) }
            if !known.isEmpty, !missing.isEmpty { return add(.filter, .degraded, .filterActions(missing)) }
            let level = KernelFeatures.waitsForNotification ? ", killable while it waits" : ""
            checks.append(Check(.filter, found: known.contains("user_notif") ? "user notification" + level : ""))
        default: checks.append(Check(need))
        }
    }

    private mutating func tellCommand(_ status: Int32) {
        if status == 0 { return checks.append(Check(.command)) }
        add(.command, .missing, .endedBadly("true", status))
    }

    /// Everything at once, by the launcher itself.
    private mutating func examineRun() throws {
        let installation = surroundings.installation
        let said = try Descriptor.memoryFile("said")
        let input = try Descriptor.open("/dev/null", [.readOnly])
        let child = try Process.spawn(
            installation.launcher,
            arguments: [
                "sandbox", "run", "--quiet", "--profile", installation.profiles + "/default.toml", "host", "true",
            ], output: said.raw, errorOutput: said.raw, input: input.raw)
        let status = try Process.wait(for: child).shellStatus
        if status == 0 { return checks.append(Check(.wholeRun)) }
        try said.rewind()
        let text = String(decoding: try said.readAll(limit: 1 << 20), as: UTF8.self)
        let last = text.split(separator: "\n").last ?? "it ended with status \(status)"
        let prefix = "sandbox: "
        add(.wholeRun, .missing, Diagnosis(String(last.hasPrefix(prefix) ? last.dropFirst(prefix.count) : last)))
    }
}

// What a sandbox can start without.
extension Doctor {
    private mutating func examineLandlock() {
        do throws(Errno) {
            checks.append(Check(.landlock, found: "version \(try KernelFeatures.landlockVersion())"))
        } catch {
            add(.landlock, .degraded, .noLandlock(isOff: error == .notSupported, reason: error.description))
        }
    }

    private mutating func examineCgroup() {
        if let obstacle = CgroupDelegation.obstacle() {
            let hasSystemd = Files.isAccessible("/run/systemd/system", 0)
            add(.cgroup, .degraded, .noDelegation(obstacle, hasSystemd: hasSystemd))
        } else {
            checks.append(Check(.cgroup))
        }
    }

    private mutating func examineNetworking() {
        let tunnel = "/dev/net/tun"
        do throws(Errno) {
            _ = try Descriptor.open(tunnel, [.readWrite])
            checks.append(Check(.tunnel))
        } catch {
            add(.tunnel, .degraded, .noTunnel(isThere: error == .access, reason: error.description))
        }
        let folders = (Process.environment("PATH") ?? "").split(separator: ":")
        if let folder = folders.first(where: { Files.isAccessible($0 + "/pasta", 1) }) {
            checks.append(Check(.pasta, found: folder + "/pasta"))
        } else {
            add(.pasta, .degraded, .noPasta)
        }
    }
}

/// Folders for an upper that is dropped, where the launcher makes those too: in the data folder, locked.
private struct ScratchRoom {
    let folder: String
    private let lock: SharedDescriptor
    private let installation: Installation

    init(_ surroundings: Surroundings) throws(Errno) {
        installation = surroundings.installation
        let all = surroundings.places.ephemeral
        try Files.makeDirectories(all)
        // What is not locked is taken for debris, by those who hold this.
        let gate = try Descriptor.open(all, [.readOnly, .directory])
        try gate.lock(wait: true)
        folder = "\(all)/\(Process.id)-doctor"
        try Files.makeDirectories(folder)
        lock = SharedDescriptor(try Descriptor.open(folder, [.readOnly, .directory]))
        try lock.descriptor.lock()
        for name in ["/upper", "/root"] { try Files.makeDirectories(folder + name, mode: 0o755) }
        try Files.makeDirectories(folder + "/work")
    }

    /// Files of it may belong to ids of the sandbox.
    func remove() {
        do { try SetupLauncher(installation: installation).removeTree(folder) } catch {
            Invocation.say("can't remove \(quoted(folder)): \(error); the next start tries again")
        }
    }
}
