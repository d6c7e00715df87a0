// Numbers of the system calls that this program knows by sight (syscalls(2)).

import CLinux
import Glibc

/// Calls of this machine's own interface. Older forms stand where they exist.
public enum SystemCallNumber {
    public static let connect = UInt32(SYS_connect)
    public static let sendto = UInt32(SYS_sendto)
    public static let socket = UInt32(SYS_socket)
    public static let sendmsg = UInt32(SYS_sendmsg)
    public static let sendmmsg = UInt32(SYS_sendmmsg)
    public static let setsockopt = UInt32(SYS_setsockopt)
    public static let ioUringSetup = UInt32(SYS_io_uring_setup)
    public static let openat = UInt32(SYS_openat)
    public static let mkdirat = UInt32(SYS_mkdirat)
    public static let mknodat = UInt32(SYS_mknodat)
    public static let unlinkat = UInt32(SYS_unlinkat)
    public static let renameat = UInt32(SYS_renameat)
    public static let renameat2 = UInt32(SYS_renameat2)
    public static let linkat = UInt32(SYS_linkat)
    public static let symlinkat = UInt32(SYS_symlinkat)
    public static let truncate = UInt32(SYS_truncate)
    public static let fchmodat = UInt32(SYS_fchmodat)
    public static let utimensat = UInt32(SYS_utimensat)
    public static let unshare = UInt32(SYS_unshare)
    public static let clone = UInt32(SYS_clone)
    public static let setns = UInt32(SYS_setns)
    public static let mount = UInt32(SYS_mount)
    public static let umount2 = UInt32(SYS_umount2)
    public static let chroot = UInt32(SYS_chroot)
    public static let ptrace = UInt32(SYS_ptrace)
    public static let personality = UInt32(SYS_personality)
    public static let ioctl = UInt32(SYS_ioctl)
    public static let bpf = UInt32(SYS_bpf)
    public static let keyctl = UInt32(SYS_keyctl)
    /// The calls for keys (keyrings(7)).
    public static let keys = [UInt32(SYS_keyctl), UInt32(SYS_add_key), UInt32(SYS_request_key)]
    public static let setpriority = UInt32(SYS_setpriority)
    public static let ioprioSet = UInt32(SYS_ioprio_set)
    public static let kill = UInt32(SYS_kill)
    /// Those that set how and where a process named by the first argument runs (sched(7)).
    public static let scheduling = [
        SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr,
    ].map { UInt32($0) }
    public static let prctl = UInt32(SYS_prctl)
    public static let faccessat = UInt32(SYS_faccessat)
    public static let readlinkat = UInt32(SYS_readlinkat)
    public static let chdir = UInt32(SYS_chdir)
    public static let fchownat = UInt32(SYS_fchownat)
    public static let setxattr = UInt32(SYS_setxattr)
    public static let lsetxattr = UInt32(SYS_lsetxattr)
    public static let removexattr = UInt32(SYS_removexattr)
    public static let lremovexattr = UInt32(SYS_lremovexattr)
    public static let bind = UInt32(SYS_bind)

    #if arch(x86_64)
    public static let open = UInt32(SYS_open)
    public static let creat = UInt32(SYS_creat)
    public static let mkdir = UInt32(SYS_mkdir)
    public static let mknod = UInt32(SYS_mknod)
    public static let unlink = UInt32(SYS_unlink)
    public static let rmdir = UInt32(SYS_rmdir)
    public static let rename = UInt32(SYS_rename)
    public static let link = UInt32(SYS_link)
    public static let symlink = UInt32(SYS_symlink)
    public static let chmod = UInt32(SYS_chmod)
    public static let stat = UInt32(SYS_stat)
    public static let lstat = UInt32(SYS_lstat)
    public static let access = UInt32(SYS_access)
    public static let readlink = UInt32(SYS_readlink)
    public static let chown = UInt32(SYS_chown)
    public static let lchown = UInt32(SYS_lchown)
    #endif

    /// What a process may call between the installation of its filter and the program that it executes: memory for the
    /// program's words, the execution, and telling why there was none.
    public static let untilExecuted: [UInt32] = [
        SYS_execve, SYS_execveat, SYS_newfstatat, SYS_statx, SYS_write, SYS_exit, SYS_exit_group, SYS_brk, SYS_mmap,
        SYS_mremap, SYS_munmap, SYS_mprotect, SYS_madvise, SYS_futex, SYS_close,
    ].map { UInt32($0) }
}

/// What the first argument of setpriority(2) and ioprio_set(2) makes of the second.
public enum ProcessSelection {
    public static let priorityProcess: UInt32 = 0
    public static let priorityGroup: UInt32 = 1
    public static let priorityUser: UInt32 = 2
    public static let ioProcess: UInt32 = 1
    public static let ioGroup: UInt32 = 2
    public static let ioUser: UInt32 = 3
}

/// Flags of open(2) by which a file may be changed.
public enum OpenBits {
    public static let write = UInt32(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)
    /// Those by which a file is made or written anew: not those of databases and logs, which open what is theirs.
    public static let writeAnew = UInt32(O_WRONLY | O_CREAT | O_TRUNC)
    public static let create = UInt32(O_CREAT)
    /// AT_SYMLINK_NOFOLLOW of fstatat(2) and its kin.
    public static let noFollow = UInt32(AT_SYMLINK_NOFOLLOW)
    /// AT_FDCWD, as a call's argument has it.
    public static let currentFolder = AT_FDCWD
}
