/* The tile of tile_impl.h by AMX: 32 x 32 results in four tile registers, 32 values of the summed dimension
 * at a time. Included after elem.h with ELEM uint16_t (bf16), STEP 2 and NR 32, and with the instructions as
 * macros, so that the tests can run this text on machines without AMX:
 * - TILES_BEGIN(), TILES_END(): every tile register is 16 rows of 64 bytes in between
 * - TILE_ZERO(t), TILE_LOAD(t, ptr, stride), TILE_STORE(t, ptr, stride): strides in bytes
 * - TILE_MULADD(c, a, b): registers; c [16][16] float += a [16][32] bf16 * b [16][16][2] bf16 */

#define DEPTH 32

/* As tile in tile_impl.h; steps is a multiple of DEPTH / STEP. */
static inline void tile(float *c, int32_t ldc, const ELEM *a, int32_t lda, const ELEM *b, int32_t steps,
                        const float *keep, bool add)
{
    const size_t row_a = (size_t)lda * sizeof(ELEM), row_b = NR * STEP * sizeof(ELEM);
    float sum[32][32];
    float *out = keep || add ? &sum[0][0] : c;
    const int32_t ldo = keep || add ? 32 : ldc;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (int32_t s = 0; s < steps; s += DEPTH / STEP, a += DEPTH, b += DEPTH * NR) {
        TILE_LOAD(4, a, row_a);
        TILE_LOAD(5, a + 16 * lda, row_a);
        TILE_LOAD(6, b, row_b);
        TILE_LOAD(7, b + 16 * STEP, row_b);
        TILE_MULADD(0, 4, 6);
        TILE_MULADD(1, 4, 7);
        TILE_MULADD(2, 5, 6);
        TILE_MULADD(3, 5, 7);
    }
    TILE_STORE(0, out, (size_t)ldo * sizeof(float));
    TILE_STORE(1, out + 16, (size_t)ldo * sizeof(float));
    TILE_STORE(2, out + 16 * ldo, (size_t)ldo * sizeof(float));
    TILE_STORE(3, out + 16 * ldo + 16, (size_t)ldo * sizeof(float));
    if (!keep && !add) return;
    for (int32_t r = 0; r < 32; r++) {
        const V factor = v_set1(keep ? keep[r] : 1.0f);
        for (int32_t j = 0; j < 32; j += W)
            v_store(c + r * ldc + j, v_fma(v_load(c + r * ldc + j), factor, v_load(&sum[r][j])));
    }
}
