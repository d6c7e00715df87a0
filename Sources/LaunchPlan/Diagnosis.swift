// What a launch needs of a machine, and what is said of something that is not there: by `sandbox run` in one line, by
// `sandbox doctor` in several. The words are the same.

/// What a launch needs of a machine, in the order in which it needs it.
public enum Need: String, CaseIterable, Sendable {
    case installation
    case cache = "cache folder"
    case data = "data folder"
    case configuration = "configuration folder"
    case kernel
    case userNamespaces = "user namespaces"
    case hostFolders = "host folders"
    case ids = "subordinate ids"
    case memory = "file system in memory"
    case overlay
    case proc = "/proc"
    case devices = "/dev"
    case network = "network namespace"
    case sys = "/sys"
    case root = "change of root"
    case rights = "user and capabilities"
    case filter = "seccomp filter"
    case command
    // From here on: what a sandbox can start without.
    case diskOverlay = "overlay on disk"
    case landlock = "Landlock"
    case cgroup = "cgroup delegation"
    case tunnel = "network tunnel"
    case pasta
    /// `sandbox run host true`, from beginning to end.
    case wholeRun = "sandbox run"
}

/// Something that is not there, or not as it should be.
public struct Diagnosis: Equatable, Sendable {
    /// What is refused, and why.
    public var cause: String
    public var remedy: Remedy

    public init(_ cause: String, _ remedy: Remedy = Remedy("")) {
        self.cause = cause
        self.remedy = remedy
    }

    /// One line. It ends with where to find the rest of the remedy, where there is more than a line has room for.
    public var line: String {
        var parts = [cause]
        let remedy = remedy.line
        if !remedy.isEmpty { parts.append(remedy) }
        if !self.remedy.isWholeInLine { parts.append("`sandbox doctor` tells more") }
        return parts.joined(separator: "; ")
    }
}

/// What to do about it.
public struct Remedy: Equatable, Sendable {
    /// What the commands are, or all there is to say.
    public var words: String
    /// For a shell, the most important first.
    public var commands: [String]

    public init(_ words: String, _ commands: [String] = []) {
        self.words = words
        self.commands = commands
    }

    fileprivate var isWholeInLine: Bool { commands.count < 2 && !(commands.first ?? "").contains("\n") }

    fileprivate var line: String {
        guard let first = commands.first, !first.contains("\n") else { return words }
        return words + ": `" + first + "`"
    }

    /// For pasting into a shell: the words are a comment there.
    public var lines: [String] {
        if commands.isEmpty { return words.isEmpty ? [] : [words] }
        return ["# " + words]
            + commands.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }
            .map(String.init)
    }
}
