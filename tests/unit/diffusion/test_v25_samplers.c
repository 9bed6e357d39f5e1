/* What recipe 2.5 added: its model samplings, and every sampler run of v25_samplers.safetensors on the toy
 * network. */
#include "diffusion/schedule.h"
#include "diffusion/solvers/solvers.h"
#include "support/support.h"
#include "support/toy.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLANE = 64, VALUES = 4 * PLANE, SEED = 42 };

static fc_safetensors golden;
static json_t *golden_calls;

/* ---- model samplings ---- */

static void check_sampling(const char *name, const char *scheduler)
{
    static fc_model_sampling ms;
    static const char *const sigmas[] = {"14.6146", "1", "0.05"};
    fc_model_sampling_init(&ms, fc_scheduler_find(scheduler)->sampling, FC_ROUND_SIGMAS);
    fc_test_array output = fc_test_array_load(&golden, "denoised.model_output");
    fc_test_array x = fc_test_array_load(&golden, "denoised.x");
    for (size_t i = 0; i < 3; i++) {
        char tensor[96];
        float got[VALUES], sigma = i == 0 ? 14.6146412f : strtof(sigmas[i], NULL); /* names are cut */
        snprintf(tensor, sizeof tensor, "denoised.%s.%s", name, sigmas[i]);
        fc_test_array want = fc_test_array_load(&golden, tensor);
        fc_model_sampling_denoised(&ms, sigma, x.data, output.data, got, VALUES);
        assert_rel_error(tensor, got, want.data, VALUES, 3e-7); /* measured 1.2e-7 */
        fc_test_array_free(&want);
        snprintf(tensor, sizeof tensor, "input.%s.%s", name, sigmas[i]);
        want = fc_test_array_load(&golden, tensor);
        fc_model_sampling_input(&ms, sigma, x.data, got, VALUES);
        assert_rel_error(tensor, got, want.data, VALUES, 3e-7);
        fc_test_array_free(&want);
    }
    char tensor[96];
    snprintf(tensor, sizeof tensor, "latent.%s.in", name);
    fc_test_array in = fc_test_array_load(&golden, tensor);
    float got[VALUES];
    memcpy(got, x.data, sizeof got);
    fc_latent_scale_in(&ms.latent, got, PLANE);
    assert_rel_error(tensor, got, in.data, VALUES, 3e-7);
    snprintf(tensor, sizeof tensor, "latent.%s.out", name);
    fc_test_array out = fc_test_array_load(&golden, tensor);
    memcpy(got, x.data, sizeof got);
    fc_latent_scale_out(&ms.latent, got, PLANE);
    assert_rel_error(tensor, got, out.data, VALUES, 3e-7);
    fc_test_array *const arrays[] = {&output, &x, &in, &out};
    for (size_t i = 0; i < 4; i++) fc_test_array_free(arrays[i]);
}

static void model_samplings_match(void **state)
{
    (void)state;
    fc_test_golden_open(&golden, "v25_samplers.safetensors");
    check_sampling("normal", "karras");
    check_sampling("lcm", "lcm");
    check_sampling("tcd", "tcd");
    check_sampling("edm_playground_v2.5", "edm_playground_v2.5");
    fc_safetensors_close(&golden);
}

/* ---- runs ---- */

typedef struct watcher {
    toy model;
    fc_test_array denoised, x; /* [callbacks][VALUES], data NULL when not stored */
    bool is_tcd;
    int steps_seen;
    double worst;
} watcher;

static void compare(watcher *w, const float *got, const fc_test_array *want, int index)
{
    if (!want->data || (size_t)index >= want->count / VALUES)
        return; /* the reference lost its last step to NaN */
    double e = fc_test_rel_error(got, want->data + (size_t)index * VALUES, VALUES);
    if (!(e <= w->worst)) w->worst = e;
}

static fc_status watch(void *user, const fc_sample_step *step, fc_err *err)
{
    (void)err;
    watcher *w = user;
    assert_int_equal(step->index, w->steps_seen++);
    /* the reference shows tcd's next x without its noise; we show what the model sees */
    if (!w->is_tcd) compare(w, step->denoised, &w->denoised, step->index);
    compare(w, step->x, &w->x, step->index);
    return FC_OK;
}

