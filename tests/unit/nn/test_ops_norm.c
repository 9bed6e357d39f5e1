/* Normalisation, elementwise operations, copies and scaling against the reference: of the cpu backend at
 * every instruction set level of this machine, or of a graphics device. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "support/tested.h"

enum op { GROUP_NORM, LAYER_NORM, GEGLU, UNARY, AXPBY, COPY };

struct op_case {
    enum op op;
    int32_t n, h, w, c;
    int32_t groups; /* group norm */
    fc_act act;
    float mean, spread; /* of x; 0 stands for spread 1 */
    bool shared;        /* group norm by statistics that are given: those of x, moved */
};

#define SHAPE(op_, n_, h_, w_, c_) .op = op_, .n = n_, .h = h_, .w = w_, .c = c_

static const struct op_case cases[] = {
    {SHAPE(GROUP_NORM, 2, 32, 32, 320), .groups = 32, .act = FC_ACT_SILU},
    {SHAPE(GROUP_NORM, 1, 16, 16, 960), .groups = 32, .act = FC_ACT_SILU},
    {SHAPE(GROUP_NORM, 1, 64, 64, 128), .groups = 32, .act = FC_ACT_SILU, .mean = 40.0f},
    {SHAPE(GROUP_NORM, 1, 8, 8, 2560), .groups = 32, .mean = -1000.0f, .spread = 3.0f},
    {SHAPE(GROUP_NORM, 3, 3, 5, 24), .groups = 4},
    {SHAPE(GROUP_NORM, 1, 1, 1, 40), .groups = 8, .act = FC_ACT_GELU},
    {SHAPE(GROUP_NORM, 2, 200, 190, 6), .groups = 3, .mean = 5.0f, .spread = 0.1f},
    {SHAPE(GROUP_NORM, 2, 32, 32, 320), .groups = 32, .act = FC_ACT_SILU, .mean = 3.0f, .shared = true},
    {SHAPE(GROUP_NORM, 3, 3, 5, 24), .groups = 4, .shared = true},
    {SHAPE(LAYER_NORM, 2, 1, 64, 640)},
    {SHAPE(LAYER_NORM, 1, 1, 77, 1280), .mean = 20.0f},
    {SHAPE(LAYER_NORM, 3, 1, 5, 23), .spread = 1e-3f},
    {SHAPE(LAYER_NORM, 1, 1, 9, 3)},
    {SHAPE(GEGLU, 2, 1, 16, 2560), .spread = 3.0f},
    {SHAPE(GEGLU, 1, 1, 7, 37), .spread = 8.0f},
    {SHAPE(UNARY, 1, 1, 64, 1031), .act = FC_ACT_SILU, .spread = 30.0f},
    {SHAPE(UNARY, 1, 1, 64, 1031), .act = FC_ACT_GELU, .spread = 6.0f},
    {SHAPE(UNARY, 2, 1, 3, 19), .act = FC_ACT_QUICK_GELU, .spread = 10.0f},
    {SHAPE(UNARY, 2, 1, 3, 19), .act = FC_ACT_RELU},
    {SHAPE(UNARY, 2, 1, 3, 19), .act = FC_ACT_LRELU},
    {SHAPE(UNARY, 1, 1, 64, 1031), .act = FC_ACT_TANH3, .spread = 9.0f},
    {SHAPE(UNARY, 1, 2, 2, 5), .act = FC_ACT_NONE},
    {SHAPE(AXPBY, 2, 9, 9, 4)},
    {SHAPE(AXPBY, 1, 5, 3, 131)},
    {SHAPE(COPY, 2, 9, 9, 35)},
    {SHAPE(COPY, 1, 1, 77, 768)},
};

static int32_t gap(int i) /* varied spacing */
{
    static const int32_t gaps[] = {0, 3, 16, 1};
    return gaps[i % 4];
}

static tt input(tt_dev d, const struct op_case *c, fc_dtype t, int32_t channels, uint64_t seed, int spacing)
{
    tt x = tt_new(d, t, c->n, c->h, c->w, channels, channels + gap(spacing));
    size_t count = tt_count(&x);
    float *v = fc_alloc(count * sizeof *v), spread = c->spread == 0.0f ? 1.0f : c->spread;
    assert_non_null(v);
    for (size_t i = 0; i < count; i++)
        v[i] = fc_bf16_to_f32(
            fc_f32_to_bf16(c->mean + spread * tt_rand(seed, i))); /* the same for both dtypes */
    tt_set(&x, v);
    fc_free(v);
    return x;
}

