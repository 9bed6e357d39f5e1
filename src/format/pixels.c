/* Pixels in memory: made, copied, turned. See pixels.h. */
#include "format/pixels.h"

#include <string.h>
#include "base/mem.h"

fc_status fc_pixels_init(fc_pixels *p, int32_t w, int32_t h, int32_t channels, fc_err *err)
{
    *p = (fc_pixels){0};
    if (w < 1 || h < 1 || (channels != 1 && channels != 3 && channels != 4))
        return fc_fail(err, FC_ARG, "a picture of %d x %d pixels with %d channels is not possible", (int)w,
                       (int)h, (int)channels);
    if (w > FC_PIXELS_MAX_SIDE || h > FC_PIXELS_MAX_SIDE || (int64_t)w * h > FC_PIXELS_MAX)
        return fc_fail(err, FC_LIMIT, "a picture of %d x %d pixels is too large; make it smaller", (int)w,
                       (int)h);
    fc_pixels made = {.w = w, .h = h, .channels = channels};
    made.data = fc_alloc(fc_pixels_size(&made));
    if (!made.data)
        return fc_fail(err, FC_NOMEM, "out of memory for a picture of %d x %d pixels", (int)w, (int)h);
    *p = made;
    return FC_OK;
}

void fc_pixels_fini(fc_pixels *p)
{
    fc_free(p->data);
    *p = (fc_pixels){0};
}

fc_status fc_pixels_copy(fc_pixels *dst, const fc_pixels *src, fc_err *err)
{
    fc_status status = fc_pixels_init(dst, src->w, src->h, src->channels, err);
    if (status == FC_OK) memcpy(dst->data, src->data, fc_pixels_size(src));
    return status;
}

/* ---- turning ---- */

static void swap_pixels(uint8_t *a, uint8_t *b, size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        uint8_t t = a[c];
        a[c] = b[c];
        b[c] = t;
    }
}

static void mirror(fc_pixels *p)
{
    const size_t channels = (size_t)p->channels;
    for (int32_t y = 0; y < p->h; y++) {
        uint8_t *left = fc_pixels_row(p, y), *right = left + fc_pixels_stride(p) - channels;
        for (; left < right; left += channels, right -= channels) swap_pixels(left, right, channels);
    }
}

static void flip(fc_pixels *p)
{
    for (int32_t y = 0; y < p->h / 2; y++)
        swap_pixels(fc_pixels_row(p, y), fc_pixels_row(p, p->h - 1 - y), fc_pixels_stride(p));
}

/* Rows become columns. */
static fc_status transpose(fc_pixels *p, fc_err *err)
{
    fc_pixels turned;
    const size_t channels = (size_t)p->channels;
    fc_status status = fc_pixels_init(&turned, p->h, p->w, p->channels, err);
    if (status != FC_OK) return status;
    for (int32_t y = 0; y < turned.h; y++) {
        uint8_t *to = fc_pixels_row(&turned, y);
        for (int32_t x = 0; x < turned.w; x++, to += channels)
            memcpy(to, fc_pixels_row(p, x) + (size_t)y * channels, channels);
    }
    fc_pixels_fini(p);
    *p = turned;
    return FC_OK;
}

fc_status fc_pixels_turn(fc_pixels *p, int orientation, fc_err *err)
{
    enum { MIRROR = 1, FLIP = 2, TRANSPOSE = 4 };
    static const uint8_t steps[9] = {0,
                                     0,
                                     MIRROR,
                                     MIRROR | FLIP,
                                     FLIP,
                                     TRANSPOSE,
                                     TRANSPOSE | MIRROR,
                                     TRANSPOSE | MIRROR | FLIP,
                                     TRANSPOSE | FLIP};
    int todo = orientation >= 1 && orientation <= 8 ? steps[orientation] : 0;
    fc_status status = todo & TRANSPOSE ? transpose(p, err) : FC_OK;
    if (status != FC_OK) return status;
    if (todo & MIRROR) mirror(p);
    if (todo & FLIP) flip(p);
    return FC_OK;
}
