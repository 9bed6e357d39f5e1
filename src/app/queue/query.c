/* See query.h. */
#include "app/queue/query.h"

#include <stdio.h>
#include "app/queue/store_pg.h"

fc_status fc_lib_conn_init(fc_lib_conn *conn, fc_err *err)
{
    pthread_mutexattr_t attr;
    if (pthread_mutexattr_init(&attr) != 0) return fc_fail(err, FC_NOMEM, "out of memory");
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    int failure = pthread_mutex_init(&conn->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return failure ? fc_fail(err, FC_NOMEM, "out of memory") : FC_OK;
}

void fc_lib_conn_fini(fc_lib_conn *conn)
{
    if (conn->store) conn->store->close(conn);
    pthread_mutex_destroy(&conn->lock);
}

const char *fc_sql(const fc_lib_conn *conn, const char *sqlite, const char *postgresql)
{
    return conn->store == &fc_lib_pg ? postgresql : sqlite;
}

static void begin(fc_query *q, fc_lib_conn *conn, const char *sql, bool keep, fc_err *err)
{
    q->conn = conn;
    q->status = FC_OK;
    q->err = err;
    q->sql = sql;
    q->keep = keep;
    q->bound = 0;
    q->handle = NULL;
    q->row = -1;
    pthread_mutex_lock(&conn->lock);
    conn->store->prepare(q);
}

void fc_query_begin(fc_query *q, fc_lib_conn *conn, const char *sql, fc_err *err)
{
    begin(q, conn, sql, true, err);
}

void fc_query_begin_once(fc_query *q, fc_lib_conn *conn, const char *sql, fc_err *err)
{
    begin(q, conn, sql, false, err);
}

/* The number of the next parameter fits. */
static bool next_fits(fc_query *q)
{
    if (q->status == FC_OK && q->bound == FC_QUERY_PARAMS)
        q->status = fc_fail(q->err, FC_INTERNAL, "a query has more than %d parameters", FC_QUERY_PARAMS);
    return q->status == FC_OK;
}

void fc_query_text(fc_query *q, const char *value)
{
    if (!next_fits(q)) return;
    q->bound++;
    q->conn->store->bind_text(q, value);
}

void fc_query_int(fc_query *q, int64_t value)
{
    if (!next_fits(q)) return;
    q->bound++;
    q->conn->store->bind_int(q, value);
}

bool fc_query_row(fc_query *q)
{
    return q->status == FC_OK && q->conn->store->row(q);
}

fc_status fc_query_end(fc_query *q, int *changes)
{
    while (fc_query_row(q)) continue;
    int count = q->conn->store->end(q);
    if (changes) *changes = q->status == FC_OK ? count : 0;
    pthread_mutex_unlock(&q->conn->lock);
    return q->status;
}

int64_t fc_query_get_int(const fc_query *q, int column)
{
    return q->conn->store->get_int(q, column);
}

const char *fc_query_get_text(fc_query *q, int column, fc_arena *arena)
{
    const char *text = q->conn->store->get_text(q, column);
    const char *copy = fc_arena_strdup(arena, text ? text : "");
    if (!copy && q->status == FC_OK)
        q->status = fc_fail(q->err, arena->status, "out of memory for the answer of the library");
    return copy ? copy : "";
}

void fc_query_copy_text(const fc_query *q, int column, char *out, size_t size)
{
    const char *text = q->conn->store->get_text(q, column);
    snprintf(out, size, "%s", text ? text : "");
}

bool fc_query_is_null(const fc_query *q, int column)
{
    return !q->conn->store->get_text(q, column);
}

fc_status fc_lib_run(fc_lib_conn *conn, const char *sql, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, sql, err);
    return fc_query_end(&q, NULL);
}

fc_status fc_lib_begin(fc_lib_conn *conn, fc_err *err)
{
    pthread_mutex_lock(&conn->lock);
    fc_status status = fc_lib_run(conn, conn->store->begin, err);
    if (status != FC_OK)
        pthread_mutex_unlock(&conn->lock);
    else
        conn->in_transaction = true;
    return status;
}

fc_status fc_lib_end(fc_lib_conn *conn, fc_status status, fc_err *err)
{
    if (status != FC_OK) goto out;
    status = fc_lib_run(conn, "COMMIT", err);
out:
    /* a failed COMMIT may have rolled back already: then there is nothing to do, and it says so */
    if (status != FC_OK) (void)!fc_lib_run(conn, "ROLLBACK", NULL);
    conn->in_transaction = false;
    pthread_mutex_unlock(&conn->lock);
    return status;
}
