/* The queue that several programs share, as transactions on one connection to PostgreSQL. A job has a task
 * for each picture that is not there yet. A worker claims a task under a lease and with a fence, a number
 * that no claim had before; whoever has not the fence of the latest claim can no longer record anything.
 * docs/FLEET.md tells the rules. */
#ifndef FC_APP_QUEUE_FLEET_TASKS_H
#define FC_APP_QUEUE_FLEET_TASKS_H

#include <jansson.h>
#include "app/common/lines.h"
#include "app/queue/library_impl.h"

enum {
    FC_TASK_ATTEMPTS =
        8, /* claims of one picture that ended with the end of the worker, before it is given up */
    FC_TASK_AVOID = 2, /* workers that could not draw a picture before it is given up */
    FC_TASK_MEMORY = 16 << 20
};

#define FC_FLEET_WORK   "fooocus_work"   /* workers: "" there is work, else the job that somebody changed */
#define FC_FLEET_EVENTS "fooocus_events" /* servers: something happened */

/* '{"a","b"}': an array as PostgreSQL reads it. In the arena; NULL when out of memory. */
const char *fc_fleet_array(const fc_lines *texts, fc_arena *arena);

/* ---- what is told ---- */

/* Puts an event into the outbox; takes the reference to data. Commits with the transaction it is in. */
fc_status fc_fleet_tell(fc_lib_conn *conn, const char *type, const char *job, json_t *data,
                        fc_err *err) FC_MUST_USE;
/* The same for JSON that is text already. */
fc_status fc_fleet_tell_text(fc_lib_conn *conn, const char *type, const char *job, const char *json,
                             fc_err *err) FC_MUST_USE;
fc_status fc_fleet_tell_job(fc_lib_conn *conn, const char *id, fc_err *err) FC_MUST_USE;
/* Wakes who listens to a channel. */
fc_status fc_fleet_notify(fc_lib_conn *conn, const char *channel, const char *payload,
                          fc_err *err) FC_MUST_USE;

/* ---- jobs ---- */

typedef struct fc_fleet_job {
    const fc_job_row *row;
    const char *owner;
    int priority;
    const char *needs; /* an array: what a worker must offer, the base model first */
    int32_t max_queued;
} fc_fleet_job;

/* Adds the job with its tasks. BUSY: its idempotency key exists; LIMIT: the queue is full. */
fc_status fc_fleet_add(fc_lib_conn *conn, const fc_fleet_job *job, fc_err *err) FC_MUST_USE;
/* Ends a job: `wanted` is "cancel", "finish" or "fail" (then why is not NULL). Tasks that wait go at once,
 * those in work are told. BUSY: it is over. */
fc_status fc_fleet_end(fc_lib_conn *conn, const char *id, const char *wanted, const fc_err *why,
                       fc_err *err) FC_MUST_USE;
/* BUSY: no picture of it is in work. */
fc_status fc_fleet_skip(fc_lib_conn *conn, const char *id, fc_err *err) FC_MUST_USE;
/* Before the job at `position` of those that wait. BUSY: it does not wait. */
fc_status fc_fleet_move(fc_lib_conn *conn, const char *id, int32_t position, fc_err *err) FC_MUST_USE;
fc_status fc_fleet_delete(fc_lib_conn *conn, const char *id, fc_err *err) FC_MUST_USE;
/* How many wait before it; -1: it does not wait. */
fc_status fc_fleet_position(fc_lib_conn *conn, const char *id, int32_t *position, fc_err *err) FC_MUST_USE;

/* ---- tasks ---- */

typedef struct fc_fleet_task {
    char job[FC_JOB_ID_SIZE];
    int32_t number, images; /* 1-based; of the job */
    int32_t finished;       /* pictures of the job that are behind it */
    int64_t fence;
    bool preview;
    const char *parameters, *base; /* base: the first of its needs */
} fc_fleet_task;

typedef struct fc_fleet_claim {
    int64_t worker;
    const char *offers; /* an array: the files this worker has */
    const char *loaded; /* the base model in its memory */
    int lease_seconds;
} fc_fleet_claim;

