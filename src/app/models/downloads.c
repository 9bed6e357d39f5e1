/* The server's downloads: a list, and one thread that fetches one file after the other. See downloads.h. */
#include "app/models/downloads.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/store.h"
#include "app/settings/problem.h"
#include "base/clock.h"
#include "base/mem.h"

enum { MAX_DOWNLOADS = 100, NAME_SIZE = 256, FOLDER_SIZE = 64 };
static const double event_seconds = 0.5;

typedef enum state { WAITING, RUNNING, CHECKING, DONE, FAILED, STOPPED } state;
static const char *const state_names[] = {"waiting", "running", "checking", "done", "failed", "stopped"};

typedef struct download {
    char name[NAME_SIZE], folder[FOLDER_SIZE];
    state state;
    uint64_t received, total;
    double rate, seconds_left;
    fc_err error; /* of a failed one */
} download;

struct fc_downloads {
    fc_live_config *settings;
    fc_events *events;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    download list[MAX_DOWNLOADS]; /* under lock, in the order of asking */
    size_t count;
    bool closing;
    download *current; /* the thread's own */
    double last_event; /* the thread's own */
    atomic_int cancel; /* of the running one */
};

static bool is_over(const download *w)
{
    return w->state >= DONE;
}

/* ---- showing ---- */

static json_t *to_json(const download *w)
{
    return json_pack(
        "{s:o, s:s, s:s, s:I, s:I, s:f, s:o, s:o}", "name", fc_json_text(w->name), "folder", w->folder,
        "state", state_names[w->state], "received", (json_int_t)w->received, "total", (json_int_t)w->total,
        "rate", w->rate, "seconds_left",
        w->state == RUNNING && w->seconds_left >= 0 ? json_real(w->seconds_left) : json_null(), "error",
        w->state == FAILED ? fc_problem_to_json(w->error.status, 0, w->error.message, NULL) : json_null());
}

/* The lock is not held. */
static void publish(fc_downloads *d, const download *w)
{
    pthread_mutex_lock(&d->lock);
    json_t *data = to_json(w);
    pthread_mutex_unlock(&d->lock);
    fc_events_publish(d->events, "download", NULL, data);
}

json_t *fc_downloads_to_json(fc_downloads *d)
{
    json_t *list = json_array();
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->count; i++) json_array_append_new(list, to_json(&d->list[i]));
    pthread_mutex_unlock(&d->lock);
    return list;
}

/* ---- the thread ---- */

static void on_progress(void *user, const fc_fetch_progress *p)
{
    fc_downloads *d = user;
    pthread_mutex_lock(&d->lock);
    state now = p->phase == FC_FETCH_CHECKING ? CHECKING : RUNNING;
    bool due = now != d->current->state || fc_now() - d->last_event >= event_seconds;
    d->current->state = now;
    d->current->received = p->done;
    if (p->total) d->current->total = p->total;
    d->current->rate = p->rate;
    d->current->seconds_left = p->seconds_left;
    pthread_mutex_unlock(&d->lock);
    if (!due) return;
    d->last_event = fc_now();
    publish(d, d->current);
}

static void no_warning(void *user, const char *text)
{
    (void)user;
    (void)text;
}

static fc_status fetch(fc_downloads *d, fc_err *err)
{
    fc_catalog catalog = {0};
    const fc_warn warn = {no_warning, NULL};
    fc_config *config = fc_live_config_take(d->settings);
    const fc_fetch_options options = {.on_progress = on_progress, .user = d, .cancel = &d->cancel};
    fc_status status = fc_catalog_open(&catalog, fc_config_home(config), config, warn, err);
    if (status == FC_OK) {
        const fc_catalog_model *model = fc_catalog_exact(&catalog, d->current->folder, d->current->name);
        status = model ? fc_modelstore_get(config, model, &options, NULL, 0, err)
                       : fc_fail(err, FC_NOT_FOUND, "%s is no longer in the catalogue", d->current->name);
    }
    fc_catalog_close(&catalog);
    fc_config_close(config);
    return status;
}

