/* See solvers.h: the table of samplers, and what surrounds a run: start state, masks, noise, callbacks. */
#include "diffusion/solvers/solvers.h"
#include <math.h>
#include <string.h>
#include "diffusion/schedule.h"
#include "diffusion/solvers/solver_impl.h"

enum {
    RANDOM = FC_SAMPLER_RANDOM,
    PATH = FC_SAMPLER_PATH,
    DISCARD = FC_SAMPLER_DISCARD_PENULTIMATE,
    OWN = FC_SAMPLER_OWN_SPACE,
    UNMASKED = FC_SAMPLER_UNMASKED
};

static const fc_sampler samplers[] = {
    {"euler", FC_IN_ALL, 0, "one straight step per sigma", fc_solve_euler},
    {"euler_ancestral", FC_IN_ALL, RANDOM, "Euler with fresh noise in every step", fc_solve_euler_ancestral},
    {"heun", FC_IN_ALL, 0, "two evaluations per step", fc_solve_heun},
    {"heunpp2", FC_IN_ALL, 0, "up to three evaluations per step", fc_solve_heunpp2},
    {"dpm_2", FC_IN_ALL, DISCARD, "midpoint steps, two evaluations each", fc_solve_dpm_2},
    {"dpm_2_ancestral", FC_IN_ALL, RANDOM | DISCARD, "dpm_2 with fresh noise", fc_solve_dpm_2_ancestral},
    {"lms", FC_IN_ALL, 0, "linear multistep of order 4", fc_solve_lms},
    {"dpm_fast", FC_IN_ALL, 0, "DPM-Solver of order 3, as many evaluations as steps", fc_solve_dpm_fast},
    {"dpm_adaptive", FC_IN_ALL, 0, "chooses its own steps", fc_solve_dpm_adaptive},
    {"dpmpp_2s_ancestral", FC_IN_ALL, RANDOM, "DPM-Solver++(2S) with fresh noise",
     fc_solve_dpmpp_2s_ancestral},
    {"dpmpp_sde", FC_IN_ALL, PATH, "DPM-Solver++ with noise, two evaluations per step", fc_solve_dpmpp_sde},
    {"dpmpp_sde_gpu", FC_IN_ALL, PATH, "the same as dpmpp_sde", fc_solve_dpmpp_sde},
    {"dpmpp_2m", FC_IN_ALL, 0, "DPM-Solver++(2M)", fc_solve_dpmpp_2m},
    {"dpmpp_2m_sde", FC_IN_ALL, PATH, "DPM-Solver++(2M) with noise", fc_solve_dpmpp_2m_sde},
    {"dpmpp_2m_sde_gpu", FC_IN_ALL, PATH, "the same as dpmpp_2m_sde; the usual choice",
     fc_solve_dpmpp_2m_sde},
    {"dpmpp_3m_sde", FC_IN_ALL, PATH, "DPM-Solver++(3M) with noise", fc_solve_dpmpp_3m_sde},
    {"dpmpp_3m_sde_gpu", FC_IN_ALL, PATH, "the same as dpmpp_3m_sde", fc_solve_dpmpp_3m_sde},
    {"ddpm", FC_IN_ALL, RANDOM, "the training process backwards", fc_solve_ddpm},
    {"lcm", FC_IN_ALL, RANDOM, "for latent consistency models", fc_solve_lcm},
    {"tcd", FC_IN_ALL, RANDOM, "for trajectory consistency models", fc_solve_tcd},
    {"restart", FC_IN_ALL, RANDOM, "Heun with a second way down from the middle", fc_solve_restart},
    {"ddim", FC_IN_1_0, RANDOM | OWN, "DDIM", fc_solve_ddim},
    {"ddim", FC_IN_2_5, 0, "the same as euler", fc_solve_euler},
    {"uni_pc", FC_IN_1_0, OWN, "UniPC, predictor and corrector of order 3", fc_solve_uni_pc_bh1},
    {"uni_pc", FC_IN_2_5, DISCARD | UNMASKED, "UniPC, predictor and corrector of order 3",
     fc_solve_uni_pc_sigma_bh1},
    {"uni_pc_bh2", FC_IN_1_0, OWN, "UniPC with another step weight", fc_solve_uni_pc_bh2},
    {"uni_pc_bh2", FC_IN_2_5, DISCARD | UNMASKED, "UniPC with another step weight",
     fc_solve_uni_pc_sigma_bh2},
};
enum { SAMPLERS = sizeof samplers / sizeof samplers[0] };

