// policy + facts -> steps. Pure: the same request always makes the same plan, and nothing here asks the kernel.

public import SandboxPolicy

/// The namespaces of namespaces(7) that a sandbox gets of its own.
public struct Namespaces: OptionSet, Equatable, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let user = Namespaces(rawValue: 1)
    public static let mount = Namespaces(rawValue: 2)
    public static let processes = Namespaces(rawValue: 4)
    public static let hostName = Namespaces(rawValue: 8)
    public static let ipc = Namespaces(rawValue: 16)
    public static let cgroup = Namespaces(rawValue: 32)
    public static let network = Namespaces(rawValue: 64)

    public static let all: [(Namespaces, String)] = [
        (.user, "user"), (.mount, "mount"), (.processes, "pid"), (.hostName, "uts"), (.ipc, "ipc"), (.cgroup, "cgroup"),
        (.network, "network"),
    ]
    public var names: [String] { Self.all.filter { contains($0.0) }.map(\.1) }
}

/// What is executed at the end, and as whom.
public struct Execution: Equatable, Sendable {
    public var command: [String]
    public var environment: [(name: String, value: String)]
    public var workdir: String
    public var user: UserChoice?
    /// The user named is not in the map: the command gets a user namespace of its own in which it is.
    public var ownUserNamespace: Bool
    public var capabilities: CapabilitySet
    /// nil: none of Landlock.
    public var landlock: LandlockRules?

    public static func == (a: Execution, b: Execution) -> Bool {
        a.command == b.command && a.workdir == b.workdir && a.user == b.user
            && a.ownUserNamespace == b.ownUserNamespace && a.capabilities == b.capabilities && a.landlock == b.landlock
            && a.environment.elementsEqual(b.environment) { $0 == $1 }
    }
}

/// A place inside that something of the plan is mounted on.
struct MountPoint: Equatable {
    var path: String
    var isFile: Bool
}

public struct LaunchPlan: Equatable, Sendable {
    public private(set) var namespaces: Namespaces
    public private(set) var identity: IdentityMap
    public private(set) var steps: [Step] = []
    public private(set) var execution: Execution
    /// The program that the launcher starts for the network, or nil where there is none to start.
    public private(set) var pasta: String?
    /// Which host folder is a lower of which place inside, topmost first: what `sandbox diff` compares with.
    public private(set) var lowers: [(place: String, folder: String)] = []

    /// What each step needs of the machine.
    public var needs: [Need] { steps.map(\.need) }

    /// The network is the sandbox's own loopback and nothing else.
    public var hasClosedNetwork: Bool { request.policy.network == .none }

    /// Programs of 32 bits may run.
    public var opensSecondInterface: Bool { request.policy.allowed.contains("i386") }

    /// The folder of the host that holds the changes, where they are not in memory.
    public var upperFolder: String? { request.upper?.upper }

    /// What must lie at paths of the host that steps open.
    public var found: [HostFile] { request.found }

    /// What was asked for by name and is left out: said on standard error before the command runs.
    public private(set) var omissions: [String] = []

    let request: LaunchRequest
    /// The last of the slots that steps use; the first is 1.
    public private(set) var slots = 0

    public static func == (a: LaunchPlan, b: LaunchPlan) -> Bool {
        a.namespaces == b.namespaces && a.identity == b.identity && a.steps == b.steps && a.execution == b.execution
    }

