/* See rng.h. */
#include "diffusion/rng.h"
#include "diffusion/normal16.h"
#include <math.h>

enum { BLOCK = 16 };

void fc_rng_seed(fc_rng *rng, uint64_t seed)
{
    fc_mt19937_seed(&rng->mt, (uint32_t)seed);
    rng->has_spare = false;
    rng->spare = 0.0;
}

void fc_rng_uniform(fc_rng *rng, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) out[i] = (float)(fc_mt19937_next(&rng->mt) & 0xffffffu) * 0x1p-24f;
}

static double uniform53(fc_mt19937 *mt)
{
    uint64_t high = fc_mt19937_next(mt);
    uint64_t low = fc_mt19937_next(mt);
    return (double)((high << 32 | low) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

/* Fewer than 16 values: double precision, in pairs, the second of a pair kept for the next short draw. */
static float normal_short(fc_rng *rng)
{
    if (rng->has_spare) {
        rng->has_spare = false;
        return (float)rng->spare;
    }
    double u1 = uniform53(&rng->mt);
    double u2 = uniform53(&rng->mt);
    double radius = sqrt(-2.0 * log1p(-u2));
    double angle = 2.0 * 3.14159265358979323846 * u1;
    rng->spare = radius * sin(angle);
    rng->has_spare = true;
    return (float)(radius * cos(angle));
}

static void transform(float *data, size_t blocks)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        fc_normal16_avx2(data, blocks);
        return;
    }
#endif
    normal16_transform(data, blocks);
}

void fc_rng_normal(fc_rng *rng, float *out, size_t count)
{
    if (count < BLOCK) {
        for (size_t i = 0; i < count; i++) out[i] = normal_short(rng);
        return;
    }
    fc_rng_uniform(rng, out, count);
    transform(out, count / BLOCK);
    if (count % BLOCK) { /* the last 16 positions are drawn anew, over what stands there */
        float *tail = out + (count - BLOCK);
        fc_rng_uniform(rng, tail, BLOCK);
        transform(tail, 1);
    }
}
