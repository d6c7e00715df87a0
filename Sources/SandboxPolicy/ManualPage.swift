// sandbox(1), in the macros of man(7), from the option table and the commands' own descriptions.

public enum ManualPage {
    /// A command that the launcher does not run itself.
    public struct Command {
        let name: String
        let synopsis: String
        let summary: String
        let explanation: String
        /// What stands left on its help page, and the help.
        let options: [(String, String)]

        public init(
            name: String, synopsis: String, summary: String, explanation: String, options: [(String, String)]
        ) {
            self.name = name
            self.synopsis = synopsis
            self.summary = summary
            self.explanation = explanation
            self.options = options
        }
    }

    public static func text(version: String, summary: String, _ commands: [Command]) -> String {
        var page = ".TH SANDBOX 1 \"\" \"\(literal(version))\" \"User Commands\"\n"
        page += ".SH NAME\nsandbox \\- \(literal(lowered(summary)))\n.SH SYNOPSIS\n"
        for command in LaunchCommand.allCases { page += line(command.rawValue, command.synopsis) }
        page += line("COMMAND", "[ARG...]")
        page += ".SH DESCRIPTION\n\(literal(summary))\n"
        for command in LaunchCommand.allCases {
            page += ".SS sandbox \(command.rawValue)\n\(literal(command.explanation))\n"
        }
        page +=
            ".SH OPTIONS\nOptions stand before ROOTFS. Each may also be a key of a profile; see the page of options.\n"
        for group in OptionGroup.allCases {
            page += ".SS \(literal(group.rawValue))\n"
            for option in LaunchCommand.run.options where option.described.group == group {
                page += row(String(OptionHelp.commandLine(option).drop { $0 == " " }), option.described.help)
            }
        }
        page +=
            ".PP\nTaken as docker has them, and so anyway: \(literal(ForeignOption.switches.joined(separator: " "))).\n"
        page += ".SH COMMANDS\n"
        for command in commands {
            page += ".SS sandbox \(literal(command.name)) \(literal(command.synopsis))\n"
            page += literal(command.summary.prefix(1).uppercased() + command.summary.dropFirst()) + ".\n"
            if !command.explanation.isEmpty { page += literal(command.explanation) + "\n" }
            for (left, help) in command.options { page += row(left, help) }
        }
        return page + ending
    }

    private static let ending = #"""
        .SH EXIT STATUS
        The command's own; 128+\fIn\fR for signal \fIn\fR; 127 not found; 126 not runnable; 125 no sandbox; 124 the time limit.
        .SH ENVIRONMENT
        .TP
        .B XDG_DATA_HOME, XDG_CACHE_HOME, XDG_CONFIG_HOME
        Where images and kept sandboxes, what can be made again, and the user's profiles are: in
        .I sandbox
        beneath each.
        .SH SEE ALSO
        .BR bwrap (1),
        .BR podman-run (1),
        .BR pasta (1),
        .BR containers-registries.conf (5),
        .BR containers-auth.json (5)

        """#

    private static func line(_ command: String, _ rest: String) -> String {
        ".B sandbox \(command)\n\(literal(rest))\n.br\n"
    }

    private static func row(_ left: String, _ help: String) -> String {
        ".TP\n\\fB\(literal(left))\\fR\n\(literal(help))\n"
    }

    private static func lowered(_ summary: String) -> String {
        let text = summary.prefix(1).lowercased() + summary.dropFirst()
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// Text that troff takes as it is: no escapes, no requests, hyphens that can be copied.
    private static func literal(_ text: some StringProtocol) -> String {
        text.split(separator: "\n").map { line in
            var safe = ""
            for character in line {
                switch character {
                case "\\": safe += "\\e"
                case "-": safe += "\\-"
                case "…": safe += "..."
                default: safe.append(character)
                }
            }
            return safe.hasPrefix(".") || safe.hasPrefix("'") ? "\\&" + safe : safe
        }.joined(separator: "\n")
    }
}
