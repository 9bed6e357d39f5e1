/* The text cleaning in front of CLIP's byte-pair tokenizer, in the two versions that Fooocus ran. */
#ifndef FC_TEXT_CLEAN_H
#define FC_TEXT_CLEAN_H

#include <stddef.h>
#include "base/buf.h"

typedef enum fc_clean_rule {
    FC_CLEAN_STRIP_ACCENTS, /* transformers up to 4.30 (recipe 1.0): no accents, each mark . , ! a word */
    FC_CLEAN_KEEP_ACCENTS,  /* transformers from 4.31 (recipe 2.5): NFC, punctuation stays in its word */
} fc_clean_rule;

/* Replaces the content of out by the cleaned words of text with single spaces between. Any bytes are fine;
 * malformed UTF-8 is dropped. Needs at most FC_CLEAN_GROWTH bytes of out per byte of text (3 is the
 * most that any character was seen to take). */
#define FC_CLEAN_GROWTH 5
fc_status fc_clean_text(fc_clean_rule rule, const char *text, size_t size, fc_buf *out,
                        fc_err *err) FC_MUST_USE;

#endif