/* Statistics of x in two parts, moved, and the norm by them. */
static fc_status shared_group_norm(tt_dev d, const struct op_case *c, fc_tensor y, fc_tensor x,
                                   const fc_packed *gamma, const fc_packed *beta)
{
    tt stats = tt_new(d, tt_stats_type(d), x.n, 1, c->groups, 2, 0);
    fc_status s = d.be->group_stats(d.dev, stats.t, x, c->groups, 0);
    float *v = tt_values(&stats);
    for (size_t i = 0; i < tt_count(&stats); i += 2) {
        assert_true(v[i + 1] > 0.1f && v[i + 1] < 1.0f); /* tt_rand's is 1/3 */
        v[i] += 1.0f;
        v[i + 1] *= 1.5f;
    }
    tt_set(&stats, v);
    if (!s) s = d.be->group_norm(d.dev, y, x, gamma, beta, c->groups, 1e-5f, c->act, stats.t);
    tt_check_guards(&stats);
    fc_free(v);
    tt_free(&stats);
    return s;
}

static void run(tt_dev d, const struct op_case *c, fc_tensor y, fc_tensor x, fc_tensor z)
{
    fc_packed *gamma = NULL, *beta = NULL;
    tt_weight g = {.seed = 5, .scale = 0.3f, .offset = 1.0f}, b = {.seed = 6, .scale = 0.5f};
    fc_pack_src gs = tt_source(&g, c->c, 1, 1, 1), bs = tt_source(&b, c->c, 1, 1, 1);
    assert_int_equal(d.be->pack_vector(d.dev, &gs, &gamma, NULL), FC_OK);
    assert_int_equal(d.be->pack_vector(d.dev, &bs, &beta, NULL), FC_OK);
    fc_status s = FC_INTERNAL;
    switch (c->op) {
    case GROUP_NORM:
        s = c->shared ? shared_group_norm(d, c, y, x, gamma, beta)
                      : d.be->group_norm(d.dev, y, x, gamma, beta, c->groups, 1e-5f, c->act, (fc_tensor){0});
        break;
    case LAYER_NORM:
        s = d.be->layer_norm(d.dev, y, x, gamma, beta, 1e-5f);
        break;
    case GEGLU:
        s = d.be->geglu(d.dev, y, x);
        break;
    case UNARY:
        s = d.be->unary(d.dev, y, x, c->act);
        break;
    case AXPBY:
        s = d.be->axpby(d.dev, y, 0.75f, x, -1.5f, z);
        break;
    case COPY:
        s = d.be->copy(d.dev, y, x);
        break;
    }
    assert_int_equal(s, FC_OK);
    d.be->packed_free(d.dev, gamma);
    d.be->packed_free(d.dev, beta);
}

/* in_place: y is x, where the operation allows it */
static float *result(tt_dev d, const struct op_case *c, fc_dtype xt, fc_dtype yt, bool in_place, int spacing,
                     size_t *count)
{
    tt x = input(d, c, xt, c->op == GEGLU ? 2 * c->c : c->c, 1, spacing);
    tt z = input(d, c, xt == FC_F32 && tt_tested_has(d, FC_BF16) ? FC_BF16 : FC_F32, c->c, 2, spacing + 1);
    tt y = tt_new(d, yt, c->n, c->h, c->w, c->c, c->c + gap(spacing + 2));
    tt *out = in_place ? &x : &y;
    run(d, c, out->t, x.t, z.t);
    tt_check_guards(out);
    float *v = tt_values(out);
    if (count) *count = tt_count(out);
    tt_free(&x);
    tt_free(&y);
    tt_free(&z);
    return v;
}

static bool may_be_in_place(const struct op_case *c)
{
    return c->op == GROUP_NORM || c->op == LAYER_NORM || c->op == UNARY || c->op == AXPBY;
}

static void compare(size_t index, const float *want, const float *got, size_t count, fc_dtype yt,
                    double *worst)
{
    tt_diff d = tt_compare(want, got, count);
    /* measured: f32 1.9e-6 (scalar; 1.1e-6 with FMA; vulkan 5.3e-6, where a mean of 1000 is a float32);
     * bf16 3.6e-3, half a step of rounding is at most 3.91e-3; f16 4.9e-4, half a step the same */
    const double limit = yt == FC_F32 ? (tt_tests_cpu() ? 4e-6 : 1.2e-5) : yt == FC_BF16 ? 3.95e-3 : 5e-4;
    if (!(d.max <= limit))
        fail_msg("case %zu to %s: max %.3g, rms %.3g", index, fc_dtype_name(yt), d.max, d.rms);
    if (d.max > worst[yt]) worst[yt] = d.max;
}

