/* Blurs, as OpenCV computes them on 8-bit pictures. See blur.h. */
#include "picture/blur.h"

#include <stdbool.h>
#include <string.h>
#include "base/mem.h"

/* ---- box ---- */

/* value = (weight * sum of the box + outer * the two pixels just outside + 1/2) in 24 bits; all fits in 32.
 */
typedef struct box {
    int32_t radius;
    uint32_t weight, outer;
} box;

static box make_box(int32_t radius)
{
    uint32_t n = (uint32_t)radius * 2 + 1, weight = (1u << 24) / n;
    return (box){radius, weight, ((1u << 24) - n * weight) / 2};
}

static uint8_t box_value(const box *b, uint32_t sum, uint32_t outside)
{
    return (uint8_t)((b->weight * sum + b->outer * outside + (1u << 23)) >> 24);
}

static int32_t clamp(int32_t i, int32_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* A row with its edge pixels repeated radius + 1 times on both sides. */
static void pad_row(uint8_t *padded, const uint8_t *src, int32_t w, size_t channels, int32_t radius)
{
    for (int32_t k = 0; k <= radius; k++) memcpy(padded + (size_t)k * channels, src, channels);
    padded += (size_t)(radius + 1) * channels;
    memcpy(padded, src, (size_t)w * channels);
    padded += (size_t)w * channels;
    for (int32_t k = 0; k <= radius; k++)
        memcpy(padded + (size_t)k * channels, src + (size_t)(w - 1) * channels, channels);
}

static void box_row(uint8_t *dst, const uint8_t *padded, int32_t w, size_t channels, const box *b)
{
    const size_t inside = ((size_t)b->radius * 2 + 1) * channels;
    uint32_t sums[4] = {0};
    for (size_t i = 0; i < inside; i++) sums[i % channels] += padded[channels + i];
    for (int32_t x = 0; x < w; x++, dst += channels, padded += channels)
        for (size_t c = 0; c < channels; c++) {
            uint32_t before = padded[c], oldest = padded[channels + c], after = padded[channels + inside + c];
            dst[c] = box_value(b, sums[c], before + after);
            sums[c] += after - oldest;
        }
}

/* sums [stride] */
static void box_columns(fc_pixels *dst, const fc_pixels *src, const box *b, uint32_t *restrict sums)
{
    const size_t stride = fc_pixels_stride(src);
    memset(sums, 0, stride * sizeof *sums);
    for (int32_t k = -b->radius; k <= b->radius; k++) {
        const uint8_t *row = fc_pixels_row(src, clamp(k, src->h));
        for (size_t i = 0; i < stride; i++) sums[i] += row[i];
    }
    for (int32_t y = 0; y < src->h; y++) {
        uint8_t *restrict out = fc_pixels_row(dst, y);
        const uint8_t *before = fc_pixels_row(src, clamp(y - b->radius - 1, src->h)),
                      *after = fc_pixels_row(src, clamp(y + b->radius + 1, src->h)),
                      *oldest = fc_pixels_row(src, clamp(y - b->radius, src->h));
        for (size_t i = 0; i < stride; i++) {
            out[i] = box_value(b, sums[i], (uint32_t)before[i] + after[i]);
            sums[i] += (uint32_t)after[i] - oldest[i];
        }
    }
}

fc_status fc_blur_box(fc_pixels *picture, fc_pixels *scratch, int32_t radius, fc_err *err)
{
    if (radius < 1 || radius > 4096 || scratch->w != picture->w || scratch->h != picture->h ||
        scratch->channels != picture->channels)
        return fc_fail(err, FC_ARG, "a picture of %d x %d pixels cannot be blurred by %d", (int)picture->w,
                       (int)picture->h, (int)radius);
    const box b = make_box(radius);
    const size_t channels = (size_t)picture->channels;
    uint8_t *padded = fc_calloc((size_t)picture->w + 2 * (size_t)radius + 2, channels);
    uint32_t *sums = fc_calloc(fc_pixels_stride(picture), sizeof *sums);
    bool ready = padded && sums;
    for (int32_t y = 0; ready && y < picture->h; y++) {
        pad_row(padded, fc_pixels_row(picture, y), picture->w, channels, radius);
        box_row(fc_pixels_row(scratch, y), padded, picture->w, channels, &b);
    }
    if (ready) box_columns(picture, scratch, &b, sums);
    fc_free(padded);
    fc_free(sums);
    return ready ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while blurring a picture");
}

/* ---- Gaussian ---- */

enum { REACH = 2 }; /* the taps at 3 are 0 */

static const uint32_t gauss[REACH + 1] = {128, 58, 6};

/* ... 2 1 | 0 1 2 ... n-1 | n-2 ... */
static int32_t mirror(int32_t i, int32_t n)
{
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i : 2 * n - 2 - i;
    return i;
}

static void gauss_row(uint16_t *dst, const uint8_t *src, int32_t w, int32_t channels)
{
    for (int32_t x = 0; x < w; x++, dst += channels)
        for (int32_t c = 0; c < channels; c++) {
            uint32_t sum = gauss[0] * src[x * channels + c];
            for (int32_t k = 1; k <= REACH; k++)
                sum += gauss[k] * ((uint32_t)src[mirror(x - k, w) * channels + c] +
                                   src[mirror(x + k, w) * channels + c]);
            dst[c] = (uint16_t)sum; /* at most 255 * 256 */
        }
}

fc_status fc_blur_gauss(fc_pixels *dst, const fc_pixels *src, fc_err *err)
{
    enum { ROWS = 2 * REACH + 1 };
    const size_t stride = fc_pixels_stride(src);
    fc_status status = fc_pixels_init(dst, src->w, src->h, src->channels, err);
    if (status != FC_OK) return status;
    uint16_t *rows = fc_calloc(ROWS * stride, sizeof *rows); /* row y stands at y % ROWS */
    if (!rows) {
        fc_pixels_fini(dst);
        return fc_fail(err, FC_NOMEM, "out of memory while blurring a picture");
    }
    int32_t ready = 0;
    for (int32_t y = 0; y < src->h; y++) {
        for (; ready < src->h && ready <= y + REACH; ready++)
            gauss_row(rows + (size_t)(ready % ROWS) * stride, fc_pixels_row(src, ready), src->w,
                      src->channels);
        const uint16_t *at[ROWS];
        for (int32_t k = -REACH; k <= REACH; k++)
            at[k + REACH] = rows + (size_t)(mirror(y + k, src->h) % ROWS) * stride;
        uint8_t *restrict out = fc_pixels_row(dst, y);
        for (size_t i = 0; i < stride; i++) {
            uint32_t sum = gauss[0] * at[2][i] + gauss[1] * ((uint32_t)at[1][i] + at[3][i]) +
                           gauss[2] * ((uint32_t)at[0][i] + at[4][i]);
            out[i] = (uint8_t)((sum + (1u << 15)) >> 16);
        }
    }
    fc_free(rows);
    return FC_OK;
}
