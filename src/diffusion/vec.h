/* Elementwise arithmetic on float32 arrays of one length; every operation rounds once, outputs may be inputs.
 */
#ifndef FC_DIFFUSION_VEC_H
#define FC_DIFFUSION_VEC_H

#include <stddef.h>

/* out = a * x + b * y */
static inline void vec_mix(size_t n, float *out, float a, const float *x, float b, const float *y)
{
    for (size_t i = 0; i < n; i++) out[i] = a * x[i] + b * y[i];
}

/* out = x + a * y */
static inline void vec_add_scaled(size_t n, float *out, const float *x, float a, const float *y)
{
    for (size_t i = 0; i < n; i++) out[i] = x[i] + a * y[i];
}

/* out = (x - y) / divisor */
static inline void vec_slope(size_t n, float *out, const float *x, const float *y, float divisor)
{
    for (size_t i = 0; i < n; i++) out[i] = (x[i] - y[i]) / divisor;
}

static inline void vec_scale(size_t n, float *out, const float *x, float a)
{
    for (size_t i = 0; i < n; i++) out[i] = a * x[i];
}

/* out = inside where mask is 1, outside where it is 0 */
static inline void vec_blend(size_t n, float *out, const float *mask, const float *inside,
                             const float *outside)
{
    for (size_t i = 0; i < n; i++) out[i] = inside[i] * mask[i] + outside[i] * (1.0f - mask[i]);
}

#endif
