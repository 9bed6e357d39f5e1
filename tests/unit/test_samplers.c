/* The samplers of recipe 1.0 on the toy network: every case of samplers.safetensors, with all states on the
 * way. */
#include "diffusion/schedule.h"
#include "diffusion/solvers.h"
#include "support/support.h"
#include "support/toy.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLANE = 64, VALUES = 4 * PLANE, SEED = 42 };

static fc_model_sampling sampling;
static fc_safetensors golden;
static json_t *golden_calls;

static int setup(void **state)
{
    (void)state;
    fc_model_sampling_init(&sampling, FC_SAMPLING_EPS, FC_ROUND_ALPHAS);
    return 0;
}

/* A case's stored states, compared as the run goes by. */
typedef struct watcher {
    toy model;
    fc_test_array denoised, x; /* [callbacks][VALUES], data NULL when not stored */
    int steps_seen, cancel_at_step;
    double worst_denoised, worst_x;
} watcher;

static double worse(double worst, const float *got, const fc_test_array *want, int index)
{
    if (!want->data) return 0.0;
    assert_true((size_t)index < want->count / VALUES);
    double e = fc_test_rel_error(got, want->data + (size_t)index * VALUES, VALUES);
    return e <= worst ? worst : e;
}

static fc_status watch(void *user, const fc_sample_step *step, fc_err *err)
{
    watcher *w = user;
    assert_int_equal(step->index, w->steps_seen);
    w->worst_denoised = worse(w->worst_denoised, step->denoised, &w->denoised, step->index);
    w->worst_x = worse(w->worst_x, step->x, &w->x, step->index);
    if (++w->steps_seen == w->cancel_at_step) return fc_fail(err, FC_CANCELLED, "stopped");
    return FC_OK;
}

static fc_status denoise(void *user, const float *x, float sigma, float *denoised, fc_err *err)
{
    return toy_denoise(&((watcher *)user)->model, x, sigma, denoised, err);
}

static fc_test_array optional(const char *name, const char *what)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", name, what);
    if (!fc_test_has(&golden, full)) return (fc_test_array){0};
    return fc_test_array_load(&golden, full);
}

static fc_test_array required(const char *name, const char *what)
{
    fc_test_array a = optional(name, what);
    if (!a.data) fail_msg("%s.%s is not stored", name, what);
    return a;
}

/* Runs `sampler` on given sigmas from the seed's noise; the result is divided by the latent scale. */
static fc_status run(const char *sampler, const fc_test_array *sigmas, const float *latent, double strength,
                     watcher *w, float *result, fc_err *err)
{
    float noise[VALUES];
    fc_rng rng;
    fc_arena arena;
    fc_arena_init(&arena, 1 << 20);
    fc_rng_seed(&rng, SEED);
    fc_rng_normal(&rng, noise, VALUES);
    w->model.sampling = &sampling;
    w->model.recipe = &fc_recipe_1_0;
    w->model.cfg = 3.0f;
    w->model.plane = PLANE;
    fc_sample_job job = {
        .sampler = fc_sampler_find(sampler, &fc_recipe_1_0),
        .sampling = &sampling,
        .sigmas = sigmas->data,
        .sigma_count = (int)sigmas->count,
        .count = VALUES,
        .noise = noise,
        .latent = latent,
        .full_noise = fc_recipe_full_noise(&fc_recipe_1_0, &sampling, sigmas->data[0], strength),
        .rng = &rng,
        .seed = SEED,
        .user = w,
        .denoise = denoise,
        .on_step = watch,
    };
    assert_non_null(job.sampler);
    fc_status s = fc_sample(&job, &arena, result, err);
    fc_latent_scale_out(&sampling.latent, result, PLANE);
    fc_arena_fini(&arena);
    return s;
}

static void check_calls(const char *name, const watcher *w)
{
    json_t *info = json_object_get(json_object_get(golden_calls, "calls"), name);
    json_t *timesteps = json_object_get(info, "timesteps");
    assert_int_equal(w->model.calls, json_integer_value(json_object_get(info, "model_calls")));
    assert_int_equal(w->steps_seen, json_array_size(json_object_get(info, "callback_steps")));
    for (int i = 0; i < w->model.calls; i++) {
        assert_int_equal((int)w->model.timesteps[i],
                         json_integer_value(json_array_get(timesteps, (size_t)i)));
    }
}

static void check_case(const char *sampler, int steps, double limit)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%d", sampler, steps);
    watcher w = {.denoised = optional(name, "denoised"), .x = optional(name, "x")};
    fc_test_array sigmas = required(name, "sigmas"), final = required(name, "final");
    float got[VALUES];
    fc_err err;
    assert_ok(run(sampler, &sigmas, NULL, 1.0, &w, got, &err), &err);
    check_calls(name, &w);
    print_message("  %-24s on the way: denoised %.2g, x %.2g\n", name, w.worst_denoised, w.worst_x);
    assert_true(w.worst_denoised <= limit && w.worst_x <= limit);
    assert_rel_error(name, got, final.data, VALUES, limit);
    fc_test_array_free(&w.denoised);
    fc_test_array_free(&w.x);
    fc_test_array_free(&sigmas);
    fc_test_array_free(&final);
}

/* Limits: 3x what was measured on the worst tensor of the case, final or on the way. */
static const struct {
    const char *name;
    double limit;
} cases[] = {
    {"euler", 1e-5},
    {"dpmpp_2m_sde", 1e-5},
    {"dpmpp_2m_sde_gpu", 1e-5},
};

static void runs_match_the_reference(void **state)
{
    (void)state;
    fc_test_golden_open(&golden, "samplers.safetensors");
    golden_calls = fc_test_golden_json("samplers.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case(cases[i].name, 8, cases[i].limit);
        check_case(cases[i].name, 20, cases[i].limit);
    }
    json_decref(golden_calls);
    fc_safetensors_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_match_the_reference),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
