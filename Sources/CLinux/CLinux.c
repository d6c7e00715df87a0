#include "CLinux.h"

#include <link.h>
#include <malloc.h>
#include <sched.h>
#include <sys/utsname.h>

const char *sb_kernel_release(void) {
    static struct utsname names;
    return uname(&names) == 0 ? names.release : "";
}

int sb_vfork_call(int (*body)(void *), void *context) {
    enum { SIZE = 1 << 20 };
    char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) return -1;
    int child = clone(body, stack + SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, context);
    int failure = errno;
    munmap(stack, SIZE);
    errno = failure;
    return child;
}

static int release_segments(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        // Only what was never written: the file has it still.
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W)) continue;
        uintptr_t start = (info->dlpi_addr + header->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (info->dlpi_addr + header->p_vaddr + header->p_memsz) & ~(page - 1);
        if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 1;
}

void sb_release_memory(void) {
    malloc_trim(0);
    dl_iterate_phdr(release_segments, NULL);
}
