/* DPM-Solver (Lu et al. 2022) of orders 1 to 3: the fast form with a fixed number of evaluations and the
 * adaptive one. Both go from the first sigma to the lowest above 0 and leave its noise in the result. t =
 * -log sigma. */
#include "diffusion/linspace.h"
#include "diffusion/solvers/solver_impl.h"
#include <string.h>

typedef struct dpm {
    fc_solver *s;
    float *eps, *eps1, *eps2; /* [n] noise predictions at t, t + h * first fraction, t + 2 h / 3 */
    float *u, *denoised;
} dpm;

static dpm dpm_new(fc_solver *s)
{
    return (dpm){s,
                 fc_solver_buffer(s),
                 fc_solver_buffer(s),
                 fc_solver_buffer(s),
                 fc_solver_buffer(s),
                 fc_solver_buffer(s)};
}

static float sigma_at(float t)
{
    return f32_exp(-t);
}

/* eps = (x - denoised) / sigma; the denoised latent stays in d->denoised. */
static void predict(dpm *d, const float *x, float t, float *eps)
{
    float sigma = sigma_at(t);
    fc_solver_denoise(d->s, x, sigma, d->denoised);
    if (!d->s->status) vec_slope(d->s->n, eps, x, d->denoised, sigma);
}

/* out = x + a * eps + b * (e - eps) */
static void combine(dpm *d, float *out, const float *x, float a, float b, const float *e)
{
    for (size_t i = 0; i < d->s->n; i++) out[i] = x[i] + a * d->eps[i] + b * (e[i] - d->eps[i]);
}

/* The prediction at a fraction of the step, by an Euler step in between: into eps1. */
static void predict_inside(dpm *d, const float *x, float t, float h, float fraction)
{
    float inner = t + fraction * h;
    vec_add_scaled(d->s->n, d->u, x, -sigma_at(inner) * f32_expm1(fraction * h), d->eps);
    predict(d, d->u, inner, d->eps1);
}

static void first_order(dpm *d, const float *x, float t, float h, float *out)
{
    vec_add_scaled(d->s->n, out, x, -sigma_at(t + h) * f32_expm1(h), d->eps);
}

/* eps1 must hold the prediction at `fraction`. */
static void second_order(dpm *d, const float *x, float t, float h, float fraction, float *out)
{
    float a = -sigma_at(t + h) * f32_expm1(h);
    combine(d, out, x, a, a / (2.0f * fraction), d->eps1);
}

/* eps1 must hold the prediction at 1/3; evaluates the one at 2/3. */
static void third_order(dpm *d, const float *x, float t, float h, float *out)
{
    const float r1 = 1.0f / 3.0f, r2 = 2.0f / 3.0f;
    float inner = t + r2 * h, sigma = sigma_at(inner), end = sigma_at(t + h);
    float growth = f32_expm1(r2 * h), whole = f32_expm1(h);
    combine(d, d->u, x, -sigma * growth, -sigma * (r2 / r1) * (growth / (r2 * h) - 1.0f), d->eps1);
    predict(d, d->u, inner, d->eps2);
    if (!d->s->status) combine(d, out, x, -end * whole, -end / r2 * (whole / h - 1.0f), d->eps2);
}

/* Evaluations at t, with the callback behind it. */
static void start_step(dpm *d, int index, int steps, float t)
{
    predict(d, d->s->x, t, d->eps);
    fc_solver_step(d->s, index, steps, sigma_at(t), d->s->x, d->denoised);
}

static void range_of(const fc_solver *s, float *t_start, float *t_end)
{
    int last = s->steps;
    if (s->sigmas[last] == 0.0f) last--;
    *t_start = -f32_log(s->sigmas[0]);
    *t_end = -f32_log(s->sigmas[last]);
}

static int fast_order(int interval, int evaluations)
{
    int intervals = evaluations / 3 + 1, rest = evaluations % 3;
    if (rest == 0) return interval < intervals - 2 ? 3 : interval == intervals - 2 ? 2 : 1;
    return interval < intervals - 1 ? 3 : rest;
}

void fc_solve_dpm_fast(fc_solver *s)
{
    if (s->steps == 1) { /* no way from the only sigma to the lowest one */
        fc_solve_euler(s);
        return;
    }
    dpm d = dpm_new(s);
    int intervals = s->steps / 3 + 1;
    float *ts = fc_arena_array(s->arena, (size_t)intervals + 1, sizeof *ts), first, last;
    if (!ts && !s->status) s->status = fc_fail(s->err, s->arena->status, "not enough memory for the sampler");
    if (s->status) return;
    range_of(s, &first, &last);
    fc_linspace(ts, first, last, (size_t)intervals + 1);
    for (int i = 0; i < intervals && !s->status; i++) {
        float t = ts[i], h = ts[i + 1] - t;
        int order = fast_order(i, s->steps);
        start_step(&d, i, intervals, t);
        if (order > 1) predict_inside(&d, s->x, t, h, order == 2 ? 0.5f : 1.0f / 3.0f);
        if (s->status) return;
        if (order == 1)
            first_order(&d, s->x, t, h, s->x);
        else if (order == 2)
            second_order(&d, s->x, t, h, 0.5f, s->x);
        else
            third_order(&d, s->x, t, h, s->x);
    }
}

/* Root mean square of the difference of two solutions, relative to what is tolerated. */
static double relative_error(size_t n, const float *low, const float *high, const float *previous)
{
    const float absolute = 0.0078f, relative = 0.05f;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        float delta = fmaxf(absolute, relative * fmaxf(fabsf(low[i]), fabsf(previous[i])));
        float e = (low[i] - high[i]) / delta;
        sum += (double)e * (double)e;
    }
    return sqrt(sum / (double)n);
}

void fc_solve_dpm_adaptive(fc_solver *s)
{
    if (s->steps == 1) {
        fc_solve_euler(s);
        return;
    }
    const double accept = 0.81, order = 3.0;
    dpm d = dpm_new(s);
    float *low = fc_solver_buffer(s), *high = fc_solver_buffer(s), *previous = fc_solver_buffer(s);
    if (s->status) return;
    float t, end;
    range_of(s, &t, &end);
    double step = 0.05;
    memcpy(previous, s->x, s->n * sizeof *previous);
    for (int i = 0; t < end - 1e-5f && !s->status; i++) {
        if (i == 1000)
            s->status =
                fc_fail(s->err, FC_NUMERIC, "the adaptive sampler finds no step that is small enough");
        float next = fminf(end, t + (float)step), h = next - t, sigma = sigma_at(t);
        predict(&d, s->x, t, d.eps);
        predict_inside(&d, s->x, t, h, 1.0f / 3.0f);
        if (s->status) return;
        second_order(&d, s->x, t, h, 1.0f / 3.0f, low);
        third_order(&d, s->x, t, h, high);
        if (s->status) return;
        double factor = pow(1.0 / (relative_error(s->n, low, high, previous) + 1e-8), 1.0 / order);
        factor = 1.0 + atan(factor - 1.0);
        bool accepted = factor >= accept;
        vec_add_scaled(s->n, d.denoised, s->x, -sigma, d.eps);
        if (accepted) {
            memcpy(previous, low, s->n * sizeof *low);
            memcpy(s->x, high, s->n * sizeof *high);
            t = next;
        }
        step *= factor;
        fc_solver_step(s, i, 0, sigma, s->x, d.denoised);
    }
}
