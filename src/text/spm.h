/* SentencePiece models of the unigram kind (source.spm, target.spm of Marian translators): a text is
 * normalised by the table that the file brings and cut into the pieces that are most probable together. Must
 * match SentencePiece's encoder without sampling. Written here, because the library is C++ and would be a
 * dependency of every program for two hundred lines of search; the tests compare with what the library says.
 */
#ifndef FC_TEXT_SPM_H
#define FC_TEXT_SPM_H

#include "base/arena.h"
#include "base/buf.h"

#define FC_SPM_MAX_FILE ((size_t)64 << 20)
#define FC_SPM_MAX_TEXT ((size_t)64 << 10)

typedef struct fc_spm fc_spm;

/* data is copied. UNSUPPORTED: a model of another kind (byte pairs, words); FORMAT: no model at all. */
fc_status fc_spm_open(fc_spm **out, const void *data, size_t size, fc_err *err) FC_MUST_USE;
fc_status fc_spm_open_file(fc_spm **out, const char *path, fc_err *err) FC_MUST_USE;
void fc_spm_close(fc_spm *m); /* NULL is fine */

typedef struct fc_spm_pieces {
    const char **items; /* "▁the"; neighbours that the model does not know are one piece */
    size_t count;
} fc_spm_pieces;

/* Everything lives in the arena. LIMIT: a text over FC_SPM_MAX_TEXT. */
fc_status fc_spm_encode(const fc_spm *m, const char *text, fc_arena *arena, fc_spm_pieces *out,
                        fc_err *err) FC_MUST_USE;
/* Appends one piece of a text that begins where out is empty; blanks stand where the pieces say. */
void fc_spm_decode(const char *piece, fc_buf *out);

#endif
