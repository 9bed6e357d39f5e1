/* The peak of bf16 products with VDPBF16PS. */
#include "backend/cpu/peak.h"

#if defined(__x86_64__)
#include <immintrin.h>

double fc_peak_avx512bf16(void)
{
    enum { CHAINS = 12, LOOPS = 4000000, FLOP = 64 };
    __m512 a[CHAINS];
    const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    for (int i = 0; i < CHAINS; i++) a[i] = _mm512_set1_ps((float)i);
    for (long n = 0; n < LOOPS; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) a[i] = _mm512_dpbf16_ps(a[i], ones, ones);
    }
    float sum = 0.0f; /* what is not used would not be computed */
    for (int i = 0; i < CHAINS; i++) sum += _mm512_reduce_add_ps(a[i]);
    return sum > 0.0f ? (double)CHAINS * FLOP * LOOPS : 0.0;
}
#endif
