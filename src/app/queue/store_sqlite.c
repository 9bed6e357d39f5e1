/* See store_sqlite.h. */
#include "app/queue/store_sqlite.h"

#include <sqlite3.h>
#include "base/clock.h"
#include "base/mem.h"

enum { BUSY_MILLIS = 5000, PROGRESS_OPS = 4000, MAX_TEXT = 16 << 20, MAX_KEPT = 48 };

typedef struct kept {
    const char *sql; /* a literal: compared by address */
    sqlite3_stmt *stmt;
} kept;

typedef struct sqlite_link {
    sqlite3 *db;
    double deadline; /* fc_now() when the running query is given up; 0: never */
    kept kept[MAX_KEPT];
    int kept_count;
} sqlite_link;

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

static fc_status failed(sqlite3 *db, int code, fc_err *err)
{
    if ((code & 0xff) == SQLITE_INTERRUPT)
        return fc_fail(err, FC_LIMIT, "the search took too long, give more of what is looked for");
    return fc_fail(err, status_of(code), "the library of pictures: %s",
                   db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

/* ---- one statement ---- */

static void check(fc_query *q, int code)
{
    const sqlite_link *l = q->conn->link;
    if (q->status == FC_OK && status_of(code) != FC_OK) q->status = failed(l->db, code, q->err);
}

static sqlite3_stmt *kept_statement(const sqlite_link *l, const char *sql)
{
    for (int i = 0; i < l->kept_count; i++)
        if (l->kept[i].sql == sql) return l->kept[i].stmt;
    return NULL;
}

static void prepare(fc_query *q)
{
    sqlite_link *l = q->conn->link;
    sqlite3_stmt *stmt = q->keep ? kept_statement(l, q->sql) : NULL;
    l->deadline = q->conn->seconds > 0 ? fc_now() + q->conn->seconds : 0;
    q->handle = stmt;
    if (stmt) return;
    int code = sqlite3_prepare_v3(l->db, q->sql, -1, q->keep ? SQLITE_PREPARE_PERSISTENT : 0, &stmt, NULL);
    check(q, code);
    q->handle = stmt;
    if (q->status == FC_OK && q->keep && l->kept_count < MAX_KEPT)
        l->kept[l->kept_count++] = (kept){q->sql, stmt};
    else
        q->keep = false;
}

static void bind_text(fc_query *q, const char *value)
{
    check(q, value ? sqlite3_bind_text(q->handle, q->bound, value, -1, SQLITE_STATIC)
                   : sqlite3_bind_null(q->handle, q->bound));
}

static void bind_int(fc_query *q, int64_t value)
{
    check(q, sqlite3_bind_int64(q->handle, q->bound, value));
}

static bool row(fc_query *q)
{
    int code = sqlite3_step(q->handle);
    check(q, code);
    return code == SQLITE_ROW;
}

static int end(fc_query *q)
{
    const sqlite_link *l = q->conn->link;
    int changes = sqlite3_changes(l->db);
    if (q->keep) {
        sqlite3_reset(q->handle);
        sqlite3_clear_bindings(q->handle);
    } else {
        sqlite3_finalize(q->handle);
    }
    return changes;
}

static int64_t get_int(const fc_query *q, int column)
{
    return sqlite3_column_int64(q->handle, column);
}

static const char *get_text(const fc_query *q, int column)
{
    return (const char *)sqlite3_column_text(q->handle, column);
}

/* ---- the connection ---- */

static int on_progress(void *user)
{
    const sqlite_link *l = user;
    return l->deadline > 0 && fc_now() > l->deadline;
}

static void close_link(fc_lib_conn *conn)
{
    sqlite_link *l = conn->link;
    for (int i = 0; i < l->kept_count; i++) sqlite3_finalize(l->kept[i].stmt);
    sqlite3_close(l->db);
    fc_free(l);
}

const fc_lib_store fc_lib_sqlite = {
    .begin = "BEGIN IMMEDIATE",
    .prepare = prepare,
    .bind_text = bind_text,
    .bind_int = bind_int,
    .row = row,
    .end = end,
    .get_int = get_int,
    .get_text = get_text,
    .close = close_link,
};

fc_status fc_sqlite_connect(fc_lib_conn *conn, const char *path, double seconds, fc_err *err)
{
    static const char *const setup[] = {
        "PRAGMA journal_mode = WAL",  "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -8000", "PRAGMA journal_size_limit = 8388608",
    };
    sqlite_link *l = fc_calloc(1, sizeof *l);
    if (!l) return fc_fail(err, FC_NOMEM, "out of memory");
    conn->store = &fc_lib_sqlite;
    conn->link = l;
    conn->seconds = seconds;
    int code =
        sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) return failed(l->db, code, err);
    sqlite3_extended_result_codes(l->db, 1);
    sqlite3_busy_timeout(l->db, BUSY_MILLIS);
    sqlite3_limit(l->db, SQLITE_LIMIT_LENGTH, MAX_TEXT);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    fc_status status = FC_OK;
    for (size_t i = 0; i < sizeof setup / sizeof setup[0] && status == FC_OK; i++)
        status = fc_lib_run(conn, setup[i], err);
    if (seconds > 0) sqlite3_progress_handler(l->db, PROGRESS_OPS, on_progress, l);
    return status;
}
