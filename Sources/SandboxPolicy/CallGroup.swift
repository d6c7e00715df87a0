// The one table of what `--allow` opens by one word. The classes are those that profiles/seccomp/*.json close.

/// A system call that `--allow` opens, wholly or for one value of one argument.
public struct AllowedCall: Equatable, Sendable {
    public let name: String
    /// Compared in the low 32 bits, which are all that the kernel looks at in these arguments.
    public let argument: (index: UInt32, value: UInt32)?

    public init(_ name: String, argument: (index: UInt32, value: UInt32)? = nil) {
        self.name = name
        self.argument = argument
    }

    public static func == (a: AllowedCall, b: AllowedCall) -> Bool {
        a.name == b.name && a.argument?.index == b.argument?.index && a.argument?.value == b.argument?.value
    }
}

public struct CallGroup: Sendable {
    public let name: String
    public let calls: [AllowedCall]
    /// One line: what whoever opens it takes upon himself.
    public let meaning: String
    /// The host or its kernel can be reached through it.
    public let isDangerous: Bool
    /// The kernel refuses its calls to whoever is not the machine's root, open or not.
    public let isForRoot: Bool

    private init(
        _ name: String, _ calls: String, _ meaning: String, isDangerous: Bool = false, isForRoot: Bool = false
    ) {
        self.init(
            name, calls.split(separator: " ").map { AllowedCall(String($0)) }, meaning, isDangerous: isDangerous,
            isForRoot: isForRoot)
    }

    private init(
        _ name: String, _ calls: [AllowedCall], _ meaning: String, isDangerous: Bool = false, isForRoot: Bool = false
    ) {
        self.name = name
        self.calls = calls
        self.meaning = meaning
        self.isDangerous = isDangerous
        self.isForRoot = isForRoot
    }

    private static func requests(_ values: UInt32...) -> [AllowedCall] {
        values.map { AllowedCall("ioctl", argument: (1, $0)) }
    }

    public static let all: [CallGroup] = [
        CallGroup(
            "namespaces", "unshare setns clone clone3",
            "namespaces of its own, and with them capabilities over what they hold: much more of the kernel to attack"),
        CallGroup(
            "mount",
            "mount umount2 pivot_root fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr",
            "changes of the mounts, where it has CAP_SYS_ADMIN over them, as in a user namespace of its own"),
        CallGroup(
            "hostname", "sethostname setdomainname", "changes of the host name, where it has CAP_SYS_ADMIN over it"),
        CallGroup(
            "identity", "setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid",
            "becoming another id of the sandbox, where it has CAP_SETUID and CAP_SETGID"),
        CallGroup(
            "loopback",
            [AllowedCall("socket", argument: (0, 2))] + requests(0x8913, 0x8914),  // AF_INET; SIOC[GS]IFFLAGS
            "IPv4 sockets, and interfaces of a network namespace of its own brought up"),
        CallGroup(
            "bpf", "bpf", "programs that run in the kernel, where the kernel lets users load any", isDangerous: true),
        CallGroup(
            "perf", "perf_event_open", "performance counters: they tell about the kernel and about neighbours",
            isDangerous: true),
        CallGroup(
            "userfaultfd", "userfaultfd", "page faults answered by a program, by which races in the kernel are won",
            isDangerous: true),
        CallGroup(
            "io_uring", "io_uring_setup io_uring_enter io_uring_register",
            "calls that go round the filter: what is asked for through a ring is not looked at, sockets included",
            isDangerous: true),
        CallGroup(
            "fanotify", "fanotify_init fanotify_mark",
            "notice of what is done to files, other processes' doings included"),
        CallGroup(
            "keyring", "add_key keyctl request_key", "the kernel's keys of this user, which have no namespace"),
        CallGroup(
            "modules", "init_module finit_module delete_module", "kernel modules, where root starts the sandbox",
            isDangerous: true, isForRoot: true),
        CallGroup(
            "boot", "kexec_load kexec_file_load reboot",
            "another kernel or the machine's end, where root starts the sandbox", isDangerous: true, isForRoot: true),
        CallGroup("swap", "swapon swapoff", "the machine's swap space, where root starts the sandbox", isForRoot: true),
        CallGroup(
            "clock", "clock_settime settimeofday", "the machine's clock, where root starts the sandbox", isForRoot: true
        ),
        CallGroup(
            "ptrace",
            "ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise migrate_pages move_pages",
            "looking into and changing processes of the same sandbox; those outside have no id inside"),
        CallGroup(
            "terminal-injection", requests(0x5412, 0x541c),  // TIOCSTI, TIOCLINUX
            "words typed into the terminal that the sandbox was started from, as if the user had typed them",
            isDangerous: true),
        CallGroup(
            "line-discipline", requests(0x5423), "line disciplines of terminals, for which the kernel loads modules"),
        CallGroup(
            "file-handles", "name_to_handle_at open_by_handle_at",
            "files by number rather than by name; the kernel asks for CAP_DAC_READ_SEARCH over the file system"),
        CallGroup(
            "accounting", "acct quotactl quotactl_fd", "accounting and quotas, where root starts the sandbox",
            isForRoot: true),
        CallGroup(
            "ports", "ioperm iopl", "the machine's input and output ports, where root starts the sandbox",
            isDangerous: true, isForRoot: true),
        CallGroup("log", "syslog", "the kernel's log, which may tell where it lies in memory", isForRoot: true),
        CallGroup(
            "netlink", [AllowedCall("socket", argument: (0, 16))],  // AF_NETLINK
            "netlink sockets of all protocols: with the host's network they tell of its processes, devices and audit",
            isDangerous: true),
        CallGroup(
            "sockets", "socket socketpair", "sockets of all families: AF_VSOCK reaches the host, AF_ALG the kernel",
            isDangerous: true),
        CallGroup(
            "i386", "",
            "programs of 32 bits, by the kernel's second interface: its calls are decided as those of the same name, but "
                + "for sockets and memory that are asked for by way of socketcall and ipc: add sockets for the former"),
        CallGroup(
            "ipc",
            "shmget shmat shmctl shmdt semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink "
                + "mq_timedsend mq_timedreceive mq_notify mq_getsetattr",
            "System V memory, semaphores and queues, and POSIX queues, of the sandbox's own IPC namespace"),
    ]

    /// What one value of `--allow` opens: a group's calls, or the one call of that name whatever its arguments; nil
    /// where there is neither. A group comes before a call of the same name.
    public static func calls(of name: String) -> [AllowedCall]? {
        if let group = all.first(where: { $0.name == name }) { return group.calls }
        return SystemCallNames.contains(name) ? [AllowedCall(name)] : nil
    }

    /// The groups that `--nested` opens: what a sandbox needs to make another.
    public static let nested = ["namespaces", "mount", "hostname", "identity", "loopback"]
}
