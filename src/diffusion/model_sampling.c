/* See model_sampling.h. Tables match the reference to the last bit: the noise of the SDE samplers depends on
 * it. */
#include "diffusion/model_sampling.h"
#include <math.h>
#include "base/f32.h"
#include "diffusion/linspace.h"

enum { DISTILLED_LEVELS = 50 };

static const double EDM_SIGMA_MIN = 0.002, EDM_SIGMA_MAX = 120.0;
/* In place of 0, so that sigma is a number; ComfyUI has the same. */
static const double LAST_PRODUCT = 4.8973451890853435e-08;

static const fc_latent_format sdxl_format = {0.13025f, {0.0f, 0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}};
static const fc_latent_format playground_format = {
    0.5f, {-1.6574f, 1.886f, -1.383f, 2.5155f}, {8.4927f, 5.9022f, 6.5498f, 5.2299f}};

/* Products of 1 - beta; betas are the squares of 1000 numbers from sqrt(0.00085) to sqrt(0.012). */
static void training_products(double *products)
{
    double first = sqrt(0.00085), last = sqrt(0.012), product = 1.0;
    double step = (last - first) / (FC_TRAIN_STEPS - 1);
    for (int i = 0; i < FC_TRAIN_STEPS; i++) {
        double root = i < FC_TRAIN_STEPS / 2 ? fma(step, i, first) : fma(-step, FC_TRAIN_STEPS - 1 - i, last);
        product *= 1.0 - root * root;
        products[i] = product;
    }
}

/* Roots are shifted so that the last is 0 and stretched so that the first stays. */
static void rescale_to_zero_snr(double *products)
{
    double first = sqrt(products[0]), last = sqrt(products[FC_TRAIN_STEPS - 1]);
    for (int i = 0; i < FC_TRAIN_STEPS; i++) {
        double root = (sqrt(products[i]) - last) * (first / (first - last));
        products[i] = root * root;
    }
    products[FC_TRAIN_STEPS - 1] = LAST_PRODUCT;
}

/* sigma of every training timestep */
static void training_table(fc_model_sampling *ms, bool zero_snr)
{
    double products[FC_TRAIN_STEPS];
    training_products(products);
    if (zero_snr) rescale_to_zero_snr(products);
    for (int i = 0; i < FC_TRAIN_STEPS; i++) {
        float rounded = (float)products[i];
        ms->alphas_cumprod[i] = rounded;
        ms->sigmas[i] = ms->rounding == FC_ROUND_ALPHAS ? sqrtf((1.0f - rounded) / rounded)
                                                        : (float)sqrt((1.0 - products[i]) / products[i]);
    }
}

static void continuous_table(fc_model_sampling *ms, double sigma_min, double sigma_max)
{
    ms->continuous = true;
    fc_linspace(ms->log_sigmas, (float)log(sigma_min), (float)log(sigma_max), FC_TRAIN_STEPS);
    for (int i = 0; i < FC_TRAIN_STEPS; i++) ms->sigmas[i] = f32_exp(ms->log_sigmas[i]);
}

static void distilled_table(fc_model_sampling *ms)
{
    ms->levels = DISTILLED_LEVELS;
    ms->level_timesteps = FC_TRAIN_STEPS / DISTILLED_LEVELS;
    for (int i = 0; i < ms->levels; i++) ms->sigmas[i] = ms->sigmas[(i + 1) * ms->level_timesteps - 1];
}

static void init(fc_model_sampling *ms, fc_sampling_kind kind, fc_table_rounding rounding,
                 const fc_prediction *prediction)
{
    bool playground = kind == FC_SAMPLING_EDM || prediction->kind == FC_PREDICTS_EDM;
    *ms = (fc_model_sampling){.predicts = playground ? FC_PREDICTS_EDM : prediction->kind,
                              .consistency = kind == FC_SAMPLING_LCM,
                              .rounding = rounding,
                              .levels = FC_TRAIN_STEPS,
                              .level_timesteps = 1,
                              .sigma_data = playground ? 0.5f : 1.0f,
                              .latent = playground ? playground_format : sdxl_format};
    training_table(ms, prediction->zero_snr);
    if (playground) {
        continuous_table(ms, EDM_SIGMA_MIN, EDM_SIGMA_MAX);
        return;
    }
    if (prediction->kind == FC_PREDICTS_EDM_V) {
        bool is_given = prediction->sigma_max > 0;
        continuous_table(ms, is_given ? prediction->sigma_min : EDM_SIGMA_MIN,
                         is_given ? prediction->sigma_max : EDM_SIGMA_MAX);
        return;
    }
    if (kind != FC_SAMPLING_EPS) distilled_table(ms);
    for (int i = 0; i < ms->levels; i++) ms->log_sigmas[i] = f32_log(ms->sigmas[i]);
}

