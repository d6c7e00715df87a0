// The one table of options. The command line's flags, a profile's keys, `--help`, the completions, the manual page and
// docs/options.md are all made from it.

/// One way to change the policy. The raw value is the name: `--name` on the command line, `name` in a profile.
public enum Option: String, CaseIterable, Sendable, Hashable {
    case profile
    case pull, platform
    case maxImageSize = "max-image-size"
    case layer, upper
    case readOnly = "read-only"
    case name
    case bind, tmpfs, mask, here, protect, with
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

/// What a profile may say of an option that comes with a project and that the user does not trust: such a profile is a
/// stranger's word, in a sandbox that the user may have opened on the command line. Each says why.
public enum Untrusted: Sendable, Equatable {
    /// What holds for a new option until somebody has thought about it: nothing.
    case unexamined
    case nothing(String)
    /// These values, and no others.
    case only([String], String)
    case anything(String)

    public func allows(_ value: String) -> Bool {
        switch self {
        case .unexamined, .nothing: false
        case .only(let values, _): values.contains(value)
        case .anything: true
        }
    }

    /// One cell of docs/options.md.
    public var text: String {
        switch self {
        case .unexamined: "no"
        case .nothing(let why): "no: \(why)"
        case .only(let values, let why): values.map { "`\($0)`" }.joined(separator: ", ") + ": \(why)"
        case .anything(let why): "yes: \(why)"
        }
    }
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
        /// What a project's profile may say of it before the user trusts that profile.
        public let untrusted: Untrusted
        public let group: OptionGroup
        public let help: String
        /// The values it takes, where they can be listed: for completions and for the near one in an error.
        public let choices: [String]
        /// The letter of its short form, or nil.
        public let short: Character?
        /// Names that docker and podman have for it.
        public let also: [String]
    }

    private static func make(
        _ argument: Argument, _ combining: Combining, _ group: OptionGroup, _ help: String,
        place: Place = .everywhere, untrusted: Untrusted = .unexamined, choices: [String] = [], short: Character? = nil,
        also: [String] = []
    ) -> Description {
        Description(
            argument: argument, combining: combining, place: place, untrusted: untrusted, group: group,
            help: help, choices: choices, short: short, also: also)
    }

