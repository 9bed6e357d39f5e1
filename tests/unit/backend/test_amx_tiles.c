/* The text of the AMX kernels, run on tile registers that are emulated here as the instruction set's
 * manual describes them: it is tested on machines without AMX too. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "backend/cpu/dev.h"
#include "backend/cpu/gemm.h"
#include "base/mem.h"
#include "support/tensors.h"

#include "backend/cpu/vec_generic.h"

#include "backend/cpu/vmath.h"

#include "backend/cpu/vio.h"

/* ---- eight registers of 16 rows with 64 bytes ---- */

static unsigned char registers[8][16][64];
static bool configured;
static int loads, muladds; /* so far */

static void tile_load(int t, const void *p, size_t stride)
{
    assert_true(configured);
    loads++;
    for (size_t r = 0; r < 16; r++) memcpy(registers[t][r], (const char *)p + r * stride, 64);
}

static void tile_store(int t, void *p, size_t stride)
{
    assert_true(configured);
    for (size_t r = 0; r < 16; r++) memcpy((char *)p + r * stride, registers[t][r], 64);
}

/* TDPBF16PS: for each row m of a and pair k: c[m][n] += a[m][2k] b[k][2n] + a[m][2k+1] b[k][2n+1] */
static void tile_muladd(int c, int a, int b)
{
    assert_true(configured);
    muladds++;
    for (int m = 0; m < 16; m++) {
        float sums[16];
        uint16_t left[32], right[32];
        memcpy(sums, registers[c][m], sizeof sums);
        memcpy(left, registers[a][m], sizeof left);
        for (int k = 0; k < 16; k++) {
            memcpy(right, registers[b][k], sizeof right);
            for (int n = 0; n < 16; n++)
                for (int half = 0; half < 2; half++)
                    sums[n] += fc_bf16_to_f32(left[2 * k + half]) * fc_bf16_to_f32(right[2 * n + half]);
        }
        memcpy(registers[c][m], sums, sizeof sums);
    }
}

#undef MR
#undef NV
#define MR                       32
#define NV                       8
#define ELEM                     uint16_t
#define ELEM_TYPE                FC_BF16
#define STEP                     2
#define SOFTEXP(x)               v_exp2_rough(x)
#define UNIT                     1.44269504f
#define PUT_P(p, a, b, total)    put_weights(p, a, b, total)
#define TILE_ZERO(t)             memset(registers[t], 0, sizeof registers[t])
#define TILE_LOAD(t, p, stride)  tile_load(t, p, stride)
#define TILE_STORE(t, p, stride) tile_store(t, p, stride)
#define TILE_MULADD(c, a, b)     tile_muladd(c, a, b)
#define TILES_BEGIN()            (configured = true)
#define TILES_END()              (configured = false)

static inline V put_weights(uint16_t *p, V a, V b, V total)
{
    v_store_bf16(p, a);
    v_store_bf16(p + W, b);
    return total + v_load_bf16(p) + v_load_bf16(p + W);
}

#include "backend/cpu/elem.h"

#include "backend/cpu/tile_amx.h"

#include "backend/cpu/attention_impl.h"

#include "backend/cpu/gemm_impl.h"

#include "backend/cpu/peak_amx.h"

static const fc_attn_kernels kernels = ATTENTION_TABLE;
static const fc_gemm_kernels gemm_kernels = GEMM_TABLE;

/* ---- the tests ---- */

struct shape {
    int32_t tq, tk, d;
    bool causal;
};

