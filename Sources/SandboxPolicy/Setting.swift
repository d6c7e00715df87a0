// One option with one value, and where it was said. Policies, profiles and image configs are lists of these.

import ByteText

/// The levels that settings come from, lowest first.
public enum Origin: Equatable, Sendable {
    case builtIn
    case image(String)
    /// A profile's name.
    case profile(String)
    case commandLine

    /// Higher wins.
    public var level: Int {
        switch self {
        case .builtIn: 0
        case .image: 1
        case .profile: 2
        case .commandLine: 3
        }
    }

    public var isImage: Bool { if case .image = self { true } else { false } }

    /// One word, for files and for `--explain=json`.
    public var word: String {
        switch self {
        case .builtIn: "built-in"
        case .image(let name): "image \(name)"
        case .profile(let name): "profile \(name)"
        case .commandLine: "command line"
        }
    }

    public init?(word: String) {
        switch word {
        case "built-in": self = .builtIn
        case "command line": self = .commandLine
        case _ where word.hasPrefix("image "): self = .image(String(word.dropFirst(6)))
        case _ where word.hasPrefix("profile "): self = .profile(String(word.dropFirst(8)))
        default: return nil
        }
    }
}

public struct Setting: Equatable, Sendable {
    public let option: Option
    /// As written: `true` and `false` for a flag, empty for an optional value left out.
    public let value: String
    public let origin: Origin

    public init(_ option: Option, _ value: String, _ origin: Origin) {
        self.option = option
        self.value = value
        self.origin = origin
    }
}

/// A file of settings as the launcher reads them: NUL-separated words, with the files they were made from, so that a
/// change of any of those is noticed. Written by `sandbox-manage`; the launcher reads nothing else.
public struct SettingsFile: Equatable, Sendable {
    /// A file or place looked at, and `FileStatus.stamp` of it then (`-` where there was nothing).
    public struct Dependency: Equatable, Sendable {
        public let path: String
        public let stamp: String
        public init(path: String, stamp: String) {
            self.path = path
            self.stamp = stamp
        }
    }

    /// What a project's profile names, as it was when the user trusted it. Nothing else is used in its place.
    public struct Trusted: Equatable, Sendable {
        /// As the settings have it: without links.
        public let path: String
        /// `FileStatus.identity` or `stamp` of what is there, or `-` where nothing was.
        public let stamp: String
        /// The whole text of a file that says what the sandbox may do: it is not read again. nil for others.
        public let content: String?
        public init(path: String, stamp: String, content: String? = nil) {
            self.path = path
            self.stamp = stamp
            self.content = content
        }
    }

    public var dependencies: [Dependency]
    public var settings: [Setting]
    public var trusted: [Trusted]

    public init(dependencies: [Dependency], settings: [Setting], trusted: [Trusted] = []) {
        self.dependencies = dependencies
        self.settings = settings
        self.trusted = trusted
    }

    private static let signature = "sandbox-settings-1"
    /// The same with what was trusted behind the dependencies.
    private static let trustedSignature = "sandbox-settings-1-trusted"

    public var encoded: [UInt8] {
        var words = [trusted.isEmpty ? Self.signature : Self.trustedSignature, String(dependencies.count)]
        for dependency in dependencies { words += [dependency.path, dependency.stamp] }
        if !trusted.isEmpty { words.append(String(trusted.count)) }
        for file in trusted {
            words += [file.path, file.stamp, file.content == nil ? "place" : "content", file.content ?? ""]
        }
        for setting in settings { words += [setting.origin.word, setting.option.rawValue, setting.value] }
        return Words.join(words)
    }

    /// - Returns: nil where the bytes are not such a file, or are of another version: then it is made anew.
    public init?(encoded: [UInt8]) {
        var words = Words.split(encoded)[...]
        func count() -> Int? { words.popFirst().flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 } }
        let kind = words.popFirst()
        guard kind == Self.signature || kind == Self.trustedSignature, let stamps = count() else { return nil }
        dependencies = []
        for _ in 0..<stamps {
            guard let path = words.popFirst(), let stamp = words.popFirst() else { return nil }
            dependencies.append(Dependency(path: path, stamp: stamp))
        }
        trusted = []
        if kind == Self.trustedSignature {
            guard let files = count() else { return nil }
            for _ in 0..<files {
                guard let path = words.popFirst(), let stamp = words.popFirst(), let kind = words.popFirst(),
                    let content = words.popFirst()
                else { return nil }
                trusted.append(Trusted(path: path, stamp: stamp, content: kind == "content" ? content : nil))
            }
        }
        guard words.count % 3 == 0 else { return nil }
        settings = []
        while let origin = words.popFirst(), let option = words.popFirst(), let value = words.popFirst() {
            guard let origin = Origin(word: origin), let option = Option(rawValue: option) else { return nil }
            settings.append(Setting(option, value, origin))
        }
    }
}

/// NUL-separated words: every word ends with a NUL byte.
public enum Words {
    public static func join(_ words: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in words {
            bytes += ByteText.bytes(word)
            bytes.append(0)
        }
        return bytes
    }

    public static func split(_ bytes: [UInt8]) -> [String] {
        var words: [String] = []
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0) ?? bytes.count
            words.append(ByteText.text(bytes[start..<end]))
            start = end + 1
        }
        return words
    }
}

extension Setting {
    /// Whether a project may say this only when the user trusts it.
    public var opens: Bool { !option.described.untrusted.allows(value) }

    /// The same of a profile that extends others, which have said `below` already: what only limits may not take the
    /// place of another limit, which may be narrower.
    public func opens(over below: [Setting]) -> Bool {
        if opens { return true }
        guard option == .timeout || option == .syscalls else { return false }
        return below.contains { $0.option == option && $0 != self }
    }

    /// `key = value`, as a profile says it.
    public var profileText: String { option.profileText([value]) }
}

extension Option {
    /// `key = value` with all of `values` where a profile may give several, and with the last where not.
    public func profileText(_ values: [String]) -> String {
        let last = values.last ?? ""
        return switch (described.argument, described.combining) {
        case (.flag, _): "\(rawValue) = \(last)"
        case (_, .last): "\(rawValue) = \(tomlString(last))"
        default: "\(rawValue) = [\(values.map(tomlString).joined(separator: ", "))]"
        }
    }
}

/// A basic string of TOML (TOML 1.0, "String").
public func tomlString(_ text: String) -> String {
    var safe = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\", "\"": safe += "\\\(scalar)"
        case "\n": safe += "\\n"
        case "\t": safe += "\\t"
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                let digits = String(scalar.value, radix: 16)
                safe += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            default: safe.unicodeScalars.append(scalar)
            }
        }
    }
    return safe + "\""
}
