/* OpenCV's INTER_LINEAR on float32, columns first, in OpenCV's order of operations. */
#include <math.h>

#include "base/mem.h"
#include "picture/resize.h"

/* Between which two source positions a target position lies, and how near to the second. */
static int32_t position(int32_t i, double scale, float *t)
{
    float f = (float)((i + 0.5) * scale - 0.5);
    float low = floorf(f);
    *t = f - low;
    return (int32_t)low;
}

typedef struct columns {
    int32_t *left; /* [dw] */
    float *t;      /* [dw] */
} columns;

static void fill_columns(columns *c, int32_t dw, int32_t sw)
{
    double scale = 1.0 / ((double)dw / sw);
    for (int32_t x = 0; x < dw; x++) {
        int32_t left = position(x, scale, &c->t[x]);
        if (left < 0 || left >= sw - 1) c->t[x] = 0.0f; /* beyond the outer centres: the outer value */
        c->left[x] = left < 0 ? 0 : left >= sw - 1 ? sw - 1 : left;
    }
}

static void across(float *dst, const float *src, const columns *c, int32_t dw, int32_t sw, int32_t channels)
{
    for (int32_t x = 0; x < dw; x++, dst += channels) {
        const float *a = src + (size_t)c->left[x] * (size_t)channels,
                    *b = c->left[x] < sw - 1 ? a + channels : a;
        float t = c->t[x];
        for (int32_t k = 0; k < channels; k++) dst[k] = t == 0.0f ? a[k] : a[k] * (1.0f - t) + b[k] * t;
    }
}

fc_status fc_resize_linear(float *dst, int32_t dw, int32_t dh, const float *src, int32_t sw, int32_t sh,
                           int32_t channels, fc_err *err)
{
    if (dw < 1 || dh < 1 || sw < 1 || sh < 1 || channels < 1)
        return fc_fail(err, FC_ARG, "a picture of %d x %d cannot become %d x %d", (int)sw, (int)sh, (int)dw,
                       (int)dh);
    const size_t stride = (size_t)dw * (size_t)channels, step = (size_t)sw * (size_t)channels;
    columns c = {fc_calloc((size_t)dw, sizeof *c.left), fc_calloc((size_t)dw, sizeof *c.t)};
    float *rows[2] = {fc_calloc(stride, sizeof(float)), fc_calloc(stride, sizeof(float))};
    int32_t have[2] = {-1, -1}; /* which source rows stand there */
    double scale = 1.0 / ((double)dh / sh);
    bool ready = c.left && c.t && rows[0] && rows[1];
    if (ready) fill_columns(&c, dw, sw);
    for (int32_t y = 0; ready && y < dh; y++) {
        float t;
        int32_t low = position(y, scale, &t), want[2];
        const float *from[2];
        for (int k = 0; k < 2; k++) {
            want[k] = low + k < 0 ? 0 : low + k > sh - 1 ? sh - 1 : low + k;
            int slot = want[k] % 2; /* neighbours never share one */
            if (have[slot] != want[k]) across(rows[slot], src + (size_t)want[k] * step, &c, dw, sw, channels);
            have[slot] = want[k];
            from[k] = rows[slot];
        }
        float *out = dst + (size_t)y * stride;
        for (size_t i = 0; i < stride; i++) out[i] = from[0][i] * (1.0f - t) + from[1][i] * t;
    }
    fc_free(c.left);
    fc_free(c.t);
    fc_free(rows[0]);
    fc_free(rows[1]);
    return ready ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory while resizing a picture");
}
