// The caller's own limits, where it has any: programs that size themselves by them look for their control group below
// /sys/fs/cgroup (cgroups(7)). What is mounted there begins at that group, for the namespace of the sandbox does.

/// Which hierarchies show a limit of the caller's own group.
public enum OwnLimits: Equatable, Sendable {
    case none
    /// One hierarchy with all controllers.
    case version2
    /// A hierarchy for each of these lists of controllers, as the kernel names them together.
    case version1([[String]])
}

/// A line of /proc/self/cgroup.
public struct CgroupMembership: Equatable, Sendable {
    /// Empty for version 2.
    public let controllers: [String]
    /// From the top of what this process's namespace shows.
    public let path: String

    /// nil where the line is another, or the group is the topmost, which has no limits.
    public init?(line: Substring) {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, fields[2].hasPrefix("/"), fields[2] != "/" else { return nil }
        controllers = fields[1].split(separator: ",").map(String.init)
        path = String(fields[2])
    }
}

extension OwnLimits {
    static let place = "/sys/fs/cgroup"

    /// Read-only: a limit is not the sandbox's to change, where its user may.
    public var steps: [Step] {
        let options: MountOptions = [.readOnly, .noSetID, .noDevices, .noExecution]
        switch self {
        case .none: return []
        case .version2: return [.mount(.cgroup2, at: Self.place, options: options, data: [])]
        case .version1(let hierarchies):
            let small = [("mode", "755"), ("size", "4k")]
            let top = Step.mount(.tmpfs, at: Self.place, options: options.subtracting(.readOnly), data: small)
            return [top]
                + hierarchies.map { controllers in
                    .mount(
                        .cgroup, at: Self.place + "/" + controllers.joined(separator: ","), options: options,
                        data: controllers.map { ($0, "") })
                }
        }
    }
}
