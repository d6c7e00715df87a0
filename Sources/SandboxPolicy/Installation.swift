// Where the parts of this program are, found from the path of one of its executables.

/// The files of one installation: PREFIX/bin/sandbox, PREFIX/libexec/sandbox/sandbox-manage and
/// PREFIX/share/sandbox/profiles; or a build folder, where the executables lie side by side and the profiles in the
/// checkout above.
public struct Installation: Equatable, Sendable {
    /// The folder of the profiles that came with the program; its `seccomp` subfolder holds the filters.
    public let profiles: String
    /// `sandbox-manage`.
    public let manage: String
    /// `sandbox` itself.
    public let launcher: String

    /// Pure: asks `exists` about paths, and nothing else.
    /// - Parameter executable: the absolute path, without links, of `sandbox` or of `sandbox-manage`.
    public init(executable: String, exists: (String) -> Bool) {
        let folder = Self.parent(executable)
        let isLibexec = folder.hasSuffix("/libexec/sandbox")
        let prefix = isLibexec ? Self.parent(Self.parent(folder)) : Self.parent(folder)
        let installedManage = prefix + "/libexec/sandbox/sandbox-manage"
        let isInstalled = isLibexec || exists(installedManage)
        manage = isInstalled ? installedManage : folder + "/sandbox-manage"
        launcher = isInstalled ? prefix + "/bin/sandbox" : folder + "/sandbox"
        let share = prefix + "/share/sandbox/profiles"
        profiles = isInstalled ? share : Self.checkout(above: folder, exists) ?? share
    }

    /// The profiles of the checkout that a build folder (`.build…`) is in. No higher: a folder that happens to be
    /// above an executable may be anyone's.
    private static func checkout(above folder: String, _ exists: (String) -> Bool) -> String? {
        var folder = folder
        while folder.contains("/.build") {
            folder = parent(folder)
            if exists(folder + "/profiles/default.toml") { return folder + "/profiles" }
        }
        return nil
    }

    /// Empty for what stands in the root folder.
    private static func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}
