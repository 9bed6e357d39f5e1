/* What models predict, by identities that hold whatever the network: each parametrisation undoes its own
 * definition, the rescaled table is the paper's, and one denoiser written as noise, velocity or EDM output is
 * sampled to one and the same latent. */
#include "diffusion/model_sampling.h"

#include <math.h>
#include <string.h>
#include "diffusion/schedule.h"
#include "diffusion/solvers/solvers.h"
#include "support/support.h"

enum { COUNT = 64, MOST_SAMPLERS = 60 };

static fc_model_sampling sampling_of(fc_sampling_kind kind, fc_table_rounding rounding, fc_prediction p)
{
    fc_model_sampling ms;
    fc_err err = {0};
    assert_ok(fc_model_sampling_init_for(&ms, kind, rounding, &p, &err), &err);
    return ms;
}

static const fc_prediction predictions[] = {{.kind = FC_PREDICTS_EPS},
                                            {.kind = FC_PREDICTS_V},
                                            {.kind = FC_PREDICTS_V, .zero_snr = true},
                                            {.kind = FC_PREDICTS_EDM},
                                            {.kind = FC_PREDICTS_EDM_V},
                                            {.kind = FC_PREDICTS_EDM_V, .sigma_min = 0.01, .sigma_max = 80}};
enum { PREDICTIONS = sizeof predictions / sizeof predictions[0] };

/* What the network would say at x = clean + sigma * noise, from the definitions in the papers. */
static double network(fc_prediction_kind kind, double clean, double noise, double sigma)
{
    double norm = sqrt(1 + sigma * sigma), alpha = 1 / norm, beta = sigma / norm; /* of the VP process */
    if (kind == FC_PREDICTS_EPS) return noise;
    if (kind == FC_PREDICTS_V || kind == FC_PREDICTS_EDM_V) return alpha * noise - beta * clean;
    double data = 0.5, total = sigma * sigma + data * data; /* EDM, table 1: c_skip and c_out */
    return (clean - data * data / total * (clean + sigma * noise)) / (sigma * data / sqrt(total));
}

static void test_each_undoes_its_definition(void **state)
{
    (void)state;
    double worst = 0;
    for (int p = 0; p < PREDICTIONS; p++) {
        fc_model_sampling ms = sampling_of(FC_SAMPLING_EPS, FC_ROUND_SIGMAS, predictions[p]);
        for (int level = 0; level < FC_TRAIN_STEPS; level += 37) {
            float sigma = ms.sigmas[level], x[COUNT], y[COUNT], scaled[COUNT];
            double clean[COUNT];
            for (int i = 0; i < COUNT; i++) {
                double noise = cos(i * 12.9898 + level);
                clean[i] = sin(i * 78.233 + level);
                x[i] = (float)(clean[i] + (double)sigma * noise);
                y[i] = (float)network(predictions[p].kind, clean[i], noise, (double)sigma);
            }
            /* the input has the data's variance of 1 whatever the level, or 1 / d^2 of it */
            fc_model_sampling_input(&ms, sigma, x, scaled, COUNT);
            double d = (double)ms.sigma_data, wanted = sqrt((double)sigma * (double)sigma + d * d);
            assert_true(fabs((double)x[3] / (double)scaled[3] - wanted) <= 1e-5 * wanted);
            fc_model_sampling_denoised(&ms, sigma, x, y, y, COUNT);
            for (int i = 0; i < COUNT; i++)
                worst = fmax(worst, fabs((double)y[i] - clean[i]) / fmax(1, (double)sigma));
        }
    }
    assert_at_most("clean latent back, per sigma", worst, 5e-7); /* 1.85e-7 */
}

