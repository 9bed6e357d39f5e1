/* Enlarging pictures: by the upscaler tile by tile, then, where that is asked for, drawn over. Must match
 * Fooocus 2.5.5's apply_upscale. */
#include "engine/engine_impl.h"
#include "picture/resize.h"

enum { LEAST = 1024, LARGEST = 2800 };

static fc_status give(fc_pixels *p, fc_picture *out)
{
    out->rgb = p->data;
    out->width = p->w;
    out->height = p->h;
    *p = (fc_pixels){0};
    return FC_OK;
}

/* Whether a w times h picture may go through the upscaler once more on its way to `wanted` pixels across. */
static bool another_pass(const fc_model *m, int32_t w, int32_t h, double wanted)
{
    int64_t scale = m ? fc_esrgan_scale(m->esrgan) : 1, next_w = scale * w, next_h = scale * h;
    return scale > 1 && wanted > w && next_w <= FC_PIXELS_MAX_SIDE && next_h <= FC_PIXELS_MAX_SIDE &&
           next_w * next_h <= FC_PIXELS_MAX;
}

/* Through the upscaler, as often as a picture `wanted` pixels across needs. */
static fc_status upscale_often(fc_engine *e, const fc_task *task, const fc_hooks *hooks, double wanted,
                               fc_pixels *large, fc_err *err)
{
    const fc_task_input *in = &task->inputs[0];
    const fc_pixels src = {(uint8_t *)(uintptr_t)in->pixels, in->width, in->height, 3};
    fc_status status = fc_engine_upscale(e, &src, task, hooks, large, err);
    while (!status && another_pass(e->model[FC_ROLE_UPSCALER], large->w, large->h, wanted)) {
        fc_pixels smaller = *large;
        status = fc_engine_upscale(e, &smaller, task, hooks, large, err);
        fc_pixels_fini(&smaller);
    }
    return status;
}

/* factor times the picture; smaller than what models draw, it is enlarged to that. */
static fc_status enlarge(fc_engine *e, const fc_task *task, const fc_hooks *hooks, int32_t least,
                         fc_pixels *dst, fc_err *err)
{
    const fc_task_input *in = &task->inputs[0];
    double w = in->width * task->work.factor, h = in->height * task->work.factor;
    fc_pixels large = {0};
    fc_status status = upscale_often(e, task, hooks, w, &large, err);
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
