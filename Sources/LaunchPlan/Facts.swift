// What is true of this host and this caller: the other half of what a plan is made from.

public import SandboxPolicy

/// A run of ids: `count` ids from `inside` are those from `outside` on the host (user_namespaces(7)).
public struct IDRange: Equatable, Sendable {
    public var inside: UInt32
    public var outside: UInt32
    public var count: UInt32

    public init(inside: UInt32, outside: UInt32, count: UInt32) {
        self.inside = inside
        self.outside = outside
        self.count = count
    }

    /// Whether this id of the namespace around has one inside.
    public func contains(outside id: UInt32) -> Bool { id >= outside && id - outside < count }

    /// A line of /proc/PID/uid_map.
    public var line: String { "\(inside) \(outside) \(count)" }
}

/// An entry of the host's `/`.
public struct HostEntry: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        case folder
        case link(to: String)
    }
    public var name: String
    public var kind: Kind

    public init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

/// Why newuidmap(1) and newgidmap(1) can't be used.
public enum HelperFault: Equatable, Sendable {
    case missing
    /// The file at this path has no rights to gain.
    case powerless(String)
    /// This process can't gain any (PR_SET_NO_NEW_PRIVS(2const)).
    case noNewPrivileges
}

public struct Facts: Equatable, Sendable {
    public var uid: UInt32 = 0
    public var gid: UInt32 = 0
    /// For messages: the caller's name.
    public var userName = ""
    /// The caller's lines of subuid(5) and subgid(5): first id and count.
    public var subordinateUIDs: [(first: UInt32, count: UInt32)] = []
    public var subordinateGIDs: [(first: UInt32, count: UInt32)] = []
    /// The first of 65536 ids that subuid(5) and subgid(5) give to nobody yet; looked for where the caller has none.
    public var freeSubordinate: UInt32 = 100_000
    /// Absolute paths of newuidmap(1) and newgidmap(1), where they are installed and gain the rights they need.
    public var mapHelpers: (uid: String, gid: String)?
    /// Why there are none.
    public var helperFault = HelperFault.missing
    /// The ids that exist in the user namespace this process is in (the first two fields of /proc/self/uid_map): a map
    /// of a namespace below has to keep to their runs.
    public var ownUIDs: [(first: UInt32, count: UInt32)] = [(0, .max)]
    public var ownGIDs: [(first: UInt32, count: UInt32)] = [(0, .max)]
    /// Started by id 0, whether that id may give out ids, itself among them: CAP_SETUID, CAP_SETGID and CAP_SETFCAP
    /// (user_namespaces(7), "Defining user and group ID mappings").
    public var givesIDs = true
    /// The id that the machine's own root has here, or may have: then the kernel's files in /proc and /sys have an owner.
    public var machineRoot: UInt32? = 0
    public var kernel: (major: Int, minor: Int) = (5, 15)
    /// The version of Landlock's interface (landlock(7)), or 0 where the running kernel has none.
    public var landlockVersion = 0
    /// `/` of the host, for ROOTFS `host`.
    public var hostRoot: [HostEntry] = []
    /// Names in `/` of the host that `host` does not show.
    public var hostOthers: [String] = []
    /// For ROOTFS `host`: which of its folders are in a layer over it, by the layer's path.
    public var layerFolders: [String: [String]] = [:]
    /// What of the shown folders of the host is seen as empty (`HostView.hidden`).
    public var hidden: [String] = []
    /// The permission bits of the folders above those.
    public var folderModes: [String: UInt32] = [:]
    public var currentFolder = "/"
    /// Why the current folder is none for --here; nil where it is one, or is not to be shown.
    public var wideFolder: WideFolder?
    /// Sources of binds that are files, not folders.
    public var boundFiles: Set<String> = []
    /// What of the bound trees is shown read-only, folders before what they hold.
    public var protections: [Protection] = []
    /// Files of the bound trees that show other text inside.
    public var substitutions: [Substitution] = []
    /// The resolv.conf(5) for a sandbox that reaches a network: the host's, less servers that are out of its reach.
    public var resolvConf = ""
    /// The path of pasta(1); looked for where the policy asks for its network.
    public var pasta: String?
    public var environment: [(name: String, value: String)] = []
    /// Descriptor 0, 1 or 2 is a file that is not open for writing.
    public var handsFileIn = false
    /// For ROOTFS `host`: what is shown as id 0's.
    public var rootOwned: [RootOwnedFile] = []
    /// Limits of the caller's own, which the sandbox is to see.
    public var limits = OwnLimits.none

    public init() {}

    public static func == (a: Facts, b: Facts) -> Bool { a.uid == b.uid && a.gid == b.gid && a.hostRoot == b.hostRoot }

    /// Memory file systems keep user.* attributes, which overlayfs needs in an upper, from this version on.
    public var memoryKeepsAttributes: Bool { kernel >= (6, 6) }
}

/// The root file system named on the command line, found.
public enum RootSource: Equatable, Sendable {
    case host
    case folder(String)
    case image(name: String, layers: [String])
}

/// The folders that hold a kept or on-disk upper.
public struct UpperFolders: Equatable, Sendable {
    public var upper: String
    public var work: String
    /// Nothing of it is needed after a crash: overlayfs may leave out every sync.
    public var disposable: Bool
    public var top: UpperTop

    public init(upper: String, work: String, disposable: Bool, top: UpperTop = .kept) {
        self.upper = upper
        self.work = work
        self.disposable = disposable
        self.top = top
    }
}

/// What becomes of mode and owner of an upper's own folder, which are those of `/` inside.
public enum UpperTop: Equatable, Sendable {
    /// They are what an earlier run, or the folder's owner, made of them.
    case kept
    /// It gets the mode that the root file system has, and stays whose it is outside.
    case mode
    case modeAndOwner
}

/// A file or folder of the host as it was found: what stat(2) says of one and of no other.
public struct HostFile: Equatable, Sendable {
    public var path: String
    public var device: UInt64
    public var inode: UInt64

    public init(path: String, device: UInt64, inode: UInt64) {
        self.path = path
        self.device = device
        self.inode = inode
    }
}

/// Everything a plan is made from.
public struct LaunchRequest: Sendable {
    public var policy: Policy
    public var facts: Facts
    public var root: RootSource
    /// Lower folders over the image, lowest first: set-up layers, then the policy's layers.
    public var layers: [String]
    /// nil: in memory.
    public var upper: UpperFolders?
    public var identity: IdentityMap
    /// The command as text; the words that are executed are the caller's own bytes.
    public var command: [String]
    /// What was found at paths of the host, which have no links: what is there when it is used must be that. The last of a
    /// path counts.
    public var found: [HostFile]

    public init(
        policy: Policy, facts: Facts, root: RootSource, layers: [String], upper: UpperFolders?, identity: IdentityMap,
        command: [String], found: [HostFile] = []
    ) {
        self.found = found
        self.policy = policy
        self.facts = facts
        self.root = root
        self.layers = layers
        self.upper = upper
        self.identity = identity
        self.command = command
    }
}
