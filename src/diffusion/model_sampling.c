/* See model_sampling.h. Tables match the reference to the last bit: the noise of the SDE samplers depends on
 * it. */
#include "diffusion/model_sampling.h"
#include <math.h>
#include "base/f32.h"
#include "diffusion/linspace.h"

enum { DISTILLED_LEVELS = 50 };

static const fc_latent_format sdxl_format = {0.13025f, {0.0f, 0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}};
static const fc_latent_format playground_format = {
    0.5f, {-1.6574f, 1.886f, -1.383f, 2.5155f}, {8.4927f, 5.9022f, 6.5498f, 5.2299f}};

/* sigma of every training timestep: betas are the squares of 1000 numbers from sqrt(0.00085) to sqrt(0.012).
 */
static void training_table(fc_table_rounding rounding, float *alphas_cumprod, float *sigmas)
{
    double first = sqrt(0.00085), last = sqrt(0.012), product = 1.0;
    double step = (last - first) / (FC_TRAIN_STEPS - 1);
    for (int i = 0; i < FC_TRAIN_STEPS; i++) {
        double root = i < FC_TRAIN_STEPS / 2 ? fma(step, i, first) : fma(-step, FC_TRAIN_STEPS - 1 - i, last);
        product *= 1.0 - root * root;
        float rounded = (float)product;
        alphas_cumprod[i] = rounded;
        sigmas[i] = rounding == FC_ROUND_ALPHAS ? sqrtf((1.0f - rounded) / rounded)
                                                : (float)sqrt((1.0 - product) / product);
    }
}

static void edm_table(fc_model_sampling *ms)
{
    ms->levels = FC_TRAIN_STEPS;
    ms->level_timesteps = 1;
    ms->sigma_data = 0.5f;
    ms->latent = playground_format;
    fc_linspace(ms->log_sigmas, (float)log(0.002), (float)log(120.0), FC_TRAIN_STEPS);
    for (int i = 0; i < FC_TRAIN_STEPS; i++) ms->sigmas[i] = f32_exp(ms->log_sigmas[i]);
}

void fc_model_sampling_init(fc_model_sampling *ms, fc_sampling_kind kind, fc_table_rounding rounding)
{
    *ms = (fc_model_sampling){.kind = kind,
                              .rounding = rounding,
                              .levels = FC_TRAIN_STEPS,
                              .level_timesteps = 1,
                              .sigma_data = 1.0f,
                              .latent = sdxl_format};
    training_table(rounding, ms->alphas_cumprod, ms->sigmas);
    if (kind == FC_SAMPLING_EDM) {
        edm_table(ms);
        return;
    }
    if (kind != FC_SAMPLING_EPS) {
        ms->levels = DISTILLED_LEVELS;
        ms->level_timesteps = FC_TRAIN_STEPS / DISTILLED_LEVELS;
        for (int i = 0; i < ms->levels; i++) ms->sigmas[i] = ms->sigmas[(i + 1) * ms->level_timesteps - 1];
    }
    for (int i = 0; i < ms->levels; i++) ms->log_sigmas[i] = f32_log(ms->sigmas[i]);
}

float fc_model_sampling_sigma_min(const fc_model_sampling *ms)
{
    return ms->sigmas[0];
}

float fc_model_sampling_sigma_max(const fc_model_sampling *ms)
{
    return ms->sigmas[ms->levels - 1];
}

float fc_model_sampling_timestep(const fc_model_sampling *ms, float sigma)
{
    float log_sigma = f32_log(sigma);
    if (ms->kind == FC_SAMPLING_EDM) return 0.25f * log_sigma;
    int nearest = 0;
    for (int i = 1; i < ms->levels; i++) {
        if (fabsf(log_sigma - ms->log_sigmas[i]) < fabsf(log_sigma - ms->log_sigmas[nearest])) nearest = i;
    }
    return (float)((nearest + 1) * ms->level_timesteps - 1);
}

float fc_model_sampling_sigma(const fc_model_sampling *ms, float timestep)
{
    if (ms->kind == FC_SAMPLING_EDM) return f32_exp(timestep / 0.25f);
    float level = (timestep - (float)(ms->level_timesteps - 1)) / (float)ms->level_timesteps;
    float top = (float)(ms->levels - 1);
    level = level > 0.0f ? level : 0.0f;
    level = level < top ? level : top;
    int low = (int)level;
    int high = low + 1 < ms->levels ? low + 1 : low;
    float w = level - (float)low;
    float log_sigma = (1.0f - w) * ms->log_sigmas[low] + w * ms->log_sigmas[high];
    return f32_exp(log_sigma);
}

void fc_model_sampling_input(const fc_model_sampling *ms, float sigma, const float *x, float *out,
                             size_t count)
{
    float divisor = sqrtf(sigma * sigma + ms->sigma_data * ms->sigma_data);
    for (size_t i = 0; i < count; i++) out[i] = x[i] / divisor;
}

/* out = skip * x + gain * y */
static void combine(float skip, const float *x, float gain, const float *y, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) out[i] = x[i] * skip + y[i] * gain;
}

static void lcm_denoised(const fc_model_sampling *ms, float sigma, const float *x, const float *output,
                         float *out, size_t count)
{
    const float data_squared = 0.25f; /* the boundary condition's own sigma_data is 0.5 */
    float t = fc_model_sampling_timestep(ms, sigma) * 10.0f;
    float norm = t * t + data_squared;
    float skip = data_squared / norm, gain = t / sqrtf(norm);
    for (size_t i = 0; i < count; i++) out[i] = gain * (x[i] - output[i] * sigma) + skip * x[i];
}

void fc_model_sampling_denoised(const fc_model_sampling *ms, float sigma, const float *x, const float *output,
                                float *out, size_t count)
{
    float data_squared = ms->sigma_data * ms->sigma_data, norm = sigma * sigma + data_squared;
    switch (ms->kind) {
    case FC_SAMPLING_EPS:
    case FC_SAMPLING_TCD:
        for (size_t i = 0; i < count; i++) out[i] = x[i] - output[i] * sigma;
        break;
    case FC_SAMPLING_LCM:
        lcm_denoised(ms, sigma, x, output, out, count);
        break;
    case FC_SAMPLING_EDM:
        combine(data_squared / norm, x, sigma * ms->sigma_data / sqrtf(norm), output, out, count);
        break;
    }
}

void fc_latent_scale_in(const fc_latent_format *format, float *latent, size_t plane)
{
    for (int c = 0; c < FC_LATENT_CHANNELS; c++) {
        float *p = latent + (size_t)c * plane;
        for (size_t i = 0; i < plane; i++)
            p[i] = (p[i] - format->mean[c]) * format->scale / format->deviation[c];
    }
}

void fc_latent_scale_out(const fc_latent_format *format, float *latent, size_t plane)
{
    for (int c = 0; c < FC_LATENT_CHANNELS; c++) {
        float *p = latent + (size_t)c * plane;
        for (size_t i = 0; i < plane; i++)
            p[i] = p[i] * format->deviation[c] / format->scale + format->mean[c];
    }
}
