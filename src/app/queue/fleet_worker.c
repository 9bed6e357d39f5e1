/* The drawer of a worker: claims a task, lets the engine draw that one picture, records it. */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "app/queue/fleet_impl.h"
#include "app/queue/jobs_impl.h"
#include "app/queue/store_pg.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

enum { POLL_SECONDS = 2, RETRY_MILLIS = 500, PATH_SIZE = 4096 };
static const double record_seconds = 600; /* for a database that is away while a picture is ready */
static const double speed_weight = 0.2;   /* of the newest step in the running mean */

/* What the drawer knows of the task in work besides what the courier sees. */
typedef struct drawing {
    fc_fleet_worker *w;
    const fc_fleet_task *task;
    bool recorded, lost;
} drawing;

static void pause_millis(int millis)
{
    const struct timespec t = {millis / 1000, (long)(millis % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static bool is_closing(fc_fleet_worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool ends = w->closing;
    pthread_mutex_unlock(&w->lock);
    return ends;
}

/* What passes by itself; each is tried again. */
static bool passes(fc_status status)
{
    return status == FC_NETWORK || status == FC_BUSY || status == FC_FULL;
}

/* ---- events of the engine ---- */

static void on_phase(fc_fleet_worker *w, const fc_event *e)
{
    pthread_mutex_lock(&w->lock);
    snprintf(w->progress.phase, sizeof w->progress.phase, "%s", e->text ? e->text : "");
    w->changed = true;
    pthread_mutex_unlock(&w->lock);
}

static void on_step(fc_fleet_worker *w, const fc_event *e)
{
    pthread_mutex_lock(&w->lock);
    double now = fc_now(), seconds = now - w->last_step;
    if (e->step > 1 && w->last_step > 0)
        w->step_seconds =
            w->step_seconds < 0 ? seconds : (1 - speed_weight) * w->step_seconds + speed_weight * seconds;
    w->last_step = now;
    w->progress.image = e->image;
    w->progress.step = e->step;
    w->progress.steps = e->steps;
    w->progress.seconds_left = w->step_seconds < 0 ? -1 : w->step_seconds * (e->steps - e->step);
    w->fraction = e->steps > 0 ? 0.99 * e->step / e->steps : 0;
    w->changed = true;
    pthread_mutex_unlock(&w->lock);
}

static void on_preview(fc_fleet_worker *w, const fc_event *e)
{
    uint8_t *data;
    size_t size;
    fc_err err = {0};
    if (fc_jobs_encode_preview(e, &data, &size, &err) != FC_OK) {
        fc_log(FC_LOG_WARN, "preview: %s", err.message);
        return;
    }
    pthread_mutex_lock(&w->lock);
    fc_free(w->preview);
    w->preview = data;
    w->preview_size = size;
    w->changed = true;
    pthread_mutex_unlock(&w->lock);
}

/* A picture that nobody will ever ask for: another worker drew it, or the job is gone. */
static void remove_unwanted(drawing *d, const fc_picture_row *row, const char *path)
{
    fc_query q;
    fc_query_begin(&q, &d->w->draw_conn, "SELECT 1 FROM pictures WHERE path = ?", NULL);
    fc_query_text(&q, row->path);
    bool used = fc_query_row(&q);
    if (fc_query_end(&q, NULL) == FC_OK && !used) unlink(path);
}

/* Until it is recorded or somebody else has the task; the lease goes on meanwhile. */
static void record(drawing *d, const fc_event *e)
{
    fc_fleet_worker *w = d->w;
    fc_arena arena;
    fc_picture_row row;
    fc_err err = {0};
    const char *outputs = w->fleet->config.outputs;
    double given_up = fc_now() + record_seconds;
    fc_arena_init(&arena, FC_JOBS_MEMORY);
    fc_status status =
        fc_jobs_describe_picture(outputs, d->task->job, d->task->parameters, e, &arena, &row, &err);
    if (status != FC_OK) goto out;
    do {
        status = fc_fleet_record(&w->draw_conn, d->task, &row, w->id, &err);
        if (passes(status)) pause_millis(RETRY_MILLIS);
    } while (passes(status) && fc_now() < given_up && !(is_closing(w) && status != FC_NETWORK));
    if (status == FC_OK) fc_jobs_make_thumbnail(outputs, row.id, e);
    if (status == FC_CANCELLED) remove_unwanted(d, &row, e->path);
out:
    d->recorded = status == FC_OK;
    d->lost = !d->recorded;
    if (d->lost)
        fc_log(FC_LOG_WARN, "job %s, picture %d: %s", d->task->job, (int)d->task->number, err.message);
    fc_arena_fini(&arena);
}

static void warn(drawing *d, const char *text)
{
    fc_err err = {0};
    if (fc_fleet_warn(&d->w->draw_conn, d->task->job, text, &err) != FC_OK)
        fc_log(FC_LOG_WARN, "job %s: %s (not kept: %s)", d->task->job, text, err.message);
}

static void on_event(void *user, const fc_event *e)
{
    drawing *d = user;
    fc_fleet_worker *w = d->w;
    bool over = d->recorded || d->lost || (e->kind == FC_EVENT_STEP && e->image != d->task->number);
    pthread_mutex_lock(&w->lock);
    w->last_word = fc_now();
    pthread_mutex_unlock(&w->lock);
    if (over || __atomic_load_n(&w->stop_wanted, __ATOMIC_RELAXED))
        __atomic_store_n(&w->cancel, FC_STOP, __ATOMIC_RELAXED);
    if (over) return;
    switch (e->kind) {
    case FC_EVENT_PHASE:
        on_phase(w, e);
        break;
    case FC_EVENT_STEP:
        on_step(w, e);
        break;
    case FC_EVENT_PREVIEW:
        if (e->rgb) on_preview(w, e);
        break;
    case FC_EVENT_IMAGE:
        record(d, e);
        __atomic_store_n(&w->cancel, FC_STOP, __ATOMIC_RELAXED); /* the next one is a task of its own */
        break;
    case FC_EVENT_WARNING:
        warn(d, e->text ? e->text : "");
        break;
    }
}

/* ---- one task ---- */

static void set_task(fc_fleet_worker *w, const fc_fleet_task *task)
{
    pthread_mutex_lock(&w->lock);
    fc_free(w->preview);
    w->preview = NULL;
    w->busy = task != NULL;
    w->task = task ? *task : (fc_fleet_task){0};
    w->fraction = 0;
    w->changed = false;
    w->last_step = 0;
    w->last_word = fc_now();
    w->progress = (fc_job_progress){.image = w->task.number, .images = w->task.images, .seconds_left = -1};
    __atomic_store_n(&w->stop_wanted, w->closing, __ATOMIC_RELAXED);
    __atomic_store_n(&w->finish, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&w->lost, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&w->cancel, w->closing ? FC_STOP : FC_RUN, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&w->lock);
}

/* What a failure says about: this machine, or the request. */
static bool is_of_machine(fc_status status)
{
    return status == FC_NOMEM || status == FC_DEVICE || status == FC_IO || status == FC_FULL ||
           status == FC_NOT_FOUND || status == FC_INTERNAL;
}

static fc_fleet_result result_of(fc_fleet_worker *w, fc_status status)
{
    int stop = __atomic_load_n(&w->stop_wanted, __ATOMIC_RELAXED);
    if (status == FC_OK || (status == FC_CANCELLED && stop == 2)) return FC_TASK_SKIPPED;
    if (status == FC_CANCELLED) return FC_TASK_RETURNED; /* of a job that is not wanted it is the end */
    return is_of_machine(status) ? FC_TASK_UNABLE : FC_TASK_FAILED;
}

static void give_up(fc_fleet_worker *w, const fc_fleet_task *task, fc_status drawn, const fc_err *why)
{
    fc_err err = {0};
    fc_fleet_result result = result_of(w, drawn);
    double until = fc_now() + w->fleet->lease; /* behind it the lease says the same */
    fc_status status;
    if (result == FC_TASK_UNABLE) fc_log(FC_LOG_ERROR, "job %s failed here: %s", task->job, why->message);
    do {
        status = fc_fleet_give_up(&w->draw_conn, task, result, w->id, why, &err);
        if (passes(status)) pause_millis(RETRY_MILLIS);
    } while (passes(status) && fc_now() < until);
    if (status != FC_OK) fc_log(FC_LOG_WARN, "job %s: %s", task->job, err.message);
}

static void draw(fc_fleet_worker *w, const fc_fleet_task *task)
{
    drawing d = {.w = w, .task = task};
    const fc_job_work work = {task->job, task->parameters, task->number - 1, &w->cancel};
    const fc_hooks hooks = {
        .user = &d, .on_event = on_event, .want_preview = &w->want_preview, .finish = &w->finish};
    fc_err err = {0};
    set_task(w, task);
    if (fc_fleet_started(&w->draw_conn, task->job, &err) != FC_OK)
        fc_log(FC_LOG_WARN, "job %s: %s", task->job, err.message);
    fc_status status = w->fleet->config.run(w->fleet->config.user, &work, &hooks, &err);
    err.status = status;
    if (d.recorded) {
        pthread_mutex_lock(&w->lock);
        snprintf(w->loaded, sizeof w->loaded, "%s", task->base);
        pthread_mutex_unlock(&w->lock);
    } else if (!d.lost && !__atomic_load_n(&w->lost, __ATOMIC_RELAXED)) {
        give_up(w, task, status, &err);
    }
    set_task(w, NULL);
}

/* ---- the thread ---- */

/* Waits until there may be work; false: it is over. */
static bool wait_for_work(fc_fleet_worker *w)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += POLL_SECONDS;
    pthread_mutex_lock(&w->lock);
    while (!w->closing && (!w->hint || w->drain || !w->id))
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) != 0 && w->id && !w->drain) break;
    w->hint = false;
    bool goes_on = !w->closing;
    pthread_mutex_unlock(&w->lock);
    return goes_on;
}

