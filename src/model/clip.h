/* CLIP text encoders of SDXL: CLIP-L (Hugging Face layout of the file) and OpenCLIP bigG (its own layout),
 * one transformer for both; widths and depths are read from the file. Must match transformers' CLIPTextModel
 * and open_clip. */
#ifndef FC_MODEL_CLIP_H
#define FC_MODEL_CLIP_H

#include "nn/ops.h"

typedef struct fc_clip fc_clip;

/* Where single-file checkpoints keep them. */
#define FC_CLIP_L_PREFIX         "conditioner.embedders.0.transformer.text_model."
#define FC_CLIP_G_PREFIX         "conditioner.embedders.1.model."
#define FC_CLIP_G_REFINER_PREFIX "conditioner.embedders.0.model."

/* Opens the encoder whose names begin with prefix; which of the two layouts it has is seen from the file. w
 * must outlive the model. */
fc_status fc_clip_open(fc_clip **out, fc_weights *w, const char *prefix, fc_err *err) FC_MUST_USE;
void fc_clip_close(fc_clip *c); /* NULL is fine */
/* Gives its packed weights back to their cache; the next text packs them again. NULL is fine. */
void fc_clip_evict(fc_clip *c);

int32_t fc_clip_width(const fc_clip *c);
int32_t fc_clip_pooled_width(const fc_clip *c);
int32_t fc_clip_tokens(const fc_clip *c); /* positions of one chunk: 77 */
int64_t fc_clip_words(const fc_clip *c);  /* rows of the token table: ids are below it */

typedef struct fc_clip_request {
    const int32_t *ids; /* [n][tokens]; a negative id -k-1 takes row k of extra */
    const float *extra; /* [.][width]: textual inversion; may be NULL */
    int32_t n;          /* chunks */
    int32_t skip;       /* hidden state `skip` from the end: 1 is the last layer, 2 the last but one, without
                           the final norm; more than there are layers: the last one with it, as the reference */
    int32_t pool_chunk; /* chunk whose pooled vector is wanted; -1: none, and layers that only it needs are
                           not run */
} fc_clip_request;

/* hidden: host [n][tokens][width], the state after the chosen layer, without the final norm.
 * pooled: host [pooled_width]: the last layer's state, normalised, at the first of the chunk's largest ids
 * (the end token), times the text projection where the file has one. */
void fc_clip_encode(fc_cx *cx, const fc_clip *c, const fc_clip_request *r, float *hidden, float *pooled);

#endif
