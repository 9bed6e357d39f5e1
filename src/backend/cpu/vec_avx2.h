/* Eight floats with AVX2, FMA. Only for files compiled for that. */
#ifndef FC_BACKEND_CPU_VEC_AVX2_H
#define FC_BACKEND_CPU_VEC_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define W 8
typedef __m256 V;

#define MR 6
#define NV 2

static inline V v_set1(float x)
{
    return _mm256_set1_ps(x);
}
static inline V v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void v_store(float *p, V x)
{
    _mm256_storeu_ps(p, x);
}
static inline V v_load_n(const float *p, size_t n)
{
    float lanes[W] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return v_load(lanes);
}
static inline void v_store_n(float *p, V x, size_t n)
{
    float lanes[W];
    v_store(lanes, x);
    memcpy(p, lanes, n * sizeof *p);
}
static inline V v_load_bf16(const uint16_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
static inline V v_load_bf16_n(const uint16_t *p, size_t n)
{
    uint16_t lanes[W] = {0};
    memcpy(lanes, p, n * sizeof *p);
    return v_load_bf16(lanes);
}
/* Round to nearest even; NaN stays NaN. */
static inline void v_store_bf16(uint16_t *p, V x)
{
    __m256i u = _mm256_castps_si256(x);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i r = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08);
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(packed));
}
static inline void v_store_bf16_n(uint16_t *p, V x, size_t n)
{
    uint16_t lanes[W];
    v_store_bf16(lanes, x);
    memcpy(p, lanes, n * sizeof *p);
}
static inline V v_fma(V a, V b, V c) /* a*b + c */
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline V v_fnma(V a, V b, V c) /* c - a*b */
{
    return _mm256_fnmadd_ps(a, b, c);
}
/* a < b ? x : y per lane */
static inline V v_sel_lt(V a, V b, V x, V y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
/* The second operand when one of them is not a number. */
static inline V v_max(V a, V b)
{
    return _mm256_max_ps(a, b);
}
static inline V v_min(V a, V b)
{
    return _mm256_min_ps(a, b);
}
static inline V v_abs(V a)
{
    return _mm256_andnot_ps(v_set1(-0.0f), a);
}
static inline V v_sqrt(V a)
{
    return _mm256_sqrt_ps(a);
}
static inline float v_sum(V a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float v_hmax(V a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/* To the nearest integer. */
static inline V v_round(V x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n for integral n in [-252, 252] */
static inline V v_scale2(V x, V n)
{
    const __m256i bias = _mm256_set1_epi32(127);
    __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1);
    __m256i a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    __m256i b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, half), bias), 23);
    return x * _mm256_castsi256_ps(a) * _mm256_castsi256_ps(b);
}

/* Of whole numbers in [-128, 127]; what lies outside stays at the end. */
static inline void v_store_int8(int8_t *p, V x)
{
    __m256i i = _mm256_cvtps_epi32(x);
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packs_epi16(words, words));
}
static inline void v_store_int8_n(int8_t *p, V x, size_t n)
{
    int8_t lanes[W];
    v_store_int8(lanes, x);
    memcpy(p, lanes, n);
}
static inline V v_load_int8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}
/* 1 / x for normal numbers, relative error 4e-7 */
static inline V v_recip(V x)
{
    V r = _mm256_rcp_ps(x);
    return r * (_mm256_set1_ps(2.0f) - x * r);
}
/* a0 b0 a1 b1 ... of the lower and of the upper halves; lanes are only moved. */
static inline V v_zip_low(V a, V b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
static inline V v_zip_high(V a, V b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}

#endif
