// Says as whom it runs: real and effective id, and whether the kernel gave it rights for its file (AT_SECURE).

#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>

int main(void) {
    printf("%d %d %lu\n", getuid(), geteuid(), getauxval(AT_SECURE));
    return 0;
}
