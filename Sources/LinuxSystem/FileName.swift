// Names and paths inside a tree, as bytes: what an archive or a sandbox laid down need not be UTF-8.

import ByteText
import Glibc

/// A name in a folder: 1 or more bytes without `/` and NUL, and neither `.` nor `..`.
public struct FileName: Hashable, Comparable, Sendable {
    /// As C wants it, with the NUL at the end.
    let characters: [CChar]

    /// - Returns: nil where `bytes` can't be such a name.
    public init?(_ bytes: ArraySlice<UInt8>) {
        let isDots = bytes.count <= 2 && bytes.allSatisfy { $0 == UInt8(ascii: ".") }
        guard !isDots, !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")) else { return nil }
        characters = bytes.map { CChar(bitPattern: $0) } + [0]
    }

    public init?(_ bytes: [UInt8]) { self.init(bytes[...]) }

    public init?(_ text: String) { self.init(ByteText.bytes(text)) }

    /// Without the NUL.
    public var bytes: [UInt8] { characters.dropLast().map { UInt8(bitPattern: $0) } }

    public static func < (left: FileName, right: FileName) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// A place beneath the root of a tree: names from the root down, none for the root itself.
public struct TreePath: Hashable, Comparable, Sendable {
    /// The names with a `/` between them.
    public let bytes: [UInt8]

    public static let root = TreePath([])

    /// Bytes of a path that a program can open (PATH_MAX in limits.h, with its NUL and a slash before it).
    public static let longest = 4094

    public init(_ names: [FileName]) { bytes = Array(names.map(\.bytes).joined(separator: [UInt8(ascii: "/")])) }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    public var isRoot: Bool { bytes.isEmpty }

    public var names: [FileName] { bytes.split(separator: UInt8(ascii: "/")).compactMap { FileName($0) } }

    /// The last name, or nil for the root.
    public var name: FileName? { names.last }

    /// The folder that holds this; the root's is the root.
    public var parent: TreePath {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return .root }
        return TreePath(bytes: Array(bytes[..<slash]))
    }

    public func appending(_ name: FileName) -> TreePath {
        TreePath(bytes: isRoot ? name.bytes : bytes + [UInt8(ascii: "/")] + name.bytes)
    }

    /// What remains below `folder`, or nil where this does not lie in it.
    public func relative(to folder: TreePath) -> TreePath? {
        if folder.isRoot { return self }
        guard bytes.starts(with: folder.bytes) else { return nil }
        let rest = bytes.dropFirst(folder.bytes.count)
        if rest.isEmpty { return .root }
        return rest.first == UInt8(ascii: "/") ? TreePath(bytes: Array(rest.dropFirst())) : nil
    }

    /// Byte order: a folder comes before what it holds.
    public static func < (left: TreePath, right: TreePath) -> Bool {
        let order = unsafe memcmp(left.bytes, right.bytes, min(left.bytes.count, right.bytes.count))
        return order == 0 ? left.bytes.count < right.bytes.count : order < 0
    }
}
