/* tile_impl.h and what is built on it, with float32 products. */
#define ELEM              float
#define STEP              1
#define BROADCAST(p)      v_set1(*(p))
#define BVEC(p)           v_load(p)
#define MULADD(acc, a, b) v_fma(a, b, acc)
#define SOFTEXP(x)        v_exp(x)
#define ELEM_TYPE         FC_F32
#define UNIT              1.0f

static inline V put_weights(float *p, V a, V b, V total)
{
    v_store(p, a);
    v_store(p + W, b);
    return total + (a + b);
}
#define PUT_P(p, a, b, total) put_weights(p, a, b, total)

#include "backend/cpu/elem.h"

#include "backend/cpu/tile_impl.h"

#include "backend/cpu/attention_impl.h"

#include "backend/cpu/gemm_impl.h"
