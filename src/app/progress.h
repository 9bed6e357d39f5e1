/* Between the engine's events and the caller's hooks: fills in how far the whole job is and how long it will
 * take, from the steps measured so far. */
#ifndef FC_APP_PROGRESS_H
#define FC_APP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "fooocus.h"

typedef struct fc_progress {
    const fc_hooks *outer; /* may be NULL */
    const int *cancel;     /* of the engine; NULL: nobody stops */
    double (*now)(void);   /* seconds */
    int32_t images, steps_total, steps_before;
    int32_t image; /* 1-based, in work */
    double last_step_at;
    bool in_steps; /* last_step_at belongs to this image */
    double step_seconds,
        image_seconds; /* measured: all steps together; what finished images took besides them */
    int32_t step_count, image_count;
} fc_progress;

void fc_progress_init(fc_progress *p, const fc_hooks *outer, const int *cancel, int32_t images,
                      int32_t steps_total, double (*now)(void));
/* Hooks for the engine; p must stay where it is. */
fc_hooks fc_progress_hooks(fc_progress *p);
void fc_progress_start_image(fc_progress *p, int32_t image, int32_t steps_before);
void fc_progress_finish_image(fc_progress *p);

/* To the caller's hook, when there is one. */
void fc_progress_emit(const fc_progress *p, const fc_event *event);
void fc_progress_phase(const fc_progress *p, const char *text);
void fc_progress_warn(const fc_progress *p, const char *text);
/* Whether the caller asked to stop (not: to skip). */
bool fc_progress_stopped(const fc_progress *p);

#endif
