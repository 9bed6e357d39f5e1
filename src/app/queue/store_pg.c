/* See store_pg.h. */
#include "app/queue/store_pg.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "app/queue/libpq.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum { MAX_KEPT = 80, MAX_SQL = 8192 };
static const double reconnect_seconds = 0.5; /* between two attempts */

typedef struct pg_link {
    const fc_libpq *pq;
    pg_conn *db; /* NULL: not connected */
    char *url;
    double next_try;            /* fc_now() when it may be connected again */
    const char *kept[MAX_KEPT]; /* literals, compared by address; statement sN is prepared */
    int kept_count;
} pg_link;

bool fc_pg_is_url(const char *path)
{
    return fc_str_starts(path, "postgresql://") || fc_str_starts(path, "postgres://");
}

fc_status fc_pg_check_version(int version, fc_err *err)
{
    if (version >= FC_PG_OLDEST) return FC_OK;
    return fc_fail(err, FC_UNSUPPORTED,
                   "the library's PostgreSQL is version %d; 13 or newer is needed: upgrade it, or choose "
                   "another server with --library",
                   version / 10000);
}

/* ---- failures ---- */

static bool starts(const char *sqlstate, const char *class)
{
    return sqlstate && strncmp(sqlstate, class, strlen(class)) == 0;
}

/* What a SQLSTATE means for us, and what to do about it. */
static const struct {
    const char *state; /* begins so; the first that fits counts */
    fc_status status;
    const char *advice; /* behind the server's own words */
} meanings[] = {
    {"57014", FC_LIMIT, "the search took too long, give more of what is looked for"},
    {"57P", FC_NETWORK, "the database server is stopping or starting; it is tried again"},
    {"08", FC_NETWORK, "the connection to the database is lost; it is tried again"},
    {"53100", FC_FULL, "the disk of the database server is full: make room there"},
    {"53300", FC_NETWORK, "the database has no free connection: raise max_connections or use a pooler"},
    {"53", FC_NETWORK, "the database server is short of something"},
    {"25006", FC_IO, "the database is read-only: connect to the primary, not to a standby"},
    {"42501", FC_DENIED, "the database user may not do this: make it the owner of the database"},
    {"3F000", FC_FORMAT, "the tables are missing: was the database replaced?"},
    {"42P01", FC_FORMAT, "the tables are missing or of another version: was the database replaced?"},
    {"42703", FC_FORMAT, "the tables are of another version of this program"},
    {"28", FC_DENIED, "check user and password of --library, or PGPASSWORD and ~/.pgpass"},
    {"3D000", FC_NOT_FOUND, "make the database first: createdb"},
    {"23", FC_BUSY, NULL},
    {"40", FC_BUSY, NULL},
    {"22", FC_ARG, NULL},
};

/* The first line, without the "FATAL:" that libpq puts before it. */
static void first_line(const char *message, char *out, size_t size)
{
    const char *at = strstr(message, "FATAL:");
    if (at) at += 6 + strspn(at + 6, " ");
    if (!at) at = message;
    snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static fc_status fail_with(const char *sqlstate, const char *message, fc_err *err)
{
    char line[300];
    first_line(message, line, sizeof line);
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (!starts(sqlstate, meanings[i].state)) continue;
        if (!meanings[i].advice) return fc_fail(err, meanings[i].status, "the library of pictures: %s", line);
        return fc_fail(err, meanings[i].status, "the library of pictures: %s (%s)", meanings[i].advice, line);
    }
    return fc_fail(err, FC_INTERNAL, "the library of pictures: %s", line);
}

static bool is_alive(const pg_link *l)
{
    return l->db && l->pq->status(l->db) == PQ_CONNECTED;
}

static fc_status result_failed(const pg_link *l, const pg_result *result, fc_err *err)
{
    const char *state = result ? l->pq->resultErrorField(result, PQ_SQLSTATE) : NULL;
    const char *text = result ? l->pq->resultErrorField(result, PQ_PRIMARY) : NULL;
    if (!state || !is_alive(l)) state = starts(state, "57P") ? state : "08006";
    return fail_with(state, text ? text : l->pq->errorMessage(l->db), err);
}

/* ---- connecting ---- */

static void disconnect(pg_link *l)
{
    if (l->db) l->pq->finish(l->db);
    l->db = NULL;
    l->kept_count = 0;
}

/* What libpq says about a connection that was refused has no SQLSTATE. */
static fc_status refused(const pg_link *l, fc_err *err)
{
    char line[300], place[200];
    const char *host = l->pq->host(l->db), *message = l->pq->errorMessage(l->db);
    first_line(message, line, sizeof line);
    snprintf(place, sizeof place, "%.120s port %.10s", host && *host ? host : "this machine",
             l->pq->port(l->db));
    if (l->pq->connectionNeedsPassword(l->db))
        return fc_fail(err, FC_DENIED,
                       "the library at %s asks for a password: put it into PGPASSWORD or ~/.pgpass", place);
    if (strstr(message, "password authentication failed"))
        return fc_fail(err, FC_DENIED,
                       "the library at %s refuses the password: check user and password of --library, or "
                       "PGPASSWORD and ~/.pgpass (%s)",
                       place, line);
    if (strstr(message, "does not exist") && strstr(message, "database"))
        return fc_fail(err, FC_NOT_FOUND, "the library at %s: %s; make it with createdb", place, line);
    if (strstr(message, "invalid") && !strstr(message, "connection to"))
        return fc_fail(err, FC_ARG, "--library: want an address like postgresql://user@host/database: %s",
                       line);
    return fc_fail(err, FC_NETWORK, "the library at %s cannot be reached: %s", place, line);
}