/* Lin et al. 2023, algorithm 1: sqrt(product) becomes (root - last) * first / (first - last). */
static void test_zero_terminal_snr(void **state)
{
    (void)state;
    for (int r = 0; r < 2; r++) {
        fc_table_rounding rounding = r ? FC_ROUND_SIGMAS : FC_ROUND_ALPHAS;
        fc_model_sampling plain = sampling_of(FC_SAMPLING_EPS, rounding, predictions[1]);
        fc_model_sampling zero = sampling_of(FC_SAMPLING_EPS, rounding, predictions[2]);
        double first = sqrt((double)plain.alphas_cumprod[0]), last = sqrt((double)plain.alphas_cumprod[999]);
        double worst = 0;
        for (int i = 0; i < 999; i++) {
            double root = (sqrt((double)plain.alphas_cumprod[i]) - last) * first / (first - last);
            double sigma = sqrt(1 / (root * root) - 1);
            worst = fmax(worst, fabs((double)zero.sigmas[i] / sigma - 1));
            assert_true(zero.sigmas[i] < zero.sigmas[i + 1]);
            assert_true(fc_model_sampling_timestep(&zero, zero.sigmas[i]) == (float)i);
        }
        assert_at_most("sigmas of the rescaled table", worst, 3e-4); /* 1.3e-5: the plain table is rounded */
        assert_true(zero.sigmas[999] > 4518 && zero.sigmas[999] < 4519);
        assert_true(zero.alphas_cumprod[999] > 0);
    }
}

static void test_continuous_levels(void **state)
{
    (void)state;
    for (int p = 3; p < PREDICTIONS; p++) {
        fc_model_sampling ms = sampling_of(FC_SAMPLING_EPS, FC_ROUND_SIGMAS, predictions[p]);
        double low = p == 5 ? 0.01 : 0.002, high = p == 5 ? 80 : 120;
        assert_true(fabs((double)fc_model_sampling_sigma_min(&ms) / low - 1) < 1e-6);
        assert_true(fabs((double)fc_model_sampling_sigma_max(&ms) / high - 1) < 1e-6);
        for (float sigma = 0.02f; sigma < 70; sigma *= 1.7f) {
            float t = fc_model_sampling_timestep(&ms, sigma);
            assert_true(fabs((double)t - log((double)sigma) / 4) < 1e-6);
            assert_true(fabs((double)fc_model_sampling_sigma(&ms, t) / (double)sigma - 1) < 2e-6);
        }
    }
}

/* ---- one denoiser, several spellings ---- */

typedef struct spelled {
    const fc_model_sampling *ms;
} spelled;

/* The best guess where each value of the data is normal with a mean and deviation of its own. */
static double best_guess(int i, double x, double sigma)
{
    double mean = sin(i * 1.7), variance = 0.2 + 0.1 * cos(i);
    return mean + variance / (variance + sigma * sigma) * (x - mean);
}

static fc_status denoise(void *user, const float *x, float sigma, float *denoised, fc_err *err)
{
    const spelled *s = user;
    float y[COUNT];
    (void)err;
    for (int i = 0; i < COUNT; i++) {
        double clean = best_guess(i, (double)x[i], (double)sigma),
               noise = ((double)x[i] - clean) / (double)sigma;
        y[i] = (float)network(s->ms->predicts, clean, noise, (double)sigma);
    }
    fc_model_sampling_denoised(s->ms, sigma, x, y, denoised, COUNT);
    return FC_OK;
}

static void run(const fc_sampler *sampler, const fc_model_sampling *ms, const fc_model_sampling *spelling,
                float *out)
{
    fc_arena arena;
    fc_schedule schedule;
    fc_rng rng;
    fc_err err = {0};
    float noise[COUNT], latent[COUNT] = {0};
    spelled s = {spelling};
    fc_arena_init(&arena, 4 << 20);
    const fc_schedule_request request = {fc_scheduler_find("karras"), 12, 1.0, false};
    assert_ok(fc_schedule_make(&request, ms, &arena, &schedule, &err), &err);
    fc_rng_seed(&rng, 5);
    fc_rng_normal(&rng, noise, COUNT);
    const fc_sample_job job = {.sampler = sampler,
                               .sampling = ms,
                               .sigmas = schedule.sigmas,
                               .sigma_count = schedule.count,
                               .count = COUNT,
                               .noise = noise,
                               .latent = latent,
                               .full_noise = true,
                               .rng = &rng,
                               .seed = 5,
                               .user = &s,
                               .denoise = denoise};
    assert_ok(fc_sample(&job, &arena, out, &err), &err);
    fc_arena_fini(&arena);
}

