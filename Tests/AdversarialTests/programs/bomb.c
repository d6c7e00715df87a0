// Makes processes until the kernel gives no more, each of which does the same; all ignore what may be ignored.
// bomb MARK LIMIT: MARK is there for ps(1), LIMIT is the number that this bomb stops at if nothing else stops it.
// Prints `started`, and `refused` where the kernel gave no more.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct count { int made, refused; };

int main(int count, char **words) {
    if (count != 3) return 2;
    int limit = atoi(words[2]);
    struct count *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return 1;
    for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
    puts("started");
    fflush(stdout);
    for (;;) {
        if (__atomic_load_n(&all->made, __ATOMIC_RELAXED) >= limit || __atomic_load_n(&all->refused, __ATOMIC_RELAXED)) {
            usleep(100000);
        } else if (fork() >= 0) {
            __atomic_add_fetch(&all->made, 1, __ATOMIC_RELAXED);
        } else if (!__atomic_exchange_n(&all->refused, 1, __ATOMIC_RELAXED)) {
            puts("refused");
            fflush(stdout);
        }
    }
}