/* The next task by priority and turn that this worker can draw. NOT_FOUND: there is none. */
fc_status fc_fleet_claim_task(fc_lib_conn *conn, const fc_fleet_claim *claim, fc_arena *arena,
                              fc_fleet_task *task, fc_err *err) FC_MUST_USE;

/* The first task of a job was claimed. */
fc_status fc_fleet_started(fc_lib_conn *conn, const char *job, fc_err *err) FC_MUST_USE;

typedef struct fc_fleet_orders { /* what a heartbeat brings back */
    bool lost;                   /* somebody else has the task: nothing of it counts any more */
    bool skip, cancel, finish;
} fc_fleet_orders;
fc_status fc_fleet_extend(fc_lib_conn *conn, const fc_fleet_task *task, int lease_seconds,
                          fc_fleet_orders *orders, fc_err *err) FC_MUST_USE;

/* The picture is there: the row, the end of the task and of a job whose last one it was, all or none; tells.
 * CANCELLED: the task belongs to somebody else, or the job is gone. Asking again after a failure is safe. */
fc_status fc_fleet_record(fc_lib_conn *conn, const fc_fleet_task *task, fc_picture_row *picture,
                          int64_t worker, fc_err *err) FC_MUST_USE;
typedef enum fc_fleet_result {
    FC_TASK_SKIPPED,
    FC_TASK_RETURNED,
    FC_TASK_FAILED,
    FC_TASK_UNABLE
} fc_fleet_result;
/* A task ends without a picture: skipped; returned (the worker stops); failed (with the job, why); unable:
 * this worker cannot, another one may try. CANCELLED as above. */
fc_status fc_fleet_give_up(fc_lib_conn *conn, const fc_fleet_task *task, fc_fleet_result result,
                           int64_t worker, const fc_err *why, fc_err *err) FC_MUST_USE;
/* A warning is kept with the job and told once, whoever says it. */
fc_status fc_fleet_warn(fc_lib_conn *conn, const char *job, const char *text, fc_err *err) FC_MUST_USE;

/* ---- parts of the above, inside a transaction ---- */

/* One statement with a text. */
fc_status fc_fleet_run_with(fc_lib_conn *conn, const char *sql, const char *text, fc_err *err) FC_MUST_USE;
/* Locks the job against other changes. */
fc_status fc_fleet_lock_job(fc_lib_conn *conn, const char *id, fc_job_state *state, fc_err *err) FC_MUST_USE;
/* The same for a task's job. CANCELLED: it is gone. */
fc_status fc_fleet_lock_for(fc_lib_conn *conn, const fc_fleet_task *task, fc_err *err) FC_MUST_USE;
/* The job is locked: whether it is to end; ends it; ends it when no task of it is left. */
fc_status fc_fleet_is_unwanted(fc_lib_conn *conn, const char *id, bool *unwanted, fc_err *err) FC_MUST_USE;
fc_status fc_fleet_end_locked(fc_lib_conn *conn, const char *id, const char *wanted, const fc_err *why,
                              fc_err *err) FC_MUST_USE;
fc_status fc_fleet_end_if_empty(fc_lib_conn *conn, const char *id, fc_err *err) FC_MUST_USE;
/* The job is locked: takes the task out of the queue, or puts it back into it. CANCELLED: it is somebody
 * else's. */
fc_status fc_fleet_take_out(fc_lib_conn *conn, const fc_fleet_task *task, fc_err *err) FC_MUST_USE;
fc_status fc_fleet_put_back(fc_lib_conn *conn, const fc_fleet_task *task, int attempts, int64_t avoid,
                            fc_err *err) FC_MUST_USE;

/* ---- housekeeping, by whoever comes first ---- */

/* Gives back tasks whose lease is over, forgets workers that are gone and old events, warns of jobs that
 * nobody can draw. Does nothing when another program is at it. */
fc_status fc_fleet_tidy(fc_lib_conn *conn, int lease_seconds, fc_err *err) FC_MUST_USE;

#endif
