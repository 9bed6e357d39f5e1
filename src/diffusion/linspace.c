/* See linspace.h. The reference counts from the nearer end with one rounding, and fills whole pairs of 8-lane
 * vectors from each vector's first value with two. */
#include "diffusion/linspace.h"
#include <math.h>

enum { LANES = 8 };

static float point(float start, float end, float step, size_t index, size_t count)
{
    if (index < count / 2) return fmaf(step, (float)index, start);
    return fmaf(-step, (float)(count - 1 - index), end);
}

void fc_linspace(float *out, float start, float end, size_t count)
{
    if (count == 1) out[0] = start;
    if (count < 2) return;
    float step = (end - start) / (float)(count - 1);
    size_t paired = count / (2 * LANES) * (2 * LANES);
    for (size_t i = 0; i < count; i++) {
        float base = point(start, end, step, i < paired ? i - i % LANES : i, count);
        out[i] = i < paired ? base + step * (float)(i % LANES) : base;
    }
}
