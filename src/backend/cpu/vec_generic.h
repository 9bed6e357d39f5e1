/* Four floats in the compiler's own vector type: what any machine has. */
#ifndef FC_BACKEND_CPU_VEC_GENERIC_H
#define FC_BACKEND_CPU_VEC_GENERIC_H

#include <stdint.h>
#include <string.h>

#define W 4
typedef float V __attribute__((vector_size(16)));
typedef int32_t VI __attribute__((vector_size(16)));

/* The register tile of the matrix kernels: MR rows by NV vectors. */
#define MR 4
#define NV 2

static inline V v_set1(float x)
{
    return (V){x, x, x, x};
}
static inline V v_load(const float *p)
{
    V r;
    memcpy(&r, p, sizeof r);
    return r;
}
static inline void v_store(float *p, V x)
{
    memcpy(p, &x, sizeof x);
}
static inline V v_load_n(const float *p, size_t n)
{
    V r = {0};
    memcpy(&r, p, n * sizeof *p);
    return r;
}
static inline void v_store_n(float *p, V x, size_t n)
{
    memcpy(p, &x, n * sizeof *p);
}
static inline V v_load_bf16_n(const uint16_t *p, size_t n)
{
    VI r = {0};
    for (size_t i = 0; i < n; i++) r[i] = (int32_t)((uint32_t)p[i] << 16);
    return (V)r;
}
static inline V v_load_bf16(const uint16_t *p)
{
    return v_load_bf16_n(p, W);
}
/* Round to nearest even; NaN stays NaN. */
static inline void v_store_bf16_n(uint16_t *p, V x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float f = x[i];
        uint32_t u;
        memcpy(&u, &f, sizeof u);
        if ((u & 0x7fffffffu) > 0x7f800000u)
            u |= 0x400000u;
        else
            u += 0x7fffu + ((u >> 16) & 1u);
        p[i] = (uint16_t)(u >> 16);
    }
}
static inline void v_store_bf16(uint16_t *p, V x)
{
    v_store_bf16_n(p, x, W);
}
static inline V v_fma(V a, V b, V c) /* a*b + c */
{
    return a * b + c;
}
static inline V v_fnma(V a, V b, V c) /* c - a*b */
{
    return c - a * b;
}
/* a < b ? x : y per lane */
static inline V v_sel_lt(V a, V b, V x, V y)
{
    VI m = a < b;
    return (V)((m & (VI)x) | (~m & (VI)y));
}
/* The second operand when one of them is not a number. */
static inline V v_max(V a, V b)
{
    return v_sel_lt(b, a, a, b);
}
static inline V v_min(V a, V b)
{
    return v_sel_lt(a, b, a, b);
}
static inline V v_abs(V a)
{
    return (V)((VI)a & 0x7fffffff);
}
static inline V v_sqrt(V a)
{
    for (int i = 0; i < W; i++) a[i] = __builtin_sqrtf(a[i]);
    return a;
}
static inline float v_sum(V a)
{
    return (a[0] + a[2]) + (a[1] + a[3]);
}
static inline float v_hmax(V a)
{
    float m = a[0];
    for (int i = 1; i < W; i++) m = a[i] > m ? a[i] : m;
    return m;
}
/* To the nearest integer; |x| < 2^22. */
static inline V v_round(V x)
{
    const V magic = v_set1(12582912.0f); /* 1.5 * 2^23 */
    return (x + magic) - magic;
}
/* x * 2^n for integral n in [-252, 252] */
static inline V v_scale2(V x, V n)
{
    VI i = __builtin_convertvector(n, VI), half = i >> 1;
    V a = (V)((half + 127) << 23), b = (V)((i - half + 127) << 23);
    return x * a * b;
}

/* Of whole numbers in [-128, 127]; what lies outside stays at the end. */
static inline void v_store_int8_n(int8_t *p, V x, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = (int8_t)(x[i] > 127.0f ? 127.0f : x[i] > -128.0f ? x[i] : -128.0f);
}
static inline void v_store_int8(int8_t *p, V x)
{
    v_store_int8_n(p, x, W);
}
static inline V v_load_int8(const int8_t *p)
{
    return (V){(float)p[0], (float)p[1], (float)p[2], (float)p[3]};
}
/* 1 / x for normal numbers, relative error 4e-7 */
static inline V v_recip(V x)
{
    return v_set1(1.0f) / x;
}
/* a0 b0 a1 b1 ... of the lower and of the upper halves; lanes are only moved. */
static inline V v_zip_low(V a, V b)
{
    return (V){a[0], b[0], a[1], b[1]};
}
static inline V v_zip_high(V a, V b)
{
    return (V){a[2], b[2], a[3], b[3]};
}

#endif
