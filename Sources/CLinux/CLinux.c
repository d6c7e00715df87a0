#include "CLinux.h"

#include <link.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <malloc.h>
#include <sched.h>
#include <sys/utsname.h>

const char *sb_kernel_release(void) {
    static struct utsname names;
    return uname(&names) == 0 ? names.release : "";
}

// A system call that leaves `errno` alone, which two processes in one memory share: a negative answer is the error. Its
// fifth argument is 0, which prctl(2) insists on.
static inline long bare_call(long number, long a, long b, long c, long d) {
#if defined(__x86_64__)
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long call __asm__("x8") = number;
    register long first __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;
    register long fifth __asm__("x4") = 0;
    __asm__ volatile("svc 0"
                     : "+r"(first)
                     : "r"(call), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                     : "memory");
    return first;
#else
#error "which machine is this?"
#endif
}

// 1 until the command's process has executed a program or ended: the kernel clears it (CLONE_CHILD_CLEARTID).
static volatile int32_t shares_memory;
// What giving up rights has come to: 1 until it is done, then 0 or an error.
static volatile int32_t has_rights;

static void wait_while_set(volatile int32_t *word) {
    // Not a private one: the kernel's own waking looks for the other kind.
    while (*word == 1) bare_call(SYS_futex, (long)word, FUTEX_WAIT, 1, 0);
}

static int give_up_rights(struct sb_rights kept) {
    for (int number = 0; number < 64; number++) {
        if (!((kept.bounding & ~kept.capabilities) >> number & 1)) continue;
        long result = bare_call(SYS_prctl, PR_CAPBSET_DROP, number, 0, 0);
        if (result < 0) return (int)-result;
    }
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    for (int half = 0; half < 2; half++) {
        uint32_t bits = (uint32_t)(kept.capabilities >> (32 * half));
        data[half] = (struct __user_cap_data_struct){bits, bits, 0};
    }
    long result = bare_call(SYS_capset, (long)&header, (long)data, 0, 0);
    if (result == 0) result = bare_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0);
    return (int)-result;
}

int sb_start_command(int (*body)(void *), void *context, int share_descriptors, struct sb_rights kept) {
    enum { SIZE = 1 << 20 };
    char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) return -1;
    shares_memory = has_rights = 1;
    int flags = CLONE_VM | CLONE_CHILD_CLEARTID | (share_descriptors ? CLONE_FILES : 0) | SIGCHLD;
    int child = clone(body, stack + SIZE, flags, context, NULL, NULL, &shares_memory);
    int failure = errno;
    if (child >= 0) {
        // From here on the other process uses this memory: nothing but bare system calls.
        has_rights = give_up_rights(kept);
        bare_call(SYS_futex, (long)&has_rights, FUTEX_WAKE, 1, 0);
        // Last: a new scheduling group takes the kernel a while.
        bare_call(SYS_setsid, 0, 0, 0, 0);
        wait_while_set(&shares_memory);
    }
    munmap(stack, SIZE);
    errno = failure;
    return child;
}

int sb_await_rights(void) {
    wait_while_set(&has_rights);
    if (has_rights == 0) return 0;
    errno = has_rights;
    return -1;
}

int sb_shorten_slice(void) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {.size = 48};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) < 0) return -1;
    if (attributes.policy != SCHED_OTHER) return 0;
    attributes.flags = 0;
    attributes.runtime = 100 * 1000;
    return (int)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static int release_segments(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        // Only what was never written: the file has it still.
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W)) continue;
        uintptr_t start = (info->dlpi_addr + header->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (info->dlpi_addr + header->p_vaddr + header->p_memsz) & ~(page - 1);
        if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 1;
}

void sb_release_memory(void) {
    malloc_trim(0);
    dl_iterate_phdr(release_segments, NULL);
}

static volatile sig_atomic_t limit_passed, limit_runs;
static struct sigaction before_limit;

static void pass_limit(int unused) {
    (void)unused;
    limit_passed = 1;
}

int sb_start_limit(int64_t milliseconds) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    // Without SA_RESTART: what waits is to end.
    action.sa_handler = pass_limit;
    struct itimerval time = {.it_interval = {0, 50000},
                             .it_value = {milliseconds / 1000, (milliseconds % 1000) * 1000}};
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    if (sigaction(SIGALRM, &action, limit_runs ? NULL : &before_limit) != 0) return -1;
    limit_runs = 1;
    if (sigprocmask(SIG_UNBLOCK, &alarm, NULL) != 0) return -1;
    return setitimer(ITIMER_REAL, &time, NULL);
}

