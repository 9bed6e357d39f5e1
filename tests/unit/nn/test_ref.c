/* The reference backend against answers worked out by hand: what everything else is measured against must be
 * right. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "support/tensors.h"

struct list {
    const float *values;
    int32_t cols;
};

static fc_status list_rows(void *user, int32_t first, int32_t count, float *dst)
{
    const struct list *l = user;
    memcpy(dst, l->values + (size_t)first * (size_t)l->cols, (size_t)count * (size_t)l->cols * sizeof(float));
    return FC_OK;
}

static fc_pack_src list_source(struct list *l, int32_t rows, int32_t cin, int32_t k)
{
    l->cols = cin * k * k;
    return (fc_pack_src){
        .name = "list", .rows = rows, .cin = cin, .kh = k, .kw = k, .user = l, .read_rows = list_rows};
}

static tt make(tt_dev d, fc_dtype dtype, int32_t h, int32_t w, int32_t c, const float *values)
{
    tt t = tt_new(d, dtype, 1, h, w, c, c + 3);
    if (values) tt_set(&t, values);
    return t;
}

static void expect(tt *t, const float *want, float limit)
{
    float *got = tt_values(t);
    for (size_t i = 0; i < tt_count(t); i++) {
        if (!(fabsf(got[i] - want[i]) <= limit))
            fail_msg("element %zu: want %.9g, got %.9g", i, (double)want[i], (double)got[i]);
    }
    fc_free(got);
    tt_check_guards(t);
    tt_free(t);
}

static void linear_with_its_whole_tail(void **state)
{
    (void)state;
    tt_dev d = tt_open("ref", 2, NULL);
    struct list wl = {(const float[]){1, 2, 3, -1, 0, 1}, 0}, bl = {(const float[]){10, 20}, 0};
    fc_pack_src ws = list_source(&wl, 2, 3, 1), bs = list_source(&bl, 2, 1, 1);
    fc_packed *w, *b;
    assert_int_equal(d.be->pack_linear(d.dev, &ws, FC_F32, &w, NULL), FC_OK);
    assert_int_equal(d.be->pack_vector(d.dev, &bs, &b, NULL), FC_OK);
    tt x = make(d, FC_F32, 1, 2, 3, (const float[]){1, 1, 1, 2, 0, -20});
    tt row = make(d, FC_F32, 1, 1, 2, (const float[]){0.5f, -0.5f});
    tt add = make(d, FC_BF16, 1, 2, 2, (const float[]){1, 2, 3, 4});
    tt y = make(d, FC_F32, 1, 2, 2, NULL);
    /* products: 6 0 / -58 -22; with bias and rowadd: 16.5 19.5 / -47.5 -2.5 */
    fc_epi epi = {.act = FC_ACT_RELU, .scale = 2.0f, .rowadd = row.t, .add = add.t};
    assert_int_equal(d.be->linear(d.dev, y.t, x.t, w, b, &epi), FC_OK);
    expect(&y, (const float[]){34, 41, 3, 4}, 0.0f);
    d.be->packed_free(d.dev, w);
    d.be->packed_free(d.dev, b);
    tt_free(&x);
    tt_free(&row);
    tt_free(&add);
    tt_close(d);
}

