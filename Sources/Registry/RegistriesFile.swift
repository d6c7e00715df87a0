// registries.conf, version 2 (containers-registries.conf(5)): what a name leads to.

import LinuxSystem
import SandboxPolicy
import Toml

/// A name's beginning, and what it stands for: one `[[registry]]` table.
struct RegistryRule: Equatable, Sendable {
    struct Mirror: Equatable, Sendable {
        /// Which names a mirror is asked for.
        enum Use: String, Sendable {
            case all
            case digestOnly = "digest-only"
            case tagOnly = "tag-only"
        }

        let location: String
        let insecure: Bool
        let use: Use
    }

    /// HOST[:PORT][/PATH…][:TAG|@DIGEST] or `*.DOMAIN`.
    let prefix: String
    /// What takes the prefix's place; nil where nothing does.
    let location: String?
    let insecure: Bool
    let blocked: Bool
    let mirrors: [Mirror]
    /// That says so.
    let file: String

    /// What of `name` stands after the prefix, or nil where the rule is not for it.
    func rest(of name: String) -> Substring? {
        if prefix.hasPrefix("*.") {
            let server = name.prefix { $0 != "/" }
            let host = server.prefix { $0 != ":" }
            guard host.hasSuffix(prefix.dropFirst()), host.count >= prefix.count else { return nil }
            return name.dropFirst(server.count)
        }
        guard name.hasPrefix(prefix) else { return nil }
        let rest = name.dropFirst(prefix.count)
        guard let next = rest.first else { return rest }
        // Behind a host alone, `:` is the port of another.
        return next == "/" || prefix.contains("/") && (next == ":" || next == "@") ? rest : nil
    }
}

/// What one file says, or several read one after the other.
struct RegistriesFile: Equatable, Sendable {
    var search: [String]?
    var credentialHelpers: [String]?
    /// Several registries to search are an error, not a list to try.
    var enforcing: Bool?
    var rules: [RegistryRule] = []
    /// Short name to full name; an empty one takes an earlier alias back.
    var aliases: [String: String] = [:]

    init() {}

    /// - Throws: `unreadable`, or `badConfiguration` with the line.
    init(reading file: String) throws(RegistryError) {
        try BelievedFile.check(file)
        let content: [UInt8]
        do { content = try Files.read(file) } catch { throw .unreadable(file: file, error) }
        try self.init(parsing: content, file: file)
    }

    init(parsing content: [UInt8], file: String) throws(RegistryError) {
        let document: TomlDocument
        do { document = try TomlDocument(parsing: content) } catch {
            throw .badConfiguration(
                file: file, line: error.line, "column \(error.column) is not TOML: \(escaped(error.message))")
        }
        let reader = RegistriesReader(file: file)
        for entry in document.entries {
            switch entry.key {
            case "unqualified-search-registries":
                search = try reader.strings(entry)
                for (name, line) in zip(search ?? [], reader.lines(entry)) { try reader.checkLocation(name, line) }
            case "credential-helpers": credentialHelpers = try reader.strings(entry)
            case "short-name-mode": enforcing = try reader.shortNameMode(entry)
            case "aliases": aliases = try reader.aliases(entry)
            case "registry": rules = try reader.rules(entry)
            case "registries":
                throw .badConfiguration(
                    file: file, line: entry.node.line,
                    "[registries] is version 1 of this format, which is not read; see containers-registries.conf(5)")
            // Other programs have settings of their own here.
            default: continue
            }
        }
    }

    /// Takes what `other` says over what was said before; rules of the same prefix as a whole.
    mutating func merge(_ other: RegistriesFile) {
        search = other.search ?? search
        credentialHelpers = other.credentialHelpers ?? credentialHelpers
        enforcing = other.enforcing ?? enforcing
        rules.removeAll { old in other.rules.contains { $0.prefix == old.prefix } }
        rules += other.rules
        aliases.merge(other.aliases) { $1 }
    }

