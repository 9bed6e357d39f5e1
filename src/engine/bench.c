/* Parts of the engine run alone, for measuring. See bench.h. */
#include "engine/bench.h"

#include <string.h>

#include "base/mem.h"
#include "diffusion/rng.h"
#include "engine/engine_impl.h"

#define BENCH_MAX_BYTES ((size_t)2 << 30)

fc_task fc_bench_task(int32_t width, int32_t height, int32_t steps)
{
    static const char *const positive[] = {"a lighthouse by the sea at sunset, watercolor, detailed"};
    static const char *const negative[] = {"blurry, low quality, text"};
    fc_task task = fc_task_ordinary();
    task.positive = (fc_text_list){positive, 1, 1};
    task.negative = (fc_text_list){negative, 1, 1};
    task.width = width;
    task.height = height;
    task.steps = task.steps_total = steps;
    task.image = task.images = 1;
    return task;
}

fc_status fc_bench_text(fc_engine *e, const fc_task *task, fc_err *err)
{
    fc_arena arena;
    fc_conditions side;
    fc_status status = FC_OK;
    fc_arena_init(&arena, BENCH_MAX_BYTES);
    fc_engine_begin(e, false);
    fc_text_cache_fini(&e->texts);
    fc_text_cache_init(&e->texts);
    for (int negative = 0; negative < 2 && !status; negative++)
        status = fc_engine_conditions(e, task, &fc_recipe_2_5, negative, false, &arena, &side, err);
    fc_arena_fini(&arena);
    return status;
}

bool fc_bench_can_decode(const fc_engine *e, fc_bench_decoder decoder)
{
    if (decoder == FC_BENCH_TAESD) return e->model[FC_ROLE_PREVIEW] != NULL;
    const fc_model *m = fc_engine_vae_model(e);
    return m && m->vae;
}

static fc_status decode_vae(fc_engine *e, bool strips, const float *latent, int32_t h, int32_t w, fc_err *err)
{
    size_t plane = (size_t)h * (size_t)w;
    float *pixels = fc_alloc(plane * 4 * sizeof *pixels), *image = fc_alloc(plane * 64 * 3 * sizeof *image);
    fc_status status = pixels && image ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
    if (!status) {
        for (size_t i = 0; i < plane * 4; i++) pixels[i] = latent[i % 4 * plane + i / 4];
        status = fc_engine_decode_vae(e, pixels, h, w, strips, image, err);
    }
    fc_free(pixels);
    fc_free(image);
    return status;
}

/* As the engine does it for a picture. */
static fc_status decode_fast(fc_engine *e, const float *latent, int32_t h, int32_t w, fc_err *err)
{
    fc_task task = fc_bench_task(w * 8, h * 8, 1);
    size_t bytes = (size_t)h * (size_t)w * 4 * sizeof(float);
    fc_picture picture = {.latent = fc_alloc(bytes), .latent_width = w, .latent_height = h};
    if (!picture.latent) return fc_fail(err, FC_NOMEM, "out of memory");
    memcpy(picture.latent, latent, bytes);
    task.fast_vae = true;
    fc_status status = fc_engine_decode(e, &task, NULL, &picture, err);
    fc_picture_fini(&picture);
    return status;
}

fc_status fc_bench_decode(fc_engine *e, fc_bench_decoder decoder, int32_t width, int32_t height, fc_err *err)
{
    int32_t h = height / 8, w = width / 8;
    size_t count = (size_t)h * (size_t)w * 4;
    if (!fc_bench_can_decode(e, decoder)) return fc_fail(err, FC_UNSUPPORTED, "there is no such decoder");
    float *latent = fc_alloc(count * sizeof *latent);
    if (!latent) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_rng rng;
    fc_rng_seed(&rng, 1);
    fc_rng_normal(&rng, latent, count);
    for (size_t i = 0; i < count; i++) latent[i] /= FC_VAE_SCALE;
    fc_engine_begin(e, false);
    fc_status status = decoder == FC_BENCH_TAESD
                           ? decode_fast(e, latent, h, w, err)
                           : decode_vae(e, decoder == FC_BENCH_STRIPS, latent, h, w, err);
    fc_free(latent);
    return status;
}

/* ---- the list of operations ---- */

struct listing {
    fc_dev *dev;
    fc_oplog *log;
    int stop;
};

/* The first step shares its run with what is prepared once, the second is a step and nothing else. */
static void on_event(void *user, const fc_event *event)
{
    struct listing *l = user;
    if (event->kind == FC_EVENT_PHASE && strcmp(event->text, FC_PHASE_ENCODING) == 0) {
        l->log->part = FC_BENCH_OPS_CONTEXT;
        fc_oplog_attach(l->dev, l->log);
    }
    if (event->kind == FC_EVENT_PHASE && strcmp(event->text, FC_PHASE_DRAWING) == 0)
        fc_oplog_attach(l->dev, NULL);
    if (event->kind == FC_EVENT_STEP && event->step == 1) {
        l->log->part = FC_BENCH_OPS_STEP;
        fc_oplog_attach(l->dev, l->log);
    }
    if (event->kind == FC_EVENT_STEP && event->step == 2) {
        fc_oplog_attach(l->dev, NULL);
        l->stop = FC_STOP;
    }
}

/* Texts first: then the run knows them and only the rest is new. */
static fc_status list_ops(fc_engine *e, const fc_task *task, fc_oplog *out, fc_err *err)
{
    struct listing l = {.dev = e->dev, .log = out};
    const fc_hooks hooks = {.user = &l, .on_event = on_event};
    fc_picture picture;
    fc_task run = *task;
    run.steps = run.steps_total = 3;
    out->part = FC_BENCH_OPS_TEXT;
    fc_oplog_attach(e->dev, out);
    fc_status status = fc_bench_text(e, task, err);
    fc_oplog_attach(e->dev, NULL);
    if (status) return status;
    fc_engine_lend_cancel_flag(e, &l.stop);
    status = fc_engine_run(e, &run, &hooks, &picture, err);
    fc_engine_lend_cancel_flag(e, NULL);
    fc_picture_fini(&picture);
    if (status != FC_CANCELLED)
        return status ? status : fc_fail(err, FC_INTERNAL, "the run of three steps did not stop");
    if (!fc_bench_can_decode(e, FC_BENCH_WHOLE)) return FC_OK;
    out->part = FC_BENCH_OPS_DECODE;
    fc_oplog_attach(e->dev, out);
    return fc_bench_decode(e, FC_BENCH_WHOLE, task->width, task->height, err);
}

fc_status fc_bench_list_ops(const char *model, fc_precision precision, const fc_task *task, fc_oplog *out,
                            fc_err *err)
{
    const fc_engine_config config = {.precision = precision, .memory = FC_MEMORY_FAST};
    fc_engine *e;
    out->count = 0;
    out->overflow = false;
    fc_status status = fc_engine_open_with(&fc_oplog_backend, &config, &e, err);
    if (status) return status;
    status = fc_engine_load(e, &(fc_model_choice){.base = model}, NULL, err);
    if (status) goto out;
    status = list_ops(e, task, out, err);
    if (status) goto out;
    if (out->overflow) status = fc_fail(err, FC_LIMIT, "the model has too many kinds of operations");
out:
    fc_engine_close(e);
    return status;
}