static void convolution_pads_and_strides(void **state)
{
    (void)state;
    tt_dev d = tt_open("ref", 1, NULL);
    /* two input channels: the kernel counts the first one and picks the middle of the second */
    struct list wl = {(const float[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 100, 0, 0, 0, 0}, 0};
    fc_pack_src ws = list_source(&wl, 1, 2, 3);
    fc_conv_geom same = {3, 3, 1, 1, 1, 1, 1, 0}, down = {3, 3, 2, 0, 0, 1, 1, 0};
    fc_packed *w;
    fc_epi plain = FC_PLAIN;
    assert_int_equal(d.be->pack_conv(d.dev, &ws, &same, FC_F32, &w, NULL), FC_OK);
    tt x = make(d, FC_F32, 2, 3, 2, (const float[]){1, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 6});
    tt y = make(d, FC_F32, 2, 3, 1, NULL), z = make(d, FC_F32, 1, 1, 1, NULL);
    assert_int_equal(d.be->conv2d(d.dev, y.t, x.t, w, NULL, &same, &plain), FC_OK);
    expect(&y, (const float[]){104, 206, 304, 404, 506, 604}, 0.0f);
    /* zeros below and right only, as the autoencoder's downsampling has them */
    assert_int_equal(d.be->conv2d(d.dev, z.t, x.t, w, NULL, &down, &plain), FC_OK);
    expect(&z, (const float[]){506}, 0.0f);
    d.be->packed_free(d.dev, w);
    tt_free(&x);
    tt_close(d);
}

static void convolution_resizes_its_input(void **state)
{
    (void)state;
    tt_dev d = tt_open("ref", 2, NULL);
    struct list middle = {(const float[]){0, 0, 0, 0, 1, 0, 0, 0, 0}, 0};
    fc_pack_src src = list_source(&middle, 1, 1, 3);
    fc_conv_geom same = {3, 3, 1, 1, 1, 1, 1, 1};
    fc_packed *w;
    assert_int_equal(d.be->pack_conv(d.dev, &src, &same, FC_F32, &w, NULL), FC_OK);
    tt x = make(d, FC_F32, 2, 2, 1, (const float[]){1, 2, 3, 4}), y = make(d, FC_F32, 5, 3, 1, NULL);
    const fc_epi plain = FC_PLAIN;
    assert_int_equal(d.be->conv2d(d.dev, y.t, x.t, w, NULL, &same, &plain), FC_OK);
    /* 2 -> 5: floor(i * 0.4) = 0 0 0 1 1; 2 -> 3: floor(i * 0.6667) = 0 0 1 */
    expect(&y, (const float[]){1, 1, 2, 1, 1, 2, 1, 1, 2, 3, 3, 4, 3, 3, 4}, 0.0f);
    d.be->packed_free(d.dev, w);
    tt_free(&x);
    tt_close(d);
}

static void norms_use_the_biased_variance(void **state)
{
    (void)state;
    tt_dev d = tt_open("ref", 2, NULL);
    struct list gl = {(const float[]){1, 1, 2, 2}, 0}, bl = {(const float[]){0, 0, 1, 1}, 0};
    fc_pack_src gs = list_source(&gl, 4, 1, 1), bs = list_source(&bl, 4, 1, 1);
    fc_packed *g, *b;
    assert_int_equal(d.be->pack_vector(d.dev, &gs, &g, NULL), FC_OK);
    assert_int_equal(d.be->pack_vector(d.dev, &bs, &b, NULL), FC_OK);
    tt x = make(d, FC_F32, 2, 1, 4, (const float[]){1, 3, 5, 5, 3, 1, 7, 7});
    tt y = make(d, FC_F32, 2, 1, 4, NULL), z = make(d, FC_F32, 2, 1, 4, NULL);
    /* groups {1,3,3,1}: mean 2, variance 1; {5,5,7,7}: mean 6, variance 1 */
    assert_int_equal(d.be->group_norm(d.dev, y.t, x.t, g, b, 2, 0.0f, FC_ACT_NONE, (fc_tensor){0}), FC_OK);
    expect(&y, (const float[]){-1, 1, -1, -1, 1, -1, 3, 3}, 0.0f);
    /* the same in two parts: {1,3} and {3,1}, {5,5} and {7,7} */
    tt stats = tt_new(d, tt_stats_type(d), 1, 1, 2, 2, 0);
    fc_tensor part = x.t;
    part.h = 1;
    assert_int_equal(d.be->group_stats(d.dev, stats.t, part, 2, 0), FC_OK);
    float *first = tt_values(&stats);
    assert_memory_equal(first, ((const float[]){2, 1, 5, 0}), 4 * sizeof *first);
    fc_free(first);
    part.data = (char *)part.data + (size_t)part.ld * sizeof(float);
    assert_int_equal(d.be->group_stats(d.dev, stats.t, part, 2, 1), FC_OK);
    expect(&stats, (const float[]){2, 1, 6, 1}, 0.0f);
    /* rows {1,3,5,5}: mean 3.5, variance 2.75; {3,1,7,7}: mean 4.5, variance 6.75 */
    assert_int_equal(d.be->layer_norm(d.dev, z.t, x.t, g, b, 0.25f), FC_OK);
    const float r1 = 1.0f / sqrtf(3.0f), r2 = 1.0f / sqrtf(7.0f);
    expect(&z,
           (const float[]){-2.5f * r1, -0.5f * r1, 3 * r1 + 1, 3 * r1 + 1, -1.5f * r2, -3.5f * r2, 5 * r2 + 1,
                           5 * r2 + 1},
           3e-7f);
    d.be->packed_free(d.dev, g);
    d.be->packed_free(d.dev, b);
    tt_free(&x);
    tt_close(d);
}

static void attention_averages_what_it_may_see(void **state)
{
    (void)state;
    tt_dev d = tt_open("ref", 1, NULL);
    /* two heads of width 1; the first query of head 0 prefers key 1 by exp(log 3) */
    const float l3 = 1.0986123f;
    tt q = make(d, FC_F32, 1, 2, 2, (const float[]){l3, 0, 0, 0});
    tt k = make(d, FC_F32, 1, 2, 2, (const float[]){0, 1, 1, 2});
    tt v = make(d, FC_F32, 1, 2, 2, (const float[]){4, 10, 8, 20});
    tt y = make(d, FC_F32, 1, 2, 2, NULL), z = make(d, FC_F32, 1, 2, 2, NULL);
    assert_int_equal(d.be->attention(d.dev, y.t, q.t, k.t, v.t, 2, false), FC_OK);
    expect(&y, (const float[]){7, 15, 6, 15}, 1e-6f);
    assert_int_equal(d.be->attention(d.dev, z.t, q.t, k.t, v.t, 2, true), FC_OK);
    expect(&z, (const float[]){4, 10, 6, 15}, 1e-6f);
    tt_free(&q);
    tt_free(&k);
    tt_free(&v);
    tt_close(d);
}

static void activations_at_one_and_minus_one(void **state)
{
    (void)state;
    /* 1/(1+e^-1), (1+erf(1/sqrt 2))/2, 1/(1+e^-1.702), tanh(1/3)*3 from tables */
    static const struct {
        fc_act act;
        float plus, minus;
    } known[] = {{FC_ACT_NONE, 1, -1},
                 {FC_ACT_SILU, 0.731058578f, -0.268941421f},
                 {FC_ACT_GELU, 0.841344746f, -0.158655254f},
                 {FC_ACT_QUICK_GELU, 0.845795766f, -0.154204234f},
                 {FC_ACT_RELU, 1, 0},
                 {FC_ACT_TANH3, 0.964538226f, -0.964538226f},
                 {FC_ACT_LRELU, 1, -0.2f}};
    tt_dev d = tt_open("ref", 1, NULL);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        tt x = make(d, FC_F32, 1, 1, 2, (const float[]){1, -1}), y = make(d, FC_F32, 1, 1, 2, NULL);
        assert_int_equal(d.be->unary(d.dev, y.t, x.t, known[i].act), FC_OK);
        expect(&y, (const float[]){known[i].plus, known[i].minus}, 6e-8f);
        tt_free(&x);
    }
    tt x = make(d, FC_F32, 1, 1, 2, (const float[]){4, 1}), y = make(d, FC_F32, 1, 1, 1, NULL);
    assert_int_equal(d.be->geglu(d.dev, y.t, x.t), FC_OK);
    expect(&y, (const float[]){3.365378984f}, 3e-7f);
    tt_free(&x);
    tt_close(d);
}

