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
        guard word.hasPrefix("--") else { return try takeLetters(word, words, &index) }
        var name = word.dropFirst(2)
        var value: String?
        if let equals = name.firstIndex(of: "=") {
            value = String(name[name.index(after: equals)...])
            name = name[..<equals]
        }
        let shown = "--" + name
        if name == "mount" {
            let text = try Self.value(value, words, &index, shown, "type=bind,src=PATH,dst=PATH[,ro]")
            return settings.append(try MountWord.setting(text))
        }
        guard let option = Option(named: String(name)), option.described.place != .files else {
            return try takeForeign(shown, value)
        }
        try take(option, shown, value, words, &index)
    }

    /// `-e A=1`, `-eA=1`, `-e=A=1`, and several switches in one word, as in `-it`, of which the last may take a value.
    private mutating func takeLetters(_ word: String, _ words: [String], _ index: inout Int) throws(UsageError) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            let shown = "-\(letter)"
            let value = letters.first == "=" ? String(letters.dropFirst()) : letters.isEmpty ? nil : String(letters)
            guard let option = Option.allCases.first(where: { $0.described.short == letter }) else {
                let isGiven = letters.first == "="
                try takeForeign(shown, isGiven ? value : nil, in: word)
                if isGiven { return }
                continue
            }
            if option.described.argument == .flag, letters.first != "=" {
                settings.append(Setting(option, "true", .commandLine))
                continue
            }
            return try take(option, shown, value, words, &index)
        }
    }

    /// What another program has: taken where it asks for nothing, else an error that says what there is in its place.
    private func takeForeign(_ shown: String, _ value: String?, in word: String? = nil) throws(UsageError) {
        if let foreign = ForeignOption.named(shown) {
            guard case .nothing(let why) = foreign.here else {
                throw UsageError("unknown option \(quoted(shown)); here: \(foreign.text)")
            }
            guard let value, value != "true" else { return }
            let known = value == "false"
            if known, shown != "--rm", shown != "--init" { return }
            throw UsageError(
                "\(shown)=\(value): "
                    + (known ? "it can't be had otherwise: \(why)" : "it is a switch, and takes true or false alone"))
        }
        let names = Option.allCases.filter { $0.described.place != .files }.map(\.rawValue)
        let near =
            shown.hasPrefix("--") ? Nearest.suggestion(String(shown.dropFirst(2)), among: names, prefix: "--") : ""
        throw UsageError("unknown option \(quoted(word ?? shown))\(near); see `sandbox run --help`")
    }

    private mutating func take(
        _ option: Option, _ shown: String, _ given: String?, _ words: [String], _ index: inout Int
    ) throws(UsageError) {
        var value = given ?? ""
        switch option.described.argument {
        case .flag:
            value = given ?? "true"
            guard value == "true" || value == "false" else {
                throw UsageError("\(shown) is a switch: it takes no value but true or false, not \(quoted(value))")
            }
        case .optional: break
        case .required(let what): value = try Self.value(given, words, &index, shown, what)
        }
        if option == .profile, shown == "-p", Self.isPort(value) {
            throw UsageError(
                "-p \(quoted(value)): -p is --profile here; no port is published: with --network host a server inside "
                    + "listens at this machine's own addresses")
        }
        settings.append(Setting(option, value, .commandLine))
    }

    /// What stands behind the `=`, or the next word.
    private static func value(
        _ given: String?, _ words: [String], _ index: inout Int, _ shown: String, _ what: String
    ) throws(UsageError) -> String {
        if let given { return given }
        guard index < words.count else { throw UsageError("\(shown) needs a value: \(shown) \(what)") }
        index += 1
        return words[index - 1]
    }

    /// `8080:80`, `127.0.0.1:8080:80/tcp`, `80`: what docker's -p takes, and no profile is called.
    private static func isPort(_ value: String) -> Bool {
        let plain = value.split(separator: "/", omittingEmptySubsequences: false)
        guard let ports = plain.first?.split(separator: ":"), let last = ports.last, plain.count <= 2 else {
            return false
        }
        return last.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: "-") }
    }
}
