// What a policy opens, and how dangerous that is: a page for whoever has to say yes to it.

public import SandboxPolicy

public enum Danger: String, Comparable, Sendable, CaseIterable {
    /// The host, its network or its kernel can be reached through it.
    case high
    /// Something of the user's can be changed, or an attack is made easier.
    case medium
    /// Something is shown.
    case low

    public static func < (a: Danger, b: Danger) -> Bool {
        let order = Danger.allCases
        return (order.firstIndex(of: a) ?? 0) > (order.firstIndex(of: b) ?? 0)
    }
}

/// One thing that is opened.
public struct Opening: Equatable, Sendable {
    public let danger: Danger
    /// What can be done by it.
    public let meaning: String
    /// Where it is said.
    public let setting: Setting
}

public struct Openings: Sendable {
    /// The most dangerous first.
    public let all: [Opening]
    /// What stays closed, in a few words each.
    public let closed: [String]

    /// - Parameter leads: where a path of the host's leads, without links; itself where it leads nowhere.
    public init(_ policy: Policy, leads: (String) -> String) {
        var found: [Opening] = []
        for setting in policy.settings {
            guard let (danger, meaning) = Self.meaning(of: setting, leads) else { continue }
            found.append(Opening(danger: danger, meaning: meaning, setting: setting))
        }
        all = found.enumerated().sorted { ($1.element.danger, $0.offset) < ($0.element.danger, $1.offset) }.map(
            \.element)
        var closed: [String] = []
        if policy.network == .none { closed.append("the network") }
        if policy.binds.isEmpty, !policy.here { closed.append("the host's files") }
        if policy.readOnly { closed.append("changes of the root file system") }
        if policy.capabilities == [] { closed.append("all capabilities") }
        if policy.filter != .none {
            let open = Set(policy.allowed + (policy.nested ? CallGroup.nested : []))
            let groups = ["namespaces", "mount", "bpf", "io_uring", "keyring", "modules"].filter { !open.contains($0) }
            if !groups.isEmpty { closed.append("the system calls of " + groups.joined(separator: ", ")) }
            if !policy.systemCalls.isEmpty { closed.append("all but \(policy.systemCalls.count) system calls") }
        }
        self.closed = closed
    }

    /// nil where the setting opens nothing.
    private static func meaning(of setting: Setting, _ leads: (String) -> String) -> (Danger, String)? {
        let value = setting.value
        switch setting.option {
        case .network:
            switch value {
            case "none": return nil
            case "user": return (.high, "reaches whatever this machine reaches, but the machine itself")
            default:
                return (.high, "reaches whatever this machine reaches, and services that listen on this machine alone")
            }
        case .bind: return bind(value, leads)
        case .here: return value == "false" ? nil : (.medium, "changes files of the folder that it is started in")
        case .nested:
            return value == "false" ? nil : (.medium, "makes sandboxes of its own: more of the kernel to attack")
        case .seccomp:
            switch value {
            case "none": return (.high, "makes every system call: all of the kernel to attack")
            case "default", "strict", "build": return nil
            default: return (.medium, "makes the system calls that this file allows: read it")
            }
        case .allow: return allowed(value)
        case .capAdd: return capability(value)
        case .upper:
            return value == "memory" || value == "disk" ? nil : (.medium, "leaves its changes in a folder of yours")
        case .layer:
            return isPrivate(leads(value))
                ? (.medium, "reads what is private or belongs to the machine, as files of the image")
                : (.low, "puts these files over the image")
        case .tmpfs: return (.low, "has an empty folder there, which stays where a bind of yours had none")
        case .protect:
            return value == "none" || value.hasPrefix("!")
                ? (.medium, "changes what programs outside run later, which was shown read-only before")
                : (.low, "commits to the repository that a linked work tree belongs to")
        case .landlock:
            return value == "required"
                ? nil : (.medium, "has the mounts alone to hold it, where Landlock's rules are not asked for")
        case .env: return variable(value)
        case .envFile: return (isPrivate(leads(value)) ? .medium : .low, "is told the variables of this file")
        case .entrypoint: return (.low, "runs this program, and hands it the words of the command")
        case .command: return (.low, "runs this where the command line has no command")
        case .idMap: return value == "single" ? (.low, "keeps your supplementary groups, and reads with them") : nil
        // What a stranger may not choose for the user, and what opens nothing.
        case .workdir: return (.low, "starts the command in this folder")
        case .user: return (.low, "runs the command as this user inside")
        case .setupUnless, .pull, .platform, .readOnly, .reportDenied: return nil
        case .setup: return (.medium, "runs this once before the first use, and keeps what it leaves")
        case .setupNetwork:
            return value == "none" ? nil : (.medium, "has the network of this machine while it is set up")
        default:
            return setting.opens ? (.medium, setting.option.described.help) : nil
        }
    }

