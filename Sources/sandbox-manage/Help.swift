// What `sandbox help` prints: the overview, and one page for each command.

import ArgumentParser
import SandboxPolicy

enum Help {
    static var overview: String {
        let launched = LaunchCommand.allCases.map { ($0.rawValue, $0.summary) }
        let managed = Root.visible.map { (Root.name(of: $0), $0.configuration.abstract) }
        let rows = launched + managed + [("help", "say more about a command")]
        let column = (rows.map(\.0.count).max() ?? 0) + 4
        return """
            \(Root.configuration.abstract)

            usage: sandbox COMMAND [ARG...]

            \(rows.map { OptionHelp.row($0, $1, column: column) }.joined())
            Try it:
              sandbox run host make test              this machine's own programs, copy-on-write
              sandbox run --profile build alpine gcc -v
              sandbox help run                        every option, and `sandbox help COMMAND` for the rest

            """
    }

    /// The page of a command, or of one inside a group; nil where there is no such command.
    static func page(_ path: [String]) -> String? {
        if let first = path.first, path.count == 1 {
            if let command = LaunchCommand(rawValue: first) { return OptionHelp.page(for: command) }
            if first == "help" { return overview }
        }
        var command: any ParsableCommand.Type = Root.self
        for word in path {
            guard let next = command.configuration.subcommands.first(where: { Root.name(of: $0) == word }) else {
                return nil
            }
            command = next
        }
        return Root.helpMessage(for: command, columns: OptionHelp.width) + "\n"
    }
}
