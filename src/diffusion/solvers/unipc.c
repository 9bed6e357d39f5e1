/* UniPC (Zhao et al. 2023), multistep predictor-corrector of order 3 on denoised latents, in the
 * variance-preserving space: x = alpha * clean + std * noise, lambda = log(alpha / std). Recipe 1.0 walks the
 * training timesteps, recipe 2.5 the sigmas; both make the same list of levels, and the rest is one. */
#include "diffusion/solvers/solver_impl.h"
#include <string.h>

enum { ORDER = 3 };

typedef struct level {
    float alpha, std, lambda;
    float sigma; /* with which the model is called */
} level;

typedef struct unipc {
    fc_solver *s;
    level *levels; /* [count] */
    int count;
    bool bh2; /* B(h) = e^h - 1 instead of h */
    float *scaled, *target, *estimate;
    float *history[ORDER]; /* denoised latents of the last levels, newest first */
} unipc;

/* out = the denoised latent the model sees in x at level i */
static void evaluate(unipc *u, const float *x, const level *at, float *out)
{
    fc_solver *s = u->s;
    bool own_mask = s->job->mask && (s->job->sampler->flags & FC_SAMPLER_OWN_SPACE);
    const float *mask = own_mask ? s->job->mask->mask : NULL;
    fc_solver_predict_vp(s, x, at->sigma, u->scaled, out);
    if (s->status) return;
    for (size_t i = 0; i < s->n; i++) {
        float eps = mask ? out[i] * mask[i] : out[i];
        out[i] = (x[i] - at->std * eps) / at->alpha;
        if (mask) out[i] = out[i] * mask[i] + (1.0f - mask[i]) * s->job->latent[i];
    }
}

/* Solves the order x order Vandermonde-like system sum_k rho[k] * r[k]^row = b[row]. */
static void solve_weights(int order, const double *r, const double *b, double *rho)
{
    double m[ORDER][ORDER + 1];
    for (int row = 0; row < order; row++) {
        for (int k = 0; k < order; k++) m[row][k] = pow(r[k], row);
        m[row][order] = b[row];
    }
    for (int p = 0; p < order; p++) {
        for (int row = 0; row < order; row++) {
            if (row == p) continue;
            double factor = m[row][p] / m[p][p];
            for (int k = p; k <= order; k++) m[row][k] -= factor * m[p][k];
        }
    }
    for (int k = 0; k < order; k++) rho[k] = m[k][order] / m[k][k];
}

typedef struct coefficients {
    double step, base; /* weights of the newest estimate and of the corrections */
    double r[ORDER];   /* places of the older levels relative to this step; the last one is 1 (its end) */
    double predict[ORDER], correct[ORDER];
} coefficients;

static coefficients coefficients_of(const unipc *u, int i, int order)
{
    coefficients c = {0};
    double h = (double)u->levels[i].lambda - (double)u->levels[i - 1].lambda;
    for (int k = 1; k < order; k++) {
        c.r[k - 1] = ((double)u->levels[i - 1 - k].lambda - (double)u->levels[i - 1].lambda) / h;
    }
    c.r[order - 1] = 1.0;
    c.step = expm1(-h);
    c.base = u->bh2 ? c.step : -h;
    double phi = c.step / -h - 1.0, factorial = 1.0, b[ORDER];
    for (int k = 1; k <= order; k++) {
        b[k - 1] = phi * factorial / c.base;
        factorial *= k + 1;
        phi = phi / -h - 1.0 / factorial;
    }
    if (order > 2)
        solve_weights(order - 1, c.r, b, c.predict);
    else
        c.predict[0] = 0.5;
    if (order > 1)
        solve_weights(order, c.r, b, c.correct);
    else
        c.correct[0] = 0.5;
    return c;
}

/* x = base - alpha * weight * sum of rho[k] * (older estimate k - newest) / r[k] */
static void add_differences(unipc *u, float *x, const float *base, float scale, int count, const double *rho,
                            const double *r)
{
    memcpy(x, base, u->s->n * sizeof *x);
    for (int k = 0; k < count; k++) {
        float weight = scale * (float)(rho[k] / r[k]);
        const float *older = u->history[k + 1], *newest = u->history[0];
        for (size_t i = 0; i < u->s->n; i++) x[i] -= weight * (older[i] - newest[i]);
    }
}

/* From level i - 1 to level i. With `correct`, level i is evaluated on the way and becomes the newest of the
 * history. */
static void update(unipc *u, int i, int order, bool correct)
{
    fc_solver *s = u->s;
    const level *from = &u->levels[i - 1], *to = &u->levels[i];
    coefficients c = coefficients_of(u, i, order);
    float scale = to->alpha * (float)c.base;
    vec_mix(s->n, u->target, to->std / from->std, s->x, -to->alpha * (float)c.step, u->history[0]);
    add_differences(u, s->x, u->target, scale, order - 1, c.predict, c.r);
    if (!correct) return;
    evaluate(u, s->x, to, u->estimate);
    if (s->status) return;
    add_differences(u, s->x, u->target, scale, order - 1, c.correct, c.r);
    float weight = scale * (float)c.correct[order - 1];
    for (size_t k = 0; k < s->n; k++) s->x[k] -= weight * (u->estimate[k] - u->history[0][k]);
    float *spare = u->history[ORDER - 1];
    memmove(&u->history[1], &u->history[0], (ORDER - 1) * sizeof u->history[0]);
    u->history[0] = u->estimate;
    u->estimate = spare;
}

/* Recipe 1.0: the kept part is the start latent with the start noise at this level. */
static void mix_kept(unipc *u, const level *at)
{
    const fc_sample_job *job = u->s->job;
    vec_mix(u->s->n, u->s->scratch, at->alpha, job->latent, at->std, job->noise);
    vec_blend(u->s->n, u->s->x, job->mask->mask, u->s->x, u->s->scratch);
}

