// The system calls and constants that the Glibc module lacks or that are variadic in C, which Swift cannot call.
// Nothing here decides anything: each function is one system call under its own name, with the sb_ prefix,
// and answers as syscall(2) does: a value, or -1 with errno set.
#ifndef SANDBOX_CLINUX_H
#define SANDBOX_CLINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

// clone3(2) without a stack of its own: the child goes on in a copy of this process, as after fork(2).
static inline int sb_clone3(uint64_t flags, int *pidfd) {
    struct clone_args args;
    memset(&args, 0, sizeof args);
    args.flags = flags;
    args.exit_signal = SIGCHLD;
    args.pidfd = (uint64_t)(uintptr_t)pidfd;
    return (int)syscall(SYS_clone3, &args, sizeof args);
}

// Gives back the memory of what start-up needed: program pages that can be read again, and free heap (madvise(2)).
void sb_release_memory(void);

// What of its capabilities a process keeps, and which its bounding set may have besides until then.
struct sb_rights {
    uint64_t capabilities, bounding;
};
// clone(2) much as vfork(2) does it: the child runs `body` on a stack of its own in this process's memory, and this
// process waits until the child has executed a program or ended. Copies no page tables. Meanwhile this process begins a
// session of its own and gives up its rights, the bounding set and the gaining of new ones too.
int sb_start_command(int (*body)(void *), void *context, int share_descriptors, struct sb_rights kept);
// In that child: waits until its parent has given up its rights; fails with what kept it from that.
int sb_await_rights(void);

// Asks for turns that are as short as can be, and come the sooner for it (sched_setattr(2), sched_runtime; Linux 6.12).
// Earlier kernels take no notice.
int sb_shorten_slice(void);

static inline int sb_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = flags;
    how.mode = mode;
    how.resolve = resolve;
    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

// Where a file is (statx(2)): the mount, and the file on it. ENOSYS where the kernel does not tell mounts apart (before 5.8).
struct sb_place {
    uint64_t mount, inode;
    uint32_t device_major, device_minor;
    uint32_t mode;
    // 1 where it is what is mounted, and nothing beneath that.
    uint32_t is_top;
};
static inline int sb_find_place(int fd, const char *path, struct sb_place *place) {
    struct statx status;
    int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (statx(fd, path, flags, STATX_TYPE | STATX_INO | STATX_MNT_ID, &status) != 0) return -1;
    if (!(status.stx_mask & STATX_MNT_ID)) {
        errno = ENOSYS;
        return -1;
    }
    place->mount = status.stx_mnt_id;
    place->inode = status.stx_ino;
    place->device_major = status.stx_dev_major;
    place->device_minor = status.stx_dev_minor;
    place->mode = status.stx_mode;
    place->is_top = (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    return 0;
}

// A limit of time for calls that wait: after it SIGALRM interrupts them again and again (setitimer(2)), so that none is
// missed that begins just then. One that is due has been started, not stopped, and has passed.
int sb_start_limit(int64_t milliseconds);
void sb_stop_limit(void);
int sb_limit_is_due(void);
int sb_limit_passed(void);

static inline int sb_pivot_root(const char *newRoot, const char *putOld) {
    return (int)syscall(SYS_pivot_root, newRoot, putOld);
}

static inline int sb_seccomp_load(uint16_t count, const struct sock_filter *filter) {
    struct sock_fprog program = {count, (struct sock_filter *)filter};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

// The same filter with a descriptor by which a supervisor hears of its questions (seccomp_unotify(2)). Waits for an
// answer that has been begun end with the process only, where the kernel can do that (5.19).
int sb_seccomp_listen(uint16_t count, const struct sock_filter *filter);
// The next question (SECCOMP_IOCTL_NOTIF_RECV): `data` is number, architecture, six arguments.
struct sb_question {
    uint64_t id;
    pid_t process;
    uint32_t number;
    uint32_t architecture;
    uint64_t arguments[6];
};
int sb_seccomp_receive(int listener, struct sb_question *question);
// Answers a question (SECCOMP_IOCTL_NOTIF_SEND): the call is made where `made` is set, or else fails with `error`, or is
// said to have succeeded where that is 0.
int sb_seccomp_answer(int listener, uint64_t id, int made, int error);
// Whether the asking process still waits for the answer (SECCOMP_IOCTL_NOTIF_ID_VALID).
int sb_seccomp_is_valid(int listener, uint64_t id);

// One byte and one descriptor over a socket (SCM_RIGHTS of unix(7)). The receiver answers the descriptor, or -1 with
// errno 0 where there is none or the other end is closed.
int sb_send_descriptor(int socket, int descriptor);
int sb_receive_descriptor(int socket);
static inline int sb_socket_pair(int *ends) { return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); }

// landlock(7). The structures are ours: those of the kernel's headers lack what came after them. A kernel that knows
// less takes what is longer where the rest is zero.
// The numbers are those of every architecture.
enum { SB_LANDLOCK_CREATE_RULESET = 444, SB_LANDLOCK_ADD_RULE = 445, SB_LANDLOCK_RESTRICT_SELF = 446 };
struct sb_landlock_ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};
static inline int sb_landlock_version(void) { return (int)syscall(SB_LANDLOCK_CREATE_RULESET, NULL, 0, 1U); }
static inline int sb_landlock_create_ruleset(uint64_t files, uint64_t network, uint64_t scopes) {
    struct sb_landlock_ruleset ruleset = {files, network, scopes};
    return (int)syscall(SB_LANDLOCK_CREATE_RULESET, &ruleset, sizeof ruleset, 0U);
}
static inline int sb_landlock_allow_beneath(int ruleset, int fd, uint64_t rights) {
    struct {
        uint64_t allowed_access;
        int32_t parent_fd;
    } __attribute__((packed)) rule = {rights, fd};
    return (int)syscall(SB_LANDLOCK_ADD_RULE, ruleset, 1, &rule, 0U);
}
static inline int sb_landlock_allow_port(int ruleset, uint64_t port, uint64_t rights) {
    struct {
        uint64_t allowed_access, port;
    } rule = {rights, port};
    return (int)syscall(SB_LANDLOCK_ADD_RULE, ruleset, 2, &rule, 0U);
}
static inline int sb_landlock_restrict_self(int ruleset) { return (int)syscall(SB_LANDLOCK_RESTRICT_SELF, ruleset, 0U); }

