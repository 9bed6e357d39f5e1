/* BLIP's captioner: a vision transformer sees a picture, and a BERT that looks at it writes a sentence.
 * Files: BLIP's own checkpoint (model_base_caption_capfilt_large.pth) and transformers'
 * (BlipForConditionalGeneration); sizes are read from the file, heads are 64 wide (at least two of them;
 * narrower in the tiny test model). What is computed is float32: which word comes hangs on it. */
#ifndef FC_MODEL_BLIP_H
#define FC_MODEL_BLIP_H

#include "model/beam.h"
#include "nn/ops.h"

typedef struct fc_blip fc_blip;

/* w must outlive the model. UNSUPPORTED when the file holds no captioner. */
fc_status fc_blip_open(fc_blip **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_blip_close(fc_blip *b); /* NULL is fine */

int32_t fc_blip_size(const fc_blip *b);  /* side of the pictures it sees, in pixels: 384 */
int32_t fc_blip_words(const fc_blip *b); /* ids are below it */

/* rgb: host [size][size][3]. The sentence behind prompt (one token at least) by a beam search:
 * out [max_length], without prompt and end, *written tokens. Everything lies on cx's stack until it returns.
 */
fc_status fc_blip_describe(fc_cx *cx, const fc_blip *b, const uint8_t *rgb, const int32_t *prompt,
                           int32_t prompt_count, const fc_beam_opts *opts, int32_t *out, int32_t *written,
                           fc_err *err) FC_MUST_USE;

#endif
