/* See query.h. */
#include "app/queue/query.h"

#include "base/clock.h"

static fc_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return FC_OK;
    case SQLITE_NOMEM:
        return FC_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CONSTRAINT:
        return FC_BUSY;
    case SQLITE_FULL:
        return FC_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return FC_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FC_FORMAT;
    case SQLITE_INTERRUPT:
    case SQLITE_TOOBIG:
        return FC_LIMIT;
    default:
        return FC_INTERNAL;
    }
}

fc_status fc_lib_failed(sqlite3 *db, int code, fc_err *err)
{
    if ((code & 0xff) == SQLITE_INTERRUPT)
        return fc_fail(err, FC_LIMIT, "the search took too long, give more of what is looked for");
    return fc_fail(err, status_of(code), "the library of pictures: %s",
                   db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

static sqlite3_stmt *kept_statement(fc_lib_conn *conn, const char *sql)
{
    for (int i = 0; i < conn->kept_count; i++)
        if (conn->kept[i].sql == sql) return conn->kept[i].stmt;
    return NULL;
}

static void begin(fc_query *q, fc_lib_conn *conn, const char *sql, bool keep, fc_err *err)
{
    *q = (fc_query){.conn = conn, .err = err, .kept = keep};
    pthread_mutex_lock(&conn->lock);
    conn->deadline = conn->seconds > 0 ? fc_now() + conn->seconds : 0;
    q->stmt = keep ? kept_statement(conn, sql) : NULL;
    if (q->stmt) return;
    int code = sqlite3_prepare_v3(conn->db, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, &q->stmt, NULL);
    if (code != SQLITE_OK) {
        q->status = fc_lib_failed(conn->db, code, err);
        q->kept = false;
    } else if (keep && conn->kept_count < FC_LIB_STATEMENTS) {
        conn->kept[conn->kept_count++] = (fc_lib_statement){sql, q->stmt};
    } else {
        q->kept = false;
    }
}

void fc_query_begin(fc_query *q, fc_lib_conn *conn, const char *sql, fc_err *err)
{
    begin(q, conn, sql, true, err);
}

void fc_query_begin_once(fc_query *q, fc_lib_conn *conn, const char *sql, fc_err *err)
{
    begin(q, conn, sql, false, err);
}

static void check(fc_query *q, int code)
{
    if (q->status == FC_OK && status_of(code) != FC_OK) q->status = fc_lib_failed(q->conn->db, code, q->err);
}

void fc_query_text(fc_query *q, const char *value)
{
    if (q->status != FC_OK) return;
    int index = ++q->bound;
    check(q, value ? sqlite3_bind_text(q->stmt, index, value, -1, SQLITE_STATIC)
                   : sqlite3_bind_null(q->stmt, index));
}

void fc_query_int(fc_query *q, int64_t value)
{
    if (q->status == FC_OK) check(q, sqlite3_bind_int64(q->stmt, ++q->bound, value));
}

bool fc_query_row(fc_query *q)
{
    if (q->status != FC_OK) return false;
    int code = sqlite3_step(q->stmt);
    check(q, code);
    return code == SQLITE_ROW;
}

fc_status fc_query_end(fc_query *q, int *changes)
{
    while (fc_query_row(q)) continue;
    if (changes) *changes = q->status == FC_OK ? sqlite3_changes(q->conn->db) : 0;
    if (q->kept) {
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
    } else {
        sqlite3_finalize(q->stmt);
    }
    pthread_mutex_unlock(&q->conn->lock);
    return q->status;
}

int64_t fc_query_get_int(const fc_query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

const char *fc_query_get_text(fc_query *q, int column, fc_arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(q->stmt, column);
    const char *copy = fc_arena_strdup(arena, text ? text : "");
    if (!copy && q->status == FC_OK)
        q->status = fc_fail(q->err, arena->status, "out of memory for the answer of the library");
    return copy ? copy : "";
}

bool fc_query_is_null(const fc_query *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
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
    fc_status status = fc_lib_run(conn, "BEGIN IMMEDIATE", err);
    if (status != FC_OK) pthread_mutex_unlock(&conn->lock);
    return status;
}

fc_status fc_lib_end(fc_lib_conn *conn, fc_status status, fc_err *err)
{
    if (status != FC_OK) goto out;
    status = fc_lib_run(conn, "COMMIT", err);
out:
    /* a failed COMMIT may have rolled back already */
    if (status != FC_OK && !sqlite3_get_autocommit(conn->db)) (void)!fc_lib_run(conn, "ROLLBACK", NULL);
    pthread_mutex_unlock(&conn->lock);
    return status;
}
