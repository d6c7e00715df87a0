// Reads what a plan needs to know about this host, and no more than this plan needs: each read is start-up time.

public import LaunchPlan
import LinuxSystem
public import SandboxPolicy

extension Facts {
    /// Reads `/etc/passwd` and `/etc/subuid` directly: getpwuid(3) loads plug-ins, which a static program can't.
    public static func gather(for policy: Policy, isHost: Bool) -> Facts {
        var facts = Facts()
        facts.uid = Process.effectiveUser
        facts.gid = Process.effectiveGroup
        facts.kernel = Kernel.version
        facts.isTerminal = Kernel.hasTerminal
        facts.environment = Process.environment
        do throws(Errno) { facts.currentFolder = try Process.currentFolder() } catch {}
        if policy.identity != .single || facts.uid == 0 { facts.readIdentity() }
        if policy.network == .host { facts.resolvConf = Files.text("/etc/resolv.conf", limit: 1 << 20) ?? "" }
        if isHost { facts.hostRoot = hostEntries() }
        facts.boundFiles = Set(
            policy.binds.map(\.source).filter {
                do throws(Errno) { return try FileStatus.of($0).kind != .directory } catch { return false }
            })
        return facts
    }

    private mutating func readIdentity() {
        if uid == 0 {
            userName = "root"
            ownUIDs = Self.runs("/proc/self/uid_map")
            ownGIDs = Self.runs("/proc/self/gid_map")
            givesIDs = Capabilities.areHeld([.cap_setuid, .cap_setgid, .cap_setfcap])
            hasHostRoot = Self.seesHostRoot
            return
        }
        gainsRights = !Namespacing.hasNoNewPrivileges
        userName = Self.userName(uid) ?? String(uid)
        subordinateUIDs = Self.subordinate("/etc/subuid", [userName, String(uid)])
        subordinateGIDs = Self.subordinate("/etc/subgid", [userName, String(uid)])
        let folders = ["/usr/bin", "/bin", "/usr/local/bin"]
        if let folder = folders.first(where: { Files.isAccessible($0 + "/newuidmap", 1) }),
            Files.isAccessible(folder + "/newgidmap", 1)
        {
            mapHelpers = (folder + "/newuidmap", folder + "/newgidmap")
        }
    }

    /// The caller's name in passwd(5), or nil.
    public static func userName(_ uid: UInt32) -> String? {
        var name: String?
        forEachRecord(of: "/etc/passwd") { field in
            if name == nil, number(field(2)) == uid { name = String(decoding: field(0), as: UTF8.self) }
        }
        return name
    }

    /// Lines of fields with colons between, read as bytes: these files can be long, and are read at each start.
    private static func forEachRecord(of path: String, _ body: ((Int) -> ArraySlice<UInt8>) -> Void) {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(path) } catch { return }
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            body { wanted in
                var (first, index) = (start, 0)
                for place in start..<end where bytes[place] == UInt8(ascii: ":") {
                    if index == wanted { return bytes[first..<place] }
                    (first, index) = (place + 1, index + 1)
                }
                return index == wanted ? bytes[first..<end] : []
            }
            start = end + 1
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        for digit in digits {
            guard (48...57).contains(digit), value <= (UInt32.max - 9) / 10 else { return nil }
            value = value * 10 + UInt32(digit - 48)
        }
        return digits.isEmpty ? nil : value
    }

    /// The ids of a map of proc_pid_uid_map(5), one run for each line.
    private static func runs(_ path: String) -> [(first: UInt32, count: UInt32)] {
        (Files.text(path) ?? "").split(separator: "\n").compactMap { line in
            let numbers = line.split(separator: " ").compactMap { UInt32($0) }
            return numbers.count == 3 ? (numbers[0], numbers[2]) : nil
        }
    }

    /// Files of sysctl(8) belong to the machine's root. Where that id has no name here, their owner is said to be the
    /// overflow id (user_namespaces(7), "Unmapped user and group IDs").
    private static var seesHostRoot: Bool {
        do throws(Errno) { return try FileStatus.of("/proc/sys/kernel").owner != 65534 } catch { return true }
    }

    /// Lines `NAME:FIRST:COUNT` of subuid(5).
    private static func subordinate(_ path: String, _ names: [String]) -> [(first: UInt32, count: UInt32)] {
        var found: [(first: UInt32, count: UInt32)] = []
        forEachRecord(of: path) { field in
            let name = field(0)
            guard names.contains(where: { name.elementsEqual($0.utf8) }), let first = number(field(1)),
                let count = number(field(2)), count > 0
            else { return }
            found.append((first, count))
        }
        return found
    }

    private static func hostEntries() -> [HostEntry] {
        do throws(Errno) {
            var entries: [HostEntry] = []
            for name in try Descriptor.open("/", [.readOnly, .directory]).names().sorted() {
                switch try FileStatus.ofLink("/" + name).kind {
                case .directory:
                    // One that this user may not enter can't be shown either.
                    if Files.isAccessible("/" + name, 5) { entries.append(HostEntry(name: name, kind: .folder)) }
                case .symlink: entries.append(HostEntry(name: name, kind: .link(to: try Files.linkTarget("/" + name))))
                default: break
                }
            }
            return entries
        } catch { return [] }
    }
}
