/* The engine: see engine.h and fooocus.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine_impl.h"

/* The config outlives the call: a lost device is opened again by it. */
static fc_status keep_config(fc_engine *e, const fc_engine_config *c, fc_err *err)
{
    const char **names[] = {&e->config.backend, &e->config.isa, &e->config.device, &e->config.cache_dir};
    e->config = *c;
    bool ok = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!*names[i]) continue;
        *names[i] = fc_strdup(*names[i]);
        ok = ok && *names[i];
    }
    return ok ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

static fc_status open_parts(fc_engine *e, const fc_engine_config *c, fc_err *err)
{
    fc_status status = keep_config(e, c, err);
    if (status != FC_OK) return status;
    status = fc_engine_open_device(e, &e->config, err);
    if (status) return status;
    e->memory = c->memory;
    e->int8 = c->weights == FC_WEIGHTS_INT8;
    fc_text_cache_init(&e->texts);
    status = fc_engine_use_device(e, err);
    if (status) return status;
    const char *profile = getenv("FC_PROFILE");
    return profile && strcmp(profile, "0") != 0 ? fc_engine_profile_start(e, fc_now, err) : FC_OK;
}

fc_status fc_engine_profile_start(fc_engine *e, double (*now)(void), fc_err *err)
{
    if (!e->profile) e->profile = fc_alloc(sizeof *e->profile);
    if (!e->profile) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_profile_init(e->profile, now);
    e->cx.profile = e->profile;
    return FC_OK;
}

const fc_profile *fc_engine_profile(const fc_engine *e)
{
    return e->profile;
}

fc_status fc_engine_open(const fc_engine_config *config, fc_engine **engine, fc_err *err)
{
    fc_engine_config own = {0};
    size_t size = config && config->size ? config->size : sizeof own; /* 0: that of version 0.1 */
    if (!engine) return fc_fail(err, FC_ARG, "fc_engine_open: engine must not be NULL");
    if (config) memcpy(&own, config, size < sizeof own ? size : sizeof own);
    return fc_engine_open_with(NULL, &own, engine, err);
}

fc_status fc_engine_open_with(const fc_backend *backend, const fc_engine_config *config, fc_engine **engine,
                              fc_err *err)
{
    const fc_engine_config none = {0};
    *engine = NULL;
    fc_engine *e = fc_calloc(1, sizeof *e);
    if (!e) return fc_fail(err, FC_NOMEM, "out of memory");
    e->backend = backend;
    e->cancel = &e->own_cancel;
    fc_status status = open_parts(e, config ? config : &none, err);
    if (status) {
        fc_engine_close(e);
        return status;
    }
    *engine = e;
    return FC_OK;
}

int *fc_engine_cancel_flag(fc_engine *e)
{
    return e->cancel;
}

void fc_engine_lend_cancel_flag(fc_engine *e, int *flag)
{
    e->cancel = flag ? flag : &e->own_cancel;
}

