// Does to the caller's descriptor 0, 1 or 2 what a file's owner may, or says what went wrong: handed-in NUMBER WAY …
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

int main(int count, char *words[]) {
    if (count < 3) return 2;
    int number = atoi(words[1]);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    // acl(5): user::rw-, user 7::rwx, group::---, mask::rwx, other::---, in the kernel's own form.
    static const unsigned char list[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 7, 0, 7, 0, 0, 0,
        4, 0, 0, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255};
    for (int i = 2; i < count; i++) {
        int result = -1;
        errno = EINVAL;
        if (!strcmp(words[i], "chmod")) result = fchmod(number, 04777);
        if (!strcmp(words[i], "chmod-path")) result = chmod(path, 06755);
        if (!strcmp(words[i], "chown")) result = fchown(number, 5, 6);
        if (!strcmp(words[i], "list")) result = fsetxattr(number, "system.posix_acl_access", list, sizeof list, 0);
        if (!strcmp(words[i], "truncate")) result = truncate(path, 0);
        if (!strcmp(words[i], "reopen")) result = open(path, O_WRONLY | O_TRUNC);
        if (!strcmp(words[i], "overwrite")) {
            int file = open(path, O_WRONLY);
            result = file < 0 ? -1 : (int)pwrite(file, "XXXX", 4, 0);
        }
        // capabilities(7), all of them: version 2 in the kernel's own form.
        static const unsigned char all[20] = {1, 0, 0, 2, 255, 255, 255, 255};
        if (!strcmp(words[i], "capabilities")) result = fsetxattr(number, "security.capability", all, sizeof all, 0);
        if (!strcmp(words[i], "attribute")) result = fsetxattr(number, "user.evil", "x", 1, 0);
        if (!strcmp(words[i], "no-attribute")) result = fremovexattr(number, "user.kept");
        // FS_IOC_SETFLAGS of ioctl_iflags(2): no dump, synchronous.
        if (!strcmp(words[i], "flags")) result = ioctl(number, _IOW('f', 2, long), &(int){0x48});
        if (!strcmp(words[i], "lease")) result = fcntl(number, F_SETLEASE, F_RDLCK);
        dprintf(number == 2 ? 1 : 2, "%s %d\n", words[i], result < 0 ? errno : 0);
    }
}
