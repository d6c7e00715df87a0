// Walks a plan: each kind of step, and the only code that makes the system calls of a plan. Whatever lies inside the
// new root is found with openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) and then acted on by descriptor.

import ByteText
import LaunchPlan
import LinuxSystem

struct StepWalker: ~Copyable {
    private let identity: IdentityMap
    /// What must lie at paths of the host.
    private let found: [HostFile]
    /// The process that makes the network namespace.
    private var network: ProcessID = 0
    /// Opened folders and copied mounts, by slot.
    private var opened: [SharedDescriptor?]
    /// The root of the scratch file system.
    private var scratch: SharedDescriptor?
    /// The root of the sandbox, before and after it becomes this process's own.
    private var root: SharedDescriptor?
    /// Where that root is, as long as nothing lies on it.
    var rootPlace: MountedPlace?
    /// What is mounted on each of `LaunchPlan.ownFolders`.
    private var ownMounts = [SharedDescriptor?](repeating: nil, count: LaunchPlan.ownFolders.count)
    /// An empty folder and an empty file of the sandbox's own, read-only: what is shown instead of what is hidden.
    var masks: SharedDescriptor?
    /// The tops of bound trees.
    var bound: [MountedPlace] = []
    /// What the step that failed has found in its way.
    let culprit = Culprit()

    final class Culprit { var name = "" }

    init(_ plan: LaunchPlan) {
        identity = plan.identity
        found = plan.found
        opened = [SharedDescriptor?](repeating: nil, count: plan.slots + 1)
    }

    mutating func walk(_ step: Step, _ gate: borrowing Descriptor) throws(Errno) {
        switch step {
        case .beginNetwork: network = try Namespacing.beginNetwork()
        case .enterNetwork: try Namespacing.enterNetwork(from: network)
        case .setHostName(let name): try Namespacing.setHostName(name)
        case .makeMountsPrivate: try Mounts.makeAllPrivate()
        case .takeIdentity: try takeIdentity(gate)
        case .settleLogin: try settleLogin()
        case .openFolder(let path, let slot):
            keep(SharedDescriptor(try openOfHost(path, [.path, .directory])), slot)
        case .copyTree(let path, let slot, let readOnly): try copyTree(path, slot, readOnly)
        case .mountScratch(let path): try mountScratch(path)
        case .makeFolder(let path, let mode): try makeFolder(path, mode)
        case .makeLink(let path, let target): try withScratch().makeSymlink(path, to: target)
        case .makeWhiteout(let path): try withScratch().descriptor.makeWhiteout(path)
        case .writeFile(let path, let content): try writeFile(path, content)
        case .fitToImage(let layers, let isFolder, let folders, let upper, let top):
            try fit(layers, isFolder, folders, upper, top)
        case .openTop(let upper): if let top = try folderOf(upper)?.upper { try top.descriptor.setMode(0o755) }
        case .makeInside(let path): try makeInside(path)
        case .mountOverlay(let path, let lowers, let upper): try mountOverlay(path, lowers, upper)
        case .mount(let kind, let path, let options, let data): try mount(kind, path, options, data)
        case .attachDevice(let name): try attachDevice(name)
        case .makeDeviceLink(let name, let target): try kernelMount("/dev").makeSymlink(name, to: target)
        case .attach(let slot, let path): try attachBind(slot, path)
        case .mask(let part): try mask(part)
        case .maskOfProcessors(let name): try maskOfProcessors(name)
        case .protect(let part): try protect(part)
        case .closeToRoot: try closeToRoot()
        case .hide(let path): try hide(path)
        case .holdAbove(let path, let isFile): try holdAbove(path, isFile)
        case .refuseUndoing(let path, let isFile): try refuseUndoing(path, isFile)
        case .hideBound(let slot, let path): try hideBound(slot, path)
        case .holdInPlace(let slot, let path): try holdInPlace(slot, path)
        case .protectBound(let slot, let path, _): try protectBound(slot, path)
        case .coverBound(let slot, let path, let name): try coverBound(slot, path, name)
        case .enterRoot: try enterRoot()
        case .makeRootReadOnly: try Mounts.set([.readOnly], on: withRoot(), recursive: false)
        }
    }

    private mutating func keep(_ shared: SharedDescriptor, _ slot: Slot) { opened[slot] = shared }

    func placed(_ slot: Slot) throws(Errno) -> SharedDescriptor { try place(opened[slot]) }

