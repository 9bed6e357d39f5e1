/* See mask.h. */
#include "diffusion/mask.h"
#include <math.h>
#include <string.h>

typedef struct tap {
    int low, high;
    float weight; /* of high */
} tap;

static tap tap_of(int i, int from, int to)
{
    float place = ((float)i + 0.5f) * ((float)from / (float)to) - 0.5f;
    if (place < 0.0f) place = 0.0f;
    int low = (int)place;
    return (tap){low, low + 1 < from ? low + 1 : low, place - (float)low};
}

void fc_mask_to_latent(const float *mask, int mask_width, int mask_height, float *out, int width, int height)
{
    size_t plane = (size_t)width * (size_t)height;
    for (int y = 0; y < height; y++) {
        tap v = tap_of(y, mask_height, height);
        const float *upper = mask + (size_t)v.low * (size_t)mask_width;
        const float *lower = mask + (size_t)v.high * (size_t)mask_width;
        for (int x = 0; x < width; x++) {
            tap h = tap_of(x, mask_width, width);
            float above = upper[h.low] * (1.0f - h.weight) + upper[h.high] * h.weight;
            float below = lower[h.low] * (1.0f - h.weight) + lower[h.high] * h.weight;
            out[(size_t)y * (size_t)width + (size_t)x] = rintf(above * (1.0f - v.weight) + below * v.weight);
        }
    }
    for (int c = 1; c < FC_LATENT_CHANNELS; c++) memcpy(out + (size_t)c * plane, out, plane * sizeof *out);
}
