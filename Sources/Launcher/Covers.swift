// What lies above a place that is covered: found from the place itself, upwards, whatever links led there. So a link that
// is changed later leads to no other folder than the one that was held.

import LaunchPlan
import LinuxSystem

extension StepWalker {
    /// Each becomes a mount, the topmost first; the way is walked anew after each, through the mounts.
    func holdAbove(_ path: String, _ isFile: Bool?) throws(Errno) {
        // No path that is opened by name is longer than 4096 bytes.
        for _ in 0..<2048 {
            let above = try above(openCovered(path, isFile))
            guard above.isBound, let folder = above.unheld else { return }
            try Mounts.attach(Mounts.copy(folder.descriptor, recursive: true), at: folder.descriptor)
        }
        throw Errno.stale
    }

    /// A mask hides what is there already, wherever that is; what is mounted covers something in a bound tree alone.
    /// - Throws: EPERM where it is to be refused.
    func refuseUndoing(_ path: String, _ isFile: Bool?) throws(Errno) {
        let place = try openCovered(path, isFile)
        if try place.descriptor.isReadOnly { return }
        let isMask = isFile == nil
        if isMask { throw Errno.permission }
        if try above(place).isBound { throw Errno.permission }
    }

    mutating func hideBound(_ slot: Slot, _ path: String) throws(Errno) {
        let target = try openBound(slot, path)
        try Mounts.attach(emptiness(isFolder: true), at: target)
    }

    private func openCovered(_ path: String, _ isFile: Bool?) throws(Errno) -> SharedDescriptor {
        guard let isFile else { return try openInside(path).found }
        return try openMountPoint(path, isFile: isFile)
    }

    /// - Returns: the topmost folder above `place`, beneath the top of the bound tree it lies in, that is no mount yet; and
    ///   whether it lies in one.
    private func above(_ place: SharedDescriptor) throws(Errno) -> (unheld: SharedDescriptor?, isBound: Bool) {
        var unheld: SharedDescriptor?
        var folder = SharedDescriptor(try Self.folder(above: place.descriptor))
        while true {
            let place = try folder.descriptor.place()
            if place == rootPlace { return (nil, false) }
            if bound.contains(place) { return (unheld, true) }
            let next = SharedDescriptor(try folder.descriptor.open("..", [.path, .directory], resolve: []))
            let above = try next.descriptor.place()
            // The root of everything: outside of the sandbox's own.
            if above == place { throw Errno.stale }
            if above.isSameMount(as: place) { unheld = folder }
            folder = next
        }
    }

    /// A file has no `..`: its path, as the kernel knows it, says where it is.
    private static func folder(above place: borrowing Descriptor) throws(Errno) -> Descriptor {
        if try place.status().kind == .directory { return try place.open("..", [.path, .directory], resolve: []) }
        let path = try Files.linkTarget("/proc/self/fd/\(place.raw)")
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { throw Errno.stale }
        let folder = try Descriptor.openWithoutLinks(
            slash == path.startIndex ? "/" : String(path[..<slash]), [.path, .directory])
        let found = try folder.open(
            String(path[path.index(after: slash)...]), [.path, .noFollow], resolve: [.beneath, .noSymlinks])
        guard try found.place() == place.place() else { throw Errno.stale }
        return folder
    }
}
