// Stops another process as a debugger does and reads its memory (ptrace(2)): trace PROCESS. Prints the number of the
// error, or 0.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    pid_t process = atoi(words[1]);
    int failure = ptrace(PTRACE_SEIZE, process, 0, 0) < 0 ? errno : 0;
    printf("%d\n", failure);
    if (!failure) ptrace(PTRACE_DETACH, process, 0, 0);
    return 0;
}
