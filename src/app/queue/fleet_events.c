/* Events of all programs in one order. Whoever changes something puts an event into the outbox, with the
 * change; the servers take turns in giving numbers, and each copies what is new into its own ring. Numbers
 * have no gaps and are the same everywhere, so a stream goes on behind its last number at any server, after
 * any restart. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "app/queue/fleet_impl.h"
#include "app/queue/store_pg.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    AT_ONCE = 500,
    FIRST = 2000,
    POLL_MILLIS = 250,
    GATHER_MILLIS = 25,
    RETRY_MILLIS = 600,
    MAX_ORDER = 100
};
static const double tidy_seconds = 2, watch_seconds = 5;

/* ---- giving numbers ---- */

/* What the queue looks like now, when some job has changed. */
static fc_status tell_queue(fc_lib_conn *conn, fc_err *err)
{
    fc_query q;
    char running[FC_JOB_ID_SIZE] = "", id[FC_JOB_ID_SIZE];
    int64_t waiting = 0;
    fc_query_begin(&q, conn, "SELECT 1 FROM outbox WHERE type IN ('job', 'job_removed') LIMIT 1", err);
    bool changed = fc_query_row(&q);
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK || !changed) return status;
    fc_query_begin(&q, conn,
                   "SELECT (SELECT count(*) FROM jobs WHERE state = 'queued'),"
                   " (SELECT min(id) FROM jobs WHERE state = 'running')",
                   err);
    if (fc_query_row(&q)) {
        waiting = fc_query_get_int(&q, 0);
        fc_query_copy_text(&q, 1, running, sizeof running);
    }
    status = fc_query_end(&q, NULL);
    if (status != FC_OK) return status;
    json_t *order = waiting <= MAX_ORDER ? json_array() : json_null();
    if (waiting <= MAX_ORDER) {
        fc_query_begin(
            &q, conn,
            "SELECT t.job FROM tasks t JOIN jobs j ON j.id = t.job WHERE t.state = 0 AND j.state = 'queued'"
            " GROUP BY t.job ORDER BY max(t.priority) DESC, min(t.turn), t.job",
            err);
        while (fc_query_row(&q)) {
            fc_query_copy_text(&q, 0, id, sizeof id);
            json_array_append_new(order, json_string(id));
        }
        status = fc_query_end(&q, NULL);
    }
    json_t *data = json_pack("{s:I, s:o, s:o}", "waiting", (json_int_t)waiting, "running",
                             *running ? json_string(running) : json_null(), "order", order);
    if (status == FC_OK) return fc_fleet_tell(conn, "queue", NULL, data, err);
    json_decref(data);
    return status;
}

static fc_status number_some(fc_lib_conn *conn, int *moved, fc_err *err)
{
    fc_query q;
    char mine[8] = "";
    *moved = 0;
    fc_query_begin(&q, conn, "SELECT pg_try_advisory_xact_lock(1180912740)", err);
    if (fc_query_row(&q)) fc_query_copy_text(&q, 0, mine, sizeof mine);
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK || mine[0] != 't') return status; /* another server is at it */
    status = tell_queue(conn, err);
    if (status != FC_OK) return status;
    fc_query_begin(&q, conn,
                   "WITH taken AS (DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?)"
                   " RETURNING id, type, job, data)"
                   " INSERT INTO events (number, type, job, data) SELECT (SELECT max(number) FROM events) +"
                   " row_number() OVER (ORDER BY id), type, job, data FROM taken",
                   err);
    fc_query_int(&q, AT_ONCE);
    status = fc_query_end(&q, moved);
    return status == FC_OK && *moved ? fc_fleet_notify(conn, FC_FLEET_EVENTS, "", err) : status;
}

static fc_status outbox_is_empty(fc_lib_conn *conn, bool *empty, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, "SELECT 1 FROM outbox LIMIT 1", err);
    *empty = !fc_query_row(&q);
    return fc_query_end(&q, NULL);
}

static fc_status give_numbers(fc_lib_conn *conn, fc_err *err)
{
    int moved = AT_ONCE;
    bool empty;
    fc_status status = outbox_is_empty(conn, &empty, err);
    if (status != FC_OK || empty) return status;
    while (status == FC_OK && moved >= AT_ONCE) {
        status = fc_lib_begin(conn, err);
        if (status == FC_OK) status = fc_lib_end(conn, number_some(conn, &moved, err), err);
    }
    return status;
}

/* ---- reading ---- */

static fc_status read_with(fc_fleet *f, const char *sql, int64_t first, int *count, fc_err *err)
{
    fc_query q;
    fc_arena arena;
    *count = 0;
    fc_arena_init(&arena, (size_t)64 << 20);
    fc_query_begin(&q, &f->events_conn, sql, err);
    fc_query_int(&q, first);
    for (; fc_query_row(&q); ++*count) {
        char type[40], job[FC_JOB_ID_SIZE];
        fc_query_copy_text(&q, 1, type, sizeof type);
        fc_query_copy_text(&q, 2, job, sizeof job);
        const char *data = fc_query_get_text(&q, 3, &arena);
        fc_events_append(f->config.events, (uint64_t)fc_query_get_int(&q, 0), type, *job ? job : NULL, data);
    }
    fc_arena_fini(&arena);
    return fc_query_end(&q, NULL);
}

