// What kept a sandbox from starting, and the words for it: the one place where an errno becomes advice.

import SandboxPolicy

/// The part of a launch that failed.
public enum LaunchStage: Equatable, Sendable {
    /// clone3(2) with the plan's namespaces.
    case namespaces
    /// Writing the maps of the user namespace.
    case identity
    /// pasta(1), for a network of the sandbox's own.
    case network
    /// Joining a session keyring.
    case keyring
    /// One of the plan's steps, by index.
    case step(Int)
    case user
    case workdir
    case capabilities
    case landlock
    case filter
    /// Handing over what the filter's questions come in by.
    case observing
    /// execve(2) of the command.
    case command

    /// For the pipe between the child and the launcher.
    public var word: String {
        switch self {
        case .namespaces: "namespaces"
        case .identity: "identity"
        case .network: "network"
        case .keyring: "keyring"
        case .step(let index): String(index)
        case .user: "user"
        case .workdir: "workdir"
        case .capabilities: "capabilities"
        case .landlock: "landlock"
        case .filter: "filter"
        case .observing: "observing"
        case .command: "command"
        }
    }

    public init?(word: String) {
        switch word {
        case "namespaces": self = .namespaces
        case "identity": self = .identity
        case "network": self = .network
        case "keyring": self = .keyring
        case "user": self = .user
        case "workdir": self = .workdir
        case "capabilities": self = .capabilities
        case "landlock": self = .landlock
        case "filter": self = .filter
        case "observing": self = .observing
        case "command": self = .command
        default:
            guard let index = Int(word) else { return nil }
            self = .step(index)
        }
    }
}

public struct LaunchFailure: Error, Equatable, Sendable {
    public var stage: LaunchStage
    /// errno(3).
    public var errno: Int32
    /// What the failing call was about, where the stage does not say: a path, a name, a limit.
    public var object: String

    public init(_ stage: LaunchStage, errno: Int32, object: String = "") {
        self.stage = stage
        self.errno = errno
        self.object = object
    }

    public var encoded: [UInt8] { Words.join([stage.word, String(errno), object]) }

    public init?(encoded: [UInt8]) {
        let words = Words.split(encoded)
        guard words.count == 3, let stage = LaunchStage(word: words[0]), let errno = Int32(words[1]) else { return nil }
        self.init(stage, errno: errno, object: words[2])
    }

    /// 127: the command was not found; 126: it was found and can't be run; 125: no sandbox.
    public var exitStatus: Int32 {
        guard stage == .command else { return 125 }
        return errno == Number.noEntry || errno == Number.notDirectory ? (object.isEmpty ? 127 : 126) : 126
    }

    /// errno(3) values that have a meaning of their own here.
    enum Number {
        static let permission: Int32 = 1
        static let noEntry: Int32 = 2
        static let execFormat: Int32 = 8
        static let access: Int32 = 13
        static let busy: Int32 = 16
        static let exists: Int32 = 17
        static let notDirectory: Int32 = 20
        static let isDirectory: Int32 = 21
        static let invalid: Int32 = 22
        static let noSpace: Int32 = 28
        static let loop: Int32 = 40
        static let crossDevice: Int32 = 18
        static let overflow: Int32 = 75
        static let tooBig: Int32 = 27
        static let tooManyFiles: Int32 = 24
        static let tooManyFilesOfAll: Int32 = 23
        static let tooLongName: Int32 = 36
        static let users: Int32 = 87
        static let again: Int32 = 11
        static let readOnly: Int32 = 30
        static let stale: Int32 = 116
        static let noDevice: Int32 = 19
        static let noSystemCall: Int32 = 38
        static let notSupported: Int32 = 95
        static let tooManyReferences: Int32 = 109
    }

