/* Solvers that follow dx/dsigma = (x - denoised) / sigma: Euler, Heun, DPM-Solver-2 and their ancestral forms
 * (Karras et al. 2022, as k-diffusion has them, without churn). */
#include "diffusion/solver_impl.h"

void fc_solve_euler(fc_solver *s)
{
    const float *sigmas = s->sigmas;
    float *denoised = fc_solver_buffer(s), *d = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        fc_solver_denoise(s, s->x, sigmas[i], denoised);
        fc_solver_step(s, i, s->steps, sigmas[i], s->x, denoised);
        if (s->status) return;
        vec_slope(s->n, d, s->x, denoised, sigmas[i]);
        vec_add_scaled(s->n, s->x, s->x, sigmas[i + 1] - sigmas[i], d);
    }
}
