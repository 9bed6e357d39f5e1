/* What a checkpoint was trained to predict, as data: the table of noise levels, how x is scaled on its way
 * into the network, how the network's output becomes a denoised latent, which timestep a sigma means, and the
 * latent's scale. x lives in "sigma space" (x = clean + sigma * noise) everywhere outside the network. Pure
 * functions.
 *
 * FC_SAMPLING_EPS  SDXL: 1000 levels, the network predicts the noise
 * FC_SAMPLING_LCM  50 levels of a distilled model and its consistency boundary condition
 * FC_SAMPLING_TCD  the same 50 levels, the network predicts the noise
 * FC_SAMPLING_EDM  continuous levels 0.002..120, Playground v2.5's latent format
 */
#ifndef FC_DIFFUSION_MODEL_SAMPLING_H
#define FC_DIFFUSION_MODEL_SAMPLING_H

#include <stddef.h>

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
    fc_sampling_kind kind;
    fc_table_rounding rounding;
    int levels;          /* used entries of sigmas */
    int level_timesteps; /* training timesteps per level; timestep of level i = (i + 1) * level_timesteps - 1
                          */
    float sigma_data;    /* c_in = 1 / sqrt(sigma^2 + sigma_data^2) */
    float sigmas[FC_TRAIN_STEPS], log_sigmas[FC_TRAIN_STEPS]; /* rising */
    float alphas_cumprod[FC_TRAIN_STEPS];                     /* by training timestep */
    fc_latent_format latent;
} fc_model_sampling;

void fc_model_sampling_init(fc_model_sampling *ms, fc_sampling_kind kind, fc_table_rounding rounding);

float fc_model_sampling_sigma_min(const fc_model_sampling *ms);
float fc_model_sampling_sigma_max(const fc_model_sampling *ms);
/* The timestep the network gets for a sigma: the nearest level's (a whole number), or log(sigma) / 4 for EDM.
 */
float fc_model_sampling_timestep(const fc_model_sampling *ms, float sigma);
/* The inverse; between levels linear in log sigma. */
float fc_model_sampling_sigma(const fc_model_sampling *ms, float timestep);

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
