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
            ownIDs = Self.mappedIDs
            return
        }
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
        for line in (Files.text("/etc/passwd") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, UInt32(fields[2]) == uid { return String(fields[0]) }
        }
        return nil
    }

    /// How many ids from 0 on are mapped in this process's own user namespace.
    private static var mappedIDs: UInt32 {
        for line in (Files.text("/proc/self/uid_map") ?? "").split(separator: "\n") {
            let numbers = line.split(separator: " ").compactMap { UInt32($0) }
            if numbers.count == 3, numbers[0] == 0 { return numbers[2] }
        }
        return 1
    }

    /// Lines `NAME:FIRST:COUNT` of subuid(5).
    private static func subordinate(_ path: String, _ names: [String]) -> [(first: UInt32, count: UInt32)] {
        (Files.text(path) ?? "").split(separator: "\n").compactMap {
            let fields = $0.split(separator: ":")
            guard fields.count == 3, names.contains(String(fields[0])), let first = UInt32(fields[1]),
                let count = UInt32(fields[2]), count > 0
            else { return nil }
            return (first, count)
        }
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
