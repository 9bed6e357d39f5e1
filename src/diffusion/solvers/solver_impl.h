/* Private to this folder: what a solver sees of a run. Errors are sticky: after the first one
 * denoise, step and noise do nothing, and loops end at the next test of `status`. */
#ifndef FC_DIFFUSION_SOLVERS_SOLVER_IMPL_H
#define FC_DIFFUSION_SOLVERS_SOLVER_IMPL_H

#include <math.h>
#include "base/f32.h"
#include "diffusion/solvers/solvers.h"
#include "diffusion/vec.h"

typedef struct fc_solver {
    const fc_sample_job *job;
    const float *sigmas; /* [steps + 1] */
    int steps;
    size_t n;       /* values of a latent */
    float *x;       /* [n] the start state, in the end the result */
    float *scratch; /* [n] drawn noise; free between calls of the functions below */
    fc_brownian *path;
    fc_arena *arena;
    fc_status status;
    fc_err *err;
} fc_solver;

float *fc_solver_buffer(fc_solver *s); /* [n] zeros; NULL and a sticky error when out of memory */
void fc_solver_denoise(fc_solver *s, const float *x, float sigma, float *denoised);
/* Calls on_step; `steps` of the callback is the number given here. */
void fc_solver_step(fc_solver *s, int index, int steps, float sigma, const float *x, const float *denoised);
/* x += scale * noise, from the generator, or of the path's piece from sigma down to sigma_next. */
void fc_solver_add_noise(fc_solver *s, float *x, float scale);
void fc_solver_add_path(fc_solver *s, float *x, float sigma, float sigma_next, float scale);
void fc_solver_draw(fc_solver *s, float *out); /* out[n] = normals of the generator */

/* eps = the noise the model sees in x, which is in the variance-preserving space (sigma-space x /
 * sqrt(sigma^2 + 1)); scaled[n] is overwritten. */
void fc_solver_predict_vp(fc_solver *s, const float *x, float sigma, float *scaled, float *eps);

/* An ancestral step from sigma to next: go down to `down`, then add noise of deviation `up`. */
typedef struct fc_ancestral {
    float down, up;
} fc_ancestral;
fc_ancestral fc_solver_ancestral(float sigma, float next);

/* A Heun step from sigma to next (the mean of the slopes at both ends), callback included; shared by two
 * solvers. */
typedef struct fc_heun {
    float *denoised, *d, *x2, *d2; /* [n] */
} fc_heun;
fc_heun fc_solver_heun_buffers(fc_solver *s);
void fc_solver_heun_step(fc_solver *s, const fc_heun *b, int index, int steps, float sigma, float next);

void fc_solve_euler(fc_solver *s);
void fc_solve_euler_ancestral(fc_solver *s);
void fc_solve_heun(fc_solver *s);
void fc_solve_heunpp2(fc_solver *s);
void fc_solve_dpm_2(fc_solver *s);
void fc_solve_dpm_2_ancestral(fc_solver *s);
void fc_solve_restart(fc_solver *s);
void fc_solve_lms(fc_solver *s);
void fc_solve_dpm_fast(fc_solver *s);
void fc_solve_dpm_adaptive(fc_solver *s);
void fc_solve_dpmpp_2s_ancestral(fc_solver *s);
void fc_solve_dpmpp_sde(fc_solver *s);
void fc_solve_dpmpp_2m(fc_solver *s);
void fc_solve_dpmpp_2m_sde(fc_solver *s);
void fc_solve_dpmpp_3m_sde(fc_solver *s);
void fc_solve_ddpm(fc_solver *s);
void fc_solve_lcm(fc_solver *s);
void fc_solve_tcd(fc_solver *s);
void fc_solve_ddim(fc_solver *s);
void fc_solve_uni_pc_bh1(fc_solver *s); /* recipe 1.0: on the table of timesteps */
void fc_solve_uni_pc_bh2(fc_solver *s);
void fc_solve_uni_pc_sigma_bh1(fc_solver *s); /* recipe 2.5: on the sigmas */
void fc_solve_uni_pc_sigma_bh2(fc_solver *s);

#endif
