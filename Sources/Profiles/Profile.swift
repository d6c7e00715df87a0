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