static void equals_the_reference(void **state)
{
    (void)state;
    static const fc_dtype types[] = {FC_F32, FC_BF16, FC_F16};
    tt_dev ref = tt_open("ref", 2, NULL), cpu = tt_open_tested(2);
    double worst[3] = {0}; /* by fc_dtype */
    int count_of_types = tt_tested_has(cpu, FC_F16) ? 3 : tt_tested_has(cpu, FC_BF16) ? 2 : 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int xt = 0; xt < count_of_types; xt++) {
            size_t count = 0;
            float *want = result(ref, &cases[i], types[xt], FC_F32, false, 0, &count);
            for (int yt = 0; yt < count_of_types; yt++) {
                float *got = result(cpu, &cases[i], types[xt], types[yt], false, (int)i, NULL);
                compare(i, want, got, count, types[yt], worst);
                fc_free(got);
            }
            if (may_be_in_place(&cases[i])) {
                float *got = result(cpu, &cases[i], types[xt], types[xt], true, (int)i, NULL);
                compare(i, want, got, count, types[xt], worst);
                fc_free(got);
            }
            fc_free(want);
        }
    }
    print_message("%s: f32 %.3g, bf16 %.3g, f16 %.3g\n", tt_tested_name(), worst[FC_F32], worst[FC_BF16],
                  worst[FC_F16]);
    tt_close(ref);
    tt_close(cpu);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    tt_dev one = tt_open_tested(1), many = tt_open_divided(3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        float *a = result(one, &cases[i], FC_F32, FC_F32, false, 1, &count);
        float *b = result(many, &cases[i], FC_F32, FC_F32, false, 1, NULL);
        assert_memory_equal(a, b, count * sizeof *a);
        fc_free(a);
        fc_free(b);
    }
    tt_close(one);
    tt_close(many);
}

static void a_batch_is_its_images(void **state)
{
    (void)state;
    tt_dev d = tt_open_tested(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct op_case *c = &cases[i];
        if (c->n < 2 || c->op == AXPBY) continue;
        tt x = input(d, c, FC_F32, c->op == GEGLU ? 2 * c->c : c->c, 1, 1);
        tt y = tt_new(d, FC_F32, c->n, c->h, c->w, c->c, 0);
        tt each = tt_new(d, FC_F32, c->n, c->h, c->w, c->c, 0);
        run(d, c, y.t, x.t, (fc_tensor){0});
        for (int32_t n = 0; n < c->n; n++)
            run(d, c, fc_tensor_batch(each.t, n, 1), fc_tensor_batch(x.t, n, 1), (fc_tensor){0});
        float *a = tt_values(&y), *b = tt_values(&each);
        assert_memory_equal(a, b, tt_count(&y) * sizeof *a);
        fc_free(a);
        fc_free(b);
        tt_free(&x);
        tt_free(&y);
        tt_free(&each);
    }
    tt_close(d);
}

/* The vector functions in units in the last place of the result, over their whole useful range. */
static void activations_are_accurate(void **state)
{
    (void)state;
    /* measured: silu 3, gelu 15 (left of 0, where 1 + erf cancels), quick gelu 9 (the product 1.702 x is
     * rounded), tanh3 3 */
    static const struct {
        fc_act act;
        double from, to, limit;
    } known[] = {{FC_ACT_SILU, -20, 20, 9.0},
                 {FC_ACT_GELU, -3, 10, 40.0},
                 {FC_ACT_QUICK_GELU, -5, 10, 27.0},
                 {FC_ACT_TANH3, -20, 20, 9.0}};
    tt_dev ref = tt_open("ref", 2, NULL), cpu = tt_open_tested(2);
    const int32_t count = 400000;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        tt x = tt_new(ref, FC_F32, 1, 1, 1, count, 0), want = tt_new(ref, FC_F32, 1, 1, 1, count, 0);
        float *v = tt_values(&x);
        for (int32_t i = 0; i < count; i++)
            v[i] = (float)(known[k].from + (known[k].to - known[k].from) * i / count);
        tt_set(&x, v);
        assert_int_equal(ref.be->unary(ref.dev, want.t, x.t, known[k].act), FC_OK);
        assert_int_equal(cpu.be->unary(cpu.dev, x.t, x.t, known[k].act), FC_OK);
        tt_get(&x, v);
        float *w = tt_values(&want);
        double worst = 0.0;
        for (int32_t i = 0; i < count; i++) {
            double ulp = fabs((double)nextafterf(w[i], INFINITY) - (double)w[i]);
            double e = fabs((double)v[i] - (double)w[i]) / ulp;
            if (e > worst) worst = e;
        }
        print_message("%s: activation %d: %.1f ulp\n", tt_tested_name(), (int)known[k].act, worst);
        assert_true(worst <= known[k].limit);
        fc_free(v);
        fc_free(w);
        tt_free(&x);
        tt_free(&want);
    }
    tt_close(ref);
    tt_close(cpu);
}

