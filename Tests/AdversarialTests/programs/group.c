// What reaches this process's group and session, each said with the errno or 0: group
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    signal(SIGUSR1, SIG_IGN);
    printf("priority %d\n", setpriority(PRIO_PGRP, 0, 11) ? errno : 0);
    printf("ioprio %d\n", syscall(SYS_ioprio_set, 2, 0, 3 << 13) ? errno : 0);
    printf("signal %d\n", kill(0, SIGUSR1) ? errno : 0);
    FILE *file = fopen("/proc/self/autogroup", "w");
    int done = file && fputs("13", file) >= 0;
    printf("autogroup %d\n", file && fclose(file) == 0 && done ? 0 : errno);
}
