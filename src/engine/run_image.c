/* Pictures made of pictures: variations, and painting under a mask and beyond the edges. Must match
 * Fooocus 2.5.5's apply_vary and apply_inpaint; README of the pixel side: picture/inpaint.h. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine_impl.h"
#include "picture/inpaint.h"

enum { LEAST = 1024, MOST = 2048 };
/* From this strength on nothing of what is masked is left, so it is filled from around it. */
#define FILL_STRENGTH 0.99

static int32_t or_usual(int32_t size, int32_t usual)
{
    return size > 0 ? size : usual;
}

/* What a task brings of a kind, as pixels that must not be changed; empty without it. */
static fc_pixels input_of(const fc_task *task, fc_input_kind kind)
{
    for (int32_t i = 0; i < task->input_count; i++) {
        const fc_task_input *in = &task->inputs[i];
        if (in->kind == kind)
            return (fc_pixels){(uint8_t *)(uintptr_t)in->pixels, in->width, in->height,
                               kind == FC_INPUT_PICTURE ? 3 : 1};
    }
    return (fc_pixels){0};
}

/* ---- latents ---- */

/* Pixels of 8 bits -> -1..1, as the reference rounds */
static float *to_image(const fc_pixels *p, fc_arena *arena)
{
    size_t count = fc_pixels_size(p);
    float *image = fc_arena_array(arena, count, sizeof *image);
    for (size_t i = 0; i < count && image; i++) image[i] = (float)p->data[i] / 255.0f * 2.0f - 1.0f;
    return image;
}

struct encoder {
    fc_engine *engine;
    fc_arena *arena;
    fc_encode_opts opts;
    fc_rng rng;
};

static struct encoder encoder_of(fc_engine *e, const fc_task *task, fc_arena *arena)
{
    struct encoder encoder = {.engine = e, .arena = arena};
    fc_rng_seed(&encoder.rng, task->work.encoding_seed);
    encoder.opts.tiles = task->work.kind == FC_WORK_UPSCALE;
    return encoder;
}

static fc_status encode(struct encoder *n, bool mean, const float *image, int32_t h, int32_t w,
                        float **latent, fc_err *err)
{
    size_t count = (size_t)(h / 8) * (size_t)(w / 8) * FC_LATENT_CHANNELS;
    *latent = image ? fc_arena_array(n->arena, count, sizeof **latent) : NULL;
    if (!*latent) return fc_fail(err, FC_NOMEM, "out of memory while reading the picture");
    n->opts.rng = mean ? NULL : &n->rng;
    return fc_engine_encode(n->engine, image, h, w, &n->opts, *latent, err);
}

/* The latent of a picture, of which what is beyond a multiple of 8 is cut off evenly. */
static fc_status encode_centre(struct encoder *n, bool mean, const fc_pixels *p, float **latent, int32_t *h,
                               int32_t *w, fc_err *err)
{
    fc_pixels cut = {0};
    fc_status status = fc_fit_crop(&cut, p, fc_fit_multiple(p->w, p->h, 8, FC_FIT_CENTRE), err);
    if (status) return status;
    *h = cut.h / 8;
    *w = cut.w / 8;
    status = encode(n, mean, to_image(&cut, n->arena), cut.h, cut.w, latent, err);
    fc_pixels_fini(&cut);
    return status;
}

/* ---- variations, and what is drawn over an enlarged picture ---- */

fc_status fc_engine_redraw(fc_engine *e, const fc_task *task, const fc_pixels *picture, const fc_hooks *hooks,
                           fc_arena *arena, fc_picture *out, fc_err *err)
{
    struct encoder encoder = encoder_of(e, task, arena);
    fc_task inner = *task;
    float *latent = NULL;
    int32_t h = 0, w = 0;
    fc_emit_phase(hooks, FC_PHASE_READING);
    fc_status status = encode_centre(&encoder, task->work.mean, picture, &latent, &h, &w, err);
    if (status) return status;
    inner.width = 8 * w;
    inner.height = 8 * h;
    inner.start = (fc_start_image){.latent = latent, .denoise = task->work.denoise};
    return fc_engine_paint(e, &inner, hooks, arena, out, err);
}

