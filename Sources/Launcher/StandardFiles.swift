// The files that the caller hands in as descriptors 0, 1 and 2. Whoever has a file's user can change its mode, owner and
// attributes by a descriptor, however that is open: at the end they are what they were. So is a terminal's state.

import LaunchPlan
import LinuxSystem

struct StandardFiles {
    private struct Kept {
        let number: Int32
        let status: FileStatus
        let attributes: [String: [UInt8]]
        /// Of chattr(1).
        let flags: Int32
        let terminal: TerminalState?
    }

    private var kept: [Kept] = []
    private let identity: IdentityMap

    init(_ identity: IdentityMap) {
        self.identity = identity
        for number: Int32 in 0...2 {
            guard let status = StandardDescriptors.status(number),
                !kept.contains(where: { $0.status.isSameFile(as: status) })
            else { continue }
            let isFile = status.kind == .regular
            let isTerminal = status.kind == .characterDevice && !status.isNullDevice
            kept.append(
                Kept(
                    number: number, status: status, attributes: isFile ? StandardDescriptors.attributes(number) : [:],
                    flags: isFile ? StandardDescriptors.flags(ofFile: number) : 0,
                    terminal: isTerminal ? TerminalState(number) : nil))
        }
    }

    /// The sandbox has other ids of its own, to which it can give away a file of the caller's.
    var canBeGivenAway: Bool {
        identity.mode == .range
            && kept.contains { $0.status.kind == .regular && $0.status.owner == Process.effectiveUser }
    }

    /// Undoes what was done, as far as this user may. Somebody outside may have closed a file meanwhile, and nobody can tell
    /// who has changed a mode: it becomes what it was without what it lacks now.
    func restore(_ members: Members?) {
        for file in kept {
            file.terminal?.restore()
            if file.status.kind == .regular { StandardDescriptors.endLease(file.number) }
            guard let now = StandardDescriptors.status(file.number), now.isSameFile(as: file.status),
                now.changed != file.status.changed
            else { continue }
            restore(file, now, members)
        }
    }

    private func restore(_ file: Kept, _ now: FileStatus, _ members: Members?) {
        if file.status.kind == .regular, StandardDescriptors.flags(ofFile: file.number) != file.flags {
            StandardDescriptors.setFlags(ofFile: file.number, file.flags)
        }
        if now.owner != file.status.owner { takeBack(file, members) }
        if now.group != file.status.group || now.owner != file.status.owner {
            StandardDescriptors.changeOwner(file.number, file.status.owner, file.status.group)
        }
        // A change of the owner takes set-id bits and capabilities away, and an access list comes with a mode.
        if file.status.kind == .regular { restoreAttributes(file) }
        let wanted = file.status.permissions & now.permissions
        if StandardDescriptors.status(file.number)?.permissions != wanted {
            StandardDescriptors.changeMode(file.number, wanted)
        }
    }

    private func restoreAttributes(_ file: Kept) {
        let attributes = StandardDescriptors.attributes(file.number)
        for name in Set(attributes.keys).union(file.attributes.keys) where attributes[name] != file.attributes[name] {
            StandardDescriptors.setAttribute(file.number, name, file.attributes[name])
        }
    }

    /// What belongs to an id that only the sandbox's user namespace has, only that gives back.
    private func takeBack(_ file: Kept, _ members: Members?) {
        guard let members, let owner = identity.uids.inside(file.status.owner) else { return }
        members.runInside {
            StandardDescriptors.changeOwner(file.number, owner, nil)
        }
    }
}

extension [IDRange] {
    /// The id inside that is `outside` on the host.
    fileprivate func inside(_ outside: UInt32) -> UInt32? {
        first { $0.outside <= outside && outside - $0.outside < $0.count }.map { $0.inside + outside - $0.outside }
    }
}
