/* Private to filters.c and filters_avx2.c: one row of the bilateral filter, written to vectorise. Every
 * variant of the compiled code rounds alike (no fused multiply-add). */
#ifndef FC_DIFFUSION_BILATERAL_ROW_H
#define FC_DIFFUSION_BILATERAL_ROW_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "diffusion/filters.h"

enum { BILATERAL_TAPS = 2 * FC_BILATERAL_RADIUS + 1, BILATERAL_STRIP = 64 };

void fc_bilateral_row_avx2(const fc_bilateral *f, int y, float *out);

typedef union bilateral_bits {
    float f;
    uint32_t u;
} bilateral_bits;

/* e^v for v <= 0, relative error below 2e-7; 0 for v below -87. Without branches, so that loops vectorise. */
static inline float bilateral_exp(float v)
{
    const float shifter = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number, in the low bits */
    uint32_t in_range = 0u - (uint32_t)(v > -87.0f);
    bilateral_bits clamped = {.f = v};
    clamped.u &= in_range;
    v = clamped.f;
    bilateral_bits whole = {.f = v * 1.44269504f + shifter};
    float n = whole.f - shifter;
    float r = (v - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    bilateral_bits scale = {.u = ((whole.u << 23) + 0x3f800000u) & in_range};
    return p * scale.f;
}

/* Sums weights and weighted values of `count` <= BILATERAL_STRIP pixels of row y from column x0 on. */
static inline void bilateral_strip(const fc_bilateral *f, int y, int x0, int count, float *weights,
                                   float sums[FC_LATENT_CHANNELS][BILATERAL_STRIP])
{
    const int r = FC_BILATERAL_RADIUS;
    ptrdiff_t stride = f->width + 2 * r, plane = stride * (f->height + 2 * r);
    const float *centre = f->padded_guide + (y + r) * stride + x0 + r;
    for (int dy = -r; dy <= r; dy++) {
        for (int dx = -r; dx <= r; dx++) {
            ptrdiff_t shift = dy * stride + dx;
            const float *value = f->padded + (centre - f->padded_guide) + shift;
            float space = (float)(dx * dx + dy * dy);
            for (int i = 0; i < count; i++) {
                float distance = 0.0f;
                for (int c = 0; c < FC_LATENT_CHANNELS; c++) {
                    distance += fabsf(centre[c * plane + i] - centre[c * plane + shift + i]);
                }
                float w = bilateral_exp((space + distance * distance) * (-1.0f / 18.0f));
                weights[i] += w;
                for (int c = 0; c < FC_LATENT_CHANNELS; c++) sums[c][i] += w * value[c * plane + i];
            }
        }
    }
}

static inline void bilateral_row(const fc_bilateral *f, int y, float *out)
{
    ptrdiff_t plane = (ptrdiff_t)f->width * f->height;
    for (int x0 = 0; x0 < f->width; x0 += BILATERAL_STRIP) {
        float weights[BILATERAL_STRIP] = {0}, sums[FC_LATENT_CHANNELS][BILATERAL_STRIP] = {{0}};
        int count = f->width - x0 < BILATERAL_STRIP ? f->width - x0 : BILATERAL_STRIP;
        bilateral_strip(f, y, x0, count, weights, sums);
        for (int c = 0; c < FC_LATENT_CHANNELS; c++) {
            float *row = out + c * plane + (ptrdiff_t)y * f->width + x0;
            for (int i = 0; i < count; i++) row[i] = sums[c][i] / weights[i];
        }
    }
}

#endif
