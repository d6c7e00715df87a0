// From TOML to settings: the keys are the option table's names, and the values are written as TOML would have them.

import SandboxPolicy
import Toml

/// Reads one file's content. Pure: paths are made absolute against the file's folder, none is looked at.
public struct ProfileReader {
    private let name: String
    private let file: String
    private var text: String?
    private var extends: [Profile.Base] = []
    private var lines: [Profile.Line] = []

    /// The profile that `content` says.
    /// - Parameter file: absolute; relative paths inside are relative to its folder.
    /// - Throws: `syntax`, `unknownKey` or `invalid`, with the line.
    public static func read(_ content: [UInt8], name: String, file: String) throws(ProfileError) -> Profile {
        let document: TomlDocument
        do {
            document = try TomlDocument(parsing: content)
        } catch {
            throw .syntax(
                ProfilePlace(profile: name, file: file, line: error.line), column: error.column,
                message: Self.bareWord(in: content, error.line).map {
                    "\($0) has to stand in quotes, as \(tomlString($0))"
                } ?? error.message)
        }
        var reader = ProfileReader(name: name, file: file)
        for entry in document.entries { try reader.read(entry) }
        return Profile(
            name: name, file: file, text: reader.text, extends: reader.extends, lines: reader.lines)
    }

    /// The value of a line `KEY = WORD`, where the word is a string that lacks its quotes.
    private static func bareWord(in content: [UInt8], _ line: Int) -> String? {
        let lines = content.split(separator: UInt8(ascii: "\n"), maxSplits: line, omittingEmptySubsequences: false)
        guard line >= 1, lines.count >= line else { return nil }
        let parts = String(decoding: lines[line - 1], as: UTF8.self).split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let word = parts[1].prefix { $0 != "#" }.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace)
        let value = String(word.reversed())
        guard let first = value.unicodeScalars.first,
            first.properties.isAlphabetic || "/.~".unicodeScalars.contains(first),
            value.unicodeScalars.allSatisfy({
                $0.properties.isAlphabetic || ("0"..."9").contains($0) || "_-./:~+@".unicodeScalars.contains($0)
            })
        else { return nil }
        return value
    }

    private init(name: String, file: String) {
        self.name = name
        self.file = file
    }

    /// The keys of a profile's root table.
    public static let keys: [String] =
        ["description", "extends"] + Option.allCases.filter { $0.described.place != .commandLine }.map(\.rawValue)

    private mutating func read(_ entry: TomlEntry) throws(ProfileError) {
        switch entry.key {
        case "description": text = try string(entry.node, of: entry.key)
        case "extends":
            let bases = try strings(entry.node, of: entry.key)
            guard bases.count <= ProfileLimits.files else {
                throw invalid(entry.node.line, "a profile extends at most \(ProfileLimits.files) others")
            }
            for base in bases {
                extends.append(Profile.Base(word: base.text, line: base.line))
            }
        default:
            guard let option = Option(rawValue: entry.key) else {
                throw unknown(entry.key, entry.node.line, among: Self.keys)
            }
            guard option.described.place != .commandLine else {
                let instead = option == .profile ? "; a profile says extends = \"NAME\"" : ""
                throw invalid(entry.node.line, "\(entry.key) can be said on the command line only\(instead)")
            }
            try read(option, entry.node)
        }
    }

    private mutating func read(_ option: Option, _ node: TomlNode) throws(ProfileError) {
        switch (option, node.value) {
        case (.setup, .table(let entries)): for entry in entries { try readSetup(entry) }
        case (.env, .table(let entries)): for entry in entries { try readVariable(entry) }
        case (.layer, .array(let elements)):
            for element in elements {
                if case .table(let entries) = element.value {
                    try readLayer(entries, element.line)
                } else {
                    try add(.layer, try string(element, of: "layer"), element.line)
                }
            }
        case (.timeout, .integer(let seconds)):
            guard seconds > 0 else { throw invalid(node.line, "timeout must be more than 0 seconds") }
            try add(.timeout, String(seconds), node.line)
        default: try readPlain(option, node)
        }
    }

    private mutating func readPlain(_ option: Option, _ node: TomlNode) throws(ProfileError) {
        let described = option.described
        switch (described.argument, described.combining) {
        case (.flag, _):
            guard case .boolean(let value) = node.value else {
                throw wrongType(option.rawValue, "true or false", node)
            }
            try add(option, value ? "true" : "false", node.line)
        case (.optional, _):
            // A switch that may be told more.
            if case .boolean(let value) = node.value {
                try add(option, value ? "true" : "false", node.line)
            } else {
                try add(option, try string(node, of: option.rawValue), node.line)
            }
        case (_, .last):
            try add(option, try string(node, of: option.rawValue), node.line)
        case (_, .append):
            for element in try strings(node, of: option.rawValue) { try add(option, element.text, element.line) }
        case (_, .replace):
            // A single string would leave open whether it is one word or a line for a shell.
            guard case .array(let elements) = node.value, !elements.isEmpty else {
                throw wrongType(option.rawValue, "an array of words", node)
            }
            for element in elements { try add(option, try string(element, of: option.rawValue), element.line) }
        }
    }

    /// `[setup]`: `network`, `unless`, and for the rest each key is a distribution (os-release(5), ID).
    private mutating func readSetup(_ entry: TomlEntry) throws(ProfileError) {
        let node = entry.node
        let value = try string(node, of: "setup.\(entry.key)")
        switch entry.key {
        case "network": try add(.setupNetwork, value, node.line)
        case "unless": try add(.setupUnless, value, node.line)
        default:
            let isDistribution = entry.key.utf8.allSatisfy {
                (97...122).contains($0) || (48...57).contains($0) || [45, 46, 95].contains($0)
            }
            let slip = Nearest.name(to: entry.key, among: ["network", "unless"])
            guard isDistribution, slip == nil else {
                throw unknown(entry.key, node.line, among: ["network", "unless"])
            }
            try add(.setup, "\(entry.key)=\(value)", node.line)
        }
    }

    private mutating func readVariable(_ entry: TomlEntry) throws(ProfileError) {
        guard !entry.key.isEmpty, !entry.key.contains("=") else {
            throw invalid(entry.node.line, "\(quoted(entry.key)) can't be the name of a variable")
        }
        let value: String
        if case .integer(let number) = entry.node.value {
            value = String(number)
        } else {
            value = try string(entry.node, of: "env.\(entry.key)")
        }
        try add(.env, "\(entry.key)=\(value)", entry.node.line)
    }

    private mutating func readLayer(_ entries: [TomlEntry], _ line: Int) throws(ProfileError) {
        var source: TomlNode?
        for entry in entries {
            guard entry.key == "source" else { throw unknown(entry.key, entry.node.line, among: ["source"]) }
            source = entry.node
        }
        guard let source else { throw invalid(line, "a [[layer]] must have a source") }
        try add(.layer, try string(source, of: "source"), source.line)
    }

    private mutating func add(_ option: Option, _ value: String, _ line: Int) throws(ProfileError) {
        guard !value.unicodeScalars.contains("\0") else {
            throw invalid(line, "a value of \(option.rawValue) holds a NUL character")
        }
        guard !value.isEmpty || option == .entrypoint || option == .command else {
            throw invalid(line, "\(option.rawValue) is empty")
        }
        let described = option.described
        // Only where nothing but the choices is allowed: `upper` and `seccomp` take a path too, `allow` a call.
        if case .required(let word) = described.argument, !described.choices.isEmpty,
            word == described.choices.joined(separator: "|"), !described.choices.contains(value)
        {
            let near = Nearest.suggestion(value, among: described.choices)
            let hint = near.isEmpty ? "; it is one of \(described.choices.joined(separator: ", "))" : near
            throw invalid(line, "\(option.rawValue) can't be \(quoted(value))\(hint)")
        }
        let setting = Setting(option, try absolute(option, value, line), .profile(name))
        do {
            // Alone, so that the mistake is reported with its line; the policy reads it again with all others.
            _ = try Policy([Setting(option, setting.value, .commandLine)])
        } catch {
            throw invalid(line, error.description)
        }
        lines.append(Profile.Line(setting: setting, line: line))
        if lines.count > ProfileLimits.settings {
            throw invalid(line, "a profile has at most \(ProfileLimits.settings) settings")
        }
    }

    /// Paths of the host's are relative to the profile's folder, wherever the caller stands.
    private func absolute(_ option: Option, _ value: String, _ line: Int) throws(ProfileError) -> String {
        switch option {
        case .layer, .envFile: return absolute(value)
        case .upper: return option.described.choices.contains(value) ? value : absolute(value)
        case .seccomp: return FilterChoice.isPath(value) ? absolute(value) : value
        case .bind:
            guard !Bind.source(of: value).isEmpty else {
                throw invalid(line, "bind \(quoted(value)) has no SRC; write SRC[:DST][:ro]")
            }
            return Bind.text(value, withSource: absolute)
        default: return value
        }
    }

    private var folder: String { file.lastIndex(of: "/").map { String(file[..<$0]) } ?? "" }

    private func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        var rest = Substring(path)
        while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
        return rest.isEmpty || rest == "." ? (folder.isEmpty ? "/" : folder) : "\(folder)/\(rest)"
    }
}

