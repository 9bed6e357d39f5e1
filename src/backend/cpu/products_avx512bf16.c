/* Products of bf16 values with VDPBF16PS: pairs, summed in float32. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/vmath.h"

#include "backend/cpu/vio.h"

#include "backend/cpu/softmax_avx512bf16.h"

#define ELEM              uint16_t
#define STEP              2
#define ELEM_TYPE         FC_BF16
#define BROADCAST(p)      pair(p)
#define BVEC(p)           pairs(p)
#define MULADD(acc, a, b) _mm512_dpbf16_ps(acc, a, b)

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

#include "backend/cpu/elem.h"

#include "backend/cpu/tile_impl.h"

#include "backend/cpu/attention_impl.h"

#include "backend/cpu/gemm_impl.h"

static const fc_attn_kernels attention = ATTENTION_TABLE;
static const fc_gemm_kernels gemm = GEMM_TABLE;
const fc_products fc_products_avx512bf16 = {&attention, &gemm};
#endif
