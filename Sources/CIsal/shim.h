// One gzip member after the other through ISA-L. Behind an opaque pointer, as Swift can't import arrays this long.
#include <isa-l/igzip_lib.h>
#include <stddef.h>
#include <stdlib.h>

struct sb_gunzip {
    struct inflate_state state;
    // Kept between calls: a header may come in pieces.
    struct isal_gzip_header header;
    int in_header;
};

static inline void sb_gunzip_reset(void *opaque) {
    struct sb_gunzip *gunzip = (struct sb_gunzip *)opaque;
    isal_inflate_reset(&gunzip->state);
    gunzip->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
    isal_gzip_header_init(&gunzip->header);
    gunzip->in_header = 1;
}

// NULL without memory; to be given to free(3).
static inline void *sb_gunzip_new(void) {
    struct sb_gunzip *gunzip = (struct sb_gunzip *)malloc(sizeof *gunzip);
    if (gunzip) {
        isal_inflate_init(&gunzip->state);
        sb_gunzip_reset(gunzip);
    }
    return gunzip;
}

// Goes on as far as input and output reach, and counts down both.
// 0: more input or output is wanted; 1: the member ends here, its sum is right; below 0: ISA-L's error.
static inline int sb_gunzip_step(void *opaque, const uint8_t *in, uint32_t *in_count, uint8_t *out,
                                 uint32_t *out_count) {
    struct sb_gunzip *gunzip = (struct sb_gunzip *)opaque;
    struct inflate_state *state = &gunzip->state;
    int status = ISAL_DECOMP_OK;
    state->next_in = (uint8_t *)in;
    state->avail_in = *in_count;
    state->next_out = out;
    state->avail_out = *out_count;
    if (gunzip->in_header) {
        status = isal_read_gzip_header(state, &gunzip->header);
        if (status == ISAL_DECOMP_OK) gunzip->in_header = 0;
    }
    if (!gunzip->in_header && status == ISAL_DECOMP_OK) status = isal_inflate(state);
    *in_count = state->avail_in;
    *out_count = state->avail_out;
    if (status < 0) return status;
    return !gunzip->in_header && state->block_state == ISAL_BLOCK_FINISH;
}