    public var described: Description {
        switch self {
        case .profile:
            Self.make(
                .required("NAME|FILE"), .append, .run,
                "start from this profile (default: default); of several, the later says more than the earlier",
                place: .commandLine, short: "p")
        case .pull:
            Self.make(
                .required("missing|always|never"), .last, .root,
                "when an image is got from its registry: where it is not here, or always if it has changed, or never",
                untrusted: .only(["never"], "asks nobody; any other may fetch another image than the one that is here"),
                choices: PullChoice.allCases.map(\.rawValue))
        case .platform:
            Self.make(
                .required("OS/ARCH[/VARIANT]"), .last, .root,
                "the platform to get an image for (default: this machine's)",
                untrusted: .nothing("fetches another image under the name that other runs use"))
        case .maxImageSize:
            Self.make(
                .required("BYTES"), .last, .root,
                "the most that an image which is got or unpacked may take of the disk, with k, m or g if wanted "
                    + "(default: 128g)", place: .commandLine)
        case .layer:
            Self.make(
                .required("PATH"), .append, .root,
                "put a read-only layer, a folder or a tar file, over the image; the last given is on top",
                untrusted: .nothing("puts files of the host's over the image"))
        case .upper:
            Self.make(
                .required("DIR|memory|disk"), .last, .root,
                "where changes go: a folder that stays, memory, or disk that is dropped at the end",
                untrusted: .only(["memory", "disk"], "dropped at the end, as without it"), choices: ["memory", "disk"])
        case .readOnly:
            Self.make(
                .flag, .last, .root, "refuse every change to the root file system",
                untrusted: .only(["true"], "only closes"))
        case .name:
            Self.make(
                .required("NAME"), .last, .root,
                "keep the changes under this name, for `sandbox start`, `diff` and `rm`", place: .commandLine)
        case .bind:
            Self.make(
                .required("SRC[:DST][:ro]"), .append, .view,
                "show a file or folder of the host inside; a colon of a path's own is written \\:, and "
                    + "--mount type=bind,src=SRC,dst=DST[,ro] says the same",
                untrusted: .nothing("shows files of the host's"), short: "v", also: ["volume"])
        case .tmpfs:
            Self.make(
                .required("DST[:size=BYTES]"), .append, .view, "mount an empty folder in memory",
                untrusted: .nothing("makes the folder where there is none, which stays in what the user has bound"))
        case .mask:
            Self.make(
                .required("PATH"), .append, .view, "hide a file or folder behind an empty one",
                untrusted: .anything("only hides"))
        case .here:
            Self.make(
                .flag, .last, .view, "show the current folder at its own path, writable, and start there",
                untrusted: .only(["false"], "only closes; `true` shows files of the host's"))
        case .protect:
            Self.make(
                .required("PATH|!PATH|none"), .append, .view,
                "show this path of a project read-only, also where there is nothing yet: what programs outside run later, "
                    + "as .git/hooks. !PATH takes one back, none all given before",
                untrusted: .nothing(
                    "takes protections back, and for git shows the folder that a linked work tree shares"),
                choices: ["none"])
        case .with:
            Self.make(
                .required("git|ssh-agent|history"), .append, .view,
                "bring what makes a shell your own, several with commas: git's settings of yours, read-only; your ssh-agent; a "
                    + "history of the shell for this folder",
                untrusted: .nothing("shows files of yours, and lets the sandbox log in as you"),
                choices: ["git", "ssh-agent", "history"])
        case .workdir:
            Self.make(
                .required("PATH"), .last, .process, "the folder the command starts in",
                untrusted: .nothing(
                    "makes the user's own command work on another of the folders that the user has opened"), short: "w")
        case .env:
            Self.make(
                .required("NAME[=VALUE]"), .append, .process,
                "set a variable; without a value, hand on the caller's own",
                untrusted: .nothing(
                    "steers the user's own command: PATH, LD_PRELOAD; without a value it hands on the caller's"),
                short: "e")
        case .envFile:
            Self.make(
                .required("FILE"), .append, .process,
                "set the variables of a file, one NAME=VALUE or export NAME=VALUE on each line; - is standard input",
                untrusted: .nothing("reads a file of the host's"))
        case .user:
            Self.make(
                .required("NAME|UID[:GROUP|GID]"), .last, .process,
                "who the command runs as inside (default: the image's)",
                untrusted: .nothing("chooses whose rights the user's own command has inside"), short: "u")
        case .hostname:
            Self.make(
                .required("NAME"), .last, .process, "the host name inside (default: sandbox)",
                untrusted: .anything("a name that only the sandbox has"))
        case .entrypoint:
            Self.make(
                .required("WORD"), .replace, .process, "the program that the command's words are handed to",
                untrusted: .nothing("runs another program than the user asked for, with all that the user has opened"))
        case .command:
            Self.make(
                .required("WORD"), .replace, .process, "the words to run when the command line has none", place: .files,
                untrusted: .nothing("runs what the user did not ask for, with all that the user has opened"))
        case .network:
            Self.make(
                .required("none|user|host"), .last, .isolation,
                "none: only its own loopback; user: the networks that this machine reaches, by pasta, but not this machine; "
                    + "host: the host's network", untrusted: .only(["none"], "only closes"),
                choices: NetworkChoice.allCases.map(\.rawValue), also: ["net"])
        case .capAdd:
            Self.make(
                .required("CAP|ALL"), .append, .isolation, "keep a capability inside the sandbox's own namespaces",
                untrusted: .nothing("gives rights"))
        case .capDrop:
            Self.make(
                .required("CAP|ALL"), .append, .isolation, "take a capability away",
                untrusted: .anything("only takes rights away"))
        case .seccomp:
            Self.make(
                .required("default|strict|build|none|FILE"), .last, .isolation,
                "the filter for system calls: one that came with the program, or a file in OCI format",
                untrusted: .only(
                    ["strict"], "the narrowest there is; any other may be wider than that of a profile it extends"),
                choices: ["default", "strict", "build", "none"])
        case .allow:
            Self.make(
                .required("GROUP|CALL"), .append, .isolation,
                "let system calls through whatever the filter says: a group (docs/options.md lists them) or one call",
                untrusted: .nothing("opens system calls"), choices: CallGroup.all.map(\.name))
        case .nested:
            Self.make(
                .flag, .last, .isolation,
                "let the command make sandboxes of its own; /proc and /sys are shown unmasked",
                untrusted: .only(["false"], "only closes"))
        case .landlock:
            Self.make(
                .required("required|when-available|off"), .last, .isolation,
                "Landlock's rules beside the mounts: changes beneath the sandbox's own root only, signals and abstract "
                    + "sockets among its own processes only (default: when-available)",
                untrusted: .only(["required"], "only closes; any other may be less than a profile it extends asks for"),
                choices: ProtectionChoice.allCases.map(\.rawValue))
        case .tcpConnect:
            Self.make(
                .required("PORT|none"), .append, .isolation,
                "connect to this TCP port, at any address, and to no others but those given likewise; none takes back "
                    + "all given before (default: any). UDP, so also asking for names, stays as --network has it",
                untrusted: .only(["none"], "only closes"), choices: ["none"])
        case .tcpBind:
            Self.make(
                .required("PORT|none"), .append, .isolation,
                "bind this TCP port and no others but those given likewise; none takes back all given before "
                    + "(default: any)", untrusted: .only(["none"], "only closes"), choices: ["none"])
        case .idMap:
            Self.make(
                .required("auto|single|range"), .last, .isolation,
                "which ids exist inside: one, or a range of subordinate ids",
                untrusted: .only(
                    ["range"],
                    "lets go of the caller's supplementary groups; one id alone keeps them, and reads with them"),
                choices: ["auto", "single", "range"])
        case .timeout:
            Self.make(
                .required("TIME"), .last, .run,
                "end the command after this long, getting its image and set-up included (90, 90s, 5m, 1h); "
                    + "exit status 124",
                untrusted: .anything("without it there is no limit; it can't change that of a profile it extends"))
        case .setup:
            Self.make(
                .required("DISTRIBUTION=COMMAND"), .append, .setup,
                "run once on images of this distribution, and keep what it changed as a layer",
                untrusted: .nothing("runs commands, and what they leave is there in later runs"))
        case .setupUnless:
            Self.make(
                .required("COMMAND"), .last, .setup, "no set-up where this already succeeds",
                untrusted: .nothing("runs a command"))
        case .setupNetwork:
            Self.make(
                .required("none|user|host"), .last, .setup, "the network of set-up commands (default: none)",
                untrusted: .only(["none"], "only closes"), choices: NetworkChoice.allCases.map(\.rawValue))
        case .syscalls:
            Self.make(
                .required("NAME"), .replace, .isolation,
                "the only system calls that are not refused, as far as the filter allows them", place: .files,
                untrusted: .anything("only takes calls away; it can't change those of a profile it extends"))
        case .reportDenied:
            Self.make(
                .optional("json[:FILE]"), .last, .run,
                "say at the end what was refused, by which rule, and what would allow it; json: as one line, "
                    + "to standard error or added to FILE",
                untrusted: .only(
                    ["false"], "else the launcher answers questions of the command's, and writes what it saw"),
                choices: ["json"])
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
