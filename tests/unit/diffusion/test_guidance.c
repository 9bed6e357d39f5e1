/* Filters, guidance, size vectors and timestep embeddings of both recipes. */
#include "diffusion/adm.h"
#include "diffusion/guidance.h"
#include "support/support.h"
#include "support/toy.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "diffusion/rng.h"
#include "model/timestep.h"

static fc_safetensors golden;

static fc_test_array load(const char *format, ...) FC_PRINTF(1, 2);
static fc_test_array load(const char *format, ...)
{
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return fc_test_array_load(&golden, name);
}

static fc_guidance guidance(fc_arena *arena, fc_guidance_params params)
{
    fc_guidance g;
    fc_err err;
    fc_arena_init(arena, 64 << 20);
    assert_ok(fc_guidance_init(&g, &params, arena, &err), &err);
    return g;
}

/* ---- filters ---- */

static void check_filter(const char *what, const fc_test_array *x, const fc_test_array *guide,
                         const fc_test_array *want)
{
    int height = (int)x->shape[2], width = (int)x->shape[3];
    size_t image = (size_t)width * (size_t)height * 4;
    float *standard = fc_calloc(image, sizeof *standard), *got = fc_calloc(x->count, sizeof *got);
    fc_bilateral f;
    fc_arena arena;
    fc_err err;
    fc_arena_init(&arena, 1 << 20);
    assert_ok(fc_bilateral_init(&f, width, height, &arena, &err), &err);
    for (size_t i = 0; i < x->count; i += image) {
        if (guide) fc_standardise(guide->data + i, standard, image);
        fc_bilateral_apply(&f, x->data + i, guide ? standard : x->data + i, got + i);
    }
    assert_rel_error(what, got, want->data, x->count, 1e-6); /* measured 3.7e-7 */
    fc_arena_fini(&arena);
    fc_free(standard);
    fc_free(got);
}

static void blur_of_1_0_matches(void **state)
{
    (void)state;
    fc_test_golden_open(&golden, "fooocus.safetensors");
    for (const char *n = "abcd"; *n; n++) {
        fc_test_array in = load("blur.%c.in", *n), out = load("blur.%c.out", *n);
        char what[] = "blur .";
        what[5] = *n;
        check_filter(what, &in, NULL, &out);
        fc_test_array_free(&in);
        fc_test_array_free(&out);
    }
    fc_safetensors_close(&golden);
}

static void guided_filter_of_2_5_matches(void **state)
{
    (void)state;
    fc_test_golden_open(&golden, "v25_guidance.safetensors");
    for (const char *n = "abc"; *n; n++) {
        fc_test_array x = load("filter.%c.x", *n), guide = load("filter.%c.guide", *n),
                      out = load("filter.%c.out", *n);
        char what[] = "filter .";
        what[7] = *n;
        check_filter(what, &x, &guide, &out);
        fc_test_array_free(&x);
        fc_test_array_free(&guide);
        fc_test_array_free(&out);
    }
    fc_safetensors_close(&golden);
}

static void filter_keeps_constants_and_takes_any_size(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 9}, {2, 3}, {6, 7}, {65, 8}, {130, 2}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = (size_t)(sizes[k][0] * sizes[k][1] * 4);
        float *x = fc_calloc(n, sizeof *x);
        fc_bilateral f;
        fc_arena arena;
        fc_err err;
        fc_arena_init(&arena, 1 << 20);
        assert_ok(fc_bilateral_init(&f, sizes[k][0], sizes[k][1], &arena, &err), &err);
        for (size_t i = 0; i < n; i++) x[i] = 2.5f;
        fc_bilateral_apply(&f, x, x, x);
        for (size_t i = 0; i < n; i++) assert_true(fabsf(x[i] - 2.5f) < 1e-5f);
        for (size_t i = 0; i < n; i++) x[i] = i % 2 ? 1e30f : -1e30f; /* distances overflow, weights do not */
        fc_bilateral_apply(&f, x, x, x);
        for (size_t i = 0; i < n; i++) assert_true(isfinite(x[i]));
        fc_arena_fini(&arena);
        fc_free(x);
    }
    fc_bilateral f;
    fc_arena arena;
    fc_err err;
    fc_arena_init(&arena, 1 << 20);
    assert_fails(fc_bilateral_init(&f, 0, 8, &arena, &err), FC_ARG, &err, "0 x 8");
    assert_int_not_equal(fc_bilateral_init(&f, 1 << 20, 1 << 20, &arena, &err), FC_OK);
    fc_arena_fini(&arena);
}