    public init(_ request: LaunchRequest) throws(PolicyError) {
        self.request = request
        let policy = request.policy
        namespaces = [.user, .mount, .processes, .hostName, .ipc, .cgroup]
        if policy.network != .host { namespaces.insert(.network) }
        identity = request.identity
        if policy.network == .user {
            guard let pasta = request.facts.pasta else { throw PolicyError(Diagnosis.noPasta.line) }
            self.pasta = pasta
            // Nobody but the launcher knows when the network is there: the child waits for it as for its ids.
            if identity.writer == .child { identity.writer = .launcher }
        }
        execution = try Self.execution(request)
        if policy.nested, givesMachineRoot { throw Self.nestedRoot(request) }
        if policy.capabilities.contains(.cap_sys_admin), givesMachineRoot { throw Self.administeringRoot(request) }
        if Self.commandMayUndo(policy) { try refuseProtections() }
        if policy.here, let reason = request.facts.wideFolder { throw Self.tooWide(reason, request) }

        steps += [.setHostName(policy.hostname), .makeMountsPrivate]
        let binds = openBinds()
        stackRoot(mountPoints: mountPoints(binds.map(\.place)))
        mountKernelFileSystems()
        mountWanted(binds)
        if let folder = imageWorkdir { steps.append(.makeInside(folder)) }
        for path in policy.masks { steps += covering(path, isFile: nil) + [.hide(path)] }
        steps.append(.enterRoot)
        if policy.readOnly { steps.append(.makeRootReadOnly) }
        let landlock = try LandlockRules.plan(policy, request.facts, steps)
        execution.landlock = landlock.rules
        if let omission = landlock.omission { omissions.append(omission) }
    }

    /// Some id inside is, or may be, the machine's root.
    private var givesMachineRoot: Bool {
        guard let root = request.facts.machineRoot else { return false }
        return identity.uids.contains { root >= $0.outside && root - $0.outside < $0.count }
    }

    private static func nestedRoot(_ request: LaunchRequest) -> PolicyError {
        givingRoot(request, "--nested shows /proc unmasked")
    }

    private static func administeringRoot(_ request: LaunchRequest) -> PolicyError {
        givingRoot(request, "--cap-add CAP_SYS_ADMIN takes away what covers /proc")
    }

    private static func givingRoot(_ request: LaunchRequest, _ what: String) -> PolicyError {
        let isRoot = request.facts.machineRoot == 0
        return PolicyError(
            "\(what), and "
                + (isRoot
                    ? "started by root, id 0 inside is root outside"
                    : "id \(request.facts.machineRoot ?? 0) of this user namespace may be root outside")
                + ", who could change the kernel's settings there; start it as an ordinary user"
                + (isRoot || request.identity.mode == .single ? "" : ", or use --id-map single"))
    }

    private mutating func newSlot() -> Slot {
        slots += 1
        return slots
    }

    private mutating func open(_ path: String) -> Slot {
        let slot = newSlot()
        steps.append(.openFolder(host: path, slot))
        return slot
    }
}

// The root: layers, generated files, mount points, upper.
extension LaunchPlan {
    /// Binds are taken from the host's tree before anything covers a part of it.
    private mutating func openBinds() -> [(bind: Bind, slot: Slot, place: MountPoint)] {
        request.policy.allBinds(from: request.facts.currentFolder).map {
            let slot = newSlot()
            steps.append(.copyTree(host: $0.source, slot, readOnly: $0.readOnly))
            return ($0, slot, MountPoint(path: $0.destination, isFile: request.facts.boundFiles.contains($0.source)))
        }
    }

    /// Folders that must be there to be mounted on. They stand in a layer below the image, so that an upper stays free
    /// of them.
    private func mountPoints(_ binds: [MountPoint]) -> [MountPoint] {
        var points: [MountPoint] = []
        func add(_ path: String, isFile: Bool) {
            if !points.contains(where: { $0.path == path }) { points.append(MountPoint(path: path, isFile: isFile)) }
        }
        for path in ["/proc", "/dev", "/sys", "/tmp", "/etc"] { add(path, isFile: false) }
        if request.facts.limits != .none, request.policy.network == .host {
            for path in ["/sys/fs", OwnLimits.place] { add(path, isFile: false) }
        }
        if request.root == .host { for name in HostView.emptyFolders { add("/" + name, isFile: false) } }
        let folders = (request.policy.memoryMounts.map(\.destination) + (imageWorkdir.map { [$0] } ?? []))
            .map { MountPoint(path: $0, isFile: false) }
        for wanted in folders + binds {
            let names = wanted.path.split(separator: "/").filter { $0 != "." }
            // What climbs is found step by step when it is mounted; nothing is made up for it.
            if names.contains("..") { continue }
            for depth in names.indices {
                add(
                    "/" + names[...depth].joined(separator: "/"),
                    isFile: wanted.isFile && depth == names.endIndex - 1)
            }
        }
        return points
    }

