/* Rows of packed values. Included after vio.h, with these macros:
 * - ELEM, ELEM_TYPE: type of packed values: float, or uint16_t holding bf16; its fc_dtype
 * - STEP: values of the summed dimension that stand side by side: 1, or 2 for pairs of bf16
 * - NV: vectors in the width of a panel */

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
