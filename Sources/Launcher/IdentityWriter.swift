// Writes the id maps of a new user namespace from outside it (user_namespaces(7), newuidmap(1)).

import LaunchPlan
import LinuxSystem

enum IdentityWriter {
    /// Maps the ids of `child`, then tells it so by a byte on `gate`.
    static func write(
        _ map: IdentityMap, of child: ProcessID, then gate: borrowing Descriptor
    ) throws(LaunchFailure) {
        do throws(Errno) {
            switch map.writer {
            case .child:
                return
            case .launcher:
                try Files.write("/proc/\(child)/uid_map", map.uids.map(\.line).joined(separator: "\n"))
                try Files.write("/proc/\(child)/gid_map", map.gids.map(\.line).joined(separator: "\n"))
            case .helpers(let uidHelper, let gidHelper):
                // Set-user-id programs: nothing of the caller's environment.
                let environment = ["PATH=/usr/bin:/bin"]
                var helpers = ProgramPair()
                try helpers.start(uidHelper, arguments: words(child, map.uids), environment: environment)
                try helpers.start(gidHelper, arguments: words(child, map.gids), environment: environment)
                // The helper has said why on standard error.
                guard try helpers.wait() == [.exited(0), .exited(0)] else { throw Errno.permission }
            }
            try gate.write([1])
        } catch { throw LaunchFailure(.identity, errno: error.rawValue) }
    }

    /// The map of one id, written by a process that is in the namespace already.
    static func writeOwn(_ map: IdentityMap) throws(Errno) {
        try Files.write("/proc/self/uid_map", map.uids.map(\.line).joined(separator: "\n"))
        try Files.write("/proc/self/setgroups", "deny")
        try Files.write("/proc/self/gid_map", map.gids.map(\.line).joined(separator: "\n"))
    }

    private static func words(_ child: ProcessID, _ ranges: [IDRange]) -> [String] {
        var words = [String(child)]
        for range in ranges { words += [String(range.inside), String(range.outside), String(range.count)] }
        return words
    }
}
