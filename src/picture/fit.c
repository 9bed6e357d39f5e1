/* Fitting into sizes: cut, or scaled and padded. See fit.h. */
#include "picture/fit.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "picture/resize.h"

/* ---- sizes ---- */

int32_t fc_fit_shape_ceil(double w, double h)
{
    return (int32_t)ceil(sqrt(w * h) / 64.0) * 64;
}

static double round64(double side)
{
    return rint(side / 64.0) * 64.0;
}

fc_status fc_fit_size(int32_t *w, int32_t *h, int32_t target, fc_err *err)
{
    enum { ROUNDS = 256 }; /* where Fooocus gives up */
    const int32_t from_w = *w, from_h = *h;
    for (int i = 0; i < ROUNDS; i++) {
        int32_t now = fc_fit_shape_ceil(*w, *h);
        if (now == target) return FC_OK;
        double k = (double)target / now, next_w = round64(*w * k), next_h = round64(*h * k);
        if (next_w < 1.0 || next_h < 1.0)
            return fc_fail(err, FC_ARG, "a picture of %d x %d pixels is too thin or too small to be resized",
                           (int)from_w, (int)from_h);
        if (next_w > FC_PIXELS_MAX_SIDE || next_h > FC_PIXELS_MAX_SIDE)
            return fc_fail(err, FC_LIMIT,
                           "a picture of %d x %d pixels is too thin: it would become %.0f x %.0f",
                           (int)from_w, (int)from_h, next_w, next_h);
        *w = (int32_t)next_w;
        *h = (int32_t)next_h;
    }
    return FC_OK;
}

fc_status fc_fit_to_shape_ceil(fc_pixels *dst, const fc_pixels *src, int32_t target, fc_err *err)
{
    int32_t w = src->w, h = src->h;
    *dst = (fc_pixels){0};
    fc_status status = fc_fit_size(&w, &h, target, err);
    return status == FC_OK ? fc_resize_lanczos(dst, src, w, h, err) : status;
}

fc_status fc_fit_between(fc_pixels *dst, const fc_pixels *src, int32_t least, int32_t most, fc_err *err)
{
    int32_t now = fc_fit_shape_ceil(src->w, src->h);
    return fc_fit_to_shape_ceil(dst, src, now < least ? least : now > most ? most : now, err);
}

fc_area fc_fit_multiple(int32_t w, int32_t h, int32_t multiple, fc_fit_align align)
{
    int32_t over_w = w % multiple, over_h = h % multiple;
    int32_t left = align == FC_FIT_CENTRE ? over_w / 2 : 0, top = align == FC_FIT_CENTRE ? over_h / 2 : 0;
    return (fc_area){.top = top, .bottom = top + h - over_h, .left = left, .right = left + w - over_w};
}

/* ---- channels and parts ---- */

/* On white, truncated, as float32 makes it. */
static uint8_t on_white(uint8_t colour, float alpha)
{
    float v = (float)colour * alpha + 255.0f * (1.0f - alpha);
    return (uint8_t)(v < 0.0f ? 0.0f : v > 255.0f ? 255.0f : v);
}

fc_status fc_fit_flatten(fc_pixels *dst, const fc_pixels *src, fc_err *err)
{
    if (src->channels == 3) return fc_pixels_copy(dst, src, err);
    fc_status status = fc_pixels_init(dst, src->w, src->h, 3, err);
    if (status != FC_OK) return status;
    const size_t count = (size_t)src->w * (size_t)src->h;
    const uint8_t *from = src->data;
    uint8_t *to = dst->data;
    if (src->channels == 1) {
        for (size_t i = 0; i < count; i++, to += 3) to[0] = to[1] = to[2] = from[i];
        return FC_OK;
    }
    for (size_t i = 0; i < count; i++, to += 3, from += 4) {
        float alpha = (float)from[3] / 255.0f;
        for (int c = 0; c < 3; c++) to[c] = on_white(from[c], alpha);
    }
    return FC_OK;
}

fc_status fc_fit_crop(fc_pixels *dst, const fc_pixels *src, fc_area area, fc_err *err)
{
    *dst = (fc_pixels){0};
    if (area.top < 0 || area.left < 0 || area.bottom > src->h || area.right > src->w ||
        area.top >= area.bottom || area.left >= area.right)
        return fc_fail(
            err, FC_ARG, "rows %d to %d, columns %d to %d are no part of a picture of %d x %d pixels",
            (int)area.top, (int)area.bottom, (int)area.left, (int)area.right, (int)src->w, (int)src->h);
    fc_status status =
        fc_pixels_init(dst, area.right - area.left, area.bottom - area.top, src->channels, err);
    if (status != FC_OK) return status;
    for (int32_t y = 0; y < dst->h; y++)
        memcpy(fc_pixels_row(dst, y),
               fc_pixels_row(src, area.top + y) + (size_t)area.left * (size_t)src->channels,
               fc_pixels_stride(dst));
    return FC_OK;
}

