/* See schedule.h. Roundings follow the reference: float32 throughout where it works on float32 tensors. */
#include "diffusion/schedule.h"
#include <math.h>
#include <string.h>
#include "base/f32.h"
#include "diffusion/linspace.h"

/* Room for the schedulers whose tables do not divide: ddim_uniform at most doubles the steps. */
static int capacity(int steps)
{
    return 2 * steps + 2;
}

static void finish(float *sigmas, int n, int *count)
{
    sigmas[n] = 0.0f;
    *count = n + 1;
}

/* points timesteps evenly from the top level to the bottom one; the first `used` of them run. */
static void even_timesteps(const fc_model_sampling *ms, int points, int used, float *sigmas, int *count)
{
    float top = fc_model_sampling_timestep(ms, fc_model_sampling_sigma_max(ms));
    float bottom = fc_model_sampling_timestep(ms, fc_model_sampling_sigma_min(ms));
    fc_linspace(sigmas, top, bottom, (size_t)points);
    for (int i = 0; i < used; i++) sigmas[i] = fc_model_sampling_sigma(ms, sigmas[i]);
    finish(sigmas, used, count);
}

static void fill_normal(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    even_timesteps(ms, steps, steps, sigmas, count);
}

static void fill_sgm_uniform(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    even_timesteps(ms, steps + 1, steps, sigmas, count);
}

void fc_schedule_karras(float *out, int count, double sigma_min, double sigma_max)
{
    const double rho = 7.0;
    double low = pow(sigma_min, 1.0 / rho), high = pow(sigma_max, 1.0 / rho);
    float base = (float)high, slope = (float)(low - high);
    fc_linspace(out, 0.0f, 1.0f, (size_t)count);
    int vectors =
        count / 16 * 16; /* the reference takes the rest one by one, through another power function */
    for (int i = 0; i < count; i++) {
        float root = base + out[i] * slope;
        out[i] = i < vectors ? f32_pow(root, (float)rho) : (float)pow((double)root, rho);
    }
}

static void fill_karras(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    fc_schedule_karras(sigmas, steps, (double)fc_model_sampling_sigma_min(ms),
                       (double)fc_model_sampling_sigma_max(ms));
    finish(sigmas, steps, count);
}

static void fill_exponential(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    double top = log((double)fc_model_sampling_sigma_max(ms)),
           bottom = log((double)fc_model_sampling_sigma_min(ms));
    fc_linspace(sigmas, (float)top, (float)bottom, (size_t)steps);
    for (int i = 0; i < steps; i++) sigmas[i] = f32_exp(sigmas[i]);
    finish(sigmas, steps, count);
}

static void fill_simple(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    double stride = (double)ms->levels / steps;
    for (int i = 0; i < steps; i++) sigmas[i] = ms->sigmas[ms->levels - 1 - (int)(i * stride)];
    finish(sigmas, steps, count);
}

static void fill_ddim_uniform(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    bool through_log = ms->rounding == FC_ROUND_ALPHAS; /* recipe 1.0 looks the level up: exp(log(sigma)) */
    int stride = ms->levels / steps, n = 0;
    if (stride < 1) stride = 1;
    int last = (ms->levels - 2) / stride * stride + 1;
    for (int level = last; level >= 1 && n < *count - 1; level -= stride) {
        sigmas[n++] = through_log ? fc_model_sampling_sigma(ms, (float)level) : ms->sigmas[level];
    }
    finish(sigmas, n, count);
}

/* SDXL Turbo was distilled at ten timesteps; there are no more. */
static void fill_turbo(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    int used = steps < 10 ? steps : 10;
    for (int i = 0; i < used; i++) sigmas[i] = fc_model_sampling_sigma(ms, (float)(999 - 100 * i));
    finish(sigmas, used, count);
}

/* "Align Your Steps" (Sabour et al. 2024): the published ten-step optimum for SDXL, log-linear in between. */
static void fill_align_your_steps(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    static const double table[] = {14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769,
                                   1.3405244945,  0.8620721141, 0.5550693289, 0.3798540708,
                                   0.2332364134,  0.1114188177, 0.0291671582};
    const int intervals = (int)(sizeof table / sizeof table[0]) - 1;
    (void)ms;
    for (int i = 0; i < steps; i++) {
        double place = (double)i / steps * intervals;
        int k = (int)place;
        double w = place - k;
        sigmas[i] = (float)exp((1.0 - w) * log(table[k]) + w * log(table[k + 1]));
    }
    finish(sigmas, steps, count);
}

/* "KL Optimal" (Sabour et al. 2024, theorem 3.1): even in the arc tangent of sigma. */
static void fill_kl_optimal(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    double top = atan((double)fc_model_sampling_sigma_max(ms)),
           bottom = atan((double)fc_model_sampling_sigma_min(ms));
    for (int i = 0; i < steps; i++) {
        double place = steps > 1 ? (double)i / (steps - 1) : 0;
        sigmas[i] = (float)tan(place * bottom + (1 - place) * top);
    }
    finish(sigmas, steps, count);
}

/* The integral of (t (1 - t))^(a - 1) from 0 to x <= 1/2, by its power series. */
static double symmetric_beta(double x, double a)
{
    double term = 1, sum = 0;
    for (int n = 0; n < 60; n++) {
        sum += term / (a + n);
        term *= (n + 1 - a) / (n + 1) * x;
    }
    return pow(x, a) * sum;
}

