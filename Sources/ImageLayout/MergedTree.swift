// What an overlay of folders shows, found out without mounting it (Documentation/filesystems/overlayfs, "Upper and
// Lower", "whiteouts and opaque directories", "Multiple lower layers").

import LinuxSystem

/// Layers as overlayfs has them, and what they show together.
struct MergedTree {
    /// What is shown under one name.
    struct Node {
        let path: TreePath
        let status: FileStatus
        /// The layer that shows it; the topmost for a folder.
        let layer: Int
        /// For a folder, the layers that merge in it, topmost first.
        let layers: [Int]
    }

    /// Topmost first.
    let layers: [SharedDescriptor]

    func root() throws(Errno) -> Node? {
        guard let top = layers.first else { return nil }
        // Overlayfs itself knows no opaque root: whoever mounts leaves out what lies below.
        var shown: [Int] = []
        for layer in layers.indices {
            shown.append(layer)
            if try OverlayMark.isOpaque(layers[layer].descriptor) { break }
        }
        return Node(path: .root, status: try top.descriptor.status(), layer: 0, layers: shown)
    }

    /// What a folder holds, by name. No more than this one folder is held at a time.
    func children(of folder: Node) throws(Errno) -> [Node] {
        var found: [FileName: Node] = [:]
        /// Names below which nothing more is shown.
        var closed: Set<FileName> = []
        for layer in folder.layers {
            let opened = try layers[layer].descriptor.open(beneath: folder.path, [.readOnly, .directory])
            for name in try opened.fileNames() where !closed.contains(name) {
                // A sandbox may be running: what is gone since is not there.
                guard let status = try opened.status(of: name) else { continue }
                let isLast = try add(name, status, in: opened, layer, folder.path, to: &found)
                if isLast { closed.insert(name) }
            }
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }

    /// - Returns: whether lower layers have nothing to add.
    private func add(
        _ name: FileName, _ status: FileStatus, in folder: borrowing Descriptor, _ layer: Int, _ parent: TreePath,
        to found: inout [FileName: Node]
    ) throws(Errno) -> Bool {
        if try OverlayMark.isWhiteout(status, name, in: folder) { return true }
        guard let above = found[name] else {
            found[name] = Node(
                path: parent.appending(name), status: status, layer: layer,
                layers: status.kind == .directory ? [layer] : [])
            guard status.kind == .directory else { return true }
            return try OverlayMark.isOpaque(try folder.open(name, [.path, .directory]))
        }
        // Under a folder, anything else is hidden and ends it.
        guard status.kind == .directory else { return true }
        found[name] = Node(
            path: above.path, status: above.status, layer: above.layer, layers: above.layers + [layer])
        return try OverlayMark.isOpaque(try folder.open(name, [.path, .directory]))
    }
}

/// The marks of overlayfs, with and without the `userxattr` option.
enum OverlayMark {
    private static let spaces = ["user.overlay.", "trusted.overlay."]

    static func isWhiteout(_ status: FileStatus, _ name: FileName, in folder: borrowing Descriptor) throws(Errno)
        -> Bool
    {
        if status.kind == .characterDevice { return status.specialDevice == 0 }
        guard status.kind == .regular, status.size == 0 else { return false }
        let file = try folder.open(name, .link)
        for space in spaces where try file.wholeAttribute(space + "whiteout") != nil { return true }
        return false
    }

    static func isOpaque(_ folder: borrowing Descriptor) throws(Errno) -> Bool {
        for space in spaces where try folder.wholeAttribute(space + "opaque") == [UInt8(ascii: "y")] { return true }
        return false
    }

    /// Whether an attribute says that the content stands elsewhere (overlayfs, "redirect_dir", "metacopy").
    static func isRedirect(_ attribute: String) -> Bool {
        spaces.contains { attribute == $0 + "redirect" || attribute == $0 + "metacopy" }
    }
}
