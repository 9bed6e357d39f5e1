/* The courier of a worker: signs of life, progress and previews out, orders in. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "app/common/json_text.h"
#include "app/queue/fleet_impl.h"
#include "app/queue/job_json.h"
#include "app/queue/store_pg.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { BUSY_MILLIS = 400, IDLE_MILLIS = 1500, RETRY_MILLIS = 600, MAX_PROGRESS = 4096 };
static const double offers_seconds = 60;

typedef struct courier {
    fc_fleet_worker *w;
    fc_lib_conn *conn;
    double beaten, offered; /* fc_now() of the latest sign of life, of the latest look at the model folders */
    uint64_t previews;
} courier;

/* ---- who this worker is ---- */

static fc_status look_at_files(courier *c, fc_err *err)
{
    const fc_fleet_config *config = c->w->fleet->config.fleet;
    fc_arena arena;
    fc_lines files;
    fc_arena_init(&arena, FC_TASK_MEMORY);
    fc_lines_init(&files, &arena);
    if (config->offers) config->offers(config->user, &files);
    const char *array = fc_fleet_array(&files, &arena);
    char *copy = array ? fc_strdup(array) : NULL;
    fc_arena_fini(&arena);
    if (!copy) return fc_fail(err, FC_NOMEM, "out of memory");
    pthread_mutex_lock(&c->w->lock);
    fc_free(c->w->offers);
    c->w->offers = copy;
    pthread_mutex_unlock(&c->w->lock);
    c->offered = fc_now();
    return FC_OK;
}

static fc_status sign_on(courier *c, fc_err *err)
{
    const fc_fleet_config *config = c->w->fleet->config.fleet;
    fc_query q;
    fc_status status = look_at_files(c, err);
    if (status != FC_OK) return status;
    fc_query_begin(&q, c->conn,
                   "INSERT INTO workers (name, version, device, memory, files) VALUES (?, ?, ?, ?, ?::text[])"
                   " RETURNING id",
                   err);
    fc_query_text(&q, config->name);
    fc_query_text(&q, FC_VERSION);
    fc_query_text(&q, config->device);
    fc_query_int(&q, config->memory);
    fc_query_text(&q, c->w->offers); /* only this thread changes them */
    int64_t id = fc_query_row(&q) ? fc_query_get_int(&q, 0) : 0;
    status = fc_query_end(&q, NULL);
    if (status != FC_OK) return status;
    pthread_mutex_lock(&c->w->lock);
    c->w->id = id;
    c->w->hint = true;
    pthread_cond_signal(&c->w->wake);
    pthread_mutex_unlock(&c->w->lock);
    return FC_OK;
}

static void sign_off(courier *c)
{
    fc_query q;
    fc_query_begin(&q, c->conn, "DELETE FROM workers WHERE id = ?", NULL);
    fc_query_int(&q, c->w->id);
    (void)!fc_query_end(&q, NULL); /* else it is forgotten in an hour */
}

/* ---- signs of life ---- */

static void obey(fc_fleet_worker *w, const fc_fleet_task *task, const fc_fleet_orders *orders)
{
    pthread_mutex_lock(&w->lock);
    if (w->busy && w->task.fence == task->fence) {
        if (orders->lost) __atomic_store_n(&w->lost, 1, __ATOMIC_RELAXED);
        if (orders->finish) __atomic_store_n(&w->finish, 1, __ATOMIC_RELAXED);
        if (orders->lost || orders->cancel || orders->skip) {
            __atomic_store_n(&w->stop_wanted, orders->skip && !orders->lost && !orders->cancel ? 2 : 1,
                             __ATOMIC_RELAXED);
            __atomic_store_n(&w->cancel, FC_STOP, __ATOMIC_RELAXED);
        }
        w->progress.stopping = orders->cancel || orders->finish;
        w->progress.skipped = orders->skip;
        w->changed |= orders->skip || w->progress.stopping;
    }
    pthread_mutex_unlock(&w->lock);
}

static fc_status extend_lease(courier *c, fc_err *err)
{
    fc_fleet_worker *w = c->w;
    fc_fleet_orders orders;
    pthread_mutex_lock(&w->lock);
    bool busy = w->busy, stalled = fc_now() - w->last_word > FC_FLEET_STALLED;
    const fc_fleet_task task = w->task;
    pthread_mutex_unlock(&w->lock);
    if (!busy) return FC_OK;
    if (stalled) {
        fc_log(FC_LOG_ERROR, "the engine has said nothing for an hour: its picture is left to other workers");
        return FC_OK;
    }
    fc_status status = fc_fleet_extend(c->conn, &task, w->fleet->lease, &orders, err);
    if (status == FC_OK) obey(w, &task, &orders);
    return status;
}