static fc_status vary(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                      fc_picture *out, fc_err *err)
{
    fc_pixels picture = input_of(task, FC_INPUT_PICTURE), fitted = {0};
    fc_status status = fc_fit_between(&fitted, &picture, or_usual(task->work.least, LEAST),
                                      or_usual(task->work.most, MOST), err);
    if (status) return status;
    status = fc_engine_redraw(e, task, &fitted, hooks, arena, out, err);
    fc_pixels_fini(&fitted);
    return status;
}

/* ---- painting into a picture ---- */

struct canvas {
    fc_pixels picture, mask; /* with their margins */
    fc_area area;            /* of them that is looked at */
    fc_pixels part, part_mask, filled;
    int32_t fade; /* pixels around the mask */
};

static void canvas_fini(struct canvas *c)
{
    fc_pixels_fini(&c->picture);
    fc_pixels_fini(&c->mask);
    fc_pixels_fini(&c->part);
    fc_pixels_fini(&c->part_mask);
    fc_pixels_fini(&c->filled);
}

/* Picture and mask as they are worked on: the mask grown or turned round, the picture made wider. */
static fc_status open_canvas(struct canvas *c, const fc_task *task, fc_err *err)
{
    const fc_image_work *k = &task->work;
    fc_pixels picture = input_of(task, FC_INPUT_PICTURE), mask = input_of(task, FC_INPUT_MASK);
    const fc_margins margins = {k->margin[0], k->margin[1], k->margin[2], k->margin[3]};
    if (mask.data && (mask.w != picture.w || mask.h != picture.h))
        return fc_fail(err, FC_ARG,
                       "the mask has %d x %d pixels, the picture %d x %d: they must be of one size", mask.w,
                       mask.h, picture.w, picture.h);
    fc_status status = fc_pixels_copy(&c->picture, &picture, err);
    if (status) return status;
    if (mask.data) {
        status = fc_pixels_copy(&c->mask, &mask, err);
    } else {
        status = fc_pixels_init(&c->mask, picture.w, picture.h, 1, err);
        if (!status) memset(c->mask.data, 0, fc_pixels_size(&c->mask));
    }
    if (status != FC_OK) return status;
    if (mask.data) status = fc_mask_grow(&c->mask, k->grow_mask, err);
    if (!status && mask.data && k->invert_mask) fc_mask_invert(&c->mask);
    if (status != FC_OK) return status;
    status = fc_inpaint_extend(&c->picture, &c->mask, margins, err);
    if (status) return status;
    if (fc_mask_paints(&c->mask)) return FC_OK;
    return fc_fail(err, FC_ARG, "the mask is empty: paint over what is to change, or add a margin");
}

/* The part that goes through the network, brought to the model's size, and its mask. */
static fc_status cut_part(fc_engine *e, struct canvas *c, const fc_task *task, const fc_hooks *hooks,
                          fc_err *err)
{
    int32_t least = or_usual(task->work.least, LEAST);
    fc_pixels crop = {0}, large = {0}, crop_mask = {0};
    fc_status status = fc_inpaint_area(&c->area, &c->mask, err);
    if (status) return status;
    c->area = fc_inpaint_grow_area(c->area, c->picture.w, c->picture.h, task->work.field);
    status = fc_fit_crop(&crop, &c->picture, c->area, err);
    if (status != FC_OK) goto out;
    status = fc_fit_crop(&crop_mask, &c->mask, c->area, err);
    if (!status && fc_fit_shape_ceil(crop.w, crop.h) < least) {
        status = fc_engine_upscale(e, &crop, task, hooks, &large, err);
        fc_pixels_fini(&crop);
        crop = large;
    }
    if (status != FC_OK) goto out;
    status = fc_fit_to_shape_ceil(&c->part, &crop, least, err);
    if (status != FC_OK) goto out;
    status = fc_mask_from_picture(&c->part_mask, &crop_mask, c->part.w, c->part.h, err);
    if (status != FC_OK) goto out;
    status = fc_pixels_copy(&c->filled, &c->part, err);
    if (status != FC_OK) goto out;
    if (task->work.denoise > FILL_STRENGTH) status = fc_inpaint_fill(&c->filled, &c->part_mask, err);
out:
    fc_pixels_fini(&crop);
    fc_pixels_fini(&crop_mask);
    return status;
}

