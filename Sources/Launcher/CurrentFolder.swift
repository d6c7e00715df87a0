// Whether the current folder is one that --here shows: by which file it is, not by what it is called.

import LaunchPlan
import LinuxSystem

extension Facts {
    static func wideFolder(_ facts: Facts) -> WideFolder? {
        let current: FileStatus
        let isTheKernels: Bool
        do throws(Errno) {
            current = try FileStatus.of(".")
            isTheKernels = try FileSystemType.isTheKernels(".")
        } catch { return nil }  // Gone, or closed to this user: showing it will say so.
        func isCurrent(_ path: String) -> Bool {
            do throws(Errno) { return try FileStatus.of(path).isSameFile(as: current) } catch { return false }
        }
        func value(_ name: String) -> String? {
            facts.environment.last { $0.name == name && $0.value.hasPrefix("/") }?.value
        }
        if isCurrent("/") { return .root }
        if isTheKernels || isCurrent("/dev") { return .kernel }
        let home = home(facts.uid)
        if [value("HOME"), home].compactMap(\.self).contains(where: isCurrent) { return .home }
        // A HOME of somebody's making may well lie in a project.
        if let home, above(home).contains(where: isCurrent) { return .aboveHome }
        let own = value("XDG_RUNTIME_DIR")
        let sockets = ["/run", "/run/user", "/run/user/\(facts.uid)"] + [own].compactMap(\.self)
        if sockets.contains(where: isCurrent) { return .sockets }
        if let own, above(own).contains(where: isCurrent) { return .sockets }
        return nil
    }

    /// The folders above one, but for the root.
    private static func above(_ path: String) -> [String] {
        let whole: String
        do throws(Errno) { whole = try Files.canonical(path) } catch { return [] }
        let names = whole.split(separator: "/")
        return names.indices.dropFirst().map { "/" + names[..<$0].joined(separator: "/") }
    }
}
