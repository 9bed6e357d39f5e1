/* Inside the fleet: what its threads share. */
#ifndef FC_APP_QUEUE_FLEET_IMPL_H
#define FC_APP_QUEUE_FLEET_IMPL_H

#include <pthread.h>
#include "app/common/ulid.h"
#include "app/queue/fleet.h"
#include "app/queue/fleet_tasks.h"

enum {
    FC_FLEET_LEASE = 20,     /* seconds that a task is held without a sign of life */
    FC_FLEET_BEATS = 5,      /* signs of life in that time */
    FC_FLEET_STALLED = 3600, /* seconds without a word of the engine, behind which it counts as hung */
    FC_FLEET_TEXT = 256
};

/* One drawer with its courier: the drawer claims tasks and runs the engine; the courier, who never waits for
 * the engine, extends the lease, carries progress out and orders in. Each has a connection of its own. */
typedef struct fc_fleet_worker {
    fc_fleet *fleet;
    pthread_t drawer, courier;
    bool drawer_runs, courier_runs;
    fc_lib_conn draw_conn, courier_conn;
    int wake_fd; /* wakes the courier */

    pthread_mutex_t lock; /* a leaf */
    pthread_cond_t wake;  /* the drawer: there may be work */
    /* under lock */
    int64_t id; /* among the workers; 0: not yet */
    bool hint, drain, closing;
    bool drawn;   /* the drawer has ended */
    char *offers; /* an array: the files it has */
    char loaded[FC_FLEET_TEXT];
    bool busy;          /* a task is in work */
    fc_fleet_task task; /* its texts are the drawer's */
    fc_job_progress progress;
    double fraction;  /* of the picture */
    bool changed;     /* progress is to be told */
    uint8_t *preview; /* JPEG; to be told */
    size_t preview_size;
    double last_step, last_word, step_seconds;

    /* read by the engine while others write: __atomic */
    int cancel, stop_wanted, finish, want_preview;
    int lost; /* the task is somebody else's by now */
} fc_fleet_worker;

struct fc_fleet {
    fc_jobs_config config;
    int lease;
    int64_t server; /* a number of this program among those that watch */
    pthread_mutex_t names_lock;
    fc_ulid names;
    fc_fleet_worker *worker; /* NULL: this program draws nothing */

    fc_lib_conn events_conn; /* of the thread below */
    pthread_t listener;
    bool listener_runs;
    int wake_fd;
    int closing;           /* __atomic */
    int watchers;          /* __atomic */
    int64_t watched_until; /* __atomic: fc_unix_millis() */
};

/* ---- fleet_events.c ---- */

/* Reads the latest events into the ring, and starts the thread that goes on with it. */
fc_status fc_fleet_events_start(fc_fleet *f, fc_err *err) FC_MUST_USE;
void fc_fleet_events_stop(fc_fleet *f);

/* ---- fleet_worker.c ---- */

fc_status fc_fleet_worker_start(fc_fleet *f, fc_err *err) FC_MUST_USE;
void fc_fleet_worker_stop(fc_fleet_worker *w);

/* ---- fleet_courier.c ---- */

void *fc_fleet_carry(void *worker); /* the thread */

#endif
