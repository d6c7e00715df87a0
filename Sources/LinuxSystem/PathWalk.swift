// A path taken name by name, with the links on the way read and not followed: for whoever has to look at each step.

import ByteText

/// Follow it with `next`, and with `follow` where what was found is a link (path_resolution(7)).
public struct PathWalk {
    /// Where it stands, without links; empty for the root.
    public private(set) var place = ""
    private var folder = ""
    /// The names to come, the next one last.
    private var rest: [String]
    private var links = 0

    /// - Parameter path: absolute.
    public init(_ path: String) { rest = Self.names(path) }

    private static func names(_ path: String) -> [String] { PathNames.of(path).filter { $0 != "." }.reversed() }

    public var isRoot: Bool { place.isEmpty }

    /// Whether nothing follows the place where it stands.
    public var isAtEnd: Bool { rest.isEmpty }

    /// Goes to the next name; false at the end of the path.
    public mutating func next() -> Bool {
        guard let name = rest.popLast() else { return false }
        folder = place
        if name == ".." {
            folder = Self.above(place)
            place = folder
        } else {
            place += "/" + name
        }
        return true
    }

    /// Goes on with what the link at this place holds.
    /// - Throws: ELOOP after forty links, as the kernel does.
    public mutating func follow(_ target: String) throws(Errno) {
        links += 1
        guard links <= 40 else { throw .loop }
        place = target.utf8.first == UInt8(ascii: "/") ? "" : folder
        rest += Self.names(target)
    }

    static func above(_ place: String) -> String {
        place.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(place[..<$0]) } ?? ""
    }
}
