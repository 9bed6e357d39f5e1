/* Enlarging pictures: by the upscaler tile by tile, then, where that is asked for, drawn over. Must match
 * Fooocus 2.5.5's apply_upscale. */
#include <string.h>

#include "base/mem.h"
#include "engine/engine_impl.h"
#include "picture/resize.h"
#include "picture/tiles.h"

enum { LEAST = 1024, LARGEST = 2800, OVERLAP = 32, PLAIN_SCALE = 4 };
/* Activations that the upscaler may take: of two sizes of tile the larger one that stays below. Fixed, so
 * that a picture has the same seams on every machine. */
#define UPSCALE_BYTES ((uint64_t)400 << 20)

/* ---- the upscaler ---- */

static int32_t choose_tile(const fc_esrgan *net, fc_dtype act)
{
    static const int32_t sizes[] = {512, 384, 256, 192, 128};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (fc_esrgan_bytes(net, act, 1, sizes[i], sizes[i]) <= UPSCALE_BYTES) return sizes[i];
    return 64 + OVERLAP;
}

struct tile_run {
    const fc_esrgan *net;
    const float *in;
    int32_t h, w;
    float *out;
};

static void upscale_on(fc_cx *cx, void *user)
{
    const struct tile_run *t = user;
    fc_mark m = fc_enter(cx, NULL);
    fc_download(cx, fc_esrgan_run(cx, t->net, fc_upload(cx, FC_F32, t->in, 1, t->h, t->w, 3)), t->out);
    fc_leave(cx, m);
}

static void tell_tile(const fc_task *task, const fc_hooks *hooks, int32_t done, int32_t total)
{
    if (task->work.kind != FC_WORK_ENLARGE) return; /* else the steps of the sampler are counted */
    fc_emit(hooks, &(fc_event){.kind = FC_EVENT_STEP,
                               .image = task->image,
                               .images = task->images,
                               .step = done,
                               .steps = total,
                               .fraction = (double)done / total,
                               .seed = task->seed,
                               .seconds_left = -1});
}

static fc_status run_tiles(fc_engine *e, const fc_pixels *src, const fc_task *task, const fc_hooks *hooks,
                           fc_tiles *tiles, float *in, float *made, fc_pixels *dst, fc_err *err)
{
    for (int32_t row = 0; row < tiles->rows; row++)
        for (int32_t column = 0; column < tiles->columns; column++) {
            fc_area a = fc_tiles_area(tiles, row, column);
            fc_tiles_read(tiles, src, row, column, in);
            upscale_on(&e->cx, &(struct tile_run){e->model[FC_ROLE_UPSCALER]->esrgan, in, a.bottom - a.top,
                                                  a.right - a.left, made});
            fc_status status = fc_cx_status(&e->cx, err);
            if (status) return status;
            fc_tiles_write(tiles, dst, row, column, made);
            tell_tile(task, hooks, row * tiles->columns + column + 1, tiles->rows * tiles->columns);
        }
    return FC_OK;
}

fc_status fc_engine_upscale(fc_engine *e, const fc_pixels *src, const fc_task *task, const fc_hooks *hooks,
                            fc_pixels *dst, fc_err *err)
{
    fc_model *m = e->model[FC_ROLE_UPSCALER];
    fc_emit_phase(hooks, FC_PHASE_ENLARGING);
    if (!m) return fc_resize_lanczos(dst, src, PLAIN_SCALE * src->w, PLAIN_SCALE * src->h, err);
    int32_t scale = fc_esrgan_scale(m->esrgan), tile = choose_tile(m->esrgan, e->act);
    size_t values = (size_t)tile * (size_t)tile * 3;
    fc_tiles tiles = {0};
    *dst = (fc_pixels){0};
    fc_engine_make_resident(e, m, e->act);
    float *in = fc_alloc(values * sizeof *in),
          *made = fc_alloc(values * (size_t)(scale * scale) * sizeof *made);
    fc_status status = in && made ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while enlarging");
    if (status != FC_OK) goto out;
    status = fc_tiles_init(&tiles, src->w, src->h, scale, tile, OVERLAP, err);
    if (status != FC_OK) goto out;
    status = fc_pixels_init(dst, scale * src->w, scale * src->h, 3, err);
    if (!status) {
        struct tile_run largest = {m->esrgan, in, tile < src->h ? tile : src->h,
                                   tile < src->w ? tile : src->w, made};
        status = fc_engine_reserve(e, upscale_on, &largest, err);
    }
    if (status != FC_OK) goto out;
    status = run_tiles(e, src, task, hooks, &tiles, in, made, dst, err);
out:
    if (status) fc_pixels_fini(dst);
    fc_tiles_fini(&tiles);
    fc_free(in);
    fc_free(made);
    fc_packcache_clear(&m->packs); /* it is done, and makes room for the picture */
    return status;
}

/* ---- the task ---- */

static fc_status give(fc_pixels *p, fc_picture *out)
{
    out->rgb = p->data;
    out->width = p->w;
    out->height = p->h;
    *p = (fc_pixels){0};
    return FC_OK;
}

/* factor times the picture; smaller than what models draw, it is enlarged to that. */
static fc_status enlarge(fc_engine *e, const fc_task *task, const fc_hooks *hooks, int32_t least,
                         fc_pixels *dst, fc_err *err)
{
    const fc_task_input *in = &task->inputs[0];
    const fc_pixels src = {(uint8_t *)(uintptr_t)in->pixels, in->width, in->height, 3};
    double w = in->width * task->work.factor, h = in->height * task->work.factor;
    fc_pixels large = {0};
    fc_status status = fc_engine_upscale(e, &src, task, hooks, &large, err);
    if (status) return status;
    if (fc_fit_shape_ceil(w, h) < least)
        status = fc_fit_to_shape_ceil(dst, &large, least, err);
    else
        status = fc_resize_lanczos(dst, &large, (int32_t)w, (int32_t)h, err);
    fc_pixels_fini(&large);
    return status;
}

fc_status fc_engine_run_upscale(fc_engine *e, const fc_task *task, const fc_hooks *hooks, fc_arena *arena,
                                fc_picture *out, fc_err *err)
{
    const fc_image_work *k = &task->work;
    int32_t largest = k->largest > 0 ? k->largest : LARGEST, least = k->least > 0 ? k->least : LEAST;
    bool alone = k->kind == FC_WORK_ENLARGE;
    fc_pixels large = {0};
    fc_status status = enlarge(e, task, hooks, alone ? 0 : least, &large, err);
    if (status) return status;
    if (alone || fc_fit_shape_ceil(large.w, large.h) > largest) return give(&large, out);
    status = fc_engine_redraw(e, task, &large, hooks, arena, out, err);
    fc_pixels_fini(&large);
    return status;
}
