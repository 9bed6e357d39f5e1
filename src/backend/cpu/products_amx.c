/* Products of bf16 values with AMX tiles. */
#include "backend/cpu/kernels.h"

#if defined(__x86_64__)
#include "backend/cpu/amx.h"

#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/vmath.h"

#include "backend/cpu/vio.h"

#include "backend/cpu/softmax_avx512bf16.h"

#undef MR
#define MR        32
#define ELEM      uint16_t
#define ELEM_TYPE FC_BF16
#define STEP      2

#include "backend/cpu/elem.h"

#include "backend/cpu/tile_amx.h"

#include "backend/cpu/attention_impl.h"

#include "backend/cpu/gemm_impl.h"

static const fc_attn_kernels attention = ATTENTION_TABLE;
static const fc_gemm_kernels gemm = GEMM_TABLE;
static const fc_products products = {&attention, &gemm};

/* Small whole numbers have one right answer. */
static bool tiles_compute(void)
{
    uint16_t a[32 * 64], b[64 * 32];
    float c[32 * 32];
    for (int i = 0; i < 32 * 64; i++) {
        a[i] = fc_f32_to_bf16((float)(i * 7 % 13 - 6));
        b[i] = fc_f32_to_bf16((float)(i * 5 % 11 - 5));
    }
    TILES_BEGIN();
    tile(c, 32, a, 64, b, 32, NULL, false);
    TILES_END();
    for (int r = 0; r < 32; r++) {
        for (int j = 0; j < 32; j++) {
            float want = 0.0f;
            for (int k = 0; k < 64; k++)
                want += fc_bf16_to_f32(a[r * 64 + k]) * fc_bf16_to_f32(b[(k / 2 * 32 + j) * 2 + k % 2]);
            if (c[r * 32 + j] != want) return false;
        }
    }
    return true;
}

const fc_products *fc_products_amx(void)
{
    return tiles_compute() ? &products : NULL;
}
#endif
