#include "support/painter.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "format/image.h"

enum { MAX_SIDE = 64 };

void painter_init(painter *p, const char *outputs)
{
    *p = (painter){.outputs = outputs, .steps_allowed = -1, .steps = 3, .side = 16};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
}

void painter_fini(painter *p)
{
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
}

void painter_allow(painter *p, int steps)
{
    pthread_mutex_lock(&p->lock);
    p->steps_allowed = steps < 0 ? -1 : p->steps_done + steps;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void painter_wait_steps(painter *p, int done)
{
    pthread_mutex_lock(&p->lock);
    while (p->steps_done < done) pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static int cancelled(const fc_job_work *work)
{
    return __atomic_load_n(work->cancel, __ATOMIC_RELAXED);
}

/* Waits for its turn as a real step takes its time: cancel is looked at meanwhile. */
static bool do_step(painter *p, const fc_job_work *work)
{
    for (int slept = 0; slept < p->step_millis && !cancelled(work); slept += 2) usleep(2000);
    pthread_mutex_lock(&p->lock);
    while (p->steps_allowed >= 0 && p->steps_done >= p->steps_allowed && !cancelled(work)) {
        struct timespec soon;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 2000000;
        if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
        pthread_cond_timedwait(&p->changed, &p->lock, &soon);
    }
    bool goes_on = !cancelled(work);
    if (goes_on) p->steps_done++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    return goes_on;
}

/* What an event of a finished picture points to. */
typedef struct texts {
    char path[500], metadata[300];
} texts;

static fc_status save(const painter *p, const char *job, fc_event *e, uint8_t *rgb, texts *t, fc_err *err)
{
    fc_buf file;
    const fc_image image = {rgb, p->side, p->side};
    snprintf(t->path, sizeof t->path, "%s/2024-05-17", p->outputs);
    fc_status status = fc_mkdir_all(t->path, err);
    fc_buf_init(&file, 1 << 20);
    if (status == FC_OK) status = fc_image_encode(&file, &image, FC_PNG, NULL, err);
    /* as with the engine, no two programs write the same file */
    snprintf(t->path, sizeof t->path, "%s/2024-05-17/%s_%d_%d.png", p->outputs, job, (int)e->image,
             (int)getpid());
    if (status == FC_OK) status = fc_file_write_atomic(t->path, file.data, file.len, err);
    fc_buf_fini(&file);
    if (status != FC_OK) return status;
    snprintf(
        t->metadata, sizeof t->metadata,
        "{\"prompt\": \"painted %d\", \"styles\": \"['SAI Anime']\", \"base_model\": \"paint.safetensors\","
        " \"seed\": \"%" PRIu64 "\"}",
        (int)e->image, e->seed);
    e->kind = FC_EVENT_IMAGE;
    e->path = t->path;
    e->rgb = rgb;
    e->metadata = t->metadata;
    return FC_OK;
}

/* FC_CANCELLED when it was stopped, FC_OK also when it was skipped. */
static fc_status paint(painter *p, const fc_job_work *work, fc_event e, const fc_hooks *hooks, fc_err *err)
{
    uint8_t rgb[MAX_SIDE * MAX_SIDE * 3];
    memset(rgb, (int)(e.seed & 0xff), sizeof rgb);
    for (e.step = 1; e.step <= p->steps; e.step++) {
        if (!do_step(p, work)) {
            if (cancelled(work) == FC_STOP) return fc_fail(err, FC_CANCELLED, "stopped");
            __atomic_store_n(work->cancel, FC_RUN, __ATOMIC_RELAXED);
            return FC_OK;
        }
        if (hooks->finish && __atomic_load_n(hooks->finish, __ATOMIC_RELAXED)) break;
        e.kind = FC_EVENT_STEP;
        e.fraction = (double)(e.image - 1) / e.images + (double)e.step / p->steps / e.images;
        hooks->on_event(hooks->user, &e);
        if (!__atomic_load_n(hooks->want_preview, __ATOMIC_RELAXED)) continue;
        p->previews++;
        fc_event preview = {.kind = FC_EVENT_PREVIEW, .rgb = rgb, .width = p->side, .height = p->side};
        hooks->on_event(hooks->user, &preview);
    }
    texts t;
    e.step = p->steps;
    fc_status status = save(p, work->id, &e, rgb, &t, err);
    if (status == FC_OK) hooks->on_event(hooks->user, &e);
    return status;
}

fc_status painter_run(void *user, const fc_job_work *work, const fc_hooks *hooks, fc_err *err)
{
    painter *p = user;
    json_t *parameters = json_loads(work->parameters, 0, NULL);
    json_t *count = json_object_get(parameters, "count");
    int64_t seed = 1;
    const char *seed_text = json_string_value(json_object_get(parameters, "seed"));
    if (seed_text) (void)fc_parse_i64(seed_text, &seed);
    int32_t images = count ? (int32_t)json_integer_value(count) : 1;
    json_decref(parameters);
    pthread_mutex_lock(&p->lock);
    p->runs++;
    p->first_image = work->first_image;
    fc_status status = p->fail_with;
    pthread_mutex_unlock(&p->lock);
    if (status != FC_OK) return fc_fail(err, status, "steps: the painter was told to fail");
    hooks->on_event(hooks->user, &(fc_event){.kind = FC_EVENT_PHASE, .text = "Mixing colours"});
    for (int32_t i = work->first_image; i < images && status == FC_OK; i++) {
        const fc_event e = {.image = i + 1,
                            .images = images,
                            .steps = p->steps,
                            .width = p->side,
                            .height = p->side,
                            .seconds_left = -1,
                            .seed = (uint64_t)(seed + i)};
        status = paint(p, work, e, hooks, err);
        bool ends = hooks->finish && __atomic_load_n(hooks->finish, __ATOMIC_RELAXED);
        if (ends && status == FC_OK && i + 1 < images) status = fc_fail(err, FC_CANCELLED, "stopped");
    }
    return status;
}