/* ---- recipe 1.0 ---- */

static fc_model_sampling sampling_1_0, sampling_2_5;

static int setup(void **state)
{
    (void)state;
    fc_model_sampling_init(&sampling_1_0, FC_SAMPLING_EPS, FC_ROUND_ALPHAS);
    fc_model_sampling_init(&sampling_2_5, FC_SAMPLING_EPS, FC_ROUND_SIGMAS);
    return 0;
}

/* Sharpness alone: guidance scale 1 leaves output / 1.00001; x = 0, sigma = 1 turn denoised into -output. */
static void sharpness_of_1_0_matches(void **state)
{
    (void)state;
    static const int timesteps[] = {981, 500, 1}, strengths[] = {0, 2, 10};
    fc_test_golden_open(&golden, "fooocus.safetensors");
    for (size_t i = 0; i < 9; i++) {
        int t = timesteps[i / 3], strength = strengths[i % 3];
        fc_test_array raw = load("sharp.t%d.raw", t), want = load("sharp.t%d.s%d", t, strength);
        size_t n = raw.count / 2; /* [uncond, cond] */
        fc_arena arena;
        fc_guidance g =
            guidance(&arena, (fc_guidance_params){&fc_recipe_1_0, &sampling_1_0, 1.0, 7.0, strength, 16, 16});
        float got[1024], zero[1024] = {0};
        assert_int_equal(n, 1024);
        assert_false(fc_guidance_needs_negative(&g));
        fc_guidance_apply(&g, zero, 1.0f, (float)t, raw.data + n, NULL, got);
        for (size_t k = 0; k < n; k++) got[k] *= -1.00001f;
        assert_rel_error("sharpened output", got, want.data + n, n, 3e-7); /* measured 1.1e-7 */
        fc_arena_fini(&arena);
        fc_test_array_free(&raw);
        fc_test_array_free(&want);
    }
    fc_safetensors_close(&golden);
}

static float mean(const fc_test_array *a)
{
    double sum = 0.0;
    for (size_t i = 0; i < a->count; i++) sum += (double)a->data[i];
    return (float)(sum / (double)a->count);
}

static void guidance_of_1_0_matches(void **state)
{
    (void)state;
    static const char *const cases[] = {"p77.n77.s7",  "p77.n77.s1",  "p77.n154.s7",
                                        "p154.n77.s7", "p77.n231.s7", "p154.n231.s7",
                                        "p77.n308.s7", "p77.n385.s7", "p231.n308.s7"};
    const float t = 500.0f;
    fc_test_golden_open(&golden, "fooocus.safetensors");
    fc_test_array x = load("cfg.x"), y_cond = load("cfg.y_cond"), y_uncond = load("cfg.y_uncond");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fc_test_array cond = load("cfg.%s.cond", cases[i]), uncond = load("cfg.%s.uncond", cases[i]);
        fc_test_array want = load("cfg.%s.out", cases[i]);
        double scale = strstr(cases[i], ".s1") ? 1.0 : 7.0;
        float positive[256], negative[256], got[256], zero[256] = {0};
        fc_arena arena;
        fc_guidance g =
            guidance(&arena, (fc_guidance_params){&fc_recipe_1_0, &sampling_1_0, scale, 7.0, 0.0, 8, 8});
        toy_network(x.data, t, mean(&cond) + mean(&y_cond), positive, 64);
        toy_network(x.data, t, mean(&uncond) + mean(&y_uncond), negative, 64);
        assert_int_equal(fc_guidance_needs_negative(&g), scale > 1.0);
        fc_guidance_apply(&g, zero, 1.0f, t, positive, scale > 1.0 ? negative : NULL, got);
        for (size_t k = 0; k < 256; k++) got[k] = -got[k]; /* x = 0, sigma = 1: denoised = -guided output */
        assert_rel_error(cases[i], got, want.data, 256, 7e-8); /* measured 2.4e-8 */
        fc_arena_fini(&arena);
        fc_test_array_free(&cond);
        fc_test_array_free(&uncond);
        fc_test_array_free(&want);
    }
    fc_test_array_free(&x);
    fc_test_array_free(&y_cond);
    fc_test_array_free(&y_uncond);
    fc_safetensors_close(&golden);
}

