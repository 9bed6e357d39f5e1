/* The SIMD kernels: one table per instruction set, made from one text (kernels_impl.h, attention_impl.h) over
 * the vector types of vec_*.h. Kernels work on single rows or small blocks and know no threads. */
#ifndef FC_BACKEND_CPU_KERNELS_H
#define FC_BACKEND_CPU_KERNELS_H

#include "backend/cpu/isa.h"
#include "nn/backend.h"

/* A run of F32 or BF16 values. */
typedef struct fc_in {
    const void *p;
    fc_dtype t;
} fc_in;
typedef struct fc_out {
    void *p;
    fc_dtype t;
} fc_out;

/* One block of queries of one image and head against all keys. */
typedef struct fc_attn {
    fc_in q; /* the first query's values of this head */
    int64_t ldq;
    fc_out y;
    int64_t ldy;
    const void *k, *v; /* packed */
    int32_t rows, keys, d;
    bool causal;
    int32_t first; /* index of the first query here, for causal */
    float scale;
    void *work;
} fc_attn;

typedef struct fc_attn_kernels {
    int32_t q_block;   /* most queries of one call */
    int32_t key_block; /* keys are packed in blocks of this many */
    /* Bytes of one head's packed keys, and of its packed values. */
    size_t (*packed_bytes)(int32_t keys, int32_t d);
    size_t (*work_bytes)(int32_t d);
    /* Packs keys and values of key block `block`; k and v are the head's first key and value. work: as for
     * run. */
    void (*pack)(void *pk, void *pv, fc_in k, int64_t ldk, fc_in v, int64_t ldv, int32_t keys, int32_t d,
                 int32_t block, void *work);
    void (*run)(const fc_attn *job);
} fc_attn_kernels;

/* y = scale * act(x * weight + bias + rowadd) + add, as nn/backend.h has it; linear: geom is one pixel */
typedef struct fc_gemm {
    fc_tensor y, x, rowadd, add; /* rowadd and add: data NULL when absent */
    fc_conv_geom geom;
    const void *weight;  /* packed */
    fc_dtype stored;     /* of the weight; what is narrower than the products' values is widened on the way */
    const float *scales; /* [outputs], for a weight of FC_I8 */
    const float *bias;   /* NULL: none */
    fc_act act;
    float scale;
    void (*tail)(fc_out y, const float *x, size_t n, fc_act act, float scale, fc_in add);
} fc_gemm;

typedef struct fc_gemm_kernels {
    int32_t nr, step, depth; /* of the packed weight: see gemm_impl.h */
    int32_t rows, cols;      /* most rows (pixels of y) and columns (channels of y) of one block */
    size_t work_bytes;
    /* Rows and columns of y; col is a multiple of nr, cols too (beyond y's last column nothing is stored). */
    void (*block)(const fc_gemm *g, int64_t row, int32_t rows, int32_t col, int32_t cols, void *work);
} fc_gemm_kernels;

/* Products of bf16 values, which not every machine has. */
typedef struct fc_products {
    const fc_attn_kernels *attention;
    const fc_gemm_kernels *gemm;
} fc_products;

typedef struct fc_kernels {
    void (*copy)(fc_out y, fc_in x, size_t n);
    void (*unary)(fc_out y, fc_in x, size_t n, fc_act act);
    void (*geglu)(fc_out y, fc_in value, fc_in gate, size_t n);
    void (*axpby)(fc_out y, float a, fc_in x, float b, fc_in z, size_t n);
    /* y = scale * act(x) + add; add.p may be NULL */
    void (*tail)(fc_out y, const float *x, size_t n, fc_act act, float scale, fc_in add);
    /* y = act((x - mean) * scale + shift), all three per channel */
    void (*affine)(fc_out y, fc_in x, const float *mean, const float *scale, const float *shift, size_t n,
                   fc_act act);
    /* Per channel over `rows` rows: the mean and the sum of squared distances from it. */
    void (*moments)(fc_in x, int64_t ld, int32_t rows, int32_t c, float *mean, float *m2);
    void (*layer_norm)(fc_out y, fc_in x, const float *gamma, const float *beta, size_t n, float eps);
    /* to[i * to_ld + r] = from[r * from_ld + i] for r < lanes and i < count, of 32-bit units that are only
     * moved: floats or pairs of bf16 */
    void (*transpose)(float *to, int64_t to_ld, const float *from, int64_t from_ld, int32_t count);
    int32_t lanes;
    /* x becomes whole numbers from -127 to 127; returns what they are to be multiplied by: NaN when some x is
     * not finite. */
    float (*quantise)(float *x, size_t n);
    void (*to_int8)(int8_t *y, fc_in x, size_t n); /* of whole numbers */
    const fc_attn_kernels *attention;              /* any dtype, products in float32 */
    const fc_gemm_kernels *gemm;                   /* likewise */
} fc_kernels;

extern const fc_kernels fc_kernels_generic;
#if defined(__x86_64__)
extern const fc_kernels fc_kernels_avx2;
extern const fc_kernels fc_kernels_avx512;
extern const fc_kernels fc_kernels_avx512bf16;
extern const fc_products fc_products_avx512bf16;
/* NULL when the tiles do not compute as they should */
const fc_products *fc_products_amx(void);
#endif

/* Advances by count elements. The sizes are spelt out: this stands in inner loops. */
static inline fc_in fc_in_at(fc_in x, int64_t count)
{
    x.p = (const char *)x.p + count * (x.t == FC_BF16 ? 2 : 4);
    return x;
}

static inline fc_out fc_out_at(fc_out y, int64_t count)
{
    y.p = (char *)y.p + count * (y.t == FC_BF16 ? 2 : 4);
    return y;
}

#endif
