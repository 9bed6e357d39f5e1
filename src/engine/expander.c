/* See expander.h. */
#include "engine/expander.h"

#include "base/mem.h"
#include "model/detect.h"
#include "model/gpt2.h"

#define ARENA_CAP ((size_t)1 << 20)

struct fc_expander {
    fc_arena arena; /* of the text */
    const fc_backend *backend;
    fc_dev *dev;
    fc_packcache packs;
    fc_cx cx;
    fc_weights *weights;
    fc_gpt2 *net;
    fc_gpt2_text text;
    fc_mark mark; /* below the text */
    bool reading; /* there is a text */
};

static fc_status open_all(fc_expander *e, const char *path, fc_err *err)
{
    fc_model_info info;
    fc_status status = fc_weights_open(&e->weights, path, err);
    if (status != FC_OK) return status;
    status = fc_model_require(e->weights, FC_USE_GPT2, &info, err);
    if (status != FC_OK) return fc_fail_prefix(err, "%s", path);
    status = fc_gpt2_open(&e->net, e->weights, err);
    if (status != FC_OK) return fc_fail_prefix(err, "%s", path);
    e->backend = fc_backend_get("cpu");
    status = e->backend->open(&(fc_backend_opts){0}, &e->dev, err);
    if (status != FC_OK) return status;
    fc_packcache_init(&e->packs, e->backend, e->dev, SIZE_MAX);
    fc_cx_init(&e->cx,
               &(fc_cx_opts){.backend = e->backend, .dev = e->dev, .packs = &e->packs, .act = FC_F32});
    return FC_OK;
}

fc_status fc_expander_open(fc_expander **out, const char *path, fc_err *err)
{
    *out = NULL;
    fc_expander *e = fc_calloc(1, sizeof *e);
    if (!e) return fc_fail(err, FC_NOMEM, "out of memory while opening the language model");
    fc_arena_init(&e->arena, ARENA_CAP);
    fc_status status = open_all(e, path, err);
    if (status) {
        fc_expander_close(e);
        return status;
    }
    *out = e;
    return FC_OK;
}

static void end_text(fc_expander *e)
{
    if (!e->reading) return;
    fc_leave(&e->cx, e->mark);
    fc_cx_reset(&e->cx);
    fc_arena_fini(&e->arena);
    fc_arena_init(&e->arena, ARENA_CAP);
    e->reading = false;
}

void fc_expander_close(fc_expander *e)
{
    if (!e) return;
    fc_gpt2_close(e->net);
    if (e->dev) {
        fc_cx_fini(&e->cx);
        fc_packcache_fini(&e->packs);
        e->backend->close(e->dev);
    }
    fc_weights_close(e->weights);
    fc_arena_fini(&e->arena);
    fc_free(e);
}

int32_t fc_expander_words(const fc_expander *e)
{
    return fc_gpt2_words(e->net);
}

int32_t fc_expander_context(const fc_expander *e)
{
    return fc_gpt2_context(e->net);
}

void fc_expander_begin(fc_expander *e)
{
    end_text(e);
    e->mark = fc_enter(&e->cx, "expansion");
    fc_gpt2_begin(&e->cx, e->net, fc_gpt2_context(e->net), &e->arena, &e->text);
    e->reading = true;
}

fc_status fc_expander_read(fc_expander *e, const int32_t *ids, int32_t n, const int *cancel, float *logits,
                           fc_err *err)
{
    if (!e->reading) fc_expander_begin(e);
    fc_cx_watch(&e->cx, cancel);
    fc_gpt2_read(&e->cx, e->net, &e->text, ids, n, logits);
    fc_cx_watch(&e->cx, NULL);
    return fc_cx_status(&e->cx, err);
}
