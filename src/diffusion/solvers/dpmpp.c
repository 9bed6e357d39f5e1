/* DPM-Solver++ (Lu et al. 2022) in its k-diffusion forms. t = -log sigma throughout; h is a step in t. */
#include "diffusion/solvers/solver_impl.h"
#include <string.h>

static float t_of(float sigma)
{
    return -f32_log(sigma);
}

static float sigma_of(float t)
{
    return f32_exp(-t);
}

/* out = x moved from t to t_next towards `denoised` (the exact solution for a constant one) */
static void exponential_step(fc_solver *s, float *out, const float *x, float t, float t_next,
                             const float *denoised)
{
    vec_mix(s->n, out, sigma_of(t_next) / sigma_of(t), x, -f32_expm1(t - t_next), denoised);
}

static void finish_at_zero(fc_solver *s, const float *denoised)
{
    memcpy(s->x, denoised, s->n * sizeof *s->x);
}

/* The estimate that step i begins with. False: the way ends here, at zero or because something failed. */
static bool estimate_goes_on(fc_solver *s, int i, float *denoised)
{
    fc_solver_denoise(s, s->x, s->sigmas[i], denoised);
    fc_solver_step(s, i, s->steps, s->sigmas[i], s->x, denoised);
    if (s->status) return false;
    if (s->sigmas[i + 1] != 0.0f) return true;
    finish_at_zero(s, denoised);
    return false;
}

static void swap(float **a, float **b)
{
    float *c = *a;
    *a = *b;
    *b = c;
}

void fc_solve_dpmpp_2s_ancestral(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *x2 = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        fc_solver_denoise(s, s->x, sigmas[i], denoised);
        fc_solver_step(s, i, s->steps, sigmas[i], s->x, denoised);
        if (s->status) return;
        fc_ancestral step = fc_solver_ancestral(sigmas[i], sigmas[i + 1]);
        if (step.down == 0.0f) {
            finish_at_zero(s, denoised);
        } else {
            float t = t_of(sigmas[i]), t_next = t_of(step.down), middle = t + 0.5f * (t_next - t);
            exponential_step(s, x2, s->x, t, middle, denoised);
            fc_solver_denoise(s, x2, sigma_of(middle), denoised);
            if (!s->status) exponential_step(s, s->x, s->x, t, t_next, denoised);
        }
        if (sigmas[i + 1] > 0.0f) fc_solver_add_noise(s, s->x, step.up);
    }
}

/* One of the two half steps of dpmpp_sde: out = x from t to t_next, with the path's noise on top. */
static void noisy_step(fc_solver *s, float *out, const float *x, float t, float t_next, const float *denoised)
{
    float from = sigma_of(t), to = sigma_of(t_next);
    fc_ancestral step = fc_solver_ancestral(from, to);
    exponential_step(s, out, x, t, t_of(step.down), denoised);
    fc_solver_add_path(s, out, from, to, step.up);
}

void fc_solve_dpmpp_sde(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *x2 = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        if (!estimate_goes_on(s, i, denoised)) return;
        /* with the midpoint at half the step, the second half uses the second estimate alone */
        float t = t_of(sigmas[i]), t_next = t_of(sigmas[i + 1]), middle = t + (t_next - t) * 0.5f;
        noisy_step(s, x2, s->x, t, middle, denoised);
        fc_solver_denoise(s, x2, sigma_of(middle), denoised);
        if (!s->status) noisy_step(s, s->x, s->x, t, t_next, denoised);
    }
}

void fc_solve_dpmpp_2m(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *old = fc_solver_buffer(s), *estimate = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        if (!estimate_goes_on(s, i, denoised)) return;
        float t = t_of(sigmas[i]), t_next = t_of(sigmas[i + 1]);
        const float *target = denoised;
        if (i > 0) { /* extrapolated from the last two estimates */
            float share = (t_next - t) / (t - t_of(sigmas[i - 1])) * 0.5f;
            vec_mix(s->n, estimate, 1.0f + share, denoised, -share, old);
            target = estimate;
        }
        exponential_step(s, s->x, s->x, t, t_next, target);
        swap(&old, &denoised);
    }
}

void fc_solve_dpmpp_2m_sde(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *old = fc_solver_buffer(s);
    float h_last = 0.0f;
    for (int i = 0; i < s->steps && !s->status; i++) {
        if (!estimate_goes_on(s, i, denoised)) return;
        float h = t_of(sigmas[i + 1]) - t_of(sigmas[i]);
        float gain = -f32_expm1(-2.0f * h);
        vec_mix(s->n, s->x, sigmas[i + 1] / sigmas[i] * f32_exp(-h), s->x, gain, denoised);
        if (i > 0) { /* midpoint correction with the last step's estimate */
            float weight = 0.5f * gain * (h / h_last);
            for (size_t k = 0; k < s->n; k++) s->x[k] += weight * (denoised[k] - old[k]);
        }
        fc_solver_add_path(s, s->x, sigmas[i], sigmas[i + 1], sigmas[i + 1] * sqrtf(gain));
        h_last = h;
        swap(&old, &denoised);
    }
}

/* Adds the corrections of dpmpp_3m_sde: `denoised` and the estimates one and two steps ago, h their steps (0:
 * none). */
static void correct_3m(fc_solver *s, float h, float h1, float h2, const float *denoised, const float *one,
                       const float *two)
{
    float h_eta = 2.0f * h;
    float phi2 = f32_expm1(-h_eta) / h_eta + 1.0f;
    if (h1 > 0.0f && !(h2 > 0.0f)) {
        float weight = phi2 * (h / h1);
        for (size_t k = 0; k < s->n; k++) s->x[k] += weight * (denoised[k] - one[k]);
        return;
    }
    if (!(h2 > 0.0f)) return;
    float phi3 = phi2 / h_eta - 0.5f, r0 = h1 / h, r1 = h2 / h;
    for (size_t k = 0; k < s->n; k++) {
        float near = (denoised[k] - one[k]) / r0, far = (one[k] - two[k]) / r1;
        float first = near + (near - far) * r0 / (r0 + r1), second = (near - far) / (r0 + r1);
        s->x[k] += phi2 * first - phi3 * second;
    }
}

void fc_solve_dpmpp_3m_sde(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *one = fc_solver_buffer(s), *two = fc_solver_buffer(s);
    float h1 = 0.0f, h2 = 0.0f;
    for (int i = 0; i < s->steps && !s->status; i++) {
        if (!estimate_goes_on(s, i, denoised)) return;
        float h = t_of(sigmas[i + 1]) - t_of(sigmas[i]);
        vec_mix(s->n, s->x, f32_exp(-2.0f * h), s->x, -f32_expm1(-2.0f * h), denoised);
        correct_3m(s, h, h1, h2, denoised, one, two);
        fc_solver_add_path(s, s->x, sigmas[i], sigmas[i + 1], sigmas[i + 1] * sqrtf(-f32_expm1(-2.0f * h)));
        swap(&one, &two); /* two, one <- one, denoised */
        swap(&one, &denoised);
        h2 = h1;
        h1 = h;
    }
}
