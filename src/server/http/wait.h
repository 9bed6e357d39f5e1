/* Suspended connections, deadlines of connections, and the ticker thread that looks after both. */
#ifndef FC_SERVER_HTTP_WAIT_H
#define FC_SERVER_HTTP_WAIT_H

#include <microhttpd.h>
#include <stdbool.h>
#include "server/server.h"

/* A suspended connection. */
typedef struct fc_waiter {
    struct MHD_Connection *connection;
    struct fc_waiter *next, *prev;
} fc_waiter;

/* A connection: closed by the ticker when its deadline has passed. */
typedef struct fc_conn {
    int fd;
    bool turned_away; /* beyond FC_MAX_CONNECTIONS */
    double deadline;  /* fc_now(); 0: none */
    struct fc_conn *next, *prev;
} fc_conn;

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

#endif
