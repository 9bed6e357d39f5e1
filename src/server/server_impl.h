/* Inside the server. */
#ifndef FC_SERVER_SERVER_IMPL_H
#define FC_SERVER_SERVER_IMPL_H

#include <pthread.h>
#include "app/models/downloads.h"
#include "app/output/path.h"
#include "app/queue/jobs.h"
#include "base/embed.h"
#include "engine/engine.h"
#include "server/access/auth.h"
#include "server/http/http.h"

enum {
    FC_BODY_JSON = 1 << 20,    /* bytes of a request */
    FC_BODY_UPLOAD = 32 << 20, /* of a picture whose settings are to be read */
    FC_BODY_ALL = 256 << 20,   /* of all bodies in memory */
    FC_HTTP_MEMORY = 64 << 20, /* of one request's arena */
    FC_MAX_CONNECTIONS = 1000
};

/* A connection: closed by the ticker when its deadline has passed. */
typedef struct fc_conn {
    int fd;
    double deadline; /* fc_now(); 0: none */
    struct fc_conn *next, *prev;
} fc_conn;

struct fc_server {
    fc_server_config config;
    char home[FC_PATH_SIZE], outputs[FC_PATH_SIZE], url[128];
    int port;
    struct MHD_Daemon *daemon;
    char *tls_cert, *tls_key; /* contents */
    fc_library *library;
    fc_events *events;
    fc_jobs *jobs;
    fc_downloads *downloads;
    fc_auth *auth; /* NULL: no authentication */
    fc_engine *engine;

    pthread_mutex_t report_lock;
    fc_engine_report report; /* the engine as it was after its latest job */
    char chosen_model[256],
        chosen_vae[256]; /* by the options of compat_a1111.c; "": none. Under report_lock */

    pthread_mutex_t wait_lock; /* taken around calls that suspend and resume; a leaf of ours */
    fc_waiter *waiters;
    uint64_t wakes;
    bool closing;

    pthread_mutex_t conn_lock;
    fc_conn *conns;

    pthread_t ticker;
    pthread_mutex_t tick_lock;
    pthread_cond_t tick;
    bool ticker_runs, ticker_ends;

    size_t body_bytes; /* __atomic: bytes of bodies in memory */
};

/* ---- router.c ---- */

/* PUBLIC: needs no login. SIGNED: a signature in the address does instead. UPLOAD: the body may be large. */
enum { FC_ROUTE_PUBLIC = 1, FC_ROUTE_SIGNED = 2, FC_ROUTE_UPLOAD = 4 };

typedef struct fc_route {
    const char *method, *pattern;
    fc_handler handler;
    unsigned flags;
} fc_route;

/* NULL: none; *allow: the methods that the path has, "" when there is no such path. Captures go to h. */
const fc_route *fc_route_find(fc_http *h, char *allow, size_t size);
/* The table itself, for tests. */
size_t fc_route_count(void);
const fc_route *fc_route_at(size_t index);

/* ---- guard.c ---- */

/* Host, Origin and the like; false: refused, and the answer is set. */
bool fc_guard_check(fc_http *h);

/* ---- access.c ---- */

/* Who asks, and whether that is allowed; false: refused, and the answer is set. */
bool fc_access_check(fc_http *h);

/* ---- wait.c ---- */

void fc_wait_wake(fc_server *s); /* everybody who waits looks again */
uint64_t fc_wait_seen(fc_server *s);
/* Suspends unless somebody woke after `seen` was read; false: look again at once. */
bool fc_wait_suspend(fc_server *s, fc_waiter *w, uint64_t seen);
bool fc_wait_closing(fc_server *s);

fc_conn *fc_conn_open(fc_server *s, int fd);
void fc_conn_close(fc_server *s, fc_conn *c);
void fc_conn_deadline(fc_server *s, fc_conn *c, double seconds); /* from now; 0: none */

fc_status fc_ticker_start(fc_server *s, fc_err *err) FC_MUST_USE;
void fc_ticker_stop(fc_server *s);

/* ---- assets.c ---- */

extern const fc_embedded_set fc_web; /* web/, built in */
const char *fc_asset_type(const char *name);
void fc_asset_get(fc_http *h);

/* ---- engine_job.c ---- */

fc_status fc_engine_job(void *server, const fc_job_work *work, const fc_hooks *hooks, fc_err *err);
/* Whether the request could be run: everything that can be known without a model. */
fc_status fc_engine_job_check(fc_server *s, const char *parameters, fc_err *err) FC_MUST_USE;

#endif