static void attend(fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, bool causal)
{
    size_t packed = kernels.packed_bytes(k.w, k.c);
    char *keys = fc_alloc_aligned(64, packed), *values = fc_alloc_aligned(64, packed),
         *work = fc_alloc_aligned(64, kernels.work_bytes(k.c));
    assert_true(keys && values && work);
    for (int32_t b = 0; b * kernels.key_block < k.w; b++)
        kernels.pack(keys, values, (fc_in){k.data, k.dtype}, k.ld, (fc_in){v.data, v.dtype}, v.ld, k.w, k.c,
                     b, work);
    for (int32_t first = 0; first < q.w; first += kernels.q_block) {
        fc_attn a = {.q = fc_in_at((fc_in){q.data, q.dtype}, first * q.ld),
                     .ldq = q.ld,
                     .y = fc_out_at((fc_out){y.data, y.dtype}, first * y.ld),
                     .ldy = y.ld,
                     .k = keys,
                     .v = values,
                     .rows = q.w - first < kernels.q_block ? q.w - first : kernels.q_block,
                     .keys = k.w,
                     .d = k.c,
                     .causal = causal,
                     .first = first,
                     .scale = 1.0f / sqrtf((float)k.c),
                     .work = work};
        kernels.run(&a);
    }
    fc_free(keys);
    fc_free(values);
    fc_free(work);
}

static void attention_equals_the_reference(void **state)
{
    (void)state;
    static const struct shape shapes[] = {{130, 300, 64, false}, {64, 77, 64, false}, {77, 77, 64, true},
                                          {1, 1, 1, false},      {33, 65, 40, false}, {40, 40, 512, false},
                                          {300, 300, 33, true}};
    tt_dev ref = tt_open("ref", 1, NULL);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        tt q = tt_new(ref, FC_BF16, 1, 1, s->tq, s->d, s->d + 5),
           k = tt_new(ref, FC_BF16, 1, 1, s->tk, s->d, 0);
        tt v = tt_new(ref, FC_BF16, 1, 1, s->tk, s->d, s->d + 2),
           y = tt_new(ref, FC_F32, 1, 1, s->tq, s->d, s->d + 1);
        tt want = tt_new(ref, FC_F32, 1, 1, s->tq, s->d, 0);
        tt_random(&q, 1, 1.5f);
        tt_random(&k, 2, 1.5f);
        tt_random(&v, 3, 1.0f);
        assert_int_equal(ref.be->attention(ref.dev, want.t, q.t, k.t, v.t, 1, s->causal), FC_OK);
        attend(y.t, q.t, k.t, v.t, s->causal);
        tt_check_guards(&y);
        float *a = tt_values(&want), *b = tt_values(&y);
        double worst = tt_compare(a, b, tt_count(&y)).max;
        print_message("%d x %d of %d: %.3g\n", s->tq, s->tk, s->d, worst);
        assert_true(worst < 5.5e-3); /* measured: 1.9e-3, weights rounded to bf16 */
        fc_free(a);
        fc_free(b);
        tt_free(&q);
        tt_free(&k);
        tt_free(&v);
        tt_free(&y);
        tt_free(&want);
    }
    tt_close(ref);
}

/* The tile alone: plain, kept and added. */
static void tiles_multiply(void **state)
{
    (void)state;
    uint16_t a[32 * 64], b[64 * 32];
    float c[32 * 40], keep[32];
    for (int i = 0; i < 32 * 64; i++) {
        a[i] = fc_f32_to_bf16((float)(i * 7 % 13 - 6));
        b[i] = fc_f32_to_bf16((float)(i * 5 % 11 - 5));
    }
    for (int r = 0; r < 32; r++) keep[r] = (float)(r % 3);
    for (int mode = 0; mode < 3; mode++) {
        for (int i = 0; i < 32 * 40; i++) c[i] = (float)(i % 17);
        TILES_BEGIN();
        tile(c, 40, a, 64, b, 32, mode == 1 ? keep : NULL, mode == 2);
        TILES_END();
        for (int r = 0; r < 32; r++) {
            for (int j = 0; j < 40; j++) {
                float before = (float)((r * 40 + j) % 17), want = mode == 1   ? before * keep[r]
                                                                  : mode == 2 ? before
                                                                              : 0;
                if (j >= 32) want = before;
                for (int k = 0; k < 64 && j < 32; k++)
                    want += fc_bf16_to_f32(a[r * 64 + k]) * fc_bf16_to_f32(b[(k / 2 * 32 + j) * 2 + k % 2]);
                assert_true(c[r * 40 + j] == want);
            }
        }
    }
}

