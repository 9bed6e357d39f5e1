/* The toy network of the golden data: a few formulas of x [4][plane], the timestep and the context's mean. */
#ifndef FC_TESTS_TOY_H
#define FC_TESTS_TOY_H

#include "diffusion/solvers/solvers.h"

/* eps = network(x, t, context mean) */
void toy_network(const float *x, float t, float context_mean, float *eps, size_t plane);

enum { TOY_MAX_CALLS = 512, TOY_MAX_VALUES = 4 * 1024 };

/* The network as a sampler's model, guided with contexts of mean 0.5 and -0.25. */
typedef struct toy {
    const fc_model_sampling *sampling;
    const fc_recipe *recipe;
    float cfg;
    size_t plane; /* pixels of a channel */
    int calls;
    float timesteps[TOY_MAX_CALLS];
    int cancel_at_call; /* 1-based; 0: never */
} toy;

fc_status toy_denoise(void *user, const float *x, float sigma, float *denoised, fc_err *err);

#endif