/* The lock is held, and let go while it runs. */
static void run(fc_downloads *d, download *w)
{
    fc_err err = {0};
    d->current = w;
    w->state = RUNNING;
    atomic_store(&d->cancel, 0);
    pthread_mutex_unlock(&d->lock);
    publish(d, w);
    fc_status status = fetch(d, &err);
    pthread_mutex_lock(&d->lock);
    w->state = status == FC_OK ? DONE : status == FC_CANCELLED ? STOPPED : FAILED;
    w->error = err;
    if (status == FC_OK) w->received = w->total;
    d->current = NULL;
    pthread_mutex_unlock(&d->lock);
    publish(d, w);
    pthread_mutex_lock(&d->lock);
}

static download *next_waiting(fc_downloads *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->list[i].state == WAITING) return &d->list[i];
    return NULL;
}

static void *work(void *user)
{
    fc_downloads *d = user;
    pthread_mutex_lock(&d->lock);
    while (!d->closing) {
        download *w = next_waiting(d);
        if (w)
            run(d, w);
        else
            pthread_cond_wait(&d->wake, &d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- opening, adding, stopping ---- */

fc_status fc_downloads_open(fc_live_config *settings, fc_events *events, fc_downloads **downloads,
                            fc_err *err)
{
    fc_downloads *d = *downloads = fc_calloc(1, sizeof *d);
    if (!d) return fc_fail(err, FC_NOMEM, "out of memory");
    d->settings = settings;
    d->events = events;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wake, NULL);
    if (pthread_create(&d->thread, NULL, work, d) == 0) return FC_OK;
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    fc_free(d);
    *downloads = NULL;
    return fc_fail(err, FC_NOMEM, "cannot start a thread");
}

void fc_downloads_close(fc_downloads *d)
{
    if (!d) return;
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    atomic_store(&d->cancel, 1);
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    fc_free(d);
}

static download *find(fc_downloads *d, const char *name)
{
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->list[i].name, name) == 0) return &d->list[i];
    return NULL;
}

/* A place for the model; `lock` is held. NULL: it is on its way already, or there is no room. */
static download *place_for(fc_downloads *d, const fc_catalog_model *model, fc_status *status, fc_err *err)
{
    download *w = find(d, model->name);
    *status = FC_OK;
    if (w) return is_over(w) ? w : NULL;
    if (d->count == MAX_DOWNLOADS)
        *status = fc_fail(err, FC_LIMIT, "more than %d downloads", MAX_DOWNLOADS);
    else if (strlen(model->name) >= NAME_SIZE || strlen(model->folder) >= FOLDER_SIZE)
        *status = fc_fail(err, FC_LIMIT, "the file name is too long: %s", model->name);
    return *status == FC_OK ? &d->list[d->count++] : NULL;
}

fc_status fc_downloads_add(fc_downloads *d, const fc_catalog_model *model, fc_err *err)
{
    fc_status status;
    pthread_mutex_lock(&d->lock);
    download *w = place_for(d, model, &status, err);
    if (w) {
        uint64_t kept = w->state == STOPPED ? w->received : 0;
        *w = (download){.received = kept, .total = fc_catalog_bytes(model), .seconds_left = -1};
        snprintf(w->name, sizeof w->name, "%s", model->name);
        snprintf(w->folder, sizeof w->folder, "%s", model->folder);
        pthread_cond_signal(&d->wake);
    }
    pthread_mutex_unlock(&d->lock);
    if (w) publish(d, w);
    return status;
}

fc_status fc_downloads_stop(fc_downloads *d, const char *name, fc_err *err)
{
    fc_status status = FC_OK;
    pthread_mutex_lock(&d->lock);
    download *w = find(d, name);
    bool waits = w && w->state == WAITING;
    if (!w)
        status = fc_fail(err, FC_NOT_FOUND, "there is no download of this name");
    else if (is_over(w))
        status = fc_fail(err, FC_BUSY, "the download is %s", state_names[w->state]);
    else if (waits)
        w->state = STOPPED;
    else
        atomic_store(&d->cancel, 1);
    pthread_mutex_unlock(&d->lock);
    if (waits) publish(d, w);
    return status;
}
