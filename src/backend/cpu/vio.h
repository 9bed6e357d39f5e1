/* Loads and stores of vectors from rows of either dtype. Included after a vec_*.h. */
#ifndef FC_BACKEND_CPU_VIO_H
#define FC_BACKEND_CPU_VIO_H

#include <string.h>
#include "backend/cpu/kernels.h"

static inline V load(fc_in x, size_t i)
{
    return x.t == FC_BF16 ? v_load_bf16((const uint16_t *)x.p + i) : v_load((const float *)x.p + i);
}

static inline V load_n(fc_in x, size_t i, size_t n)
{
    return x.t == FC_BF16 ? v_load_bf16_n((const uint16_t *)x.p + i, n) : v_load_n((const float *)x.p + i, n);
}

static inline void store(fc_out y, size_t i, V v)
{
    if (y.t == FC_BF16)
        v_store_bf16((uint16_t *)y.p + i, v);
    else
        v_store((float *)y.p + i, v);
}

static inline void store_n(fc_out y, size_t i, V v, size_t n)
{
    if (y.t == FC_BF16)
        v_store_bf16_n((uint16_t *)y.p + i, v, n);
    else
        v_store_n((float *)y.p + i, v, n);
}

/* Runs `whole` for every full vector at i and `part` for the last `left` elements. */
#define FOR_VECTORS(n, whole, part)                                                                          \
    do {                                                                                                     \
        size_t i = 0;                                                                                        \
        for (; i + W <= (n); i += W) whole;                                                                  \
        size_t left = (n)-i;                                                                                 \
        if (left > 0) part;                                                                                  \
    } while (0)

#endif
