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

    private var kept = InlineArray<3, Kept?>(repeating: nil)
    private let identity: IdentityMap

    init(_ identity: IdentityMap) {
        self.identity = identity
        for index in kept.indices {
            let number = Int32(index)
            guard let status = StandardDescriptors.status(number), !isKept(where: { $0.isSameFile(as: status) })
            else { continue }
            let isFile = status.kind == .regular
            let isTerminal = status.kind == .characterDevice && !status.isNullDevice
            kept[index] = Kept(
                number: number, status: status, attributes: isFile ? StandardDescriptors.attributes(number) : [:],
                flags: isFile ? StandardDescriptors.flags(ofFile: number) : 0,
                terminal: isTerminal ? TerminalState(number) : nil)
        }
    }

    private func isKept(where isWanted: (FileStatus) -> Bool) -> Bool {
        for index in kept.indices { if let file = kept[index], isWanted(file.status) { return true } }
        return false
    }

    /// The sandbox has other ids of its own, to which it can give away a file of the caller's.
    var canBeGivenAway: Bool {
        identity.mode == .range && isKept(where: { $0.kind == .regular && $0.owner == Process.effectiveUser })
    }

    /// Undoes what was done, as far as this user may. Somebody outside may have closed a file meanwhile, and nobody can tell
    /// who has changed a mode: it becomes what it was without what it lacks now.
    func restore(_ members: Members?) {
        for index in kept.indices {
            guard let file = kept[index] else { continue }
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
