// Names a file by its handle and opens it by that (open_by_handle_at(2)): handles PATH.
// Prints what each of the two calls failed with, or 0.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    struct file_handle *handle = calloc(1, sizeof *handle + MAX_HANDLE_SZ);
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount;
    int named = name_to_handle_at(AT_FDCWD, words[1], handle, &mount, 0) < 0 ? errno : 0;
    // One that a program made up: inode 2 is the root of an ext4.
    if (named) {
        handle->handle_bytes = 8;
        handle->handle_type = 1;
        memcpy(handle->f_handle, "\2\0\0\0\0\0\0\0", 8);
    }
    int folder = open(words[1], O_RDONLY);
    int opened = open_by_handle_at(folder, handle, O_RDONLY) < 0 ? errno : 0;
    printf("%d %d\n", named, opened);
    return 0;
}
