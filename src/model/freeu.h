/* FreeU (version 2): the decoder of a UNet trusts its own features more, and the skip connections' low
 * frequencies less. Costs a way to the host and back for six tensors a step. Must match ComfyUI's FreeU_V2.
 */
#ifndef FC_MODEL_FREEU_H
#define FC_MODEL_FREEU_H

#include "nn/ops.h"

typedef struct fc_freeu {
    float b1, s1; /* where the image is four times as deep as on the first level */
    float b2, s2; /* where it is twice as deep; 1: no change */
} fc_freeu;

/* Changes, in place, what comes into an output block: h [n,h,w,c], half of whose channels are multiplied
 * where the image has much in it, and skip [n,h,w,k]. channels: width of the first level. Does nothing on
 * other levels. */
void fc_freeu_apply(fc_cx *cx, const fc_freeu *f, int32_t channels, fc_tensor h, fc_tensor skip);

/* The filter alone, on host [h][w][c]: the four lowest frequencies (0 and -1 in both directions) times scale.
 */
fc_status fc_freeu_filter(float *x, int32_t h, int32_t w, int32_t c, float scale) FC_MUST_USE;

#endif
