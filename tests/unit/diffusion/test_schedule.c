/* diffusion/model_sampling and diffusion/schedule against both versions' tables and schedules: bit for bit.
 */
#include "diffusion/schedule.h"
#include "support/support.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/f32.h"
#include "diffusion/linspace.h"

static fc_model_sampling v1, v2;

static float number(const json_t *v)
{
    return (float)json_number_value(v);
}

typedef struct deviation {
    int different, values;
} deviation;

static void compare(deviation *d, const float *got, const json_t *want)
{
    size_t i;
    json_t *v;
    json_array_foreach(want, i, v)
    {
        d->different += got[i] != number(v);
        d->values++;
    }
}

static void report(const char *what, deviation d)
{
    print_message("  %s: %d of %d values differ\n", what, d.different, d.values);
}

static int setup(void **state)
{
    (void)state;
    fc_model_sampling_init(&v1, FC_SAMPLING_EPS, FC_ROUND_ALPHAS);
    fc_model_sampling_init(&v2, FC_SAMPLING_EPS, FC_ROUND_SIGMAS);
    return 0;
}

static void tables_match(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("schedules.json"), *root2 = fc_test_golden_json("v25_schedules.json");
    deviation alphas = {0}, sigmas = {0}, logs = {0}, sigmas2 = {0};
    compare(&alphas, v1.alphas_cumprod, json_object_get(root, "alphas_cumprod"));
    compare(&sigmas, v1.sigmas, json_object_get(root, "sigmas"));
    compare(&logs, v1.log_sigmas, json_object_get(root, "log_sigmas"));
    json_t *normal = json_object_get(json_object_get(root2, "tables"), "normal");
    compare(&sigmas2, v2.sigmas, json_object_get(normal, "sigmas"));
    compare(&sigmas2, v2.alphas_cumprod, json_object_get(normal, "alphas_cumprod"));
    report("alphas", alphas);
    report("sigmas 1.0", sigmas);
    report("log sigmas 1.0", logs);
    report("sigmas 2.5", sigmas2);
    assert_int_equal(alphas.different + sigmas.different + logs.different + sigmas2.different, 0);
    assert_int_equal(sigmas2.values, 2000);
    json_decref(root);
    json_decref(root2);
}

/* One schedule; "dpm_2" and "uni_pc" as last part of the name stand for the dropped penultimate sigma. */
static fc_schedule make(fc_arena *arena, const fc_model_sampling *ms, const char *scheduler, int steps,
                        double denoise, bool discard)
{
    fc_schedule_request r = {fc_scheduler_find(scheduler), steps, denoise, discard};
    fc_schedule s;
    fc_err err;
    assert_non_null(r.scheduler);
    assert_ok(fc_schedule_make(&r, ms, arena, &s, &err), &err);
    return s;
}

/* Every "NAME.STEPS[.DENOISE]" of a JSON object. */
static deviation check_group(const json_t *group, const fc_model_sampling *ms, bool discard)
{
    deviation all = {0};
    const char *key;
    json_t *want;
    json_object_foreach((json_t *)group, key, want)
    {
        fc_arena arena;
        fc_arena_init(&arena, 1 << 20);
        char name[32];
        const char *dot = strchr(key, '.');
        snprintf(name, sizeof name, "%.*s", (int)(dot - key), key);
        char *end;
        int steps = (int)strtol(dot + 1, &end, 10);
        fc_schedule s = make(&arena, ms, name, steps, *end ? strtod(end + 1, NULL) : 1.0, discard);
        assert_int_equal(s.count, json_array_size(want));
        deviation d = {0};
        compare(&d, s.sigmas, want);
        all.values += d.values;
        all.different += d.different;
        fc_arena_fini(&arena);
    }
    return all;
}

static void schedules_of_1_0_match(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("schedules.json");
    deviation whole = check_group(json_object_get(root, "schedules"), &v1, false);
    deviation discard = check_group(json_object_get(root, "discard_penultimate"), &v1, true);
    deviation part = check_group(json_object_get(root, "denoise"), &v1, false);
    report("whole", whole);
    report("penultimate discarded", discard);
    report("partial", part);
    assert_true(whole.values > 600 && discard.values > 600 && part.values == 4 * 31 + 2 * 61);
    assert_int_equal(whole.different + discard.different + part.different, 0);
    json_decref(root);
}

