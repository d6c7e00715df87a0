// What keeps a process inside from a change of the file system: a read-only place, or an owner that has no id inside.

import ByteText
import LaunchPlan
import LinuxSystem

struct ChangeView {
    enum Obstacle {
        case readOnly
        /// The file belongs to an id outside the map, whom nobody inside can stand in for.
        case owner
    }

    /// The root of the process, held from when it waited.
    private let root: SharedDescriptor
    /// The ids whose files are the sandbox's own; nil: owners are not looked at.
    private let owners: [IDRange]?

    /// nil where the process has gone.
    init?(_ process: ProcessID, _ owners: [IDRange]?) {
        do throws(Errno) {
            root = SharedDescriptor(try Descriptor.open("/proc/\(process)/root", [.path, .directory]))
        } catch { return nil }
        self.owners = owners
    }

    /// Why a change of `path` fails, where it would not have failed otherwise. Says the same before and after the call.
    func obstacle(to change: CallShape.Change, _ path: String, _ arguments: [UInt64]) -> Obstacle? {
        func flags(_ index: Int) -> UInt32 { UInt32(truncatingIfNeeded: arguments[index]) }
        do throws(Errno) {
            switch change {
            case .makes: return try find(path, [.noFollow]) == nil ? obstacle(in: path) : nil
            case .removes:
                guard let file = try find(path, [.noFollow]) else { return nil }
                // Read-only by itself, it is a mount, which stays where it is.
                return try file.descriptor.isReadOnly ? .readOnly : obstacle(in: path)
            case .replaces:
                return try find(path, [.noFollow])?.descriptor.isReadOnly == true ? .readOnly : obstacle(in: path)
            case .changesLink: return try obstacle(find(path, [.noFollow]))
            case .changes(let index):
                let isOfLink = index.map { flags($0) & OpenBits.noFollow != 0 } ?? false
                return try obstacle(find(path, isOfLink ? [.noFollow] : []))
            case .opens(let index):
                guard let file = try find(path) else {
                    return flags(index) & OpenBits.create == 0 ? nil : try obstacle(in: path)
                }
                // Only what is written by opening it counts: a device on a read-only mount is written to.
                guard [.regular, .directory].contains(try file.descriptor.status().kind) else { return nil }
                return try obstacle(file)
            }
        } catch { return nil }
    }

    /// What keeps the folder that `path` lies in from being changed.
    private func obstacle(in path: String) throws(Errno) -> Obstacle? {
        try obstacle(find(PathNames.parent(of: path)))
    }

    private func obstacle(_ file: SharedDescriptor?) throws(Errno) -> Obstacle? {
        guard let file else { return nil }
        if try file.descriptor.isReadOnly { return .readOnly }
        guard let owners, !file.descriptor.isWritable else { return nil }
        let owner = try file.descriptor.status().owner
        return owners.contains { $0.contains(outside: owner) } ? nil : .owner
    }

    /// nil where there is nothing.
    private func find(_ path: String, _ flags: OpenFlags = []) throws(Errno) -> SharedDescriptor? {
        do throws(Errno) {
            return SharedDescriptor(try root.descriptor.openInRoot(path, flags.union(.path)))
        } catch .noEntry { return nil }
    }
}
