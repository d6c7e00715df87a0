// Enters the namespace that a descriptor stands for (setns(2)): enter DESCRIPTOR. Prints the number of the error, or 0.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    printf("%d\n", setns(atoi(words[1]), 0) < 0 ? errno : 0);
    return 0;
}
