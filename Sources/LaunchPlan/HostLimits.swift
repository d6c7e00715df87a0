// What a machine forbids, as far as it can be read: looked at only when something has failed, to say why.

public struct HostLimits: Sendable {
    /// The path of the launcher, which AppArmor knows programs by.
    public var launcher = "/usr/local/bin/sandbox"
    public var kernel: (major: Int, minor: Int) = (5, 15)
    /// sysctl kernel.unprivileged_userns_clone, which only some kernels have, is 0.
    public var refusesUnprivileged = false
    /// sysctl kernel.apparmor_restrict_unprivileged_userns is 1 (Ubuntu, from 23.10 on).
    public var appArmorRestricts = false
    /// Limits of namespaces(7) that are 0: `user.max_user_namespaces` and the like.
    public var zeroLimits: [String] = []
    /// This process is under a seccomp filter already: a container's, or another sandbox's.
    public var hasFilter = false
    /// The root is not that of the mount namespace, as after chroot(2).
    public var isChrooted = false
    /// This process's user has no id in its user namespace, as after `unshare -U`.
    public var isUnmapped = false
    /// Where something is mounted.
    public var mountPoints: [String] = []
    /// The type of the file system that holds the changes, as in mountinfo of proc(5).
    public var upperType: String?

    public init() {}
}

/// Why namespaces, or rights over them, are refused.
extension HostLimits {
    /// Why a user namespace, and others with it, could not be made.
    /// - Parameters:
    ///   - errno: of clone3(2) or unshare(2).
    ///   - reason: strerror(3) of it.
    public func namespaces(errno: Int32, reason: String) -> Diagnosis {
        typealias Number = LaunchFailure.Number
        switch errno {
        case Number.permission, Number.access: return refusal(of: "make user namespaces", reason: reason)
        case Number.noSpace, Number.users: return exhausted("user namespaces", reason: reason)
        case Number.noSystemCall: return unknownCall("make namespaces (clone3)", since: (5, 3), reason: reason)
        case Number.invalid:
            return Diagnosis(
                "this kernel can't make the namespaces (\(reason))",
                Remedy("use one that is built with user, pid, ipc, network and cgroup namespaces"))
        case Number.again:
            return Diagnosis(
                "too many processes for this user (\(reason))", Remedy("see how many are allowed", ["ulimit -u"]))
        default: return Diagnosis("can't make the namespaces: \(reason)")
        }
    }

    /// - Parameters:
    ///   - what: `make user namespaces`, or a step that needs rights in one.
    ///   - reason: strerror(3) of the refusal.
    func refusal(of what: String, reason: String) -> Diagnosis {
        if refusesUnprivileged {
            return Diagnosis(
                "this machine does not let ordinary users \(what): kernel.unprivileged_userns_clone is 0 (\(reason))",
                Self.sysctl("kernel.unprivileged_userns_clone=1"))
        }
        if appArmorRestricts {
            return Diagnosis(
                "AppArmor does not let programs without a profile \(what): "
                    + "kernel.apparmor_restrict_unprivileged_userns is 1 (\(reason))", appArmorProfile)
        }
        if isChrooted {
            return Diagnosis(
                "the kernel does not let a process in a chroot \(what) (\(reason))",
                Remedy("start it outside of the chroot, or enter that folder with pivot_root, as containers do"))
        }
        if isUnmapped {
            return Diagnosis(
                "this user has no id in the user namespace around it, and so can't \(what) (\(reason))",
                Remedy("start that one with an id map: `unshare -Ur`, or bwrap with --uid"))
        }
        if hasFilter {
            return Diagnosis("the seccomp filter around this process does not let it \(what) (\(reason))", Self.outer)
        }
        return Diagnosis(
            "a security module of this machine does not let this user \(what) (\(reason))",
            Remedy(
                "see the kernel's log for who refused, as root",
                ["dmesg | grep -iE 'apparmor|avc|lockdown|denied' | tail"]))
    }

    /// ENOSPC: a limit of namespaces(7) is used up.
    func exhausted(_ what: String, reason: String) -> Diagnosis {
        if let limit = zeroLimits.first {
            let count = limit == "user.max_user_namespaces" ? "15000" : "1000"
            return Diagnosis("no \(what) are allowed here: \(limit) is 0 (\(reason))", Self.sysctl("\(limit)=\(count)"))
        }
        return Diagnosis(
            "no more \(what) are allowed here (\(reason)): a sandbox or container around this one has set the limit, or "
                + "they are nested too deep",
            Remedy("start it outside of that, or let the outer one allow them (bwrap: without --disable-userns)"))
    }

    /// ENOSYS.
    func unknownCall(_ what: String, since: (major: Int, minor: Int), reason: String) -> Diagnosis {
        if kernel >= since {
            return Diagnosis(
                "something hides what is needed to \(what) (\(reason)), although the kernel, \(kernel.major).\(kernel.minor), "
                    + "has it: the seccomp filter of a container or sandbox around this one, most likely",
                Self.outer)
        }
        return Diagnosis(
            "this kernel, \(kernel.major).\(kernel.minor), is too old to \(what) (\(reason))",
            Remedy("install Linux 5.15 or later"))
    }

    static let outer = Remedy(
        "inside a sandbox, start that one with --nested; in a container, start it with a filter that allows this: podman with --security-opt seccomp=unconfined "
            + "--security-opt unmask=ALL, docker with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            + "--security-opt systempaths=unconfined")

    /// Now, and after the next start of the machine.
    private static func sysctl(_ setting: String) -> Remedy {
        Remedy("as root", ["sysctl -w \(setting)", "echo \(setting) >>/etc/sysctl.d/60-sandbox.conf"])
    }

    /// A profile that allows what the restriction takes away, and nothing else: `unconfined` is what the program was
    /// before (apparmor.d(5)). What the launcher starts keeps it.
    private var appArmorProfile: Remedy {
        let path = launcher.utf8.contains(UInt8(ascii: " ")) ? "\"\(launcher)\"" : launcher
        return Remedy(
            "as root: an AppArmor profile for this program",
            [
                """
                cat >/etc/apparmor.d/sandbox <<'END'
                abi <abi/4.0>,
                include <tunables/global>
                profile sandbox \(path) flags=(unconfined) {
                  userns,
                }
                END
                """, "apparmor_parser -r /etc/apparmor.d/sandbox",
            ])
    }
}