static void walk(unipc *u)
{
    fc_solver *s = u->s;
    bool own_mask = s->job->mask && (s->job->sampler->flags & FC_SAMPLER_OWN_SPACE);
    int steps = u->count - 1;
    int highest = steps < ORDER ? steps : ORDER;
    for (int i = 0; i < steps && !s->status; i++) {
        if (own_mask) mix_kept(u, &u->levels[i]);
        if (i == 0) {
            evaluate(u, s->x, &u->levels[0], u->history[0]);
        } else {
            int left = steps + 1 - i, order = i < highest ? i : highest;
            update(u, i, i < highest || order < left ? order : left, true);
        }
        if (i == steps - 1 && !s->status) update(u, steps, 1, false);
        fc_solver_step(s, i, steps, u->levels[i].sigma, s->x, u->history[0]);
    }
}

static bool init(unipc *u, fc_solver *s, int count, bool bh2)
{
    *u = (unipc){.s = s, .count = count, .bh2 = bh2};
    u->scaled = fc_solver_buffer(s);
    u->target = fc_solver_buffer(s);
    u->estimate = fc_solver_buffer(s);
    for (int k = 0; k < ORDER; k++) u->history[k] = fc_solver_buffer(s);
    u->levels = fc_arena_array(s->arena, (size_t)count, sizeof *u->levels);
    if (!u->levels && !s->status)
        s->status = fc_fail(s->err, s->arena->status, "not enough memory for UniPC");
    return !s->status;
}

static level table_level(const fc_model_sampling *ms, int timestep)
{
    float log_alpha = 0.5f * f32_log(ms->alphas_cumprod[timestep]);
    float rest = 1.0f - f32_exp(2.0f * log_alpha);
    return (level){.alpha = f32_exp(log_alpha),
                   .std = sqrtf(rest),
                   .lambda = log_alpha - 0.5f * f32_log(rest),
                   .sigma = fc_model_sampling_sigma(ms, (float)timestep)};
}

/* The sigmas above 0 resampled to one point more (half-pixel centres, ends clamped), which stands for the
 * final 0. */
static float resampled(const float *sigmas, int count, int i)
{
    float place = ((float)i + 0.5f) * ((float)count / (float)(count + 1)) - 0.5f;
    if (place < 0.0f) place = 0.0f;
    int low = (int)place, high = low + 1 < count ? low + 1 : low;
    float w = place - (float)low;
    return (1.0f - w) * sigmas[low] + w * sigmas[high];
}

/* Fills the levels; low sigmas that share a timestep make one level. */
static void fill_table_levels(unipc *u, bool to_zero)
{
    const fc_solver *s = u->s;
    const fc_model_sampling *ms = s->job->sampling;
    int last = FC_TRAIN_STEPS, count = 0;
    for (int i = 0; i < u->count; i++) {
        float sigma = to_zero ? resampled(s->sigmas, s->steps, i) : s->sigmas[i];
        int timestep = to_zero && i == u->count - 1 ? 0 : (int)fc_model_sampling_timestep(ms, sigma);
        if (timestep < last) u->levels[count++] = table_level(ms, timestep);
        last = timestep;
    }
    u->count = count;
}

static void solve_on_table(fc_solver *s, bool bh2)
{
    const fc_sample_job *job = s->job;
    bool to_zero = s->sigmas[s->steps] == 0.0f;
    unipc u;
    if (!init(&u, s, s->steps + 1, bh2)) return;
    fill_table_levels(&u, to_zero);
    if (u.count < 2) { /* all at the lowest timestep: nothing to walk */
        fc_solve_euler(s);
        return;
    }
    const level *first = &u.levels[0];
    for (size_t i = 0; i < s->n; i++) {
        float noise = job->noise ? job->noise[i] * (job->full_noise ? 1.0f : first->std) : 0.0f;
        s->x[i] = job->latent ? job->latent[i] * first->alpha + noise : noise;
    }
    walk(&u);
    if (!to_zero && !s->status) vec_scale(s->n, s->x, s->x, 1.0f / u.levels[u.count - 1].alpha);
}

static level sigma_level(float sigma)
{
    float log_alpha = 0.5f * f32_log(1.0f / (sigma * sigma + 1.0f));
    float rest = 1.0f - f32_exp(2.0f * log_alpha);
    return (level){.alpha = f32_exp(log_alpha),
                   .std = sqrtf(rest),
                   .lambda = log_alpha - 0.5f * f32_log(rest),
                   .sigma = sigma};
}

static void solve_on_sigmas(fc_solver *s, bool bh2)
{
    const float lowest = 0.001f; /* stands for the final 0 */
    unipc u;
    if (!init(&u, s, s->steps + 1, bh2)) return;
    for (int i = 0; i < u.count; i++) u.levels[i] = sigma_level(s->sigmas[i] > 0.0f ? s->sigmas[i] : lowest);
    vec_scale(s->n, s->x, s->x, u.levels[0].alpha);
    walk(&u);
    if (!s->status) vec_scale(s->n, s->x, s->x, 1.0f / u.levels[u.count - 1].alpha);
}

void fc_solve_uni_pc_bh1(fc_solver *s)
{
    solve_on_table(s, false);
}

void fc_solve_uni_pc_bh2(fc_solver *s)
{
    solve_on_table(s, true);
}

void fc_solve_uni_pc_sigma_bh1(fc_solver *s)
{
    solve_on_sigmas(s, false);
}

void fc_solve_uni_pc_sigma_bh2(fc_solver *s)
{
    solve_on_sigmas(s, true);
}
