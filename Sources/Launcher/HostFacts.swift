// Reads what a plan needs to know about this host, and no more than this plan needs: each read is start-up time.

import ByteText
public import LaunchPlan
import LinuxSystem
public import SandboxPolicy

extension Facts {
    /// Reads `/etc/passwd` and `/etc/subuid` directly: getpwuid(3) loads plug-ins, which a static program can't.
    /// - Parameter own: this program's folders, for ROOTFS `host`, which does not show them; nil: for another.
    public static func gather(for policy: Policy, host own: [String]?) -> Facts {
        var facts = Facts()
        facts.uid = Process.effectiveUser
        facts.gid = Process.effectiveGroup
        facts.kernel = Kernel.version
        if policy.landlock != .off { facts.landlockVersion = Landlock.version }
        facts.handsFileIn = StandardDescriptors.handsFileIn
        facts.environment = Process.environment
        facts.limits = .ofCaller
        do throws(Errno) { facts.currentFolder = try Process.currentFolder() } catch {}
        let needsName = policy.identity != .single && facts.uid != 0
        let accounts = own != nil || needsName ? AccountHomes(caller: facts.uid, homes: own != nil) : nil
        if policy.identity != .single || facts.uid == 0 { facts.readIdentity(accounts?.callersName) }
        facts.readNetwork(policy.network)
        if facts.uid != 0, policy.nested || facts.uid == overflowID {
            facts.machineRoot = machineRoot(runs("/proc/self/uid_map"))
        }
        if policy.here { facts.wideFolder = wideFolder(facts) }
        if let own, let accounts {
            facts.readHostRoot()
            facts.readRootOwned()
            facts.readHidden(accounts, own)
        }
        facts.boundFiles = Set(
            policy.binds.map(\.source).filter {
                do throws(Errno) { return try FileStatus.of($0).kind != .directory } catch { return false }
            })
        return facts
    }

    private mutating func readIdentity(_ name: String?) {
        if uid == 0 {
            userName = "root"
            ownUIDs = Self.runs("/proc/self/uid_map")
            ownGIDs = Self.runs("/proc/self/gid_map")
            givesIDs = Capabilities.areHeld([.cap_setuid, .cap_setgid, .cap_setfcap])
            machineRoot = Self.machineRoot(ownUIDs)
            return
        }
        userName = name ?? String(uid)
        subordinateUIDs = Self.subordinate("/etc/subuid", [userName, String(uid)])
        subordinateGIDs = Self.subordinate("/etc/subgid", [userName, String(uid)])
        if subordinateUIDs.isEmpty || subordinateGIDs.isEmpty { freeSubordinate = Self.firstFree() }
        findHelpers()
    }

    private mutating func readNetwork(_ choice: NetworkChoice) {
        if choice == .none { return }
        resolvConf = Files.text("/etc/resolv.conf", limit: 1 << 20) ?? ""
        if choice == .host { return }
        pasta = Self.programFolders.map { $0 + "/pasta" }.first { Files.isAccessible($0, 1) }
        // systemd-resolved(8) listens on the loopback, and tells here whom it asks.
        if Resolvers(resolvConf).outside.isEmpty,
            let known = Files.text("/run/systemd/resolve/resolv.conf", limit: 1 << 20)
        {
            resolvConf = known
        }
        resolvConf = Resolvers(resolvConf).textOutside
    }

    private static let programFolders = ["/usr/bin", "/bin", "/usr/local/bin"]

    private mutating func findHelpers() {
        guard let folder = Self.programFolders.first(where: { Files.isAccessible($0 + "/newuidmap", 1) }),
            Files.isAccessible(folder + "/newgidmap", 1)
        else { return }
        let helpers = (uid: folder + "/newuidmap", gid: folder + "/newgidmap")
        if let powerless = [helpers.uid, helpers.gid].first(where: { !Self.gainsRights($0) }) {
            helperFault = .powerless(powerless)
        } else if Namespacing.hasNoNewPrivileges {
            helperFault = .noNewPrivileges
        } else {
            mapHelpers = helpers
        }
    }

    /// Set-user-id root, or with file capabilities.
    private static func gainsRights(_ path: String) -> Bool {
        do throws(Errno) {
            let status = try FileStatus.of(path)
            if status.permissions & 0o4000 != 0 { return true }
            return try Descriptor.open(path, [.path]).wholeAttribute("security.capability") != nil
        } catch { return false }
    }

    /// From 100000 on, as useradd(8) gives them out.
    private static func firstFree() -> UInt32 {
        var free: UInt32 = 100_000
        for path in ["/etc/subuid", "/etc/subgid"] {
            forEachRecord(of: path) { line in
                guard let first = line.number(1), let count = line.number(2) else { return }
                let (end, overflow) = first.addingReportingOverflow(count)
                if !overflow, end > free, end < UInt32.max - 65536 { free = end }
            }
        }
        return free
    }

    /// The caller's name in passwd(5), or nil.
    public static func userName(_ uid: UInt32) -> String? {
        var name: String?
        forEachRecord(of: "/etc/passwd") { line in
            if name == nil, line.number(2) == uid { name = String(decoding: line[0], as: UTF8.self) }
        }
        return name
    }

    /// The caller's home folder there, or nil.
    static func home(_ uid: UInt32) -> String? {
        var home: String?
        forEachRecord(of: "/etc/passwd") { line in
            if home == nil, line.number(2) == uid { home = ByteText.text(line[5]) }
        }
        return home?.hasPrefix("/") == true ? home : nil
    }

    static func forEachRecord(of path: String, _ body: (FieldLine) -> Void) {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(path) } catch { return }
        var start = 0
        // Read at each start, and perhaps long: no list of lines is made.
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            body(FieldLine(bytes[start..<end]))
            start = end + 1
        }
    }

    /// The ids of a map of proc_pid_uid_map(5), one run for each line.
    private static func runs(_ path: String) -> [(first: UInt32, count: UInt32)] {
        (Files.text(path) ?? "").split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ").compactMap { UInt32($0) }
            return numbers.count == 3 ? (numbers[0], numbers[2]) : nil
        }
    }

    /// Files of sysctl(8) belong to the machine's root. Where that id has no name here, their owner is said to be the
    /// overflow id (user_namespaces(7), "Unmapped user and group IDs"); but that may be an id here as well, and root's.
    private static func machineRoot(_ own: [(first: UInt32, count: UInt32)]) -> UInt32? {
        let owner: UInt32
        do throws(Errno) { owner = try FileStatus.of("/proc/sys/kernel").owner } catch { return 0 }
        return own.contains { owner >= $0.first && owner - $0.first < $0.count } ? owner : nil
    }

    /// kernel.overflowuid as it is everywhere.
    private static let overflowID: UInt32 = 65534

    /// Lines `NAME:FIRST:COUNT` of subuid(5).
    private static func subordinate(_ path: String, _ names: [String]) -> [(first: UInt32, count: UInt32)] {
        var found: [(first: UInt32, count: UInt32)] = []
        forEachRecord(of: path) { line in
            guard names.contains(where: { line[0].elementsEqual($0.utf8) }), let first = line.number(1),
                let count = line.number(2), count > 0
            else { return }
            found.append((first, count))
        }
        return found
    }
}