static void test_one_denoiser_one_latent(void **state)
{
    (void)state;
    double worst = 0;
    int samplers = 0;
    fc_model_sampling eps = sampling_of(FC_SAMPLING_EPS, FC_ROUND_SIGMAS, predictions[0]);
    fc_model_sampling v = sampling_of(FC_SAMPLING_EPS, FC_ROUND_SIGMAS, predictions[1]);
    fc_model_sampling zero = sampling_of(FC_SAMPLING_EPS, FC_ROUND_SIGMAS, predictions[2]);
    fc_model_sampling edm = sampling_of(FC_SAMPLING_EPS, FC_ROUND_SIGMAS, predictions[3]);
    static const fc_recipe *const recipes[] = {&fc_recipe_1_0, &fc_recipe_2_5};
    for (size_t i = 0; i < 2 * MOST_SAMPLERS; i++) {
        const fc_sampler *sampler = fc_sampler_at(i / 2, recipes[i % 2]);
        if (!sampler) continue;
        samplers++;
        float a[COUNT], b[COUNT];
        run(sampler, &eps, &eps, a);
        run(sampler, &v, &v, b);
        worst = fmax(worst, fc_test_rel_error(b, a, COUNT));
        run(sampler, &eps, &edm, b);
        worst = fmax(worst, fc_test_rel_error(b, a, COUNT));
        /* from noise alone: every solver gets to a sample of the data */
        run(sampler, &zero, &zero, a);
        for (int k = 0; k < COUNT; k++) assert_true(fabs((double)a[k] - sin(k * 1.7)) < 4);
    }
    assert_true(samplers > 40);
    assert_at_most("velocity and EDM output against noise", worst, 1.9e-4); /* 6.3e-5 */
}

static void test_what_does_not_go_together(void **state)
{
    (void)state;
    fc_model_sampling ms;
    fc_err err = {0};
    for (int p = 0; p < PREDICTIONS; p++)
        for (int kind = FC_SAMPLING_EPS; kind <= FC_SAMPLING_EDM; kind++) {
            fc_prediction_kind k = predictions[p].kind;
            bool velocity = k == FC_PREDICTS_V || k == FC_PREDICTS_EDM_V;
            bool continuous = k == FC_PREDICTS_EDM || k == FC_PREDICTS_EDM_V;
            bool wrong = kind == FC_SAMPLING_EDM ? velocity : kind != FC_SAMPLING_EPS && continuous;
            fc_status status = fc_model_sampling_init_for(&ms, (fc_sampling_kind)kind, FC_ROUND_SIGMAS,
                                                          &predictions[p], &err);
            if (wrong)
                assert_fails(status, FC_UNSUPPORTED, &err, "choose another scheduler");
            else
                assert_ok(status, &err);
        }
    fc_arena arena;
    fc_schedule schedule;
    fc_arena_init(&arena, 1 << 20);
    ms = sampling_of(FC_SAMPLING_EPS, FC_ROUND_SIGMAS, predictions[4]);
    for (size_t i = 0; fc_scheduler_at(i); i++) {
        const fc_scheduler *s = fc_scheduler_at(i);
        const fc_schedule_request request = {s, 8, 1.0, false};
        if (s->sampling != FC_SAMPLING_EPS) continue;
        fc_status status = fc_schedule_make(&request, &ms, &arena, &schedule, &err);
        if (s->wants_timesteps)
            assert_fails(status, FC_UNSUPPORTED, &err, "continuous");
        else
            assert_ok(status, &err);
    }
    fc_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_undoes_its_definition), cmocka_unit_test(test_zero_terminal_snr),
        cmocka_unit_test(test_continuous_levels),          cmocka_unit_test(test_one_denoiser_one_latent),
        cmocka_unit_test(test_what_does_not_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
