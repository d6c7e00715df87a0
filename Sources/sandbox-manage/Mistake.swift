// A command line that can't be read, in the words that `run` has for it.

import ArgumentParser
import SandboxPolicy

enum Mistake {
    /// - Parameters: `message` of the parser, `words` the command line from the command's name on.
    static func words(_ message: String, of words: [String]) -> String {
        let path = words.prefix { !$0.hasPrefix("-") }
        let command = path.count > 1 && Help.page(Array(path.prefix(2))) != nil ? path.prefix(2) : path.prefix(1)
        let help = "see `sandbox help \(command.joined(separator: " "))`"
        let start = "Unknown option '"
        guard message.hasPrefix(start) else {
            return isOfCommandLine(message) ? lowered(message) + "; " + help : message
        }
        let option = String(message.dropFirst(start.count).prefix { $0 != "'" })
        let name = option.drop { $0 == "-" }.prefix { $0 != "=" }
        let known = options(of: Array(command)).map { String($0.dropFirst(2)) }
        let near = option.hasPrefix("--") ? Nearest.suggestion(String(name), among: known, prefix: "--") : ""
        return "unknown option \(quoted(option))\(near); \(help)"
    }

    /// Whether the parser speaks, and not the command.
    private static func isOfCommandLine(_ message: String) -> Bool {
        ["Missing expected argument", "Missing value for", "Unexpected argument", "The value '"].contains {
            message.hasPrefix($0)
        }
    }

    private static func lowered(_ text: String) -> String {
        let rest = text.dropFirst()
        return text.prefix(1).lowercased() + (rest.last == "." ? rest.dropLast() : rest)
    }

    /// Long options of a command that is not the launcher's, as its help page has them.
    static func options(of path: [String]) -> [String] {
        guard path.first.flatMap({ LaunchCommand(rawValue: $0) }) == nil, let page = Help.page(path) else { return [] }
        var options: [String] = []
        for line in page.split(separator: "\n") where line.hasPrefix("  -") {
            for word in line.split(whereSeparator: { $0 == " " || $0 == "," }).prefix(3) where word.hasPrefix("--") {
                if !options.contains(String(word)) { options.append(String(word)) }
            }
        }
        return options
    }
}