    /// Opens a file or folder of the host. What was looked at before must lie there still: a sandbox that runs already
    /// may have put something else in its place.
    private func openOfHost(_ path: String, _ flags: OpenFlags) throws(Errno) -> Descriptor {
        guard let wanted = found.last(where: { $0.path == path }) else { return try Descriptor.open(path, flags) }
        let file = try Descriptor.openWithoutLinks(path, flags)
        let status = try file.status()
        guard status.device == wanted.device, status.inode == wanted.inode else { throw .stale }
        return file
    }

    func place(_ shared: SharedDescriptor?) throws(Errno) -> SharedDescriptor {
        guard let shared else { throw Errno.invalid }
        return shared
    }

    /// One of the sandbox's own kernel file systems, mounted there by an earlier step.
    func kernelMount(_ path: String) throws(Errno) -> SharedDescriptor {
        try place(LaunchPlan.ownFolders.firstIndex(of: path).flatMap { ownMounts[$0] })
    }
}

// Identity and scratch.
extension StepWalker {
    private func takeIdentity(_ gate: borrowing Descriptor) throws(Errno) {
        if identity.writer == .child {
            try IdentityWriter.writeOwn(identity)
        } else if try gate.read(upTo: 1).isEmpty {
            // The launcher has gone, or has said why it could not.
            Process.exit(125)
        }
        if identity.mode == .range { try Namespacing.setGroups([]) }
        try Namespacing.setGroup(0)
        try Namespacing.setUser(0)
    }

    private func settleLogin() throws(Errno) {
        // EPERM: somebody is known, and only the machine's administrator may change that. No such file: no audit log.
        do throws(Errno) { try Files.write("/proc/self/loginuid", "0") } catch .permission {} catch .noEntry {}
    }

    private mutating func mountScratch(_ path: String) throws(Errno) {
        let mount = try Mounts.create("tmpfs", parameters: [("mode", "755")], attributes: [.noSetID, .noDevices])
        try Mounts.attach(mount, atHostPath: path)
        scratch = SharedDescriptor(mount)
    }

    func makeFolder(_ path: String, _ mode: UInt32) throws(Errno) {
        let scratch = try place(scratch)
        do throws(Errno) { try scratch.descriptor.makeDirectory(path, mode: mode) } catch .exists {}
    }

    private func writeFile(_ path: String, _ content: String) throws(Errno) {
        let file = try place(scratch).descriptor.open(
            path, [.writeOnly, .create, .truncate], mode: 0o644, resolve: [.beneath, .noSymlinks])
        try file.write(ByteText.bytes(content))
    }
}

// Overlays.
extension StepWalker {
    private mutating func mountOverlay(_ path: String, _ lowers: [LowerFolder], _ upper: UpperFolder) throws(Errno) {
        let (held, layers) = try lowerOptions(lowers)
        var options = layers
        let folders = try folderOf(upper)
        if let folders {
            if upper.isForgotten { options += ",volatile" }
            options += ",upperdir=\(folders.upper.raw),workdir=\(folders.work.raw)"
            // That of the host's folder, which is the lowest that was opened.
            if folders.isNew, path != "/", let slot = Self.lowest(lowers) {
                try folders.upper.descriptor.setMode(placed(slot).descriptor.status().permissions)
            }
        }
        let target = SharedDescriptor(path == "/" ? try openScratch("root") : try openOwnFolder(path))
        // The numbers are these descriptors' as long as they live.
        try withExtendedLifetime(held) { () throws(Errno) in
            try withExtendedLifetime(folders) { () throws(Errno) in
                try Mounts.mountOverlay(at: String(target.raw), options: options, readOnly: upper == .none)
            }
        }
        if path == "/" {
            let mounted = try openScratch("root")
            rootPlace = try mounted.place()
            root = SharedDescriptor(mounted)
        }
    }

    /// Upper and work folder of an overlay, made where they are missing.
    func folderOf(_ upper: UpperFolder) throws(Errno) -> OpenUpper? {
        switch upper {
        case .none: return nil
        case .memory(let name):
            return OpenUpper(upper: try openUpper("upper", name), work: try openUpper("work", name), isNew: true)
        case .slots(let upper, let work, let subfolder, _):
            let (folder, isNew) = try subfolderOf(upper, subfolder)
            return OpenUpper(upper: folder, work: try subfolderOf(work, subfolder).folder, isNew: isNew)
        }
    }

    private static func lowest(_ lowers: [LowerFolder]) -> Slot? {
        var lowest: Slot?
        for case .slot(let slot) in lowers { lowest = slot }
        return lowest
    }

