/* What inpainting does with pixels: the region it works on, and putting its result back. See inpaint.h. */
#include "picture/inpaint.h"

#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "picture/blur.h"
#include "picture/resize.h"

static int32_t clamp(int32_t v, int32_t high)
{
    return v < 0 ? 0 : v > high ? high : v;
}

static fc_area clip(fc_area a, int32_t w, int32_t h)
{
    return (fc_area){clamp(a.top, h), clamp(a.bottom, h), clamp(a.left, w), clamp(a.right, w)};
}

/* ---- where ---- */

/* The box of all pixels that are not 0, last row and column included; false when there are none. */
static bool bounding_box(const fc_pixels *mask, fc_area *box)
{
    *box = (fc_area){mask->h, -1, mask->w, -1};
    for (int32_t y = 0; y < mask->h; y++) {
        const uint8_t *row = fc_pixels_row(mask, y);
        int32_t first = 0, last = mask->w - 1;
        while (first < mask->w && row[first] == 0) first++;
        if (first == mask->w) continue;
        while (row[last] == 0) last--;
        if (box->bottom < 0) box->top = y;
        box->bottom = y;
        if (first < box->left) box->left = first;
        if (last > box->right) box->right = last;
    }
    return box->bottom >= 0;
}

fc_status fc_inpaint_area(fc_area *area, const fc_pixels *mask, fc_err *err)
{
    fc_area box;
    *area = (fc_area){0};
    if (mask->channels != 1) return fc_fail(err, FC_ARG, "a mask has one channel");
    if (!bounding_box(mask, &box))
        return fc_fail(err, FC_ARG, "the mask is empty; draw what is to be changed");
    int32_t tall = (box.bottom - box.top) / 2, wide = (box.right - box.left) / 2;
    int32_t half = (int32_t)(1.15 * (tall > wide ? tall : wide));
    int32_t y = (box.top + box.bottom) / 2, x = (box.left + box.right) / 2;
    *area = clip((fc_area){y - half, y + half + 1, x - half, x + half + 1}, mask->w, mask->h);
    return FC_OK;
}

fc_area fc_inpaint_grow_area(fc_area a, int32_t w, int32_t h, double field)
{
    if (!(field < 1.0)) return (fc_area){0, h, 0, w};
    a = clip(a, w, h);
    for (;;) {
        int32_t tall = a.bottom - a.top, wide = a.right - a.left;
        if (tall >= h * field && wide >= w * field) return a;
        bool rows = tall < wide || wide == w, columns = tall >= wide || tall == h;
        if (rows) {
            a.top--;
            a.bottom++;
        }
        if (columns) {
            a.left--;
            a.right++;
        }
        a = clip(a, w, h);
    }
}

int32_t fc_inpaint_margin(int32_t side, double fraction)
{
    if (!(fraction > 0.0) || side < 1) return 0;
    return (int32_t)fmin(fraction * side, FC_PIXELS_MAX_SIDE);
}

/* Row y of the wider picture from row `from` of the old one. */
static void extend_row(uint8_t *to, const uint8_t *from, int32_t w, size_t channels, fc_margins add)
{
    for (int32_t x = 0; x < add.left; x++, to += channels) memcpy(to, from, channels);
    memcpy(to, from, (size_t)w * channels);
    to += (size_t)w * channels;
    for (int32_t x = 0; x < add.right; x++, to += channels)
        memcpy(to, from + (size_t)(w - 1) * channels, channels);
}

fc_status fc_inpaint_extend(fc_pixels *picture, fc_pixels *mask, fc_margins add, fc_err *err)
{
    const int32_t most = FC_PIXELS_MAX_SIDE, w = picture->w, h = picture->h;
    fc_pixels wider = {0}, mask_wider = {0};
    if (add.top < 0 || add.bottom < 0 || add.left < 0 || add.right < 0 || mask->w != w || mask->h != h ||
        mask->channels != 1)
        return fc_fail(err, FC_ARG,
                       "the picture cannot be extended: its mask has another size, or a margin is negative");
    if (add.top > most || add.bottom > most || add.left > most || add.right > most)
        return fc_fail(err, FC_LIMIT, "a picture can be extended by at most %d pixels", (int)most);
    fc_status status =
        fc_pixels_init(&wider, w + add.left + add.right, h + add.top + add.bottom, picture->channels, err);
    if (status != FC_OK) goto out;
    status = fc_pixels_init(&mask_wider, wider.w, wider.h, 1, err);
out:
    if (status != FC_OK) {
        fc_pixels_fini(&wider);
        return status;
    }
    memset(mask_wider.data, 255, fc_pixels_size(&mask_wider));
    for (int32_t y = 0; y < wider.h; y++) {
        int32_t from = y < add.top ? 0 : y - add.top < h ? y - add.top : h - 1;
        extend_row(fc_pixels_row(&wider, y), fc_pixels_row(picture, from), w, (size_t)picture->channels, add);
    }
    for (int32_t y = 0; y < h; y++)
        memcpy(fc_pixels_row(&mask_wider, y + add.top) + add.left, fc_pixels_row(mask, y), (size_t)w);
    fc_pixels_fini(picture);
    fc_pixels_fini(mask);
    *picture = wider;
    *mask = mask_wider;
    return FC_OK;
}

/* ---- what the network sees ---- */

