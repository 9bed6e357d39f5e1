/* The queue: submit, cancel, move, delete, and what can be asked. The worker is in worker.c; what is
 * different when several programs share the queue, in fleet.c. */
#include "app/queue/jobs.h"

#include <stdio.h>
#include <string.h>
#include "app/queue/fleet.h"
#include "app/queue/job_json.h"
#include "app/queue/jobs_impl.h"
#include "base/clock.h"
#include "base/mem.h"

enum { WATCH_MILLIS = 15000 };

static bool is_running(fc_jobs *j, const char *id)
{
    pthread_mutex_lock(&j->live);
    bool running = strcmp(j->current.id, id) == 0;
    pthread_mutex_unlock(&j->live);
    return running;
}

/* ---- submit ---- */

static fc_status add(fc_jobs *j, const fc_job_request *request, char id[FC_JOB_ID_SIZE], fc_err *err)
{
    fc_job_row row = {.place = j->last_place + 1,
                      .parameters = request->parameters,
                      .prompt = request->prompt,
                      .key = request->key,
                      .fingerprint = request->fingerprint ? request->fingerprint : "",
                      .created = fc_unix_millis(),
                      .images = request->images,
                      .preview = request->preview};
    if (j->closing) return fc_fail(err, FC_CANCELLED, "the program is ending");
    if (j->count >= (size_t)j->config.max_queued)
        return fc_fail(err, FC_LIMIT, "the queue is full: %zu jobs are waiting, try again later", j->count);
    fc_status status = fc_ulid_next(&j->names, row.created, row.id, err);
    if (status != FC_OK) return status;
    status = fc_library_job_add(j->config.library, &row, err);
    if (status != FC_OK) return status;
    j->last_place = row.place;
    memcpy(id, row.id, FC_JOB_ID_SIZE);
    fc_jobs_insert(j, j->count, id);
    fc_jobs_announce(j, id);
    pthread_cond_signal(&j->wake);
    return FC_OK;
}

fc_status fc_jobs_submit(fc_jobs *j, const fc_job_request *request, char id[FC_JOB_ID_SIZE], bool *existed,
                         fc_err *err)
{
    if (j->fleet) return fc_fleet_submit(j->fleet, request, id, existed, err);
    pthread_mutex_lock(&j->queue);
    fc_status status =
        fc_library_job_repeated(j->config.library, request->key, request->fingerprint, id, existed, err);
    if (status != FC_OK) goto out;
    if (!*existed) status = add(j, request, id, err);
out:
    pthread_mutex_unlock(&j->queue);
    return status;
}

/* ---- cancel, move, delete ---- */

