/* "a __color__ car": words drawn from the lines of color.txt. Must match Fooocus 2.5.5: the same seed draws
 * the same words from the same files. */
#ifndef FC_APP_PROMPT_WILDCARDS_H
#define FC_APP_PROMPT_WILDCARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "app/common/warn.h"
#include "base/buf.h"
#include "base/pyrandom.h"

#ifdef FC_HARD
#define FC_WILDCARD_MAX_FILE  ((size_t)8 << 10)
#define FC_WILDCARD_MAX_DRAWS 128u
#define FC_WILDCARD_MAX_TEXT  ((size_t)4 << 10)
#else
#define FC_WILDCARD_MAX_FILE  ((size_t)8 << 20)  /* bytes of one file */
#define FC_WILDCARD_MAX_DRAWS 4096u              /* words of one text, nested ones included */
#define FC_WILDCARD_MAX_TEXT  ((size_t)64 << 10) /* bytes of a text before and after */
#endif
enum { FC_WILDCARD_MAX_PASSES = 64 };

typedef struct fc_wildcards fc_wildcards;

/* The files *.txt anywhere below the folders (missing ones are fine), then the built-in ones; of files with
 * the same name without ending the first counts, the others go by their place: "__sub/color__". Lines that
 * begin with '#' are comments. Files are read when they are used and kept: open a new set to see changes on
 * disk. Used by one thread at a time. */
fc_status fc_wildcards_open(const char *const *folders, size_t folder_count, fc_warn warn,
                            fc_wildcards **wildcards, fc_err *err) FC_MUST_USE;
void fc_wildcards_close(fc_wildcards *w);

/* Names without "__", sorted. */
size_t fc_wildcards_count(const fc_wildcards *w);
const char *fc_wildcards_name(const fc_wildcards *w, size_t index);

typedef struct fc_wildcard_draw {
    fc_pyrandom *random; /* one stream for all texts of a picture, in the order of docs/DATA.md */
    bool in_order;       /* line `image` modulo the count instead of a draw */
    uint64_t image;      /* 0-based place in the job */
} fc_wildcard_draw;

/* Replaces the content of out by text with its wildcards resolved, nested ones in up to 64 passes. A name
 * without file (or with an empty one) becomes the bare word, with a warning. LIMIT: the text or the number of
 * draws grows too large. */
fc_status fc_wildcards_apply(fc_wildcards *w, const char *text, const fc_wildcard_draw *draw, fc_buf *out,
                             fc_err *err) FC_MUST_USE;

#endif
