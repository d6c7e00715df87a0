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
        var top = Node()
        for change in changes { top.insert(change, change.path.names[...]) }
        return changes.isEmpty ? "" : "/\n" + draw(top, indent: "")
    }

    private struct Node {
        var change: Change?
        var children: [(name: FileName, node: Node)] = []

        mutating func insert(_ change: Change, _ names: ArraySlice<FileName>) {
            guard let name = names.first else {
                self.change = change
                return
            }
            // Changes come sorted, so that a folder's stand together.
            if children.last?.name != name { children.append((name, Node())) }
            children[children.count - 1].node.insert(change, names.dropFirst())
        }
    }

    private func draw(_ node: Node, indent: String) -> String {
        var text = ""
        for (index, child) in node.children.enumerated() {
            let isLast = index == node.children.count - 1
            var name = shown(child.name.bytes)
            if let change = child.node.change {
                let mark =
                    switch change.kind {
                    case .added: "+ "
                    case .modified: "~ "
                    case .deleted: "- "
                    }
                name = coloured(mark + name, change.kind)
            }
            text += indent + (isLast ? "└── " : "├── ") + name + "\n"
            text += draw(child.node, indent: indent + (isLast ? "    " : "│   "))
        }
        return text
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
