/* Private to rng.c and rng_avx2.c: the Box-Muller transform of blocks of 16 uniforms, [u1 x 8 | u2 x 8] -> 16
 * normals. Logarithm, sine and cosine follow the single-precision Cephes approximations (S. Moshier) with
 * fused multiply-adds, in the order of operations of the reference; every rounding counts. Written without
 * branches so that it vectorises. */
#ifndef FC_DIFFUSION_NORMAL16_H
#define FC_DIFFUSION_NORMAL16_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

void fc_normal16_avx2(float *data, size_t blocks);

/* Without a multiply-add instruction the product is exact in double and only the sum can round twice: it
 * differs from a true fused multiply-add in about one of 2^29 cases, and costs a tenth of the library's
 * emulation. */
static inline float normal16_fma(float a, float b, float c)
{
#ifdef FP_FAST_FMAF
    return fmaf(a, b, c);
#else
    return (float)((double)a * (double)b + (double)c);
#endif
}

typedef union normal16_bits {
    float f;
    uint32_t u;
} normal16_bits;

/* ln x for 2^-24 <= x <= 1 */
static inline float normal16_log(float x)
{
    normal16_bits v = {.f = x};
    float exponent = (float)((int32_t)(v.u >> 23) - 126);
    v.u = (v.u & 0x007fffffu) | 0x3f000000u; /* mantissa in [0.5, 1) */
    uint32_t below = 0u - (uint32_t)(v.f < 0.707106781186547524f);
    normal16_bits again = {.u = v.u & below}, one = {.u = 0x3f800000u & below};
    float m = (v.f - 1.0f) + again.f;
    exponent -= one.f;
    float square = m * m;
    float y = 7.0376836292e-2f;
    y = normal16_fma(y, m, -1.1514610310e-1f);
    y = normal16_fma(y, m, 1.1676998740e-1f);
    y = normal16_fma(y, m, -1.2420140846e-1f);
    y = normal16_fma(y, m, 1.4249322787e-1f);
    y = normal16_fma(y, m, -1.6668057665e-1f);
    y = normal16_fma(y, m, 2.0000714765e-1f);
    y = normal16_fma(y, m, -2.4999993993e-1f);
    y = normal16_fma(y, m, 3.3333331174e-1f);
    y = normal16_fma(y * m, square, exponent * -2.12194440e-4f);
    y = normal16_fma(square, -0.5f, y);
    return normal16_fma(exponent, 0.693359375f, m + y);
}

/* sin a and cos a for 0 <= a < 2 pi */
static inline void normal16_sincos(float a, float *sine, float *cosine)
{
    int32_t octant = ((int32_t)(a * 1.27323954473516f) + 1) & ~1;
    float k = (float)octant;
    float x = normal16_fma(k, -0.78515625f, a); /* a - octant * pi / 4 in three parts */
    x = normal16_fma(k, -2.4187564849853515625e-4f, x);
    x = normal16_fma(k, -3.77489497744594108e-8f, x);
    float z = x * x;
    float c = normal16_fma(2.443315711809948e-5f, z, -1.388731625493765e-3f);
    c = normal16_fma(c, z, 4.166664568298827e-2f) * z;
    c = normal16_fma(c, z, z * -0.5f) + 1.0f;
    float s = normal16_fma(-1.9515295891e-4f, z, 8.3321608736e-3f);
    s = normal16_fma(s, z, -1.6666654611e-1f) * z;
    s = normal16_fma(s, x, x);
    normal16_bits vs = {.f = s}, vc = {.f = c};
    uint32_t swap = (vs.u ^ vc.u) & (0u - (uint32_t)((octant >> 1) & 1));
    vs.u ^= swap ^ ((uint32_t)(octant & 4) << 29);
    vc.u ^= swap ^ ((uint32_t)((octant + 2) & 4) << 29);
    *sine = vs.f;
    *cosine = vc.f;
}

static inline void normal16_transform(float *data, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++, data += 16) {
        for (int j = 0; j < 8; j++) {
            float radius = sqrtf(-2.0f * normal16_log(1.0f - data[j]));
            float sine, cosine;
            normal16_sincos(6.283185307179586f * data[j + 8], &sine, &cosine);
            data[j] = radius * cosine;
            data[j + 8] = radius * sine;
        }
    }
}

#endif