static void timesteps_of_1_0_match(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("schedules.json");
    static const int steps[] = {30, 60};
    static const char *const keys[] = {"karras30_timestep", "karras60_timestep"};
    for (int k = 0; k < 2; k++) {
        fc_arena arena;
        fc_arena_init(&arena, 1 << 20);
        fc_schedule s = make(&arena, &v1, "karras", steps[k], 1.0, false);
        json_t *want = json_object_get(root, keys[k]);
        assert_int_equal(json_array_size(want), steps[k]);
        for (int i = 0; i < steps[k]; i++) {
            assert_int_equal((int)fc_model_sampling_timestep(&v1, s.sigmas[i]),
                             json_integer_value(json_array_get(want, (size_t)i)));
        }
        fc_arena_fini(&arena);
    }
    json_t *pairs = json_object_get(root, "t_to_sigma"), *ts = json_object_get(pairs, "t");
    for (size_t i = 0; i < json_array_size(ts); i++) {
        float sigma = fc_model_sampling_sigma(&v1, number(json_array_get(ts, i)));
        assert_true(sigma == number(json_array_get(json_object_get(pairs, "sigma"), i)));
    }
    json_decref(root);
}

static fc_model_sampling *sampling_of(const char *scheduler)
{
    static fc_model_sampling ms;
    fc_model_sampling_init(&ms, fc_scheduler_find(scheduler)->sampling, FC_ROUND_SIGMAS);
    return &ms;
}

/* "NAME.STEPS", "NAME.STEPS.denoiseD", "NAME.STEPS.dpm_2|uni_pc"; NAME may hold a dot itself. */
static void check_run(const char *key, const json_t *run, deviation *d)
{
    char name[64];
    snprintf(name, sizeof name, "%s", key);
    char *option = strstr(name, ".denoise"), *discard = strstr(name, ".dpm_2");
    if (!discard) discard = strstr(name, ".uni_pc");
    double denoise = option ? strtod(option + 8, NULL) : 1.0;
    if (option) *option = '\0';
    if (discard) *discard = '\0';
    char *dot = strrchr(name, '.');
    int steps = atoi(dot + 1);
    *dot = '\0';
    if (strcmp(name, "turbo") == 0 || strcmp(name, "align_your_steps") == 0)
        return; /* ran "normal" by mistake */
    const json_t *want = json_is_object(run) ? json_object_get(run, "sigmas") : run;
    fc_arena arena;
    fc_arena_init(&arena, 1 << 20);
    const fc_model_sampling *ms = sampling_of(name);
    fc_schedule s = make(&arena, ms, name, steps, denoise, discard != NULL);
    assert_int_equal(s.count, json_array_size(want));
    compare(d, s.sigmas, want);
    json_t *timesteps = json_object_get(run, "timesteps");
    for (size_t i = 0; i < json_array_size(timesteps); i++) {
        float t = number(json_array_get(timesteps, i));
        assert_true(fc_model_sampling_timestep(ms, s.sigmas[i]) == t);
    }
    fc_arena_fini(&arena);
}

static void schedules_of_2_5_match(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("v25_schedules.json"), *run;
    const char *key;
    deviation d = {0};
    json_object_foreach(json_object_get(root, "runs"), key, run) check_run(key, run, &d);
    report("2.5 runs", d);
    assert_true(d.values > 2500 && d.different == 0);
    deviation t = {0};
    json_object_foreach(json_object_get(root, "true"), key, run)
    {
        fc_arena arena;
        fc_arena_init(&arena, 1 << 20);
        const char *dot = strchr(key, '.');
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)(dot - key), key);
        fc_schedule s = make(&arena, &v2, name, atoi(dot + 1), 1.0, false);
        assert_int_equal(s.count, json_array_size(run));
        compare(&t, s.sigmas, run);
        fc_arena_fini(&arena);
    }
    report("turbo and align_your_steps", t);
    assert_true(t.values > 150 && t.different == 0);
    json_decref(root);
}