    /// The rule with the longest prefix of `name`.
    func rule(for name: String) -> RegistryRule? {
        rules.filter { $0.rest(of: name) != nil }.max { $0.prefix.count < $1.prefix.count }
    }
}

/// Values of the kinds that registries.conf has.
private struct RegistriesReader {
    let file: String

    func invalid(_ line: Int, _ what: String) -> RegistryError { .badConfiguration(file: file, line: line, what) }

    func string(_ entry: TomlEntry) throws(RegistryError) -> String { try string(entry.node, of: entry.key) }

    private func string(_ node: TomlNode, of key: String) throws(RegistryError) -> String {
        guard case .string(let text) = node.value else {
            throw invalid(node.line, "\(escaped(key)) takes a string, not \(node.value.kind)")
        }
        return text
    }

    func boolean(_ entry: TomlEntry) throws(RegistryError) -> Bool {
        guard case .boolean(let value) = entry.node.value else {
            throw invalid(entry.node.line, "\(escaped(entry.key)) takes true or false, not \(entry.node.value.kind)")
        }
        return value
    }

    func strings(_ entry: TomlEntry) throws(RegistryError) -> [String] {
        guard case .array(let nodes) = entry.node.value else {
            throw invalid(entry.node.line, "\(escaped(entry.key)) takes an array, not \(entry.node.value.kind)")
        }
        var texts: [String] = []
        for node in nodes { texts.append(try string(node, of: entry.key)) }
        return texts
    }

    func lines(_ entry: TomlEntry) -> [Int] {
        guard case .array(let nodes) = entry.node.value else { return [] }
        return nodes.map(\.line)
    }

    /// The tables of `[[key]]`.
    func tables(_ entry: TomlEntry) throws(RegistryError) -> [(line: Int, entries: [TomlEntry])] {
        guard case .array(let nodes) = entry.node.value else {
            throw invalid(entry.node.line, "\(escaped(entry.key)) is written [[\(escaped(entry.key))]]")
        }
        var tables: [(line: Int, entries: [TomlEntry])] = []
        for node in nodes {
            guard case .table(let entries) = node.value else {
                throw invalid(node.line, "\(escaped(entry.key)) takes tables, not \(node.value.kind)")
            }
            tables.append((node.line, entries))
        }
        return tables
    }

    func shortNameMode(_ entry: TomlEntry) throws(RegistryError) -> Bool {
        switch try string(entry) {
        case "enforcing": return true
        case "permissive", "disabled", "": return false
        case let other:
            throw invalid(
                entry.node.line, "short-name-mode is enforcing, permissive or disabled, not \(quoted(other))")
        }
    }

    func aliases(_ entry: TomlEntry) throws(RegistryError) -> [String: String] {
        guard case .table(let entries) = entry.node.value else {
            throw invalid(entry.node.line, "aliases is a table, not \(entry.node.value.kind)")
        }
        var aliases: [String: String] = [:]
        for alias in entries {
            let name = try string(alias)
            if !name.isEmpty {
                try checkLocation(name, alias.node.line)
                guard let slash = name.firstIndex(of: "/"), Self.isRegistry(name[..<slash]) else {
                    throw invalid(alias.node.line, "\(quoted(name)) does not begin with a registry")
                }
            }
            aliases[alias.key] = name
        }
        return aliases
    }

    /// HOST[:PORT][/PATH], and nothing else that could become part of an address.
    func checkLocation(_ location: String, _ line: Int) throws(RegistryError) {
        let parts = location.split(separator: "/", omittingEmptySubsequences: false)
        guard Self.isServer(parts[0]), parts.dropFirst().allSatisfy(Self.isComponent) else {
            throw invalid(line, "\(quoted(location)) is not HOST[:PORT][/PATH]")
        }
    }