/* ---- fitting into a size ---- */

static uint8_t continued(int edge, int inner)
{
    int v = (9 * edge - inner + 4) >> 3;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* Pillow's bicubic stretching of a strip of no thickness at the edge of the picture: 9/8 of the edge pixel
 * less 1/8 of the one before it. */
static void continue_bars(fc_pixels *dst, fc_area part, int32_t bar_w, int32_t bar_h)
{
    for (int32_t y = 0; y < dst->h; y++) {
        uint8_t *row = fc_pixels_row(dst, y);
        int32_t edge = y < part.top ? part.top : y >= part.bottom ? part.bottom - 1 : -1;
        if (bar_h > 0 && edge >= 0 && (edge == part.top || y < part.bottom + bar_h)) {
            int32_t inner = part.bottom - part.top < 2 ? edge : edge == part.top ? edge + 1 : edge - 1;
            const uint8_t *e = fc_pixels_row(dst, edge), *n = fc_pixels_row(dst, inner);
            for (size_t i = 0; i < fc_pixels_stride(dst); i++) row[i] = continued(e[i], n[i]);
        }
        for (int32_t x = 0; bar_w > 0 && x < dst->w; x++) {
            if (x >= part.left && x < part.right) continue;
            if (x >= part.right + bar_w) break;
            int32_t from = x < part.left ? part.left : part.right - 1;
            int32_t inner = part.right - part.left < 2 ? from : x < part.left ? from + 1 : from - 1;
            for (int c = 0; c < 3; c++) row[3 * x + c] = continued(row[3 * from + c], row[3 * inner + c]);
        }
    }
}

/* Puts the RGB of part into dst with its corner at left, top (which may be negative). */
static void put(fc_pixels *dst, const fc_pixels *part, int32_t left, int32_t top)
{
    for (int32_t y = 0; y < dst->h; y++) {
        if (y < top || y >= top + part->h) continue;
        const uint8_t *from = fc_pixels_row(part, y - top);
        uint8_t *to = fc_pixels_row(dst, y);
        for (int32_t x = left < 0 ? 0 : left; x < dst->w && x < left + part->w; x++) {
            const uint8_t *p = from + (size_t)(x - left) * (size_t)part->channels;
            for (int c = 0; c < 3; c++) to[3 * x + c] = p[part->channels == 1 ? 0 : c];
        }
    }
}

fc_status fc_fit_resize(fc_pixels *dst, const fc_pixels *src, int32_t w, int32_t h, fc_fit_mode mode,
                        fc_err *err)
{
    if (mode == FC_FIT_STRETCH) return fc_resize_lanczos(dst, src, w, h, err);
    fc_pixels scaled = {0};
    fc_status status = fc_pixels_init(dst, w, h, 3, err);
    if (status != FC_OK) return status;
    double want = (double)w / h, have = (double)src->w / src->h;
    bool whole_w = mode == FC_FIT_COVER ? want > have : want < have;
    bool whole_h = mode == FC_FIT_COVER ? want <= have : want >= have;
    int64_t sw = whole_w ? w : (int64_t)src->w * h / src->h, sh = whole_h ? h : (int64_t)src->h * w / src->w;
    if (sw < 1 || sh < 1)
        status = fc_fail(err, FC_ARG, "a picture of %d x %d pixels is too thin for %d x %d", (int)src->w,
                         (int)src->h, (int)w, (int)h);
    else if (sw > FC_PIXELS_MAX_SIDE || sh > FC_PIXELS_MAX_SIDE)
        status = fc_fail(err, FC_LIMIT, "a picture of %d x %d pixels is too thin for %d x %d", (int)src->w,
                         (int)src->h, (int)w, (int)h);
    else
        status = fc_resize_lanczos(&scaled, src, (int32_t)sw, (int32_t)sh, err);
    if (status == FC_OK) {
        int32_t left = w / 2 - scaled.w / 2, top = h / 2 - scaled.h / 2;
        memset(dst->data, 0, fc_pixels_size(dst)); /* a last row or column that nothing reaches stays black */
        put(dst, &scaled, left, top);
        if (mode == FC_FIT_PAD)
            continue_bars(dst, (fc_area){top, top + scaled.h, left, left + scaled.w}, left, top);
    } else {
        fc_pixels_fini(dst);
    }
    fc_pixels_fini(&scaled);
    return status;
}