    /// Overlayfs looks for the mark in folders below a layer's root, never at the root itself.
    private static func isOpaque(_ layer: borrowing Descriptor) throws(Errno) -> Bool {
        // One that this user may not read has no mark that could be meant for this program.
        do throws(Errno) { return try layer.isOpaque() } catch .access { return false }
    }

    /// Layers alone, without changes, at a folder of scratch.
    func mountAside(_ layers: [LowerFolder], at name: String) throws(Errno) {
        // One alone needs a second to be an overlay.
        let (held, options) = try lowerOptions(layers + [.scratch(LaunchPlan.emptyFolder)])
        let target = try openScratch(name)
        try withExtendedLifetime(held) { () throws(Errno) in
            try Mounts.mountOverlay(at: String(target.raw), options: options, readOnly: true)
        }
    }

    /// What overlayfs is told of its layers, and what has to be open until all is mounted. Changes the current folder, in
    /// which a layer is a number: no path to escape, and any number of them in a page.
    private func lowerOptions(_ lowers: [LowerFolder]) throws(Errno) -> (held: [SharedDescriptor?], options: String) {
        try Process.changeFolder("/proc/self/fd")
        // A list of what may be missing, as that of the slots, because the runtime has its type.
        var held: [SharedDescriptor?] = []
        var options = "userxattr,lowerdir="
        var isClosed = false
        for lower in lowers {
            let folder: SharedDescriptor
            switch lower {
            case .scratch(let name): folder = SharedDescriptor(try openScratch(name))
            case .slot(let slot):
                if isClosed { continue }
                folder = try placed(slot)
                isClosed = try Self.isOpaque(folder.descriptor)
            case .beneath(let slot, let name):
                if isClosed { continue }
                folder = SharedDescriptor(try openFolder(name, in: placed(slot).descriptor))
                isClosed = try Self.isOpaque(folder.descriptor)
            }
            options += (held.isEmpty ? "" : ":") + String(folder.raw)
            held.append(folder)
        }
        return (held, options)
    }

    func openScratch(_ name: String) throws(Errno) -> Descriptor {
        try place(scratch).descriptor.open(name, [.path, .directory], resolve: [.beneath, .noSymlinks])
    }

    /// An upper or work folder in memory: `upper-NAME`, made here.
    private func openUpper(_ kind: String, _ name: String) throws(Errno) -> SharedDescriptor {
        try makeFolder("\(kind)-\(name)", 0o755)
        return SharedDescriptor(try openScratch("\(kind)-\(name)"))
    }

    private func subfolderOf(_ slot: Slot, _ name: String) throws(Errno) -> (folder: SharedDescriptor, isNew: Bool) {
        let folder = try placed(slot)
        if name == "." { return (folder, false) }
        var isNew = true
        do throws(Errno) { try folder.descriptor.makeDirectory(name) } catch .exists { isNew = false }
        // What an earlier run left here is the sandbox's own writing: no link of its may lead elsewhere.
        return (SharedDescriptor(try openFolder(name, in: folder.descriptor)), isNew)
    }
}

// What is mounted inside.
extension StepWalker {
    private mutating func mount(
        _ kind: KernelFileSystem, _ path: String, _ options: MountOptions, _ data: [(String, String)]
    ) throws(Errno) {
        let mount: SharedDescriptor
        do throws(Errno) {
            mount = SharedDescriptor(
                try Mounts.create(kind.rawValue, parameters: data, attributes: options.attributes))
        } catch .noDevice where kind == .mqueue {
            return  // A kernel without message queues.
        } catch  where kind == .cgroup || kind == .cgroup2 { return }  // Limits hold, seen or not.
        if let own = LaunchPlan.ownFolders.firstIndex(of: path) {
            try Mounts.attach(mount.descriptor, at: openOwnFolder(path))
            ownMounts[own] = mount
        } else {
            try attach(mount, path, isFile: false)
        }
    }

    private func attach(_ mount: SharedDescriptor, _ path: String, isFile: Bool? = nil) throws(Errno) {
        let isFile = if let isFile { isFile } else { try mount.descriptor.status().kind != .directory }
        // Below /dev the mount point is made in the sandbox's own tmpfs; elsewhere it stands in a layer.
        let target = try openMountPoint(path, isFile: isFile)
        try Mounts.attach(mount.descriptor, at: target.descriptor)
    }

