// What may come next on a command line of `run`, `start` and `shell`, from the option table.

/// The names that exist here and now, asked for only when they are needed.
public protocol CompletionNames {
    var profiles: [String] { get }
    var images: [String] { get }
    var sandboxes: [String] { get }
    /// Folders whose path begins with `prefix`.
    func folders(_ prefix: String) -> [String]
    /// Programs in the PATH of a root file system, or of a kept sandbox.
    func programs(of root: CompletionRoot, _ prefix: String) -> [String]
}

/// Where programs are looked for.
public enum CompletionRoot: Equatable, Sendable {
    /// `host`, a folder, or an image.
    case rootfs(String)
    case sandbox(String)
}

public enum OptionCompletion {
    /// Candidates for the last of `words`, which stand behind the command's name; none where the shell had better
    /// offer files.
    public static func candidates(
        for command: LaunchCommand, _ words: [String], names: some CompletionNames
    ) -> [String] {
        guard let last = words.last else { return [] }
        switch position(of: words.dropLast(), command) {
        case .value(let option): return values(of: option, names).filter { $0.hasPrefix(last) }
        case .option:
            guard last.hasPrefix("-") else { return operands(of: command, last, names) }
            guard let equals = last.firstIndex(of: "="), let option = option(last[..<equals]) else {
                return optionWords(command).filter { $0.hasPrefix(last) }
            }
            return values(of: option, names).map { "\(last[...equals])\($0)" }.filter { $0.hasPrefix(last) }
        case .command(let root): return root.map { names.programs(of: $0, last) } ?? []
        }
    }

    private static func optionWords(_ command: LaunchCommand) -> [String] {
        command.options.flatMap { [$0.rawValue] + $0.described.also }.map { "--" + $0 } + ["--mount", "--help"]
    }

    private enum Position {
        /// An option's value.
        case value(Option)
        /// An option, or the command's own operand.
        case option
        /// Words of the command that runs inside: the first is looked for in a root file system.
        case command(CompletionRoot?)
    }

    /// What the word after `words` is.
    private static func position(of words: some Sequence<String>, _ command: LaunchCommand) -> Position {
        var waiting: Option?
        let words = Array(words)
        for (index, word) in words.enumerated() {
            if waiting != nil {
                waiting = nil
            } else if word == "--" || !word.hasPrefix("-") || word == "-" {
                let rest = word == "--" ? words.dropFirst(index + 1) : words[index...]
                return .command(root(of: command, rest, isPlain: word == "--"))
            } else if let option = option(Substring(word)), case .required = option.described.argument {
                waiting = option
            }
        }
        return waiting.map { .value($0) } ?? .option
    }

    /// Where the command's first word is looked for, which comes behind `words`; nil where it has come already.
    private static func root(
        of command: LaunchCommand, _ words: ArraySlice<String>, isPlain: Bool
    ) -> CompletionRoot? {
        switch command {
        case .shell where isPlain: return words.isEmpty ? .rootfs("host") : nil
        case .shell, .run: return words.count == 1 ? words.first.map { .rootfs($0) } : nil
        case .start: return words.count == 1 ? words.first.map { .sandbox($0) } : nil
        }
    }

    /// The option that a whole word, `--name` or `-n`, stands for.
    private static func option(_ word: Substring) -> Option? {
        if word.hasPrefix("--") { return Option(named: String(word.dropFirst(2))) }
        // Of switches in one word, the last may take a value: -qe A=1.
        guard word.count >= 2, word.hasPrefix("-"), let letter = word.last else { return nil }
        return Option.allCases.first { $0.described.short == letter }
    }

    private static func values(of option: Option, _ names: some CompletionNames) -> [String] {
        switch option {
        case .profile: names.profiles
        case .name: names.sandboxes
        default: option.described.choices
        }
    }

    private static func operands(
        of command: LaunchCommand, _ prefix: String, _ names: some CompletionNames
    ) -> [String] {
        switch command {
        case .run: (["host"] + names.images).filter { $0.hasPrefix(prefix) } + names.folders(prefix)
        case .start: names.sandboxes.filter { $0.hasPrefix(prefix) }
        case .shell:
            (["host"] + names.images).filter { $0.hasPrefix(prefix) } + names.folders(prefix)
                + (prefix.isEmpty ? [] : names.programs(of: .rootfs("host"), prefix))
        }
    }
}
