#include "support/toy.h"
#include <math.h>
#include "support/support.h"

void toy_network(const float *x, float t, float context_mean, float *eps, size_t plane)
{
    static const float mix[4][4] = {{.9f, .1f, 0, 0}, {0, .9f, .1f, 0}, {0, 0, .9f, .1f}, {-.1f, 0, 0, .9f}};
    float gain = 0.25f + 0.7f * t / 1000.0f;
    for (size_t i = 0; i < plane; i++) {
        for (size_t c = 0; c < 4; c++) {
            float linear = 0.0f;
            for (size_t k = 0; k < 4; k++) linear += mix[c][k] * x[k * plane + i];
            float next = x[(c + 1) % 4 * plane + i], after = x[(c + 2) % 4 * plane + i];
            eps[c * plane + i] = gain * linear + 0.1f * tanhf(2.0f * next) +
                                 0.05f * sinf(3.0f * after + 0.7f * (float)c) + 0.02f * context_mean;
        }
    }
}

fc_status toy_denoise(void *user, const float *x, float sigma, float *denoised, fc_err *err)
{
    toy *m = user;
    static float input[TOY_MAX_VALUES], positive[TOY_MAX_VALUES], negative[TOY_MAX_VALUES];
    size_t n = 4 * m->plane;
    float t = fc_model_sampling_timestep(m->sampling, sigma);
    assert_true(m->calls < TOY_MAX_CALLS && n <= TOY_MAX_VALUES);
    m->timesteps[m->calls++] = t;
    if (m->calls == m->cancel_at_call) return fc_fail(err, FC_CANCELLED, "stopped");
    fc_model_sampling_input(m->sampling, sigma, x, input, n);
    toy_network(input, t, 0.5f, positive, m->plane);
    toy_network(input, t, -0.25f, negative, m->plane);
    if (m->recipe == &fc_recipe_1_0) {
        for (size_t i = 0; i < n; i++) {
            float p = positive[i] / 1.00001f, u = negative[i] / 1.00001f;
            positive[i] = u + (p - u) * m->cfg;
        }
        fc_model_sampling_denoised(m->sampling, sigma, x, positive, denoised, n);
        return FC_OK;
    }
    fc_model_sampling_denoised(m->sampling, sigma, x, positive, positive, n);
    fc_model_sampling_denoised(m->sampling, sigma, x, negative, negative, n);
    for (size_t i = 0; i < n; i++) {
        float p = x[i] - positive[i], u = x[i] - negative[i];
        denoised[i] = x[i] - (u + m->cfg * (p - u));
    }
    return FC_OK;
}
