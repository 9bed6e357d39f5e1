/* The heart of the own matrix products: a register tile of MR rows by NR columns. Included after elem.h, with
 * these macros besides its own:
 * - MULADD(acc, a, b): acc + a * b, with a from BROADCAST(ptr) and b from BVEC(ptr) */

#define DEPTH         STEP /* the summed dimension is rounded up to this */
#define TILES_BEGIN() ((void)0)
#define TILES_END()   ((void)0)

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
