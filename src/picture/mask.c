/* Masks: from pictures, grown, shrunk, blurred. See mask.h. */
#include "picture/mask.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "picture/resize.h"

/* ---- from pictures ---- */

static size_t count_of(const fc_pixels *p)
{
    return (size_t)p->w * (size_t)p->h;
}

fc_status fc_mask_from_picture(fc_pixels *mask, const fc_pixels *picture, int32_t w, int32_t h, fc_err *err)
{
    fc_pixels sized;
    *mask = (fc_pixels){0};
    if (picture->channels == 4) return fc_fail(err, FC_ARG, "a mask picture must be flattened first");
    fc_status status = fc_resize_lanczos(&sized, picture, w, h, err);
    if (status != FC_OK) return status;
    status = fc_pixels_init(mask, w, h, 1, err);
    const size_t channels = (size_t)sized.channels, count = status == FC_OK ? count_of(&sized) : 0;
    for (size_t i = 0; i < count; i++) {
        unsigned sum = 0;
        for (size_t c = 0; c < channels; c++) sum += sized.data[i * channels + c];
        mask->data[i] = sum > 127 * channels ? 255 : 0;
    }
    fc_pixels_fini(&sized);
    return status;
}

fc_status fc_mask_from_alpha(fc_pixels *mask, const fc_pixels *rgba, fc_err *err)
{
    *mask = (fc_pixels){0};
    if (rgba->channels != 4) return fc_fail(err, FC_ARG, "the mask picture has no transparent pixels");
    fc_status status = fc_pixels_init(mask, rgba->w, rgba->h, 1, err);
    if (status != FC_OK) return status;
    const size_t count = count_of(mask);
    for (size_t i = 0; i < count; i++) mask->data[i] = rgba->data[4 * i + 3] < 128 ? 255 : 0;
    return FC_OK;
}

/* ---- growing and shrinking ---- */

static uint8_t max3(uint8_t a, uint8_t b, uint8_t c)
{
    uint8_t v = a > b ? a : b;
    return v > c ? v : c;
}

/* Both work on v ^ flip: flip 0 takes maxima, 255 minima. */
static void across_max(uint8_t *restrict out, const uint8_t *restrict row, size_t w, uint8_t flip)
{
    if (w == 1) {
        out[0] = row[0] ^ flip;
        return;
    }
    out[0] = max3(row[0] ^ flip, row[0] ^ flip, row[1] ^ flip);
    for (size_t x = 1; x + 1 < w; x++) out[x] = max3(row[x - 1] ^ flip, row[x] ^ flip, row[x + 1] ^ flip);
    out[w - 1] = max3(row[w - 2] ^ flip, row[w - 1] ^ flip, row[w - 1] ^ flip);
}

static void down_max(uint8_t *restrict out, const uint8_t *above, const uint8_t *here, const uint8_t *below,
                     size_t w, uint8_t flip)
{
    for (size_t x = 0; x < w; x++) out[x] = max3(above[x], here[x], below[x]) ^ flip;
}

/* One pixel wider (or narrower); rows [3][w] hold the horizontal maxima of the rows around the current one.
 */
static void grow_once(fc_pixels *mask, uint8_t *rows, uint8_t flip)
{
    const size_t w = (size_t)mask->w;
    across_max(rows, mask->data, w, flip);
    for (int32_t y = 0; y < mask->h; y++) {
        uint8_t *above = rows + (size_t)((y + 2) % 3) * w, *here = rows + (size_t)(y % 3) * w,
                *below = rows + (size_t)((y + 1) % 3) * w;
        bool last = y == mask->h - 1;
        if (!last) across_max(below, fc_pixels_row(mask, y + 1), w, flip);
        down_max(fc_pixels_row(mask, y), y > 0 ? above : here, here, last ? here : below, w, flip);
    }
}

fc_status fc_mask_grow(fc_pixels *mask, int32_t pixels, fc_err *err)
{
    if (mask->channels != 1) return fc_fail(err, FC_ARG, "a mask has one channel");
    if (pixels > FC_MASK_MAX_GROWTH || pixels < -FC_MASK_MAX_GROWTH)
        return fc_fail(err, FC_ARG, "a mask can be widened or narrowed by at most %d pixels",
                       FC_MASK_MAX_GROWTH);
    uint8_t *rows = fc_calloc(3, (size_t)mask->w);
    if (!rows) return fc_fail(err, FC_NOMEM, "out of memory for a mask");
    for (int32_t i = 0; i < abs(pixels); i++) grow_once(mask, rows, pixels < 0 ? 255 : 0);
    fc_free(rows);
    return FC_OK;
}

void fc_mask_invert(fc_pixels *mask)
{
    const size_t size = fc_pixels_size(mask);
    for (size_t i = 0; i < size; i++) mask->data[i] = (uint8_t)(255 - mask->data[i]);
}

bool fc_mask_paints(const fc_pixels *mask)
{
    const size_t size = fc_pixels_size(mask);
    for (size_t i = 0; i < size; i++)
        if (mask->data[i] > 127) return true;
    return false;
}

/* ---- softening ---- */

/* Lowers v to one step more than a neighbour's distance. */
static void nearer(uint8_t *v, uint8_t neighbour)
{
    if (*v > neighbour + 1) *v = (uint8_t)(neighbour + 1);
}

void fc_mask_soften(fc_pixels *mask, int32_t fade)
{
    const uint8_t far = (uint8_t)(fade + 1); /* from this distance on the result is 0 */
    const int32_t w = mask->w, h = mask->h;
    const size_t size = fc_pixels_size(mask);
    for (size_t i = 0; i < size; i++) mask->data[i] = mask->data[i] > 127 ? 0 : far;
    /* chessboard distances: what lies above and left, then what lies below and right */
    for (int32_t y = 0; y < h; y++) {
        uint8_t *row = fc_pixels_row(mask, y), *above = row - w;
        for (int32_t x = 0; x < w; x++) {
            if (x > 0) nearer(&row[x], row[x - 1]);
            if (y > 0) nearer(&row[x], above[x]);
            if (y > 0 && x > 0) nearer(&row[x], above[x - 1]);
            if (y > 0 && x + 1 < w) nearer(&row[x], above[x + 1]);
        }
    }
    for (int32_t y = h; y-- > 0;) {
        uint8_t *row = fc_pixels_row(mask, y), *below = row + w;
        for (int32_t x = w; x-- > 0;) {
            if (x + 1 < w) nearer(&row[x], row[x + 1]);
            if (y + 1 < h) nearer(&row[x], below[x]);
            if (y + 1 < h && x + 1 < w) nearer(&row[x], below[x + 1]);
            if (y + 1 < h && x > 0) nearer(&row[x], below[x - 1]);
        }
    }
    for (size_t i = 0; i < size; i++) {
        int v = 256 - 256 * mask->data[i] / far;
        mask->data[i] = (uint8_t)(v > 255 ? 255 : v);
    }
}