static fc_status denoise(void *user, const float *x, float sigma, float *denoised, fc_err *err)
{
    return toy_denoise(&((watcher *)user)->model, x, sigma, denoised, err);
}

static fc_test_array optional(const char *name, const char *what)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", name, what);
    if (!fc_test_has(&golden, full)) return (fc_test_array){0};
    return fc_test_array_load(&golden, full);
}

static void check_calls(const char *name, const watcher *w)
{
    json_t *info = json_object_get(json_object_get(golden_calls, "calls"), name);
    json_t *timesteps = json_object_get(info, "timesteps");
    if (!info) return;
    /* karras with tcd ran twice in the reference: first to NaN, then with clamped roots */
    bool twice = strncmp(name, "tcd.karras", 10) == 0;
    assert_int_equal(w->model.calls * (twice ? 2 : 1),
                     json_integer_value(json_object_get(info, "model_calls")));
    if (!twice) assert_int_equal(w->steps_seen, json_array_size(json_object_get(info, "callback_steps")));
    for (int i = 0; i < w->model.calls; i++) {
        assert_true(w->model.timesteps[i] == (float)json_number_value(json_array_get(timesteps, (size_t)i)));
    }
}

/* path: a Brownian path to use instead of the run's own; returns the worst relative error. */
static double run_on_path(const char *name, const char *sampler_name, const char *scheduler_name, int steps,
                          fc_brownian *path, const fc_test_array *final)
{
    static fc_model_sampling ms;
    const fc_scheduler *scheduler = fc_scheduler_find(scheduler_name);
    const fc_sampler *sampler = fc_sampler_find(sampler_name, &fc_recipe_2_5);
    assert_non_null(scheduler);
    assert_non_null(sampler);
    fc_model_sampling_init(&ms, scheduler->sampling, FC_ROUND_SIGMAS);
    watcher w = {.is_tcd = strcmp(sampler_name, "tcd") == 0,
                 .model = {.sampling = &ms, .recipe = &fc_recipe_2_5, .cfg = 3.0f, .plane = PLANE},
                 .denoised = optional(name, "denoised"),
                 .x = optional(name, "x")};
    fc_arena arena;
    fc_arena_init(&arena, 4 << 20);
    fc_schedule schedule;
    fc_err err;
    fc_schedule_request request = {scheduler, steps, 1.0, sampler->flags & FC_SAMPLER_DISCARD_PENULTIMATE};
    assert_ok(fc_schedule_make(&request, &ms, &arena, &schedule, &err), &err);
    float noise[VALUES], got[VALUES];
    fc_rng rng;
    fc_rng_seed(&rng, SEED);
    fc_rng_normal(&rng, noise, VALUES);
    fc_sample_job job = {.sampler = sampler,
                         .sampling = &ms,
                         .sigmas = schedule.sigmas,
                         .sigma_count = schedule.count,
                         .count = VALUES,
                         .noise = noise,
                         .full_noise = fc_recipe_full_noise(&fc_recipe_2_5, &ms, schedule.sigmas[0], 1.0),
                         .rng = &rng,
                         .seed = SEED,
                         .path = path,
                         .user = &w,
                         .denoise = denoise,
                         .on_step = watch};
    assert_ok(fc_sample(&job, &arena, got, &err), &err);
    fc_latent_scale_out(&ms.latent, got, PLANE);
    check_calls(name, &w);
    double e = fc_test_rel_error(got, final->data, VALUES);
    print_message("  %-34s final %.2g, on the way %.2g\n", name, e, w.worst);
    fc_test_array_free(&w.denoised);
    fc_test_array_free(&w.x);
    fc_arena_fini(&arena);
    return fmax(e, w.worst);
}

static double run_case(const char *name, const char *sampler, const char *scheduler, int steps,
                       const fc_test_array *final)
{
    return run_on_path(name, sampler, scheduler, steps, NULL, final);
}

/* Splits "SAMPLER.SCHEDULER.STEPS.final[_clamped]"; false for other tensors and for schedulers that 2.5.5
 * replaced by "normal" by mistake. "true_NAME" stands for a scheduler's defined table. */