static void moving_and_mixing(void **state)
{
    (void)state;
    tt_dev d = tt_open("ref", 2, NULL);
    tt x = make(d, FC_F32, 2, 2, 1, (const float[]){1, 2, 3, 4});
    tt mixed = make(d, FC_F32, 2, 2, 1, NULL);
    assert_int_equal(d.be->axpby(d.dev, mixed.t, 2.0f, x.t, -0.5f, x.t), FC_OK);
    expect(&mixed, (const float[]){1.5f, 3, 4.5f, 6}, 0.0f);
    tt_free(&x);
    /* bf16 keeps 8 bits: 257 lies between 256 and 258 and goes to the even one, 259 to 260 */
    x = make(d, FC_F32, 2, 2, 1, (const float[]){257, 259, 1, -3});
    tt narrow = make(d, FC_BF16, 2, 2, 1, NULL);
    assert_int_equal(d.be->copy(d.dev, narrow.t, x.t), FC_OK);
    expect(&narrow, (const float[]){256, 260, 1, -3}, 0.0f);
    tt_free(&x);
    /* f16 keeps 11 bits and ends at 65504; what is nearer to 65536 is infinite */
    x = make(d, FC_F32, 2, 2, 1, (const float[]){2049, 65519, 65520, 0x1p-24f});
    tt half = make(d, FC_F16, 2, 2, 1, NULL);
    assert_int_equal(d.be->copy(d.dev, half.t, x.t), FC_OK);
    float *got = tt_values(&half);
    assert_true(got[0] == 2048.0f && got[1] == 65504.0f && isinf(got[2]) && got[3] == 0x1p-24f);
    fc_free(got);
    tt_free(&half);
    tt_free(&x);
    tt_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_with_its_whole_tail),
        cmocka_unit_test(convolution_pads_and_strides),
        cmocka_unit_test(convolution_resizes_its_input),
        cmocka_unit_test(norms_use_the_biased_variance),
        cmocka_unit_test(attention_averages_what_it_may_see),
        cmocka_unit_test(activations_at_one_and_minus_one),
        cmocka_unit_test(moving_and_mixing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
