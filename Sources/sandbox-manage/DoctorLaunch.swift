// The launch that is tried. Namespaces, mounts and the rest are not guessed at: the plan of `sandbox run host true` is walked,
// and where it stops is what is missing.

import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy

extension Doctor {
    /// What the walk of the plan tells about, in its order.
    private static let walked: [Need] = [
        .userNamespaces, .hostFolders, .ids, .memory, .overlay, .proc, .devices, .network, .sys, .root, .rights,
        .filter,
        .command,
    ]

    mutating func examineLaunch(_ filter: [UInt8]?, hasData: Bool) throws {
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
    mutating func examineRun() throws {
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
