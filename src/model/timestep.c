/* See timestep.h. */
#include "model/timestep.h"

#include <math.h>

#include "base/f32.h"

void fc_timestep_embedding(float t, int width, float *out)
{
    int half = width / 2;
    for (int i = 0; i < half; i++) {
        float frequency = f32_exp(-9.210340371976184f * (float)i / (float)half); /* 10000 ^ (-i / half) */
        float angle = t * frequency;
        out[i] = (float)cos((double)angle);
        out[half + i] = (float)sin((double)angle);
    }
}