/* ---- recipe 2.5 ---- */

/* The network's output that becomes this denoised latent. */
static void output_of(const float *x, float sigma, const float *denoised, float *output, size_t n)
{
    for (size_t i = 0; i < n; i++) output[i] = (x[i] - denoised[i]) / sigma;
}

static void check_guidance_2_5(int t, int sharpness, int scale, int mimic)
{
    fc_test_array x = load("cfg.x"), p = load("cfg.t%d.x0_positive", t), n = load("cfg.t%d.x0_negative", t);
    fc_test_array sigma = load("cfg.t%d.sigma", t),
                  want = load("cfg.t%d.s%d.g%d.m%d", t, sharpness, scale, mimic);
    float positive[1024], negative[1024], got[1024];
    fc_arena arena;
    fc_guidance g = guidance(
        &arena, (fc_guidance_params){&fc_recipe_2_5, &sampling_2_5, scale, mimic, sharpness, 16, 16});
    output_of(x.data, sigma.data[0], p.data, positive, 1024);
    output_of(x.data, sigma.data[0], n.data, negative, 1024);
    assert_int_equal(fc_guidance_needs_negative(&g), scale > 1);
    fc_guidance_apply(&g, x.data, sigma.data[0], (float)t, positive, scale > 1 ? negative : NULL, got);
    assert_rel_error("guidance 2.5", got, want.data, 1024, 1.5e-7); /* measured 4.9e-8 */
    fc_arena_fini(&arena);
    fc_test_array_free(&x);
    fc_test_array_free(&p);
    fc_test_array_free(&n);
    fc_test_array_free(&sigma);
    fc_test_array_free(&want);
}

static void guidance_of_2_5_matches(void **state)
{
    (void)state;
    static const int timesteps[] = {999, 800, 500, 100, 0}, strengths[] = {0, 2, 10},
                     scales[] = {1, 4, 7, 12};
    fc_test_golden_open(&golden, "v25_guidance.safetensors");
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 12; k++) check_guidance_2_5(timesteps[i], strengths[k / 4], scales[k % 4], 7);
    }
    for (size_t i = 0; i < 4; i++) check_guidance_2_5(timesteps[i], 2, 12, 3);
    fc_safetensors_close(&golden);
}

static void mix_of_2_5_matches(void **state)
{
    (void)state;
    static const int mimics[] = {7, 3}, scales[] = {4, 7, 12};
    static const char *const progress[] = {"0", "0.3", "1"};
    fc_test_golden_open(&golden, "v25_guidance.safetensors");
    fc_test_array uncond = load("compute.uncond"), cond = load("compute.cond");
    for (size_t i = 0; i < 18; i++) {
        const char *p = progress[i % 3];
        int scale = scales[i / 3 % 3], mimic = mimics[i / 9];
        fc_test_array want = load("compute.m%d.g%d.p%s", mimic, scale, p);
        float got[6];
        fc_guidance_mix(scale, mimic, strtof(p, NULL), uncond.data, cond.data, got, 6);
        assert_rel_error("mix", got, want.data, 6, 3e-7); /* measured 1.1e-7 */
        fc_test_array_free(&want);
    }
    fc_test_array_free(&uncond);
    fc_test_array_free(&cond);
    fc_safetensors_close(&golden);
}

/* ---- properties of both ---- */

static void random_latent(float *out, uint64_t seed)
{
    fc_rng rng;
    fc_rng_seed(&rng, seed);
    fc_rng_normal(&rng, out, 1024);
}