    private mutating func attachBind(_ slot: Slot, _ path: String) throws(Errno) {
        let tree = try placed(slot)
        try attach(tree, path)
        bound.append(try tree.descriptor.place())
    }

    private mutating func copyTree(_ path: String, _ slot: Slot, _ readOnly: Bool) throws(Errno) {
        let tree = try Mounts.copy(openOfHost(path, [.path]), recursive: true)
        try Mounts.set(
            readOnly ? [.readOnly, .noSetID, .noDevices] : [.noSetID, .noDevices], on: tree, recursive: true)
        keep(SharedDescriptor(tree), slot)
    }

    /// A read-only mount is written to like any other where that is a device; its node keeps mode, owner and times.
    private func attachDevice(_ name: String) throws(Errno) {
        let node = try Mounts.copyTree("/dev/" + name)
        guard try node.status().kind == .characterDevice else { throw Errno.invalid }
        try Mounts.set([.readOnly, .noSetID, .noExecution], on: node, recursive: false)
        let folder = try kernelMount("/dev")
        let target = try folder.descriptor.open(
            name, [.writeOnly, .create, .exclusive], mode: 0o666, resolve: [.beneath, .noSymlinks])
        try Mounts.attach(node, at: target)
    }

    private func enterRoot() throws(Errno) {
        try Mounts.enterRoot(withRoot())
        // What lies on the root is what `..` leads to from there, and nothing lies beneath: the old root is gone.
        guard try MountedPlace.of("/..") == rootPlace else { throw Errno.busy }
    }
}

extension StepWalker {
    func withRoot() throws(Errno) -> SharedDescriptor { try place(root) }
    func withScratch() throws(Errno) -> SharedDescriptor { try place(scratch) }
}

extension SharedDescriptor {
    func makeSymlink(_ name: String, to target: String) throws(Errno) {
        try descriptor.makeSymlink(name, to: target)
    }
    func openInRoot(_ path: String, _ flags: OpenFlags) throws(Errno) -> Descriptor {
        try descriptor.openInRoot(path, flags)
    }
}

extension Mounts {
    static func set(_ attributes: MountAttributes, on mount: SharedDescriptor, recursive: Bool) throws(Errno) {
        try set(attributes, on: mount.descriptor, recursive: recursive)
    }
    static func enterRoot(_ root: SharedDescriptor) throws(Errno) { try enterRoot(root.descriptor) }
}

extension UpperFolder {
    /// Nothing of it is needed after a crash.
    fileprivate var isForgotten: Bool {
        switch self {
        case .none: false
        case .memory: true
        case .slots(_, _, _, let disposable): disposable
        }
    }
}

/// Where an overlay keeps its changes, opened.
struct OpenUpper {
    let upper: SharedDescriptor
    let work: SharedDescriptor
    /// Made just now.
    let isNew: Bool
}

extension MountOptions {
    var attributes: MountAttributes {
        var attributes: MountAttributes = []
        if contains(.readOnly) { attributes.insert(.readOnly) }
        if contains(.noSetID) { attributes.insert(.noSetID) }
        if contains(.noDevices) { attributes.insert(.noDevices) }
        if contains(.noExecution) { attributes.insert(.noExecution) }
        return attributes
    }
}

// What is protected in bound trees.
extension StepWalker {
    /// A place of a bound tree, which hangs in the sandbox already: links are not followed, the last is a place itself.
    func openBound(_ slot: Slot, _ path: String) throws(Errno) -> Descriptor {
        try placed(slot).descriptor.open(path, [.path, .noFollow], resolve: [.beneath, .noSymlinks])
    }

    private func holdInPlace(_ slot: Slot, _ path: String) throws(Errno) {
        let target = try openBound(slot, path)
        try Mounts.attach(Mounts.copy(target, recursive: true), at: target)
    }

    private func protectBound(_ slot: Slot, _ path: String) throws(Errno) {
        let target = try openBound(slot, path)
        let copy = try Mounts.copy(target, recursive: true)
        try Mounts.set([.readOnly], on: copy, recursive: true)
        try Mounts.attach(copy, at: target)
    }

    private func coverBound(_ slot: Slot, _ path: String, _ name: String) throws(Errno) {
        let file = try place(scratch).descriptor.open(name, [.path], resolve: [.beneath, .noSymlinks])
        let copy = try Mounts.copy(file, recursive: false)
        try Mounts.set([.readOnly, .noSetID, .noDevices, .noExecution], on: copy, recursive: false)
        try Mounts.attach(copy, at: openBound(slot, path))
    }
}