    /// What failed, on what, why, and what to do.
    /// - Parameter reason: strerror(3) of `errno`.
    public func diagnosis(_ plan: LaunchPlan, _ limits: HostLimits, reason: String) -> Diagnosis {
        if errno == Number.tooManyFiles || errno == Number.tooManyFilesOfAll {
            return Diagnosis(
                "can't start the sandbox: \(reason)",
                errno == Number.tooManyFiles
                    ? Remedy("allow more open files", ["ulimit -n 1024"])
                    : Remedy("this machine has too many open; as root", ["sysctl fs.file-max"]))
        }
        switch stage {
        case .namespaces: return limits.namespaces(errno: errno, reason: reason)
        case .identity:
            return Diagnosis(
                "can't write the id map: \(reason)",
                Remedy("check that /etc/subuid and /etc/subgid give these ids to this user, or use --id-map single"))
        case .network:
            return Diagnosis(
                "pasta can't give the sandbox a network: \(object.isEmpty ? reason : escaped(object))",
                Remedy("`sandbox doctor` checks what pasta needs; --network host is this machine's own network"))
        case .keyring:
            return Diagnosis(
                "can't begin a session keyring of the sandbox's own: \(reason)",
                Remedy("keep the calls for keys closed, or, as root, allow more", ["sysctl kernel.keys.maxkeys=2000"]))
        case .step(let index):
            guard plan.steps.indices.contains(index) else { return Diagnosis("step \(index) failed: \(reason)") }
            return stepDiagnosis(plan.steps[index], plan, limits, reason)
        case .user: return Diagnosis(userMessage(plan, reason))
        case .workdir:
            return Diagnosis(
                "--workdir \(quoted(plan.execution.workdir)): \(reason) inside the sandbox",
                Remedy("name a folder that is there, or bring it with --bind"))
        case .capabilities: return Diagnosis("can't set the capabilities: \(reason)")
        case .landlock:
            return Diagnosis(
                "can't set Landlock's rules\(object.isEmpty ? "" : " (\(quoted(object)))"): \(reason)",
                Remedy("--landlock off leaves them out"))
        case .filter:
            switch errno {
            case Number.permission, Number.access:
                return limits.refusal(of: "install the system call filter", reason: reason)
            case Number.invalid, Number.noSystemCall:
                return Diagnosis(
                    "can't install the system call filter: \(reason): this kernel is built without seccomp filters",
                    Remedy("use a kernel with CONFIG_SECCOMP_FILTER; --seccomp none does without"))
            default: return Diagnosis("can't install the system call filter: \(reason)")
            }
        case .observing:
            let isFull = errno == Number.tooManyReferences
            return Diagnosis(
                "can't hear of what is refused (--report-denied): "
                    + (isFull
                        ? "programs of this user have as many descriptors on their way through sockets as their limit of open "
                            + "files allows" : reason),
                isFull
                    ? Remedy(
                        "end the program, or the sandbox, that sends them, or give up the report with --report-denied=false"
                    )
                    : Remedy("--report-denied=false does without"))
        case .command: return Diagnosis(commandMessage(plan, reason))
        }
    }

    /// What the failing part of the launch needs of the machine.
    public func need(_ plan: LaunchPlan) -> Need {
        switch stage {
        case .namespaces: .userNamespaces
        case .identity: .ids
        case .network: .pasta
        case .step(let index): plan.steps.indices.contains(index) ? plan.steps[index].need : .command
        case .keyring, .user, .workdir, .capabilities, .landlock: .rights
        case .filter, .observing: .filter
        case .command: .command
        }
    }

