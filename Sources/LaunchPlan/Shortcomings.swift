// The words for what a sandbox can start without, and for what is looked at before a launch begins.

import SandboxPolicy

/// What keeps files from being made in a folder.
public struct FolderFault: Equatable, Sendable {
    public var wanted: String
    /// That folder, or the one above it that keeps it from being made.
    public var path: String
    /// Whose it is, where it is not the caller's.
    public var owner: String?
    /// strerror(3).
    public var reason: String
    /// It is refused, rather than impossible.
    public var isPermission: Bool
    /// It lies in the caller's home, where an owner can be changed without harm.
    public var isBelowOwnHome: Bool
    /// The environment variable that chooses another.
    public var variable: String

    public init(
        wanted: String, path: String, owner: String?, reason: String, isPermission: Bool, isBelowOwnHome: Bool,
        variable: String
    ) {
        self.wanted = wanted
        self.path = path
        self.owner = owner
        self.reason = reason
        self.isPermission = isPermission
        self.isBelowOwnHome = isBelowOwnHome
        self.variable = variable
    }
}

/// Why this process can't limit others by a cgroup (cgroups(7)).
public enum CgroupObstacle: Equatable, Sendable {
    case noVersion2
    case notOwn(String, reason: String)
    case noControllers([String])
}

extension Diagnosis {
    public static func oldKernel(_ version: (major: Int, minor: Int)) -> Diagnosis {
        Diagnosis(
            "this is Linux \(version.major).\(version.minor); sandboxes are made for 5.15 and later",
            Remedy("install Linux 5.15 or later"))
    }

    /// Calls that a launch makes, and that are answered with ENOSYS.
    public static func missingCalls(_ names: [String], _ version: (major: Int, minor: Int)) -> Diagnosis {
        var limits = HostLimits()
        limits.kernel = version
        // The youngest of them, mount_setattr(2), came with 5.12.
        return limits.unknownCall("call " + names.joined(separator: ", "), since: (5, 12), reason: "ENOSYS")
    }

    public static func brokenInstallation(_ missing: [String]) -> Diagnosis {
        Diagnosis(
            "the installation is not whole: " + missing.joined(separator: ", "),
            Remedy("install it again, in the checkout, as root", ["make install"]))
    }

    /// - Parameter below: where something is mounted in a folder that was to be a layer.
    static func lockedMount(_ failed: String, _ below: String) -> Diagnosis {
        Diagnosis(
            failed + ": something is mounted at \(quoted(below)), as containers do it, and a folder with mounts in it "
                + "can't be a layer",
            Remedy(
                "run on an image or on a folder instead of this machine",
                ["sandbox run alpine:3.20 cat /etc/os-release"]))
    }

    /// The programs of this machine can't be run in a sandbox; an image's can.
    public static func noHost(_ why: Diagnosis) -> Diagnosis {
        Diagnosis(why.cause + "; `sandbox run host` and `sandbox shell` are refused", why.remedy)
    }

    /// A folder of this program's that nothing can be written to.
    /// - Parameter without: what does not work because of it.
    public static func folder(_ fault: FolderFault, _ facts: Facts, without: String) -> Diagnosis {
        let elsewhere = Remedy("choose another folder", ["export \(fault.variable)=/a/folder/of/yours"])
        let place = fault.path == fault.wanted ? "it" : quoted(fault.path)
        let failed = "nothing can be written to \(quoted(fault.wanted)) (\(fault.reason))"
        guard let owner = fault.owner else {
            return Diagnosis(
                "\(failed): \(without)",
                fault.isPermission
                    ? Remedy("give yourself the right", ["chmod u+rwx \(shellWord(fault.path))"]) : elsewhere)
        }
        return Diagnosis(
            "\(failed): \(place) belongs to \(owner), not to \(facts.userName): \(without)",
            fault.isBelowOwnHome
                ? Remedy(
                    "as root; an earlier start by root may have made it",
                    ["chown -R \(facts.uid):\(facts.gid) \(shellWord(fault.path))"])
                : elsewhere)
    }