/* Texts of a claim, as they are now. */
static fc_fleet_claim make_claim(fc_fleet_worker *w, fc_arena *arena)
{
    pthread_mutex_lock(&w->lock);
    fc_fleet_claim claim = {w->id, fc_arena_strdup(arena, w->offers ? w->offers : "{}"),
                            fc_arena_strdup(arena, w->loaded), w->fleet->lease};
    pthread_mutex_unlock(&w->lock);
    return claim;
}

/* False: there is nothing to do now. */
static bool draw_next(fc_fleet_worker *w)
{
    fc_arena arena;
    fc_fleet_task task;
    fc_err err = {0};
    fc_arena_init(&arena, FC_TASK_MEMORY);
    const fc_fleet_claim claim = make_claim(w, &arena);
    fc_status status = claim.offers && claim.loaded
                           ? fc_fleet_claim_task(&w->draw_conn, &claim, &arena, &task, &err)
                           : fc_fail(&err, FC_NOMEM, "out of memory");
    if (status == FC_OK)
        draw(w, &task);
    else if (status != FC_NOT_FOUND && status != FC_NETWORK)
        fc_log(FC_LOG_ERROR, "no job can be taken: %s", err.message);
    fc_arena_fini(&arena);
    return status == FC_OK;
}

static bool may_draw(fc_fleet_worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool may = !w->closing && !w->drain;
    pthread_mutex_unlock(&w->lock);
    return may;
}

