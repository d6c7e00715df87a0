// Types into the terminal on standard input: terminal REQUEST, where REQUEST is a number of ioctl_tty(2) in C's notation.
// Prints the number of the error, or 0.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    // Not ioctl(3), which may cut the request down: all 64 bits go to the kernel, and to a filter.
    char argument[] = "x";
    long result = syscall(SYS_ioctl, 0, strtoul(words[1], NULL, 0), argument);
    printf("%d\n", result < 0 ? errno : 0);
    return 0;
}
