// The files that the caller hands in as descriptors 0, 1 and 2. Whoever has a file's user can change its mode and owner by
// a descriptor, however that is open: at the end they are what they were.

import LaunchPlan
import LinuxSystem

struct StandardFiles {
    private struct Kept {
        let number: Int32
        let status: FileStatus
        let accessList: [UInt8]?
    }

    private var kept: [Kept] = []
    private let identity: IdentityMap

    init(_ identity: IdentityMap) {
        self.identity = identity
        for number: Int32 in 0...2 {
            guard let status = StandardDescriptors.status(number),
                !kept.contains(where: { $0.status.isSameFile(as: status) })
            else { continue }
            kept.append(Kept(number: number, status: status, accessList: Self.accessList(number, status)))
        }
    }

    /// The sandbox has other ids of its own, to which it can give away a file of the caller's.
    var canBeGivenAway: Bool {
        identity.mode == .range
            && kept.contains { $0.status.kind == .regular && $0.status.owner == Process.effectiveUser }
    }

    /// Undoes what was done to mode, owner and access list, as far as this user may.
    func restore(_ members: Members?) {
        for file in kept {
            guard let now = StandardDescriptors.status(file.number), now.isSameFile(as: file.status),
                now.changed != file.status.changed
            else { continue }
            if now.owner != file.status.owner { takeBack(file, members) }
            if now.group != file.status.group || now.owner != file.status.owner {
                StandardDescriptors.changeOwner(file.number, file.status.owner, file.status.group)
            }
            // A change of the owner takes set-id bits away, and a list comes with a mode.
            if Self.accessList(file.number, now) != file.accessList {
                StandardDescriptors.setAccessList(file.number, file.accessList)
            }
            if StandardDescriptors.status(file.number)?.mode != file.status.mode {
                StandardDescriptors.changeMode(file.number, file.status.permissions)
            }
        }
    }

    /// What belongs to an id that only the sandbox's user namespace has, only that gives back.
    private func takeBack(_ file: Kept, _ members: Members?) {
        guard let members, let owner = identity.uids.inside(file.status.owner) else { return }
        members.runInside {
            StandardDescriptors.changeOwner(file.number, owner, nil)
        }
    }

    private static func accessList(_ number: Int32, _ status: FileStatus) -> [UInt8]? {
        status.kind == .regular ? StandardDescriptors.accessList(number) : nil
    }
}

extension [IDRange] {
    /// The id inside that is `outside` on the host.
    fileprivate func inside(_ outside: UInt32) -> UInt32? {
        first { $0.outside <= outside && outside - $0.outside < $0.count }.map { $0.inside + outside - $0.outside }
    }
}
