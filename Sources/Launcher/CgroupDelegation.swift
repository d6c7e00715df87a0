// Whether this process may make cgroups below its own, which limits need (cgroups(7), "Cgroups delegation").

public import LaunchPlan
import LinuxSystem

public enum CgroupDelegation {
    /// Makes a cgroup below this process's own and removes it again.
    /// - Returns: nil where one with the controllers that limits need can be made.
    public static func obstacle() -> CgroupObstacle? {
        let own = (Files.text("/proc/self/cgroup") ?? "").split(separator: "\n").first { $0.hasPrefix("0::") }
        guard let own = own?.dropFirst(3), let mount = MountTable().first(ofType: "cgroup2") else { return .noVersion2 }
        // What is mounted may be a part of the hierarchy, which begins at this process's own namespace.
        let inside = mount.root != "/" && own.hasPrefix(mount.root) ? own.dropFirst(mount.root.utf8.count) : own
        let path = mount.place + (inside == "/" ? "" : inside)
        do throws(Errno) {
            let folder = try Descriptor.open(path, [.path, .directory])
            let name = "sandbox-\(Process.id)"
            try folder.makeDirectory(name)
            try folder.removeDirectory(name)
            _ = try Descriptor.open(path + "/cgroup.subtree_control", [.writeOnly])
        } catch { return .notOwn(path, reason: error.description) }
        let controllers = (Files.text(path + "/cgroup.controllers") ?? "").split { $0 == " " || $0 == "\n" }
        let missing = ["memory", "pids"].filter { !controllers.contains(Substring($0)) }
        return missing.isEmpty ? nil : .noControllers(missing)
    }
}
