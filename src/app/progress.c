/* See progress.h. */
#include "app/progress.h"

#include <stddef.h>

void fc_progress_init(fc_progress *p, const fc_hooks *outer, const int *cancel, int32_t images,
                      int32_t steps_total, double (*now)(void))
{
    *p = (fc_progress){
        .outer = outer, .cancel = cancel, .now = now, .images = images, .steps_total = steps_total};
}

void fc_progress_emit(const fc_progress *p, const fc_event *event)
{
    if (p->outer && p->outer->on_event) p->outer->on_event(p->outer->user, event);
}

void fc_progress_phase(const fc_progress *p, const char *text)
{
    fc_progress_emit(p, &(fc_event){.kind = FC_EVENT_PHASE, .text = text, .seconds_left = -1});
}

void fc_progress_warn(const fc_progress *p, const char *text)
{
    fc_progress_emit(p, &(fc_event){.kind = FC_EVENT_WARNING, .text = text, .seconds_left = -1});
}

bool fc_progress_stopped(const fc_progress *p)
{
    const fc_hooks *o = p->outer;
    if (o && o->finish && __atomic_load_n(o->finish, __ATOMIC_RELAXED)) return true;
    return p->cancel && __atomic_load_n(p->cancel, __ATOMIC_RELAXED) == FC_STOP;
}

/* Until two steps of one image are measured nothing is known. */
static double seconds_left(const fc_progress *p, int32_t steps_done)
{
    if (p->step_count == 0) return -1;
    double per_step = p->step_seconds / p->step_count;
    double per_image = p->image_count ? p->image_seconds / p->image_count : 0;
    return per_step * (p->steps_total - steps_done) + per_image * (p->images - p->image + 1);
}

static void measure_step(fc_progress *p, double now)
{
    if (p->in_steps) {
        p->step_seconds += now - p->last_step_at;
        p->step_count++;
    }
    p->in_steps = true;
    p->last_step_at = now;
}

static void on_event(void *user, const fc_event *event)
{
    fc_progress *p = user;
    fc_event full = *event;
    if (event->kind == FC_EVENT_STEP) {
        int32_t done = p->steps_before + event->step;
        measure_step(p, p->now());
        full.fraction = p->steps_total > 0 ? (double)done / p->steps_total : 0;
        full.seconds_left = seconds_left(p, done);
    }
    fc_progress_emit(p, &full);
}

fc_hooks fc_progress_hooks(fc_progress *p)
{
    return (fc_hooks){
        .user = p,
        .on_event = on_event,
        .want_preview = p->outer ? p->outer->want_preview : NULL,
        .finish = p->outer ? p->outer->finish : NULL,
    };
}

void fc_progress_start_image(fc_progress *p, int32_t image, int32_t steps_before)
{
    p->image = image;
    p->steps_before = steps_before;
    p->in_steps = false;
}

void fc_progress_finish_image(fc_progress *p)
{
    if (!p->in_steps) return;
    p->image_seconds += p->now() - p->last_step_at; /* decoding and saving */
    p->image_count++;
    p->in_steps = false;
}
