/* Private to spm*.c: what a model file holds. */
#ifndef FC_TEXT_SPM_IMPL_H
#define FC_TEXT_SPM_IMPL_H

#include <stdbool.h>
#include "base/hash.h"
#include "text/spm.h"

#define SPM_SPACE "\xe2\x96\x81" /* stands for a blank */

typedef enum spm_kind {
    SPM_NORMAL = 1,
    SPM_UNKNOWN = 2,
    SPM_CONTROL = 3,
    SPM_OWN = 4, /* a symbol of the user's */
    SPM_UNUSED = 5,
    SPM_BYTE = 6
} spm_kind;

typedef struct spm_piece {
    const char *text; /* in the file's bytes, not terminated */
    size_t size;
    float score;
    spm_kind kind;
} spm_piece;

struct fc_spm {
    fc_arena arena;
    char *data; /* the file's bytes */
    spm_piece *pieces;
    size_t count, longest; /* bytes of the longest piece */
    fc_strmap by_text;     /* pieces that a text may be cut into */
    float unknown_score, highest;
    /* What texts are normalised by: a trie of bytes in darts' form, and what its values point into. */
    const uint8_t *trie;
    size_t trie_units;
    const char *replacements;
    size_t replacements_size;
    bool prefix, trim, escape; /* a blank at the beginning; runs of blanks made one; blanks are SPM_SPACE */
};

/* spm_file.c: fills everything from m->data. */
fc_status spm_read(fc_spm *m, size_t size, fc_err *err) FC_MUST_USE;
/* spm_normal.c: appends the normalised text. */
void spm_normalise(const fc_spm *m, const char *text, size_t size, fc_buf *out);

#endif