/* Activations stored as bf16 use shorter approximations: their error beyond the rounding of the exact value,
 * in units in the last place of bf16. */
static void narrow_activations_are_accurate(void **state)
{
    (void)state;
    static const struct {
        fc_act act;
        double from, to, limit; /* measured: silu 0.52, gelu 0.56; 0.5 is the rounding alone */
    } known[] = {{FC_ACT_SILU, -60, 60, 0.6}, {FC_ACT_GELU, -4.5, 10, 0.6}};
    tt_dev ref = tt_open("ref", 2, NULL), cpu = tt_open_tested(2);
    const int32_t count = 400000;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        tt x = tt_new(ref, FC_F32, 1, 1, 1, count, 0), want = tt_new(ref, FC_F32, 1, 1, 1, count, 0),
           y = tt_new(ref, FC_BF16, 1, 1, 1, count, 0);
        float *v = tt_values(&x);
        for (int32_t i = 0; i < count; i++)
            v[i] = (float)(known[k].from + (known[k].to - known[k].from) * i / count);
        tt_set(&x, v);
        assert_int_equal(ref.be->unary(ref.dev, want.t, x.t, known[k].act), FC_OK);
        assert_int_equal(cpu.be->unary(cpu.dev, y.t, x.t, known[k].act), FC_OK);
        float *w = tt_values(&want), *got = tt_values(&y);
        double worst = 0.0;
        for (int32_t i = 0; i < count; i++) {
            int exponent;
            (void)frexp((double)w[i], &exponent);
            double e = fabs((double)got[i] - (double)w[i]) / ldexp(1.0, exponent - 8);
            if (e > worst) worst = e;
        }
        print_message("%s: activation %d as bf16: %.3f ulp\n", tt_tested_name(), (int)known[k].act, worst);
        assert_true(worst <= known[k].limit);
        fc_free(v);
        fc_free(w);
        fc_free(got);
        tt_free(&x);
        tt_free(&want);
        tt_free(&y);
    }
    tt_close(ref);
    tt_close(cpu);
}

/* A NaN must stay visible; infinities and huge values must not become one where the limit is finite. */
static void special_values(void **state)
{
    (void)state;
    tt_dev d = tt_open_tested(1);
    const float in[] = {NAN, INFINITY, 1e30f, -1e30f, 100.0f, -100.0f, 0.0f, -90.0f};
    for (int act = 0; act < FC_ACT_COUNT; act++) {
        tt x = tt_new(d, FC_F32, 1, 1, 1, 8, 0), y = tt_new(d, FC_F32, 1, 1, 1, 8, 0);
        tt_set(&x, in);
        assert_int_equal(d.be->unary(d.dev, y.t, x.t, (fc_act)act), FC_OK);
        float out[8];
        tt_get(&y, out);
        assert_true(isnan(out[0]));
        const bool flat = act == FC_ACT_TANH3, leaky = act == FC_ACT_LRELU,
                   odd = flat || act == FC_ACT_NONE || leaky;
        assert_true(flat ? out[1] == 3.0f : out[1] == INFINITY);
        assert_true(out[2] == (flat ? 3.0f : 1e30f));
        assert_true(odd ? out[3] == (flat    ? -3.0f
                                     : leaky ? -1e30f * FC_LRELU_SLOPE
                                             : -1e30f)
                        : fabsf(out[3]) < 1e-6f);
        assert_true(out[4] == (flat ? 3.0f : 100.0f));
        assert_true(odd || fabsf(out[5]) < 1e-30f);
        assert_true(out[6] == 0.0f);
        if (!tt_tested_has(d, FC_BF16)) {
            tt_free(&x);
            tt_free(&y);
            continue;
        }
        tt narrow = tt_new(d, FC_BF16, 1, 1, 1, 8, 0);
        assert_int_equal(d.be->copy(d.dev, narrow.t, x.t), FC_OK);
        tt_get(&narrow, out);
        assert_true(isnan(out[0]) && out[1] == INFINITY);
        tt_free(&x);
        tt_free(&y);
        tt_free(&narrow);
    }
    tt_close(d);
}

static int group(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_reference),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_batch_is_its_images),
        cmocka_unit_test(special_values),
    };
    const struct CMUnitTest processor[] = {
        /* the vector functions, on the reference's memory */
        cmocka_unit_test(activations_are_accurate),
        cmocka_unit_test(narrow_activations_are_accurate),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return tt_tests_cpu() ? failed + cmocka_run_group_tests(processor, NULL, NULL) : failed;
}

int main(int argc, char **argv)
{
    return tt_main(argc, argv, group);
}
