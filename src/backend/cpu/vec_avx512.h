/* Sixteen floats with AVX-512 (F, BW, VL, DQ). Only for files compiled for that. */
#ifndef FC_BACKEND_CPU_VEC_AVX512_H
#define FC_BACKEND_CPU_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define W 16
typedef __m512 V;

#define MR 8
#define NV 2

static inline __mmask16 v_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1u);
}
static inline V v_set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline V v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void v_store(float *p, V x)
{
    _mm512_storeu_ps(p, x);
}
static inline V v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}
static inline void v_store_n(float *p, V x, size_t n)
{
    _mm512_mask_storeu_ps(p, v_mask(n), x);
}
static inline V v_widen(__m256i narrow)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
}
static inline V v_load_bf16(const uint16_t *p)
{
    return v_widen(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
static inline V v_load_bf16_n(const uint16_t *p, size_t n)
{
    return v_widen(_mm256_maskz_loadu_epi16(v_mask(n), p));
}
/* Round to nearest even; NaN stays NaN. */
static inline __m256i v_narrow(V x)
{
#ifdef __AVX512BF16__
    return (__m256i)_mm512_cvtneps_pbh(x); /* numbers below 2^-126 become 0 */
#else
    __m512i u = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    rounded = _mm512_mask_or_epi32(rounded, nan, u, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
#endif
}
static inline void v_store_bf16(uint16_t *p, V x)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v_narrow(x));
}
static inline void v_store_bf16_n(uint16_t *p, V x, size_t n)
{
    _mm256_mask_storeu_epi16(p, v_mask(n), v_narrow(x));
}
static inline V v_fma(V a, V b, V c) /* a*b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline V v_fnma(V a, V b, V c) /* c - a*b */
{
    return _mm512_fnmadd_ps(a, b, c);
}
/* a < b ? x : y per lane */
static inline V v_sel_lt(V a, V b, V x, V y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
/* The second operand when one of them is not a number. */
static inline V v_max(V a, V b)
{
    return _mm512_max_ps(a, b);
}
static inline V v_min(V a, V b)
{
    return _mm512_min_ps(a, b);
}
static inline V v_abs(V a)
{
    return _mm512_abs_ps(a);
}
static inline V v_sqrt(V a)
{
    return _mm512_sqrt_ps(a);
}
static inline float v_sum(V a)
{
    return _mm512_reduce_add_ps(a);
}
static inline float v_hmax(V a)
{
    return _mm512_reduce_max_ps(a);
}
/* To the nearest integer. */
static inline V v_round(V x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n */
static inline V v_scale2(V x, V n)
{
    return _mm512_scalef_ps(x, n);
}

/* Of whole numbers in [-128, 127]; what lies outside stays at the end. */
static inline void v_store_int8(int8_t *p, V x)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
}
static inline void v_store_int8_n(int8_t *p, V x, size_t n)
{
    _mm512_mask_cvtsepi32_storeu_epi8(p, v_mask(n), _mm512_cvtps_epi32(x));
}
static inline V v_load_int8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}
/* 1 / x for normal numbers, relative error 4e-7 */
static inline V v_recip(V x)
{
    V r = _mm512_rcp14_ps(x);
    return r * (_mm512_set1_ps(2.0f) - x * r);
}
/* a0 b0 a1 b1 ... of the lower and of the upper halves; lanes are only moved. */
static inline V v_zip_low(V a, V b)
{
    const __m512i order = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutex2var_ps(a, order, b);
}
static inline V v_zip_high(V a, V b)
{
    const __m512i order = _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
    return _mm512_permutex2var_ps(a, order, b);
}

#endif
