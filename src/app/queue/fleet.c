/* See fleet.h. */
#include "app/queue/fleet.h"

#include <stdio.h>
#include <string.h>
#include "app/queue/fleet_impl.h"
#include "app/queue/jobs_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

enum { WATCH_MILLIS = 15000 };

static fc_lib_conn *writer(fc_fleet *f)
{
    return &f->config.library->writer;
}

static fc_lib_conn *reader(fc_fleet *f)
{
    return &f->config.library->reader;
}

/* ---- submit ---- */

static fc_status find_repetition(fc_fleet *f, const fc_job_request *request, char id[FC_JOB_ID_SIZE],
                                 bool *existed, fc_err *err)
{
    return fc_library_job_repeated(f->config.library, request->key, request->fingerprint, id, existed, err);
}

static fc_status needs_of(const fc_job_request *request, fc_arena *arena, const char **array, fc_err *err)
{
    fc_lines files;
    fc_lines_init(&files, arena);
    for (size_t i = 0; i < request->need_count; i++)
        fc_lines_add(&files, request->needs[i], strlen(request->needs[i]));
    *array = fc_fleet_array(&files, arena);
    return *array ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

static fc_status add(fc_fleet *f, const fc_job_request *request, char id[FC_JOB_ID_SIZE], fc_err *err)
{
    fc_job_row row = {.parameters = request->parameters,
                      .prompt = request->prompt,
                      .key = request->key,
                      .fingerprint = request->fingerprint ? request->fingerprint : "",
                      .created = fc_unix_millis(),
                      .images = request->images,
                      .preview = request->preview};
    fc_fleet_job job = {.row = &row,
                        .owner = request->owner ? request->owner : "",
                        .priority = request->priority,
                        .max_queued = f->config.max_queued};
    fc_arena arena;
    fc_arena_init(&arena, FC_TASK_MEMORY);
    pthread_mutex_lock(&f->names_lock);
    fc_status status = fc_ulid_next(&f->names, row.created, row.id, err);
    pthread_mutex_unlock(&f->names_lock);
    if (status != FC_OK) goto out;
    status = needs_of(request, &arena, &job.needs, err);
    if (status != FC_OK) goto out;
    status = fc_fleet_add(writer(f), &job, err);
    if (status == FC_OK) memcpy(id, row.id, FC_JOB_ID_SIZE);
out:
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_fleet_submit(fc_fleet *f, const fc_job_request *request, char id[FC_JOB_ID_SIZE], bool *existed,
                          fc_err *err)
{
    fc_status status = find_repetition(f, request, id, existed, err);
    if (status != FC_OK || *existed) return status;
    status = add(f, request, id, err);
    if (status != FC_BUSY || !request->key) return status;
    return find_repetition(f, request, id, existed, err); /* another server was quicker */
}

/* ---- changes ---- */

fc_status fc_fleet_skip_picture(fc_fleet *f, const char *id, fc_err *err)
{
    return fc_fleet_skip(writer(f), id, err);
}

fc_status fc_fleet_cancel(fc_fleet *f, const char *id, bool finish, fc_err *err)
{
    return fc_fleet_end(writer(f), id, finish ? "finish" : "cancel", NULL, err);
}

fc_status fc_fleet_move_to(fc_fleet *f, const char *id, int32_t position, fc_err *err)
{
    return fc_fleet_move(writer(f), id, position < 0 ? 0 : position, err);
}

fc_status fc_fleet_remove(fc_fleet *f, const char *id, fc_err *err)
{
    return fc_fleet_delete(writer(f), id, err);
}

/* ---- questions ---- */

int32_t fc_fleet_place(fc_fleet *f, const char *id)
{
    int32_t position;
    return fc_fleet_position(reader(f), id, &position, NULL) == FC_OK ? position : -1;
}

/* While the library is away nothing is known, and a job that was there goes on. */
bool fc_fleet_is_active(fc_fleet *f, const char *id)
{
    fc_query q;
    fc_query_begin(&q, reader(f), "SELECT 1 FROM jobs WHERE id = ? AND state IN ('queued', 'running')", NULL);
    fc_query_text(&q, id);
    bool active = fc_query_row(&q);
    fc_status status = fc_query_end(&q, NULL);
    return active || status == FC_NETWORK;
}

void fc_fleet_get_state(fc_fleet *f, fc_jobs_state *out)
{
    fc_query q;
    *out = (fc_jobs_state){.seconds_per_step = -1};
    fc_query_begin(&q, reader(f),
                   "SELECT (SELECT count(*) FROM jobs WHERE state = 'queued'),"
                   " (SELECT min(id) FROM jobs WHERE state = 'running'),"
                   " (SELECT (min(step_seconds) * 1000)::bigint FROM workers WHERE step_seconds > 0"
                   " AND seen > now() - interval '30 s')",
                   NULL);
    if (fc_query_row(&q)) {
        out->waiting = (int32_t)fc_query_get_int(&q, 0);
        fc_query_copy_text(&q, 1, out->running, sizeof out->running);
        if (!fc_query_is_null(&q, 2)) out->seconds_per_step = (double)fc_query_get_int(&q, 2) / 1000;
    }
    (void)!fc_query_end(&q, NULL);
}

static void read_progress(const json_t *json, fc_job_progress *out)
{
    const char *phase = json_string_value(json_object_get(json, "phase"));
    const json_t *left = json_object_get(json, "seconds_left");
    *out = (fc_job_progress){
        .image = (int32_t)json_integer_value(json_object_get(json, "image")),
        .images = (int32_t)json_integer_value(json_object_get(json, "images")),
        .step = (int32_t)json_integer_value(json_object_get(json, "step")),
        .steps = (int32_t)json_integer_value(json_object_get(json, "steps")),
        .seconds_left = json_is_number(left) ? json_number_value(left) : -1,
        .preview = (uint64_t)json_integer_value(json_object_get(json, "preview")),
        .skipped = json_is_true(json_object_get(json, "skipping")),
        .stopping = json_is_true(json_object_get(json, "stopping")),
    };
    snprintf(out->phase, sizeof out->phase, "%s", phase ? phase : "");
}

/* Of several pictures in work the first stands for the job; how far it is counts all. */
bool fc_fleet_progress(fc_fleet *f, const char *id, fc_job_progress *out)
{
    fc_query q;
    char text[2048] = "";
    int64_t fraction = 0;
    fc_query_begin(
        &q, reader(f),
        "SELECT l.progress, ((j.next_image + (SELECT sum(fraction) FROM live WHERE job = j.id)) * 1000000 /"
        " greatest(j.images, 1))::bigint FROM live l JOIN jobs j ON j.id = l.job"
        " WHERE l.job = ? AND j.state = 'running' ORDER BY l.number LIMIT 1",
        NULL);
    fc_query_text(&q, id);
    if (fc_query_row(&q)) {
        fc_query_copy_text(&q, 0, text, sizeof text);
        fraction = fc_query_get_int(&q, 1);
    }
    if (fc_query_end(&q, NULL) != FC_OK || !*text) return false;
    json_t *json = json_loads(text, 0, NULL);
    if (!json) return false;
    read_progress(json, out);
    out->fraction = (double)fraction / 1e6;
    json_decref(json);
    return true;
}

static int digit(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

uint64_t fc_fleet_preview(fc_fleet *f, const char *id, fc_buf *out)
{
    fc_query q;
    fc_arena arena;
    uint64_t number = 0;
    fc_arena_init(&arena, FC_TASK_MEMORY);
    fc_query_begin(
        &q, reader(f),
        "SELECT preview_number, encode(preview, 'hex') FROM live WHERE job = ? AND preview IS NOT NULL"
        " ORDER BY preview_number DESC LIMIT 1",
        NULL);
    fc_query_text(&q, id);
    if (fc_query_row(&q)) {
        number = (uint64_t)fc_query_get_int(&q, 0);
        for (const char *hex = fc_query_get_text(&q, 1, &arena); hex[0] && hex[1]; hex += 2)
            fc_buf_putc(out, (char)(digit(hex[0]) << 4 | digit(hex[1])));
    }
    if (fc_query_end(&q, NULL) != FC_OK) number = 0;
    fc_arena_fini(&arena);
    return number;
}

void fc_fleet_watch(fc_fleet *f, int change)
{
    int before = __atomic_fetch_add(&f->watchers, change, __ATOMIC_RELAXED);
    int64_t now = fc_unix_millis(), until = __atomic_load_n(&f->watched_until, __ATOMIC_RELAXED);
    bool first = change > 0 ? before == 0 : change == 0 && now > until;
    if (change == 0) __atomic_store_n(&f->watched_until, now + WATCH_MILLIS, __ATOMIC_RELAXED);
    if (!first) return;
    fc_query q; /* tells the workers at once; the thread of the events goes on with it */
    fc_query_begin(
        &q, writer(f),
        "WITH told AS (INSERT INTO watching VALUES (?, now() + interval '15 s') ON CONFLICT (server)"
        " DO UPDATE SET until = excluded.until) SELECT pg_notify('" FC_FLEET_WORK "', 'all')",
        NULL);
    fc_query_int(&q, f->server);
    (void)!fc_query_end(&q, NULL);
}

/* ---- opening ---- */

fc_status fc_fleet_open(const fc_jobs_config *config, fc_fleet **fleet, fc_err *err)
{
    *fleet = NULL;
    fc_fleet *f = fc_calloc(1, sizeof *f);
    if (!f) return fc_fail(err, FC_NOMEM, "out of memory");
    f->config = *config;
    f->wake_fd = -1;
    f->lease = config->fleet->lease_seconds > 0 ? config->fleet->lease_seconds : FC_FLEET_LEASE;
    pthread_mutex_init(&f->names_lock, NULL);
    fc_status status = fc_random_bytes(&f->server, sizeof f->server, err);
    if (status != FC_OK) goto out;
    status = fc_fleet_events_start(f, err);
    if (status != FC_OK) goto out;
    if (config->fleet->draws) status = fc_fleet_worker_start(f, err);
out:
    if (status != FC_OK)
        fc_fleet_close(f);
    else
        *fleet = f;
    return status;
}

void fc_fleet_close(fc_fleet *f)
{
    if (!f) return;
    fc_fleet_worker_stop(f->worker);
    fc_fleet_events_stop(f);
    pthread_mutex_destroy(&f->names_lock);
    fc_free(f);
}
