/* The small preview decoder (TAESD for SDXL): latents in the sampler's scale -> RGB 0..1, 8 pixels a latent.
 */
#ifndef FC_MODEL_TAESD_H
#define FC_MODEL_TAESD_H

#include "nn/ops.h"

typedef struct fc_taesd fc_taesd;

/* Layer names may stand bare ("1.weight", as in the usual file) or behind "taesd.". w must outlive the model.
 */
fc_status fc_taesd_open(fc_taesd **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_taesd_close(fc_taesd *t); /* NULL is fine */

/* z [n,h,w,4], the sampler's scale (not divided by 0.13025) -> [n,8h,8w,3] F32, about 0..1 */
fc_tensor fc_taesd_decode(fc_cx *cx, const fc_taesd *t, fc_tensor z);

/* Preview of one latent (host [h][w][4], h and w at least 2): averages 2x2 latents and decodes those into
 * rgb, host [4 * (h & ~1)][4 * (w & ~1)][3], truncated to 8 bits. */
void fc_taesd_preview(fc_cx *cx, const fc_taesd *t, const float *latent, int32_t h, int32_t w, uint8_t *rgb);

#endif
