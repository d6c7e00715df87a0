// A profile made from what a command did.

import BPF
public import Observations
public import SandboxPolicy
import Seccomp

/// What a command was seen to need, as a profile that allows that and no more.
public struct LearnedProfile: Sendable {
    /// Names of system calls, sorted.
    public let systemCalls: [String]
    public let capabilities: [(capability: Capability, reason: String)]
    /// Addresses outside of the sandbox's own loopback that it connected to, with how often.
    public let hosts: [(address: String, count: Int)]
    /// Whether it used the network beyond its loopback.
    public var usesNetwork: Bool {
        // While it is closed an attempt reaches nothing.
        !hosts.isEmpty && Self.network(record) != "none"
    }
    private static func network(_ record: ObservationRecord) -> String {
        record.settings.last { $0.option == .network }?.value ?? "none"
    }
    public let pathsRead: [String]
    public let pathsWritten: [String]
    /// Calls that were refused while learning, as strace(1) would write them.
    public let refused: [(words: String, count: Int)]
    private let record: ObservationRecord
    private let base: String

    /// - Parameter base: the profile to extend.
    public init(_ record: ObservationRecord, base: String) {
        self.record = record
        self.base = base
        // What every program needs to be started, and is therefore not asked about.
        var calls = Set(Self.always)
        var written: Set<String> = []
        var read: Set<String> = []
        var hosts: [(address: String, count: Int)] = []
        var loopback: [(address: String, count: Int)] = []
        var needs: [Capability: String] = [:]
        var refused: [(words: String, count: Int)] = []
        for (seen, count) in record.seen {
            let name = SystemCallName.of(seen.number, architecture: seen.architecture)
            switch seen.kind {
            case .refused, .connection, .unanswered, .ownership: refused.append((CallWords.words(seen), count))
            case .override:
                needs[.cap_dac_override] = needs[.cap_dac_override] ?? "\(name) \(quoted(seen.texts.last ?? ""))"
            case .change: if let path = seen.texts.last, !path.isEmpty { written.insert(path) }
            case .used:
                calls.insert(name)
                if let capability = Self.capability(name, seen) { needs[capability] = needs[capability] ?? name }
                guard let text = seen.texts.last, !text.isEmpty else { continue }
                if Self.connecting.contains(name) {
                    if seen.isOfLoopback {
                        loopback.append((text, count))
                    } else {
                        hosts.append((text, count))
                    }
                } else if Self.reading.contains(name) {
                    read.insert(text)
                }
            }
        }
        Self.addWhatFollows(from: calls, record, to: &needs)
        systemCalls = calls.intersection(SystemCallNames.all).sorted()
        capabilities = needs.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
        // The host's own loopback is outside as well, but where the command may have served itself.
        let served = calls.contains("listen") || loopback.isEmpty
        self.hosts = hosts + (served || Self.network(record) == "none" ? [] : loopback)
        pathsRead = read.subtracting(written).sorted()
        pathsWritten = written.sorted()
        self.refused = refused
    }

    private static let always = [
        "execve", "execveat", "exit", "exit_group", "read", "write", "close", "brk", "mmap", "mremap", "munmap",
        "mprotect", "madvise", "futex", "newfstatat", "statx", "rt_sigreturn", "restart_syscall", "sigreturn",
    ]
    private static let connecting: Set<String> = ["connect", "sendto"]
    private static let reading: Set<String> = [
        "open", "openat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "readlink", "readlinkat",
        "chdir",
    ]

    /// The capability that a call needs where its caller is not the owner of what it changes (capabilities(7)).
    private static func capability(_ call: String, _ seen: Observation) -> Capability? {
        switch call {
        case "chown", "lchown", "fchown", "fchownat": .cap_chown
        case "setuid", "setreuid", "setresuid", "setfsuid": .cap_setuid
        case "setgid", "setregid", "setresgid", "setfsgid", "setgroups": .cap_setgid
        case "chroot": .cap_sys_chroot
        case "mknod", "mknodat": .cap_mknod
        case "kill", "tkill", "tgkill", "pidfd_send_signal": nil
        case "bind": lowPort(seen.texts.last ?? "") ? .cap_net_bind_service : nil
        case "capset": .cap_setpcap
        default: nil
        }
    }

    /// Rights that no call by itself shows a need of.
    private static func addWhatFollows(
        from calls: Set<String>, _ record: ObservationRecord, to needs: inout [Capability: String]
    ) {
        // Files that were given away are another's from then on.
        if needs[.cap_chown] != nil {
            for capability in [Capability.cap_dac_override, .cap_fowner, .cap_fsetid] {
                needs[capability] = needs[capability] ?? "files given to others"
            }
        }
        // So are processes that have become another user.
        if needs[.cap_setuid] != nil, !calls.isDisjoint(with: ["kill", "tkill", "tgkill", "pidfd_send_signal"]) {
            needs[.cap_kill] = "signals to processes of another user"
        }
        // Id 0 of a namespace below is given by those alone who could give file capabilities.
        let makesUsers = record.seen.contains { seen, _ in
            seen.kind == .used && (seen.argument ?? 0) & 0x1000_0000 != 0
                && ["unshare", "clone"].contains(SystemCallName.of(seen.number, architecture: seen.architecture))
        }
        if makesUsers { needs[.cap_setfcap] = "id 0 of a user namespace" }
    }

