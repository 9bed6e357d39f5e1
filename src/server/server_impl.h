/* The server as all of its parts know it. */
#ifndef FC_SERVER_SERVER_IMPL_H
#define FC_SERVER_SERVER_IMPL_H

#include <pthread.h>
#include "app/models/downloads.h"
#include "app/output/path.h"
#include "app/queue/jobs.h"
#include "app/settings/live_config.h"
#include "engine/engine.h"
#include "server/access/access.h"
#include "server/access/auth.h"
#include "server/http/http.h"

enum {
    FC_BODY_JSON = 1 << 20,    /* bytes of a request */
    FC_BODY_UPLOAD = 32 << 20, /* of a picture whose settings are to be read */
    FC_BODY_ALL = 256 << 20,   /* of all bodies in memory */
    FC_HTTP_MEMORY = 64 << 20, /* of one request's arena */
    FC_MAX_CONNECTIONS = 1000,
    FC_RESERVE = 40 /* further connections, that are told to come again */
};

enum { FC_OWNERS = 256, FC_OWNER_SIZE = 33 };

/* Who put a job into the queue. */
typedef struct fc_owner {
    char job[FC_JOB_ID_SIZE], name[FC_OWNER_SIZE];
} fc_owner;

struct fc_server {
    fc_server_config config;
    fc_public_url public_url;
    char home[FC_PATH_SIZE], outputs[FC_PATH_SIZE], url[128];
    int port;
    struct MHD_Daemon *daemon;
    char *tls_cert, *tls_key; /* contents */
    fc_live_config *settings;
    fc_library *library;
    fc_events *events;
    fc_jobs *jobs;
    fc_downloads *downloads;
    fc_auth *auth; /* NULL: no authentication */
    fc_engine *engine;
    fc_fleet_config fleet; /* url NULL: the queue is this program's alone */
    char worker_name[128];

    pthread_mutex_t report_lock;
    fc_engine_report report;    /* the engine as it was after its latest job */
    json_t *options;            /* of A1111's API, for all its clients. Under report_lock */
    fc_owner owners[FC_OWNERS]; /* of the latest jobs. Under report_lock */
    unsigned next_owner;        /* __atomic */

    pthread_mutex_t wait_lock; /* taken around calls that suspend and resume; a leaf of ours */
    fc_waiter *waiters;
    uint64_t wakes;
    bool closing;

    pthread_mutex_t conn_lock;
    fc_conn *conns;
    int conn_count;

    pthread_t ticker;
    pthread_mutex_t tick_lock;
    pthread_cond_t tick;
    bool ticker_runs, ticker_ends;

    size_t body_bytes; /* __atomic: bytes of bodies in memory */
};

/* Takes the folders of this machine out of a message, so that it can go to anybody. (access/paths.c) */
void fc_server_hide_paths(const fc_server *s, char *message);

#endif