    public static var memoryWithoutAttributes: Diagnosis {
        Diagnosis(
            "file systems in memory keep no user.* attributes here, which overlayfs needs of what holds changes: those that "
                + "are dropped at the end go to the data folder meanwhile, which is slower",
            Remedy("install Linux 6.6 or later"))
    }

    /// A launch that only failed because its changes were to be kept on disk.
    public static func diskOverlay(_ why: Diagnosis) -> Diagnosis {
        Diagnosis(why.cause + "; changes stay in memory: --name and --upper disk are refused", why.remedy)
    }

    public static func oneID(_ why: Diagnosis) -> Diagnosis {
        Diagnosis(
            why.cause + "; a sandbox has one id, and changes of owner are answered with success and not made",
            why.remedy)
    }

    /// A command that can do nothing wrong was ended.
    /// - Parameter status: as a shell reports it.
    public static func endedBadly(_ command: String, _ status: Int32) -> Diagnosis {
        // 128 and SIGSYS.
        if status == 159 {
            return Diagnosis(
                "a seccomp filter around this process killed the sandbox for a system call", HostLimits.outer)
        }
        return Diagnosis("the sandbox was started, and \(quoted(command)) in it ended with status \(status)")
    }

    public static func filterActions(_ missing: [String]) -> Diagnosis {
        Diagnosis(
            "seccomp filters of this kernel have no " + missing.joined(separator: ", ")
                + ": refused calls can't be watched by a supervisor", Remedy("install Linux 5.15 or later"))
    }

    /// - Parameter isOff: it is built in and was not switched on.
    public static func noLandlock(isOff: Bool, reason: String) -> Diagnosis {
        let without = "namespaces and the filter hold a sandbox without it"
        guard isOff else {
            return Diagnosis(
                "this kernel has no Landlock (\(reason)), or a filter around this process hides it; \(without)",
                Remedy("use a kernel with CONFIG_SECURITY_LANDLOCK (Linux 5.13)"))
        }
        return Diagnosis(
            "Landlock is built in and switched off (\(reason)); \(without)",
            Remedy(
                "as root, on Debian: switch it on, then start the machine anew",
                [
                    #"""
                    sed -i "s/^GRUB_CMDLINE_LINUX=\"/&lsm=landlock,$(tr -d '\n' </sys/kernel/security/lsm) /" /etc/default/grub
                    """#, "update-grub",
                ]))
    }

    /// - Parameter hasSystemd: it can be asked for a scope of its own.
    public static func noDelegation(_ obstacle: CgroupObstacle, hasSystemd: Bool) -> Diagnosis {
        let why =
            switch obstacle {
            case .noVersion2: "cgroups of version 2 are not mounted here, or this process is in none of them"
            case .notOwn(let path, let reason): "the cgroup \(quoted(path)) is not this user's (\(reason))"
            case .noControllers(let names):
                "the cgroup of this process has no controllers for \(names.joined(separator: " and "))"
            }
        return Diagnosis(
            why + ": memory and processes of a sandbox can't be limited by one",
            hasSystemd
                ? Remedy(
                    "in a scope of its own", ["systemd-run --user --scope -p Delegate=yes -- sandbox run host true"])
                : Remedy("have whoever starts this process delegate a cgroup of version 2 to it"))
    }

    /// - Parameter group: the caller's own.
    public static func noTunnel(isThere: Bool, group: UInt32, reason: String) -> Diagnosis {
        Diagnosis(
            "/dev/net/tun can't be opened (\(reason)): no --network user",
            isThere
                ? Remedy("for your own group, as root", ["chgrp \(group) /dev/net/tun", "chmod 660 /dev/net/tun"])
                : Remedy("as root; in a container, start it with --device /dev/net/tun", ["modprobe tun"]))
    }

    public static var noPasta: Diagnosis {
        Diagnosis(
            "there is no pasta here: no network in user mode",
            Remedy("install the package passt, as root", ["apt-get install passt"]))
    }
}
