// Exchanges pairs of names, over and over, until it is killed (renameat2(2)): swap NAME NAME [NAME NAME…].

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>

int main(int count, char **words) {
    for (;;)
        for (int index = 1; index + 1 < count; index += 2)
            if (renameat2(AT_FDCWD, words[index], AT_FDCWD, words[index + 1], RENAME_EXCHANGE) < 0) return 1;
}
