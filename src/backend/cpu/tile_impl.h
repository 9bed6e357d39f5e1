/* The heart of all own matrix products: a register tile of MR rows by NR columns. Included after vmath.h and
 * vio.h, once per file, with these macros:
 * - ELEM, ELEM_TYPE: type of packed values: float, or uint16_t holding bf16; its fc_dtype
 * - STEP: values of the summed dimension that one multiply-add takes: 1, or 2 for pairs of bf16
 * - MULADD(acc, a, b): acc + a * b, with a from BROADCAST(ptr) and b from BVEC(ptr) */

#define NR (NV * W)

static inline int32_t round_up(int32_t n, int32_t to)
{
    return (n + to - 1) / to * to;
}

/* dst[0..to) = x[0..n) as ELEM, then zeros */
static void elem_row(ELEM *dst, fc_in x, int32_t n, int32_t to)
{
    if (x.t == ELEM_TYPE) {
        memcpy(dst, x.p, (size_t)n * sizeof(ELEM));
    } else {
        const fc_out out = {dst, ELEM_TYPE};
        FOR_VECTORS((size_t)n, store(out, i, load(x, i)), store_n(out, i, load_n(x, i, left), left));
    }
    for (int32_t e = n; e < to; e++) dst[e] = 0;
}

/* c [MR][NR] = (keep ? keep[row] * c : add ? c : 0) + a [MR][steps * STEP] * b [steps][NR][STEP]. With add
 * the product is summed up on its own first: shorter chains of float32 additions. */
static inline void tile(float *c, int32_t ldc, const ELEM *a, int32_t lda, const ELEM *b, int32_t steps,
                        const float *keep, bool add)
{
    V acc[MR][NV];
#pragma GCC unroll 16
    for (int r = 0; r < MR; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) {
            if (keep)
                acc[r][j] = v_load(c + r * ldc + j * W) * v_set1(keep[r]);
            else
                acc[r][j] = v_set1(0.0f);
        }
    }
    for (int32_t s = 0; s < steps; s++, b += NR * STEP, a += STEP) {
#pragma GCC unroll 16
        for (int r = 0; r < MR; r++) {
#pragma GCC unroll 4
            for (int j = 0; j < NV; j++)
                acc[r][j] = MULADD(acc[r][j], BROADCAST(a + r * lda), BVEC(b + j * W * STEP));
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < MR; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < NV; j++) {
            float *out = c + r * ldc + j * W;
            if (add) acc[r][j] = v_load(out) + acc[r][j];
            v_store(out, acc[r][j]);
        }
    }
}