/// The values of a node, and what is said when it holds others.
extension ProfileReader {
    private func string(_ node: TomlNode, of key: String) throws(ProfileError) -> String {
        guard case .string(let text) = node.value else { throw wrongType(key, "a string", node) }
        return text
    }

    /// A string, or an array of them.
    private func strings(_ node: TomlNode, of key: String) throws(ProfileError) -> [(text: String, line: Int)] {
        switch node.value {
        case .string(let text): return [(text, node.line)]
        case .array(let elements):
            var found: [(text: String, line: Int)] = []
            for element in elements { found.append((try string(element, of: key), element.line)) }
            return found
        default: throw wrongType(key, "a string or an array of strings", node)
        }
    }

    private func wrongType(_ key: String, _ wanted: String, _ node: TomlNode) -> ProfileError {
        invalid(
            node.line,
            "\(escaped(key)) must be \(wanted), not \(node.value == .array([]) ? "an empty array" : node.value.kind)")
    }

    private func unknown(_ key: String, _ line: Int, among keys: [String]) -> ProfileError {
        .unknownKey(
            ProfilePlace(profile: name, file: file, line: line), key: key,
            suggestion: Nearest.suggestion(key, among: keys))
    }

    private func invalid(_ line: Int, _ message: String) -> ProfileError {
        .invalid(ProfilePlace(profile: name, file: file, line: line), message)
    }
}
