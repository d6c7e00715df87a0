// The command line of `run`, `start` and `shell`: options from the table, then a root file system, then the command.

/// A command line that can't be read. One line of text.
public struct UsageError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// The words after `run`, `start` or `shell`.
public struct CommandWords: Equatable, Sendable {
    public var settings: [Setting] = []
    /// The first word that is not an option: ROOTFS, or the NAME to start.
    public var subject: String?
    /// Where in the words the subject stands.
    public var subjectStart: Int?
    /// Where in the words the command begins, or nil where there is none.
    public var commandStart: Int?
    /// `--help` was asked for.
    public var help = false

    /// Options end at the subject; what follows belongs to the command, whatever it looks like.
    public init(_ words: [String]) throws(UsageError) {
        var index = 0
        var onlySubject = false
        while index < words.count {
            let word = words[index]
            index += 1
            if onlySubject || !word.hasPrefix("-") || word == "-" {
                subject = word
                subjectStart = index - 1
                if index < words.count, words[index] == "--" { index += 1 }
                if index < words.count { commandStart = index }
                return
            }
            if word == "--" {
                onlySubject = true
            } else if word == "--help" || word == "-h" {
                help = true
                return
            } else {
                try take(word, words, &index)
            }
        }
    }

    /// Reads one option at `words[index - 1]`, and its value if that is the next word.
    private mutating func take(_ word: String, _ words: [String], _ index: inout Int) throws(UsageError) {
        let option: Option
        var value: String?
        var shown = word
        if word.hasPrefix("--") {
            var name = word.dropFirst(2)
            if let equals = name.firstIndex(of: "=") {
                value = String(name[name.index(after: equals)...])
                name = name[..<equals]
                shown = "--" + name
            }
            guard let known = Option(rawValue: String(name)), known.described.place != .files else {
                let names = Option.allCases.filter { $0.described.place != .files }.map(\.rawValue)
                throw UsageError(
                    "unknown option \(quoted(shown))" + Nearest.suggestion(String(name), among: names, prefix: "--")
                        + "; see `sandbox run --help`")
            }
            option = known
        } else {
            let letters = word.dropFirst()
            guard let letter = letters.first,
                let known = Option.allCases.first(where: { $0.described.short == letter })
            else { throw UsageError("unknown option \(quoted(word)); see `sandbox run --help`") }
            option = known
            shown = "-\(letter)"
            if letters.count > 1 {
                guard option.described.argument != .flag else {
                    throw UsageError("unknown option \(quoted(word)); see `sandbox run --help`")
                }
                value = String(letters.dropFirst())
            }
        }
        switch option.described.argument {
        case .flag:
            let text = value ?? "true"
            guard text == "true" || text == "false" else {
                throw UsageError("\(shown) is a switch: it takes no value but true or false, not \(quoted(text))")
            }
            value = text
        case .optional:
            value = value ?? ""
        case .required(let what):
            if value == nil {
                guard index < words.count else { throw UsageError("\(shown) needs a value: \(shown) \(what)") }
                value = words[index]
                index += 1
            }
        }
        settings.append(Setting(option, value ?? "", .commandLine))
    }
}
