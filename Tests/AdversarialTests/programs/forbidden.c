// Loaded into a command of the manager (LD_PRELOAD), and then tries from within what a hole in it would be used for: at
// the first rename, by which everything that is made is given its name. Prints `forbidden: NAME ERRNO`, 0 for success,
// to standard error; the files that it tries are in the folder $FORBIDDEN.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *name, long answer) {
    dprintf(2, "forbidden: %s %d\n", name, answer < 0 ? errno : 0);
}

static void try_all(const char *folder) {
    if (chdir(folder) != 0) return say("chdir", -1);
    say("write", open("written", O_WRONLY | O_CREAT, 0600));
    say("overwrite", open("secret", O_WRONLY));
    say("read", open("secret", O_RDONLY));
    say("list", open(".", O_RDONLY | O_DIRECTORY));
    say("remove", unlink("removable"));
    say("link", symlink("x", "link"));
    say("mode", chmod("secret", 0666));
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    int status = 1;
    if (child > 0) waitpid(child, &status, 0);
    say("fork", child);
    if (child < 0) say("execute", execl("/bin/true", "true", NULL));
    else say("execute", status == 0 ? 0 : -1);
    say("unix", socket(AF_UNIX, SOCK_STREAM, 0));
    say("internet", socket(AF_INET, SOCK_STREAM, 0));
    say("audit", socket(AF_NETLINK, SOCK_RAW, 9));
    say("signal", kill(getppid(), 0));
    errno = 0;
    syscall(SYS_io_uring_setup, 0, NULL);
    say("ring", errno == ENOSYS || errno == EPERM ? -1 : 0);
    say("trace", ptrace(PTRACE_TRACEME, 0, 0, 0));
    say("end", 0);
}

int rename(const char *from, const char *to) {
    static int tried;
    const char *folder = getenv("FORBIDDEN");
    if (!tried && folder) {
        tried = 1;
        int here = open(".", O_PATH | O_DIRECTORY);
        try_all(folder);
        fchdir(here);
        close(here);
    }
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    return real(from, to);
}