    private mutating func stackRoot(mountPoints: [MountPoint]) {
        // overlayfs takes a folder once, and what lies over the topmost hides whatever the others would show.
        var source = request.root
        if case .image(let name, let layers) = source {
            source = .image(name: name, layers: Self.once(layers, but: request.layers))
        }
        var lowers = request.layers.map { LowerFolder.slot(open($0)) }
        self.lowers = request.layers.reversed().map { ("/", $0) }
        let upper = openUpper()
        switch source {
        case .host:
            stackHost(layers: Array(lowers.reversed()), upper, mountPoints)
        case .folder(let path):
            let isOver = request.layers.contains(path)
            if !isOver {
                lowers.insert(.slot(open(path)), at: 0)
                self.lowers.append(("/", path))
            }
            stackImage(lowers, images: isOver ? 0 : 1, upper, mountPoints)
        case .image(_, let layers):
            lowers.insert(contentsOf: layers.map { LowerFolder.slot(open($0)) }, at: 0)
            stackImage(lowers, images: layers.count, upper, mountPoints)
            self.lowers += layers.reversed().map { ("/", $0) }
        }
    }

    /// Without those that come again further up.
    private static func once(_ layers: [String], but over: [String]) -> [String] {
        layers.indices.filter { !(layers[($0 + 1)...] + over).contains(layers[$0]) }.map { layers[$0] }
    }

    private mutating func openUpper() -> (upper: Slot, work: Slot, disposable: Bool)? {
        guard let folders = request.upper else { return nil }
        return (open(folders.upper), open(folders.work), folders.disposable)
    }

    private func upperFolder(_ opened: (upper: Slot, work: Slot, disposable: Bool)?, _ subfolder: String) -> UpperFolder
    {
        if request.policy.readOnly { return .none }
        guard let opened else { return .memory(subfolder == "." ? "root" : subfolder) }
        return .slots(
            upper: opened.upper, work: opened.work, subfolder: subfolder, disposable: opened.disposable)
    }

    /// Mount points below, then the image, the generated files over it, the user's layers on top.
    private mutating func stackImage(
        _ lowers: [LowerFolder], images: Int, _ upper: (upper: Slot, work: Slot, disposable: Bool)?,
        _ mountPoints: [MountPoint]
    ) {
        mountScratch(mountPoints)
        var stack: [LowerFolder] = [.scratch("points")]
        stack += lowers[..<images]
        stack.append(.scratch("files"))
        stack += lowers[images...]
        let top = upperFolder(upper, ".")
        // The mode of a user's layer is not meant for `/`.
        if top == .none, images < lowers.count {
            steps.append(.makeFolder(scratch: Self.top, mode: 0o755))
            stack.append(.scratch(Self.top))
        }
        let isFolder = if case .folder = request.root { true } else { false }
        steps.append(
            .fitToImage(
                layers: lowers[..<images].reversed(), isFolder: isFolder, folders: generatedFolders, upper: top,
                request.upper?.top ?? .modeAndOwner))
        steps.append(.mountOverlay(at: "/", lowers: stack.reversed(), upper: top))
    }

    /// In scratch: an empty layer over those of the user's.
    public static let top = "top"

    /// The image's own working folder, which need not be in it (OCI image specification, "WorkingDir").
    private var imageWorkdir: String? {
        let setting = request.policy.settings.last { $0.option == .workdir }
        guard let setting, setting.origin.level == Origin.image("").level else { return nil }
        return request.policy.workdir
    }

