// What kept a sandbox from starting, and the words for it: the one place where an errno becomes advice.

import SandboxPolicy

/// The part of a launch that failed.
public enum LaunchStage: Equatable, Sendable {
    /// clone3(2) with the plan's namespaces.
    case namespaces
    /// Writing the maps of the user namespace.
    case identity
    /// One of the plan's steps, by index.
    case step(Int)
    case user
    case workdir
    case capabilities
    case filter
    /// execve(2) of the command.
    case command

    /// For the pipe between the child and the launcher.
    public var word: String {
        switch self {
        case .namespaces: "namespaces"
        case .identity: "identity"
        case .step(let index): String(index)
        case .user: "user"
        case .workdir: "workdir"
        case .capabilities: "capabilities"
        case .filter: "filter"
        case .command: "command"
        }
    }

    public init?(word: String) {
        switch word {
        case "namespaces": self = .namespaces
        case "identity": self = .identity
        case "user": self = .user
        case "workdir": self = .workdir
        case "capabilities": self = .capabilities
        case "filter": self = .filter
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
        static let noCall: Int32 = 38
        static let loop: Int32 = 40
        static let crossDevice: Int32 = 18
        static let overflow: Int32 = 75
        static let tooBig: Int32 = 27
        static let users: Int32 = 87
        static let again: Int32 = 11
        static let readOnly: Int32 = 30
    }

    /// One line: what failed, on what, why, and what to do.
    /// - Parameter reason: strerror(3) of `errno`.
    public func message(_ plan: LaunchPlan, reason: String) -> String {
        switch stage {
        case .namespaces: return namespacesMessage(reason)
        case .identity:
            return "can't write the id map: \(reason); check /etc/subuid and /etc/subgid, or use --id-map single"
        case .step(let index):
            guard plan.steps.indices.contains(index) else { return "step \(index) failed: \(reason)" }
            let step = plan.steps[index]
            return "can't \(step)\(object.isEmpty ? "" : " (\(quoted(object)))"): \(reason)" + advice(step)
        case .user: return userMessage(plan, reason)
        case .workdir:
            return "--workdir \(quoted(plan.execution.workdir)): \(reason) inside the sandbox"
                + "; name a folder that is there, or bring it with --bind"
        case .capabilities: return "can't set the capabilities: \(reason)"
        case .filter: return "can't install the system call filter: \(reason)"
        case .command: return commandMessage(plan, reason)
        }
    }

    private func namespacesMessage(_ reason: String) -> String {
        switch errno {
        case Number.noCall:
            "a system call filter around this refuses namespaces (\(reason)); inside a sandbox, start that one with "
                + "--nested; in a container, start it with a seccomp profile that allows clone3, unshare and mount"
        case Number.permission, Number.access:
            "this machine does not let ordinary users make user namespaces (\(reason)); as root: "
                + "`sysctl -w kernel.unprivileged_userns_clone=1` on Debian, "
                + "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu; "
                + "inside a sandbox, start that one with --nested; in a container, start it with a seccomp profile that "
                + "allows unshare and mount"
        case Number.noSpace, Number.users:
            "no more user namespaces are allowed here (\(reason)); as root: `sysctl -w user.max_user_namespaces=15000`"
        case Number.invalid:
            "this kernel can't make the namespaces (\(reason)); one with user, pid, network and cgroup namespaces is needed"
        case Number.again:
            "too many processes for this user (\(reason)); see `ulimit -u`"
        default: "can't make the namespaces: \(reason)"
        }
    }

    private func advice(_ step: Step) -> String {
        switch (step, errno) {
        case (.mount(.proc, _, _, _), Number.permission):
            "; an outer container masks its own /proc, so the kernel gives no new one: start that container with an "
                + "unmasked /proc (sandbox: --nested; podman: --security-opt unmask=ALL; docker: --security-opt systempaths=unconfined)"
        case (.mount(.sysfs, _, _, _), Number.permission):
            "; an outer container masks its own /sys: start it unmasked, or use --network host"
        case (.mountOverlay, Number.invalid), (.mountOverlay, Number.permission):
            "; this kernel or file system refuses overlayfs in a user namespace (5.11 is needed, and an upper on "
                + "ext4, xfs, btrfs or tmpfs); with --upper DIR or --name try --upper memory; inside a sandbox, its "
                + "own masks and binds keep the folders above them from being a layer, and overlays stack only twice"
        case (.takeIdentity, Number.permission):
            "; root without CAP_SETFCAP can't be id 0 of a namespace: inside a sandbox, give that one --cap-add setfcap, "
                + "or --user with another id"
        case (.mountOverlay, Number.busy), (.mountOverlay, Number.loop):
            "; another sandbox uses this upper, or it lies in one of the layers"
        case (_, Number.noSpace): "; the file system is full: free some space, or give --tmpfs a larger size"
        case (.openFolder, Number.noEntry): "; check the path"
        case (.hide, Number.noEntry): "; --mask wants something that is there"
        case (.openFolder, Number.access), (.copyTree, Number.access):
            "; the user who starts the sandbox must be able to read it"
        case (.copyTree, Number.noEntry): "; the source of a bind must exist"
        case (.attach, Number.noEntry), (.mount, Number.noEntry), (.attach, Number.readOnly), (.mount, Number.readOnly):
            "; the place is not in the image and can't be made there"
        case (.attach, Number.loop), (.mount, Number.loop), (.attach, Number.notDirectory),
            (.mount, Number.notDirectory):
            "; the image has something else at this place than a file or folder to mount on"
        default: ""
        }
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
