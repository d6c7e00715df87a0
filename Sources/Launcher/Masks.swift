// What is hidden, and what is made read-only: found beneath the file system that was mounted, not by a path from the root.
// In the kernel's own file systems no name that is looked for here is anybody's to choose.

import LaunchPlan
import LinuxSystem

extension StepWalker {
    mutating func mask(_ part: KernelPart) throws(Errno) {
        try cover(part.name, in: kernelMount(part.mount), isFolder: part.isFolder, isRequired: part.isRequired)
    }

    mutating func maskOfProcessors(_ name: String) throws(Errno) {
        let sys = try kernelMount("/sys")
        let folder = "devices/system/cpu"
        // Where the first has none, no other has.
        do throws(Errno) { _ = try sys.descriptor.status(of: folder + "/cpu0/" + name) } catch .noEntry { return }
        for entry in try sys.descriptor.open(folder, [.path, .directory], resolve: [.beneath]).names() {
            guard entry.hasPrefix("cpu"), entry.utf8.dropFirst(3).allSatisfy({ (48...57).contains($0) }) else {
                continue
            }
            try cover("\(folder)/\(entry)/\(name)", in: sys, isFolder: true, isRequired: false)
        }
    }

    mutating func protect(_ part: KernelPart) throws(Errno) {
        do throws(Errno) { try makeReadOnly(part.name, in: kernelMount(part.mount)) } catch .noEntry
            where !part.isRequired
        {}
    }

    /// Whatever this kernel has there, under whatever name: a list would be one of yesterday's. What all may read is made
    /// read-only too: a mode that its owner changes is changed for the whole machine.
    mutating func closeToRoot() throws(Errno) {
        let proc = try kernelMount("/proc")
        let done = (LaunchPlan.maskedInProc + LaunchPlan.protectedInProc).map(\.name)
        // What init writes of itself, this step and those before have written: root is its files' owner.
        try makeReadOnly("\(Process.id)", in: proc)
        for name in try proc.descriptor.names() where !name.utf8.allSatisfy({ (48...57).contains($0) }) {
            let status = try proc.descriptor.status(of: name)
            if status.kind == .symlink || done.contains(name) { continue }
            if status.kind == .regular, status.permissions & 0o004 == 0 {
                try cover(name, in: proc, isFolder: false, isRequired: true)
            } else {
                try makeReadOnly(name, in: proc)
            }
        }
    }

    mutating func hide(_ path: String) throws(Errno) {
        let (target, kind) = try openInside(path)
        try Mounts.attach(emptiness(isFolder: kind == .directory), at: target.descriptor)
    }

    private mutating func cover(
        _ name: String, in mount: SharedDescriptor, isFolder: Bool, isRequired: Bool
    ) throws(Errno) {
        // Asked first: to let go of a copy that was mounted nowhere, the kernel waits for all processors.
        if !isRequired {
            do throws(Errno) { _ = try mount.descriptor.status(of: name) } catch .noEntry { return }
        }
        try Mounts.attach(emptiness(isFolder: isFolder), at: name, in: mount.descriptor)
    }

    private func makeReadOnly(_ name: String, in mount: SharedDescriptor) throws(Errno) {
        let copy = try Mounts.copy(name, in: mount.descriptor, recursive: true)
        try Mounts.set([.readOnly], on: copy, recursive: true)
        try Mounts.attach(copy, at: name, in: mount.descriptor)
    }

    /// A mount of something empty. It lies in scratch as a read-only mount, of which each copy is read-only too.
    mutating func emptiness(isFolder: Bool) throws(Errno) -> Descriptor {
        let masks: SharedDescriptor
        if let made = self.masks {
            masks = made
        } else {
            let folder = try openScratch("masks")
            masks = SharedDescriptor(try Mounts.copy(folder, recursive: false))
            try Mounts.set([.readOnly, .noSetID, .noDevices, .noExecution], on: masks, recursive: false)
            try Mounts.attach(masks.descriptor, at: folder)
            self.masks = masks
        }
        let name = isFolder ? LaunchPlan.emptyFolder : LaunchPlan.emptyFile
        return try Mounts.copy(String(name.dropFirst("masks/".count)), in: masks.descriptor, recursive: false)
    }
}