    /// One overlay for the root itself and one for each system folder of the host: the host's `/` can't be a lower
    /// while other file systems are mounted below it.
    private mutating func stackHost(
        layers: [LowerFolder], _ upper: (upper: Slot, work: Slot, disposable: Bool)?, _ mountPoints: [MountPoint]
    ) {
        let entries = request.facts.hostRoot.filter { HostView.shownFolders.contains($0.name) }
        var folders: [(name: String, slot: Slot)] = []
        for entry in entries where entry.kind == .folder { folders.append((entry.name, open("/" + entry.name))) }
        mountScratch(
            mountPoints.filter { point in !entries.contains { "/" + $0.name == point.path && $0.kind != .folder } })
        steps += hidingSteps(mountPoints)
        for entry in entries {
            switch entry.kind {
            case .folder: steps.append(.makeFolder(scratch: "points/" + entry.name, mode: 0o755))
            case .link(let target): steps.append(.makeLink(scratch: "points/" + entry.name, to: target))
            }
        }
        let top = upperFolder(upper, ".")
        // The mode of a user's layer is not meant for `/`.
        if top == .none, !layers.isEmpty { steps.append(.makeFolder(scratch: Self.top, mode: 0o755)) }
        if case .slots = top, request.upper?.top != .kept { steps.append(.openTop(top)) }
        steps.append(
            .mountOverlay(
                at: "/",
                lowers: (top == .none && !layers.isEmpty ? [.scratch(Self.top)] : []) + layers
                    + [.scratch("files"), .scratch("points")], upper: top))
        for (name, slot) in folders {
            var stack: [LowerFolder] = [.slot(slot)]
            if name == "etc" { stack.append(.scratch("points/etc")) }
            let isHiding = !hidden(in: name).isEmpty
            if isHiding { stack.insert(.scratch(Self.whiteouts + "/" + name), at: 0) }
            if name == "etc" || isHiding || (name == "var" && request.policy.nested) {
                stack.insert(.scratch("files/" + name), at: 0)
            }
            let own = zip(layers, request.layers.reversed()).filter { isFolder(name, of: $0.1) }
            stack.insert(contentsOf: own.map { Self.folder(name, of: $0.0) }, at: 0)
            lowers += own.map { ("/" + name, $0.1 + "/" + name) }
            // Read-only, one lower alone needs a second to be an overlay.
            if request.policy.readOnly, stack.count == 1 { stack.append(.scratch(Self.emptyFolder)) }
            steps.append(.mountOverlay(at: "/" + name, lowers: stack, upper: upperFolder(upper, name)))
            lowers.append(("/" + name, "/" + name))
        }
    }

    private func isFolder(_ name: String, of layer: String) -> Bool {
        request.facts.layerFolders[layer]?.contains(name) ?? false
    }

    private static func folder(_ name: String, of layer: LowerFolder) -> LowerFolder {
        if case .slot(let slot) = layer { .beneath(slot, name) } else { layer }
    }