    private static func isServer(_ text: Substring) -> Bool {
        let host: Substring
        let port: Substring
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            guard text[..<end].dropFirst().allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return false }
            host = "v6"
            port = text[text.index(after: end)...]
        } else {
            host = text.prefix { $0 != ":" }
            port = text.dropFirst(host.count)
        }
        return isComponent(host) && (port.isEmpty || port.hasPrefix(":") && UInt16(port.dropFirst()) != nil)
    }

    private static func isComponent(_ text: Substring) -> Bool {
        let letters = text.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95: true
            default: false
            }
        }
        return letters && !text.isEmpty && text != "." && text != ".."
    }

    /// Whether a name's first component is a registry, as `ImageReference.registry` has it.
    private static func isRegistry(_ text: Substring) -> Bool {
        text.contains(".") || text.contains(":") || text == "localhost"
    }

    func rules(_ entry: TomlEntry) throws(RegistryError) -> [RegistryRule] {
        var rules: [RegistryRule] = []
        for (line, entries) in try tables(entry) {
            let rule = try rule(line, entries)
            if rules.contains(where: { $0.prefix == rule.prefix }) {
                throw invalid(line, "a second [[registry]] for \(quoted(rule.prefix))")
            }
            rules.append(rule)
        }
        return rules
    }

    private func rule(_ line: Int, _ entries: [TomlEntry]) throws(RegistryError) -> RegistryRule {
        var prefix: (text: String, line: Int)?
        var location: (text: String, line: Int)?
        var insecure = false
        var blocked = false
        var digestOnly = false
        var mirrors: [RegistryRule.Mirror] = []
        for entry in entries {
            switch entry.key {
            case "prefix": prefix = (try string(entry), entry.node.line)
            case "location": location = (try string(entry), entry.node.line)
            case "insecure": insecure = try boolean(entry)
            case "blocked": blocked = try boolean(entry)
            case "mirror-by-digest-only": digestOnly = try boolean(entry)
            case "mirror": for (line, entries) in try tables(entry) { mirrors.append(try mirror(line, entries)) }
            default: continue
            }
        }
        if let found = location, found.text.isEmpty { location = nil }
        if let found = prefix, found.text.isEmpty { prefix = nil }
        guard let named = prefix ?? location else { throw invalid(line, "a [[registry]] without prefix and location") }
        if let location { try checkLocation(location.text, location.line) }
        try checkPrefix(named.text, named.line)
        if digestOnly {
            mirrors = try mirrors.map { mirror throws(RegistryError) in
                guard mirror.use == .all else {
                    throw invalid(line, "mirror-by-digest-only beside a mirror's pull-from-mirror")
                }
                return RegistryRule.Mirror(location: mirror.location, insecure: mirror.insecure, use: .digestOnly)
            }
        }
        return RegistryRule(
            prefix: named.text, location: location?.text, insecure: insecure, blocked: blocked, mirrors: mirrors,
            file: file)
    }

    private func checkPrefix(_ prefix: String, _ line: Int) throws(RegistryError) {
        if prefix.hasPrefix("*.") {
            let domain = prefix.dropFirst(2)
            guard !domain.isEmpty, !domain.contains(where: { "/:@*".contains($0) }) else {
                throw invalid(line, "\(quoted(prefix)) is not *.DOMAIN")
            }
        } else if prefix.contains("*") {
            throw invalid(line, "\(quoted(prefix)): a * stands at the beginning only, as in *.example.com")
        }
    }

    private func mirror(_ line: Int, _ entries: [TomlEntry]) throws(RegistryError) -> RegistryRule.Mirror {
        var location: String?
        var insecure = false
        var use = RegistryRule.Mirror.Use.all
        for entry in entries {
            switch entry.key {
            case "location":
                let text = try string(entry)
                try checkLocation(text, entry.node.line)
                location = text
            case "insecure": insecure = try boolean(entry)
            case "pull-from-mirror":
                let text = try string(entry)
                guard let known = RegistryRule.Mirror.Use(rawValue: text.isEmpty ? "all" : text) else {
                    throw invalid(
                        entry.node.line, "pull-from-mirror is all, digest-only or tag-only, not \(quoted(text))")
                }
                use = known
            default: continue
            }
        }
        guard let location else { throw invalid(line, "a [[registry.mirror]] without location") }
        return RegistryRule.Mirror(location: location, insecure: insecure, use: use)
    }
}
