/* The vocabulary of a CLIP tokenizer: an ordered list of byte-pair merges, nothing else. Immutable once made,
 * so any number of threads may share one.
 *
 * Token ids (fixed by CLIP): 0..255 bytes inside a word, 256..511 bytes that end a word, 512 + k the result
 * of merge k, then the start token and the end token. The built-in vocabulary (48894 merges: start 49406, end
 * 49407) is a constant table made at build time by tools/gen_clip_vocab.c; it needs no start-up work. */
#ifndef FC_TEXT_CLIP_VOCAB_H
#define FC_TEXT_CLIP_VOCAB_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

#define FC_CLIP_MAX_MERGES      65022u            /* ids stay below 65536 */
#define FC_CLIP_MAX_MERGES_TEXT ((size_t)4 << 20) /* bytes; CLIP's own merges are half a megabyte */
#define FC_CLIP_FIRST_MERGED    512u
#define FC_CLIP_NO_TOKEN        UINT32_MAX

typedef struct fc_clip_vocab {
    const uint32_t *pairs; /* left id << 16 | right id, ascending */
    const uint16_t *ranks; /* ranks[i]: place of pairs[i] in the list of merges; lower goes first */
    uint32_t merge_count;
    void *owned; /* NULL for the built-in table */
} fc_clip_vocab;

extern const fc_clip_vocab fc_clip_vocab_builtin; /* CLIP L and G of SDXL */

/* Reads a merges.txt: an optional "#version" line, then one merge a line, "left right", in CLIP's byte
 * alphabet with "</w>" behind tokens that end a word. Every token must be a single byte or the result of an
 * earlier line. */
fc_status fc_clip_vocab_init(fc_clip_vocab *v, const char *merges, size_t size, fc_err *err) FC_MUST_USE;
void fc_clip_vocab_fini(fc_clip_vocab *v);

static inline uint32_t fc_clip_vocab_start(const fc_clip_vocab *v)
{
    return FC_CLIP_FIRST_MERGED + v->merge_count;
}
static inline uint32_t fc_clip_vocab_end(const fc_clip_vocab *v)
{
    return FC_CLIP_FIRST_MERGED + 1 + v->merge_count;
}

uint32_t fc_clip_byte_id(uint8_t byte); /* 0..255; add 256 for a byte that ends a word */
/* The token that left and right merge into, FC_CLIP_NO_TOKEN when they do not. A lower id merges first. */
uint32_t fc_clip_vocab_merge(const fc_clip_vocab *v, uint32_t left, uint32_t right);

#endif
