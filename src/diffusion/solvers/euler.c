/* Solvers that follow dx/dsigma = (x - denoised) / sigma: Euler, Heun, DPM-Solver-2 and their ancestral forms
 * (Karras et al. 2022, as k-diffusion has them, without churn). */
#include "diffusion/solvers/solver_impl.h"

/* d = (x - denoised(x)) / sigma; denoised is left in `denoised`. */
static void slope(fc_solver *s, const float *x, float sigma, float *denoised, float *d)
{
    fc_solver_denoise(s, x, sigma, denoised);
    if (!s->status) vec_slope(s->n, d, x, denoised, sigma);
}

/* The first slope of step i, with the callback between evaluation and use. */
static void first_slope(fc_solver *s, int i, float *denoised, float *d)
{
    fc_solver_denoise(s, s->x, s->sigmas[i], denoised);
    fc_solver_step(s, i, s->steps, s->sigmas[i], s->x, denoised);
    if (!s->status) vec_slope(s->n, d, s->x, denoised, s->sigmas[i]);
}

void fc_solve_euler(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *d = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        first_slope(s, i, denoised, d);
        if (!s->status) vec_add_scaled(s->n, s->x, s->x, sigmas[i + 1] - sigmas[i], d);
    }
}

void fc_solve_euler_ancestral(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *d = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        first_slope(s, i, denoised, d);
        if (s->status) return;
        fc_ancestral step = fc_solver_ancestral(sigmas[i], sigmas[i + 1]);
        vec_add_scaled(s->n, s->x, s->x, step.down - sigmas[i], d);
        if (sigmas[i + 1] > 0.0f) fc_solver_add_noise(s, s->x, step.up);
    }
}

fc_heun fc_solver_heun_buffers(fc_solver *s)
{
    return (fc_heun){fc_solver_buffer(s), fc_solver_buffer(s), fc_solver_buffer(s), fc_solver_buffer(s)};
}

void fc_solver_heun_step(fc_solver *s, const fc_heun *b, int index, int steps, float sigma, float next)
{
    float dt = next - sigma;
    fc_solver_denoise(s, s->x, sigma, b->denoised);
    fc_solver_step(s, index, steps, sigma, s->x, b->denoised);
    if (s->status) return;
    vec_slope(s->n, b->d, s->x, b->denoised, sigma);
    if (next == 0.0f) {
        vec_add_scaled(s->n, s->x, s->x, dt, b->d);
        return;
    }
    vec_add_scaled(s->n, b->x2, s->x, dt, b->d);
    slope(s, b->x2, next, b->denoised, b->d2);
    if (s->status) return;
    for (size_t k = 0; k < s->n; k++) s->x[k] += (b->d[k] + b->d2[k]) * 0.5f * dt;
}

void fc_solve_heun(fc_solver *s)
{
    fc_heun b = fc_solver_heun_buffers(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        fc_solver_heun_step(s, &b, i, s->steps, s->sigmas[i], s->sigmas[i + 1]);
    }
}

/* Heun++ (2 and 3 slopes), weights by sigma relative to the first one; two slopes before the last sigma, one
 * at it. */
void fc_solve_heunpp2(fc_solver *s)
{
    const float *sigmas = s->sigmas, end = sigmas[s->steps];
    fc_heun b = fc_solver_heun_buffers(s);
    float *d3 = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        float dt = sigmas[i + 1] - sigmas[i];
        first_slope(s, i, b.denoised, b.d);
        if (s->status) return;
        if (sigmas[i + 1] == end) {
            vec_add_scaled(s->n, s->x, s->x, dt, b.d);
            continue;
        }
        vec_add_scaled(s->n, b.x2, s->x, dt, b.d);
        slope(s, b.x2, sigmas[i + 1], b.denoised, b.d2);
        if (s->status) return;
        if (sigmas[i + 2] == end) {
            float w2 = sigmas[i + 1] / (2.0f * sigmas[0]);
            vec_mix(s->n, b.d, 1.0f - w2, b.d, w2, b.d2);
        } else {
            vec_add_scaled(s->n, b.x2, b.x2, sigmas[i + 2] - sigmas[i + 1], b.d2);
            slope(s, b.x2, sigmas[i + 2], b.denoised, d3);
            float w2 = sigmas[i + 1] / (3.0f * sigmas[0]), w3 = sigmas[i + 2] / (3.0f * sigmas[0]);
            vec_mix(s->n, b.d, 1.0f - w2 - w3, b.d, w2, b.d2);
            vec_add_scaled(s->n, b.d, b.d, w3, d3);
        }
        if (!s->status) vec_add_scaled(s->n, s->x, s->x, dt, b.d);
    }
}

/* x goes from sigma to next with the slope at their geometric mean; `d` holds the slope at sigma. */
static void midpoint_finish(fc_solver *s, const fc_heun *b, float sigma, float next)
{
    if (next == 0.0f) {
        vec_add_scaled(s->n, s->x, s->x, next - sigma, b->d);
        return;
    }
    float low = f32_log(sigma), high = f32_log(next);
    float middle = f32_exp(low + 0.5f * (high - low));
    vec_add_scaled(s->n, b->x2, s->x, middle - sigma, b->d);
    slope(s, b->x2, middle, b->denoised, b->d2);
    if (!s->status) vec_add_scaled(s->n, s->x, s->x, next - sigma, b->d2);
}

void fc_solve_dpm_2(fc_solver *s)
{
    fc_heun b = fc_solver_heun_buffers(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        first_slope(s, i, b.denoised, b.d);
        if (!s->status) midpoint_finish(s, &b, s->sigmas[i], s->sigmas[i + 1]);
    }
}

void fc_solve_dpm_2_ancestral(fc_solver *s)
{
    fc_heun b = fc_solver_heun_buffers(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        first_slope(s, i, b.denoised, b.d);
        if (s->status) return;
        fc_ancestral step = fc_solver_ancestral(s->sigmas[i], s->sigmas[i + 1]);
        midpoint_finish(s, &b, s->sigmas[i], step.down);
        if (step.down > 0.0f) fc_solver_add_noise(s, s->x, step.up);
    }
}