    private static func bind(_ value: String, _ leads: (String) -> String) -> (Danger, String) {
        let written = Bind.source(of: value)
        let source = leads(written)
        let names = source.split(separator: "/").map(String.init)
        let isReadOnly = Bind.isReadOnly(value)
        let through = source == written ? "" : " (\(quoted(source)))"
        if names.last?.hasSuffix(".sock") == true || names.first == "run" {
            return (.high, "talks to services of the host's through it\(through), whatever they do for it")
        }
        return switch (isReadOnly, isPrivate(source)) {
        case (true, true): (.medium, "reads what is private or belongs to the machine\(through)")
        case (true, false): (.low, "reads files of the host's\(through)")
        case (false, true): (.high, "changes what is private or belongs to the machine\(through)")
        case (false, false): (.medium, "changes files of the host's\(through)")
        }
    }

    /// A home, what is in no home, and whatever keeps secrets.
    private static func isPrivate(_ path: String) -> Bool {
        let names = path.split(separator: "/").map(String.init)
        return names.count < 2 || (names.first == "home" && names.count < 3)
            || ["etc", "boot", "dev", "proc", "sys", "root"].contains(names[0])
            || names.contains(where: secrets.contains)
    }

    private static func variable(_ value: String) -> (Danger, String)? {
        guard let sign = value.firstIndex(of: "=") else { return (.low, "is told this variable of yours") }
        let name = value[..<sign]
        let isLoaded = name.hasPrefix("LD_") || loading.contains(String(name))
        return isLoaded ? (.low, "runs what this variable names in programs of the command's") : nil
    }

    /// Variables by which programs find other programs, or load code.
    private static let loading: Set<String> = [
        "PATH", "BASH_ENV", "ENV", "PYTHONPATH", "PYTHONSTARTUP", "PERL5LIB", "PERL5OPT", "RUBYOPT", "NODE_OPTIONS",
        "JAVA_TOOL_OPTIONS", "GIT_SSH_COMMAND", "EDITOR", "PAGER",
    ]

    /// Names of files and folders in which programs keep what lets one in elsewhere.
    private static let secrets: Set<String> = [
        ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".config", ".mozilla", ".password-store", ".netrc",
        ".git-credentials", ".npmrc", ".pypirc", ".pgpass",
    ]

    private static func allowed(_ name: String) -> (Danger, String) {
        let group = CallGroup.all.first { $0.name == name }
        return (
            group?.isDangerous == true ? .high : .medium,
            group?.meaning ?? "makes this system call, whatever the filter says"
        )
    }

    private static func capability(_ name: String) -> (Danger, String)? {
        let all: [Capability] =
            name.uppercased() == "ALL" ? Capability.allCases : Capability(name: name).map { [$0] } ?? []
        let dangerous: [Capability] = [
            .cap_sys_admin, .cap_sys_ptrace, .cap_sys_module, .cap_sys_rawio, .cap_bpf, .cap_perfmon, .cap_net_admin,
            .cap_dac_read_search, .cap_mac_admin, .cap_mac_override,
        ]
        if all.contains(where: dangerous.contains) {
            return (
                .high,
                "rules its own namespaces, masks and read-only mounts among them, and more of the kernel to attack"
            )
        }
        // Those that every sandbox has but for a profile that drops them.
        return all.allSatisfy { CapabilitySet.standard.contains($0) }
            ? nil : (.low, "has this right over its own namespaces")
    }
}

extension Opening: Encodable {
    private enum Key: String, CodingKey { case danger, option, value, origin, meaning }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(danger.rawValue, forKey: .danger)
        try values.encode(setting.option.rawValue, forKey: .option)
        try values.encode(setting.value, forKey: .value)
        try values.encode(setting.origin.word, forKey: .origin)
        try values.encode(meaning, forKey: .meaning)
    }
}

extension Openings: Encodable {
    private enum Key: String, CodingKey { case opens, closed }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(all, forKey: .opens)
        try values.encode(closed, forKey: .closed)
    }
}
