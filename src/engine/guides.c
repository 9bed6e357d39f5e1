/* Pictures that guide: drawings for control networks, tokens of image prompts; both for the base alone. */
#include <string.h>

#include "base/mem.h"
#include "engine/engine_impl.h"
#include "picture/canny.h"
#include "picture/cpds.h"

enum { RGB = 3 };

/* ---- drawings ---- */

/* One channel becomes three equal ones. */
static void copy_rgb(const fc_pixels *p, uint8_t *rgb)
{
    size_t pixels = (size_t)p->w * (size_t)p->h;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < RGB; c++)
            rgb[i * RGB + c] = p->data[p->channels == 1 ? i : i * (size_t)p->channels + c];
}

static fc_status draw(const fc_task_control *c, const fc_task_guides *guides, int32_t w, int32_t h,
                      uint8_t *rgb, fc_err *err)
{
    const fc_pixels given = {(uint8_t *)(uintptr_t)c->rgb, c->width, c->height, RGB};
    fc_pixels fitted = {0}, drawn = {0};
    fc_status status = fc_fit_resize(&fitted, &given, w, h, FC_FIT_COVER, err);
    if (status) return status;
    if (c->drawing == FC_DRAWING_CANNY)
        status = fc_canny_pyramid(&drawn, &fitted, guides->canny_low, guides->canny_high, err);
    else if (c->drawing == FC_DRAWING_CPDS)
        status = fc_cpds(&drawn, &fitted, err);
    if (!status) copy_rgb(drawn.data ? &drawn : &fitted, rgb);
    fc_pixels_fini(&fitted);
    fc_pixels_fini(&drawn);
    return status;
}

static fc_status open_control(const fc_engine *e, const fc_task *task, const fc_task_control *c,
                              const fc_model_sampling *sampling, fc_arena *arena, fc_guides *g, fc_err *err)
{
    int32_t w = task->width, h = task->height;
    if (!(c->weight > 0) || !(c->stop > 0)) return FC_OK;
    bool known = c->network >= 0 && c->network < FC_TASK_NETWORKS;
    const fc_model *m = known ? e->model[FC_ROLE_CONTROL + c->network] : NULL;
    if (!m) return fc_fail(err, FC_ARG, "a picture is to guide by a control network that is not loaded");
    uint8_t *rgb = fc_arena_array(arena, (size_t)w * (size_t)h, RGB);
    if (!rgb) return fc_fail(err, FC_NOMEM, "out of memory while reading the picture");
    fc_status status = draw(c, task->guides, w, h, rgb, err);
    if (status) return status;
    g->drawing[g->control_count] = rgb;
    g->last_sigma[g->control_count] = fc_model_sampling_sigma_at(sampling, c->stop);
    g->control[g->control_count++] = (fc_predictor_control){
        .net = m->control, .weight = (float)c->weight, .softness = (float)task->guides->softness, .on = true};
    return FC_OK;
}

/* ---- image prompts ---- */

struct looking {
    const fc_clip_vision *vision;
    const fc_ip_adapter *adapter;
    const uint8_t *rgb;
    float *tokens;
    fc_engine *engine; /* NULL: a dry run */
    fc_model *model;   /* the adapter's */
};

/* The adapter's weights take the place of the encoder's, which are not needed again. */
static void look_on(fc_cx *cx, void *user)
{
    const struct looking *l = user;
    bool real = l->engine && cx == &l->engine->cx;
    fc_mark m = fc_enter(cx, NULL);
    fc_tensor state = fc_clip_vision_encode(cx, l->vision, l->rgb);
    if (real) fc_engine_make_resident(l->engine, l->model, l->engine->act);
    fc_download(cx, fc_ip_adapter_resample(cx, l->adapter, state), l->tokens);
    fc_leave(cx, m);
}

static fc_status encode(fc_engine *e, fc_model *m, const uint8_t *rgb, float *tokens, fc_err *err)
{
    fc_model *vision = e->model[FC_ROLE_VISION];
    struct looking l = {vision->vision, m->adapter, rgb, tokens, e, m};
    fc_engine_make_resident(e, vision, e->act);
    fc_status status = fc_engine_reserve(e, look_on, &l, err);
    if (status) return status;
    look_on(&e->cx, &l);
    return fc_cx_status(&e->cx, err);
}

/* rgb NULL: no picture */
static fc_status tokens_of(fc_engine *e, fc_model *m, const uint8_t *rgb, float *tokens, fc_err *err)
{
    const fc_model *vision = e->model[FC_ROLE_VISION];
    size_t count = (size_t)fc_ip_adapter_tokens(m->adapter) * (size_t)fc_ip_adapter_width(m->adapter);
    fc_image_key key = {vision->serial, m->serial, ""};
    size_t side = (size_t)fc_clip_vision_size(vision->vision);
    if (rgb) {
        fc_sha256 hash;
        fc_status status = fc_sha256_bytes(rgb, side * side * RGB, &hash, err);
        if (status) return status;
        memcpy(key.hash, hash.hex, sizeof key.hash);
    }
    const float *known = fc_image_tokens_get(&e->image_tokens, &key);
    if (known) {
        memcpy(tokens, known, count * sizeof *tokens);
        return FC_OK;
    }
    fc_status status = encode(e, m, rgb, tokens, err);
    if (!status) fc_image_tokens_put(&e->image_tokens, &key, tokens, count);
    return status;
}

/* What stands for "no picture": the tokens of a file where they fit, else a grey picture's. */
static fc_status negative_tokens(fc_engine *e, fc_model *m, float *tokens, fc_err *err)
{
    const fc_model *file = e->model[FC_ROLE_IMAGE_NEGATIVE];
    if (file && fc_ip_adapter_negative(m->adapter, file->weights, tokens, NULL) == FC_OK) return FC_OK;
    return tokens_of(e, m, NULL, tokens, err);
}