// glibc's wrappers of these change the credentials of every thread and keep their own lists; here there is one thread.
static inline int sb_setresuid(uid_t id) { return (int)syscall(SYS_setresuid, id, id, id); }
static inline int sb_setresgid(gid_t id) { return (int)syscall(SYS_setresgid, id, id, id); }
static inline int sb_setgroups(size_t count, const gid_t *list) { return (int)syscall(SYS_setgroups, count, list); }

static inline int sb_prctl(int option, unsigned long a, unsigned long b) { return prctl(option, a, b, 0UL, 0UL); }
static inline char **sb_environ(void) { return environ; }
static inline int sb_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static inline int sb_openat(int dirfd, const char *path, int flags, mode_t mode) {
    return openat(dirfd, path, flags, mode);
}
static inline int sb_fcntl(int fd, int command, int argument) { return fcntl(fd, command, argument); }
// A socket of rtnetlink(7) that hears of changes of addresses where `hears` is set. A dump then gives the table that was
// asked for alone.
static inline int sb_open_routes(int hears) {
    int socket_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (hears ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);
    if (socket_ < 0) return -1;
    struct sockaddr_nl address;
    memset(&address, 0, sizeof address);
    address.nl_family = AF_NETLINK;
    if (hears) address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    int strict = 1;
    // Without it the kernel gives more, which the reader leaves out.
    setsockopt(socket_, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
    if (bind(socket_, (struct sockaddr *)&address, sizeof address) == 0) return socket_;
    int failure = errno;
    close(socket_);
    errno = failure;
    return -1;
}
// The flags of a file that chattr(1) sets (ioctl_iflags(2)), 0 where it can have none. <linux/fs.h>, which names the
// requests, contradicts <sys/mount.h>.
static inline int sb_file_flags(int fd) {
    int flags = 0;
    return ioctl(fd, _IOR('f', 1, long), &flags) == 0 ? flags : 0;
}
static inline int sb_set_file_flags(int fd, int flags) { return ioctl(fd, _IOW('f', 2, long), &flags); }
// Gives up a lease on the open file (fcntl(2)), whichever process took it.
static inline void sb_end_lease(int fd) {
    if (fcntl(fd, F_GETLEASE) != F_UNLCK) fcntl(fd, F_SETLEASE, F_UNLCK);
}
// Whether nobody else may open the terminal (TIOCGEXCL of TIOCEXCL(2const)).
static inline int sb_is_exclusive(int fd) {
    int exclusive = 0;
    return ioctl(fd, TIOCGEXCL, &exclusive) == 0 && exclusive;
}
static inline int sb_share_terminal(int fd) { return ioctl(fd, TIOCNXCL); }
// KEYCTL_JOIN_SESSION_KEYRING without a name.
static inline int sb_join_session_keyring(void) { return syscall(SYS_keyctl, 1, NULL) < 0 ? -1 : 0; }
static inline int sb_is_writable(int fd) { return (int)syscall(439, fd, "", W_OK, AT_EMPTY_PATH); }  // faccessat2(2)
static inline int sb_setns(int fd, int type) { return setns(fd, type); }
static inline int sb_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

// A process beside this one, in its memory and with its descriptors, that makes a network namespace with its loopback up
// (unshare(2), netdevice(7)) while this one goes on. Answers the process's id.
int sb_begin_network(void);
/// Starts a program without waiting for it to be executed, as posix_spawn(3) does: two of them are loaded at once. All
/// that is given must stay until it has ended. `place` is 0 or 1; exit status 127 where it could not be executed.
int sb_start_beside(int place, const char *path, char *const words[], char *const environment[]);
// Waits for that process, and enters the namespace it has made (setns(2)).
int sb_enter_network(int process);

// The release of uname(2), as text. (Swift sees struct utsname differently from two modules.)
const char *sb_kernel_release(void);

static inline int sb_unshare(int flags) { return unshare(flags); }

/// A lock on one byte of a file, of the open file description (fcntl_locking(2)). `kind` is F_RDLCK, F_WRLCK or F_UNLCK.
static inline int sb_lock_byte(int fd, int64_t offset, short kind, int wait) {
    struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
    return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
}

// The macros of <sys/wait.h>.
static inline int sb_exited(int status) { return WIFEXITED(status); }
static inline int sb_exit_status(int status) { return WEXITSTATUS(status); }
static inline int sb_term_signal(int status) { return WTERMSIG(status); }

// A macro of macros, which Swift does not see (open(2)).
static const int32_t SB_O_TMPFILE = O_TMPFILE;

// The file types of inode(7).
enum {
    SB_S_IFMT = S_IFMT,
    SB_S_IFREG = S_IFREG,
    SB_S_IFDIR = S_IFDIR,
    SB_S_IFLNK = S_IFLNK,
    SB_S_IFIFO = S_IFIFO,
    SB_S_IFSOCK = S_IFSOCK,
    SB_S_IFCHR = S_IFCHR,
    SB_S_IFBLK = S_IFBLK,
};
static inline int sb_signal_code(const siginfo_t *info) { return info->si_code; }
static inline int sb_signal_number(const siginfo_t *info) { return info->si_signo; }

// Whether a call is there at all: each is made with arguments that the kernel refuses before it does anything. -1 and
// ENOSYS, or EPERM of a seccomp filter, mean that it is not.
static inline int sb_try_openat2(void) { return (int)syscall(SYS_openat2, -1, "", NULL, 0); }
static inline int sb_try_close_range(void) { return (int)syscall(SYS_close_range, 1, 0, 0); }
static inline int sb_try_open_tree(void) { return (int)syscall(SYS_open_tree, -1, "", ~0U); }
static inline int sb_try_mount_setattr(void) { return (int)syscall(SYS_mount_setattr, -1, "", ~0U, NULL, 0); }
static inline int sb_try_pidfd_open(void) { return (int)syscall(SYS_pidfd_open, -1, 0); }
/// EFAULT where these flags of SECCOMP_SET_MODE_FILTER are known, EINVAL where not (seccomp(2)).
static inline int sb_try_seccomp_flags(unsigned flags) {
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL);
}
enum { SB_SECCOMP_WAIT_KILLABLE = SECCOMP_FILTER_FLAG_NEW_LISTENER | 1U << 5 };
static inline uint64_t sb_mount_attr_size(void) { return sizeof(struct mount_attr); }

// A program by descriptor (execveat(2)), with this process's environment.
static inline int sb_execute_descriptor(int fd, char *const *words) {
    return (int)syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
}
static const int32_t SB_ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Enumerations of the kernel's headers that Swift reads more easily as plain values.
enum {
    SB_FSCONFIG_SET_FLAG = 0,
    SB_FSCONFIG_SET_STRING = 1,
    SB_FSCONFIG_CREATE = 6,
    SB_EFD_CLOEXEC = EFD_CLOEXEC,
    SB_SYNC_FILE_RANGE_WRITE = SYNC_FILE_RANGE_WRITE,
    SB_SI_USER = SI_USER,
    SB_SI_KERNEL = SI_KERNEL,
};

#endif