static fc_status beat(courier *c, fc_err *err)
{
    fc_fleet_worker *w = c->w;
    fc_query q;
    char step[32], drain[8] = "", watched[8] = "";
    if (fc_now() - c->offered > offers_seconds) {
        fc_status status = look_at_files(c, err);
        if (status != FC_OK) return status;
    }
    fc_status status = extend_lease(c, err);
    if (status != FC_OK) return status;
    pthread_mutex_lock(&w->lock);
    bool idle = !w->busy;
    char loaded[FC_FLEET_TEXT];
    memcpy(loaded, w->loaded, sizeof loaded);
    snprintf(step, sizeof step, "%.4f", w->step_seconds);
    pthread_mutex_unlock(&w->lock);
    fc_query_begin(
        &q, c->conn,
        "UPDATE workers SET seen = now(), idle = ?::integer <> 0, loaded = ?, step_seconds = ?::float8,"
        " files = ?::text[] WHERE id = ?"
        " RETURNING drain, EXISTS (SELECT 1 FROM watching WHERE until > now())",
        err);
    fc_query_int(&q, idle);
    fc_query_text(&q, loaded);
    fc_query_text(&q, step);
    fc_query_text(&q, w->offers);
    fc_query_int(&q, w->id);
    bool known = fc_query_row(&q);
    if (known) {
        fc_query_copy_text(&q, 0, drain, sizeof drain);
        fc_query_copy_text(&q, 1, watched, sizeof watched);
    }
    status = fc_query_end(&q, NULL);
    if (status != FC_OK) return status;
    if (!known) return sign_on(c, err); /* it was away so long that it was forgotten */
    pthread_mutex_lock(&w->lock);
    if (w->drain && drain[0] != 't') pthread_cond_signal(&w->wake);
    w->drain = drain[0] == 't';
    __atomic_store_n(&w->want_preview, watched[0] == 't' && w->task.preview, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&w->lock);
    c->beaten = fc_now();
    return FC_OK;
}

/* ---- progress ---- */

/* bytea as text: \x and hexadecimal digits. */
static char *hex_of(const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *out = fc_alloc(2 * size + 3);
    if (!out) return NULL;
    memcpy(out, "\\x", 2);
    for (size_t i = 0; i < size; i++) {
        out[2 + 2 * i] = digits[data[i] >> 4];
        out[3 + 2 * i] = digits[data[i] & 15];
    }
    out[2 + 2 * size] = '\0';
    return out;
}

/* Writes the row of the picture in work; -> how far its whole job is, with all who work on it. */
static fc_status write_live(courier *c, const fc_fleet_task *task, double fraction, const char *progress,
                            const char *preview, double *whole, fc_err *err)
{
    fc_query q;
    char number[32];
    snprintf(number, sizeof number, "%.5f", fraction);
    fc_query_begin(&q, c->conn,
                   "INSERT INTO live (job, number, fraction, progress, preview_number, preview)"
                   " VALUES (?, ?, ?::float8, ?, ?, ?::bytea) ON CONFLICT (job, number) DO UPDATE SET"
                   " fraction = excluded.fraction, progress = excluded.progress,"
                   " preview_number = greatest(live.preview_number, excluded.preview_number),"
                   " preview = coalesce(excluded.preview, live.preview)",
                   err);
    fc_query_text(&q, task->job);
    fc_query_int(&q, task->number);
    fc_query_text(&q, number);
    fc_query_text(&q, progress);
    fc_query_int(&q, (int64_t)c->previews);
    fc_query_text(&q, preview);
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK) return status;
    fc_query_begin(
        &q, c->conn,
        "SELECT ((j.next_image + (SELECT coalesce(sum(fraction), 0) FROM live WHERE job = j.id)) * 1000000 /"
        " greatest(j.images, 1))::bigint FROM jobs j WHERE j.id = ?",
        err);
    fc_query_text(&q, task->job);
    *whole = fc_query_row(&q) ? (double)fc_query_get_int(&q, 0) / 1e6 : fraction;
    return fc_query_end(&q, NULL);
}

static fc_status tell_preview(courier *c, const fc_fleet_task *task, fc_err *err)
{
    return fc_fleet_tell(c->conn, "preview", task->job,
                         json_pack("{s:s, s:I}", "job", task->job, "seq", (json_int_t)c->previews), err);
}

/* Nothing is told of a task behind its end: the row is held until this is written. */
static fc_status hold_task(courier *c, const fc_fleet_task *task, bool *mine, fc_err *err)
{
    fc_query q;
    fc_query_begin(
        &q, c->conn,
        "SELECT 1 FROM tasks WHERE job = ? AND number = ? AND fence = ? AND state = 1 FOR KEY SHARE", err);
    fc_query_text(&q, task->job);
    fc_query_int(&q, task->number);
    fc_query_int(&q, task->fence);
    *mine = fc_query_row(&q);
    return fc_query_end(&q, NULL);
}

typedef struct news { /* what is to be told, taken from the drawer */
    fc_fleet_task task;
    fc_job_progress progress;
    double fraction;
    char *preview; /* as the database reads it; NULL: no new one */
} news;

