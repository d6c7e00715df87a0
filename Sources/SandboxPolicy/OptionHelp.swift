// The option table in words: the help pages of the commands that take options of it, and docs/options.md.

/// The commands that the launcher runs itself, and whose options are those of the table.
public enum LaunchCommand: String, CaseIterable, Sendable {
    case run, start, shell

    /// What follows the command's name.
    public var synopsis: String {
        switch self {
        case .run: "[OPTIONS] ROOTFS [COMMAND [ARG...]]"
        case .start: "[OPTIONS] NAME [COMMAND [ARG...]]"
        case .shell: "[OPTIONS] [ROOTFS] [COMMAND [ARG...]]"
        }
    }

    /// One line for the overview.
    public var summary: String {
        switch self {
        case .run: "run a command on a copy-on-write root file system"
        case .start: "run a command in a kept sandbox again"
        case .shell: "an unprivileged developer shell for this project"
        }
    }

    /// What its help page says before the options.
    public var explanation: String {
        switch self {
        case .run:
            """
            ROOTFS is `host` (this machine's own system folders), a folder (with a `/` in its name), or the name of an
            image brought in with `sandbox import`. It is never written to. Without COMMAND the image's own is run.
            """
        case .start:
            """
            NAME was given to `sandbox run --name NAME`: the same root file system, with the changes made so far.
            """
        case .shell:
            """
            The same as `sandbox run --profile shell host`, with the user's own shell when there is no COMMAND.
            ROOTFS is a folder, an image with its tag, or an image that is here and has no program's name; other words
            are COMMAND, and so is all that follows `--`. With --name one comes back to what was changed before.
            Start it in the folder of a project: in the home folder it is refused, as all of it would be shown.
            """
        }
    }

    /// The options it takes, in the table's order.
    public var options: [Option] {
        Option.allCases.filter { option in
            guard option.described.place != .files else { return false }
            // A kept sandbox has its root file system already.
            return self != .start || ![.name, .upper, .layer].contains(option)
        }
    }
}

public enum OptionHelp {
    /// The width that help is wrapped at, in columns.
    public static let width = 100

    /// The page that `sandbox help COMMAND` prints.
    public static func page(for command: LaunchCommand) -> String {
        let spellings = command.options.map(commandLine)
        let column = (spellings.map(\.count).max() ?? 0) + 4
        var page = "sandbox \(command.rawValue): \(command.summary)\n\n"
        page += "usage: sandbox \(command.rawValue) \(command.synopsis)\n\n"
        let words = command.explanation.split { $0 == "\n" || $0 == " " }.map(String.init)
        page += wrap(words, width: width).joined(separator: "\n") + "\n"
        for group in OptionGroup.allCases {
            let options = command.options.filter { $0.described.group == group }
            guard !options.isEmpty else { continue }
            page += "\n\(group.rawValue):\n"
            for option in options { page += row(commandLine(option), option.described.help, column: column) }
        }
        page += "\nTaken as docker has them, and so anyway: \(ForeignOption.switches.joined(separator: " ")).\n"
        page += "What other options of docker, podman, bwrap and firejail are here: docs/compared.md.\n"
        page +=
            "\nExit status: the command's own; 128+n for signal n; 127 not found; 126 not runnable; 125 no sandbox;\n"
        page += "124 the time limit.\n"
        return page
    }

    /// `-e, --env NAME[=VALUE]`.
    public static func commandLine(_ option: Option) -> String {
        let described = option.described
        let name = (["--\(option.rawValue)"] + described.also.map { "--" + $0 }).joined(separator: ", ")
        let short = described.short.map { "-\($0), " } ?? "    "
        return switch described.argument {
        case .flag: short + name
        case .required(let word): "\(short)\(name) \(word)"
        case .optional(let word): "\(short)\(name)[=\(word)]"
        }
    }

    /// Lines of `  LEFT   right`, the right side wrapped and aligned.
    public static func row(_ left: String, _ right: String, column: Int) -> String {
        let lines = wrap(right.split(separator: " ").map(String.init), width: width - column)
        let indent = String(repeating: " ", count: column)
        var text = "  " + left
        if left.count + 4 > column {
            text += "\n" + indent
        } else {
            text += String(repeating: " ", count: column - left.count - 2)
        }
        return text + lines.joined(separator: "\n" + indent) + "\n"
    }

    private static func wrap(_ words: [String], width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in words {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? word : " \(word)"
        }
        return lines + (line.isEmpty ? [] : [line])
    }
}

extension OptionHelp {
    /// docs/options.md.
    public static var markdown: String {
        var text = """
            # Options

            Every option, on the command line and as a key of a profile. This page is made from the option table by
            `sandbox __options-md`; change the table in `Sources/SandboxPolicy/Option.swift`, then write it again.

            Later levels win: built-in < the image's own config < the profile and those it extends < the command line.
            *Given twice* says what happens when an option is given more than once: the `last` one counts, `all` count
            in order, or `all of one level` count and replace those of the levels below. A profile that comes with a
            project can say little before `sandbox profile trust`: what its column allows, which for a new option is
            nothing.

            """
        for group in OptionGroup.allCases {
            text += "\n## \(group.rawValue)\n\n"
            text += "| command line | profile | given twice | said by a project's profile without trust | |\n"
            text += "| --- | --- | --- | --- | --- |\n"
            for option in Option.allCases where option.described.group == group {
                text += markdownRow(option)
            }
        }
        return text + groupsTable
    }

    /// What each group of `--allow` opens. `ioctl` stands for some of its requests only.
    private static var groupsTable: String {
        var text = """

            ## Groups of --allow

            `--allow GROUP` lets these system calls through, whatever the filter in use says of them. Any other word is
            the name of one system call, which is let through with all arguments.

            | group | system calls | what opening it means |
            | --- | --- | --- |

            """
        for group in CallGroup.all {
            let calls = group.calls.map { call in
                call.argument.map { "\(call.name) 0x\(String($0.value, radix: 16))" } ?? call.name
            }
            text += "| `\(group.name)` | \(calls.joined(separator: ", ")) | \(group.meaning) |\n"
        }
        return text
    }

    private static func markdownRow(_ option: Option) -> String {
        let described = option.described
        let spelling = commandLine(option).drop { $0 == " " }
        let flag = described.place == .files ? "" : "`\(spelling)`"
        let key = described.place == .commandLine ? "" : "`\(profileExample(option))`"
        let twice =
            switch described.combining {
            case .last: "last"
            case .append: "all"
            case .replace: "all of one level"
            }
        let cells = [flag, key, twice, described.place == .commandLine ? "" : described.untrusted.text, described.help]
        // A bar ends a cell, inside code too.
        return "| "
            + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
            .joined(separator: " | ") + " |\n"
    }

    private static func profileExample(_ option: Option) -> String {
        let described = option.described
        switch (option, described.argument) {
        case (.setup, _): return "[setup] DISTRIBUTION = \"COMMAND\""
        case (.setupUnless, .required(let word)): return "[setup] unless = \"\(word)\""
        case (.setupNetwork, .required(let word)): return "[setup] network = \"\(word)\""
        case (_, .flag): return "\(option.rawValue) = true"
        case (_, .required(let word)), (_, .optional(let word)):
            return described.combining == .last
                ? "\(option.rawValue) = \"\(word)\"" : "\(option.rawValue) = [\"\(word)\"]"
        }
    }
}
