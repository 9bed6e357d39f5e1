/* The worker thread: takes the first waiting job, runs it, turns the engine's events into ours. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/queue/job_json.h"
#include "app/queue/jobs_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static const double progress_seconds = 0.1; /* between events about steps */
static const double speed_weight = 0.2;     /* of the newest step in the running mean */

/* ---- events of the engine ---- */

static void publish_progress(fc_jobs *j)
{
    pthread_mutex_lock(&j->live);
    j->current.last_progress = fc_now();
    json_t *progress = fc_progress_to_json(&j->current.progress);
    pthread_mutex_unlock(&j->live);
    json_object_set_new(progress, "job", json_string(j->current.id));
    fc_events_publish(j->config.events, "progress", j->current.id, progress);
}

static void on_phase(fc_jobs *j, const fc_event *e)
{
    pthread_mutex_lock(&j->live);
    snprintf(j->current.progress.phase, sizeof j->current.progress.phase, "%s", e->text ? e->text : "");
    pthread_mutex_unlock(&j->live);
    publish_progress(j);
}

static void measure_step(fc_jobs *j, const fc_event *e)
{
    double now = fc_now(), seconds = now - j->current.last_step;
    if (e->step > 1 && j->current.last_step > 0)
        j->seconds_per_step = j->seconds_per_step < 0
                                  ? seconds
                                  : (1 - speed_weight) * j->seconds_per_step + speed_weight * seconds;
    j->current.last_step = now;
}

/* Pictures before number `image` are behind us, made or skipped. */
static void advance(fc_jobs *j, int32_t image)
{
    fc_err err = {0};
    if (image - 1 <= j->current.next_image) return;
    j->current.next_image = image - 1;
    if (fc_library_job_advance(j->config.library, j->current.id, image - 1, &err) != FC_OK)
        fc_log(FC_LOG_ERROR, "job %s: %s", j->current.id, err.message);
}

static void on_step(fc_jobs *j, const fc_event *e)
{
    pthread_mutex_lock(&j->live);
    fc_job_progress *p = &j->current.progress;
    p->skipped = p->skipped && p->image == e->image;
    p->image = e->image;
    p->images = e->images;
    p->step = e->step;
    p->steps = e->steps;
    p->fraction = e->fraction;
    p->seconds_left = e->seconds_left;
    measure_step(j, e);
    fc_jobs_update_watch(j);
    bool due = fc_now() - j->current.last_progress >= progress_seconds || e->step == e->steps;
    pthread_mutex_unlock(&j->live);
    advance(j, e->image);
    if (due) publish_progress(j);
}

static void on_preview(fc_jobs *j, const fc_event *e)
{
    uint8_t *data;
    size_t size;
    fc_err err = {0};
    if (fc_jobs_encode_preview(e, &data, &size, &err) != FC_OK) {
        fc_log(FC_LOG_WARN, "preview: %s", err.message);
        return;
    }
    pthread_mutex_lock(&j->live);
    fc_free(j->current.preview);
    j->current.preview = data;
    j->current.preview_size = size;
    uint64_t number = j->current.progress.preview = ++j->preview_number;
    pthread_mutex_unlock(&j->live);
    fc_events_publish(j->config.events, "preview", j->current.id,
                      json_pack("{s:s, s:I}", "job", j->current.id, "seq", (json_int_t)number));
}

static void warn(fc_jobs *j, const char *text)
{
    if (json_array_size(j->current.warnings) < FC_JOBS_MAX_WARNINGS)
        json_array_append_new(j->current.warnings, fc_json_text(text));
    json_t *data = json_pack("{s:s, s:o}", "job", j->current.id, "text", fc_json_text(text));
    fc_events_publish(j->config.events, "warning", j->current.id, data);
}

static void on_image(fc_jobs *j, const fc_event *e)
{
    fc_err err = {0};
    if (fc_jobs_keep_picture(j, e, &err) != FC_OK) {
        char text[sizeof err.message + 64];
        snprintf(text, sizeof text, "a picture is saved, but not in the history: %s", err.message);
        warn(j, text);
    } else {
        j->current.next_image = e->image;
    }
    pthread_mutex_lock(&j->live);
    j->current.progress.fraction = e->fraction;
    pthread_mutex_unlock(&j->live);
    publish_progress(j);
}

static void on_event(void *user, const fc_event *e)
{
    fc_jobs *j = user;
    if (__atomic_load_n(&j->stop_wanted, __ATOMIC_RELAXED))
        __atomic_store_n(&j->cancel, FC_STOP, __ATOMIC_RELAXED);
    switch (e->kind) {
    case FC_EVENT_PHASE:
        on_phase(j, e);
        break;
    case FC_EVENT_STEP:
        on_step(j, e);
        break;
    case FC_EVENT_PREVIEW:
        if (e->rgb) on_preview(j, e);
        break;
    case FC_EVENT_IMAGE:
        on_image(j, e);
        break;
    case FC_EVENT_WARNING:
        warn(j, e->text ? e->text : "");
        break;
    }
}

/* ---- one job ---- */

