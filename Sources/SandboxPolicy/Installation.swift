// Where the parts of this program are, seen from the path of one of its executables.

/// One installation: PREFIX/bin/sandbox, PREFIX/libexec/sandbox/sandbox-manage, PREFIX/share/sandbox/profiles; or a
/// build folder below a checkout, with both executables in one folder.
public struct Installation: Equatable, Sendable {
    /// The folder of the profiles that came with the program; its `seccomp` subfolder holds the filters.
    public let profiles: String
    public let launcher: String
    public let manage: String

    /// - Parameters:
    ///   - executable: absolute path of the running `sandbox` or `sandbox-manage`.
    ///   - exists: whether there is a file at a path.
    public init(executable: String, exists: (String) -> Bool) {
        let folder = Self.parent(executable)
        let isLauncher = !executable.hasSuffix("/sandbox-manage")
        // The layout of an installation, from either executable.
        let prefix = isLauncher ? Self.parent(folder) : Self.parent(Self.parent(folder))
        let installed = prefix + "/share/sandbox/profiles"
        if exists(installed + "/default.toml") {
            profiles = installed
            launcher = prefix + "/bin/sandbox"
            manage = prefix + "/libexec/sandbox/sandbox-manage"
            return
        }
        var above = folder
        while !above.isEmpty, !exists(above + "/profiles/default.toml") { above = Self.parent(above) }
        profiles = above + "/profiles"
        launcher = folder + "/sandbox"
        manage = folder + "/sandbox-manage"
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[..<slash])
    }
}