static void on_notice(void *user, const char *message)
{
    (void)user;
    fc_log(FC_LOG_DEBUG, "PostgreSQL: %s", message);
}

/* Everything that a session needs before its first statement. */
static fc_status prepare_session(fc_lib_conn *conn, fc_err *err)
{
    const pg_link *l = conn->link;
    char sql[200];
    l->pq->setNoticeProcessor(l->db, on_notice, NULL);
    fc_status status = fc_pg_check_version(l->pq->serverVersion(l->db), err);
    if (status != FC_OK) return status;
    const char *encoding = l->pq->parameterStatus(l->db, "server_encoding");
    if (encoding && strcmp(encoding, "UTF8") != 0)
        return fc_fail(
            err, FC_UNSUPPORTED,
            "the database of the library has the encoding %s; make one with createdb --encoding=UTF8 "
            "--template=template0",
            encoding);
    snprintf(sql, sizeof sql, "SET search_path = fooocus, public; SET statement_timeout = %d",
             (int)(conn->seconds * 1000));
    pg_result *result = l->pq->exec(l->db, sql);
    if (l->pq->resultStatus(result) != PQ_COMMAND_OK) status = result_failed(l, result, err);
    l->pq->clear(result);
    return status;
}

/* Those before dbname are what an address may change; a dead network is noticed in some seconds. */
static fc_status open_link(fc_lib_conn *conn, fc_err *err)
{
    pg_link *l = conn->link;
    static const char *const names[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                        "keepalives_count", "tcp_user_timeout", "fallback_application_name",
                                        "dbname",           "client_encoding",  NULL};
    const char *const values[] = {"5", "10", "5", "2", "15000", "fooocus", l->url, "UTF8", NULL};
    disconnect(l);
    l->next_try = fc_now() + reconnect_seconds;
    l->db = l->pq->connectdbParams(names, values, 1);
    if (!l->db) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = is_alive(l) ? prepare_session(conn, err) : refused(l, err);
    if (status != FC_OK) disconnect(l);
    return status;
}

/* A server that has gone away is noticed here rather than by a statement of which nobody knows what it did.
 */
static bool still_there(const pg_link *l)
{
    if (!is_alive(l)) return false;
    struct pollfd p = {.fd = l->pq->socket(l->db), .events = POLLIN};
    while (poll(&p, 1, 0) > 0) /* its last words first, then that there is nothing more */
        if (!l->pq->consumeInput(l->db) || !is_alive(l)) return false;
    return true;
}

static fc_status ensure_link(fc_lib_conn *conn, fc_err *err)
{
    const pg_link *l = conn->link;
    if (conn->in_transaction) return is_alive(l) ? FC_OK : fail_with("08006", "lost", err);
    if (still_there(l)) return FC_OK;
    if (fc_now() < l->next_try)
        return fc_fail(err, FC_NETWORK,
                       "the connection to the database of the library is lost; it is tried again");
    return open_link(conn, err);
}

/* ---- one statement ---- */

/* ? -> $1, $2 ...; no statement of ours has a question mark in a text. */
static fc_status number_parameters(const char *sql, char out[MAX_SQL], fc_err *err)
{
    size_t n = 0;
    int number = 0;
    for (; *sql; sql++) {
        int written = *sql == '?' ? snprintf(out + n, MAX_SQL - n, "$%d", ++number) : 1;
        if (*sql != '?') out[n] = *sql;
        n += (size_t)written;
        if (n + 12 > MAX_SQL) return fc_fail(err, FC_INTERNAL, "a query is too long");
    }
    out[n] = '\0';
    return FC_OK;
}

static void prepare(fc_query *q)
{
    q->status = ensure_link(q->conn, q->err);
}

static void bind_text(fc_query *q, const char *value)
{
    q->values[q->bound - 1] = value;
}

static void bind_int(fc_query *q, int64_t value)
{
    char *text = q->numbers[q->bound - 1];
    snprintf(text, FC_QUERY_NUMBER, "%" PRId64, value);
    q->values[q->bound - 1] = text;
}

/* The name of q's statement, which is prepared when it is not yet; "": it is not kept. */
static fc_status find_statement(fc_query *q, const char *sql, char name[16])
{
    pg_link *l = q->conn->link;
    int i = 0;
    while (i < l->kept_count && l->kept[i] != q->sql) i++;
    snprintf(name, 16, "s%d", i);
    if (i < l->kept_count) return FC_OK;
    pg_result *result = l->pq->prepare(l->db, name, sql, 0, NULL);
    fc_status status =
        l->pq->resultStatus(result) == PQ_COMMAND_OK ? FC_OK : result_failed(l, result, q->err);
    l->pq->clear(result);
    if (status == FC_OK) l->kept[l->kept_count++] = q->sql;
    return status;
}