static void finish(fc_jobs *j, const char *id, fc_job_state state, const fc_err *problem)
{
    fc_buf warnings;
    fc_err err = {0};
    fc_buf_init(&warnings, FC_JOBS_MEMORY);
    fc_json_write(j->current.warnings, JSON_COMPACT, &warnings);
    const fc_job_end end = {state, fc_unix_millis(), problem ? problem->status : FC_OK,
                            problem ? problem->message : "",
                            warnings.status == FC_OK && warnings.len ? warnings.data : "[]"};
    if (state == FC_JOB_FAILED) fc_log(FC_LOG_ERROR, "job %s: %s", id, end.error_text);
    if (fc_library_job_finish(j->config.library, id, &end, &err) != FC_OK)
        fc_log(FC_LOG_ERROR, "job %s: %s", id, err.message);
    fc_buf_fini(&warnings);
}

/* `queue` is held; false: the job cannot be run. */
static bool start(fc_jobs *j, const char *id, fc_arena *arena, fc_job_row *row)
{
    fc_err err = {0};
    fc_status status = fc_library_job_get(j->config.library, id, arena, row, &err);
    if (status == FC_OK && row->attempts >= FC_JOBS_MAX_ATTEMPTS) {
        fc_fail(&err, FC_INTERNAL,
                "the program ended %d times while it worked on this picture, so it is given up",
                row->attempts);
        finish(j, id, FC_JOB_FAILED, &err);
        return false;
    }
    if (status != FC_OK) goto out;
    status = fc_library_job_start(j->config.library, id, fc_unix_millis(), &err);
out:
    if (status != FC_OK) fc_log(FC_LOG_ERROR, "job %s cannot be started: %s", id, err.message);
    return status == FC_OK;
}

static void set_current(fc_jobs *j, const fc_job_row *row)
{
    pthread_mutex_lock(&j->live);
    fc_free(j->current.preview);
    json_decref(j->current.warnings);
    j->current = (fc_jobs_current){.warnings = json_array()};
    if (row) {
        memcpy(j->current.id, row->id, sizeof j->current.id);
        j->current.next_image = row->next_image;
        j->current.wants_preview = row->preview;
        j->current.parameters = row->parameters;
        j->current.progress =
            (fc_job_progress){.image = row->next_image + 1, .images = row->images, .seconds_left = -1};
    }
    fc_jobs_update_watch(j);
    pthread_mutex_unlock(&j->live);
}

/* `queue` is held, and let go while the job runs. */
static void run(fc_jobs *j, const fc_job_row *row)
{
    const fc_job_work work = {row->id, row->parameters, row->next_image, &j->cancel};
    const fc_hooks hooks = {
        .user = j, .on_event = on_event, .want_preview = &j->want_preview, .finish = &j->finish};
    fc_err err = {0};
    __atomic_store_n(&j->stop_wanted, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&j->finish, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&j->cancel, FC_RUN, __ATOMIC_RELAXED);
    set_current(j, row);
    fc_jobs_announce(j, row->id);
    pthread_mutex_unlock(&j->queue);
    fc_status status =
        row->next_image >= row->images ? FC_OK : j->config.run(j->config.user, &work, &hooks, &err);
    pthread_mutex_lock(&j->queue);
    bool stopped =
        __atomic_load_n(&j->stop_wanted, __ATOMIC_RELAXED) || __atomic_load_n(&j->finish, __ATOMIC_RELAXED);
    err.status = status;
    if (j->closing && status == FC_CANCELLED) {
        if (fc_library_job_requeue(j->config.library, row->id, 0, true, &err) != FC_OK)
            fc_log(FC_LOG_ERROR, "job %s: %s", row->id, err.message);
    } else if (status == FC_OK) {
        finish(j, row->id, FC_JOB_DONE, NULL);
    } else {
        bool cancelled = stopped && status == FC_CANCELLED;
        bool of_machine = status == FC_FULL || status == FC_IO || status == FC_NOMEM || status == FC_INTERNAL;
        if (of_machine) fc_log(FC_LOG_ERROR, "job %s failed: %s", row->id, err.message);
        finish(j, row->id, cancelled ? FC_JOB_CANCELLED : FC_JOB_FAILED, cancelled ? NULL : &err);
    }
    set_current(j, NULL);
    fc_jobs_announce(j, row->id);
}

void *fc_jobs_work(void *jobs)
{
    fc_jobs *j = jobs;
    pthread_setname_np(pthread_self(), "fc-jobs"); /* its OpenMP threads inherit the name */
    pthread_mutex_lock(&j->queue);
    set_current(j, NULL);
    while (!j->closing) {
        if (!j->count) {
            pthread_cond_wait(&j->wake, &j->queue);
            continue;
        }
        fc_arena arena;
        fc_job_row row;
        char id[FC_JOB_ID_SIZE];
        fc_arena_init(&arena, FC_JOBS_MEMORY);
        memcpy(id, j->ids[0], sizeof id);
        bool runs = start(j, id, &arena, &row);
        fc_jobs_remove(j, 0);
        if (runs)
            run(j, &row);
        else
            fc_jobs_announce(j, id);
        fc_arena_fini(&arena);
    }
    set_current(j, NULL);
    json_decref(j->current.warnings);
    pthread_mutex_unlock(&j->queue);
    return NULL;
}