const fc_sampler *fc_sampler_find(const char *name, const fc_recipe *recipe)
{
    for (size_t i = 0; i < SAMPLERS; i++) {
        if ((samplers[i].recipes & recipe->set) && strcmp(samplers[i].name, name) == 0) return &samplers[i];
    }
    return NULL;
}

const fc_sampler *fc_sampler_at(size_t index, const fc_recipe *recipe)
{
    for (size_t i = 0; i < SAMPLERS; i++) {
        if ((samplers[i].recipes & recipe->set) && index-- == 0) return &samplers[i];
    }
    return NULL;
}

/* ---- a run ---- */

static fc_status check_job(const fc_sample_job *job, fc_err *err)
{
    unsigned flags = job->sampler->flags;
    if (job->sigma_count < 2) return fc_fail(err, FC_ARG, "a sampler needs at least two sigmas");
    for (int i = 0; i < job->sigma_count; i++) {
        float sigma = job->sigmas[i], before = i > 0 ? job->sigmas[i - 1] : INFINITY;
        bool last = i == job->sigma_count - 1;
        if (!(sigma < before) || sigma < 0.0f || (sigma == 0.0f && !last)) {
            return fc_fail(err, FC_ARG, "the schedule must fall: sigma %d is %g after %g", i, (double)sigma,
                           (double)before);
        }
    }
    bool start_noise_kept = job->mask && (!job->mask->fresh || (flags & FC_SAMPLER_OWN_SPACE));
    bool nothing_kept = !job->latent && (!job->mask || !job->mask->keep || (flags & FC_SAMPLER_OWN_SPACE));
    if (job->mask && (nothing_kept || (start_noise_kept && !job->noise))) {
        return fc_fail(err, FC_ARG, "a mask needs a latent to keep and its noise");
    }
    if ((flags & FC_SAMPLER_RANDOM) && !job->rng)
        return fc_fail(err, FC_ARG, "this sampler needs a generator");
    if ((flags & FC_SAMPLER_OWN_SPACE) && job->sampling->continuous) {
        return fc_fail(err, FC_UNSUPPORTED, "%s cannot sample this kind of model; choose another sampler",
                       job->sampler->name);
    }
    return FC_OK;
}

/* x = start latent + noise of the first sigma's level */
static void start(fc_solver *s)
{
    const fc_sample_job *job = s->job;
    float sigma = job->sigmas[0];
    float scale = job->full_noise ? sqrtf(1.0f + sigma * sigma) : sigma;
    if (job->latent)
        memcpy(s->x, job->latent, s->n * sizeof *s->x);
    else
        memset(s->x, 0, s->n * sizeof *s->x);
    if (!job->latent) fc_latent_scale_in(&job->sampling->latent, s->x, s->n / FC_LATENT_CHANNELS);
    if (job->noise) vec_add_scaled(s->n, s->x, s->x, scale, job->noise);
}

static fc_status own_path(const fc_sample_job *job, fc_brownian **path, fc_err *err)
{
    float low, high;
    fc_schedule_range(job->sigmas, job->sigma_count, &low, &high);
    if (low == high) low = 0.0f; /* a single step draws nothing, but the range must be one */
    return fc_brownian_new(path, job->count, low, high, job->seed, err);
}

fc_status fc_sample(const fc_sample_job *job, fc_arena *arena, float *out, fc_err *err)
{
    fc_solver s = {.job = job,
                   .sigmas = job->sigmas,
                   .steps = job->sigma_count - 1,
                   .n = job->count,
                   .x = out,
                   .arena = arena,
                   .err = err};
    fc_brownian *own = NULL;
    s.status = check_job(job, err);
    s.scratch = fc_solver_buffer(&s);
    if (!s.status && (job->sampler->flags & FC_SAMPLER_PATH) && !job->path)
        s.status = own_path(job, &own, err);
    s.path = job->path ? job->path : own;
    if (!s.status) {
        start(&s);
        job->sampler->solve(&s);
    }
    fc_brownian_free(own);
    return s.status;
}
