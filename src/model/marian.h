/* Marian translation networks (transformers' MarianMTModel; opus-mt): a transformer that reads a sentence and
 * one that writes its translation, norms behind each sum, sinusoidal places (sines, then cosines), one word
 * table for both sides and the logits. What is computed is float32: which word comes hangs on it. */
#ifndef FC_MODEL_MARIAN_H
#define FC_MODEL_MARIAN_H

#include "model/beam.h"
#include "nn/ops.h"

/* What config.json says and tensors do not. */
typedef struct fc_marian_config {
    int32_t reader_heads, writer_heads, context; /* context: tokens it can read or write */
    fc_act act;                                  /* of the feed-forward layers */
    bool scale;                                  /* word vectors times the root of their width */
    int32_t pad, end, start;                     /* pad is never written; start stands before a translation */
} fc_marian_config;

typedef struct fc_marian fc_marian;

/* w must outlive the model. UNSUPPORTED when the file holds no such network. */
fc_status fc_marian_open(fc_marian **out, fc_weights *w, const fc_marian_config *config,
                         fc_err *err) FC_MUST_USE;
void fc_marian_close(fc_marian *m);          /* NULL is fine */
int32_t fc_marian_words(const fc_marian *m); /* ids are below it */

/* The translation of ids, whose last one is the end token, by a beam search; opts->max_length is cut to the
 * context. out [max_length]: without the end, *written tokens. Everything lies on cx's stack until it
 * returns. */
fc_status fc_marian_translate(fc_cx *cx, const fc_marian *m, const int32_t *ids, int32_t count,
                              const fc_beam_opts *opts, int32_t *out, int32_t *written,
                              fc_err *err) FC_MUST_USE;

#endif
