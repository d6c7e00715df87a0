#include <zlib.h>

// inflateInit2 is a macro.
static inline int sb_inflate_init_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
