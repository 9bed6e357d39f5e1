/* Conversions of 16-bit floats, eight at a time. The rest of a row goes through the scalar functions. */
#include "base/dtype_simd.h"

#ifdef FC_DTYPE_AVX2
#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include "base/dtype.h"

enum { LANES = 8 };

void fc_f16_to_f32_avx2(float *dst, const void *src, size_t count)
{
    const unsigned char *bytes = src;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(bytes + 2 * i))));
    for (; i < count; i++) {
        uint16_t h;
        memcpy(&h, bytes + 2 * i, sizeof h);
        dst[i] = fc_f16_to_f32(h);
    }
}

void fc_f32_to_f16_avx2(void *dst, const float *src, size_t count)
{
    unsigned char *bytes = dst;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm_storeu_si128((__m128i_u *)(bytes + 2 * i), h);
    }
    for (; i < count; i++) {
        uint16_t h = fc_f32_to_f16(src[i]);
        memcpy(bytes + 2 * i, &h, sizeof h);
    }
}

void fc_bf16_to_f32_avx2(float *dst, const void *src, size_t count)
{
    const unsigned char *bytes = src;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i_u *)(bytes + 2 * i)));
        _mm256_storeu_si256((__m256i_u *)(dst + i), _mm256_slli_epi32(wide, 16));
    }
    for (; i < count; i++) {
        uint16_t h;
        memcpy(&h, bytes + 2 * i, sizeof h);
        dst[i] = fc_bf16_to_f32(h);
    }
}

/* Round to nearest even; NaN keeps its upper payload and becomes quiet. -> eight 32-bit lanes with the result
 */
static __m256i round_to_bf16(__m256i bits)
{
    const __m256i one = _mm256_set1_epi32(1);
    __m256i high = _mm256_srli_epi32(bits, 16);
    __m256i bias = _mm256_add_epi32(_mm256_set1_epi32(0x7fff), _mm256_and_si256(high, one));
    __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, bias), 16);
    __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    __m256i is_nan = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7f800000));
    __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
    return _mm256_blendv_epi8(rounded, quiet, is_nan);
}

void fc_f32_to_bf16_avx2(void *dst, const float *src, size_t count)
{
    unsigned char *bytes = dst;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m256i lanes = round_to_bf16(_mm256_loadu_si256((const __m256i_u *)(src + i)));
        __m128i low = _mm256_castsi256_si128(lanes), high = _mm256_extracti128_si256(lanes, 1);
        _mm_storeu_si128((__m128i_u *)(bytes + 2 * i), _mm_packus_epi32(low, high));
    }
    for (; i < count; i++) {
        uint16_t h = fc_f32_to_bf16(src[i]);
        memcpy(bytes + 2 * i, &h, sizeof h);
    }
}
#else
typedef int fc_dtype_avx2_is_empty; /* ISO C wants something in every file */
#endif
