/* The first layer of Fooocus's inpainting engine: tells a UNet what is to be painted and what is around it.
 * One 3x3 convolution without bias on mask and latent, its result is added to that of the UNet's first block.
 */
#ifndef FC_MODEL_INPAINT_HEAD_H
#define FC_MODEL_INPAINT_HEAD_H

#include "nn/ops.h"

typedef struct fc_inpaint_head fc_inpaint_head;

/* w must outlive the head. UNSUPPORTED when the file (usually fooocus_inpaint_head.pth) holds none. */
fc_status fc_inpaint_head_open(fc_inpaint_head **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_inpaint_head_close(fc_inpaint_head *head); /* NULL is fine */
int32_t fc_inpaint_head_width(const fc_inpaint_head *head);

/* mask: host [h][w], 1 where is painted; latent: host [4][h][w], the picture with what is under the mask made
 * grey, in the sampler's scale -> [1,h,w,width]. Edges are continued. */
fc_tensor fc_inpaint_head_run(fc_cx *cx, const fc_inpaint_head *head, const float *mask, const float *latent,
                              int32_t h, int32_t w);

#endif
