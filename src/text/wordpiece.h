/* BERT's word pieces as ids: the vocabulary is a text with one piece a line, whose number is its id. */
#ifndef FC_TEXT_WORDPIECE_H
#define FC_TEXT_WORDPIECE_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct fc_wordpiece {
    const char **pieces;
    size_t count;
} fc_wordpiece;

/* text lives in the arena or longer, and is cut into lines in place. FORMAT: no vocabulary. */
fc_status fc_wordpiece_init(fc_wordpiece *v, char *text, size_t size, fc_arena *arena,
                            fc_err *err) FC_MUST_USE;
/* The id of a whole word; -1: it is none. */
int32_t fc_wordpiece_id(const fc_wordpiece *v, const char *word);
/* Appends the sentence of ids: pieces that go on with a word join it, marks stand close, [..] is left out. */
void fc_wordpiece_decode(const fc_wordpiece *v, const int32_t *ids, int32_t count, fc_buf *out);

#endif
