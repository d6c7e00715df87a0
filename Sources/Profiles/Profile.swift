// What one profile's file says, before those it extends are joined to it.

public import SandboxPolicy

public struct Profile: Equatable, Sendable {
    /// A setting and the line that says it.
    public struct Line: Equatable, Sendable {
        public let setting: Setting
        public let line: Int
    }

    /// A profile named by `extends`.
    public struct Base: Equatable, Sendable {
        public let word: String
        public let line: Int
    }

    /// As settings name their origin: the name it was found by, or the path it was given by.
    public let name: String
    /// The file, without links.
    public let file: String
    public let text: String?
    public let extends: [Base]
    public let lines: [Line]

    public var settings: [Setting] { lines.map(\.setting) }

    /// Where line `line` stands.
    public func place(_ line: Int) -> ProfilePlace { ProfilePlace(profile: name, file: file, line: line) }
}

extension Setting {
    /// Whether this opens the sandbox, so that a project may say it only when the user trusts it. Values that only
    /// close never do.
    public var opens: Bool {
        guard option.described.needsTrust else { return false }
        return switch option {
        case .network, .setupNetwork: value != "none"
        case .upper: value != "memory" && value != "disk"
        case .here, .nested: value != "false"
        // The narrowest there is; any other may be wider than that of a profile below.
        case .seccomp: value != "strict"
        case .landlock: value != "required"
        case .tcpConnect, .tcpBind: value != "none"
        default: true
        }
    }

    /// `key = value`, as a profile says it.
    public var profileText: String {
        let described = option.described
        let text = "\"\(Self.escapedForToml(value))\""
        return switch (described.argument, described.combining) {
        case (.flag, _): "\(option.rawValue) = \(value)"
        case (_, .last): "\(option.rawValue) = \(text)"
        default: "\(option.rawValue) = [\(text)]"
        }
    }

    /// Inside a basic string (TOML 1.0, "String").
    private static func escapedForToml(_ text: String) -> String {
        var safe = ""
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
        return safe
    }
}