static void *work(void *worker)
{
    fc_fleet_worker *w = worker;
    pthread_setname_np(pthread_self(), "fc-jobs"); /* its OpenMP threads inherit the name */
    while (wait_for_work(w))
        while (may_draw(w) && draw_next(w)) continue;
    return NULL;
}

/* ---- start and stop ---- */

static void wake_courier(fc_fleet_worker *w)
{
    uint64_t one = 1;
    if (w->wake_fd >= 0) (void)!write(w->wake_fd, &one, sizeof one);
}

static fc_status connect(fc_fleet_worker *w, fc_err *err)
{
    const char *url = w->fleet->config.fleet->url;
    fc_status status = fc_pg_connect(&w->draw_conn, url, 0, err);
    return status == FC_OK ? fc_pg_connect(&w->courier_conn, url, 0, err) : status;
}

fc_status fc_fleet_worker_start(fc_fleet *f, fc_err *err)
{
    fc_fleet_worker *w = fc_calloc(1, sizeof *w);
    if (!w) return fc_fail(err, FC_NOMEM, "out of memory");
    f->worker = w;
    w->fleet = f;
    w->step_seconds = -1;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    fc_status status = fc_lib_conn_init(&w->draw_conn, err);
    if (status != FC_OK) return status;
    status = fc_lib_conn_init(&w->courier_conn, err);
    if (status != FC_OK) return status;
    status = connect(w, err);
    if (status != FC_OK) return status;
    w->drawer_runs = pthread_create(&w->drawer, NULL, work, w) == 0;
    w->courier_runs = w->drawer_runs && pthread_create(&w->courier, NULL, fc_fleet_carry, w) == 0;
    return w->courier_runs ? FC_OK : fc_fail(err, FC_NOMEM, "cannot start the worker's threads");
}

void fc_fleet_worker_stop(fc_fleet_worker *w)
{
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    __atomic_store_n(&w->stop_wanted, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&w->cancel, FC_STOP, __ATOMIC_RELAXED);
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->drawer_runs) pthread_join(w->drawer, NULL);
    pthread_mutex_lock(&w->lock);
    w->drawn = true;
    pthread_mutex_unlock(&w->lock);
    wake_courier(w);
    if (w->courier_runs) pthread_join(w->courier, NULL);
    fc_lib_conn_fini(&w->draw_conn);
    fc_lib_conn_fini(&w->courier_conn);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    if (w->wake_fd >= 0) close(w->wake_fd);
    fc_free(w->offers);
    fc_free(w->preview);
    fc_free(w);
}
