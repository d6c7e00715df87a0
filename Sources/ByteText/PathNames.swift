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
}
