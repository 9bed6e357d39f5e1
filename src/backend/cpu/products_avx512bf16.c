/* Products of bf16 values with VDPBF16PS: pairs, summed in float32. In attention the weights are rounded to
 * bf16 before they meet the values, and their sum is the sum of what was rounded. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/vmath.h"

#include "backend/cpu/vio.h"

#define ELEM              uint16_t
#define STEP              2
#define SOFTEXP(x)        v_exp2_rough(x)
#define ELEM_TYPE         FC_BF16
#define UNIT              1.44269504f
#define BROADCAST(p)      pair(p)
#define BVEC(p)           pairs(p)
#define MULADD(acc, a, b) _mm512_dpbf16_ps(acc, a, b)
#define PUT_P(p, x)       put_weights(p, x)

static inline __m512bh pair(const uint16_t *p)
{
    int32_t both;
    __builtin_memcpy(&both, p, sizeof both);
    return (__m512bh)_mm512_set1_epi32(both);
}

static inline __m512bh pairs(const uint16_t *p)
{
    return (__m512bh)_mm512_loadu_si512(p);
}

static inline V put_weights(uint16_t *p, V x)
{
    __m256i narrow = v_narrow(x);
    _mm256_storeu_si256((__m256i *)(void *)p, narrow);
    return v_widen(narrow);
}

#include "backend/cpu/elem.h"

#include "backend/cpu/tile_impl.h"

#include "backend/cpu/attention_impl.h"

#include "backend/cpu/gemm_impl.h"

static const fc_attn_kernels attention = ATTENTION_TABLE;
static const fc_gemm_kernels gemm = GEMM_TABLE;
const fc_products fc_products_avx512bf16 = {&attention, &gemm};
#endif
