/* Noise schedules: from a scheduler's name and a step count to the falling list of sigmas a sampler walks
 * down. One table of schedulers drives lookup, help texts and computation. Pure functions. */
#ifndef FC_DIFFUSION_SCHEDULE_H
#define FC_DIFFUSION_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "diffusion/model_sampling.h"

enum {
    FC_SCHEDULE_MAX_STEPS = 10000
}; /* of the whole schedule: a partial run computes steps / denoise of them */

typedef struct fc_scheduler {
    const char *name;
    fc_sampling_kind sampling; /* lcm, tcd and edm also change how the model is sampled */
    const char *help;          /* half a sentence */
    /* Writes at most *count sigmas for `steps` steps and says in *count how many; the final 0 included. */
    void (*fill)(const fc_model_sampling *ms, int steps, float *sigmas, int *count);
    bool wants_timesteps; /* works for models with 1000 numbered levels alone */
} fc_scheduler;

const fc_scheduler *fc_scheduler_find(const char *name); /* NULL: unknown */
const fc_scheduler *fc_scheduler_at(size_t index); /* in the order of help texts; NULL behind the last */

typedef struct fc_schedule_request {
    const fc_scheduler *scheduler;
    int steps;
    double denoise; /* (0, 1]: below 1, int(steps / denoise) steps are computed and the last `steps` of them
                       run */
    bool discard_penultimate; /* one step more, its last sigma above 0 dropped: what some samplers want */
} fc_schedule_request;

typedef struct fc_schedule {
    float *sigmas; /* [count], falling, the last one 0; in the arena */
    int count;     /* steps + 1; fewer or more where a scheduler's table does not divide */
} fc_schedule;

fc_status fc_schedule_make(const fc_schedule_request *request, const fc_model_sampling *ms, fc_arena *arena,
                           fc_schedule *out, fc_err *err) FC_MUST_USE;

/* Smallest sigma above 0 and the largest: the range of the noise path of a run. */
void fc_schedule_range(const float *sigmas, int count, float *sigma_min, float *sigma_max);

/* Karras et al. 2022, rho 7: out[count] from sigma_max to sigma_min, no final 0. */
void fc_schedule_karras(float *out, int count, double sigma_min, double sigma_max);

#endif
