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
        if !checks.contains(where: { $0.state == .missing }) { try examineRun() }
        for index in checks.indices { checks[index].cause = escaped(checks[index].cause) }
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
        var status: FileStatus?
        while status == nil, existing != "" {
            do throws(Errno) { status = try FileStatus.of(existing) } catch { existing = Self.above(existing) }
        }
        let isOthers = status.map { $0.owner != facts.uid } ?? false
        // Root may write anywhere; whose a folder is that has to be made yet does not matter either.
        guard refused != nil || (isOthers && existing == path) else { return nil }
        return FolderFault(
            path: existing.isEmpty ? "/" : existing, owner: isOthers ? status.map { Self.name($0.owner) } : nil,
            reason: (refused ?? .permission).description, isPermission: refused == nil || refused == .access,
            isBelowOwnHome: existing.hasPrefix(surroundings.home + "/") && isOwn(surroundings.home), variable: variable)
    }

    private func isOwn(_ path: String) -> Bool {
        do throws(Errno) { return try FileStatus.of(path).owner == facts.uid } catch { return false }
    }

    private static func above(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }
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
        let inMemory = facts.memoryKeepsAttributes || !hasData
        let plan: LaunchPlan
        let outcome: Trial.Outcome
        if inMemory {
            plan = try makePlan(upper: nil)
            outcome = try Trial.run(plan, filter: filter)
        } else {
            (plan, outcome) = try tryOnDisk(filter)
        }
        let limits = HostLimits.gather(for: plan, launcher: surroundings.installation.launcher)
        switch outcome {
        case .ran(let status):
            for need in Self.walked where need != .command { tell(need) }
            tellCommand(status)
            if inMemory, hasData, status == 0 { try examineDisk(filter) }
        case .failed(let failure, let said):
            let need = failure.need(plan)
            for passed in passed(failure, plan) where passed != need { tell(passed) }
            var diagnosis = failure.diagnosis(plan, limits, reason: Errno(failure.errno).description)
            let said = said.split(separator: "\n").joined(separator: ", ")
            if !said.isEmpty { diagnosis.cause += " (" + said + ")" }
            add(need, .missing, diagnosis)
        }
    }

    private func makePlan(upper: UpperFolders?) throws(PolicyError) -> LaunchPlan {
        try LaunchPlan(
            LaunchRequest(
                policy: policy, facts: facts, root: .host, layers: [], upper: upper,
                identity: try IdentityMap(policy.identity, facts), command: ["true"]))
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

    /// Changes on disk: what a kept sandbox needs, and one that is dropped does not.
    private mutating func examineDisk(_ filter: [UInt8]?) throws {
        let (plan, outcome) = try tryOnDisk(filter)
        guard case .failed(let failure, _) = outcome else { return checks.append(Check(.diskOverlay)) }
        let limits = HostLimits.gather(for: plan, launcher: surroundings.installation.launcher)
        add(
            .diskOverlay, .degraded,
            .diskOverlay(failure.diagnosis(plan, limits, reason: Errno(failure.errno).description)))
    }

    private func tryOnDisk(_ filter: [UInt8]?) throws -> (LaunchPlan, Trial.Outcome) {
        let all = surroundings.places.ephemeral
        try Files.makeDirectories(all)
        // As the launcher does it: what is not locked is taken for debris, and removed.
        let gate = try Descriptor.open(all, [.readOnly, .directory])
        try gate.lock(wait: true)
        let folder = "\(all)/\(Process.id)-doctor"
        try Files.makeDirectories(folder)
        let lock = try Descriptor.open(folder, [.readOnly, .directory])
        try lock.lock()
        try gate.unlock()
        defer { try? SetupLauncher(installation: surroundings.installation).removeTree(folder) }
        try Files.makeDirectories(folder + "/upper", mode: 0o755)
        try Files.makeDirectories(folder + "/work")
        let plan = try makePlan(
            upper: UpperFolders(upper: folder + "/upper", work: folder + "/work", disposable: true))
        return (plan, try Trial.run(plan, filter: filter))
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
