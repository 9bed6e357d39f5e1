/* One statement of SQL from begin to end, with errors that stick, and transactions. What runs it is a store:
 * SQLite (store_sqlite.c) or PostgreSQL (store_pg.c). Statements are written in what both understand, with ?
 * for parameters; where their words differ, fc_sql chooses. */
#ifndef FC_APP_QUEUE_QUERY_H
#define FC_APP_QUEUE_QUERY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/status.h"

enum { FC_QUERY_PARAMS = 24, FC_QUERY_NUMBER = 24 };

typedef struct fc_lib_store fc_lib_store;

typedef struct fc_lib_conn {
    const fc_lib_store *store;
    void *link;           /* the store's own */
    pthread_mutex_t lock; /* recursive: a transaction holds it around its queries */
    double seconds;       /* what a query may take; 0: no limit */
    bool in_transaction;
} fc_lib_conn;

/* One statement from begin to end; holds the connection's mutex meanwhile. After the first failure the other
 * calls are no-ops and end returns it. */
typedef struct fc_query {
    fc_lib_conn *conn;
    fc_status status;
    fc_err *err;
    const char *sql;
    bool keep; /* sql is a literal: its statement is kept for the next time */
    int bound;
    void *handle; /* the store's: sqlite3_stmt, or PGresult after the first row was asked for */
    int row;      /* PostgreSQL: the current one; its parameters as text */
    const char *values[FC_QUERY_PARAMS];
    char numbers[FC_QUERY_PARAMS][FC_QUERY_NUMBER];
} fc_query;

/* What a store does; after a failure it sets q->status and tells q->err. */
struct fc_lib_store {
    const char *begin; /* begins a transaction that writes */
    void (*prepare)(fc_query *q);
    void (*bind_text)(fc_query *q, const char *value);
    void (*bind_int)(fc_query *q, int64_t value);
    bool (*row)(fc_query *q);
    int (*end)(fc_query *q); /* behind the last row: how many were changed */
    int64_t (*get_int)(const fc_query *q, int column);
    const char *(*get_text)(const fc_query *q, int column); /* NULL for NULL; gone with the row */
    void (*close)(fc_lib_conn *conn);
};

fc_status fc_lib_conn_init(fc_lib_conn *conn, fc_err *err) FC_MUST_USE;
void fc_lib_conn_fini(fc_lib_conn *conn);
/* The one of two wordings that conn's store understands. */
const char *fc_sql(const fc_lib_conn *conn, const char *sqlite, const char *postgresql);

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
/* Into out, cut at its size. */
void fc_query_copy_text(const fc_query *q, int column, char *out, size_t size);
bool fc_query_is_null(const fc_query *q, int column);

/* begin locks the connection; end commits when *status is OK, else rolls back, and unlocks. */
fc_status fc_lib_begin(fc_lib_conn *conn, fc_err *err) FC_MUST_USE;
fc_status fc_lib_end(fc_lib_conn *conn, fc_status status, fc_err *err) FC_MUST_USE;
/* A statement without parameters and rows. */
fc_status fc_lib_run(fc_lib_conn *conn, const char *sql, fc_err *err) FC_MUST_USE;

#endif
