/* The samplers of recipe 1.0 on the toy network: every case of samplers.safetensors, with all states on the
 * way. */
#include "diffusion/schedule.h"
#include "diffusion/solvers/solvers.h"
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

static const char *const cases[] = {
    "euler",     "euler_ancestral", "heun",     "dpm_2",        "dpm_2_ancestral",  "lms",
    "dpm_fast",  "dpm_adaptive",    "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "dpmpp_2s_ancestral",
    "dpmpp_sde", "dpmpp_sde_gpu",   "ddim",     "uni_pc",       "uni_pc_bh2",
};

static void runs_match_the_reference(void **state)
{
    (void)state;
    fc_test_golden_open(&golden, "samplers.safetensors");
    golden_calls = fc_test_golden_json("samplers.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool adaptive = strcmp(cases[i], "dpm_adaptive") == 0;
        double limit = adaptive ? 3e-6 : 1.2e-6; /* measured 1.1e-6, and 4.0e-7 at most (dpm_fast) */
        check_case(cases[i], 8, limit);
        check_case(cases[i], 20, limit);
    }
    json_decref(golden_calls);
    fc_safetensors_close(&golden);
}

static void image_to_image_matches(void **state)
{
    (void)state;
    static const char *const names[] = {"euler", "dpmpp_2m_sde_gpu", "uni_pc", "ddim", "dpmpp_2m",
                                        "lms",   "dpm_fast"};
    fc_test_golden_open(&golden, "samplers.safetensors");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        snprintf(name, sizeof name, "i2i.%s", names[i]);
        fc_test_array sigmas = required(name, "sigmas"), final = required(name, "final");
        fc_test_array latent = required(name, "latent");
        watcher w = {0};
        float got[VALUES];
        fc_err err;
        fc_latent_scale_in(&sampling.latent, latent.data, PLANE);
        assert_ok(run(names[i], &sigmas, latent.data, 0.6, &w, got, &err), &err);
        assert_rel_error(name, got, final.data, VALUES, 6e-7); /* measured 2.3e-7 */
        fc_test_array_free(&sigmas);
        fc_test_array_free(&final);
        fc_test_array_free(&latent);
    }
    fc_safetensors_close(&golden);
}

/* ---- properties of every sampler, on schedules of our own ---- */

typedef struct any_run {
    const fc_recipe *recipe;
    const char *sampler;
    int steps;
    uint64_t seed;
    bool masked;
    watcher watcher;
    float result[VALUES];
} any_run;

static fc_status run_any(void *user)
{
    any_run *r = user;
    fc_arena arena;
    fc_err err;
    fc_schedule schedule;
    fc_rng rng, fresh;
    float noise[VALUES], latent[VALUES], mask[VALUES];
    fc_arena_init(&arena, 4 << 20);
    fc_rng_seed(&rng, r->seed);
    fc_rng_seed(&fresh, r->seed + 1);
    fc_rng_normal(&rng, noise, VALUES);
    for (size_t i = 0; i < VALUES; i++) latent[i] = 0.5f * noise[VALUES - 1 - i];
    for (size_t i = 0; i < VALUES; i++) mask[i] = i % 8 < 4 ? 1.0f : 0.0f;
    const fc_sampler *sampler = fc_sampler_find(r->sampler, r->recipe);
    bool discard = sampler->flags & FC_SAMPLER_DISCARD_PENULTIMATE;
    fc_schedule_request request = {fc_scheduler_find("karras"), r->steps, 1.0, discard};
    fc_status s = fc_schedule_make(&request, &sampling, &arena, &schedule, &err);
    r->watcher = (watcher){.cancel_at_step = r->watcher.cancel_at_step,
                           .model = {.sampling = &sampling,
                                     .recipe = r->recipe,
                                     .cfg = 3.0f,
                                     .plane = PLANE,
                                     .cancel_at_call = r->watcher.model.cancel_at_call}};
    fc_sample_mask part = {.mask = mask, .fresh = r->recipe->fresh_mask_noise ? &fresh : NULL};
    fc_sample_job job = {.sampler = sampler,
                         .sampling = &sampling,
                         .sigmas = schedule.sigmas,
                         .sigma_count = schedule.count,
                         .count = VALUES,
                         .noise = noise,
                         .latent = r->masked ? latent : NULL,
                         .full_noise = true,
                         .rng = &rng,
                         .seed = r->seed,
                         .mask = r->masked ? &part : NULL,
                         .user = &r->watcher,
                         .denoise = denoise,
                         .on_step = watch};
    if (!s) s = fc_sample(&job, &arena, r->result, &err);
    for (size_t i = 0; !s && r->masked && i < VALUES; i++) { /* the kept part comes out as it went in */
        if (mask[i] == 0.0f) assert_true(fabsf(r->result[i] - latent[i]) < 0.15f);
    }
    fc_arena_fini(&arena);
    return s;
}

