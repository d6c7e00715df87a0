#include "CLinux.h"

#include <sys/utsname.h>

const char *sb_kernel_release(void) {
    static struct utsname names;
    return uname(&names) == 0 ? names.release : "";
}