void fc_model_sampling_init(fc_model_sampling *ms, fc_sampling_kind kind, fc_table_rounding rounding)
{
    init(ms, kind, rounding, &(fc_prediction){.kind = FC_PREDICTS_EPS});
}

fc_status fc_model_sampling_init_for(fc_model_sampling *ms, fc_sampling_kind kind, fc_table_rounding rounding,
                                     const fc_prediction *prediction, fc_err *err)
{
    fc_prediction_kind p = prediction->kind;
    bool velocity = p == FC_PREDICTS_V || p == FC_PREDICTS_EDM_V;
    bool continuous = p == FC_PREDICTS_EDM || p == FC_PREDICTS_EDM_V;
    if (kind == FC_SAMPLING_EDM && velocity)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this scheduler is made for Playground v2.5, and the model predicts velocity; choose "
                       "another scheduler, karras or sgm_uniform");
    if ((kind == FC_SAMPLING_LCM || kind == FC_SAMPLING_TCD) && continuous)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this scheduler is made for models with 1000 noise levels, and the model has "
                       "continuous ones (EDM); choose another scheduler, karras or exponential");
    init(ms, kind, rounding, prediction);
    return FC_OK;
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
    if (ms->continuous) return 0.25f * log_sigma;
    int nearest = 0;
    for (int i = 1; i < ms->levels; i++) {
        if (fabsf(log_sigma - ms->log_sigmas[i]) < fabsf(log_sigma - ms->log_sigmas[nearest])) nearest = i;
    }
    return (float)((nearest + 1) * ms->level_timesteps - 1);
}

float fc_model_sampling_sigma(const fc_model_sampling *ms, float timestep)
{
    if (ms->continuous) return f32_exp(timestep / 0.25f);
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

/* The training timestep whose noise is nearest in log sigma. */
static int nearest_timestep(const fc_model_sampling *ms, float sigma)
{
    int nearest = 0;
    float log_sigma = f32_log(sigma), best = INFINITY;
    for (int t = 0; t < FC_TRAIN_STEPS; t++) {
        float alpha = ms->alphas_cumprod[t],
              distance = fabsf(log_sigma - 0.5f * f32_log((1.0f - alpha) / alpha));
        if (distance < best) best = distance, nearest = t;
    }
    return nearest;
}

float fc_model_sampling_progress(const fc_model_sampling *ms, float sigma)
{
    float t = ms->continuous ? (float)nearest_timestep(ms, sigma) : fc_model_sampling_timestep(ms, sigma);
    return 1.0f - t / (float)(FC_TRAIN_STEPS - 1);
}

float fc_model_sampling_sigma_at(const fc_model_sampling *ms, double progress)
{
    if (progress <= 0) return INFINITY;
    if (progress >= 1) return 0;
    if (!ms->continuous) return fc_model_sampling_sigma(ms, (float)((1.0 - progress) * (FC_TRAIN_STEPS - 1)));
    float low = f32_log(fc_model_sampling_sigma_min(ms)), high = f32_log(fc_model_sampling_sigma_max(ms));
    return f32_exp((high - low) * (float)(1.0 - progress) + low);
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

/* out = the clean latent that a consistency model means, from the one in out */
static void apply_boundary(const fc_model_sampling *ms, float sigma, const float *x, float *out, size_t count)
{
    const float data_squared = 0.25f; /* the boundary condition's own sigma_data is 0.5 */
    float t = fc_model_sampling_timestep(ms, sigma) * 10.0f;
    float norm = t * t + data_squared;
    float skip = data_squared / norm, gain = t / sqrtf(norm);
    for (size_t i = 0; i < count; i++) out[i] = gain * out[i] + skip * x[i];
}

void fc_model_sampling_denoised(const fc_model_sampling *ms, float sigma, const float *x, const float *output,
                                float *out, size_t count)
{
    float data_squared = ms->sigma_data * ms->sigma_data, norm = sigma * sigma + data_squared;
    float skip = data_squared / norm, gain = sigma * ms->sigma_data / sqrtf(norm);
    switch (ms->predicts) {
    case FC_PREDICTS_EPS:
        for (size_t i = 0; i < count; i++) out[i] = x[i] - output[i] * sigma;
        break;
    case FC_PREDICTS_EDM:
        combine(skip, x, gain, output, out, count);
        break;
    case FC_PREDICTS_V:
    case FC_PREDICTS_EDM_V:
        combine(skip, x, -gain, output, out, count);
        break;
    }
    if (ms->consistency) apply_boundary(ms, sigma, x, out, count);
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
