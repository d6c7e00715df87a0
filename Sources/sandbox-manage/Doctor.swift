// Goes through what a launch needs: what is there before one begins, the launch itself, and what it can do without.

import LaunchPlan
import Launcher
import LinuxSystem
import SandboxPolicy
import Seccomp

struct Doctor {
    var checks: [Check] = []
    let surroundings: Surroundings
    let policy: Policy
    let facts: Facts

    init(_ surroundings: Surroundings) throws(PolicyError) {
        self.surroundings = surroundings
        policy = try Policy(Policy.builtIn)
        facts = Facts.gather(for: policy, host: surroundings.places.all)
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

    mutating func add(_ need: Need, _ state: Check.State, _ diagnosis: Diagnosis) {
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
        if examine(.configuration, places.configuration) {
            checks.append(Check(.configuration, found: places.configuration))
        }
        let believed = (cache: examine(.cache, places.cache), data: examine(.data, places.data))
        guard believed.cache, believed.data else { return believed.data }
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

    /// Whether nobody else can put something into a folder: no run begins where somebody can.
    private mutating func examine(_ need: Need, _ path: String) -> Bool {
        guard let reason = FileStatus.stranger(of: path) else { return true }
        let folder = shellWord(path)
        add(
            need, .missing,
            Diagnosis(
                Places.refusal(path, reason),
                Remedy("as root", ["chown -R \(facts.uid):\(facts.gid) \(folder)", "chmod -R go-w \(folder)"])))
        return false
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

// What a sandbox can start without.
extension Doctor {
    private mutating func examineLandlock() {
        do throws(Errno) {
            checks.append(Check(.landlock, found: "version \(try Landlock.askVersion())"))
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
            add(.tunnel, .degraded, .noTunnel(isThere: error == .access, group: facts.gid, reason: error.description))
        }
        let folders = (Process.environment("PATH") ?? "").split(separator: ":")
        if let folder = folders.first(where: { Files.isAccessible($0 + "/pasta", 1) }) {
            checks.append(Check(.pasta, found: folder + "/pasta"))
        } else {
            add(.pasta, .degraded, .noPasta)
        }
    }
}
