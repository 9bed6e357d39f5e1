/* A stand-in for the engine under app/jobs: makes pictures of one colour at once, with the events of a real
 * run. It can be held in the middle, so that tests decide what happens meanwhile. */
#ifndef FC_TESTS_PAINTER_H
#define FC_TESTS_PAINTER_H

#include <pthread.h>
#include "app/queue/jobs.h"

typedef struct painter {
    const char *outputs;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int steps_allowed;                 /* < 0: any number; else steps wait until they are allowed */
    int steps;                         /* of a picture */
    int step_millis;                   /* what a step takes at least */
    int side;                          /* of a picture, at most 64 */
    int steps_done, runs, first_image; /* of the latest run */
    int previews;
    fc_status fail_with; /* FC_OK: succeed */
} painter;

void painter_init(painter *p, const char *outputs);
void painter_fini(painter *p);
/* An fc_job_run; user is the painter. Parameters "count" and "seed" are read, pictures have 3 steps unless
 * told otherwise. */
fc_status painter_run(void *user, const fc_job_work *work, const fc_hooks *hooks, fc_err *err);
void painter_allow(painter *p, int steps);     /* so many more; < 0: no limit */
void painter_wait_steps(painter *p, int done); /* until so many steps were done since init */

#endif
