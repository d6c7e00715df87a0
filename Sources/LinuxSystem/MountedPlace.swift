// Which mount a file is reached by, and which file of it: two descriptors with the same place can't be told apart.

import CLinux
import Glibc

public struct MountedPlace: Sendable, Equatable {
    let mount: UInt64
    let inode: UInt64
    let device: UInt64
    public let kind: FileKind
    /// It is what was mounted there, and nothing beneath that.
    public let isTop: Bool

    private init(_ found: sb_place) {
        mount = found.mount
        inode = found.inode
        device = UInt64(found.device_major) << 32 | UInt64(found.device_minor)
        kind = FileKind(mode: found.mode)
        isTop = found.is_top != 0
    }

    /// Of a path in this process's own view, a link at its end not followed.
    public static func of(_ path: String) throws(Errno) -> MountedPlace { try find(AT_FDCWD, path) }

    public func isSameMount(as other: MountedPlace) -> Bool { mount == other.mount }

    fileprivate static func find(_ folder: Int32, _ path: String) throws(Errno) -> MountedPlace {
        var found = sb_place()
        try call { unsafe sb_find_place(folder, path.forC, &found) }
        return MountedPlace(found)
    }
}

extension Descriptor {
    /// Of what is open here.
    public borrowing func place() throws(Errno) -> MountedPlace { try MountedPlace.find(raw, "") }
}
