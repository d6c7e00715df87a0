// Makes system calls by number, and sockets, and prints what each answered: `NUMBER ERRNO` or `FAMILY/PROTOCOL ERRNO`.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **words) {
    for (int i = 1; i < count; i++) {
        char *slash = strchr(words[i], '/');
        errno = 0;
        if (slash) {
            int type = atoi(words[i]) == AF_NETLINK || atoi(words[i]) == AF_PACKET ? SOCK_RAW : SOCK_STREAM;
            socket(atoi(words[i]), type, atoi(slash + 1));
        } else {
            syscall(atol(words[i]), 0, 0, 0, 0, 0, 0);
        }
        printf("%s %d\n", words[i], errno);
    }
    return 0;
}