static void check_table(const char *scheduler, const json_t *table)
{
    const fc_model_sampling *ms = sampling_of(scheduler);
    deviation d = {0};
    compare(&d, ms->sigmas, json_object_get(table, "sigmas"));
    report(scheduler, d);
    assert_int_equal(d.different, 0);
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(table, "timestep_of"), key, v)
    {
        float t = fc_model_sampling_timestep(ms, strtof(key, NULL));
        assert_true(t == number(v));
    }
    json_object_foreach(json_object_get(table, "sigma_of"), key, v)
    {
        assert_true(fc_model_sampling_sigma(ms, strtof(key, NULL)) == number(v));
    }
}

static void model_samplings_of_2_5_match(void **state)
{
    (void)state;
    json_t *root = fc_test_golden_json("v25_schedules.json"), *tables = json_object_get(root, "tables");
    static const char *const names[] = {"normal", "lcm", "tcd", "edm_playground_v2.5"};
    for (size_t i = 0; i < 4; i++) check_table(names[i], json_object_get(tables, names[i]));
    json_decref(root);
}

static void every_schedule_falls_to_zero(void **state)
{
    (void)state;
    static const int steps[] = {1, 2, 3, 7, 50, 299};
    const fc_scheduler *scheduler;
    for (size_t i = 0; (scheduler = fc_scheduler_at(i)); i++) {
        assert_ptr_equal(fc_scheduler_find(scheduler->name), scheduler);
        const fc_model_sampling *ms = sampling_of(scheduler->name);
        for (size_t k = 0; k < 2 * sizeof steps / sizeof *steps; k++) {
            fc_arena arena;
            fc_arena_init(&arena, 1 << 20);
            fc_schedule s = make(&arena, ms, scheduler->name, steps[k / 2], k % 4 < 2 ? 1.0 : 0.3, k % 2);
            assert_true(s.count >= 2 && s.sigmas[s.count - 1] == 0.0f);
            for (int n = 0; n + 1 < s.count; n++) assert_true(s.sigmas[n] > s.sigmas[n + 1]);
            fc_arena_fini(&arena);
        }
    }
    assert_null(fc_scheduler_find("karas"));
}

/* Against NumPy and SciPy (beta.ppf) on the noise levels of SDXL: the levels of beta, six digits of
 * kl_optimal. */
static void beta_and_kl_optimal_match(void **state)
{
    (void)state;
    static const int levels[] = {999, 986, 959, 922, 876, 823, 765, 703, 637, 569,
                                 500, 430, 362, 296, 234, 176, 123, 77,  40,  13};
    static const double sigmas[] = {14.6146, 2.63289, 1.29477, 0.711627, 0.335637, 0.0291672};
    fc_arena arena;
    fc_arena_init(&arena, 1 << 20);
    fc_schedule s = make(&arena, &v2, "beta", 20, 1.0, false);
    assert_int_equal(s.count, 21);
    for (int i = 0; i < 20; i++) assert_true(s.sigmas[i] == v2.sigmas[levels[i]]);
    s = make(&arena, &v2, "beta", 300, 1.0, false);
    assert_int_equal(s.count, 293 + 1); /* seven levels would come twice */
    s = make(&arena, &v2, "kl_optimal", 6, 1.0, false);
    for (int i = 0; i < 6; i++) assert_true(fabs((double)s.sigmas[i] / sigmas[i] - 1) < 5e-6);
    fc_arena_fini(&arena);
}

