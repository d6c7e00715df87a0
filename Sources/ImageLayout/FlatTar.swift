// Layers as one tar of what they show together: `sandbox export`.

public import LinuxSystem

/// Writes a tar (POSIX pax) of an overlay of folders. The order is that of the names' bytes, a folder before what it
/// holds, so that the same tree makes the same bytes. Names need not be UTF-8. Sockets and devices are left out, and of
/// the extended attributes all but `user.*` and `security.capability`, as in bringing a tar in.
public struct FlatTar {
    private let tree: MergedTree
    private let output: ArchiveOutput
    private let stream: TarStream
    /// The paths of files with more names than have been seen yet.
    private var links: [Link: (path: TreePath, left: UInt64)] = [:]

    private struct Link: Hashable {
        let layer: Int
        let device: UInt64
        let inode: UInt64
    }

    /// - Parameter layers: folders as overlayfs has them, lowest first. Devices 0:0 and files with an overlay's
    ///   attributes are white-outs.
    /// - Throws: `LayoutError`: `.tree` where a file can't be read, `.redirected`, `.changedFile` or `.writing`.
    public static func write(
        layers: [SharedDescriptor], to output: ArchiveOutput
    ) throws(LayoutError) {
        var writer = FlatTar(
            tree: MergedTree(layers: layers.reversed()), output: output, stream: TarStream(output.file))
        try writer.run()
        try output.keep()
    }

    private init(tree: MergedTree, output: ArchiveOutput, stream: TarStream) {
        self.tree = tree
        self.output = output
        self.stream = stream
    }

    private mutating func run() throws(LayoutError) {
        // Depth first; what waits are the folders on the way and what lies beside them.
        var waiting: [MergedTree.Node] = []
        do throws(Errno) { if let root = try tree.root() { waiting = [root] } } catch {
            throw .tree("read", path: "/", error)
        }
        while let node = waiting.popLast() {
            if node.path.bytes.count > TreePath.longest + 1 { throw .tooDeep("/" + node.path.text) }
            guard try add(node), node.status.kind == .directory else { continue }
            do throws(Errno) { waiting += try tree.children(of: node).reversed() } catch {
                if Self.isGone(error), !node.path.isRoot { continue }
                throw .tree("list", path: "/" + node.path.text, error)
            }
        }
        try attempt { () throws(Errno) in try stream.end() }
    }

    /// A sandbox may be running: what is gone since is not there.
    private static func isGone(_ errno: Errno) -> Bool { [.noEntry, .notDirectory, .loop].contains(errno) }

    /// - Returns: false where there is nothing to write any more.
    private mutating func add(_ node: MergedTree.Node) throws(LayoutError) -> Bool {
        let entry: TarStreamEntry?
        let content: SharedDescriptor?
        let isRedirect: Bool
        do throws(Errno) {
            let file = try tree.layers[node.layer].descriptor.open(beneath: node.path, .link)
            let attributes = try attributes(of: file)
            // What became something else since it was listed must not be opened: it may be a fifo now.
            guard try file.status().isSameFile(as: node.status) else { return false }
            isRedirect = attributes.isRedirect
            entry = try self.entry(node, attributes.kept)
            if case .file = entry?.kind {
                content = SharedDescriptor(try file.reopened([.readOnly]))
            } else {
                content = nil
            }
        } catch {
            if Self.isGone(error), !node.path.isRoot { return false }
            throw .tree("read", path: "/" + node.path.text, error)
        }
        if isRedirect { throw .redirected("/" + node.path.text) }
        guard let entry else { return false }
        try attempt { () throws(Errno) in try stream.begin(entry) }
        if case .file(let size) = entry.kind, let content { try copy(content, size, node.path) }
        return true
    }

    private mutating func entry(
        _ node: MergedTree.Node, _ attributes: [(name: String, value: [UInt8])]
    ) throws(Errno) -> TarStreamEntry? {
        guard let kind = try kind(node) else { return nil }
        let status = node.status
        return TarStreamEntry(
            path: node.path.isRoot ? [UInt8(ascii: ".")] : node.path.bytes, kind: kind,
            permissions: status.permissions, owner: status.owner, group: status.group,
            modified: status.modificationTime, attributes: attributes)
    }

    private mutating func kind(_ node: MergedTree.Node) throws(Errno) -> TarStreamEntry.Kind? {
        if let first = linked(node) { return .hardLink(first.bytes) }
        switch node.status.kind {
        case .regular: return .file(size: node.status.size)
        case .directory: return .folder
        case .fifo: return .fifo
        case .symlink:
            guard let name = node.path.name else { return nil }
            let folder = try tree.layers[node.layer].descriptor.open(beneath: node.path.parent, [.path, .directory])
            return .symlink(try folder.linkTarget(of: name))
        case .socket, .characterDevice, .blockDevice, .unknown: return nil
        }
    }

    /// The path under which this very file was written already. Overlayfs breaks links between layers.
    private mutating func linked(_ node: MergedTree.Node) -> TreePath? {
        guard node.status.kind == .regular, node.status.links > 1 else { return nil }
        let link = Link(layer: node.layer, device: node.status.device, inode: node.status.inode)
        guard let known = links[link] else {
            links[link] = (node.path, node.status.links - 1)
            return nil
        }
        // Forgotten with its last name; names that are hidden keep it to the end.
        links[link] = known.left > 1 ? (known.path, known.left - 1) : nil
        return known.path
    }

    private func attributes(
        of file: borrowing Descriptor
    ) throws(Errno) -> (kept: [(name: String, value: [UInt8])], isRedirect: Bool) {
        let names = try file.attributeNames()
        if names.contains(where: OverlayMark.isRedirect) { return ([], true) }
        var kept: [(name: String, value: [UInt8])] = []
        for name in names.sorted() where Self.isKept(name) {
            if let value = try file.wholeAttribute(name) { kept.append((name, value)) }
        }
        return (kept, false)
    }

    private static func isKept(_ attribute: String) -> Bool {
        attribute == "security.capability" || attribute.hasPrefix("user.") && !attribute.hasPrefix("user.overlay.")
    }

    private func copy(_ file: SharedDescriptor, _ size: Int64, _ path: TreePath) throws(LayoutError) {
        var left = size
        while left > 0 {
            var failure: Errno?
            var count = 0
            try attempt { () throws(Errno) in
                count = try stream.write(upTo: left) { room in
                    do throws(Errno) { return try file.descriptor.read(into: room) } catch {
                        failure = error
                        return 0
                    }
                }
            }
            if let failure { throw .tree("read", path: "/" + path.text, failure) }
            if count == 0 { throw .changedFile("/" + path.text) }
            left -= Int64(count)
        }
        try attempt { () throws(Errno) in try stream.pad() }
    }

    private func attempt(_ body: () throws(Errno) -> Void) throws(LayoutError) {
        do throws(Errno) { try body() } catch { throw .writing(output.name, error) }
    }
}
