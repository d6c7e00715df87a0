// A path taken apart at its slashes.

/// The names in a path. Bytes count: a name may begin with what makes one Character with the slash before it.
public enum PathNames {
    /// By hand, because each start does it often: the lists of slices that `split` makes are types of their own, which the
    /// runtime has to put together first.
    public static func of(_ path: String) -> [String] {
        var names: [String] = []
        func add(_ name: Substring) { if !name.isEmpty { names.append(String(name)) } }
        var rest = path[...]
        while let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) {
            add(rest[..<slash])
            rest = rest[rest.utf8.index(after: slash)...]
        }
        add(rest)
        return names
    }

    /// The folder that the last name of an absolute path lies in; `/` is its own.
    public static func parent(of path: String) -> String {
        var parent = ""
        for name in of(path).dropLast() { parent += "/" + name }
        return parent.isEmpty ? "/" : parent
    }

    /// Whether a path is `folder` or lies in it, both without links.
    public static func lies(_ path: String, in folder: String) -> Bool {
        folder == "/" || path.utf8.elementsEqual(folder.utf8) || path.utf8.starts(with: (folder + "/").utf8)
    }
}
