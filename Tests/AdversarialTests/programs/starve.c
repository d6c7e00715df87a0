// Keeps every processor busy, and tries to keep the sandbox's init and the launcher from them: starve COUNT [WAY …].
// Says "ready" when all children run; they, and this process, end by no signal but SIGKILL. With no COUNT it ends itself.
//   init    lowers process 1, in each way there is, and says which went: nothing where none did
//   group   lowers its own session's scheduling group, and gives every child one of its own
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void lower_init(void) {
    struct sched_param none = {0};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    if (sched_setaffinity(1, sizeof one, &one) == 0) puts("affinity");
    if (syscall(SYS_ioprio_set, 1, 1, 3 << 13) == 0) puts("ioprio");
    if (syscall(SYS_ioprio_set, 2, 1, 3 << 13) == 0) puts("ioprio of the group");
    if (setpriority(PRIO_PROCESS, 1, 19) == 0) puts("priority");
    if (setpriority(PRIO_PGRP, 1, 19) == 0) puts("priority of the group");
    setpriority(PRIO_USER, 0, 19);
    if (getpriority(PRIO_PROCESS, 1) == 19) puts("priority of the user");
    if (sched_setscheduler(1, SCHED_BATCH, &none) == 0) puts("batch");
    if (sched_setscheduler(1, SCHED_IDLE, &none) == 0) puts("scheduler");
    if (sched_setparam(1, &none) == 0) puts("parameters");
    struct { unsigned size, policy; unsigned long long flags; int nice; unsigned priority; unsigned long long r, d, p; }
        attributes = {sizeof attributes, SCHED_IDLE, 0, 19, 0, 0, 0, 0};
    if (syscall(SYS_sched_setattr, 1, &attributes, 0) == 0) puts("attributes");
    int file = open("/proc/1/autogroup", O_WRONLY);
    if (file >= 0 && write(file, "19", 2) == 2) puts("autogroup");
    file = open("/proc/1/oom_score_adj", O_WRONLY);
    if (file >= 0 && write(file, "1000", 4) == 4) puts("memory");
    file = open("/proc/1/timerslack_ns", O_WRONLY);
    if (file >= 0 && write(file, "9000000000", 10) == 10) puts("timers");
    struct rlimit limit = {1, 1};
    if (syscall(SYS_prlimit64, 1, RLIMIT_CPU, &limit, NULL) == 0) puts("limits");
}

int main(int count, char *words[]) {
    int in_groups = 0;
    for (int i = 2; i < count; i++) {
        if (strcmp(words[i], "init") == 0) lower_init();
        if (strcmp(words[i], "group") == 0) in_groups = 1;
    }
    fflush(stdout);
    for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    if (in_groups) {
        int file = open("/proc/self/autogroup", O_WRONLY);
        if (file < 0 || write(file, "19", 2) != 2) perror("autogroup");
    }
    for (int i = 0; i < atoi(words[1]); i++) {
        pid_t child = fork();
        if (child < 0) { perror("fork"); break; }
        if (child > 0) continue;
        if (in_groups) setsid();
        for (;;) getppid();
    }
    puts("ready");
    fflush(stdout);
    while (atoi(words[1]) > 0) getppid();
}
