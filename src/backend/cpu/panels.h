/* Weights as panels: what the own products read, and most of oneDNN's kernels too. */
#ifndef FC_BACKEND_CPU_PANELS_H
#define FC_BACKEND_CPU_PANELS_H

#include "nn/backend.h"

/* [panel of `width` outputs][tap][channels / step][width][step]. Channels are rounded up to `depth`, outputs
 * to `width`; what is beyond is zero. */
typedef struct fc_panels {
    int32_t width;   /* a multiple of the lanes of every kernel table: 8, 16, 32, 48 or 64 */
    int32_t step;    /* 1, or 2 for pairs of bf16 */
    int32_t depth;   /* a multiple of step */
    fc_dtype stored; /* F32, BF16, or I8: whole numbers, to be multiplied by their output's scale */
} fc_panels;

/* False when the size does not fit into memory at all. */
bool fc_panels_bytes(const fc_panels *p, const fc_pack_src *src, size_t *bytes);
/* Fills all of data (fc_panels_bytes); scales: [rows], written where I8 is stored. */
fc_status fc_panels_fill(fc_dev *dev, const fc_pack_src *src, const fc_panels *p, void *data, float *scales,
                         fc_err *err);

#endif
