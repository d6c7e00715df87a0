// What of a project is shown read-only because somebody outside runs it later: the values of `--protect`.

/// Paths to protect, as `--protect` gathered them. A relative one is meant at the top of each project that is shown
/// writable, an absolute one inside.
public struct ProtectedPaths: Equatable, Sendable {
    public private(set) var paths: [String] = []
    /// Taken back, with all beneath: holds also for what is found only on the way, as hooks that git's settings name.
    public private(set) var released: [String] = []

    public var isEmpty: Bool { paths.isEmpty }

    /// The names of a path, or nil where it can't be one: it must name something, and not climb.
    public static func names(_ path: String) -> [String]? {
        let names = path.split(separator: "/").filter { $0 != "." }.map(String.init)
        return names.isEmpty || names.contains("..") || path.utf8.contains(0) ? nil : names
    }

    private static func plain(_ path: String) -> String? {
        names(path).map { (path.hasPrefix("/") ? "/" : "") + $0.joined(separator: "/") }
    }

    private static func isBeneath(_ path: String, _ folder: String) -> Bool {
        path == folder || path.hasPrefix(folder + "/")
    }

    public init() {}

    /// - Returns: false where `value` is no such value.
    public mutating func add(_ value: String) -> Bool {
        if value == "none" {
            self = ProtectedPaths()
            return true
        }
        if value.hasPrefix("!") {
            guard let path = Self.plain(String(value.dropFirst())) else { return false }
            paths.removeAll { Self.isBeneath($0, path) }
            released.append(path)
            return true
        }
        guard let path = Self.plain(value) else { return false }
        released.removeAll { Self.isBeneath($0, path) || Self.isBeneath(path, $0) }
        if !paths.contains(path) { paths.append(path) }
        return true
    }

    /// Whether the user took this one back.
    public func isReleased(_ path: String) -> Bool { released.contains { Self.isBeneath(path, $0) } }

    /// The paths in git's own folder, without its name: `config` for `.git/config`.
    public var ofGit: [String] { paths.filter { $0.hasPrefix(".git/") }.map { String($0.dropFirst(5)) } }

    /// The one that a refused change of `path`, a path inside, fell under: the names stand in it one behind the other.
    public func covering(_ path: String) -> String? {
        let names = path.split(separator: "/").map(String.init)
        return paths.last { protected in
            let wanted = Self.names(protected) ?? []
            if protected.hasPrefix("/") { return names.starts(with: wanted) }
            guard names.count >= wanted.count else { return false }
            return (0...(names.count - wanted.count)).contains { Array(names[$0..<($0 + wanted.count)]) == wanted }
        }
    }
}
