/* The HTTP server: the page, the API, and what existing clients speak, over one queue of jobs.
 *
 * Threads: libmicrohttpd's pool answers requests, one worker (app/queue/jobs.h) owns the engine, one ticker
 * sends keep-alives and closes connections that dawdle. A request that waits for a job, and an event stream
 * without news, is suspended and costs only its memory. */
#ifndef FC_SERVER_SERVER_H
#define FC_SERVER_SERVER_H

#include "app/common/warn.h"
#include "app/queue/jobs.h"

enum { FC_SERVER_MAX_HOSTS = 16 };

typedef struct fc_server_config { /* zero or NULL: the default that is named */
    const char *listen;           /* an IP address; NULL: 127.0.0.1 */
    int port;                     /* 0: any free one */
    int port_tries;               /* so many following ports are tried when it is taken; 0: only this one */
    const char *home;             /* the folder with models/ and outputs/; NULL: as fooocus generate */
    const char *preset; /* its settings count where a request says nothing; NULL: config.txt alone */
    const char *model;  /* the checkpoint of requests that name none; NULL: the first one found */
    const char *web;    /* a folder to serve the page from; NULL: what is built in */
    const char *auth;   /* a file of users and tokens; NULL: everybody may do everything */
    const char *tls_cert, *tls_key;
    const char *hosts[FC_SERVER_MAX_HOSTS];   /* further names that the server is reached by */
    const char *public_url;                   /* what browsers call it behind a proxy; NULL: as they ask */
    const char *proxies[FC_SERVER_MAX_HOSTS]; /* addresses whose X-Forwarded-* headers count */
    const char *origins[FC_SERVER_MAX_HOSTS]; /* foreign pages that may use the API; "*": all */
    int threads;                              /* that answer requests; 0: 4 */
    int head_seconds, body_seconds; /* a client's time for the head of a request, and for a body; 0: 20, 60 */
    const char *library; /* postgresql://...: shared with other programs; NULL: a file in outputs */
    const char *name;    /* of the worker, for people; NULL: that of the machine */
    int lease_seconds;   /* for which a picture is held without a sign of life; 0: 20 */
    bool no_worker;      /* draw nothing */
    bool only_worker;    /* no page and no API */
    bool no_http;        /* not even a port */
    int32_t max_queued;
    int64_t max_pixels; /* of one picture; 0: 8 Mi */
    fc_engine_config engine;
    fc_job_run run; /* NULL: the engine; tests pass another one */
    void *run_user;
    fc_warn warn; /* while opening */
} fc_server_config;

typedef struct fc_server fc_server;

fc_status fc_server_open(const fc_server_config *config, fc_server **server, fc_err *err) FC_MUST_USE;
/* Ends all requests; the running job goes on with the next start. */
void fc_server_close(fc_server *s);
const char *fc_server_url(const fc_server *s); /* "http://127.0.0.1:7865/" */

#endif
