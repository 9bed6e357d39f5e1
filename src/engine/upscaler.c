/* The upscaler, tile by tile: what enlarging pictures and painting into small ones share. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/engine_impl.h"
#include "picture/resize.h"
#include "picture/tiles.h"

enum { OVERLAP = 32, PLAIN_SCALE = 4, MAX_BORDER = 64 };
/* Activations that the upscaler may take: of two sizes of tile the larger one that stays below. Fixed, so
 * that a picture has the same seams on every machine. */
#define UPSCALE_BYTES ((uint64_t)400 << 20)

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

static fc_status upscale(fc_engine *e, const fc_pixels *src, const fc_task *task, const fc_hooks *hooks,
                         fc_pixels *dst, fc_err *err)
{
    fc_model *m = e->model[FC_ROLE_UPSCALER];
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

/* ---- edges ---- */

/* How many pixels around a picture the network wants to see repeated, as its file says: what it was not
 * trained on, the zeros beyond an edge, would show as a frame. */
static int32_t border_of(const fc_model *m)
{
    int64_t border;
    const char *text = fc_weights_metadata(m->weights, FC_BORDER_KEY);
    return text && fc_parse_i64(text, &border) && border > 0 && border <= MAX_BORDER ? (int32_t)border : 0;
}

static fc_status with_border(fc_pixels *dst, const fc_pixels *src, int32_t border, fc_err *err)
{
    fc_status status = fc_pixels_init(dst, src->w + 2 * border, src->h + 2 * border, 3, err);
    if (status) return status;
    for (int32_t y = 0; y < dst->h; y++) {
        int32_t from = y < border ? 0 : y - border < src->h ? y - border : src->h - 1;
        const uint8_t *row = fc_pixels_row(src, from), *last = row + 3 * ((size_t)src->w - 1);
        uint8_t *to = fc_pixels_row(dst, y), *right = to + 3 * ((size_t)border + (size_t)src->w);
        memcpy(to + 3 * (size_t)border, row, 3 * (size_t)src->w);
        for (int32_t i = 0; i < border; i++) {
            memcpy(to + 3 * i, row, 3);
            memcpy(right + 3 * i, last, 3);
        }
    }
    return FC_OK;
}

/* In place: the border goes away again. */
static void without_border(fc_pixels *p, int32_t border)
{
    int32_t w = p->w - 2 * border, h = p->h - 2 * border;
    for (int32_t y = 0; y < h; y++)
        memmove(p->data + 3 * (size_t)y * (size_t)w, fc_pixels_row(p, y + border) + 3 * (size_t)border,
                3 * (size_t)w);
    p->w = w;
    p->h = h;
}

fc_status fc_engine_upscale(fc_engine *e, const fc_pixels *src, const fc_task *task, const fc_hooks *hooks,
                            fc_pixels *dst, fc_err *err)
{
    const fc_model *m = e->model[FC_ROLE_UPSCALER];
    fc_emit_phase(hooks, FC_PHASE_ENLARGING);
    if (!m) return fc_resize_lanczos(dst, src, PLAIN_SCALE * src->w, PLAIN_SCALE * src->h, err);
    int32_t border = border_of(m);
    fc_pixels wider;
    if (border == 0) return upscale(e, src, task, hooks, dst, err);
    fc_status status = with_border(&wider, src, border, err);
    if (status) return status;
    status = upscale(e, &wider, task, hooks, dst, err);
    fc_pixels_fini(&wider);
    if (!status) without_border(dst, border * fc_esrgan_scale(m->esrgan));
    return status;
}
