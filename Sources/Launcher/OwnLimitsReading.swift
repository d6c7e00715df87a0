// Whether the caller's control group has a limit, by as few reads as tell: most have none.

import LaunchPlan
import LinuxSystem

extension OwnLimits {
    private static let mountPoint = "/sys/fs/cgroup"

    static var ofCaller: OwnLimits {
        var hierarchies: [[String]] = []
        for line in (Files.text("/proc/self/cgroup", limit: 1 << 16) ?? "").split(separator: "\n") {
            guard let own = CgroupMembership(line: line) else { continue }
            if own.controllers.isEmpty {
                if isLimited(mountPoint + own.path, ["memory.max", "cpu.max"]) { return .version2 }
            } else if own.controllers.contains("memory") || own.controllers.contains("cpu") {
                let folder = mountPoint + "/" + own.controllers.joined(separator: ",") + own.path
                if isLimited(folder, ["memory.limit_in_bytes", "cpu.cfs_quota_us"]) {
                    hierarchies.append(own.controllers)
                }
            }
        }
        return hierarchies.isEmpty ? .none : .version1(hierarchies)
    }

    private static func isLimited(_ folder: String, _ names: [String]) -> Bool {
        names.contains { name in
            guard let text = Files.text(folder + "/" + name, limit: 64) else { return false }
            if text.hasPrefix("max") || text.hasPrefix("-1") { return false }
            // Version 1 says the most that a counter of pages holds.
            let value = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).first.flatMap { Int($0) }
            return value.map { $0 < 1 << 60 } ?? false
        }
    }
}