    private static func lowPort(_ address: String) -> Bool {
        guard let port = address.split(separator: ":").last.flatMap({ Int($0) }) else { return false }
        return port > 0 && port < 1024
    }
}

// The file.
extension LearnedProfile {
    /// Places that take changes under every profile.
    private static let alwaysWritable = ["/tmp", "/dev", "/var/tmp", "/proc"]

    private var changesRoot: Bool {
        // What was read-only while learning was not changed.
        if record.settings.last(where: { $0.option == .readOnly })?.value == "true" { return false }
        let shown = record.settings.compactMap { setting -> String? in
            switch setting.option {
            case .bind: return Bind.read(setting.value)?.destination
            case .tmpfs: return Bind.source(of: setting.value)
            case .here: return setting.value == "true" ? record.folder : nil
            default: return nil
            }
        }
        return pathsWritten.contains { path in
            !(Self.alwaysWritable + shown).contains { path == $0 || path.hasPrefix($0 + "/") }
        }
    }

    /// What was learned without a filter needs one to be held to.
    private var filter: String {
        let given = record.settings.last { $0.option == .seccomp }?.value ?? "default"
        return given == "none" ? "default" : given
    }

    /// Options that were given while learning, and belong to what the command needs.
    private var given: [Setting] {
        let own: [Option] = [
            .network, .seccomp, .syscalls, .capAdd, .capDrop, .readOnly, .reportDenied, .timeout, .setup, .setupUnless,
            .setupNetwork, .pull, .platform, .idMap,
        ]
        return record.settings.filter {
            $0.origin != .builtIn && !$0.origin.isImage && $0.option.described.place != .commandLine
                && !own.contains($0.option)
        }
    }

    /// TOML, each part under what it was learned from.
    public var text: String {
        var lines = [
            "# Learned from one run of: \(Self.comment(record.command.dropFirst().joined(separator: " ")))",
            "# on \(Self.comment(record.command.first ?? "")). What is not listed here was not used then, and is refused.",
            "description = \(tomlString("what " + (record.command.dropFirst().first ?? "a command") + " needs, as learned from a run"))",
            "extends = \(tomlString(base))", "",
            "# The \(systemCalls.count) system calls that it made, and those that every program needs to start.",
            "# The filter decides about their arguments as before.",
            "seccomp = \(tomlString(filter))",
            "syscalls = [",
        ]
        lines += Self.wrapped(systemCalls.map(tomlString))
        lines += ["]", ""]
        if !refused.isEmpty {
            lines.append("# Refused while learning, and still refused; `allow` opens them:")
            lines += refused.prefix(40).map {
                "#   \(Self.comment($0.words)), \($0.count == 1 ? "once" : "\($0.count) times")"
            }
            lines.append("")
        }
        lines.append("# Capabilities, over the sandbox's own namespaces.")
        lines.append("cap-drop = [\"ALL\"]")
        if !capabilities.isEmpty {
            lines.append("cap-add = [")
            lines += capabilities.map {
                "  \(tomlString("\($0.capability)".uppercased())),  # \(Self.comment($0.reason))"
            }
            lines.append("]")
        }
        lines.append("")
        lines.append(
            usesNetwork
                ? "# Connected to:"
                : hosts.isEmpty ? "# It connected to nothing outside." : "# Tried, while the network was closed:")
        lines += hosts.prefix(100).map {
            "#   \(Self.comment($0.address)), \($0.count == 1 ? "once" : "\($0.count) times")"
        }
        lines += ["network = \(usesNetwork ? "\"host\"" : "\"none\"")", ""]
        lines.append(pathsWritten.isEmpty ? "# It wrote nothing." : "# Written:")
        lines += Self.listed(pathsWritten)
        lines += ["read-only = \(changesRoot ? "false" : "true")", ""]
        lines.append("# Read, or looked for:")
        lines += Self.listed(pathsRead)
        if !given.isEmpty {
            lines += ["", "# Given while learning."]
            lines += Self.tomlLines(given)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Options as keys of a profile: those that may be given more than once in one array.
    private static func tomlLines(_ settings: [Setting]) -> [String] {
        Option.allCases.compactMap { option in
            let values = settings.filter { $0.option == option }.map(\.value)
            return values.isEmpty ? nil : option.profileText(values)
        }
    }

    /// Text that others wrote can't end a comment.
    private static func comment(_ text: String) -> String { escaped(text) }

    /// Paths as comments; where there are many, the folders they are in.
    private static func listed(_ paths: [String]) -> [String] {
        if paths.count <= 40 { return paths.map { "#   " + comment($0) } }
        var folders: [String: Int] = [:]
        for path in paths {
            let names = path.split(separator: "/", omittingEmptySubsequences: true)
            folders["/" + names.dropLast().prefix(3).joined(separator: "/"), default: 0] += 1
        }
        return folders.sorted { $0.key < $1.key }.map { "#   \(comment($0.key)): \($0.value)" }
    }

    private static func wrapped(_ words: [String]) -> [String] {
        var lines: [String] = []
        var line = " "
        for word in words {
            if line.count + word.count + 2 > 100 {
                lines.append(line)
                line = " "
            }
            line += " " + word + ","
        }
        return lines + (line == " " ? [] : [line])
    }
}
