/* Latent masks and partial denoising of recipe 1.0 on the toy network. */
#include "diffusion/solvers/solvers.h"
#include "support/support.h"
#include "support/toy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

enum { PLANE = 64, VALUES = 4 * PLANE };

static fc_safetensors golden;

static fc_test_array load(const char *prefix, const char *what)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", prefix, what);
    return fc_test_array_load(&golden, name);
}

typedef struct masked_run {
    toy model;
    fc_test_array denoised;
    int steps;
    double worst;
} masked_run;

static fc_status denoise(void *user, const float *x, float sigma, float *denoised, fc_err *err)
{
    return toy_denoise(&((masked_run *)user)->model, x, sigma, denoised, err);
}

static fc_status watch(void *user, const fc_sample_step *step, fc_err *err)
{
    (void)err;
    masked_run *r = user;
    double e = fc_test_rel_error(step->denoised, r->denoised.data + (size_t)step->index * VALUES, VALUES);
    if (!(e <= r->worst)) r->worst = e;
    r->steps++;
    return FC_OK;
}

static void check_run(const fc_model_sampling *ms, const char *sampler, double strength)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%.1f", sampler, strength);
    fc_test_array sigmas = load(name, "sigmas"), final = load(name, "final");
    fc_test_array mask = fc_test_array_load(&golden, "mask"), latent = fc_test_array_load(&golden, "latent");
    fc_test_array stored_noise = fc_test_array_load(&golden, "noise");
    masked_run r = {.model = {.sampling = ms, .recipe = &fc_recipe_1_0, .cfg = 3.0f, .plane = PLANE},
                    .denoised = load(name, "denoised")};
    float noise[VALUES], got[VALUES];
    fc_rng rng;
    fc_arena arena;
    fc_err err;
    fc_arena_init(&arena, 1 << 20);
    fc_rng_seed(&rng, 42);
    fc_rng_normal(&rng, noise, VALUES);
    assert_memory_equal(noise, stored_noise.data, sizeof noise);
    fc_latent_scale_in(&ms->latent, latent.data, PLANE);
    fc_sample_mask part = {.mask = mask.data};
    fc_sample_job job = {.sampler = fc_sampler_find(sampler, &fc_recipe_1_0),
                         .sampling = ms,
                         .sigmas = sigmas.data,
                         .sigma_count = (int)sigmas.count,
                         .count = VALUES,
                         .noise = noise,
                         .latent = latent.data,
                         .full_noise = fc_recipe_full_noise(&fc_recipe_1_0, ms, sigmas.data[0], strength),
                         .rng = &rng,
                         .seed = 42,
                         .mask = &part,
                         .user = &r,
                         .denoise = denoise,
                         .on_step = watch};
    assert_ok(fc_sample(&job, &arena, got, &err), &err);
    fc_latent_scale_out(&ms->latent, got, PLANE);
    assert_int_equal(r.steps, 12);
    assert_at_most("denoised on the way", r.worst, 1.1e-6); /* measured 3.7e-7 */
    assert_rel_error(name, got, final.data, VALUES, 7e-7);  /* measured 2.4e-7 */
    fc_arena_fini(&arena);
    fc_test_array *const arrays[] = {&sigmas, &final, &mask, &latent, &stored_noise, &r.denoised};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) fc_test_array_free(arrays[i]);
}

static void masked_runs_match_the_reference(void **state)
{
    (void)state;
    static const char *const samplers[] = {"euler", "dpmpp_2m_sde_gpu", "dpmpp_2m", "uni_pc", "ddim"};
    static fc_model_sampling ms;
    fc_model_sampling_init(&ms, FC_SAMPLING_EPS, FC_ROUND_ALPHAS);
    fc_test_golden_open(&golden, "masks.safetensors");
    for (size_t i = 0; i < 5; i++) {
        check_run(&ms, samplers[i], 1.0);
        check_run(&ms, samplers[i], 0.7);
    }
    fc_safetensors_close(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_runs_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