static void impossible_requests_are_refused(void **state)
{
    (void)state;
    fc_arena arena;
    fc_arena_init(&arena, 1 << 20);
    static const struct {
        int steps;
        double denoise;
        fc_status want;
    } bad[] = {{0, 1.0, FC_ARG},  {-3, 1.0, FC_ARG}, {30, 0.0, FC_ARG},    {30, -0.5, FC_ARG},
               {30, 1.5, FC_ARG}, {30, NAN, FC_ARG}, {30, 1e-9, FC_LIMIT}, {10001, 1.0, FC_LIMIT}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fc_schedule_request r = {fc_scheduler_find("karras"), bad[i].steps, bad[i].denoise, false};
        fc_schedule s;
        fc_err err;
        assert_fails(fc_schedule_make(&r, &v1, &arena, &s, &err), bad[i].want, &err, "steps");
        assert_int_equal(fc_schedule_make(&r, &v1, &arena, &s, NULL), bad[i].want);
    }
    fc_schedule_request repeated = {fc_scheduler_find("simple"), 1001, 1.0, false};
    fc_schedule repeats;
    fc_err problem;
    assert_fails(fc_schedule_make(&repeated, &v1, &arena, &repeats, &problem), FC_ARG, &problem,
                 "noise levels");
    fc_arena_fini(&arena);
    fc_arena small;
    fc_arena_init(&small, 64);
    fc_schedule_request r = {fc_scheduler_find("karras"), 1000, 1.0, false};
    fc_schedule s;
    fc_err err;
    assert_int_not_equal(fc_schedule_make(&r, &v1, &small, &s, &err), FC_OK);
    fc_arena_fini(&small);
}

/* Error in units of the last place of a float32, against double. */
static double ulps(float got, double want)
{
    return fabs((double)got - want) /
           ((double)nextafterf(fabsf((float)want), INFINITY) - fabs((double)(float)want));
}

static void elementary_functions_are_accurate(void **state)
{
    (void)state;
    double worst_log = 0.0, worst_exp = 0.0, worst_pow = 0.0;
    for (int i = 0; i < 200000; i++) {
        float v = (float)exp(-80.0 + 160.0 * i / 200000.0), e = (float)(-80.0 + 160.0 * i / 200000.0);
        float base = (float)(0.4 + 1.6 * i / 200000.0);
        if (fabsf(v - 1.0f) > 1e-3f) worst_log = fmax(worst_log, ulps(f32_log(v), log((double)v)));
        worst_exp = fmax(worst_exp, ulps(f32_exp(e), exp((double)e)));
        worst_pow = fmax(worst_pow, ulps(f32_pow(base, 7.0f), pow((double)base, 7.0)));
    }
    assert_at_most("log, ulp", worst_log, 1.0); /* measured 0.55 */
    assert_at_most("exp, ulp", worst_exp, 1.0); /* measured 0.95 */
    assert_at_most("pow, ulp", worst_pow, 1.0); /* measured 0.57 */
    assert_true(f32_log(1.0f) == 0.0f && f32_exp(0.0f) == 1.0f && f32_expm1(0.0f) == 0.0f);
    assert_true(f32_expm1(-INFINITY) == -1.0f && f32_expm1(1e-20f) == 1e-20f);
}

static void linspace_ends_are_exact(void **state)
{
    (void)state;
    float v[100];
    for (size_t n = 2; n < 100; n++) {
        fc_linspace(v, 999.0f, 0.0f, n);
        assert_true(v[0] == 999.0f && v[n - 1] == 0.0f);
    }
    fc_linspace(v, 3.0f, 4.0f, 1);
    assert_true(v[0] == 3.0f);
}

static void latent_formats_invert(void **state)
{
    (void)state;
    static const char *const names[] = {"karras", "edm_playground_v2.5"};
    for (size_t i = 0; i < 2; i++) {
        const fc_model_sampling *ms = sampling_of(names[i]);
        float latent[4 * 3] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12}, back[4 * 3];
        memcpy(back, latent, sizeof back);
        fc_latent_scale_in(&ms->latent, back, 3);
        assert_true(fabsf(back[0] - latent[0]) > 0.1f);
        fc_latent_scale_out(&ms->latent, back, 3);
        assert_abs_error(names[i], back, latent, 12, 3e-6); /* measured 9.5e-7 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_match),
        cmocka_unit_test(schedules_of_1_0_match),
        cmocka_unit_test(timesteps_of_1_0_match),
        cmocka_unit_test(schedules_of_2_5_match),
        cmocka_unit_test(model_samplings_of_2_5_match),
        cmocka_unit_test(every_schedule_falls_to_zero),
        cmocka_unit_test(beta_and_kl_optimal_match),
        cmocka_unit_test(impossible_requests_are_refused),
        cmocka_unit_test(elementary_functions_are_accurate),
        cmocka_unit_test(linspace_ends_are_exact),
        cmocka_unit_test(latent_formats_invert),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
