/* The edge-keeping blur behind Fooocus' sharpness: a joint bilateral filter, 13x13, spatial deviation 3,
 * colour deviation 3. The colour distance of two pixels is the square of the sum over the channels of
 * absolute differences of a guide; one weight serves all channels. Borders are reflected without repeating
 * the edge. Rows run in parallel; the result does not depend on threads or instruction sets. */
#ifndef FC_DIFFUSION_FILTERS_H
#define FC_DIFFUSION_FILTERS_H

#include <stddef.h>
#include "base/arena.h"
#include "diffusion/model_sampling.h"

enum { FC_BILATERAL_RADIUS = 6 };

typedef struct fc_bilateral {
    int width, height;            /* of a plane */
    float *padded, *padded_guide; /* [channels][height + 12][width + 12], in the arena */
} fc_bilateral;

fc_status fc_bilateral_init(fc_bilateral *f, int width, int height, fc_arena *arena, fc_err *err) FC_MUST_USE;
/* All [channels][height][width]; out may be x or guide; guide may be x. */
void fc_bilateral_apply(fc_bilateral *f, const float *x, const float *guide, float *out);

/* out = (x - mean) / (deviation + 1e-5), mean and unbiased deviation over all values. out may be x. */
void fc_standardise(const float *x, float *out, size_t count);

#endif