    private func stepDiagnosis(
        _ step: Step, _ plan: LaunchPlan, _ limits: HostLimits, _ reason: String
    ) -> Diagnosis {
        let what = "\(escaped(Self.words(step, plan)))\(object.isEmpty ? "" : " (\(quoted(object)))")"
        let failed = "can't \(what): \(reason)"
        func because(_ why: String, _ remedy: String) -> Diagnosis { Diagnosis(failed + ": " + why, Remedy(remedy)) }
        func advice(_ remedy: String) -> Diagnosis { Diagnosis(failed, Remedy(remedy)) }
        switch (step, errno) {
        case (.setHostName, Number.permission), (.makeMountsPrivate, Number.permission),
            (.mountScratch, Number.permission), (.setHostName, Number.access), (.makeMountsPrivate, Number.access),
            (.mountScratch, Number.access):
            return limits.refusal(of: "use its namespaces (\(step))", reason: reason)
        case (.enterNetwork, Number.permission): return limits.refusal(of: what, reason: reason)
        case (.enterNetwork, Number.noSpace): return limits.exhausted("network namespaces", reason: reason)
        case (_, Number.noSystemCall): return limits.unknownCall(what, since: (5, 12), reason: reason)
        case (.mount(.proc, _, _, _), Number.permission):
            return because(
                "an outer container masks its own /proc, so the kernel gives no new one",
                "start that container with an unmasked /proc (sandbox: --nested; podman: --security-opt unmask=ALL; docker: "
                    + "--security-opt systempaths=unconfined; bwrap: --proc /proc)")
        case (.mount(.sysfs, _, _, _), Number.permission):
            return because("an outer container masks its own /sys", "start it unmasked, or use --network host")
        case (.mountOverlay(_, _, let upper), Number.invalid), (.mountOverlay(_, _, let upper), Number.permission),
            (.mountOverlay(_, _, let upper), Number.noDevice), (.mountOverlay(_, _, let upper), Number.notSupported):
            return overlayDiagnosis(failed, upper, plan, limits)
        case (.takeIdentity, Number.permission):
            return because(
                "root without CAP_SETFCAP can't be id 0 of a namespace",
                "inside a sandbox, give that one --cap-add setfcap, or --user with another id")
        case (.mount(_, let path, _, _), Number.loop) where !object.isEmpty,
            (.mountOverlay(let path, _, _), Number.loop) where !object.isEmpty:
            return Diagnosis(
                "\(quoted(path)) is a link to \(quoted(object)) in the root file system, and has to be a folder",
                Remedy("remove the link from the image or from the kept changes, or lay a folder over it with --layer"))
        case (.refuseUndoing(let path, let isFile), Number.permission):
            let option = LaunchPlan.undoing(plan.request.policy)
            return Diagnosis(
                "\(option) can't hold \(isFile == nil ? "--mask" : "what is mounted at") \(quoted(path)): a command with mounts "
                    + "of its own takes it away where the folder it lies in is writable",
                Remedy(
                    "leave one of them out, or show that folder read-only"
                        + (isFile == nil ? " (FOLDER:ro, or --read-only for the root)" : " (FOLDER:ro)")))
        case (.mount, Number.busy), (.attach, Number.busy), (.hide, Number.busy), (.holdAbove, Number.busy),
            (.refuseUndoing, Number.busy):
            return Diagnosis(
                "can't \(escaped(step.description)): that place is the root of the sandbox, which nothing may cover",
                Remedy("name a folder below it, and look where links of the image lead"))
        case (.enterRoot, Number.busy):
            return Diagnosis("can't \(what): something is mounted on the root of the sandbox", Remedy("report this"))
        case (.mask(let part), Number.noEntry), (.protect(let part), Number.noEntry):
            return because("every kernel has \(part.path)", "report this, with the kernel's version")
        case (.mountOverlay, Number.busy), (.mountOverlay, Number.loop):
            return advice("another sandbox uses this upper, or it lies in one of the layers")
        case (_, Number.tooLongName):
            return Diagnosis(
                "a path of what is to be shown is too long: \(reason)",
                Remedy("a path has at most 4095 bytes, a name 255"))
        case (_, Number.tooBig): return Diagnosis(failed, Remedy("allow larger files", ["ulimit -f unlimited"]))
        case (_, Number.noSpace):
            return advice("the file system is full: free some space, or give --tmpfs a larger size")
        case (.mountScratch, Number.noEntry): return advice("make that folder: changes and mount points hang there")
        case (.openFolder, Number.stale), (.copyTree, Number.stale), (.openFolder, Number.loop),
            (.copyTree, Number.loop):
            return Diagnosis(
                "can't \(what): it was replaced by something else meanwhile",
                Remedy("try again when nothing changes it"))
        case (.openFolder, Number.noEntry): return advice("check the path")
        case (.holdAbove, Number.stale), (.refuseUndoing, Number.stale):
            return Diagnosis("can't \(what): it changes meanwhile", Remedy("try again when nothing changes it"))
        case (.holdAbove(let path, nil), Number.noEntry), (.refuseUndoing(let path, nil), Number.noEntry):
            return Diagnosis(
                "can't hide \(escaped(path)): \(reason)", Remedy("--mask wants something that is there"))
        case (.hide, Number.noEntry): return advice("--mask wants something that is there")
        case (.openFolder, Number.access), (.copyTree, Number.access):
            return advice("the user who starts the sandbox must be able to read it")
        case (.copyTree, Number.noEntry): return advice("the source of a bind must exist")
        case (.attach, Number.noEntry), (.mount, Number.noEntry), (.attach, Number.readOnly), (.mount, Number.readOnly),
            (.holdAbove, Number.noEntry), (.holdAbove, Number.readOnly), (.refuseUndoing, Number.noEntry),
            (.refuseUndoing, Number.readOnly):
            return advice("the place is not in the image and can't be made there")
        case (.attach, Number.notDirectory), (.attach, Number.isDirectory):
            return advice("the image has a file there or on the way where a folder is to be, or the other way round")
        case (.attach, Number.loop), (.mount, Number.loop), (.mount, Number.notDirectory), (.holdAbove, Number.loop),
            (.holdAbove, Number.notDirectory),
            (.refuseUndoing, Number.loop), (.refuseUndoing, Number.notDirectory):
            return advice("the image has something else at this place than a file or folder to mount on")
        case (.attachDevice(let name), Number.noEntry):
            return because("there is no /dev/\(name) here", "give the container around it a /dev with it")
        case (.enterRoot, Number.invalid):
            return because(
                "the root is that of an initial RAM disk", "switch to a root of its own first (switch_root(8))")
        default: return Diagnosis(failed)
        }
    }

