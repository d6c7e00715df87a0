// Pages that are made from the tables: docs/options.md, docs/compared.md and the manual page.

import ArgumentParser
import SandboxPolicy

struct OptionsPageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__options-md", abstract: "Print docs/options.md.", shouldDisplay: false)

    func run() { print(OptionHelp.markdown, terminator: "") }
}

struct ComparedPageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__compared-md", abstract: "Print docs/compared.md.", shouldDisplay: false)

    func run() { print(ForeignOption.markdown, terminator: "") }
}

struct ManualPageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "__man", abstract: "Print sandbox.1, for man(1).", shouldDisplay: false)

    func run() {
        let managed = Root.visible.flatMap(Self.commands)
        print(ManualPage.text(version: Root.version, summary: Root.configuration.abstract, managed), terminator: "")
    }

    /// A command, or those of a group.
    private static func commands(_ command: any ParsableCommand.Type) -> [ManualPage.Command] {
        let name = Root.name(of: command)
        let members = command.configuration.subcommands
        if !members.isEmpty { return members.map { page($0, [name, Root.name(of: $0)]) } }
        return [page(command, [name])]
    }

    private static func page(_ command: any ParsableCommand.Type, _ path: [String]) -> ManualPage.Command {
        let sections = (Help.page(path) ?? "").split(separator: "\n\n").map(String.init)
        let usage = sections.first { $0.hasPrefix("USAGE: sandbox ") }?.dropFirst(15) ?? ""
        let words = usage.split { $0 == "\n" || $0 == " " }.dropFirst(path.count).joined(separator: " ")
        return ManualPage.Command(
            name: path.joined(separator: " "), synopsis: words, summary: command.configuration.abstract,
            explanation: command.configuration.discussion,
            options: sections.filter { $0.hasPrefix("ARGUMENTS:") || $0.hasPrefix("OPTIONS:") }.flatMap(rows))
    }

    /// The rows of a section: what stands left, and the help.
    private static func rows(_ section: String) -> [(String, String)] {
        var rows: [(String, String)] = []
        for line in section.split(separator: "\n").dropFirst() {
            let text = line.drop { $0 == " " }
            if line.count - text.count > 2, !rows.isEmpty {
                rows[rows.count - 1].1 += (rows[rows.count - 1].1.isEmpty ? "" : " ") + text
            } else if let gap = text.range(of: "  ") {
                rows.append((String(text[..<gap.lowerBound]), String(text[gap.upperBound...].drop { $0 == " " })))
            } else {
                rows.append((String(text), ""))
            }
        }
        return rows.filter { $0.0 != "-h, --help" }
    }
}