static void for_every_sampler(void (*check)(any_run *r))
{
    static const fc_recipe *const recipes[] = {&fc_recipe_1_0, &fc_recipe_2_5};
    static any_run r;
    for (size_t k = 0; k < 2; k++) {
        const fc_sampler *sampler;
        for (size_t i = 0; (sampler = fc_sampler_at(i, recipes[k])); i++) {
            assert_ptr_equal(fc_sampler_find(sampler->name, recipes[k]), sampler);
            r = (any_run){.recipe = recipes[k], .sampler = sampler->name, .steps = 7, .seed = 1234567890123};
            check(&r);
        }
        assert_int_equal(fc_sampler_at(23, recipes[k]) != NULL, 1);
        assert_null(fc_sampler_at(24, recipes[k]));
        assert_null(fc_sampler_find("eular", recipes[k]));
    }
}

static void check_repeatable(any_run *r)
{
    float first[VALUES];
    assert_int_equal(run_any(r), FC_OK);
    memcpy(first, r->result, sizeof first);
    assert_int_equal(run_any(r), FC_OK);
    assert_memory_equal(first, r->result, sizeof first);
    r->seed++;
    assert_int_equal(run_any(r), FC_OK);
    assert_memory_not_equal(first, r->result, sizeof first);
}

static void same_seed_gives_the_same_result(void **state)
{
    (void)state;
    for_every_sampler(check_repeatable);
}

static void check_few_steps(any_run *r)
{
    static const int steps[] = {1, 2, 3, 4, 19, 20, 36, 100};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        r->steps = steps[i];
        assert_int_equal(run_any(r), FC_OK);
        for (size_t k = 0; k < VALUES; k++)
            assert_true(isfinite(r->result[k]) && fabsf(r->result[k]) < 30.0f);
    }
}

/* Noise of deviation 14, 57 at most, must have gone, also in one step; the toy network leaves up to 23. */
static void any_number_of_steps_ends_clean(void **state)
{
    (void)state;
    for_every_sampler(check_few_steps);
}

static void check_mask(any_run *r)
{
    if (fc_sampler_find(r->sampler, r->recipe)->flags & FC_SAMPLER_UNMASKED) return; /* as the reference */
    r->masked = true;
    assert_int_equal(run_any(r), FC_OK);
}

static void masks_keep_what_they_should(void **state)
{
    (void)state;
    for_every_sampler(check_mask);
}

static void check_cancel(any_run *r)
{
    assert_int_equal(run_any(r), FC_OK);
    int calls = r->watcher.model.calls, steps = r->watcher.steps_seen;
    assert_true(steps >= 1 && calls >= steps);
    for (int at = 1; at <= calls; at++) {
        r->watcher.model.cancel_at_call = at;
        assert_int_equal(run_any(r), FC_CANCELLED);
        assert_int_equal(r->watcher.model.calls, at);
    }
    r->watcher.model.cancel_at_call = 0;
    for (int at = 1; at <= steps; at++) {
        r->watcher.cancel_at_step = at;
        assert_int_equal(run_any(r), FC_CANCELLED);
        assert_int_equal(r->watcher.steps_seen, at);
    }
}

static void cancelling_anywhere_stops_at_once(void **state)
{
    (void)state;
    for_every_sampler(check_cancel);
}

static void check_torture(any_run *r)
{
    r->steps = 4;
    assert_true(fc_test_torture(run_any, r) >= 1);
}

static void survives_every_failing_allocation(void **state)
{
    (void)state;
    for_every_sampler(check_torture);
}

/* The same schedule in one run and in two. Samplers that remember nothing between steps end at the same bits.
 */