/* The loops that measure the peak: what they claim to have computed is what the tiles computed. */
static void peaks_count_right(void **state)
{
    (void)state;
    enum { BYTES = 16 * 1024 };
    uint16_t *memory = fc_alloc_aligned(64, BYTES);
    assert_non_null(memory);
    loads = muladds = 0;
    assert_true(peak_registers(5) == 5 * 4 * 2.0 * 16 * 16 * 32);
    assert_int_equal(loads, 4);
    assert_int_equal(muladds, 5 * 4);
    loads = muladds = 0;
    assert_true(peak_loaded(memory, BYTES, 3) == 3 * 4 * 4 * 2.0 * 16 * 16 * 32);
    assert_int_equal(loads, muladds);
    assert_int_equal(muladds, 3 * BYTES / 1024);
    assert_false(configured);
    fc_free(memory);
}

static void convolution_equals_the_reference(void **state)
{
    (void)state;
    static const struct {
        int32_t h, w, cin, cout;
        fc_conv_geom geom;
    } shapes[] = {{5, 7, 33, 40, {3, 3, 1, 1, 1, 1, 1, 0}},
                  {20, 11, 64, 32, {3, 3, 2, 0, 0, 1, 1, 0}},
                  {1, 70, 1100, 70, {1, 1, 1, 0, 0, 0, 0, 0}}};
    tt_dev ref = tt_open("ref", 1, NULL), cpu = tt_open("cpu", 1, "scalar");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        fc_conv_geom g = shapes[i].geom;
        tt_weight source = {.seed = 4, .scale = 0.1f};
        fc_pack_src src = tt_source(&source, shapes[i].cout, shapes[i].cin, g.kh, g.kw);
        fc_packed *w = NULL;
        void *panels = NULL;
        size_t bytes = 0;
        int32_t oh = (shapes[i].h + g.pad_top + g.pad_bottom - g.kh) / g.stride + 1;
        int32_t ow = (shapes[i].w + g.pad_left + g.pad_right - g.kw) / g.stride + 1;
        tt x = tt_new(ref, FC_BF16, 2, shapes[i].h, shapes[i].w, shapes[i].cin, shapes[i].cin + 3);
        tt y = tt_new(ref, FC_F32, 2, oh, ow, shapes[i].cout, shapes[i].cout + 1),
           want = tt_new(ref, FC_F32, 2, oh, ow, shapes[i].cout, 0);
        const fc_epi plain = FC_PLAIN;
        tt_random(&x, 1, 1.0f);
        assert_int_equal(ref.be->pack_conv(ref.dev, &src, &g, FC_BF16, &w, NULL), FC_OK);
        assert_int_equal(ref.be->conv2d(ref.dev, want.t, x.t, w, NULL, &g, &plain), FC_OK);
        const fc_panels layout = {gemm_kernels.nr, gemm_kernels.step, gemm_kernels.depth, FC_BF16};
        assert_true(fc_panels_bytes(&layout, &src, &bytes));
        panels = fc_alloc(bytes);
        assert_int_equal(fc_panels_fill(cpu.dev, &src, &layout, panels, NULL, NULL), FC_OK);
        const fc_gemm job = {.y = y.t,
                             .x = x.t,
                             .geom = g,
                             .weight = panels,
                             .stored = FC_BF16,
                             .scale = 1.0f,
                             .tail = cpu.dev->kernels->tail};
        assert_int_equal(fc_cpu_gemm_run(cpu.dev, &gemm_kernels, &job), FC_OK);
        tt_check_guards(&y);
        float *a = tt_values(&want), *b = tt_values(&y);
        double worst = tt_compare(a, b, tt_count(&y)).max;
        print_message("convolution %zu: %.3g\n", i, worst);
        assert_true(worst < 1.2e-6); /* measured: 4.2e-7 */
        fc_free(a);
        fc_free(b);
        fc_free(panels);
        ref.be->packed_free(ref.dev, w);
        tt_free(&x);
        tt_free(&y);
        tt_free(&want);
    }
    tt_close(ref);
    tt_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_multiply),
        cmocka_unit_test(peaks_count_right),
        cmocka_unit_test(attention_equals_the_reference),
        cmocka_unit_test(convolution_equals_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