static fc_status find_adapter(const fc_engine *e, const fc_task_picture *p, fc_model **out, fc_err *err)
{
    const fc_model *vision = e->model[FC_ROLE_VISION];
    bool known = p->adapter >= 0 && p->adapter < FC_TASK_NETWORKS;
    fc_model *m = known ? e->model[FC_ROLE_ADAPTER + p->adapter] : NULL;
    if (!m || !vision)
        return fc_fail(err, FC_ARG, "an image prompt needs an adapter and a vision encoder; load both");
    *out = m;
    int32_t wide = fc_clip_vision_width(vision->vision), wanted = fc_ip_adapter_picture_width(m->adapter);
    if (wide == wanted) return FC_OK;
    return fc_fail(err, FC_UNSUPPORTED,
                   "%s reads pictures %d wide, %s gives them %d wide: they do not belong together; SDXL's "
                   "\"plus\" adapters need clip_vision_vit_h.safetensors",
                   m->path, (int)wanted, vision->path, (int)wide);
}

/* tokens: [negative, positive][count] */
static fc_status read_sides(fc_engine *e, fc_model *m, const fc_task_picture *p, float *tokens, size_t count,
                            fc_err *err)
{
    int32_t side = fc_clip_vision_size(e->model[FC_ROLE_VISION]->vision);
    const fc_pixels given = {(uint8_t *)(uintptr_t)p->rgb, p->width, p->height, RGB};
    fc_pixels small = {0};
    fc_status status = fc_fit_resize(&small, &given, side, side, FC_FIT_STRETCH, err);
    if (status != FC_OK) goto out;
    status = negative_tokens(e, m, tokens, err);
    if (status != FC_OK) goto out;
    status = tokens_of(e, m, small.data, tokens + count, err);
out:
    fc_pixels_fini(&small);
    return status;
}

static fc_status open_picture(fc_engine *e, const fc_task_picture *p, fc_arena *arena, fc_guides *g,
                              fc_err *err)
{
    fc_model *m = NULL;
    int32_t i = g->picture_count;
    if (!(p->weight > 0) || !(p->stop > 0)) return FC_OK;
    fc_status status = find_adapter(e, p, &m, err);
    if (status) return status;
    size_t count = (size_t)fc_ip_adapter_tokens(m->adapter) * (size_t)fc_ip_adapter_width(m->adapter);
    float *tokens = fc_arena_array(arena, 2 * count, sizeof *tokens);
    if (!tokens) return fc_fail(err, FC_NOMEM, "out of memory while reading the picture");
    status = read_sides(e, m, p, tokens, count, err);
    if (status) return status;
    g->tokens[i] = tokens;
    g->adapter[i] = m;
    g->stop[i] = p->stop;
    g->picture[i] = (fc_unet_picture){g->kv[i], (float)p->weight};
    g->picture_count++;
    return FC_OK;
}

/* ---- for a run ---- */

fc_status fc_engine_guides_open(fc_engine *e, const fc_task *task, const fc_model_sampling *sampling,
                                fc_arena *arena, fc_guides **out, fc_err *err)
{
    const fc_task_guides *t = task->guides;
    *out = NULL;
    if (!t || t->control_count + t->picture_count == 0) return FC_OK;
    fc_guides *g = fc_arena_alloc(arena, sizeof *g);
    if (!g) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = FC_OK;
    for (int32_t i = 0; i < t->control_count && i < FC_TASK_GUIDES && !status; i++)
        status = open_control(e, task, &t->controls[i], sampling, arena, g, err);
    for (int32_t i = 0; i < t->picture_count && i < FC_TASK_GUIDES && !status; i++)
        status = open_picture(e, &t->pictures[i], arena, g, err);
    if (e->model[FC_ROLE_VISION]) fc_clip_vision_rest(e->model[FC_ROLE_VISION]->vision);
    for (int32_t i = 0; i < g->control_count; i++) e->guide_values += fc_controlnet_values(g->control[i].net);
    *out = g;
    return status;
}

void fc_engine_guides_place(fc_engine *e, fc_cx *cx, fc_guides *g, int32_t h, int32_t w)
{
    for (int32_t i = 0; i < g->control_count; i++)
        g->control[i].hint = fc_controlnet_hint(cx, g->control[i].net, g->drawing[i], h, w);
    for (int32_t i = 0; i < g->picture_count; i++) {
        fc_model *m = g->adapter[i];
        if (cx == &e->cx) fc_engine_make_resident(e, m, e->act);
        fc_tensor tokens = fc_upload(cx, cx->act, g->tokens[i], 2, 1, fc_ip_adapter_tokens(m->adapter),
                                     fc_ip_adapter_width(m->adapter));
        fc_ip_adapter_keys(cx, m->adapter, tokens, g->kv[i]);
        if (cx == &e->cx) fc_ip_adapter_rest(m->adapter);
    }
}

void fc_guides_at(fc_guides *g, const fc_model_sampling *sampling, float sigma, fc_unet_extra *extra)
{
    float progress = fc_model_sampling_progress(sampling, sigma);
    for (int32_t i = 0; i < g->control_count; i++) g->control[i].on = g->last_sigma[i] <= sigma;
    extra->picture = g->active;
    extra->pictures = 0;
    for (int32_t i = 0; i < g->picture_count; i++)
        if ((double)progress < g->stop[i]) g->active[extra->pictures++] = g->picture[i];
}

void fc_guides_all(fc_guides *g, fc_unet_extra *extra)
{
    for (int32_t i = 0; i < g->control_count; i++) g->control[i].on = true;
    extra->picture = g->picture;
    extra->pictures = g->picture_count;
}