static fc_status read_new(fc_fleet *f, fc_err *err)
{
    int count;
    fc_status status;
    do {
        status = read_with(
            f, "SELECT number, type, job, data FROM events WHERE number > ? ORDER BY number LIMIT 500",
            (int64_t)fc_events_last(f->config.events), &count, err);
    } while (status == FC_OK && count == AT_ONCE);
    return status;
}

/* ---- the thread ---- */

static bool closing(const fc_fleet *f)
{
    return __atomic_load_n(&f->closing, __ATOMIC_RELAXED) != 0;
}

/* Workers make previews while some server is looked at. */
static fc_status tell_watching(fc_fleet *f, fc_err *err)
{
    fc_query q;
    bool watched = __atomic_load_n(&f->watchers, __ATOMIC_RELAXED) > 0 ||
                   fc_unix_millis() < __atomic_load_n(&f->watched_until, __ATOMIC_RELAXED);
    if (!watched) return FC_OK;
    fc_query_begin(&q, &f->events_conn,
                   "INSERT INTO watching VALUES (?, now() + interval '15 s')"
                   " ON CONFLICT (server) DO UPDATE SET until = excluded.until",
                   err);
    fc_query_int(&q, f->server);
    return fc_query_end(&q, NULL);
}

static fc_status do_round(fc_fleet *f, double *tidied, double *watched, fc_err *err)
{
    double now = fc_now();
    fc_status status = give_numbers(&f->events_conn, err);
    if (status != FC_OK) return status;
    status = read_new(f, err);
    if (status != FC_OK) return status;
    if (now - *watched >= watch_seconds) {
        *watched = now;
        status = tell_watching(f, err);
        if (status != FC_OK) return status;
    }
    if (now - *tidied < tidy_seconds) return FC_OK;
    *tidied = now;
    return fc_fleet_tidy(&f->events_conn, f->lease, err);
}

static void pause_millis(int millis)
{
    const struct timespec t = {millis / 1000, (long)(millis % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static void *listen_for_events(void *fleet)
{
    fc_fleet *f = fleet;
    double tidied = 0, watched = 0;
    bool listens = false, told = false;
    pthread_setname_np(pthread_self(), "fc-events");
    while (!closing(f)) {
        char channel[64], payload[64];
        fc_err err = {0};
        fc_status status = listens ? FC_OK : fc_lib_run(&f->events_conn, "LISTEN " FC_FLEET_EVENTS, &err);
        listens = status == FC_OK;
        if (status == FC_OK) status = do_round(f, &tidied, &watched, &err);
        if (status == FC_OK)
            status = fc_pg_wait(&f->events_conn, f->wake_fd, POLL_MILLIS, channel, sizeof channel, payload,
                                sizeof payload, &err);
        if (status == FC_OK) {
            if (told) fc_log(FC_LOG_WARN, "the library answers again");
            told = false;
            if (*channel) pause_millis(GATHER_MILLIS); /* what comes meanwhile is done together */
            continue;
        }
        if (status == FC_NETWORK) listens = false;
        if (!told) fc_log(FC_LOG_WARN, "%s", err.message);
        told = true;
        pause_millis(RETRY_MILLIS);
    }
    return NULL;
}

static void forward(void *user, const char *type, const char *job, const char *json)
{
    const fc_fleet *f = user;
    fc_err err = {0};
    if (fc_fleet_tell_text(&f->config.library->writer, type, job, json, &err) != FC_OK)
        fc_log(FC_LOG_WARN, "an event is lost: %s", err.message);
}

fc_status fc_fleet_events_start(fc_fleet *f, fc_err *err)
{
    int count;
    fc_status status = fc_lib_conn_init(&f->events_conn, err);
    if (status != FC_OK) return status;
    status = fc_pg_connect(&f->events_conn, f->config.fleet->url, 0, err);
    if (status != FC_OK) return status;
    fc_events_share(f->config.events, 0, forward, f);
    status = read_with(
        f,
        "SELECT number, type, job, data FROM events WHERE number > (SELECT max(number) FROM events) - ?"
        " ORDER BY number",
        FIRST, &count, err);
    if (status != FC_OK) return status;
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->wake_fd < 0 || pthread_create(&f->listener, NULL, listen_for_events, f) != 0)
        return fc_fail(err, FC_NOMEM, "cannot start a thread");
    f->listener_runs = true;
    return FC_OK;
}

void fc_fleet_events_stop(fc_fleet *f)
{
    uint64_t one = 1;
    __atomic_store_n(&f->closing, 1, __ATOMIC_RELAXED);
    if (f->wake_fd >= 0) (void)!write(f->wake_fd, &one, sizeof one);
    if (f->listener_runs) pthread_join(f->listener, NULL);
    if (f->wake_fd >= 0) close(f->wake_fd);
    fc_lib_conn_fini(&f->events_conn);
}