static void sharpness_zero_is_off_and_scale_one_ignores_the_negative(void **state)
{
    (void)state;
    static const fc_recipe *const recipes[] = {&fc_recipe_1_0, &fc_recipe_2_5};
    for (size_t i = 0; i < 2; i++) {
        float x[1024], p[2][1024], n[1024], got[2][1024];
        random_latent(x, 1);
        for (int sharp = 0; sharp < 2; sharp++) {
            fc_arena arena;
            fc_guidance_params params = {recipes[i], &sampling_2_5, 5.0, 7.0, sharp ? 2.0 : 0.0, 16, 16};
            fc_guidance g = guidance(&arena, params);
            random_latent(p[0], 2);
            random_latent(n, 3);
            fc_guidance_apply(&g, x, 2.0f, 500.0f, p[0], n, got[sharp]);
            fc_arena_fini(&arena);
        }
        assert_true(fc_test_rel_error(got[0], got[1], 1024) > 1e-5); /* sharpness does something */
        for (size_t k = 0; k < 1024; k++) {                          /* plain guidance in double */
            double w = recipes[i]->guides_outputs ? 1.00001 : 1.0;
            random_latent(p[0], 2);
            random_latent(n, 3);
            double e = ((double)n[k] + 5.0 * ((double)p[0][k] - (double)n[k])) / w;
            got[1][k] = (float)((double)x[k] - 2.0 * e);
            if (k == 15) break; /* a few values tell */
        }
        assert_rel_error("plain guidance", got[0], got[1], 16, 1e-6); /* measured 2e-7 */
        fc_arena arena;
        fc_guidance g =
            guidance(&arena, (fc_guidance_params){recipes[i], &sampling_2_5, 1.0, 7.0, 2.0, 16, 16});
        random_latent(p[0], 2);
        random_latent(p[1], 2);
        fc_guidance_apply(&g, x, 2.0f, 500.0f, p[0], NULL, got[0]);
        fc_guidance_apply(&g, x, 2.0f, 500.0f, p[1], n, got[1]);
        assert_memory_equal(got[0], got[1], sizeof got[0]);
        fc_arena_fini(&arena);
    }
}

static fc_status init_once(void *user)
{
    (void)user;
    fc_arena arena;
    fc_guidance g;
    fc_err err;
    fc_arena_init(&arena, 64 << 20);
    fc_guidance_params params = {&fc_recipe_2_5, &sampling_2_5, 4.0, 7.0, 2.0, 640, 640};
    fc_status s = fc_guidance_init(&g, &params, &arena, &err);
    fc_arena_fini(&arena);
    return s;
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fc_test_torture(init_once, NULL) >= 1);
}

/* ---- size vectors ---- */

static void size_vectors_of_1_0_match(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1024, 1024}, {1152, 896}, {896, 1152}, {256, 256}};
    fc_test_golden_open(&golden, "fooocus.safetensors");
    fc_test_array pooled = load("adm.pooled");
    for (size_t i = 0; i < 16; i++) {
        const int *size = sizes[i / 4];
        bool negative = i % 2, refiner = i / 2 % 2;
        fc_test_array want = load("adm.%s.%dx%d.%s", refiner ? "refiner" : "base", size[0], size[1],
                                  negative ? "negative" : "positive");
        fc_adm_request r = {
            &fc_recipe_1_0, refiner ? FC_ADM_REFINER : FC_ADM_BASE, negative, size[0], size[1], 1.5, 0.8};
        float got[64 + 6 * FC_ADM_WIDTH];
        fc_adm_vector(&r, pooled.data, 64, got);
        assert_int_equal(want.count, refiner ? 64 + 5 * FC_ADM_WIDTH : 64 + 6 * FC_ADM_WIDTH);
        assert_abs_error("size vector 1.0", got, want.data, want.count, 1.8e-7); /* measured 6e-8 */
        fc_test_array_free(&want);
    }
    fc_test_array_free(&pooled);
    fc_safetensors_close(&golden);
}

static void size_vectors_of_2_5_match(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1024, 1024}, {1152, 896}, {1000, 700}};
    fc_test_golden_open(&golden, "v25_guidance.safetensors");
    fc_test_array pooled = load("adm.pooled");
    for (size_t i = 0; i < 12; i++) {
        const int *size = sizes[i / 4];
        bool negative = i % 2, consistent = i / 2 % 2;
        fc_test_array want = load("adm.%dx%d.%s.%s", size[0], size[1], negative ? "negative" : "positive",
                                  consistent ? "consistent" : "emphasised");
        fc_adm_request r = {&fc_recipe_2_5,
                            consistent ? FC_ADM_BASE_CONSISTENT : FC_ADM_BASE,
                            negative,
                            size[0],
                            size[1],
                            1.5,
                            0.8};
        float got[1280 + 6 * FC_ADM_WIDTH];
        fc_adm_vector(&r, pooled.data, 1280, got);
        assert_memory_equal(got, pooled.data, 1280 * sizeof(float));
        assert_int_equal(want.count, 6 * FC_ADM_WIDTH);
        assert_abs_error("size vector 2.5", got + 1280, want.data, want.count, 1.8e-7); /* measured 6e-8 */
        fc_test_array_free(&want);
    }
    fc_test_array_free(&pooled);
    fc_safetensors_close(&golden);
}

