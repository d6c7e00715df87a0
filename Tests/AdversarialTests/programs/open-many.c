// Opens a file COUNT times and keeps it open: open-many COUNT [PROGRAM WORDS…], which is executed with all of them open.
// Prints how many it came to.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count < 2) return 2;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int opened = 0;
    while (opened < atoi(words[1]) && open("/", O_RDONLY) >= 0) opened++;
    printf("%d\n", opened);
    fflush(stdout);
    if (count > 2) execvp(words[2], words + 2);
    return count > 2;
}