static void put_known_back(fc_pixels *picture, const fc_pixels *original, const fc_pixels *mask)
{
    const size_t count = (size_t)mask->w * (size_t)mask->h, channels = (size_t)picture->channels;
    for (size_t i = 0; i < count; i++)
        if (mask->data[i] < 127)
            memcpy(picture->data + i * channels, original->data + i * channels, channels);
}

fc_status fc_inpaint_fill(fc_pixels *picture, const fc_pixels *mask, fc_err *err)
{
    static const struct {
        int32_t radius, times;
    } steps[] = {{512, 2}, {256, 2}, {128, 4}, {64, 4}, {33, 8}, {15, 8}, {5, 16}, {3, 16}};
    if (mask->w != picture->w || mask->h != picture->h || mask->channels != 1)
        return fc_fail(err, FC_ARG, "the mask has another size than the picture");
    fc_pixels original = {0}, scratch = {0};
    fc_status status = fc_pixels_copy(&original, picture, err);
    if (status != FC_OK) goto out;
    status = fc_pixels_init(&scratch, picture->w, picture->h, picture->channels, err);
out:
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        for (int32_t k = 0; status == FC_OK && k < steps[i].times; k++) {
            status = fc_blur_box(picture, &scratch, steps[i].radius, err);
            put_known_back(picture, &original, mask);
        }
    fc_pixels_fini(&original);
    fc_pixels_fini(&scratch);
    return status;
}

/* Position i of `out` among `in` pixels, half-pixel centres: the pixel before it, the one after, its part. */
static int32_t neighbours(int32_t i, int32_t in, int32_t out, int32_t *next, float *part)
{
    float at = (float)in / (float)out * ((float)i + 0.5f) - 0.5f;
    if (at < 0.0f) at = 0.0f;
    int32_t low = (int32_t)at;
    if (low > in - 1) low = in - 1;
    *next = low < in - 1 ? low + 1 : low;
    *part = at - (float)low;
    return low;
}

/* The mask squeezed to w x h, at x, y, rounded. */
static bool is_masked(const fc_pixels *mask, int32_t w, int32_t h, int32_t x, int32_t y)
{
    int32_t right, below;
    float tx, ty;
    int32_t left = neighbours(x, mask->w, w, &right, &tx), above = neighbours(y, mask->h, h, &below, &ty);
    const uint8_t *a = fc_pixels_row(mask, above), *b = fc_pixels_row(mask, below);
    float upper = (1.0f - tx) * ((float)a[left] / 255.0f) + tx * ((float)a[right] / 255.0f);
    float lower = (1.0f - tx) * ((float)b[left] / 255.0f) + tx * ((float)b[right] / 255.0f);
    return rintf((1.0f - ty) * upper + ty * lower) > 0.0f;
}

void fc_inpaint_latent_mask(float *out, int32_t latent_w, int32_t latent_h, const fc_pixels *mask)
{
    enum { CELL = 8 };
    for (int32_t v = 0; v < latent_h; v++)
        for (int32_t u = 0; u < latent_w; u++) {
            bool any = false;
            for (int32_t i = 0; !any && i < CELL * CELL; i++)
                any = is_masked(mask, latent_w * CELL, latent_h * CELL, u * CELL + i % CELL,
                                v * CELL + i / CELL);
            *out++ = any ? 1.0f : 0.0f;
        }
}

fc_status fc_inpaint_grey(float *out, const fc_pixels *picture, const fc_pixels *mask, fc_err *err)
{
    if (mask->w != picture->w || mask->h != picture->h || mask->channels != 1 || picture->channels != 3)
        return fc_fail(err, FC_ARG, "the mask has another size than the picture");
    const size_t count = (size_t)mask->w * (size_t)mask->h;
    for (size_t i = 0; i < 3 * count; i++)
        out[i] = mask->data[i / 3] > 127 ? 0.5f : (float)picture->data[i] / 255.0f;
    return FC_OK;
}

/* ---- back ---- */

static void mix_row(uint8_t *to, const uint8_t *made, const uint8_t *soft, int32_t w)
{
    for (int32_t x = 0; x < w; x++) {
        float part = (float)soft[x] / 255.0f;
        for (int32_t i = 3 * x; i < 3 * x + 3; i++) {
            float v = (float)made[i] * part + (float)to[i] * (1.0f - part);
            to[i] = (uint8_t)(v < 0.0f ? 0.0f : v > 255.0f ? 255.0f : v);
        }
    }
}

fc_status fc_inpaint_paste(fc_pixels *picture, const fc_pixels *generated, fc_area area,
                           const fc_pixels *soft, fc_err *err)
{
    fc_pixels sized;
    if (picture->channels != 3 || generated->channels != 3 || soft->channels != 1 || soft->w != picture->w ||
        soft->h != picture->h)
        return fc_fail(err, FC_ARG, "the mask has another size than the picture");
    if (area.top < 0 || area.left < 0 || area.bottom > picture->h || area.right > picture->w)
        return fc_fail(err, FC_ARG, "the painted area is not inside the picture");
    fc_status status =
        fc_resize_lanczos(&sized, generated, area.right - area.left, area.bottom - area.top, err);
    if (status != FC_OK) return status;
    for (int32_t y = 0; y < sized.h; y++)
        mix_row(fc_pixels_row(picture, area.top + y) + 3 * (size_t)area.left, fc_pixels_row(&sized, y),
                fc_pixels_row(soft, area.top + y) + area.left, sized.w);
    fc_pixels_fini(&sized);
    return FC_OK;
}