static void check_numbers(const json_t *want, fc_adm_request r)
{
    float numbers[FC_ADM_MAX_NUMBERS];
    assert_int_equal(fc_adm_numbers(&r, numbers), 6);
    for (size_t i = 0; i < 6; i++)
        assert_true(numbers[i] == (float)json_number_value(json_array_get(want, i)));
}

static void size_numbers_of_2_5_match(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("v25_guidance.json"), *forms;
    json_t *all = json_object_get(root, "adm_numbers (h, w, 0, 0, target h, target w)");
    const char *key;
    assert_int_equal(json_object_size(all), 16);
    json_object_foreach(all, key, forms) /* "WxH.SIDE[.POSITIVE/NEGATIVE]" */
    {
        char *end;
        int width = (int)strtol(key, &end, 10), height = (int)strtol(end + 1, &end, 10);
        bool negative = strncmp(end, ".negative", 9) == 0;
        double scales[2] = {1.5, 0.8};
        if (end[9] == '.') {
            scales[0] = strtod(end + 10, &end);
            scales[1] = strtod(end + 1, NULL);
        }
        fc_adm_request r = {&fc_recipe_2_5, FC_ADM_BASE, negative, width, height, scales[0], scales[1]};
        check_numbers(json_object_get(forms, "emphasised"), r);
        r.kind = FC_ADM_BASE_CONSISTENT;
        check_numbers(json_object_get(forms, "consistent"), r);
    }
    json_decref(root);
}

static void emphasis_ends_at_the_right_timestep(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("v25_guidance.json"), *by_timestep, *form;
    const char *end, *timestep;
    int checked = 0;
    json_object_foreach(json_object_get(root, "adm_switch"), end, by_timestep)
    {
        json_object_foreach(by_timestep, timestep, form)
        {
            bool want = strcmp(json_string_value(form), "emphasised") == 0;
            assert_int_equal(fc_adm_emphasised(&fc_recipe_2_5, strtod(end, NULL), strtof(timestep, NULL)),
                             want);
            assert_true(fc_adm_emphasised(&fc_recipe_1_0, strtod(end, NULL), strtof(timestep, NULL)));
            checked++;
        }
    }
    assert_int_equal(checked, 40);
    json_decref(root);
}

static void timestep_embeddings_match(void **state)
{
    (void)state;
    static const int widths[] = {64, 256, 320};
    fc_test_golden_open(&golden, "fooocus.safetensors");
    fc_test_array t = load("temb.t");
    for (size_t i = 0; i < 3; i++) {
        fc_test_array want = load("temb.%d", widths[i]);
        float got[9 * 320];
        for (int k = 0; k < 9; k++) fc_timestep_embedding(t.data[k], widths[i], got + k * widths[i]);
        assert_abs_error("timestep embedding", got, want.data, want.count, 1.8e-7); /* measured 6e-8 */
        fc_test_array_free(&want);
    }
    fc_test_array_free(&t);
    fc_safetensors_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blur_of_1_0_matches),
        cmocka_unit_test(guided_filter_of_2_5_matches),
        cmocka_unit_test(filter_keeps_constants_and_takes_any_size),
        cmocka_unit_test(sharpness_of_1_0_matches),
        cmocka_unit_test(guidance_of_1_0_matches),
        cmocka_unit_test(guidance_of_2_5_matches),
        cmocka_unit_test(mix_of_2_5_matches),
        cmocka_unit_test(sharpness_zero_is_off_and_scale_one_ignores_the_negative),
        cmocka_unit_test(survives_every_failing_allocation),
        cmocka_unit_test(size_vectors_of_1_0_match),
        cmocka_unit_test(size_vectors_of_2_5_match),
        cmocka_unit_test(size_numbers_of_2_5_match),
        cmocka_unit_test(emphasis_ends_at_the_right_timestep),
        cmocka_unit_test(timestep_embeddings_match),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