    /// The first that needs ids: what goes before is done while newuidmap(1) runs.
    private mutating func mountScratch(_ mountPoints: [MountPoint]) {
        steps.append(.takeIdentity)
        if givesMachineRoot { steps.append(.settleLogin) }
        if request.policy.network == .none { steps.append(.beginNetwork) }
        steps.append(.mountScratch(host: "/tmp"))
        steps.append(.makeFolder(scratch: "root", mode: 0o755))
        steps.append(.makeFolder(scratch: "points", mode: 0o755))
        // What masks show; the folder is the second lower of an overlay that has but one, too.
        steps.append(.makeFolder(scratch: "masks", mode: 0o755))
        steps.append(.makeFolder(scratch: Self.emptyFolder, mode: 0o555))
        steps.append(.writeFile(scratch: Self.emptyFile, content: ""))
        for point in mountPoints {
            steps.append(
                point.isFile
                    ? .writeFile(scratch: "points" + point.path, content: "")
                    : .makeFolder(scratch: "points" + point.path, mode: point.path == "/root" ? 0o700 : 0o755))
        }
        steps.append(.makeLink(scratch: "points/etc/mtab", to: "/proc/mounts"))
        steps.append(.makeFolder(scratch: "files", mode: 0o755))
        for name in generatedFolders { steps.append(.makeFolder(scratch: "files/" + name, mode: 0o755)) }
        for (name, content) in generatedFiles {
            steps.append(.writeFile(scratch: "files/etc/" + name, content: content))
        }
        if request.root == .host { steps += request.facts.rootOwned.steps }
        if request.root == .host, request.policy.nested {
            // A mount there would keep a sandbox within this one from stacking /var: what lies under a mount of ours is
            // not to be seen from a nested user namespace, and the kernel sees to it.
            steps.append(.makeFolder(scratch: "files/var", mode: 0o755))
            steps.append(.makeLink(scratch: "files/var/tmp", to: "/tmp"))
        }
        if request.identity.mode == .single {
            // apt drops to a user of its own to download, and checks that it got there; here there is no second id.
            steps.append(
                .writeFile(scratch: "files/etc/apt/apt.conf.d/00sandbox", content: "APT::Sandbox::User \"root\";\n"))
        }
    }

    /// Those that generated files lie in, parents first.
    private var generatedFolders: [String] {
        ["etc"] + (request.identity.mode == .single ? ["etc/apt", "etc/apt/apt.conf.d"] : [])
    }

    /// hosts(5), hostname(5) and resolv.conf(5) that fit the sandbox's name and network.
    private var generatedFiles: [(String, String)] {
        let name = request.policy.hostname
        return [
            ("hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t\(name)\n"),
            ("hostname", name + "\n"),
            ("resolv.conf", request.policy.network == .none ? "" : request.facts.resolvConf),
        ]
    }
}

// /proc, /sys, /dev, /tmp, and what of them is hidden.
extension LaunchPlan {
    /// Places of the plan's own that must be folders at the top of the root file system: no link leads anywhere from here.
    public static let ownFolders = ["/proc", "/sys", "/dev", "/tmp"]
    /// In scratch.
    public static let emptyFolder = "masks/folder"
    public static let emptyFile = "masks/file"
    static let devices = ["null", "zero", "full", "random", "urandom", "tty"]

    private mutating func mountKernelFileSystems() {
        let safe: MountOptions = [.noSetID, .noDevices, .noExecution]
        // The kernel gives a new /proc or /sys in a nested user namespace only where one without masks is seen already.
        let isMasked = !request.policy.nested
        steps.append(.mount(.proc, at: "/proc", options: safe, data: []))
        if isMasked {
            for part in Self.maskedInProc { steps.append(.mask(part)) }
            for part in Self.protectedInProc { steps.append(.protect(part)) }
            if givesMachineRoot { steps.append(.closeToRoot) }
        }
        steps.append(
            .mount(.tmpfs, at: "/dev", options: [.noSetID, .noExecution], data: [("mode", "755"), ("size", "64k")]))
        for name in Self.devices { steps.append(.attachDevice(name)) }
        steps += [
            .makeDeviceLink("fd", to: "/proc/self/fd"), .makeDeviceLink("stdin", to: "/proc/self/fd/0"),
            .makeDeviceLink("stdout", to: "/proc/self/fd/1"), .makeDeviceLink("stderr", to: "/proc/self/fd/2"),
            .makeDeviceLink("ptmx", to: "pts/ptmx"),
            .mount(
                .devpts, at: "/dev/pts", options: [.noSetID, .noExecution],
                data: [("ptmxmode", "0666"), ("mode", "0620")]),
            .mount(.tmpfs, at: "/dev/shm", options: safe, data: [("mode", "1777")]),
            .mount(.tmpfs, at: "/tmp", options: [.noSetID, .noDevices], data: [("mode", "1777")]),
        ]
        if LandlockRules.holdsFiles(request.policy, request.facts) {
            steps.append(.mount(.mqueue, at: Self.messageQueues, options: safe, data: []))
        }
        // A sysfs shows the network namespace it is mounted in, and only its owner may mount one.
        if request.policy.network == .none { steps.append(.enterNetwork) }
        if request.policy.network != .host {
            steps.append(.mount(.sysfs, at: "/sys", options: safe.union(.readOnly), data: []))
            if isMasked {
                for part in Self.maskedInSys { steps.append(.mask(part)) }
                steps.append(.maskOfProcessors(Self.maskedOfProcessors))
            }
        }
        steps += request.facts.limits.steps
        if request.root == .host, !request.policy.nested {
            steps.append(
                .mount(.tmpfs, at: "/var/tmp", options: [.noSetID, .noDevices], data: [("mode", "1777")]))
        }
    }

