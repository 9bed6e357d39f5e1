/* Cutting into overlapping tiles and blending them again. See tiles.h. */
#include "picture/tiles.h"

#include <string.h>
#include "base/mem.h"

static int32_t count_along(int32_t length, int32_t tile, int32_t overlap)
{
    int32_t step = tile - overlap;
    return (length - 1) / step + 1;
}

fc_status fc_tiles_init(fc_tiles *t, int32_t w, int32_t h, int32_t scale, int32_t tile, int32_t overlap,
                        fc_err *err)
{
    *t = (fc_tiles){0};
    if (w < 1 || h < 1 || scale < 1 || scale > 16 || tile < 1 || overlap < 0 || overlap >= tile)
        return fc_fail(err, FC_ARG, "a picture of %d x %d pixels cannot be cut into tiles of %d less %d",
                       (int)w, (int)h, (int)tile, (int)overlap);
    if (w > FC_PIXELS_MAX_SIDE / scale || h > FC_PIXELS_MAX_SIDE / scale ||
        (int64_t)w * scale * h * scale > FC_PIXELS_MAX)
        return fc_fail(err, FC_LIMIT, "a picture of %d x %d pixels is too large to be made %d times as large",
                       (int)w, (int)h, (int)scale);
    int32_t side = w > h ? w : h; /* of the largest tile */
    if (side > tile) side = tile;
    *t = (fc_tiles){.w = w, .h = h, .scale = scale, .tile = tile, .overlap = overlap};
    t->rows = count_along(h, tile, overlap);
    t->columns = count_along(w, tile, overlap);
    size_t band = (size_t)(tile < h ? tile : h) * (size_t)scale * (size_t)w * (size_t)scale;
    t->sum = fc_calloc(band, 3 * sizeof *t->sum);
    t->weight = fc_calloc(band, sizeof *t->weight);
    t->ramp = fc_calloc((size_t)side * (size_t)scale, 2 * sizeof *t->ramp);
    if (t->sum && t->weight && t->ramp) return FC_OK;
    fc_tiles_fini(t);
    return fc_fail(err, FC_NOMEM, "out of memory for the tiles of a picture");
}

void fc_tiles_fini(fc_tiles *t)
{
    fc_free(t->sum);
    fc_free(t->weight);
    fc_free(t->ramp);
    *t = (fc_tiles){0};
}

fc_area fc_tiles_area(const fc_tiles *t, int32_t row, int32_t column)
{
    int32_t step = t->tile - t->overlap, top = row * step, left = column * step;
    int32_t tall = t->h - top < t->tile ? t->h - top : t->tile,
            wide = t->w - left < t->tile ? t->w - left : t->tile;
    return (fc_area){top, top + tall, left, left + wide};
}

void fc_tiles_read(const fc_tiles *t, const fc_pixels *rgb, int32_t row, int32_t column, float *out)
{
    const fc_area a = fc_tiles_area(t, row, column);
    const size_t wide = (size_t)(a.right - a.left) * 3;
    for (int32_t y = a.top; y < a.bottom; y++) {
        const uint8_t *from = fc_pixels_row(rgb, y) + 3 * (size_t)a.left;
        for (size_t i = 0; i < wide; i++) *out++ = (float)from[i] / 255.0f;
    }
}

/* The weights of n rows (or columns) of a tile: factor (i + 1) / feather on row i from either end. In a tile
 * thinner than the feather the count from the far end goes on past the front and comes in again at the end,
 * one row left out: so the reference's indices do it. */
static void fill_ramp(float *ramp, int32_t n, int32_t feather)
{
    for (int32_t i = 0; i < n; i++) ramp[i] = 1.0f;
    for (int32_t i = 0; i < feather; i++) {
        float factor = (float)((1.0 / feather) * (i + 1));
        int32_t far = n - 1 - i;
        if (i < n) ramp[i] *= factor;
        if (far < -1) far += n;
        if (far >= 0) ramp[far] *= factor;
    }
}

/* Rows of the band from its top on become pixels; the rest moves up. */
static void finish_rows(fc_tiles *t, const fc_pixels *dst, int32_t first, int32_t count, int32_t band)
{
    const size_t w = (size_t)t->w * (size_t)t->scale, rest = (size_t)(band - count) * w;
    for (int32_t y = 0; y < count; y++) {
        const float *sum = t->sum + (size_t)y * w * 3, *weight = t->weight + (size_t)y * w;
        uint8_t *out = fc_pixels_row(dst, first + y);
        for (size_t i = 0; i < 3 * w; i++) {
            float v = sum[i] / weight[i / 3];
            out[i] = (uint8_t)(255.0f * (v > 0.0f ? v < 1.0f ? v : 1.0f : 0.0f));
        }
    }
    memmove(t->sum, t->sum + (size_t)count * w * 3, rest * 3 * sizeof *t->sum);
    memmove(t->weight, t->weight + (size_t)count * w, rest * sizeof *t->weight);
    memset(t->sum + rest * 3, 0, (size_t)count * w * 3 * sizeof *t->sum);
    memset(t->weight + rest, 0, (size_t)count * w * sizeof *t->weight);
}

void fc_tiles_write(fc_tiles *t, const fc_pixels *dst, int32_t row, int32_t column, const float *made)
{
    const fc_area a = fc_tiles_area(t, row, column);
    const int32_t tall = (a.bottom - a.top) * t->scale, wide = (a.right - a.left) * t->scale,
                  feather = t->overlap * t->scale;
    const size_t w = (size_t)t->w * (size_t)t->scale, left = (size_t)a.left * (size_t)t->scale;
    float *down = t->ramp, *across = t->ramp + tall;
    fill_ramp(down, tall, feather);
    fill_ramp(across, wide, feather);
    for (int32_t y = 0; y < tall; y++) {
        float *sum = t->sum + ((size_t)y * w + left) * 3, *weight = t->weight + (size_t)y * w + left;
        for (int32_t x = 0; x < wide; x++, sum += 3, made += 3) {
            float part = down[y] * across[x];
            weight[x] += part;
            for (int c = 0; c < 3; c++) sum[c] += made[c] * part;
        }
    }
    if (column < t->columns - 1) return;
    int32_t next = row < t->rows - 1 ? fc_tiles_area(t, row + 1, 0).top : t->h;
    int32_t band = (t->tile < t->h ? t->tile : t->h) * t->scale;
    finish_rows(t, dst, a.top * t->scale, (next - a.top) * t->scale, band);
}
