// Writes the id maps of a new user namespace from outside it (user_namespaces(7), newuidmap(1)).

import LaunchPlan
import LinuxSystem

enum IdentityWriter {
    /// Maps the ids of `child`, unless it does so itself.
    static func write(_ map: IdentityMap, of child: ProcessID) throws(LaunchFailure) {
        do throws(Errno) {
            switch map.writer {
            case .child: return
            case .launcher: try write(map, to: "/proc/\(child)")
            case .helpers(let uidHelper, let gidHelper):
                // Set-user-id programs: nothing of the caller's environment.
                let environment = ["PATH=/usr/bin:/bin"]
                var helpers = ProgramPair()
                try helpers.start(uidHelper, arguments: words(child, map.uids), environment: environment)
                try helpers.start(gidHelper, arguments: words(child, map.gids), environment: environment)
                // The helper has said why on standard error.
                guard try helpers.wait() == [.exited(0), .exited(0)] else { throw Errno.permission }
            }
        } catch { throw LaunchFailure(.identity, errno: error.rawValue) }
    }

    /// The map of one id, written by a process that is in the namespace already.
    static func writeOwn(_ map: IdentityMap) throws(Errno) { try write(map, to: "/proc/self") }

    private static func write(_ map: IdentityMap, to process: String) throws(Errno) {
        try Files.write(process + "/uid_map", text(map.uids))
        if map.mode == .single { try Files.write(process + "/setgroups", "deny") }
        try Files.write(process + "/gid_map", text(map.gids))
    }

    private static func text(_ ranges: [IDRange]) -> String {
        var text = ""
        for range in ranges { text += range.line + "\n" }
        return text
    }

    private static func words(_ child: ProcessID, _ ranges: [IDRange]) -> [String] {
        var words = [String(child)]
        for range in ranges { words += [String(range.inside), String(range.outside), String(range.count)] }
        return words
    }
}