    /// The step with what its numbers stand for.
    private static func words(_ step: Step, _ plan: LaunchPlan) -> String {
        guard case .attach(let slot, let place) = step else { return step.description }
        for case .copyTree(let source, slot, _) in plan.steps { return "show \(source) of the host at \(place)" }
        return step.description
    }

    /// Refused as a whole by the kernel, or by the file system that is to hold the changes.
    private func overlayDiagnosis(
        _ failed: String, _ upper: UpperFolder, _ plan: LaunchPlan, _ limits: HostLimits
    ) -> Diagnosis {
        if errno == Number.noDevice {
            return Diagnosis(failed + ": this kernel has no overlayfs", Remedy("as root", ["modprobe overlay"]))
        }
        if limits.kernel < (5, 11) {
            return Diagnosis(
                failed + ": overlayfs in a user namespace needs Linux 5.11, and this is "
                    + "\(limits.kernel.major).\(limits.kernel.minor)", Remedy("install Linux 5.15 or later"))
        }
        if let below = lockedMount(plan, limits) { return Diagnosis.lockedMount(failed, below) }
        guard case .slots = upper, let folder = plan.upperFolder else {
            return Diagnosis(
                failed + ": overlayfs is refused here, by the kernel or by a file system that is to be a layer",
                Remedy("see the kernel's log for the reason, as root", ["dmesg | grep overlayfs | tail"]))
        }
        let type = limits.upperType.map { " (\($0))" } ?? ""
        return Diagnosis(
            failed + ": the file system of \(quoted(folder))\(type) can't hold an overlay's changes; "
                + "ext4, xfs, btrfs and, from Linux 6.6 on, tmpfs can",
            Remedy(
                "choose a folder on one of these with --upper DIR, let XDG_DATA_HOME name one, or give up what stays "
                    + "with --upper memory"))
    }

    /// What is mounted below a layer of the overlay that failed. A process in a user namespace of its own may not see what
    /// such a mount covers, so the layer is refused (mount_namespaces(7), "Restrictions on mount namespaces").
    public func lockedMount(_ plan: LaunchPlan, _ limits: HostLimits) -> String? {
        guard errno == Number.invalid, case .step(let index) = stage, plan.steps.indices.contains(index),
            case .mountOverlay(let place, _, _) = plan.steps[index]
        else { return nil }
        let folders = plan.lowers.filter { $0.place == place }.map(\.folder)
        return limits.mountPoints.first { point in folders.contains { point.hasPrefix($0 + "/") } }
    }

    private func userMessage(_ plan: LaunchPlan, _ reason: String) -> String {
        let user = plan.execution.user.map { $0.user + ($0.group.map { ":" + $0 } ?? "") } ?? "root"
        if errno == Number.noEntry {
            return "--user \(quoted(user)): no \(quoted(object)) in the image's /etc/passwd or /etc/group"
                + "; use a number, or a name that is there"
        }
        if errno == Number.overflow {
            return "--user \(quoted(user)): its line in the image's \(object) has an id that is not a number "
                + "from 0 to 4294967294"
        }
        if errno == Number.tooBig {
            return "--user \(quoted(user)): the image's \(object) has more than 64 MiB, or a line of more than one"
        }
        if errno == Number.invalid {
            return "--user \(quoted(user)): that id is not mapped inside; --explain shows which ids exist"
        }
        return "--user \(quoted(user)): \(reason)"
    }

    private func commandMessage(_ plan: LaunchPlan, _ reason: String) -> String {
        let name = quoted(plan.execution.command.first ?? "")
        switch errno {
        case Number.noEntry where object.isEmpty, Number.notDirectory where object.isEmpty:
            if plan.execution.command.first?.hasPrefix("-") == true {
                return
                    "\(name): command not found inside the sandbox; options stand before ROOTFS: sandbox run \(name) …"
            }
            return "\(name): command not found inside the sandbox"
                + (name.contains("/") ? "" : "; it is in no folder of PATH there")
        case Number.noEntry:
            return "\(name): can't be run: the interpreter or loader that \(quoted(object)) names is not in the image"
        case Number.access:
            return "\(name): can't be run: \(quoted(object)) is not executable (\(reason)); `chmod +x` it"
        case Number.isDirectory: return "\(name): can't be run: \(quoted(object)) is a folder"
        case Number.execFormat:
            return "\(name): can't be run: \(quoted(object)) is for another architecture, or a script without a #! line"
        default: return "\(name): can't be run: \(reason)"
        }
    }
}
