/* The queue of jobs and the one worker thread that owns the engine.
 *
 * Threads: any thread may call any function. The worker runs `run` for one job after the other; events of the
 * engine arrive on it and become numbered events (events.h), pictures of the library, progress and the latest
 * preview. Nobody who reads can slow the worker down by more than a copy. Two locks: `queue` (the order,
 * state changes in the library) and `live` (progress and preview), taken in this order; events and library
 * have their own inner ones.
 *
 * What is queued or was running when the program ends, however it ends, goes on with the next start: a job
 * that was interrupted goes back to the front and continues with the pictures that are not yet there. */
#ifndef FC_APP_QUEUE_JOBS_H
#define FC_APP_QUEUE_JOBS_H

#include "app/common/events.h"
#include "app/common/lines.h"
#include "app/queue/library.h"
#include "base/buf.h"

typedef struct fc_jobs fc_jobs;

typedef struct fc_job_work {
    const char *id;
    const char *parameters; /* JSON: a request */
    int32_t first_image;    /* how many of its pictures are behind us */
    int *cancel;            /* FC_RUN, FC_SKIP_IMAGE (FC_RUN is stored when it was done) or FC_STOP */
} fc_job_work;

/* Makes the pictures of a job; called on the worker. What hooks promise and return values are those of
 * fc_generate. */
typedef fc_status (*fc_job_run)(void *user, const fc_job_work *work, const fc_hooks *hooks, fc_err *err);

/* For a library in PostgreSQL, which several programs share: docs/FLEET.md. Texts must outlive the jobs. */
typedef struct fc_fleet_config {
    const char *url;  /* of the library */
    bool draws;       /* whether this program takes jobs */
    const char *name; /* of this worker, for people */
    const char *device;
    int64_t memory;    /* bytes of the device */
    int lease_seconds; /* 0: 20 */
    /* Adds the files of this worker, as jobs name what they need; called now and then, on a thread of the
     * fleet. NULL: none. */
    void (*offers)(void *user, fc_lines *files);
    void *user;
} fc_fleet_config;

typedef struct fc_jobs_config { /* what it points to must outlive the jobs */
    fc_library *library;
    fc_events *events;
    const char *outputs; /* the folder that paths of pictures are relative to */
    fc_job_run run;
    void *user;
    int32_t max_queued;           /* 0: FC_JOBS_MAX_QUEUED */
    const fc_fleet_config *fleet; /* NULL: the library is this program's alone */
} fc_jobs_config;

#ifdef FC_HARD
enum { FC_JOBS_MAX_QUEUED = 40 };
#else
enum { FC_JOBS_MAX_QUEUED = 2000 };
#endif

fc_status fc_jobs_open(const fc_jobs_config *config, fc_jobs **jobs, fc_err *err) FC_MUST_USE;
/* Stops the running job, which goes on with the next start. */
void fc_jobs_close(fc_jobs *j);

typedef struct fc_job_request {
    const char *parameters, *prompt;
    const char *key;         /* idempotency key; NULL: none */
    const char *fingerprint; /* of the request as it came, to tell a repetition from another request */
    int32_t images;
    bool preview;
    /* In a fleet: */
    const char *owner;        /* whose turn it is; NULL: nobody's in particular */
    int priority;             /* higher ones first */
    const char *const *needs; /* files that a worker must have, the base model first */
    size_t need_count;
} fc_job_request;

/* LIMIT: the queue is full. BUSY: the key was used for another request. existed: this is the job of an
 * earlier request with the same key. */
fc_status fc_jobs_submit(fc_jobs *j, const fc_job_request *request, char id[FC_JOB_ID_SIZE], bool *existed,
                         fc_err *err) FC_MUST_USE;
/* Skips the picture in work. BUSY: the job is not running. */
fc_status fc_jobs_skip(fc_jobs *j, const char *id, fc_err *err) FC_MUST_USE;
/* Takes a job out of the queue, or stops the running one; the pictures it has made stay. BUSY: it is over. */
fc_status fc_jobs_cancel(fc_jobs *j, const char *id, fc_err *err) FC_MUST_USE;
/* As fc_jobs_cancel, but the picture in work is kept as far as it is. */
fc_status fc_jobs_finish(fc_jobs *j, const char *id, fc_err *err) FC_MUST_USE;
/* To place `position` of the queue, 0 is next; beyond the end is the end. BUSY: it does not wait. */
fc_status fc_jobs_move(fc_jobs *j, const char *id, int32_t position, fc_err *err) FC_MUST_USE;
/* Forgets a job that is over, or waits. BUSY: it runs. */
fc_status fc_jobs_delete(fc_jobs *j, const char *id, fc_err *err) FC_MUST_USE;

/* 0 is next, -1: it does not wait. */
int32_t fc_jobs_position(fc_jobs *j, const char *id);
/* Whether it waits or runs. */
bool fc_jobs_is_active(fc_jobs *j, const char *id);

typedef struct fc_jobs_state {
    int32_t waiting;
    char running[FC_JOB_ID_SIZE]; /* "": none */
    double seconds_per_step;      /* lately; < 0: not known */
} fc_jobs_state;
void fc_jobs_get_state(fc_jobs *j, fc_jobs_state *out);

typedef struct fc_job_progress {
    int32_t image, images, step, steps; /* 1-based */
    double fraction, seconds_left;      /* of the whole job; seconds_left < 0: not known */
    uint64_t preview;                   /* number of the latest preview; 0: none */
    bool skipped, stopping;
    char phase[120];
} fc_job_progress;
/* False when the job is not running. */
bool fc_jobs_progress(fc_jobs *j, const char *id, fc_job_progress *out);
/* A copy of the latest preview (JPEG); its number, 0 when there is none. */
uint64_t fc_jobs_preview(fc_jobs *j, const char *id, fc_buf *out);
/* Previews cost time, so they are made while somebody watches: change is +1 and -1 for streams; 0: somebody
 * asked just now. */
void fc_jobs_watch(fc_jobs *j, int change);

#endif