void sb_stop_limit(void) {
    if (!limit_runs) return;
    struct itimerval none;
    memset(&none, 0, sizeof none);
    setitimer(ITIMER_REAL, &none, NULL);
    limit_runs = 0;
    sigaction(SIGALRM, &before_limit, NULL);
}

int sb_limit_is_due(void) { return limit_runs && limit_passed; }
int sb_limit_passed(void) { return limit_passed; }

// What the process beside has come to: a descriptor of the namespace, or what it failed with.
static volatile int network_fd = -1, network_error;

static int make_network(void *unused) {
    (void)unused;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    // Nothing here but bare system calls: the other process is using this memory, its errno too.
    long link = -1;
    long space = bare_call(SYS_unshare, CLONE_NEWNET, 0, 0, 0);
    if (space == 0) space = link = bare_call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0);
    if (space >= 0) space = bare_call(SYS_ioctl, link, SIOCSIFFLAGS, (long)&request, 0);
    if (space >= 0) space = bare_call(SYS_openat, AT_FDCWD, (long)"/proc/self/ns/net", O_RDONLY | O_CLOEXEC, 0);
    network_error = space < 0 ? (int)-space : 0;
    network_fd = space < 0 ? -1 : (int)space;
    if (link >= 0) bare_call(SYS_close, link, 0, 0, 0);
    return 0;
}

struct program {
    const char *path;
    char *const *words;
    char *const *environment;
};

// In the caller's memory, beside the caller.
static int execute_program(void *context) {
    struct program *program = context;
    int *error = &errno;
    int before = *error;
    execve(program->path, program->words, program->environment);
    *error = before;
    _exit(127);
}

int sb_start_beside(int place, const char *path, char *const words[], char *const environment[]) {
    enum { SIZE = 16 << 10, COUNT = 2 };
    static char stacks[COUNT][SIZE] __attribute__((aligned(16)));
    static struct program programs[COUNT];
    if (place < 0 || place >= COUNT) {
        errno = EINVAL;
        return -1;
    }
    programs[place] = (struct program){path, words, environment};
    return clone(execute_program, stacks[place] + SIZE, CLONE_VM | SIGCHLD, &programs[place]);
}

int sb_begin_network(void) {
    enum { SIZE = 64 << 10 };
    static char stack[SIZE] __attribute__((aligned(16)));
    return clone(make_network, stack + SIZE, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
}

int sb_enter_network(int process) {
    int status;
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return -1;
    if (network_fd < 0) {
        errno = network_error ? network_error : EIO;
        return -1;
    }
    int result = setns(network_fd, CLONE_NEWNET);
    close(network_fd);
    return result;
}

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

int sb_seccomp_listen(uint16_t count, const struct sock_filter *filter) {
    struct sock_fprog program = {count, (struct sock_filter *)filter};
    long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (listener < 0 && errno == EINVAL) listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return listener;
}

// Kernels may know longer structures than these headers.
union notification {
    struct seccomp_notif question;
    struct seccomp_notif_resp answer;
    char room[1024];
};

int sb_seccomp_receive(int listener, struct sb_question *question) {
    union notification it;
    memset(&it, 0, sizeof it);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &it) < 0) return -1;
    question->id = it.question.id;
    question->process = (pid_t)it.question.pid;
    question->number = (uint32_t)it.question.data.nr;
    question->architecture = it.question.data.arch;
    for (int i = 0; i < 6; i++) question->arguments[i] = it.question.data.args[i];
    return 0;
}

int sb_seccomp_answer(int listener, uint64_t id, int made, int error) {
    union notification it;
    memset(&it, 0, sizeof it);
    it.answer.id = id;
    it.answer.error = -error;
    if (made) it.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &it);
}

int sb_seccomp_is_valid(int listener, uint64_t id) { return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

int sb_send_descriptor(int socket, int descriptor) {
    char byte = 1;
    struct iovec data = {&byte, 1};
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    return (int)sendmsg(socket, &message, MSG_NOSIGNAL);
}

int sb_receive_descriptor(int socket) {
    char byte;
    struct iovec data = {&byte, 1};
    union control control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (got == 0 || header == NULL || header->cmsg_type != SCM_RIGHTS) {
        errno = 0;
        return -1;
    }
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return descriptor;
}
