/* Restart sampling (Xu et al. 2023): Heun steps that go back up to sigma 2 with fresh noise after passing
 * 0.1. The schedule is its own: Karras sigmas between the ends of the given ones, so that all steps together
 * are `steps`. */
#include "diffusion/schedule.h"
#include "diffusion/solvers/solver_impl.h"

typedef struct restart_plan {
    float *from, *to; /* [count] the steps in order; a `from` above the last `to` is a jump up */
    int count;
} restart_plan;

static int nearest(const float *sigmas, int count, float wanted)
{
    int best = 0;
    for (int i = 1; i < count; i++) {
        if (fabsf(sigmas[i] - wanted) < fabsf(sigmas[best] - wanted)) best = i;
    }
    return best;
}

static void append(restart_plan *p, float from, float to)
{
    p->from[p->count] = from;
    p->to[p->count++] = to;
}

/* Steps of one round from sigmas[top] down to sigmas[bottom], `rounds` times. */
static void append_rounds(restart_plan *p, fc_arena *arena, const float *sigmas, int top, int bottom,
                          int steps, int rounds)
{
    float *round = fc_arena_array(arena, (size_t)steps + 1, sizeof *round);
    if (!round) return;
    fc_schedule_karras(round, steps + 1, (double)sigmas[bottom], (double)sigmas[top]);
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < steps; i++) append(p, round[i], round[i + 1]);
    }
}

static restart_plan make_plan(fc_solver *s)
{
    int steps = s->steps, rounds = steps < 20 ? 0 : steps < 36 ? 1 : 2;
    if (s->sigmas[steps] > 0.0f) rounds = 0; /* a part of a run: no way back up */
    int round_steps = steps < 36 ? 9 : steps / 4;
    int base = steps - rounds * round_steps;
    restart_plan p = {fc_arena_array(s->arena, (size_t)steps, sizeof(float)),
                      fc_arena_array(s->arena, (size_t)steps, sizeof(float)), 0};
    float *own = fc_arena_array(s->arena, (size_t)base + 1, sizeof *own);
    if (!own) return p;
    const float *sigmas = s->sigmas;
    if (rounds) {
        fc_schedule_karras(own, base, (double)s->sigmas[steps - 1],
                           (double)s->sigmas[0]); /* own[base] stays 0 */
        sigmas = own;
    }
    int bottom = nearest(sigmas, base + 1, 0.1f), top = nearest(sigmas, base + 1, 2.0f);
    for (int i = 0; i < base; i++) {
        append(&p, sigmas[i], sigmas[i + 1]);
        if (rounds && i + 1 == bottom && top < bottom) {
            append_rounds(&p, s->arena, sigmas, top, bottom, round_steps, rounds);
        }
    }
    return p;
}

void fc_solve_restart(fc_solver *s)
{
    restart_plan plan = make_plan(s);
    if (s->arena->status && !s->status) {
        s->status = fc_fail(s->err, s->arena->status, "not enough memory for the restart sampler");
    }
    fc_heun b = fc_solver_heun_buffers(s);
    for (int i = 0; i < plan.count && !s->status; i++) {
        float sigma = plan.from[i], last = i > 0 ? plan.to[i - 1] : sigma;
        if (sigma > last) fc_solver_add_noise(s, s->x, sqrtf(sigma * sigma - last * last));
        fc_solver_heun_step(s, &b, i, plan.count, sigma, plan.to[i]);
    }
}
