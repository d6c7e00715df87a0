// TOML as a tree of values that know their line: what readers of settings walk. The grammar is TOML 1.0.

import ByteText
import CToml

/// One value, and where its key (or, in an array, the value itself) stands. Lines and columns count from 1.
public struct TomlNode: Equatable, Sendable {
    public let value: TomlValue
    public let line: Int
    public let column: Int
}

public indirect enum TomlValue: Equatable, Sendable {
    case string(String)
    case integer(Int64)
    case boolean(Bool)
    case array([TomlNode])
    case table([TomlEntry])
    /// A date, a time or a floating-point number: nothing here takes one.
    case other

    /// What an error calls this kind of value.
    public var kind: String {
        switch self {
        case .string: "a string"
        case .integer: "an integer"
        case .boolean: "a boolean"
        case .array: "an array"
        case .table: "a table"
        case .other: "a date or a floating-point number"
        }
    }
}

public struct TomlEntry: Equatable, Sendable {
    public let key: String
    public let node: TomlNode
}

/// Text that is not TOML, and where.
public struct TomlError: Error, Equatable, Sendable {
    public let message: String
    public let line: Int
    public let column: Int
}

/// The root table of a file.
public struct TomlDocument: Equatable, Sendable {
    /// In the order of the file.
    public let entries: [TomlEntry]

    /// - Throws: what is wrong with the first place that is not TOML.
    public init(parsing content: [UInt8]) throws(TomlError) {
        let document = content.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { ctoml_parse($0.baseAddress, $0.count) }
        }
        defer { ctoml_free(document) }
        var line: UInt32 = 0
        var column: UInt32 = 0
        if let message = ctoml_error(document, &line, &column) {
            throw TomlError(message: String(cString: message), line: Int(line), column: Int(column))
        }
        entries = Self.tree(of: (0..<ctoml_count(document)).map { ctoml_at(document, $0) })
    }

    /// Rebuilds the tree from the list of events.
    private static func tree(of events: [ctoml_event]) -> [TomlEntry] {
        var open: [(event: ctoml_event, children: [TomlEntry])] = []
        var children: [TomlEntry] = []
        for event in events {
            switch event.kind {
            case ctoml_table, ctoml_array:
                open.append((event, children))
                children = []
            case ctoml_end:
                guard var begun = open.popLast() else { continue }
                let value: TomlValue =
                    begun.event.kind == ctoml_table ? .table(inFileOrder(children)) : .array(children.map(\.node))
                // Swapped, not copied: a table may have a hundred thousand brothers.
                children = []
                swap(&children, &begun.children)
                children.append(entry(begun.event, value))
            case ctoml_string: children.append(entry(event, .string(text(event.text, event.text_length))))
            case ctoml_integer: children.append(entry(event, .integer(event.number)))
            case ctoml_boolean: children.append(entry(event, .boolean(event.number != 0)))
            default: children.append(entry(event, .other))
            }
        }
        return inFileOrder(children)
    }

    private static func entry(_ event: ctoml_event, _ value: TomlValue) -> TomlEntry {
        TomlEntry(
            key: text(event.key, event.key_length),
            node: TomlNode(value: value, line: Int(event.line), column: Int(event.column)))
    }

    private static func text(_ start: UnsafePointer<CChar>?, _ length: Int) -> String {
        ByteText.text(Array(UnsafeRawBufferPointer(start: start, count: length)))
    }

    /// The library sorts tables by key; a reader of the file expects the first mistake to be reported first.
    private static func inFileOrder(_ entries: [TomlEntry]) -> [TomlEntry] {
        entries.sorted { ($0.node.line, $0.node.column) < ($1.node.line, $1.node.column) }
    }
}
