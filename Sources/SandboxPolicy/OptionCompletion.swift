// What may come next on a command line of `run`, `start` and `shell`, from the option table.

/// The names that exist here and now, asked for only when they are needed.
public protocol CompletionNames {
    var profiles: [String] { get }
    var images: [String] { get }
    var sandboxes: [String] { get }
    /// Folders whose path begins with `prefix`.
    func folders(_ prefix: String) -> [String]
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
                return command.options.map { "--\($0.rawValue)" }.filter { $0.hasPrefix(last) }
            }
            return values(of: option, names).map { "\(last[...equals])\($0)" }.filter { $0.hasPrefix(last) }
        case .command: return []
        }
    }

    private enum Position {
        /// An option's value.
        case value(Option)
        /// An option, or the command's own operand.
        case option
        /// Words of the command that runs inside.
        case command
    }

    /// What the word after `words` is.
    private static func position(of words: some Sequence<String>, _ command: LaunchCommand) -> Position {
        var waiting: Option?
        for word in words {
            if waiting != nil {
                waiting = nil
            } else if word == "--" || !word.hasPrefix("-") || word == "-" {
                return .command
            } else if let option = option(Substring(word)), case .required = option.described.argument {
                waiting = option
            }
        }
        return waiting.map { .value($0) } ?? .option
    }

    /// The option that a whole word, `--name` or `-n`, stands for.
    private static func option(_ word: Substring) -> Option? {
        if word.hasPrefix("--") { return Option(rawValue: String(word.dropFirst(2))) }
        guard word.count == 2, let letter = word.last else { return nil }
        return Option.allCases.first { $0.described.short == letter }
    }

    private static func values(of option: Option, _ names: some CompletionNames) -> [String] {
        option == .profile ? names.profiles : option.described.choices
    }

    private static func operands(
        of command: LaunchCommand, _ prefix: String, _ names: some CompletionNames
    ) -> [String] {
        switch command {
        case .run: (["host"] + names.images).filter { $0.hasPrefix(prefix) } + names.folders(prefix)
        case .start: names.sandboxes.filter { $0.hasPrefix(prefix) }
        case .shell: []
        }
    }
}
