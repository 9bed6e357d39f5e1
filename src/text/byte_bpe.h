/* GPT-2's byte-level byte-pair tokenizer: text -> token ids and back. Its merges are a vocabulary as CLIP's
 * (clip_vocab.h) without tokens that end a word; ids 0..255 are the bytes in CLIP's order, 256 + k the result
 * of merge k, then the end of the text, which no text spells. Holds scratch memory: one thread at a time per
 * object. */
#ifndef FC_TEXT_BYTE_BPE_H
#define FC_TEXT_BYTE_BPE_H

#include "text/clip_bpe.h"

extern const fc_clip_vocab fc_gpt2_vocab_builtin; /* 50000 merges: the end of the text is 50256 */

typedef struct fc_byte_bpe {
    fc_clip_bpe merger;
    uint32_t *pairs; /* [merges]: what merge k joins, as in fc_clip_vocab */
} fc_byte_bpe;

/* vocab is borrowed. FORMAT for one with tokens that end a word. */
fc_status fc_byte_bpe_init(fc_byte_bpe *b, const fc_clip_vocab *vocab, fc_err *err) FC_MUST_USE;
void fc_byte_bpe_fini(fc_byte_bpe *b);

/* Appends the ids of text to out. Any bytes are fine, up to FC_CLIP_MAX_TEXT. */
fc_status fc_byte_bpe_encode(fc_byte_bpe *b, const char *text, size_t size, fc_codes *out,
                             fc_err *err) FC_MUST_USE;
/* Appends the bytes of ids to out, which need not be whole characters; ids that are no text are skipped. */
void fc_byte_bpe_decode(const fc_byte_bpe *b, const uint32_t *ids, size_t count, fc_buf *out);

#endif
