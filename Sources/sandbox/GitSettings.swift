// What of git's settings says where else git reads settings or runs programs (git-config(1), "Syntax").

struct GitSettings {
    /// `core.hooksPath`, as written.
    private(set) var hooks: [String] = []
    /// `include.path` and `includeIf.….path`.
    private(set) var includes: [String] = []
    /// `core.worktree`: where the work tree of a submodule is.
    private(set) var workTree: String?
    /// The names of submodules, where the file is `.gitmodules`.
    private(set) var modules: [String] = []

    init(_ text: String) {
        var section = Substring()
        for line in text.split(whereSeparator: \.isNewline) {
            var rest = Self.trimmed(line)
            if rest.first == "[", let end = rest.lastIndex(of: "]") {
                section = rest[rest.index(after: rest.startIndex)..<end]
                rest = Self.trimmed(rest[rest.index(after: end)...])
                if section.lowercased().hasPrefix("submodule ") { modules.append(Self.value(section.dropFirst(10))) }
            }
            guard let first = rest.first, first != "#", first != ";" else { continue }
            let parts = rest.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            add(section.lowercased(), Self.trimmed(parts[0]).lowercased(), parts.count == 2 ? Self.value(parts[1]) : "")
        }
    }

    private mutating func add(_ section: String, _ key: String, _ value: String) {
        switch (section, key) {
        case ("core", "hookspath"): hooks.append(value)
        case ("core", "worktree"): workTree = value
        case ("include", "path"): includes.append(value)
        case (_, "path") where section.hasPrefix("includeif "): includes.append(value)
        default: break
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }

    /// Without quotes, their escapes, and what is a comment behind it.
    private static func value(_ text: Substring) -> String {
        var value = ""
        var isQuoted = false
        var isEscaped = false
        for character in trimmed(text) {
            if isEscaped {
                value.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character == "#" || character == ";" {
                break
            } else {
                value.append(character)
            }
        }
        return String(trimmed(Substring(value)))
    }
}