    /// What the user wants mounted. Parents first, whatever the order of the words: one that came later would cover what is
    /// to be seen below it, or show what is to be covered.
    private mutating func mountWanted(_ binds: [(bind: Bind, slot: Slot, place: MountPoint)]) {
        var wanted: [(path: String, steps: [Step])] = []
        for mount in request.policy.memoryMounts {
            var data = [("mode", "755")]
            if let size = mount.size { data.append(("size", String(size))) }
            let step = Step.mount(.tmpfs, at: mount.destination, options: [.noSetID, .noDevices], data: data)
            wanted.append((mount.destination, covering(mount.destination, isFile: false) + [step]))
        }
        for bind in binds {
            let attach = Step.attach(bind.slot, at: bind.place.path)
            let above = covering(bind.place.path, isFile: bind.place.isFile, by: bind.bind)
            wanted.append((bind.place.path, above + [attach] + request.protections(of: bind.bind, in: bind.slot)))
        }
        func depth(_ path: String) -> Int { path.split(separator: "/").count { $0 != "." } }
        var byDepth: [[Step]] = []
        for (path, steps) in wanted {
            while byDepth.count <= depth(path) { byDepth.append([]) }
            byDepth[depth(path)] += steps
        }
        steps += byDepth.joined()
    }
}

// The command, its environment and its rights.
extension LaunchPlan {
    private static func execution(_ request: LaunchRequest) throws(PolicyError) -> Execution {
        let policy = request.policy
        var ownNamespace = false
        if let user = policy.user, request.identity.mode == .single {
            let isRoot =
                (user.user == "root" || user.uid == 0)
                && (user.group == nil || user.group == "root" || user.gid == 0)
            if isRoot { return make(request, user: nil, ownNamespace: false) }
            ownNamespace = true
        } else if let uid = policy.user?.uid, !request.identity.hasUser(uid) {
            throw PolicyError("--user \(uid): that id is not in the map; --explain shows which ids exist inside")
        }
        return make(request, user: policy.user, ownNamespace: ownNamespace)
    }

    /// What says how to speak to the caller: language, terminal, time zone (locale(7), environ(7)). Nothing else of the
    /// caller's variables goes in unasked.
    private static func isOfTerminal(_ name: String) -> Bool {
        ["LANG", "TERM", "TZ"].contains(name) || name.hasPrefix("LC_")
    }

    private static func make(_ request: LaunchRequest, user: UserChoice?, ownNamespace: Bool) -> Execution {
        let policy = request.policy
        var environment: [(name: String, value: String)] = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("container", "sandbox"),
        ]
        func caller(_ name: String) -> String? { request.facts.environment.last { $0.name == name }?.value }
        environment += request.facts.environment.filter { isOfTerminal($0.name) }
        for variable in policy.environment {
            environment.removeAll { $0.name == variable.name }
            if let value = variable.value ?? caller(variable.name) { environment.append((variable.name, value)) }
        }
        return Execution(
            command: request.command, environment: environment,
            workdir: policy.workdir ?? (policy.here ? request.facts.currentFolder : "/"), user: user,
            ownUserNamespace: ownNamespace, capabilities: policy.capabilities)
    }
}
