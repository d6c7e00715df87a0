// The way from the top of a tree down to one folder and back, in steps that cost the same at any depth.

/// Folders on the way stay open, the innermost of them: a sandbox may nest them without end, and a process may hold 1,024.
/// The others are found again by `..` and must then be what they were.
public struct FolderWalk {
    private struct Level {
        let name: FileName
        var folder: SharedDescriptor?
        let device: UInt64
        let inode: UInt64
    }

    static let mostOpen = 64

    private let top: SharedDescriptor
    private var levels: [Level] = []

    public init(_ top: SharedDescriptor) { self.top = top }

    public var current: SharedDescriptor { levels.last?.folder ?? top }

    /// Opens the folder `name` of the current one, no link, and goes there.
    public mutating func enter(_ name: FileName) throws(Errno) {
        let folder = SharedDescriptor(try current.descriptor.open(name, [.readOnly, .directory]))
        let status = try folder.descriptor.status()
        levels.append(Level(name: name, folder: folder, device: status.device, inode: status.inode))
        if levels.count > Self.mostOpen { levels[levels.count - 1 - Self.mostOpen].folder = nil }
    }

    /// Goes to the folder above.
    /// - Throws: where that is no longer what it was; the way is then one folder shorter all the same.
    public mutating func leave() throws(Errno) {
        guard let left = levels.popLast() else { return }
        guard let last = levels.indices.last, levels[last].folder == nil else { return }
        if let above = try Self.above(left), try Self.isSame(above, levels[last]) {
            levels[last].folder = above
            return
        }
        // Something was moved meanwhile: by its path it is looked for once more.
        let path = TreePath(levels.map(\.name))
        levels[last].folder = SharedDescriptor(try top.descriptor.open(beneath: path, [.readOnly, .directory]))
    }

    private static func above(_ level: Level) throws(Errno) -> SharedDescriptor? {
        guard let folder = level.folder else { return nil }
        do throws(Errno) { return SharedDescriptor(try folder.descriptor.openParent()) } catch { return nil }
    }

    private static func isSame(_ folder: SharedDescriptor, _ level: Level) throws(Errno) -> Bool {
        let status = try folder.descriptor.status()
        return status.device == level.device && status.inode == level.inode
    }
}
