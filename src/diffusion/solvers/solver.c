/* What every solver calls: the model, the callback, noise. See solver_impl.h. */
#include <math.h>
#include <string.h>
#include "diffusion/solvers/solver_impl.h"

float *fc_solver_buffer(fc_solver *s)
{
    float *p = s->status ? NULL : fc_arena_array(s->arena, s->n, sizeof *p);
    if (!p && !s->status) s->status = fc_fail(s->err, s->arena->status, "not enough memory for the sampler");
    return p;
}

static bool all_finite(const float *v, size_t n)
{
    const uint32_t exponent = 0x7f800000u;
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return !bad;
}

static void call_model(fc_solver *s, const float *x, float sigma, float *denoised)
{
    s->status = s->job->denoise(s->job->user, x, sigma, denoised, s->err);
    if (s->status || all_finite(denoised, s->n)) return;
    s->status = fc_fail(s->err, FC_NUMERIC, "the model's output at sigma %g is not a number", (double)sigma);
}

/* The kept part goes in as the start latent with noise of the right level, and comes out as the start latent.
 */
static void call_model_masked(fc_solver *s, const float *x, float sigma, float *denoised)
{
    const fc_sample_job *job = s->job;
    const float *mask = job->mask->mask, *noise = job->noise;
    const float *keep = job->mask->keep ? job->mask->keep : job->latent;
    if (job->mask->fresh) fc_rng_normal(job->mask->fresh, s->scratch, s->n);
    if (job->mask->fresh) noise = s->scratch;
    for (size_t i = 0; i < s->n; i++) s->scratch[i] = keep[i] + noise[i] * sigma;
    vec_blend(s->n, s->scratch, mask, x, s->scratch);
    call_model(s, s->scratch, sigma, denoised);
    vec_blend(s->n, denoised, mask, denoised, keep);
}

void fc_solver_denoise(fc_solver *s, const float *x, float sigma, float *denoised)
{
    if (s->status) return;
    const unsigned own_rules = FC_SAMPLER_OWN_SPACE | FC_SAMPLER_UNMASKED;
    bool masked = s->job->mask && !(s->job->sampler->flags & own_rules);
    if (masked)
        call_model_masked(s, x, sigma, denoised);
    else
        call_model(s, x, sigma, denoised);
}

void fc_solver_step(fc_solver *s, int index, int steps, float sigma, const float *x, const float *denoised)
{
    if (s->status || !s->job->on_step) return;
    const fc_sample_step step = {index, steps, sigma, x, denoised};
    s->status = s->job->on_step(s->job->user, &step, s->err);
}

void fc_solver_draw(fc_solver *s, float *out)
{
    if (!s->status) fc_rng_normal(s->job->rng, out, s->n);
}

void fc_solver_add_noise(fc_solver *s, float *x, float scale)
{
    if (s->status) return;
    fc_rng_normal(s->job->rng, s->scratch, s->n);
    vec_add_scaled(s->n, x, x, scale, s->scratch);
}

void fc_solver_add_path(fc_solver *s, float *x, float sigma, float sigma_next, float scale)
{
    if (!s->status) s->status = fc_brownian_noise(s->path, sigma, sigma_next, s->scratch, s->err);
    if (!s->status) vec_add_scaled(s->n, x, x, scale, s->scratch);
}

fc_ancestral fc_solver_ancestral(float sigma, float next)
{
    float from2 = sigma * sigma, to2 = next * next;
    float up = fminf(next, sqrtf(to2 * (from2 - to2) / from2));
    return (fc_ancestral){.down = sqrtf(to2 - up * up), .up = up};
}
