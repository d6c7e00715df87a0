// Changes as a person reads them: a line each, or a tree.

import LinuxSystem

public struct ChangesOutput {
    private let changes: [Change]
    private let isColoured: Bool

    /// - Parameter isColoured: green, yellow and red, for a terminal.
    public init(_ changes: [Change], isColoured: Bool) {
        self.changes = changes
        self.isColoured = isColoured
    }

    /// `A /path`, `M /path`, `D /path`.
    public var lines: String {
        changes.map { change in
            let letter =
                switch change.kind {
                case .added: "A"
                case .modified: "M"
                case .deleted: "D"
                }
            return coloured(letter + " /" + shown(change.path.bytes), change.kind) + "\n"
        }.joined()
    }

    /// As tree(1) draws it; `+`, `~` and `-` mark what was added, modified and deleted.
    public var tree: String {
        if changes.isEmpty { return "" }
        var text = "/\n"
        var bars: [String] = []
        for row in rows() {
            bars.removeLast(bars.count - row.depth)
            text += bars.joined() + (row.isLast ? "└── " : "├── ") + label(row) + "\n"
            bars.append(row.isLast ? "    " : "│   ")
        }
        return text
    }

    /// A line of the tree: a change, or a folder that only leads to some.
    private struct Row {
        let name: FileName
        /// 0 for what lies in the root.
        let depth: Int
        let change: Change?
        var isLast = true
    }

    /// From the top down, what a folder holds right behind it.
    private func rows() -> [Row] {
        var rows: [Row] = []
        var above: [FileName] = []
        for change in changes.sorted(by: { Self.grouped($0.path).lexicographicallyPrecedes(Self.grouped($1.path)) }) {
            let names = change.path.names
            let shared = zip(above, names).prefix { $0 == $1 }.count
            for depth in shared..<names.count {
                rows.append(Row(name: names[depth], depth: depth, change: depth == names.count - 1 ? change : nil))
            }
            above = names
        }
        // Seen from the end, the first at a depth is the last of its folder; what stands above starts a new one.
        var isFollowed: [Bool] = []
        for index in rows.indices.reversed() {
            let depth = rows[index].depth
            if isFollowed.count > depth + 1 { isFollowed.removeLast(isFollowed.count - depth - 1) }
            while isFollowed.count <= depth { isFollowed.append(false) }
            rows[index].isLast = !isFollowed[depth]
            isFollowed[depth] = true
        }
        return rows
    }

    /// With the lowest byte for `/`, what a folder holds sorts right behind it: `a/x` before `a-b`.
    private static func grouped(_ path: TreePath) -> some Sequence<UInt8> {
        path.bytes.lazy.map { $0 == UInt8(ascii: "/") ? 0 : $0 }
    }

    private func label(_ row: Row) -> String {
        guard let change = row.change else { return shown(row.name.bytes) }
        let mark =
            switch change.kind {
            case .added: "+ "
            case .modified: "~ "
            case .deleted: "- "
            }
        return coloured(mark + shown(row.name.bytes), change.kind)
    }

    private func coloured(_ text: String, _ kind: Change.Kind) -> String {
        guard isColoured else { return text }
        let colour =
            switch kind {
            case .added: 32
            case .modified: 33
            case .deleted: 31
            }
        return "\u{1b}[\(colour)m\(text)\u{1b}[0m"
    }
}