/* What to say about a job that is not in a fitting state. */
static fc_status not_fitting(fc_jobs *j, const char *id, const char *problem, fc_err *err)
{
    fc_arena arena;
    fc_job_row row;
    fc_arena_init(&arena, FC_JOBS_MEMORY);
    fc_status status = fc_library_job_get(j->config.library, id, &arena, &row, err);
    if (status != FC_OK) goto out;
    status = fc_fail(err, FC_BUSY, "the job is %s, %s", fc_job_state_name(row.state), problem);
out:
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_jobs_skip(fc_jobs *j, const char *id, fc_err *err)
{
    if (j->fleet) return fc_fleet_skip_picture(j->fleet, id, err);
    pthread_mutex_lock(&j->live);
    bool running = strcmp(j->current.id, id) == 0;
    if (running) {
        int expected = FC_RUN; /* never takes a stop back */
        __atomic_compare_exchange_n(&j->cancel, &expected, FC_SKIP_IMAGE, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
        j->current.progress.skipped = true;
    }
    pthread_mutex_unlock(&j->live);
    return running ? FC_OK : not_fitting(j, id, "only a picture in work can be skipped", err);
}

static bool stop(fc_jobs *j, const char *id)
{
    pthread_mutex_lock(&j->live);
    bool running = strcmp(j->current.id, id) == 0;
    if (running) {
        __atomic_store_n(&j->stop_wanted, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&j->cancel, FC_STOP, __ATOMIC_RELAXED);
        j->current.progress.stopping = true;
    }
    pthread_mutex_unlock(&j->live);
    return running;
}

fc_status fc_jobs_cancel(fc_jobs *j, const char *id, fc_err *err)
{
    if (j->fleet) return fc_fleet_cancel(j->fleet, id, false, err);
    fc_status status = FC_OK;
    pthread_mutex_lock(&j->queue);
    size_t at = fc_jobs_find(j, id);
    if (at < j->count) {
        const fc_job_end end = {FC_JOB_CANCELLED, fc_unix_millis(), FC_OK, "", "[]"};
        status = fc_library_job_finish(j->config.library, id, &end, err);
        if (status == FC_OK) {
            fc_jobs_remove(j, at);
            fc_jobs_announce(j, id);
        }
    } else if (!stop(j, id)) {
        status = not_fitting(j, id, "there is nothing to cancel", err);
    }
    pthread_mutex_unlock(&j->queue);
    return status;
}

fc_status fc_jobs_finish(fc_jobs *j, const char *id, fc_err *err)
{
    if (j->fleet) return fc_fleet_cancel(j->fleet, id, true, err);
    pthread_mutex_lock(&j->live);
    bool running = strcmp(j->current.id, id) == 0;
    if (running) {
        __atomic_store_n(&j->finish, 1, __ATOMIC_RELAXED);
        j->current.progress.stopping = true;
    }
    pthread_mutex_unlock(&j->live);
    return running ? FC_OK : fc_jobs_cancel(j, id, err);
}

fc_status fc_jobs_move(fc_jobs *j, const char *id, int32_t position, fc_err *err)
{
    if (j->fleet) return fc_fleet_move_to(j->fleet, id, position, err);
    fc_status status;
    char name[FC_JOB_ID_SIZE];
    snprintf(name, sizeof name, "%s", id); /* id may point into the queue */
    pthread_mutex_lock(&j->queue);
    size_t from = fc_jobs_find(j, name);
    if (from == j->count) {
        status = not_fitting(j, name, "only a waiting job can be moved", err);
    } else {
        size_t to = position < 0 ? 0 : (size_t)position;
        fc_jobs_remove(j, from);
        if (to > j->count) to = j->count;
        fc_jobs_insert(j, to, name);
        status =
            fc_library_order_queue(j->config.library, (const char(*)[FC_JOB_ID_SIZE])j->ids, j->count, err);
        if (status == FC_OK) {
            if (j->last_place < (int64_t)j->count) j->last_place = (int64_t)j->count;
            fc_jobs_announce_queue(j);
        } else { /* memory says what the file says */
            fc_jobs_remove(j, to);
            fc_jobs_insert(j, from, name);
        }
    }
    pthread_mutex_unlock(&j->queue);
    return status;
}

fc_status fc_jobs_delete(fc_jobs *j, const char *id, fc_err *err)
{
    if (j->fleet) return fc_fleet_remove(j->fleet, id, err);
    pthread_mutex_lock(&j->queue);
    size_t at = fc_jobs_find(j, id);
    fc_status status = is_running(j, id) ? fc_fail(err, FC_BUSY, "the job is running, cancel it first")
                                         : fc_library_job_delete(j->config.library, id, err);
    if (status == FC_OK) {
        if (at < j->count) fc_jobs_remove(j, at);
        fc_events_publish(j->config.events, "job_removed", id, json_pack("{s:s}", "id", id));
        fc_jobs_announce_queue(j);
    }
    pthread_mutex_unlock(&j->queue);
    return status;
}

/* ---- questions ---- */

int32_t fc_jobs_position(fc_jobs *j, const char *id)
{
    if (j->fleet) return fc_fleet_place(j->fleet, id);
    pthread_mutex_lock(&j->queue);
    size_t at = fc_jobs_find(j, id);
    int32_t position = at < j->count ? (int32_t)at : -1;
    pthread_mutex_unlock(&j->queue);
    return position;
}

bool fc_jobs_is_active(fc_jobs *j, const char *id)
{
    if (j->fleet) return fc_fleet_is_active(j->fleet, id);
    pthread_mutex_lock(&j->queue);
    bool active = fc_jobs_find(j, id) < j->count || is_running(j, id);
    pthread_mutex_unlock(&j->queue);
    return active;
}

void fc_jobs_get_state(fc_jobs *j, fc_jobs_state *out)
{
    if (j->fleet) {
        fc_fleet_get_state(j->fleet, out);
        return;
    }
    pthread_mutex_lock(&j->queue);
    out->waiting = (int32_t)j->count;
    pthread_mutex_lock(&j->live);
    memcpy(out->running, j->current.id, sizeof out->running);
    out->seconds_per_step = j->seconds_per_step;
    pthread_mutex_unlock(&j->live);
    pthread_mutex_unlock(&j->queue);
}

bool fc_jobs_progress(fc_jobs *j, const char *id, fc_job_progress *out)
{
    if (j->fleet) return fc_fleet_progress(j->fleet, id, out);
    pthread_mutex_lock(&j->live);
    bool running = strcmp(j->current.id, id) == 0;
    if (running) *out = j->current.progress;
    pthread_mutex_unlock(&j->live);
    return running;
}

uint64_t fc_jobs_preview(fc_jobs *j, const char *id, fc_buf *out)
{
    if (j->fleet) return fc_fleet_preview(j->fleet, id, out);
    uint64_t number = 0;
    pthread_mutex_lock(&j->live);
    if (strcmp(j->current.id, id) == 0 && j->current.preview) {
        fc_buf_append(out, j->current.preview, j->current.preview_size);
        number = j->current.progress.preview;
    }
    pthread_mutex_unlock(&j->live);
    return number;
}

void fc_jobs_watch(fc_jobs *j, int change)
{
    if (j->fleet) {
        fc_fleet_watch(j->fleet, change);
        return;
    }
    __atomic_add_fetch(&j->watchers, change, __ATOMIC_RELAXED);
    if (change == 0) __atomic_store_n(&j->watched_until, fc_unix_millis() + WATCH_MILLIS, __ATOMIC_RELAXED);
    pthread_mutex_lock(&j->live);
    fc_jobs_update_watch(j);
    pthread_mutex_unlock(&j->live);
}

/* ---- opening ---- */

static fc_status load_queue(fc_jobs *j, fc_err *err)
{
    fc_status status = fc_library_recover(j->config.library, err);
    if (status != FC_OK) goto out;
    status = fc_library_queue(j->config.library, j->ids, (size_t)j->config.max_queued, &j->count, err);
    if (status != FC_OK) goto out;
    status = fc_library_order_queue(j->config.library, (const char(*)[FC_JOB_ID_SIZE])j->ids, j->count, err);
out:
    j->last_place = (int64_t)j->count;
    return status;
}

static fc_status open_fleet(fc_jobs *j, fc_jobs **jobs, fc_err *err)
{
    fc_status status = fc_fleet_open(&j->config, &j->fleet, err);
    if (status != FC_OK)
        fc_free(j);
    else
        *jobs = j;
    return status;
}

fc_status fc_jobs_open(const fc_jobs_config *config, fc_jobs **jobs, fc_err *err)
{
    *jobs = NULL;
    fc_jobs *j = fc_calloc(1, sizeof *j);
    if (!j) return fc_fail(err, FC_NOMEM, "out of memory");
    j->config = *config;
    if (j->config.max_queued <= 0) j->config.max_queued = FC_JOBS_MAX_QUEUED;
    if (config->fleet) return open_fleet(j, jobs, err);
    j->seconds_per_step = -1;
    j->ids = fc_calloc((size_t)j->config.max_queued + 1, sizeof *j->ids);
    fc_status status = j->ids ? load_queue(j, err) : fc_fail(err, FC_NOMEM, "out of memory");
    if (status == FC_OK) {
        pthread_mutex_init(&j->queue, NULL);
        pthread_mutex_init(&j->live, NULL);
        pthread_cond_init(&j->wake, NULL);
        if (pthread_create(&j->worker, NULL, fc_jobs_work, j) == 0) {
            *jobs = j;
            return FC_OK;
        }
        status = fc_fail(err, FC_NOMEM, "cannot start the worker thread");
    }
    fc_free(j->ids);
    fc_free(j);
    return status;
}

void fc_jobs_close(fc_jobs *j)
{
    if (!j) return;
    if (j->fleet) {
        fc_fleet_close(j->fleet);
        fc_free(j);
        return;
    }
    pthread_mutex_lock(&j->queue);
    j->closing = true;
    __atomic_store_n(&j->stop_wanted, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&j->cancel, FC_STOP, __ATOMIC_RELAXED);
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->queue);
    pthread_join(j->worker, NULL);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->live);
    pthread_mutex_destroy(&j->queue);
    fc_free(j->ids);
    fc_free(j);
}
