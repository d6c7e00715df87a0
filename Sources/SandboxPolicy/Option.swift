// The one table of options. The command line's flags, a profile's keys, `--help`, the completions, the manual page and
// docs/options.md are all made from it.

/// One way to change the policy. The raw value is the name: `--name` on the command line, `name` in a profile.
public enum Option: String, CaseIterable, Sendable, Hashable {
    case profile
    case pull, platform
    case layer, upper
    case readOnly = "read-only"
    case name
    case bind, tmpfs, mask, here
    case workdir, env
    case envFile = "env-file"
    case user, hostname, entrypoint, command
    case network
    // Taken away first: `--cap-drop ALL --cap-add CAP_KILL` leaves the one.
    case capDrop = "cap-drop"
    case capAdd = "cap-add"
    case seccomp, allow, nested
    case landlock
    case tcpConnect = "tcp-connect"
    case tcpBind = "tcp-bind"
    case idMap = "id-map"
    case timeout
    case setup
    case setupUnless = "setup-unless"
    case setupNetwork = "setup-network"
    case syscalls
    case reportDenied = "report-denied"
    case explain, quiet, verbose
}

/// What stands after an option's name.
public enum Argument: Sendable, Equatable {
    /// A switch: present means true; `=false` takes it back.
    case flag
    /// A value must follow, as `--name VALUE` or `--name=VALUE`. The word is what help calls it.
    case required(String)
    /// A value may follow, only as `--name=VALUE`.
    case optional(String)
}

/// What happens when an option is given twice, on one level or on several.
public enum Combining: Sendable, Equatable {
    /// The last one counts.
    case last
    /// All count, in order.
    case append
    /// All of one level count, in order, and replace those of the levels below.
    case replace
}

/// Where an option may be written.
public enum Place: Sendable, Equatable {
    case everywhere
    /// The command line only: it says something about one run.
    case commandLine
    /// Profiles and images only: the command line says it in another way.
    case files
}

/// What the help pages group options by.
public enum OptionGroup: String, CaseIterable, Sendable {
    case root = "Root file system"
    case view = "What is seen inside"
    case process = "The command"
    case isolation = "Isolation"
    case setup = "Set-up"
    case run = "This run"
}

extension Option {
    public struct Description: Sendable {
        public let argument: Argument
        public let combining: Combining
        public let place: Place
        /// True where the option opens the sandbox: a profile of the project's must be trusted before it may say so.
        public let needsTrust: Bool
        public let group: OptionGroup
        public let help: String
        /// The values it takes, where they can be listed: for completions and for the near one in an error.
        public let choices: [String]
        /// The letter of its short form, or nil.
        public let short: Character?
    }

    private static func make(
        _ argument: Argument, _ combining: Combining, _ group: OptionGroup, _ help: String,
        place: Place = .everywhere, trust: Bool = false, choices: [String] = [], short: Character? = nil
    ) -> Description {
        Description(
            argument: argument, combining: combining, place: place, needsTrust: trust, group: group, help: help,
            choices: choices, short: short)
    }