void fc_engine_cancel(fc_engine *e, int what)
{
    int running = FC_RUN; /* a skip takes no stop back */
    if (!e) return;
    if (what == FC_STOP) __atomic_store_n(e->cancel, FC_STOP, __ATOMIC_RELAXED);
    if (what == FC_SKIP_IMAGE)
        __atomic_compare_exchange_n(e->cancel, &running, FC_SKIP_IMAGE, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
}

const char *fc_backend_at(size_t index)
{
    const char *const *names = fc_backend_names();
    for (size_t i = 0; names[i]; i++)
        if (i == index) return names[i];
    return NULL;
}

void fc_engine_close(fc_engine *e)
{
    if (!e) return;
    fc_engine_drop_loras(e);
    for (int i = FC_ROLE_COUNT - 1; i >= 0; i--) fc_model_close(e->model[i]);
    fc_image_tokens_fini(&e->image_tokens);
    fc_difference_close(e->difference);
    fc_embedding_set_fini(&e->embeddings);
    fc_text_cache_fini(&e->texts);
    fc_cx_fini(&e->cx);
    if (e->backend) e->backend->close(e->dev);
    fc_free((void *)(uintptr_t)e->config.backend);
    fc_free((void *)(uintptr_t)e->config.isa);
    fc_free((void *)(uintptr_t)e->config.device);
    fc_free((void *)(uintptr_t)e->config.cache_dir);
    fc_free(e->profile);
    fc_free(e);
}

/* ---- models ---- */

/* Whether the loaded model is what opening path would give, beside this base. */
static bool stays(const fc_engine *e, fc_model_role role, const char *path, const fc_model *base)
{
    const fc_model *m = e->model[role];
    return m && fc_model_is(m, path) && (!fc_model_leans(role) || base == e->model[FC_ROLE_BASE]);
}

/* Opens what is new of the choice into fresh[]; fresh[i] == model[i] where the loaded one stays. */
static fc_status open_missing(fc_engine *e, const char *paths[FC_ROLE_COUNT], const fc_model_choice *choice,
                              const fc_hooks *hooks, fc_model *fresh[FC_ROLE_COUNT], fc_err *err)
{
    for (int role = 0; role < FC_ROLE_COUNT; role++) {
        if (!paths[role]) continue;
        if (stays(e, (fc_model_role)role, paths[role], fresh[FC_ROLE_BASE])) {
            fresh[role] = e->model[role];
        } else {
            fc_emit_phase(hooks, fc_model_phase((fc_model_role)role));
            fc_status status = fc_model_open(&fresh[role], (fc_model_role)role, paths[role],
                                             fresh[FC_ROLE_BASE], e->backend, e->dev, err);
            if (status) return status;
        }
        if (role != FC_ROLE_BASE) continue;
        fc_status status = fc_engine_find_lacking(fresh[role], choice, paths, hooks, err);
        if (status) return status;
        fresh[role]->packs.int8 = e->int8;
    }
    return FC_OK;
}

static fc_status set_embeddings(fc_engine *e, const fc_model_choice *choice, const fc_hooks *hooks,
                                fc_err *err)
{
    const fc_model *m = fc_engine_text_model(e);
    int32_t l = m->clip_l ? fc_clip_width(m->clip_l) : 0, g = fc_clip_width(m->clip_g);
    return fc_embedding_set_load(&e->embeddings, choice, l, g, hooks, err);
}

/* The inpainting engine's weights: opened once, merged only while it is at work (sample.c). */
static fc_status set_difference(fc_engine *e, const char *path, const fc_hooks *hooks, fc_err *err)
{
    uint64_t key = path ? fc_weights_file_key(path) : 0;
    if (key == e->difference_key && (key || !path)) return FC_OK;
    fc_difference *fresh = NULL;
    if (path) {
        fc_emit_phase(hooks, "Loading the inpainting engine");
        fc_status status = fc_difference_open(&fresh, path, err);
        if (status) return status;
    }
    fc_difference_close(e->difference);
    e->difference = fresh;
    e->difference_key = key;
    return FC_OK;
}

fc_status fc_engine_load(fc_engine *e, const fc_model_choice *choice, const fc_hooks *hooks, fc_err *err)
{
    const char *paths[FC_ROLE_COUNT];
    for (int i = 0; i < FC_ROLE_COUNT; i++) paths[i] = fc_model_chosen(choice, (fc_model_role)i);
    fc_model *fresh[FC_ROLE_COUNT] = {0};
    if (!choice->base && !choice->upscaler) return fc_fail(err, FC_ARG, "no model was chosen");
    fc_status status = set_difference(e, choice->inpaint_patch, hooks, err);
    if (status) return status;
    status = open_missing(e, paths, choice, hooks, fresh, err);
    if (!status) fc_engine_drop_loras(e);
    for (int role = FC_ROLE_COUNT - 1; role >= 0; role--) { /* the base after what is bound to it */
        fc_model *unwanted = status ? fresh[role] : e->model[role];
        if (fresh[role] != e->model[role]) fc_model_close(unwanted);
        if (!status) e->model[role] = fresh[role];
    }
    if (status || !choice->base) return status;
    status = fc_engine_set_loras(e, choice, hooks, err);
    return status ? status : set_embeddings(e, choice, hooks, err);
}

/* ---- a picture ---- */

static fc_status check_work(const fc_task *t, fc_err *err)
{
    const fc_image_work *k = &t->work;
    bool enlarges = k->kind == FC_WORK_UPSCALE || k->kind == FC_WORK_ENLARGE;
    if (k->kind == FC_WORK_NONE) return FC_OK;
    if (t->input_count < 1 || t->inputs[0].kind != FC_INPUT_PICTURE)
        return fc_fail(err, FC_ARG, "there is no picture to work on");
    if (enlarges && !(k->factor > 0 && k->factor <= 8))
        return fc_fail(err, FC_ARG, "a factor of %g: choose one up to 8", k->factor);
    if (k->kind != FC_WORK_ENLARGE && !(k->denoise > 0 && k->denoise <= 1))
        return fc_fail(err, FC_ARG, "a strength of %g: choose one above 0 and at most 1", k->denoise);
    return FC_OK;
}

static fc_status check_task(const fc_engine *e, const fc_task *t, fc_err *err)
{
    fc_status status = check_work(t, err);
    if (status || t->work.kind == FC_WORK_ENLARGE) return status;
    if (!e->model[FC_ROLE_BASE]) return fc_fail(err, FC_ARG, "no model is loaded");
    if (t->width < 64 || t->height < 64 || t->width > 8192 || t->height > 8192 || t->width % 8 ||
        t->height % 8) {
        return fc_fail(err, FC_ARG,
                       "a size of %d x %d: width and height must be multiples of 8 from 64 to 8192", t->width,
                       t->height);
    }
    if (t->steps < 1 || t->steps > 1000) return fc_fail(err, FC_ARG, "%d steps: choose 1 to 1000", t->steps);
    if (t->positive.count < 1) return fc_fail(err, FC_ARG, "there is no prompt");
    if (!fc_engine_vae_model(e)->vae && !(t->fast_vae && e->model[FC_ROLE_PREVIEW]))
        return fc_fail(err, FC_UNSUPPORTED,
                       "%s has no VAE, and no model beside it can lend one: choose one with --vae FILE",
                       fc_engine_vae_model(e)->path);
    return FC_OK;
}

static fc_status run_task(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                          fc_picture *out, fc_err *err)
{
    switch (task->work.kind) {
    case FC_WORK_VARY:
    case FC_WORK_INPAINT:
        return fc_engine_run_image(e, task, hooks, arena, out, err);
    case FC_WORK_UPSCALE:
    case FC_WORK_ENLARGE:
        return fc_engine_run_upscale(e, task, hooks, arena, out, err);
    default:
        return fc_engine_paint(e, task, hooks, arena, out, err);
    }
}

void fc_engine_begin(fc_engine *e, bool may_stop)
{
    fc_cx_reset(&e->cx);
    fc_cx_watch(&e->cx, may_stop ? e->cancel : NULL);
}

static fc_status run_once(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_picture *out,
                          fc_err *err)
{
    fc_arena arena;
    fc_arena_init(&arena, (size_t)2 << 30);
    fc_engine_begin(e, true);
    e->hooks = hooks;
    e->preview_pixels = NULL;
    e->preview_rgb = NULL;
    fc_status status = run_task(e, task, hooks, &arena, out, err);
    if (status == FC_NUMERIC) status = fc_engine_blame_loras(e, err);
    for (int i = 0; i < FC_ROLE_COUNT && status == FC_NUMERIC; i++)
        if (e->model[i]) status = fc_model_check_finite(e->model[i], err);
    if (status) fc_picture_fini(out);
    fc_engine_begin(e, false);
    e->hooks = NULL;
    fc_arena_fini(&arena);
    return status;
}

/* Once, for who does not read logs: a card that is there and does not draw, or not with all that it has. */
static void tell_device(fc_engine *e, const fc_hooks *hooks)
{
    char text[240];
    if (e->told_device || !e->dev) return;
    e->told_device = true;
    if (e->refused)
        snprintf(text, sizeof text, "The processor draws: %s", e->passed_over);
    else if (e->info.note[0])
        snprintf(text, sizeof text, "%s", e->info.note);
    else
        return;
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_WARNING, .text = text, .seconds_left = -1});
}