static fc_status write_news(courier *c, const news *n, fc_err *err)
{
    fc_buf text;
    bool mine;
    double whole = 0;
    fc_status status = hold_task(c, &n->task, &mine, err);
    if (status != FC_OK || !mine) return status;
    json_t *json = fc_progress_to_json(&n->progress);
    json_object_set_new(json, "job", json_string(n->task.job));
    fc_buf_init(&text, MAX_PROGRESS);
    fc_json_write(json, JSON_COMPACT, &text);
    status = text.status == FC_OK ? write_live(c, &n->task, n->fraction, text.data, n->preview, &whole, err)
                                  : fc_fail(err, text.status, "out of memory");
    if (status != FC_OK) goto out;
    json_object_set_new(json, "fraction", json_real(whole));
    status = fc_fleet_tell(c->conn, "progress", n->task.job, json_incref(json), err);
    if (status != FC_OK || !n->preview) goto out;
    status = tell_preview(c, &n->task, err);
out:
    json_decref(json);
    fc_buf_fini(&text);
    return status;
}

/* False: there is nothing new. */
static bool take_news(courier *c, news *n)
{
    fc_fleet_worker *w = c->w;
    pthread_mutex_lock(&w->lock);
    bool changed = w->busy && w->changed;
    *n = (news){.task = w->task, .progress = w->progress, .fraction = w->fraction};
    uint8_t *jpeg = changed ? w->preview : NULL;
    size_t size = w->preview_size;
    if (changed) {
        w->changed = false;
        w->preview = NULL;
    }
    pthread_mutex_unlock(&w->lock);
    if (jpeg) {
        n->preview = hex_of(jpeg, size);
        c->previews = (uint64_t)fc_unix_millis();
    }
    n->progress.preview = c->previews;
    fc_free(jpeg);
    return changed;
}

static fc_status tell_progress(courier *c, fc_err *err)
{
    news n;
    if (!take_news(c, &n)) return FC_OK;
    fc_status status = fc_lib_begin(c->conn, err);
    if (status != FC_OK) goto out;
    status = fc_lib_end(c->conn, write_news(c, &n, err), err);
out:
    fc_free(n.preview);
    return status;
}

/* ---- the thread ---- */

/* Whether the drawer has ended, so that nothing is left to carry. */
static bool look(fc_fleet_worker *w, bool *busy, char job[FC_JOB_ID_SIZE])
{
    pthread_mutex_lock(&w->lock);
    bool ends = w->drawn;
    *busy = w->busy;
    memcpy(job, w->task.job, FC_JOB_ID_SIZE);
    pthread_mutex_unlock(&w->lock);
    return ends;
}

static void hint(fc_fleet_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->hint = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static fc_status begin_round(courier *c, bool *listens, fc_err *err)
{
    fc_fleet_worker *w = c->w;
    if (!*listens) {
        fc_status status = fc_lib_run(c->conn, "LISTEN " FC_FLEET_WORK, err);
        if (status != FC_OK) return status;
        *listens = true;
        hint(w); /* something may have come while nobody listened */
    }
    if (!w->id) return sign_on(c, err);
    bool due = fc_now() - c->beaten > (double)w->fleet->lease / FC_FLEET_BEATS;
    return due ? beat(c, err) : FC_OK;
}

static fc_status do_round(courier *c, bool *listens, fc_err *err)
{
    fc_fleet_worker *w = c->w;
    bool busy;
    char channel[64], payload[64], job[FC_JOB_ID_SIZE];
    fc_status status = begin_round(c, listens, err);
    if (status != FC_OK) return status;
    status = tell_progress(c, err);
    if (status != FC_OK) return status;
    (void)look(w, &busy, job);
    status = fc_pg_wait(c->conn, w->wake_fd, busy ? BUSY_MILLIS : IDLE_MILLIS, channel, sizeof channel,
                        payload, sizeof payload, err);
    if (status != FC_OK || !*channel) return status;
    if (!*payload)
        hint(w);
    else if (strcmp(payload, "all") == 0 || strcmp(payload, job) == 0)
        status = beat(c, err);
    return status;
}

void *fc_fleet_carry(void *worker)
{
    fc_fleet_worker *w = worker;
    courier c = {.w = w, .conn = &w->courier_conn};
    bool listens = false, told = false, busy;
    char job[FC_JOB_ID_SIZE];
    pthread_setname_np(pthread_self(), "fc-courier");
    while (!look(w, &busy, job)) {
        fc_err err = {0};
        fc_status status = do_round(&c, &listens, &err);
        if (status == FC_OK) {
            if (told) fc_log(FC_LOG_WARN, "the library answers again");
            told = false;
            continue;
        }
        if (status == FC_NETWORK) listens = false;
        if (!told) fc_log(FC_LOG_WARN, "%s", err.message);
        told = true;
        const struct timespec pause = {0, RETRY_MILLIS * 1000000L};
        nanosleep(&pause, NULL);
    }
    sign_off(&c);
    return NULL;
}
