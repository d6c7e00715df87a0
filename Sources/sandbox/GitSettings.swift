// What of git's settings says where else git reads settings or runs programs (git-config(1), "Syntax"), read byte by byte as
// git does: a project that could make the two read different things would hide what it names.

import ByteText

struct GitSettings {
    /// `core.hooksPath`, as written.
    private(set) var hooks: [String] = []
    /// `include.path` and `includeIf.….path`.
    private(set) var includes: [String] = []
    /// `core.worktree`: where the work tree of a submodule is.
    private(set) var workTree: String?
    /// The names of submodules and where they are, where the file is `.gitmodules`.
    private(set) var modules: [String] = []
    private(set) var modulePaths: [String] = []

    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        rest = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        read()
        rest = []
    }

    private static let lineEnd = UInt8(ascii: "\n")
    private static let quote = UInt8(ascii: "\"")

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private mutating func next() -> UInt8? {
        guard let byte = rest.popFirst() else { return nil }
        guard byte == UInt8(ascii: "\r"), rest.first == Self.lineEnd else { return byte }
        return rest.popFirst()
    }

    private mutating func skipLine() { while let byte = next(), byte != Self.lineEnd {} }

    private mutating func read() {
        var section = ""
        var name: String?
        while let byte = next() {
            switch byte {
            case _ where Self.isSpace(byte): continue
            case UInt8(ascii: "#"), UInt8(ascii: ";"): skipLine()
            case UInt8(ascii: "["): (section, name) = readSection()
            default: add(section, name, key: byte)
            }
        }
    }

    /// `[section]`, `[section "name"]` or, as older ones are, `[section.name]`.
    private mutating func readSection() -> (String, String?) {
        var section: [UInt8] = []
        while let byte = next(), byte != UInt8(ascii: "]") {
            if !Self.isSpace(byte) {
                section.append(byte)
                continue
            }
            let name = readName()
            if name != nil { modulesNote(section, name) }
            return (Self.lower(section), name)
        }
        guard let dot = section.firstIndex(of: UInt8(ascii: ".")) else { return (Self.lower(section), nil) }
        let name = Self.lower(Array(section[(dot + 1)...]))
        modulesNote(Array(section[..<dot]), name)
        return (Self.lower(Array(section[..<dot])), name)
    }

    private mutating func readName() -> String? {
        var name: [UInt8] = []
        var isWithin = false
        while let byte = next(), byte != Self.lineEnd {
            if !isWithin {
                if byte == UInt8(ascii: "]") { return nil }
                isWithin = byte == Self.quote
            } else if byte == Self.quote {
                while let byte = next(), byte != UInt8(ascii: "]"), byte != Self.lineEnd {}
                return ByteText.text(name)
            } else {
                name.append(byte == UInt8(ascii: "\\") ? next() ?? byte : byte)
            }
        }
        return nil
    }

    private mutating func modulesNote(_ section: [UInt8], _ name: String?) {
        if let name, Self.lower(section) == "submodule", !modules.contains(name) { modules.append(name) }
    }

    private static func lower(_ bytes: [UInt8]) -> String {
        ByteText.text(bytes.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 })
    }

    private mutating func add(_ section: String, _ name: String?, key first: UInt8) {
        var key = [first]
        var byte = next()
        while let now = byte, now != UInt8(ascii: "="), now != Self.lineEnd, !Self.isSpace(now) {
            key.append(now)
            byte = next()
        }
        while let now = byte, now != Self.lineEnd, Self.isSpace(now) { byte = next() }
        guard byte == UInt8(ascii: "=") else {
            if let byte, byte != Self.lineEnd { skipLine() }
            return
        }
        let value = readValue()
        switch (section, Self.lower(key)) {
        case ("core", "hookspath"): hooks.append(value)
        case ("core", "worktree"): workTree = value
        case ("include", "path"), ("includeif", "path"): includes.append(value)
        case ("submodule", "path") where name != nil: modulePaths.append(value)
        default: break
        }
    }

    /// Without quotes, their escapes, blanks at both ends, and what is a comment behind it; on the next line too.
    private mutating func readValue() -> String {
        var value: [UInt8] = []
        var length = 0
        var isQuoted = false
        while let byte = next(), byte != Self.lineEnd {
            if !isQuoted, byte == UInt8(ascii: "#") || byte == UInt8(ascii: ";") {
                skipLine()
                break
            }
            if !isQuoted, Self.isSpace(byte) {
                if !value.isEmpty { value.append(byte) }
                continue
            }
            if byte == Self.quote {
                isQuoted.toggle()
                continue
            }
            if byte == UInt8(ascii: "\\") {
                guard let escaped = next() else { break }
                if escaped == Self.lineEnd { continue }
                value.append(Self.escapes[escaped] ?? escaped)
            } else {
                value.append(byte)
            }
            length = value.count
        }
        return ByteText.text(Array(value[..<length]))
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "t"): 0x09, UInt8(ascii: "b"): 0x08,
    ]
}