static pg_result *execute(fc_query *q, const char *sql)
{
    const pg_link *l = q->conn->link;
    char name[16];
    if (!q->keep || (!q->bound && !fc_str_starts(q->sql, "SELECT")) || l->kept_count == MAX_KEPT)
        return l->pq->execParams(l->db, sql, q->bound, NULL, q->values, NULL, NULL, 0);
    q->status = find_statement(q, sql, name);
    if (q->status != FC_OK) return NULL;
    return l->pq->execPrepared(l->db, name, q->bound, q->values, NULL, NULL, 0);
}

static void run(fc_query *q)
{
    const pg_link *l = q->conn->link;
    char sql[MAX_SQL];
    q->status = number_parameters(q->sql, sql, q->err);
    if (q->status != FC_OK) return;
    pg_result *result = execute(q, sql);
    if (q->status == FC_OK) {
        int code = l->pq->resultStatus(result);
        if (code != PQ_COMMAND_OK && code != PQ_TUPLES_OK) q->status = result_failed(l, result, q->err);
    }
    q->handle = result;
}

/* All rows arrive at once; every statement of ours has a limit on them. */
static bool row(fc_query *q)
{
    const pg_link *l = q->conn->link;
    if (!q->handle) run(q);
    if (q->status != FC_OK) return false;
    return ++q->row < l->pq->ntuples(q->handle);
}

static int end(fc_query *q)
{
    const pg_link *l = q->conn->link;
    int64_t changes = 0;
    if (q->handle) {
        fc_parse_i64(l->pq->cmdTuples(q->handle), &changes);
        l->pq->clear(q->handle);
    }
    return (int)changes;
}

static const char *get_text(const fc_query *q, int column)
{
    const pg_link *l = q->conn->link;
    return l->pq->getisnull(q->handle, q->row, column) ? NULL : l->pq->getvalue(q->handle, q->row, column);
}

static int64_t get_int(const fc_query *q, int column)
{
    const char *text = get_text(q, column);
    int64_t value = 0;
    if (text) fc_parse_i64(text, &value);
    return value;
}

static void close_link(fc_lib_conn *conn)
{
    pg_link *l = conn->link;
    disconnect(l);
    fc_free(l->url);
    fc_free(l);
}

const fc_lib_store fc_lib_pg = {
    .begin = "BEGIN",
    .prepare = prepare,
    .bind_text = bind_text,
    .bind_int = bind_int,
    .row = row,
    .end = end,
    .get_int = get_int,
    .get_text = get_text,
    .close = close_link,
};

fc_status fc_pg_connect(fc_lib_conn *conn, const char *url, double seconds, fc_err *err)
{
    const fc_libpq *pq;
    fc_status status = fc_libpq_get(&pq, err);
    if (status != FC_OK) return status;
    pg_link *l = fc_calloc(1, sizeof *l);
    char *copy = fc_alloc(strlen(url) + 1);
    if (!l || !copy) {
        fc_free(l);
        fc_free(copy);
        return fc_fail(err, FC_NOMEM, "out of memory");
    }
    memcpy(copy, url, strlen(url) + 1);
    l->pq = pq;
    l->url = copy;
    conn->store = &fc_lib_pg;
    conn->link = l;
    conn->seconds = seconds;
    return open_link(conn, err);
}

/* ---- being told ---- */

static bool take_notice(const pg_link *l, char *channel, size_t channel_size, char *payload,
                        size_t payload_size)
{
    pg_notify *notice = l->pq->notifies(l->db);
    if (!notice) return false;
    snprintf(channel, channel_size, "%s", notice->channel);
    snprintf(payload, payload_size, "%s", notice->payload);
    l->pq->freemem(notice);
    return true;
}

fc_status fc_pg_wait(fc_lib_conn *conn, int wake_fd, int millis, char *channel, size_t channel_size,
                     char *payload, size_t payload_size, fc_err *err)
{
    pg_link *l = conn->link;
    *channel = *payload = '\0';
    if (!is_alive(l)) return fail_with("08006", "lost", err);
    if (take_notice(l, channel, channel_size, payload, payload_size)) return FC_OK;
    struct pollfd fds[2] = {{.fd = l->pq->socket(l->db), .events = POLLIN},
                            {.fd = wake_fd, .events = POLLIN}};
    if (poll(fds, wake_fd >= 0 ? 2 : 1, millis) > 0 && fds[0].revents) {
        if (!l->pq->consumeInput(l->db) || !is_alive(l)) {
            fc_status status = fail_with("08006", l->pq->errorMessage(l->db), err);
            disconnect(l);
            return status;
        }
        take_notice(l, channel, channel_size, payload, payload_size);
    }
    return FC_OK;
}
