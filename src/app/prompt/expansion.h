/* Prompt expansion as Fooocus's style "Fooocus V2" does it: a language model continues the prompt with words
 * of a list, each at most once, until the text fills whole chunks of 75 tokens. Which words come is drawn by
 * the seed, with the generator and the rules of the reference on a CPU, so the same seed gives the same
 * words. The model is the caller's (GPT-2 with its byte-level tokens). */
#ifndef FC_APP_PROMPT_EXPANSION_H
#define FC_APP_PROMPT_EXPANSION_H

#include "text/byte_bpe.h"

/* Reads n more tokens and tells the logits of the one that follows: logits [words]. */
typedef struct fc_expansion_model {
    void *user;
    int32_t words;   /* ids are below it */
    int32_t context; /* tokens it can read in all */
    fc_status (*read)(void *user, const int32_t *ids, int32_t n, float *logits, fc_err *err);
} fc_expansion_model;

/* The words that may be added: text with one on each line, as the list comes; words that are not a single
 * token are left out. allowed: [model->words], set to 1 where a token may be added. FORMAT when no word is
 * left. */
fc_status fc_expansion_words(fc_byte_bpe *bpe, const char *list, size_t size, uint8_t *allowed, int32_t words,
                             fc_err *err) FC_MUST_USE;

/* Appends prompt and the words that are added to out; only the low 32 bits of seed count. An empty prompt
 * stays empty. LIMIT when the prompt is too long for the model. */
fc_status fc_expansion_run(fc_byte_bpe *bpe, const fc_expansion_model *model, const uint8_t *allowed,
                           const char *prompt, uint64_t seed, fc_buf *out, fc_err *err) FC_MUST_USE;

#endif
