#include "CLinux.h"

#include <sched.h>
#include <sys/utsname.h>

const char *sb_kernel_release(void) {
    static struct utsname names;
    return uname(&names) == 0 ? names.release : "";
}

int sb_vfork_call(int (*body)(void *), void *context) {
    enum { SIZE = 1 << 20 };
    char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) return -1;
    int child = clone(body, stack + SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, context);
    int failure = errno;
    munmap(stack, SIZE);
    errno = failure;
    return child;
}