static void a_run_can_be_cut_in_two(void **state)
{
    (void)state;
    static const char *const names[] = {
        "euler", "euler_ancestral", "heun", "dpm_2", "dpmpp_2s_ancestral", "dpmpp_sde", "ddpm", "lcm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        float noise[VALUES], middle[VALUES], results[2][VALUES];
        for (int cut = 0; cut < 2; cut++) {
            watcher w = {
                .model = {.sampling = &sampling, .recipe = &fc_recipe_2_5, .cfg = 3.0f, .plane = PLANE}};
            fc_arena arena;
            fc_schedule schedule;
            fc_rng rng;
            fc_err err;
            fc_brownian *path;
            fc_arena_init(&arena, 1 << 20);
            fc_rng_seed(&rng, 5);
            fc_rng_normal(&rng, noise, VALUES);
            fc_schedule_request request = {fc_scheduler_find("karras"), 8, 1.0, false};
            assert_ok(fc_schedule_make(&request, &sampling, &arena, &schedule, &err), &err);
            assert_ok(fc_brownian_new(&path, VALUES, schedule.sigmas[7], schedule.sigmas[0], 5, &err), &err);
            fc_sample_job job = {.sampler = fc_sampler_find(names[i], &fc_recipe_2_5),
                                 .sampling = &sampling,
                                 .sigmas = schedule.sigmas,
                                 .sigma_count = cut ? 4 : 9,
                                 .count = VALUES,
                                 .noise = noise,
                                 .full_noise = true,
                                 .rng = &rng,
                                 .path = path,
                                 .user = &w,
                                 .denoise = denoise};
            assert_ok(fc_sample(&job, &arena, cut ? middle : results[0], &err), &err);
            job.sigmas += 3;
            job.sigma_count = 6;
            job.noise = NULL;
            job.latent = middle;
            if (cut) assert_ok(fc_sample(&job, &arena, results[1], &err), &err);
            fc_brownian_free(path);
            fc_arena_fini(&arena);
        }
        assert_memory_equal(results[0], results[1], sizeof results[0]);
    }
}

static fc_status not_a_number(void *user, const float *x, float sigma, float *denoised, fc_err *err)
{
    (void)user, (void)sigma, (void)err;
    memcpy(denoised, x, VALUES * sizeof *x);
    denoised[VALUES / 2] = NAN;
    return FC_OK;
}

static void bad_jobs_and_models_are_refused(void **state)
{
    (void)state;
    static const float good[] = {10, 1, 0}, rising[] = {1, 10, 0}, zero[] = {1, 0, 0}, nan[] = {10, NAN, 0};
    float noise[VALUES] = {0}, got[VALUES];
    fc_arena arena;
    fc_err err;
    fc_arena_init(&arena, 1 << 20);
    fc_sample_job job = {.sampler = fc_sampler_find("euler", &fc_recipe_2_5),
                         .sampling = &sampling,
                         .sigmas = good,
                         .sigma_count = 3,
                         .count = VALUES,
                         .noise = noise,
                         .denoise = not_a_number};
    assert_fails(fc_sample(&job, &arena, got, &err), FC_NUMERIC, &err, "not a number");
    assert_int_equal(fc_sample(&job, &arena, got, NULL), FC_NUMERIC);
    job.sigma_count = 1;
    assert_fails(fc_sample(&job, &arena, got, &err), FC_ARG, &err, "two sigmas");
    job.sigma_count = 3;
    const float *const bad[] = {rising, zero, nan};
    for (size_t i = 0; i < 3; i++) {
        job.sigmas = bad[i];
        assert_fails(fc_sample(&job, &arena, got, &err), FC_ARG, &err, "must fall");
    }
    job.sigmas = good;
    job.mask = &(fc_sample_mask){.mask = noise};
    assert_fails(fc_sample(&job, &arena, got, &err), FC_ARG, &err, "mask");
    job.mask = NULL;
    job.sampler = fc_sampler_find("euler_ancestral", &fc_recipe_2_5);
    assert_fails(fc_sample(&job, &arena, got, &err), FC_ARG, &err, "generator");
    fc_model_sampling edm;
    fc_model_sampling_init(&edm, FC_SAMPLING_EDM, FC_ROUND_SIGMAS);
    job.sampling = &edm;
    job.sampler = fc_sampler_find("uni_pc", &fc_recipe_1_0);
    assert_fails(fc_sample(&job, &arena, got, &err), FC_UNSUPPORTED, &err, "uni_pc");
    fc_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_match_the_reference),
        cmocka_unit_test(image_to_image_matches),
        cmocka_unit_test(same_seed_gives_the_same_result),
        cmocka_unit_test(any_number_of_steps_ends_clean),
        cmocka_unit_test(masks_keep_what_they_should),
        cmocka_unit_test(cancelling_anywhere_stops_at_once),
        cmocka_unit_test(survives_every_failing_allocation),
        cmocka_unit_test(a_run_can_be_cut_in_two),
        cmocka_unit_test(bad_jobs_and_models_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
