/* The library in a database of PostgreSQL, which several programs share. A connection that was lost is made
 * anew when the next statement or transaction begins; what was under way fails with NETWORK. */
#ifndef FC_APP_QUEUE_STORE_PG_H
#define FC_APP_QUEUE_STORE_PG_H

#include "app/queue/query.h"

enum { FC_PG_OLDEST = 130000 }; /* PostgreSQL 13 */

extern const fc_lib_store fc_lib_pg;

/* Whether `path` is the address of such a library. */
bool fc_pg_is_url(const char *path);
/* url: "postgresql://user@host/database?sslmode=verify-full"; a password may come from PGPASSWORD or
 * ~/.pgpass. seconds: what a query may take; 0: no limit. */
fc_status fc_pg_connect(fc_lib_conn *conn, const char *url, double seconds, fc_err *err) FC_MUST_USE;
/* Whether a server of this number (150003) is new enough. */
fc_status fc_pg_check_version(int version, fc_err *err) FC_MUST_USE;

/* ---- being told ---- */

/* Waits up to `millis` for a NOTIFY on a channel that conn listens to (fc_lib_run: LISTEN), and gives its
 * payload, "" when none came. Wakes early when wake_fd (< 0: none) becomes readable. NETWORK: the connection
 * is lost; the next statement makes a new one, which listens to nothing. */
fc_status fc_pg_wait(fc_lib_conn *conn, int wake_fd, int millis, char *channel, size_t channel_size,
                     char *payload, size_t payload_size, fc_err *err) FC_MUST_USE;

#endif
