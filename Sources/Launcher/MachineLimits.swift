// Reads what this machine forbids, once something has failed.

public import LaunchPlan
import LinuxSystem

extension HostLimits {
    /// - Parameters:
    ///   - plan: of the launch that failed, if it was one.
    ///   - launcher: the path of `sandbox`, where it is known.
    public static func gather(for plan: LaunchPlan? = nil, launcher: String? = nil) -> HostLimits {
        var limits = HostLimits()
        if let launcher { limits.launcher = launcher }
        limits.kernel = Kernel.version
        limits.refusesUnprivileged = Process.effectiveUser != 0 && number("kernel/unprivileged_userns_clone") == 0
        limits.appArmorRestricts = number("kernel/apparmor_restrict_unprivileged_userns") == 1
        limits.zeroLimits = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"].map { "max_\($0)_namespaces" }
            .filter { number("user/" + $0) == 0 }.map { "user." + $0 }
        limits.hasFilter = (Files.text("/proc/self/status") ?? "").split(separator: "\n").contains("Seccomp:\t2")
        let mounts = MountTable()
        limits.isChrooted = !mounts.hasRoot
        limits.isUnmapped = Files.text("/proc/self/uid_map")?.isEmpty == true
        limits.mountPoints = mounts.points
        limits.upperType = plan?.upperFolder.flatMap { mounts.fileSystemType(of: $0) }
        return limits
    }

    private static func number(_ setting: String) -> Int? {
        Files.text("/proc/sys/" + setting).flatMap { text in
            text.split(separator: "\n").first.flatMap { Int($0) }
        }
    }
}