/* What the engine's head sees: the part with grey under its mask, any remainder of 8 left to the encoder. */
static fc_status encode_grey(struct encoder *n, bool mean, const struct canvas *c, float **latent,
                             fc_err *err)
{
    size_t count = fc_pixels_size(&c->part);
    float *grey = fc_arena_array(n->arena, count, sizeof *grey);
    if (!grey) return fc_fail(err, FC_NOMEM, "out of memory while reading the picture");
    fc_status status = fc_inpaint_grey(grey, &c->part, &c->part_mask, err);
    if (status) return status;
    for (size_t i = 0; i < count; i++) grey[i] = grey[i] * 2.0f - 1.0f;
    return encode(n, mean, grey, c->part.h, c->part.w, latent, err);
}

/* Lays the painted part back; out->rgb becomes the whole picture. */
static fc_status paste(struct canvas *c, fc_picture *out, fc_err *err)
{
    const fc_pixels made = {out->rgb, out->width, out->height, 3};
    fc_mask_soften(&c->mask, c->fade);
    fc_status status = fc_inpaint_paste(&c->picture, &made, c->area, &c->mask, err);
    if (status) return status;
    fc_free(out->rgb);
    out->rgb = c->picture.data;
    out->width = c->picture.w;
    out->height = c->picture.h;
    c->picture = (fc_pixels){0};
    return FC_OK;
}

static fc_status paint_part(fc_engine *e, struct canvas *c, const fc_task *task, const fc_hooks *hooks,
                            fc_arena *arena, fc_picture *out, fc_err *err)
{
    const fc_image_work *k = &task->work;
    struct encoder encoder = encoder_of(e, task, arena);
    fc_task inner = *task;
    float *masked = NULL, *fill = NULL;
    int32_t h = 0, w = 0;
    fc_emit_phase(hooks, FC_PHASE_READING);
    fc_status status = encode_grey(&encoder, k->mean, c, &masked, err);
    if (status != FC_OK) return status;
    status = encode_centre(&encoder, k->mean, &c->filled, &fill, &h, &w, err);
    if (status) return status;
    float *mask = fc_arena_array(arena, (size_t)h * (size_t)w, sizeof *mask);
    if (!mask) return fc_fail(err, FC_NOMEM, "out of memory while reading the picture");
    fc_inpaint_latent_mask(mask, w, h, &c->part_mask);
    inner.width = 8 * w;
    inner.height = 8 * h;
    inner.start = (fc_start_image){.latent = k->forget ? NULL : fill,
                                   .denoise = k->denoise,
                                   .mask = mask,
                                   .keep = fill,
                                   .masked = k->engine ? masked : NULL};
    status = fc_engine_paint(e, &inner, hooks, arena, out, err);
    return status ? status : paste(c, out, err);
}

static fc_status inpaint(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                         fc_picture *out, fc_err *err)
{
    struct canvas canvas = {.fade = task->work.mask_fade};
    fc_status status = open_canvas(&canvas, task, err);
    if (status != FC_OK) goto out;
    status = cut_part(e, &canvas, task, hooks, err);
    if (status != FC_OK) goto out;
    status = paint_part(e, &canvas, task, hooks, arena, out, err);
out:
    canvas_fini(&canvas);
    return status;
}

fc_status fc_engine_run_image(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                              fc_picture *out, fc_err *err)
{
    return (task->work.kind == FC_WORK_VARY ? vary : inpaint)(e, task, hooks, arena, out, err);
}