/* Where the share p of the symmetric beta distribution lies below. */
static double beta_quantile(double p, double a)
{
    if (p >= 0.5)
        return p > 0.5 ? 1 - beta_quantile(1 - p, a) : 0.5; /* exact there, where rounding decides */
    double whole = 2 * symmetric_beta(0.5, a), low = 0, high = 0.5;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (symmetric_beta(middle, a) < p * whole)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

/* Training levels by a beta distribution (Lee et al. 2024): dense at both ends. Levels that come twice run
 * once. */
static void fill_beta(const fc_model_sampling *ms, int steps, float *sigmas, int *count)
{
    const double shape = 0.6;
    int n = 0, last = -1;
    for (int i = 0; i < steps; i++) {
        int level = (int)rint(beta_quantile(1 - (double)i / steps, shape) * (ms->levels - 1));
        if (level != last) sigmas[n++] = ms->sigmas[level];
        last = level;
    }
    finish(sigmas, n, count);
}

static const fc_scheduler schedulers[] = {
    {"normal", FC_SAMPLING_EPS, "even timesteps", fill_normal, false},
    {"karras", FC_SAMPLING_EPS, "dense at low noise (rho 7)", fill_karras, false},
    {"exponential", FC_SAMPLING_EPS, "even in log sigma", fill_exponential, false},
    {"sgm_uniform", FC_SAMPLING_EPS, "even timesteps, stops above the lowest", fill_sgm_uniform, false},
    {"simple", FC_SAMPLING_EPS, "every n-th training level", fill_simple, false},
    {"ddim_uniform", FC_SAMPLING_EPS, "every n-th training level from the bottom", fill_ddim_uniform, false},
    {"lcm", FC_SAMPLING_LCM, "for latent consistency models", fill_sgm_uniform, false},
    {"turbo", FC_SAMPLING_EPS, "for SDXL Turbo, at most 10 steps", fill_turbo, true},
    {"align_your_steps", FC_SAMPLING_EPS, "optimised for few steps", fill_align_your_steps, false},
    {"kl_optimal", FC_SAMPLING_EPS, "even in the arc tangent of sigma", fill_kl_optimal, false},
    {"beta", FC_SAMPLING_EPS, "training levels, dense at both ends", fill_beta, false},
    {"tcd", FC_SAMPLING_TCD, "for trajectory consistency models", fill_sgm_uniform, false},
    {"edm_playground_v2.5", FC_SAMPLING_EDM, "for Playground v2.5", fill_karras, false},
};
enum { SCHEDULERS = sizeof schedulers / sizeof schedulers[0] };

const fc_scheduler *fc_scheduler_at(size_t index)
{
    return index < SCHEDULERS ? &schedulers[index] : NULL;
}

const fc_scheduler *fc_scheduler_find(const char *name)
{
    for (size_t i = 0; i < SCHEDULERS; i++) {
        if (strcmp(schedulers[i].name, name) == 0) return &schedulers[i];
    }
    return NULL;
}

/* Steps of the whole schedule of which the request runs the last part; 0 when the request makes no sense. */
static int whole_steps(const fc_schedule_request *r, fc_err *err)
{
    if (r->steps < 1 || !(r->denoise > 0.0 && r->denoise <= 1.0)) {
        fc_fail(err, FC_ARG, "%d steps at denoise %g: steps must be at least 1 and denoise in (0, 1]",
                r->steps, r->denoise);
        return 0;
    }
    double whole = r->denoise > 0.9999 ? r->steps : r->steps / r->denoise;
    if (!(whole <= FC_SCHEDULE_MAX_STEPS)) {
        fc_fail(err, FC_LIMIT,
                "%d steps at denoise %g are a part of more than %d steps; use fewer or denoise more",
                r->steps, r->denoise, FC_SCHEDULE_MAX_STEPS);
        return 0;
    }
    return (int)whole;
}

fc_status fc_schedule_make(const fc_schedule_request *request, const fc_model_sampling *ms, fc_arena *arena,
                           fc_schedule *out, fc_err *err)
{
    *out = (fc_schedule){0};
    fc_err local = {0};
    if (!err) err = &local;
    int steps = whole_steps(request, err);
    if (!steps) return err->status;
    if (request->scheduler->wants_timesteps && ms->continuous)
        return fc_fail(
            err, FC_UNSUPPORTED,
            "the scheduler %s is for models with 1000 noise levels, and this one has continuous ones "
            "(EDM); choose karras or exponential",
            request->scheduler->name);
    if (request->discard_penultimate) steps++;
    int count = capacity(steps);
    float *sigmas = fc_arena_array(arena, (size_t)count, sizeof *sigmas);
    if (!sigmas) return fc_fail(err, arena->status, "not enough memory for a schedule of %d steps", steps);
    request->scheduler->fill(ms, steps, sigmas, &count);
    if (request->discard_penultimate && count > 2) {
        sigmas[count - 2] = sigmas[count - 1];
        count--;
    }
    for (int i = 1; i < count; i++) {
        if (sigmas[i] < sigmas[i - 1]) continue;
        return fc_fail(err, FC_ARG,
                       "%s has fewer than %d different noise levels; use fewer steps or another scheduler",
                       request->scheduler->name, steps);
    }
    int skip = request->denoise > 0.9999 ? 0 : count - (request->steps + 1);
    if (skip < 0) skip = 0;
    *out = (fc_schedule){.sigmas = sigmas + skip, .count = count - skip};
    return FC_OK;
}

void fc_schedule_range(const float *sigmas, int count, float *sigma_min, float *sigma_max)
{
    *sigma_min = INFINITY;
    *sigma_max = 0.0f;
    for (int i = 0; i < count; i++) {
        if (sigmas[i] > 0.0f && sigmas[i] < *sigma_min) *sigma_min = sigmas[i];
        if (sigmas[i] > *sigma_max) *sigma_max = sigmas[i];
    }
}
