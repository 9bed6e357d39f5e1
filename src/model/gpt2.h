/* GPT-2 (transformers' GPT2LMHeadModel): continues a text one token at a time. Widths and depth are read from
 * the file, heads are 64 wide (at least four of them; narrower in the tiny test model). Keys and values of
 * what has been read are kept, so a token costs one row. Everything is computed in float32: draws hang on it.
 */
#ifndef FC_MODEL_GPT2_H
#define FC_MODEL_GPT2_H

#include "nn/ops.h"

typedef struct fc_gpt2 fc_gpt2;

/* w must outlive the model; its matrices are marked as stored the other way round. UNSUPPORTED when the file
 * holds no GPT-2. */
fc_status fc_gpt2_open(fc_gpt2 **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_gpt2_close(fc_gpt2 *g); /* NULL is fine */
/* Gives its packed weights back to their cache. NULL is fine. */
void fc_gpt2_rest(fc_gpt2 *g);

int32_t fc_gpt2_width(const fc_gpt2 *g);
int32_t fc_gpt2_words(const fc_gpt2 *g);   /* ids are below it */
int32_t fc_gpt2_context(const fc_gpt2 *g); /* how many tokens it can read in all: 1024 */

/* A text that is being read; its tensors lie on cx's stack. */
typedef struct fc_gpt2_text {
    fc_tensor *kv; /* [layers]: [1,1,room,2 * width] */
    int32_t length, room;
} fc_gpt2_text;

/* An empty text of up to room tokens, room <= context. Lives as long as the scope that is open, and arena. */
void fc_gpt2_begin(fc_cx *cx, const fc_gpt2 *g, int32_t room, fc_arena *arena, fc_gpt2_text *text);
/* Reads n tokens: all of a text's beginning at once, or one more. logits: host [words], of what follows the
 * last; NULL: not wanted. */
void fc_gpt2_read(fc_cx *cx, const fc_gpt2 *g, fc_gpt2_text *text, const int32_t *ids, int32_t n,
                  float *logits);

#endif
