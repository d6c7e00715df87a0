// Asks the filter it runs under about every system call, and makes none of them.
//
// A second filter hands every call to a listener, which answers ASKED. The kernel takes the strictest of what its
// filters say, and a listener comes after an errno and before "allowed" (seccomp(2)): so a call that the filter outside
// refuses answers that one's errno, and one that it allows answers ASKED. Prints `ARGUMENTS NUMBER ANSWER` lines.

#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASKED = 999, NUMBERS = 601, X32 = 0x40000000 };

// What rules look at: CLONE_… flags, personalities, socket families with type and protocol, requests of terminals.
static const unsigned long patterns[][3] = {
    {0}, {17}, {0x10000000}, {0x3d0f00}, {0x20000}, {1, 1, 0}, {2, 1, 0}, {8}, {10, 2, 0}, {16, 3, 0}, {16, 3, 9},
    {16, 3, 11}, {1ul << 32 | 16, 3, 1ul << 32 | 11}, {16, 3, 12}, {17, 3, 0}, {31}, {38, 5, 0}, {40, 1, 0}, {0x20008},
    {0x40000}, {0xffffffff}, {~0ul}, {1ul << 32 | 1}, {0, 0x5412}, {0, 1ul << 32 | 0x5412}, {0, 0x541c}, {0, 0x5423},
    {0, 0x5401},
};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

struct shared {
    atomic_int listener;
    atomic_int done;
    short answers[PATTERNS][2][NUMBERS];
};

static long ask(long number, const unsigned long *a) {
    long answer;
    register long d __asm__("r10") = 0;
    register long e __asm__("r8") = 0;
    register long f __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(d), "r"(e), "r"(f)
                     : "rcx", "r11", "memory");
    return -answer;
}

// Makes no call of its own once the filter is there: each would be handed to the listener.
static void ask_all(struct shared *shared) {
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {1, &all};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    shared->listener = listener < 0 ? -1 : listener;
    if (listener < 0) _exit(1);
    for (int pattern = 0; pattern < PATTERNS; pattern++)
        for (int number = 0; number < NUMBERS; number++)
            // uretprobe and uprobe are the kernel's own, and no filter is asked about them from 6.14 on.
            for (int foreign = 0; foreign < 2 && number != 335 && number != 336; foreign++)
                shared->answers[pattern][foreign][number] = ask(foreign ? number | X32 : number, patterns[pattern]);
    shared->done = 1;
    for (;;) {}
}

static int die(const char *what) {
    perror(what);
    return 1;
}

int main(void) {
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return die("mmap");
    // With the same table of descriptors: the listener is there as soon as it is made.
    pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (child < 0) return die("clone");
    if (child == 0) ask_all(shared);
    while (shared->listener == 0) {
        if (waitpid(child, NULL, WNOHANG) != 0) return die("the asking process ended");
        usleep(1000);
    }
    if (shared->listener < 0) return die("seccomp");
    struct pollfd waiting = {shared->listener, POLLIN, 0};
    while (!shared->done) {
        if (poll(&waiting, 1, 20) < 0) return die("poll");
        if (waiting.revents & POLLHUP) return die("the asking process was killed");
        if (!(waiting.revents & POLLIN)) continue;
        struct seccomp_notif asked;
        memset(&asked, 0, sizeof asked);
        if (ioctl(waiting.fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0) return die("receive");
        struct seccomp_notif_resp answer = {.id = asked.id, .error = -ASKED};
        if (ioctl(waiting.fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0) return die("send");
    }
    kill(child, SIGKILL);
    for (int pattern = 0; pattern < PATTERNS; pattern++)
        for (int foreign = 0; foreign < 2; foreign++)
            for (int number = 0; number < NUMBERS; number++)
                if (number != 335 && number != 336)
                    printf("%lx,%lx,%lx %s%d %d\n", patterns[pattern][0], patterns[pattern][1], patterns[pattern][2],
                           foreign ? "x32:" : "", number, shared->answers[pattern][foreign][number]);
    return 0;
}
