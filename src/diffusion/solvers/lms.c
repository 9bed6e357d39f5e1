/* Linear multistep (Adams-Bashforth in sigma with uneven steps), order 4. */
#include "diffusion/solvers/solver_impl.h"

enum { ORDER = 4 };

/* Value at `sigma` of the Lagrange polynomial that is 1 at sigmas[i - j] and 0 at the other last `order`
 * sigmas. */
static double lagrange(const float *sigmas, int i, int j, int order, double sigma)
{
    double product = 1.0;
    for (int k = 0; k < order; k++) {
        if (k == j) continue;
        double node = (double)sigmas[i - k];
        product *= (sigma - node) / ((double)sigmas[i - j] - node);
    }
    return product;
}

/* Its integral from sigmas[i] to sigmas[i + 1]; two Gauss points are exact for the cubic. */
static double weight(const float *sigmas, int i, int j, int order)
{
    double half = 0.5 * ((double)sigmas[i + 1] - (double)sigmas[i]);
    double middle = (double)sigmas[i] + half, offset = half / sqrt(3.0);
    return half *
           (lagrange(sigmas, i, j, order, middle - offset) + lagrange(sigmas, i, j, order, middle + offset));
}

void fc_solve_lms(fc_solver *s)
{
    float *denoised = fc_solver_buffer(s), *history[ORDER]; /* slopes of the last steps, a ring */
    for (int k = 0; k < ORDER; k++) history[k] = fc_solver_buffer(s);
    for (int i = 0; i < s->steps && !s->status; i++) {
        fc_solver_denoise(s, s->x, s->sigmas[i], denoised);
        fc_solver_step(s, i, s->steps, s->sigmas[i], s->x, denoised);
        if (s->status) return;
        vec_slope(s->n, history[i % ORDER], s->x, denoised, s->sigmas[i]);
        int order = i + 1 < ORDER ? i + 1 : ORDER;
        for (int j = 0; j < order; j++) {
            float w = (float)weight(s->sigmas, i, j, order);
            vec_add_scaled(s->n, s->x, s->x, w, history[(i - j) % ORDER]);
        }
    }
}
