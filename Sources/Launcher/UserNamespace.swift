// A user namespace for this process itself, without a sandbox: what the store needs to make, read and remove files that
// belong to subordinate ids.

import LaunchPlan
import LinuxSystem
public import SandboxPolicy

public enum UserNamespace {
    /// What kept the ids from being mapped.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Moves this process into a user namespace with the ids that a sandbox has, as id 0 of it. To be called before any
    /// thread exists (unshare(2): EINVAL otherwise). Root stays where it is.
    /// - Parameter mode: nil: a range where the caller has subordinate ids. A single id where not.
    /// - Returns: the mode it came to.
    public static func enter(preferring mode: IdentityMode?) throws(Failure) -> IdentityMode {
        do {
            let choice: IdentityChoice = mode.map { $0 == .single ? .single : .range } ?? .auto
            let policy = try Policy([])
            let map = try IdentityMap(choice, Facts.gather(for: policy, host: nil))
            switch map.writer {
            case .helpers: try enter(map)
            case .child: try enterAlone(map)
            case .launcher: break
            }
            return map.mode
        } catch let error as PolicyError {
            throw Failure(description: error.description)
        } catch let error as LaunchFailure {
            throw Failure(description: "can't map subordinate ids: \(Errno(error.errno))")
        } catch let error as Errno {
            throw Failure(
                description: HostLimits.gather().namespaces(errno: error.rawValue, reason: error.description).line)
        } catch { throw Failure(description: "\(error)") }
    }

    /// One id, which this process maps itself: id 0 may look into its own folders whatever their mode.
    private static func enterAlone(_ map: IdentityMap) throws(Errno) {
        try Namespacing.unshare(0x1000_0000)  // CLONE_NEWUSER
        try IdentityWriter.writeOwn(map)
    }

    /// A child that stays outside writes the map: newuidmap(1) must be started by the user the namespace belongs to.
    private static func enter(_ map: IdentityMap) throws {
        var ready = try PipeEnds()
        var mapped = try PipeEnds()
        let parent = Process.id
        let writer = try Namespacing.cloneProcess(0)
        if writer == 0 {
            let ready = ready.keepReader()
            let mapped = mapped.keepWriter()
            do {
                if try ready.descriptor.read(upTo: 1).isEmpty { Process.exit(1) }
                try IdentityWriter.write(map, of: parent)
                try mapped.descriptor.write([1])
                Process.exit(0)
            } catch { Process.exit(1) }
        }
        try Namespacing.unshare(0x1000_0000)  // CLONE_NEWUSER
        try ready.keepWriter().descriptor.write([1])
        let answer = try mapped.keepReader().descriptor.read(upTo: 1)
        _ = try Process.wait(for: writer)
        guard !answer.isEmpty else { throw LaunchFailure(.identity, errno: Errno.permission.rawValue) }
        try Namespacing.setGroups([])
        try Namespacing.setGroup(0)
        try Namespacing.setUser(0)
    }
}