static bool parse_case(const char *tensor, char *name, char *sampler, char *scheduler, int *steps)
{
    const char *final = strstr(tensor, ".final");
    if (!final) return false;
    snprintf(name, 64, "%.*s", (int)(final - tensor), tensor);
    const char *dot = strchr(name, '.'), *last = strrchr(name, '.');
    snprintf(sampler, 64, "%.*s", (int)(dot - name), name);
    bool defined = strncmp(dot + 1, "true_", 5) == 0;
    dot += defined ? 6 : 1;
    snprintf(scheduler, 64, "%.*s", (int)(last - dot), dot);
    *steps = atoi(last + 1);
    return defined || (strcmp(scheduler, "turbo") != 0 && strcmp(scheduler, "align_your_steps") != 0);
}

static void runs_match_the_reference(void **state)
{
    (void)state;
    fc_test_golden_open(&golden, "v25_samplers.safetensors");
    golden_calls = fc_test_golden_json("v25_samplers.json");
    int checked = 0;
    double worst = 0.0, worst_edm = 0.0, worst_adaptive = 0.0;
    for (size_t i = 0; i < golden.count; i++) {
        char name[64], sampler[64], scheduler[64];
        int steps;
        if (!parse_case(golden.tensors[i].name, name, sampler, scheduler, &steps)) continue;
        fc_test_array final = fc_test_array_load(&golden, golden.tensors[i].name);
        double e = run_case(name, sampler, scheduler, steps, &final);
        /* relative to a denoised latent that is a small difference of large numbers at sigma 120 */
        if (strcmp(scheduler, "edm_playground_v2.5") == 0)
            worst_edm = fmax(worst_edm, e);
        else if (strcmp(sampler, "dpm_adaptive") == 0)
            worst_adaptive = fmax(worst_adaptive, e);
        else
            worst = fmax(worst, e);
        fc_test_array_free(&final);
        checked++;
    }
    assert_int_equal(checked, 96);
    assert_at_most("worst EDM run", worst_edm, 1.6e-5);            /* measured 5.4e-6 */
    assert_at_most("worst of dpm_adaptive", worst_adaptive, 7e-6); /* measured 2.4e-6 */
    assert_at_most("worst of all other runs", worst, 2.4e-6);      /* measured 8.2e-7 */
    json_decref(golden_calls);
    fc_safetensors_close(&golden);
}

/* 2.5.5 ran "normal" under these names, with noise over the range of the tables it did not run. */
static void runs_share_a_path_of_another_range(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float sigma_min, sigma_max;
    } cases[] = {{"dpmpp_2m_sde_gpu.align_your_steps.8", 0.13401949405670166f, 14.614641189575195f},
                 {"dpmpp_2m_sde_gpu.turbo.8", 0.8298595547676086f, 14.614640235900879f}};
    fc_test_golden_open(&golden, "v25_samplers.safetensors");
    golden_calls = json_object();
    for (size_t i = 0; i < 2; i++) {
        fc_test_array final = optional(cases[i].name, "final");
        fc_brownian *path;
        fc_err err;
        assert_ok(fc_brownian_new(&path, VALUES, cases[i].sigma_min, cases[i].sigma_max, SEED, &err), &err);
        double e = run_on_path(cases[i].name, "dpmpp_2m_sde_gpu", "normal", 8, path, &final);
        assert_at_most(cases[i].name, e, 9e-7); /* measured 3e-7 */
        fc_brownian_free(path);
        fc_test_array_free(&final);
    }
    json_decref(golden_calls);
    fc_safetensors_close(&golden);
}

/* Of two images of one batch the second had its noise over the range of the sigmas that run; we do it always.
 */
static void noise_range_is_that_of_the_run(void **state)
{
    (void)state;
    static const char *const schedulers[] = {"lcm", "edm_playground_v2.5", "karras"};
    fc_test_golden_open(&golden, "v25_samplers.safetensors");
    golden_calls = json_object();
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "order.%s", schedulers[i]);
        fc_test_array want = optional(name, "image2");
        double e = run_case(name, "dpmpp_2m_sde_gpu", schedulers[i], 8, &want);
        assert_at_most(name, e, 1.5e-6); /* measured 5.3e-7 */
        fc_test_array_free(&want);
    }
    json_decref(golden_calls);
    fc_safetensors_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_samplings_match),
        cmocka_unit_test(runs_match_the_reference),
        cmocka_unit_test(runs_share_a_path_of_another_range),
        cmocka_unit_test(noise_range_is_that_of_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
