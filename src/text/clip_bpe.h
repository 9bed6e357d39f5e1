/* CLIP's byte-pair tokenizer: text -> token ids, exactly as the slow CLIPTokenizer of transformers (without
 * ftfy). Holds scratch memory: one thread at a time per object; the vocabulary is borrowed. */
#ifndef FC_TEXT_CLIP_BPE_H
#define FC_TEXT_CLIP_BPE_H

#include <stdbool.h>
#include "text/clean.h"
#include "text/clip_vocab.h"
#include "text/codes.h"

#define FC_CLIP_MAX_TEXT ((size_t)64 << 10) /* bytes of one text */

struct fc_clip_symbol;
typedef struct fc_clip_bpe {
    const fc_clip_vocab *vocab;
    fc_clean_rule rule;
    fc_buf clean;                   /* cleaned text */
    struct fc_clip_symbol *symbols; /* scratch of the word being merged, room for `room` bytes */
    uint64_t *heap;
    size_t room, heap_len;
} fc_clip_bpe;

void fc_clip_bpe_init(fc_clip_bpe *b, const fc_clip_vocab *vocab, fc_clean_rule rule);
void fc_clip_bpe_fini(fc_clip_bpe *b);

/* Appends the ids of text to out: no start and end token, except where the text spells "<|startoftext|>" or
 * "<|endoftext|>". Any bytes are fine. */
fc_status fc_clip_bpe_encode(fc_clip_bpe *b, const char *text, size_t size, fc_codes *out,
                             fc_err *err) FC_MUST_USE;

/* One piece of size > 0 bytes, as it is; word: its last byte ends a word. */
void fc_clip_bpe_merge(fc_clip_bpe *b, const char *bytes, size_t size, bool word, fc_codes *out);

#endif
