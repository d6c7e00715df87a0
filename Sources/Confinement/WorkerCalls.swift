// The system calls of a process that reads, computes and writes files: a list, and nothing beside it.

import BPF
import LinuxSystem
import SandboxPolicy

enum WorkerCalls {
    /// Not there: new programs and processes, other processes' memory, mounts, namespaces, kernel modules, keys, rings.
    private static let names = """
        access faccessat faccessat2 open openat openat2 creat close close_range dup dup2 dup3 fcntl flock umask \
        read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek sendfile splice tee \
        copy_file_range readahead fadvise64 fallocate truncate ftruncate sync syncfs fsync fdatasync sync_file_range \
        stat lstat fstat newfstatat statx statfs fstatfs getdents getdents64 getcwd chdir fchdir readlink readlinkat \
        mkdir mkdirat mknod mknodat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat \
        getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr \
        pipe pipe2 poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 \
        eventfd eventfd2 timerfd_create timerfd_settime timerfd_gettime memfd_create \
        brk mmap munmap mremap mprotect madvise msync mincore mlock munlock membarrier \
        exit exit_group futex futex_wait futex_wake futex_requeue futex_waitv set_robust_list get_robust_list \
        set_tid_address rseq sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max \
        sched_get_priority_min getcpu getpid getppid gettid getpgrp getpgid getsid getuid geteuid getgid getegid \
        getresuid getresgid getgroups capget getrlimit getrusage times wait4 waitid prctl arch_prctl \
        rt_sigaction rt_sigprocmask rt_sigpending rt_sigreturn rt_sigsuspend rt_sigtimedwait sigaltstack pause \
        restart_syscall uprobe uretprobe seccomp \
        clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time alarm getitimer setitimer timer_create \
        timer_settime timer_gettime timer_getoverrun timer_delete getrandom uname sysinfo
        """

    /// Mode, owner, times and attributes, which Landlock does not hold: for whoever lays files out.
    private static let namesForAttributes = """
        chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat setxattr lsetxattr \
        fsetxattr removexattr lremovexattr fremovexattr
        """

    /// Those of a socket, once there is one.
    private static let namesForNetwork = """
        connect bind listen accept accept4 sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg getsockname getpeername \
        getsockopt setsockopt shutdown
        """

    /// Other calls are unknown, as on an older kernel: libraries then go on with what they used before.
    static func program(hasNetwork: Bool, setsAttributes: Bool) -> FilterProgram {
        FilterProgram(
            allowing: numbers(names) + (hasNetwork ? numbers(namesForNetwork) : [])
                + (setsAttributes ? numbers(namesForAttributes) : []),
            after: own + sockets(hasNetwork: hasNetwork), otherwise: SeccompAnswer.refusal(FilterProgram.unknownCall),
            foreign: refused)
    }

    private static let refused = SeccompAnswer.refusal(Errno.permission.rawValue)

    private static func numbers(_ names: String) -> [UInt32] {
        names.split(separator: " ").compactMap { SystemCallTable.native.number(of: String($0)) }
    }

    private static func rule(
        _ name: String, where conditions: CallRule.Condition..., answer: UInt32 = SeccompAnswer.allow
    ) -> [CallRule] {
        SystemCallTable.native.number(of: name).map { [CallRule($0, where: conditions, answer: answer)] } ?? []
    }

    /// Threads, signals and limits of this process's own; terminals asked for their size and no more.
    private static var own: [CallRule] {
        let own = UInt32(bitPattern: Process.id)
        let (newNamespace, thread): (UInt32, UInt32) = (0x7e02_0000, 0x1_0000)  // CLONE_NEW*, CLONE_THREAD
        return rule("clone", where: .anyBit(argument: 0, newNamespace), answer: refused)
            + rule("clone", where: .anyBit(argument: 0, thread))
            + rule("tgkill", where: .equals(argument: 0, own))
            + rule("prlimit64", where: .equals(argument: 0, 0)) + rule("prlimit64", where: .equals(argument: 0, own))
            // TCGETS, TIOCGPGRP, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX.
            + ([0x5401, 0x540f, 0x5413, 0x541b, 0x5421, 0x5451] as [UInt32]).flatMap {
                rule("ioctl", where: .equals(argument: 1, $0))
            } + rule("ioctl", answer: SeccompAnswer.refusal(25))  // ENOTTY
            + ["execve", "execveat", "fork", "vfork", "clone", "ptrace", "kill", "tkill"].flatMap {
                rule($0, answer: refused)
            }
    }

    /// AF_UNIX is not among them: the sockets of the user's session start programs for whoever asks.
    private static func sockets(hasNetwork: Bool) -> [CallRule] {
        let noFamily = SeccompAnswer.refusal(Errno.noAddressFamily.rawValue)
        let (unix, internet, internet6, netlink): (UInt32, UInt32, UInt32, UInt32) = (1, 2, 10, 16)
        let made =
            rule("socket", where: .equals(argument: 0, internet))
            + rule("socket", where: .equals(argument: 0, internet6))
            // NETLINK_ROUTE
            + rule("socket", where: .equals(argument: 0, netlink), .equals(argument: 2, 0))
        return (hasNetwork ? made : []) + rule("socket", answer: noFamily)
            + rule("socketpair", where: .equals(argument: 0, unix)) + rule("socketpair", answer: noFamily)
    }
}
