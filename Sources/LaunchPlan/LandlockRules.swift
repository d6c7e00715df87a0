// What Landlock holds of a sandbox (landlock(7)), made from the steps: a second wall behind the mounts. It knows no paths
// but places, so what is reached in any other way than through the sandbox's own root, as by a descriptor of the host's,
// can't be changed.

import ByteText
import SandboxPolicy

/// Rights over files, with the kernel's own numbers (landlock(7), "Filesystem actions").
///
/// Reading and executing are not among them: the mounts show nothing that is not to be read, and the kernel then goes up
/// the folders of a file only where it is opened for writing. `truncate` is held under a read-only root, and where the
/// caller hands in a file that is only to be read: where it is, every opening pays for it, by a third more.
public struct FileRights: OptionSet, Equatable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let write = FileRights(rawValue: 1 << 1)
    public static let remove = FileRights(rawValue: 1 << 4 | 1 << 5)
    public static let make = FileRights(rawValue: 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12)
    /// Links and renames from one folder to another.
    public static let refer = FileRights(rawValue: 1 << 13)
    public static let truncate = FileRights(rawValue: 1 << 14)
    /// ioctl(2) of device nodes.
    public static let control = FileRights(rawValue: 1 << 15)

    public static let changes: FileRights = [.write, .remove, .make, .refer, .truncate]
    /// Those that a file can have; the others are a folder's.
    public static let ofFiles: FileRights = [.write, .truncate, .control]

    /// What this version of the interface knows.
    static func known(_ version: Int) -> FileRights {
        var rights = changes.subtracting(.truncate)
        if version >= 3 { rights.insert(.truncate) }
        if version >= 5 { rights.insert(.control) }
        return rights
    }

    public var words: [String] {
        [
            (.write, "write"), (.make, "make"), (.remove, "remove"), (.refer, "move between folders"),
            (.truncate, "truncate"), (.control, "control devices"),
        ].filter { (right: FileRights, _) in contains(right) }.map(\.1)
    }
}

/// A place, and what may be done to everything beneath it.
public struct FileRule: Equatable, Sendable {
    public enum Place: Equatable, Sendable {
        /// A path inside.
        case path(String)
        /// What descriptors 0, 1 and 2 stand for, in the way they are open: for `/dev/stdout`.
        case standardDescriptors
    }
    public var place: Place
    public var rights: FileRights

    public init(place: Place, rights: FileRights) {
        self.place = place
        self.rights = rights
    }
}

public struct LandlockRules: Equatable, Sendable {
    /// What is allowed only where a rule says so; empty where files are left out.
    public var heldFiles: FileRights = []
    public var fileRules: [FileRule] = []
    /// Signals and abstract UNIX sockets reach only processes that began with the command.
    public var isScoped = false
    /// The only ports that may be connected to, and bound; nil: not restricted.
    public var tcpConnect: [UInt16]?
    public var tcpBind: [UInt16]?

    /// The first version that can hold a part (landlock(7), "Compatibility").
    enum Version {
        /// The first that can allow renames between folders.
        static let files = 2
        static let ports = 4
        static let scopes = 6
    }

    /// - Returns: the rules, or nil for none, and what is missing of that which was asked for by name.
    /// - Throws: where something is missing that must be there.
    static func plan(
        _ policy: Policy, _ facts: Facts, _ steps: [Step]
    ) throws(PolicyError) -> (rules: LandlockRules?, omission: String?) {
        if policy.landlock == .off { return (nil, nil) }
        let version = facts.landlockVersion
        if policy.tcpConnect != nil || policy.tcpBind != nil, version < Version.ports {
            let option = policy.tcpConnect != nil ? "tcp-connect" : "tcp-bind"
            throw PolicyError("--\(option): " + missing(version) + "; ports need version 4 (Linux 6.7); leave it out")
        }
        var omission: String?
        if version < Version.scopes, policy.landlockWasAskedFor {
            guard policy.landlock != .required else {
                throw PolicyError(
                    "--landlock required: " + missing(version) + "; all of it needs version 6 (Linux 6.12)"
                        + "; --landlock when-available does with less")
            }
            omission =
                missing(version)
                + (version < Version.files
                    ? ": nothing is held by it" : ": signals and abstract sockets are not held by it")
        }
        var rules = LandlockRules()
        if holdsFiles(policy, facts) { rules.holdFiles(version, facts, steps) }
        rules.isScoped = version >= Version.scopes
        rules.tcpConnect = policy.tcpConnect
        rules.tcpBind = policy.tcpBind
        return (rules == LandlockRules() ? nil : rules, omission)
    }

