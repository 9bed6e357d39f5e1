/* One statement of SQLite from begin to end, with errors that stick, and transactions. */
#ifndef FC_APP_QUEUE_QUERY_H
#define FC_APP_QUEUE_QUERY_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/status.h"

enum { FC_LIB_STATEMENTS = 48 };

typedef struct fc_lib_statement {
    const char *sql; /* a literal: compared by address */
    sqlite3_stmt *stmt;
} fc_lib_statement;

typedef struct fc_lib_conn {
    pthread_mutex_t lock; /* recursive: a transaction holds it around its queries */
    sqlite3 *db;
    double deadline; /* fc_now() when the running query is given up; 0: never */
    double seconds;  /* what a query may take; 0: no limit */
    fc_lib_statement kept[FC_LIB_STATEMENTS];
    int kept_count;
} fc_lib_conn;

/* One statement from begin to end; holds the connection's mutex meanwhile. After the first failure the other
 * calls are no-ops and end returns it. */
typedef struct fc_query {
    fc_lib_conn *conn;
    sqlite3_stmt *stmt;
    bool kept;
    int bound;
    fc_status status;
    fc_err *err;
} fc_query;

/* sql is a literal; its statement is kept for the next time. */
void fc_query_begin(fc_query *q, fc_lib_conn *conn, const char *sql, fc_err *err);
/* sql was put together for this call. */
void fc_query_begin_once(fc_query *q, fc_lib_conn *conn, const char *sql, fc_err *err);
void fc_query_text(fc_query *q, const char *value); /* NULL binds NULL; must live until the end */
void fc_query_int(fc_query *q, int64_t value);
bool fc_query_row(fc_query *q); /* false: no more rows, or a failure */
/* Runs to the end and closes. changes (may be NULL): rows that were changed. */
fc_status fc_query_end(fc_query *q, int *changes) FC_MUST_USE;

int64_t fc_query_get_int(const fc_query *q, int column);
/* A copy in the arena; "" for NULL. A full arena makes q fail. */
const char *fc_query_get_text(fc_query *q, int column, fc_arena *arena);
bool fc_query_is_null(const fc_query *q, int column);

/* begin locks the connection; end commits when *status is OK, else rolls back, and unlocks. */
fc_status fc_lib_begin(fc_lib_conn *conn, fc_err *err) FC_MUST_USE;
fc_status fc_lib_end(fc_lib_conn *conn, fc_status status, fc_err *err) FC_MUST_USE;
/* A statement without parameters and rows. */
fc_status fc_lib_run(fc_lib_conn *conn, const char *sql, fc_err *err) FC_MUST_USE;
/* The failure that a code of SQLite means; db may be NULL. */
fc_status fc_lib_failed(sqlite3 *db, int code, fc_err *err);

#endif
