// Makes a socket of the family AF_ALG, which the filter refuses to socket(2), by io_uring(7) instead.
// Prints what socket(2) failed with, what io_uring_setup(2) failed with, and what the ring answered: a number of errno(3),
// or 0.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FAMILY = AF_ALG, SOCKET = 45 /* IORING_OP_SOCKET */ };

int main(void) {
    int plain = socket(FAMILY, SOCK_SEQPACKET, 0) < 0 ? errno : 0;
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0) {
        printf("%d %d -\n", plain, errno);
        return 0;
    }
    size_t size = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
    size_t other = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    if (other > size) size = other;
    char *queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entry = mmap(NULL, sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    if (queues == MAP_FAILED || entry == MAP_FAILED) return 1;
    memset(entry, 0, sizeof *entry);
    entry->opcode = SOCKET;
    entry->fd = FAMILY;
    entry->off = SOCK_SEQPACKET;
    *(uint32_t *)(queues + params.sq_off.array) = 0;
    __atomic_store_n((uint32_t *)(queues + params.sq_off.tail), 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return 1;
    struct io_uring_cqe *answer = (struct io_uring_cqe *)(queues + params.cq_off.cqes);
    printf("%d 0 %d\n", plain, answer->res < 0 ? -answer->res : 0);
    return 0;
}
