/* Upscalers of the ESRGAN family: residual-in-residual dense networks (RRDB). Width, growth, number of blocks
 * and scale are read from the file; four spellings of the tensors' names are known. Must match RRDBNet. */
#ifndef FC_MODEL_ESRGAN_H
#define FC_MODEL_ESRGAN_H

#include "nn/ops.h"

typedef struct fc_esrgan fc_esrgan;

/* w must outlive the model. UNSUPPORTED when the file holds no such network. */
fc_status fc_esrgan_open(fc_esrgan **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_esrgan_close(fc_esrgan *e);          /* NULL is fine */
int32_t fc_esrgan_scale(const fc_esrgan *e); /* 1, 2, 4 or 8 */
int32_t fc_esrgan_blocks(const fc_esrgan *e);

/* image [n,h,w,3], 0..1 -> [n,scale*h,scale*w,3] F32, about 0..1, not clamped */
fc_tensor fc_esrgan_run(fc_cx *cx, const fc_esrgan *e, fc_tensor image);
/* Stack bytes that takes with activations of type act. */
uint64_t fc_esrgan_bytes(const fc_esrgan *e, fc_dtype act, int32_t n, int32_t h, int32_t w);

#endif
