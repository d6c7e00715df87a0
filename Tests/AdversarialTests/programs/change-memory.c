// Calls that a filter refuses, on memory that another thread keeps changing.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile char target[16] = "/mnt";
static struct sockaddr_in address;
static volatile int done;

static void *change(void *unused) {
    (void)unused;
    for (unsigned i = 0; !done; i++) {
        target[1] = i & 1 ? 'm' : 't';
        address.sin_addr.s_addr = htonl(i & 1 ? 0x7f000001 : 0xc0000201);
    }
    return NULL;
}

int main(void) {
    pthread_t thread;
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    pthread_create(&thread, NULL, change, NULL);
    int refused = 0, other = 0, reached = 0;
    for (int i = 0; i < 2000; i++) {
        if (mount("x", (const char *)target, "tmpfs", 0, NULL) < 0 && errno == EPERM) refused++;
        else other++;
        if (i % 20) continue;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) reached++;
        close(fd);
    }
    done = 1;
    pthread_join(thread, NULL);
    printf("refused %d, other %d, reached %d\n", refused, other, reached);
}
