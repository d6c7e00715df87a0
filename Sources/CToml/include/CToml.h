// TOML 1.0 as a flat list of events, for languages that can't call C++. A document is parsed once and read by index.

#ifndef CTOML_H
#define CTOML_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    /// A table or an array begins; the events up to its `ctoml_end` are inside.
    ctoml_table,
    ctoml_array,
    ctoml_end,
    ctoml_string,
    ctoml_integer,
    ctoml_boolean,
    /// A date, a time or a floating-point number.
    ctoml_other,
} ctoml_kind;

/// One value with the place of its key, or of itself inside an array. Lines and columns count from 1; 0 is unknown.
typedef struct {
    ctoml_kind kind;
    /// UTF-8, not ended by a NUL byte; belongs to the document. Empty inside an array.
    const char *key;
    size_t key_length;
    /// The value of a `ctoml_string`.
    const char *text;
    size_t text_length;
    /// The value of a `ctoml_integer`; 0 or 1 for a `ctoml_boolean`.
    int64_t number;
    uint32_t line;
    uint32_t column;
} ctoml_event;

/// Parts of a key with dots between, and arrays and tables within one another: more of them is an error.
#define CTOML_MOST_PARTS 32
#define CTOML_MOST_DEPTH 32

typedef struct ctoml_document ctoml_document;

/// Never NULL; to be given back to `ctoml_free`.
ctoml_document *ctoml_parse(const char *text, size_t length);
void ctoml_free(ctoml_document *document);

/// What is wrong with the text, or NULL where nothing is; `line` and `column` are set with it.
const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column);

/// The events of the root table, without its own beginning and end.
size_t ctoml_count(const ctoml_document *document);
/// - index: less than `ctoml_count`.
ctoml_event ctoml_at(const ctoml_document *document, size_t index);

#ifdef __cplusplus
}
#endif

#endif