    static func holdsFiles(_ policy: Policy, _ facts: Facts) -> Bool {
        policy.landlock != .off && facts.landlockVersion >= Version.files && !LaunchPlan.commandMayMount(policy)
    }

    private static func missing(_ version: Int) -> String {
        version == 0
            ? "this kernel is without Landlock; start it with lsm=landlock and those that /sys/kernel/security/lsm names"
            : "this kernel has Landlock of version \(version)"
    }
}

extension LaunchPlan {
    /// Where the sandbox's message queues stand (mq_overview(7)), if Landlock's rules have to name them.
    static let messageQueues = "/dev/mqueue"

    /// Rights over files and mounting exclude each other: whoever is held by any of them can't change mounts at all.
    static func commandMayMount(_ policy: Policy) -> Bool {
        policy.capabilities.contains(.cap_sys_admin) || policy.nested || policy.allowed.contains("mount")
    }
}

// Files.
extension LandlockRules {
    private mutating func holdFiles(_ version: Int, _ facts: Facts, _ steps: [Step]) {
        let places = Self.writable(steps, facts)
        let known = FileRights.known(version)
        if let root = places.first(where: { $0.path == "/" }) {
            // Rights add up on the way down and can't be taken back below: all the others are beneath this one.
            heldFiles = facts.handsFileIn ? known : known.subtracting(.truncate)
            allow(.path("/"), root.rights.subtracting(.control))
            allow(.path("/dev"), .control)
        } else {
            heldFiles = known
            for place in places { allow(.path(place.path), place.rights) }
        }
        // mq_open(3) opens files of a mount of the kernel's own, which leads to no root: only its own folder can be named.
        allow(.path(LaunchPlan.messageQueues), [.write, .truncate])
        allow(.standardDescriptors, .ofFiles)
    }

    private mutating func allow(_ place: FileRule.Place, _ rights: FileRights) {
        let held = rights.intersection(heldFiles)
        if !held.isEmpty { fileRules.append(FileRule(place: place, rights: held)) }
    }

    /// Where the steps leave something writable, each place once, in their order.
    private static func writable(_ steps: [Step], _ facts: Facts) -> [(path: String, rights: FileRights)] {
        var places: [(path: String, rights: FileRights)] = []
        var sources: [Slot: (isFile: Bool, readOnly: Bool)] = [:]
        /// What comes to `path` hides what was there.
        func cover(_ path: String, _ rights: FileRights) {
            let path = plain(path)
            places.removeAll { PathNames.lies($0.path, in: path) }
            // /dev is the plan's own, with nothing read-only in it: its rule is that of all that is mounted there.
            if !rights.isEmpty, !path.hasPrefix("/dev/") { places.append((path, rights)) }
        }
        for step in steps {
            switch step {
            case .copyTree(let source, let slot, let readOnly):
                sources[slot] = (facts.boundFiles.contains(source), readOnly)
            case .mountOverlay(let path, _, let upper): cover(path, upper == .none ? [] : .changes)
            case .mount(.tmpfs, let path, let options, _):
                cover(path, options.contains(.readOnly) ? [] : path == "/dev" ? [.changes, .control] : .changes)
            // The files of a process's own, as comm and oom_score_adj.
            case .mount(.proc, let path, _, _): cover(path, [.write, .truncate])
            case .attach(let slot, let path):
                let source = sources[slot] ?? (false, true)
                cover(path, source.readOnly ? [] : source.isFile ? [.write, .truncate] : .changes)
            case .mask(let part), .protect(let part): cover(part.path, [])
            case .hide(let path): cover(path, [])
            case .makeRootReadOnly: places.removeAll { $0.path == "/" }
            default: break
            }
        }
        return places
    }

    private static func plain(_ path: String) -> String {
        var plain = ""
        for name in PathNames.of(path) where name != "." { plain += "/" + name }
        return plain.isEmpty ? "/" : plain
    }
}

// In words.
extension LandlockRules {
    /// One line a rule.
    public var lines: [String] {
        var lines = fileRules.map { "\($0.place): \($0.rights.words.joined(separator: ", "))" }
        if isScoped { lines.append("signals and abstract sockets: to processes of the sandbox's own") }
        for (word, ports) in [("connect", tcpConnect), ("bind", tcpBind)] {
            guard let ports else { continue }
            lines.append(
                "TCP ports to \(word): " + (ports.isEmpty ? "none" : ports.map(String.init).joined(separator: ", ")))
        }
        return lines
    }
}

extension FileRule.Place: CustomStringConvertible {
    public var description: String {
        switch self {
        case .path("/"): "beneath /"
        case .path(let path): "beneath \(path)"
        case .standardDescriptors: "descriptors 0, 1 and 2, as they are open"
        }
    }
}