    public var described: Description {
        switch self {
        case .profile:
            Self.make(
                .required("NAME|FILE"), .last, .run, "start from this profile (default: default)",
                place: .commandLine, short: "p")
        case .pull:
            Self.make(
                .required("missing|always|never"), .last, .root,
                "when an image is got from its registry: where it is not here, or always if it has changed, or never",
                choices: PullChoice.allCases.map(\.rawValue))
        case .platform:
            Self.make(
                .required("OS/ARCH[/VARIANT]"), .last, .root,
                "the platform to get an image for (default: this machine's)")
        case .layer:
            Self.make(
                .required("PATH"), .append, .root,
                "put a read-only layer, a folder or a tar file, over the image; the last given is on top", trust: true)
        case .upper:
            Self.make(
                .required("DIR|memory|disk"), .last, .root,
                "where changes go: a folder that stays, memory, or disk that is dropped at the end", trust: true,
                choices: ["memory", "disk"])
        case .readOnly:
            Self.make(.flag, .last, .root, "refuse every change to the root file system")
        case .name:
            Self.make(
                .required("NAME"), .last, .root,
                "keep the changes under this name, for `sandbox start`, `diff` and `rm`", place: .commandLine)
        case .bind:
            Self.make(
                .required("SRC[:DST][:ro]"), .append, .view, "show a file or folder of the host inside", trust: true,
                short: "v")
        case .tmpfs:
            Self.make(.required("DST[:size=BYTES]"), .append, .view, "mount an empty folder in memory")
        case .mask:
            Self.make(.required("PATH"), .append, .view, "hide a file or folder behind an empty one")
        case .here:
            Self.make(
                .flag, .last, .view, "show the current folder at its own path, writable, and start there", trust: true)
        case .workdir:
            Self.make(.required("PATH"), .last, .process, "the folder the command starts in", short: "w")
        case .env:
            Self.make(
                .required("NAME[=VALUE]"), .append, .process,
                "set a variable; without a value, hand on the caller's own", trust: true, short: "e")
        case .envFile:
            Self.make(
                .required("FILE"), .append, .process, "set the variables of a file, one NAME=VALUE on each line",
                trust: true)
        case .user:
            Self.make(
                .required("NAME|UID[:GROUP|GID]"), .last, .process,
                "who the command runs as inside (default: the image's)",
                short: "u")
        case .hostname:
            Self.make(.required("NAME"), .last, .process, "the host name inside (default: sandbox)")
        case .entrypoint:
            Self.make(.required("WORD"), .replace, .process, "the program that the command's words are handed to")
        case .command:
            Self.make(
                .required("WORD"), .replace, .process, "the words to run when the command line has none", place: .files)
        case .network:
            Self.make(
                .required("none|user|host"), .last, .isolation,
                "none: a loopback of its own; user: what this machine reaches, by pasta, but not this machine's loopback; "
                    + "host: the host's network",
                trust: true, choices: NetworkChoice.allCases.map(\.rawValue))
        case .capAdd:
            Self.make(
                .required("CAP|ALL"), .append, .isolation, "keep a capability inside the sandbox's own namespaces",
                trust: true)
        case .capDrop:
            Self.make(.required("CAP|ALL"), .append, .isolation, "take a capability away")
        case .seccomp:
            Self.make(
                .required("default|strict|build|none|FILE"), .last, .isolation,
                "the filter for system calls: one that came with the program, or a file in OCI format", trust: true,
                choices: ["default", "strict", "build", "none"])
        case .allow:
            Self.make(
                .required("GROUP|CALL"), .append, .isolation,
                "let system calls through whatever the filter says: a group (docs/options.md lists them) or one call",
                trust: true, choices: CallGroup.all.map(\.name))
        case .nested:
            Self.make(
                .flag, .last, .isolation,
                "let the command make sandboxes of its own; /proc and /sys are shown unmasked",
                trust: true)
        case .landlock:
            Self.make(
                .required("required|when-available|off"), .last, .isolation,
                "Landlock's rules beside the mounts: changes beneath the sandbox's own root only, signals and abstract "
                    + "sockets among its own processes only (default: when-available)",
                trust: true, choices: ProtectionChoice.allCases.map(\.rawValue))
        case .tcpConnect:
            Self.make(
                .required("PORT|none"), .append, .isolation,
                "connect to this TCP port, at any address, and to no others but those given likewise; none takes back "
                    + "all given before (default: any). UDP, so also asking for names, stays as --network has it",
                trust: true, choices: ["none"])
        case .tcpBind:
            Self.make(
                .required("PORT|none"), .append, .isolation,
                "bind this TCP port and no others but those given likewise; none takes back all given before "
                    + "(default: any)",
                trust: true, choices: ["none"])
        case .idMap:
            Self.make(
                .required("auto|single|range"), .last, .isolation,
                "which ids exist inside: one, or a range of subordinate ids", choices: ["auto", "single", "range"])
        case .timeout:
            Self.make(
                .required("TIME"), .last, .run, "end the command after this long (90, 90s, 5m, 1h); exit status 124")
        case .setup:
            Self.make(
                .required("DISTRIBUTION=COMMAND"), .append, .setup,
                "run once on images of this distribution, and keep what it changed as a layer", trust: true)
        case .setupUnless:
            Self.make(
                .required("COMMAND"), .last, .setup, "no set-up where this already succeeds", trust: true)
        case .setupNetwork:
            Self.make(
                .required("none|user|host"), .last, .setup, "the network of set-up commands (default: none)",
                trust: true,
                choices: NetworkChoice.allCases.map(\.rawValue))
        case .syscalls:
            Self.make(
                .required("NAME"), .replace, .isolation,
                "the only system calls that are not refused, as far as the filter allows them", place: .files)
        case .reportDenied:
            Self.make(
                .optional("json"), .last, .run,
                "say at the end what was refused, by which rule, and what would allow it", choices: ["json"])
        case .explain:
            Self.make(
                .optional("json"), .last, .run,
                "print the policy, where each value comes from, and the plan; do not run",
                place: .commandLine, choices: ["json"])
        case .quiet:
            Self.make(.flag, .last, .run, "say nothing but errors", place: .commandLine, short: "q")
        case .verbose:
            Self.make(.flag, .last, .run, "say each step on standard error", place: .commandLine)
        }
    }
}