fc_status fc_engine_run(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_picture *out,
                        fc_err *err)
{
    bool lost = false;
    *out = (fc_picture){0};
    fc_status status = check_task(e, task, err);
    if (status) return status;
    tell_device(e, hooks);
    do {
        status = e->dev ? FC_OK : fc_engine_reopen(e, err);
        if (!status) status = run_once(e, task, hooks, out, err);
    } while (status && fc_engine_recover(e, status, &lost, hooks, err));
    int skip = FC_SKIP_IMAGE; /* done: the next picture runs; a stop that came meanwhile stays */
    if (status == FC_CANCELLED)
        __atomic_compare_exchange_n(e->cancel, &skip, FC_RUN, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return status;
}

void fc_picture_fini(fc_picture *p)
{
    fc_free(p->rgb);
    fc_free(p->latent);
    *p = (fc_picture){0};
}

void fc_engine_describe(const fc_engine *e, fc_engine_report *out)
{
    *out = (fc_engine_report){0};
    snprintf(out->backend, sizeof out->backend, "%s", e->info.name);
    snprintf(out->machine, sizeof out->machine, "%s", e->info.machine);
    snprintf(out->device, sizeof out->device, "%s", e->info.description);
    snprintf(out->note, sizeof out->note, "%s", e->info.note);
    snprintf(out->passed_over, sizeof out->passed_over, "%s", e->passed_over);
    snprintf(out->precision, sizeof out->precision, "%s", fc_engine_type_name(e->act));
    const fc_model *base = e->model[FC_ROLE_BASE];
    if (base) snprintf(out->model, sizeof out->model, "%s", base->info.line);
    for (int i = 0; i < FC_ROLE_COUNT; i++)
        if (e->model[i]) out->packed_bytes += e->model[i]->packs.resident;
    out->stack_peak_bytes = e->cx.peak;
    fc_device_memory memory;
    if (!e->dev || !e->backend->stage) return;
    e->backend->memory(e->dev, &memory);
    out->device_peak_bytes = memory.peak;
}
