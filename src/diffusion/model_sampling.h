/* What a checkpoint was trained to predict, as data: the table of noise levels, how x is scaled on its way
 * into the network, how the network's output becomes a denoised latent, which timestep a sigma means, and the
 * latent's scale. x lives in "sigma space" (x = clean + sigma * noise) everywhere outside the network. Pure
 * functions.
 *
 * What the network's output y means is the model's (model/prediction.h); d is sigma_data, s is sigma:
 *   eps    clean = x - s y
 *   v      clean = x / (s^2 + 1) - y s / sqrt(s^2 + 1)           (Salimans and Ho 2022; x is unscaled here)
 *   edm    clean = x d^2 / (s^2 + d^2) + y s d / sqrt(s^2 + d^2)  (Karras et al. 2022), d = 0.5
 *   edm v  the same with the other sign of y, d = 1: v at continuous levels
 * Which levels there are is the scheduler's:
 * FC_SAMPLING_EPS  the model's own: 1000, or continuous ones
 * FC_SAMPLING_LCM  50 levels of a distilled model and its consistency boundary condition
 * FC_SAMPLING_TCD  the same 50 levels
 * FC_SAMPLING_EDM  continuous levels 0.002..120, Playground v2.5's prediction and latent format
 */
#ifndef FC_DIFFUSION_MODEL_SAMPLING_H
#define FC_DIFFUSION_MODEL_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include "model/prediction.h"

typedef enum fc_sampling_kind {
    FC_SAMPLING_EPS,
    FC_SAMPLING_LCM,
    FC_SAMPLING_TCD,
    FC_SAMPLING_EDM
} fc_sampling_kind;

/* Where the sigma table is rounded to float32: this moves sigmas by up to 1e-5 (recipe 1.0 rounds the
 * cumulative products, recipe 2.5 the sigmas). */
typedef enum fc_table_rounding { FC_ROUND_ALPHAS, FC_ROUND_SIGMAS } fc_table_rounding;

enum { FC_TRAIN_STEPS = 1000, FC_LATENT_CHANNELS = 4 };

typedef struct fc_latent_format {
    float scale;
    float mean[FC_LATENT_CHANNELS], deviation[FC_LATENT_CHANNELS];
} fc_latent_format;

typedef struct fc_model_sampling {
    fc_prediction_kind predicts;
    bool consistency; /* LCM's boundary condition on top */
    bool continuous;  /* any sigma between the lowest and the highest; the table only samples them */
    fc_table_rounding rounding;
    int levels;          /* used entries of sigmas */
    int level_timesteps; /* training timesteps per level; timestep of level i = (i + 1) * level_timesteps - 1
                          */
    float sigma_data;    /* c_in = 1 / sqrt(sigma^2 + sigma_data^2) */
    float sigmas[FC_TRAIN_STEPS], log_sigmas[FC_TRAIN_STEPS]; /* rising */
    float alphas_cumprod[FC_TRAIN_STEPS];                     /* by training timestep */
    fc_latent_format latent;
} fc_model_sampling;

/* Of a model that predicts noise. */
void fc_model_sampling_init(fc_model_sampling *ms, fc_sampling_kind kind, fc_table_rounding rounding);
/* Of any model. UNSUPPORTED where the scheduler's levels are not for what the model predicts. With zero
 * terminal SNR the table is shifted and stretched so that the last level is noise alone (Lin et al. 2023,
 * algorithm 1), but for a rest that keeps sigma finite: 4519. */
fc_status fc_model_sampling_init_for(fc_model_sampling *ms, fc_sampling_kind kind, fc_table_rounding rounding,
                                     const fc_prediction *prediction, fc_err *err) FC_MUST_USE;

float fc_model_sampling_sigma_min(const fc_model_sampling *ms);
float fc_model_sampling_sigma_max(const fc_model_sampling *ms);
/* The timestep the network gets for a sigma: the nearest level's (a whole number), or log(sigma) / 4 for EDM.
 */
float fc_model_sampling_timestep(const fc_model_sampling *ms, float sigma);
/* The inverse; between levels linear in log sigma. */
float fc_model_sampling_sigma(const fc_model_sampling *ms, float timestep);

/* How far a picture at this level has come, 0 to 1, by the training timestep of the same noise, also where
 * levels are continuous. */
float fc_model_sampling_progress(const fc_model_sampling *ms, float sigma);
/* The level at which a picture has come so far; infinite at 0 and below, 0 at 1 and above. */
float fc_model_sampling_sigma_at(const fc_model_sampling *ms, double progress);

/* out = x * c_in(sigma): the network's input. All arrays [count]; out may be x. */
void fc_model_sampling_input(const fc_model_sampling *ms, float sigma, const float *x, float *out,
                             size_t count);
/* out = the clean latent that x [count] at noise level sigma means, given the network's output. out may be
 * output. */
void fc_model_sampling_denoised(const fc_model_sampling *ms, float sigma, const float *x, const float *output,
                                float *out, size_t count);

/* VAE latent [channels][plane] <-> the scale in which the network works, in place. */
void fc_latent_scale_in(const fc_latent_format *format, float *latent, size_t plane);
void fc_latent_scale_out(const fc_latent_format *format, float *latent, size_t plane);

#endif
