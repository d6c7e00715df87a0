// Asks a service for its line, by an interface of one's choice as well: reach DEVICE ADDRESS PORT … in threes, where DEVICE
// may be `-`. Prints, for each, the address and the line, or `-` where nobody answers.
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void ask(const char *device, const char *address, int port, char *line, int room) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    int is_six = strchr(address, ':') != NULL;
    if (inet_pton(is_six ? AF_INET6 : AF_INET, address, is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1) return;
    int is_bound = strcmp(device, "-") != 0;
    if (is_bound) six.sin6_scope_id = if_nametoindex(device);
    int link = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    struct timeval time = {2, 0};
    setsockopt(link, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    if (is_bound) setsockopt(link, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device));
    int failed = is_six ? connect(link, (void *)&six, sizeof six) : connect(link, (void *)&four, sizeof four);
    if (failed == 0) {
        long length = read(link, line, room - 1);
        if (length > 0) line[length] = 0;
    }
    close(link);
}

int main(int count, char *words[]) {
    for (int i = 1; i + 2 < count; i += 3) {
        char line[64] = "-\n";
        ask(words[i], words[i + 1], atoi(words[i + 2]), line, sizeof line);
        printf("%s %s %s", words[i], words[i + 1], line);
    }
}
