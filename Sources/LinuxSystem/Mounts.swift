// The mount API (fsopen(2), fsmount(2), open_tree(2), move_mount(2), mount_setattr(2)) and the older calls it lacks.

import CLinux
import Glibc

/// Attributes of a mount (mount_setattr(2)).
public struct MountAttributes: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let readOnly = MountAttributes(rawValue: UInt64(MOUNT_ATTR_RDONLY))
    public static let noSetID = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NOSUID))
    public static let noDevices = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NODEV))
    public static let noExecution = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NOEXEC))
}

public enum Mounts {
    /// A new file system, mounted nowhere yet.
    /// - Parameter parameters: as in the file system's section of mount(8); an empty value is a flag.
    public static func create(
        _ type: String, parameters: [(String, String)], attributes: MountAttributes
    ) throws(Errno) -> Descriptor {
        let context = Descriptor(owning: try call { unsafe fsopen(type, UInt32(FSOPEN_CLOEXEC)) })
        let number = context.raw
        for (key, value) in parameters {
            // A word without a value, as names of controllers are.
            if value.isEmpty {
                try call { unsafe fsconfig(number, UInt32(SB_FSCONFIG_SET_FLAG), key, nil, 0) }
            } else {
                try call { unsafe fsconfig(number, UInt32(SB_FSCONFIG_SET_STRING), key, value.forC, 0) }
            }
        }
        try call { fsconfig(number, UInt32(SB_FSCONFIG_CREATE), nil, nil, 0) }
        return Descriptor(
            owning: try call { fsmount(number, UInt32(FSOPEN_CLOEXEC), UInt32(attributes.rawValue)) })
    }

    /// A copy of the mounts at a path of this process's own view, with what is mounted below it.
    public static func copyTree(_ path: String) throws(Errno) -> Descriptor {
        let flags = UInt32(OPEN_TREE_CLONE) | UInt32(O_CLOEXEC) | UInt32(AT_RECURSIVE)
        return Descriptor(owning: try call { unsafe open_tree(AT_FDCWD, path.forC, flags) })
    }

    /// A copy of the mount at an open file or folder.
    public static func copy(_ place: borrowing Descriptor, recursive: Bool) throws(Errno) -> Descriptor {
        let number = place.raw
        let flags =
            UInt32(OPEN_TREE_CLONE) | UInt32(O_CLOEXEC) | UInt32(AT_EMPTY_PATH)
            | (recursive ? UInt32(AT_RECURSIVE) : 0)
        return Descriptor(owning: try call { unsafe open_tree(number, "", flags) })
    }

    /// A copy of the mount at `name` in a folder. A link at its end is not followed; those on the way are: for folders of the
    /// kernel's and of this program's own making only.
    public static func copy(
        _ name: String, in folder: borrowing Descriptor, recursive: Bool
    ) throws(Errno) -> Descriptor {
        let number = folder.raw
        let flags =
            UInt32(OPEN_TREE_CLONE) | UInt32(O_CLOEXEC) | UInt32(AT_SYMLINK_NOFOLLOW)
            | (recursive ? UInt32(AT_RECURSIVE) : 0)
        return Descriptor(owning: try call { unsafe open_tree(number, name, flags) })
    }

    /// Mounts at `name` in a folder, which is one of the kernel's or of this program's own making.
    public static func attach(
        _ mount: borrowing Descriptor, at name: String, in folder: borrowing Descriptor
    ) throws(Errno) {
        let from = mount.raw
        let to = folder.raw
        try call { unsafe move_mount(from, "", to, name, UInt32(MOVE_MOUNT_F_EMPTY_PATH)) }
    }

    /// Mounts at an open file or folder.
    public static func attach(_ mount: borrowing Descriptor, at place: borrowing Descriptor) throws(Errno) {
        let from = mount.raw
        let to = place.raw
        let flags = UInt32(MOVE_MOUNT_F_EMPTY_PATH) | UInt32(MOVE_MOUNT_T_EMPTY_PATH)
        try call { unsafe move_mount(from, "", to, "", flags) }
    }

    /// Mounts at a path of this process's own view.
    public static func attach(_ mount: borrowing Descriptor, atHostPath path: String) throws(Errno) {
        let from = mount.raw
        try call { unsafe move_mount(from, "", AT_FDCWD, path.forC, UInt32(MOVE_MOUNT_F_EMPTY_PATH)) }
    }

    public static func set(
        _ attributes: MountAttributes, on mount: borrowing Descriptor, recursive: Bool
    ) throws(Errno) {
        let number = mount.raw
        var wanted = mount_attr(attr_set: attributes.rawValue, attr_clr: 0, propagation: 0, userns_fd: 0)
        let flags = UInt32(AT_EMPTY_PATH) | (recursive ? UInt32(AT_RECURSIVE) : 0)
        try call { unsafe mount_setattr(number, "", flags, &wanted, MemoryLayout<mount_attr>.size) }
    }

    /// Nothing mounted here shows outside, nor the other way round (mount_namespaces(7)).
    public static func makeAllPrivate() throws(Errno) {
        try call { unsafe mount(nil, "/", nil, UInt(MS_REC) | UInt(MS_PRIVATE), nil) }
    }

    /// mount(2) of an overlay; `options` is one page at most. fsconfig(2) takes 256 bytes a value, too few for layers.
    public static func mountOverlay(at path: String, options: String, readOnly: Bool) throws(Errno) {
        let flags = readOnly ? UInt(MS_RDONLY) : 0
        try call { unsafe mount("overlay", path.forC, "overlay", flags | UInt(MS_NODEV), options) }
    }

    /// Makes the open folder the root of this mount namespace and lets go of the old root (pivot_root(2)).
    public static func enterRoot(_ root: borrowing Descriptor) throws(Errno) {
        let number = root.raw
        try call { fchdir(number) }
        try call { unsafe sb_pivot_root(".", ".") }
        // Both roots stand at "." now, the old one on top.
        try call { unsafe umount2(".", Int32(MNT_DETACH)) }
        try call { unsafe chdir("/") }
    }
}
