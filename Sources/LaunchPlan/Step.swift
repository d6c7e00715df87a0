// What the child does between its creation and the command, one step at a time, in the user's terms.

/// A descriptor that one step opens and a later one uses.
public typealias Slot = Int

/// A folder that overlayfs stacks.
public enum LowerFolder: Equatable, Sendable {
    /// Opened by an earlier step.
    case slot(Slot)
    /// A folder of the scratch file system.
    case scratch(String)
    /// A folder in an opened one.
    case beneath(Slot, String)
}

/// Where an overlay keeps its changes: upper and work folder on one file system.
public enum UpperFolder: Equatable, Sendable {
    case none
    /// Two subfolders of scratch folders that are made for it.
    case memory(String)
    /// Two opened folders, and the subfolder in each that is this overlay's (`.` for the whole).
    case slots(upper: Slot, work: Slot, subfolder: String, disposable: Bool)
}

/// The kernel file systems a sandbox gets of its own.
public enum KernelFileSystem: String, Equatable, Sendable {
    case proc, sysfs, tmpfs, devpts, mqueue, cgroup, cgroup2
}

/// Mount options (mount(2)), as the mount API names them.
public struct MountOptions: OptionSet, Equatable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let readOnly = MountOptions(rawValue: 1)
    public static let noSetID = MountOptions(rawValue: 2)
    public static let noDevices = MountOptions(rawValue: 4)
    public static let noExecution = MountOptions(rawValue: 8)
}

/// One step. Paths that begin with `/` are inside the new root unless the step says host.
public enum Step: Equatable, Sendable {
    /// A network namespace with its loopback up, made while the steps up to `enterNetwork` are walked.
    case beginNetwork
    case enterNetwork
    case setHostName(String)
    case makeMountsPrivate
    /// Waits for the id map, or writes it, and becomes id 0.
    case takeIdentity
    /// Gives the audit log id 0 as the one who has logged in, where it knows nobody yet: whoever comes first may choose.
    case settleLogin
    /// Opens a folder of the host.
    case openFolder(host: String, Slot)
    /// Takes a copy of the mounts at a file or folder of the host, to be attached inside.
    case copyTree(host: String, Slot, readOnly: Bool)
    /// A file system in memory that holds what the plan makes up: mount points, generated files, an upper in memory.
    case mountScratch(host: String)
    case makeFolder(scratch: String, mode: UInt32)
    case makeLink(scratch: String, to: String)
    /// What overlayfs takes for nothing, whatever the layers below have there.
    case makeWhiteout(scratch: String)
    case writeFile(scratch: String, content: String)
    /// Gives `/`, and the folders of generated files, mode and owner that the image's layers (topmost first) give them, and
    /// lays generated files where those folders are links that lead elsewhere.
    case fitToImage(layers: [LowerFolder], isFolder: Bool, folders: [String], upper: UpperFolder, UpperTop)
    /// Gives a new upper of `/` the mode that folders have.
    case openTop(UpperFolder)
    /// Makes the image's working folder where it is missing.
    case makeInside(String)
    /// The topmost lower first. Folders of slots below one that is opaque at its own root are left out.
    case mountOverlay(at: String, lowers: [LowerFolder], upper: UpperFolder)
    case mount(KernelFileSystem, at: String, options: MountOptions, data: [(String, String)])
    /// Bind-mounts one of the host's device nodes.
    case attachDevice(String)
    case makeDeviceLink(String, to: String)
    case attach(Slot, at: String)
    /// Hides a file of the kernel's behind an empty one, a folder behind an empty folder.
    case mask(KernelPart)
    /// The same of a folder of each processor's in /sys, where processors have it.
    case maskOfProcessors(String)
    /// Makes a folder of the kernel's read-only.
    case protect(KernelPart)
    /// For those to whom the machine's root is given: hides at the top of /proc what only root may read, and makes the rest
    /// read-only, init's own files too; other processes apart.
    case closeToRoot
    /// Hides what the user wants hidden: it must be there.
    case hide(String)
    /// Mounts each folder of a bound tree above this place on itself: what covers a part of the tree is then moved away
    /// with none of them. nil: it has to be there.
    case holdAbove(String, isFile: Bool?)
    /// The same for a command that could take the cover away with its own mounts: an error where there is one to take.
    case refuseUndoing(String, isFile: Bool?)
    /// Hides a folder of this program's own in a bound tree.
    case hideBound(Slot, String)
    /// Mounts a folder of a bound tree on itself: what is a mount can't be renamed.
    case holdInPlace(Slot, String)
    /// Makes a part of a bound tree read-only, as a mount of its own, which can't be removed or replaced either.
    case protectBound(Slot, String, isMissing: Bool)
    /// Shows a file of scratch in place of one of a bound tree, read-only.
    case coverBound(Slot, String, by: String)
    /// pivot_root(2), and the old root gone.
    case enterRoot
    case makeRootReadOnly

    public static func == (a: Step, b: Step) -> Bool { a.description == b.description }
}

