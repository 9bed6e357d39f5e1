/* The server as all of its parts know it. */
#ifndef FC_SERVER_SERVER_IMPL_H
#define FC_SERVER_SERVER_IMPL_H

#include <pthread.h>
#include "app/models/downloads.h"
#include "app/output/path.h"
#include "app/queue/jobs.h"
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
        chosen_vae[256]; /* by the options of compat/a1111_lists.c; "": none. Under report_lock */

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

#endif
