/* Inside the jobs: what queue and worker share. */
#ifndef FC_APP_QUEUE_JOBS_IMPL_H
#define FC_APP_QUEUE_JOBS_IMPL_H

#include <pthread.h>
#include "app/common/ulid.h"
#include "app/queue/jobs.h"

enum {
    FC_JOBS_MAX_WARNINGS = 50,
    FC_JOBS_MAX_ATTEMPTS = 5, /* starts of one picture before a job is given up that ends the program */
    FC_JOBS_MAX_ORDER = 100,  /* ids in an event about the queue */
    FC_JOBS_MEMORY = 16 << 20 /* of one row of the library and the like */
};

/* The job in work. Only the worker writes all but cancel and stop; readers hold `live`. */
typedef struct fc_jobs_current {
    char id[FC_JOB_ID_SIZE]; /* "": none */
    fc_job_progress progress;
    int32_t next_image; /* as in the library */
    bool wants_preview;
    double last_progress, last_step; /* fc_now() of the last event, of the last step */
    json_t *warnings;
    const char *parameters; /* of the job; the worker's memory */
    uint8_t *preview;       /* JPEG */
    size_t preview_size;
} fc_jobs_current;

struct fc_jobs {
    fc_jobs_config config;
    struct fc_fleet *fleet; /* NULL: this program's own queue, which is all below */
    pthread_t worker;
    pthread_mutex_t queue, live;
    pthread_cond_t wake; /* with queue: something to do */

    /* under queue */
    char (*ids)[FC_JOB_ID_SIZE]; /* waiting jobs in their order; room for max_queued + 1 */
    size_t count;
    int64_t last_place;
    fc_ulid names;
    bool closing;

    /* under live */
    fc_jobs_current current;
    double seconds_per_step;
    uint64_t preview_number;

    /* read by the engine while others write: __atomic */
    int cancel;       /* FC_RUN, FC_SKIP_IMAGE, FC_STOP */
    int stop_wanted;  /* the engine may put cancel back to FC_RUN after a skip; this stays */
    int finish;       /* not 0: the picture in work is the last one, as far as it is */
    int want_preview; /* what the engine sees */
    int watchers;
    int64_t watched_until; /* fc_unix_millis() */
};

/* ---- waiting.c ---- */

/* Tells everybody about the job as the library has it now, and about the queue. `queue` is held. */
void fc_jobs_announce(fc_jobs *j, const char *id);
void fc_jobs_announce_queue(fc_jobs *j);
/* Puts an id in front of or behind the others (there is always room for one). `queue` is held. */
void fc_jobs_insert(fc_jobs *j, size_t at, const char *id);
void fc_jobs_remove(fc_jobs *j, size_t at);
/* Index among the waiting ones, or count. `queue` is held. */
size_t fc_jobs_find(const fc_jobs *j, const char *id);

/* Whether previews are wanted now. `live` is held. */
void fc_jobs_update_watch(fc_jobs *j);

/* ---- worker.c ---- */

void *fc_jobs_work(void *jobs); /* the thread */

/* ---- finished_picture.c ---- */
/* Saves what a finished picture tells into the library, makes its thumbnail, announces it. */
fc_status fc_jobs_keep_picture(fc_jobs *j, const fc_event *event, fc_err *err) FC_MUST_USE;
/* The row of a finished picture; texts live in the arena and in event. */
fc_status fc_jobs_describe_picture(const char *outputs, const char *job, const char *parameters,
                                   const fc_event *event, fc_arena *arena, fc_picture_row *row,
                                   fc_err *err) FC_MUST_USE;
/* A failure is only logged: thumbnails are made again when they are asked for. */
void fc_jobs_make_thumbnail(const char *outputs, int64_t id, const fc_event *event);
/* The preview as JPEG of moderate size; allocated with fc_alloc. */
fc_status fc_jobs_encode_preview(const fc_event *event, uint8_t **data, size_t *size,
                                 fc_err *err) FC_MUST_USE;

#endif