extension Step: CustomStringConvertible {
    /// In the user's terms: what a message names when the step fails, and what `--explain` prints.
    public var description: String {
        switch self {
        case .beginNetwork: "begin a network namespace, its loopback up, beside what follows"
        case .enterNetwork: "enter the network namespace"
        case .setHostName(let name): "set the host name to \(name)"
        case .makeMountsPrivate: "make all mounts private"
        case .takeIdentity: "become id 0 of the user namespace"
        case .settleLogin: "log in as id 0 for the audit log, where nobody has"
        case .openFolder(let path, let slot): "open the folder \(path) of the host as #\(slot)"
        case .copyTree(let path, let slot, let readOnly):
            "take \(path) of the host as #\(slot)\(readOnly ? ", read-only" : "")"
        case .mountScratch(let path): "mount a scratch file system at \(path) of the host"
        case .makeFolder(let path, let mode): "make the folder \(path) in scratch, mode \(String(mode, radix: 8))"
        case .makeLink(let path, let target): "make the link \(path) to \(target) in scratch"
        case .makeWhiteout(let path): "make a white-out of \(path) in scratch"
        case .writeFile(let path, let content): "write \(path) in scratch, \(content.utf8.count) bytes"
        case .fitToImage(let layers, _, _, _, let top):
            "give generated files\(top == .kept ? "" : ", and the upper,") the image's own folders, layers "
                + layers.map(Self.word).joined(separator: ", ")
        case .openTop(let upper): "give the root mode 755, \(Self.word(upper))"
        case .makeInside(let path): "make the folder \(path) where it is missing"
        case .mountOverlay(let path, let lowers, let upper):
            "mount overlay at \(path), layers \(lowers.map(Self.word).joined(separator: ", ")) (top first), \(Self.word(upper))"
        case .mount(let kind, let path, let options, let data):
            "mount \(kind.rawValue) at \(path)\(Self.words(options))"
                + data.map { ", " + $0.0 + ($0.1.isEmpty ? "" : "=" + $0.1) }.joined()
        case .attachDevice(let name): "bind the device /dev/\(name), its node read-only"
        case .makeDeviceLink(let name, let target): "make the link /dev/\(name) to \(target)"
        case .attach(let slot, let path): "bind #\(slot) at \(path)"
        case .mask(let part): "mask \(part.path)" + (part.isRequired ? "" : ", where it is")
        case .maskOfProcessors(let name): "mask \(name) of each processor in /sys, where it is"
        case .protect(let part): "make \(part.path) read-only"
        case .closeToRoot: "close to root what is root's in /proc"
        case .hide(let path): "hide \(path)"
        case .holdAbove(let path, _): "hold the folders above \(path) in their place, where a bind shows them"
        case .refuseUndoing(let path, _): "see that nobody can take away what covers \(path)"
        case .hideBound(let slot, let path): "hide \(path) of #\(slot), a folder of this program's own"
        case .holdInPlace(let slot, let path): "hold \(path) of #\(slot) in its place"
        case .protectBound(let slot, let path, let isMissing):
            "protect \(path) of #\(slot): read-only\(isMissing ? ", and kept from being made" : "")"
        case .coverBound(let slot, let path, let name): "show \(name) of scratch as \(path) of #\(slot), read-only"
        case .enterRoot: "pivot into the new root and let go of the old"
        case .makeRootReadOnly: "make the root file system read-only"
        }
    }

    private static func word(_ lower: LowerFolder) -> String {
        switch lower {
        case .slot(let slot): "#\(slot)"
        case .scratch(let path): path
        case .beneath(let slot, let name): "#\(slot)/\(name)"
        }
    }

    private static func word(_ upper: UpperFolder) -> String {
        switch upper {
        case .none: "no upper"
        case .memory: "upper in memory"
        case .slots(let upper, _, let subfolder, _): "upper #\(upper)\(subfolder == "." ? "" : "/" + subfolder)"
        }
    }

    private static func words(_ options: MountOptions) -> String {
        var words: [String] = []
        if options.contains(.readOnly) { words.append("ro") }
        if options.contains(.noSetID) { words.append("nosuid") }
        if options.contains(.noDevices) { words.append("nodev") }
        if options.contains(.noExecution) { words.append("noexec") }
        return words.isEmpty ? "" : " (" + words.joined(separator: ",") + ")"
    }
}

extension Step {
    /// What the step needs of the machine.
    var need: Need {
        switch self {
        case .setHostName, .makeMountsPrivate: .userNamespaces
        case .openFolder, .copyTree: .hostFolders
        case .takeIdentity, .settleLogin: .ids
        case .beginNetwork, .enterNetwork: .network
        case .mountScratch, .makeFolder, .makeLink, .makeWhiteout, .writeFile, .fitToImage, .openTop: .memory
        case .mountOverlay: .overlay
        case .mount(.sysfs, _, _, _), .mount(.cgroup, _, _, _), .mount(.cgroup2, _, _, _): .sys
        case .mount(.proc, _, _, _): .proc
        case .mount, .attachDevice, .makeDeviceLink: .devices
        case .mask(let part), .protect(let part): part.mount == "/sys" ? .sys : .proc
        case .maskOfProcessors: .sys
        case .closeToRoot: .proc
        case .attach, .hide, .holdAbove, .refuseUndoing, .hideBound, .holdInPlace, .protectBound, .coverBound:
            .hostFolders
        case .enterRoot, .makeRootReadOnly, .makeInside: .root
        }
    }
}
