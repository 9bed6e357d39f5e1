/* OpenCV's INTER_AREA: whole numbers of pixels are summed as integers, other ratios with float32 weights, in
 * OpenCV's order of operations. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "picture/resize.h"

/* Which source pixels make each target pixel along one axis, with what part of it. */
typedef struct axis {
    int32_t *first, *count; /* [out] */
    float *weights;         /* [out][width] */
    int32_t width;
} axis;

static void axis_fini(axis *a)
{
    fc_free(a->first);
    fc_free(a->count);
    fc_free(a->weights);
}

static double scale_of(int32_t in, int32_t out)
{
    return 1.0 / ((double)out / in);
}

static void fill_target(axis *a, int32_t i, int32_t in, double scale)
{
    const double least = 1e-3; /* smaller parts of a pixel do not count */
    double begin = i * scale, end = begin + scale, cell = fmin(scale, in - begin);
    int32_t low = (int32_t)ceil(begin), high = (int32_t)floor(end), n = 0;
    float *weights = a->weights + (size_t)i * (size_t)a->width;
    if (high > in - 1) high = in - 1;
    if (low > high) low = high;
    a->first[i] = low;
    if (low - begin > least) {
        a->first[i] = low - 1;
        weights[n++] = (float)((low - begin) / cell);
    }
    for (int32_t k = low; k < high; k++) weights[n++] = (float)(1.0 / cell);
    if (end - high > least) weights[n++] = (float)(fmin(fmin(end - high, 1.0), cell) / cell);
    a->count[i] = n;
}

static fc_status axis_init(axis *a, int32_t in, int32_t out)
{
    double scale = scale_of(in, out);
    size_t entries;
    *a = (axis){.width = (int32_t)ceil(scale) + 3};
    if (!fc_size_mul((size_t)out, (size_t)a->width, &entries)) return FC_NOMEM;
    a->first = fc_calloc((size_t)out, sizeof *a->first);
    a->count = fc_calloc((size_t)out, sizeof *a->count);
    a->weights = fc_calloc(entries, sizeof *a->weights);
    if (!a->first || !a->count || !a->weights) return FC_NOMEM;
    for (int32_t i = 0; i < out; i++) fill_target(a, i, in, scale);
    return FC_OK;
}

/* One row; called with constant channels, so that the compiler makes a version for each. */
static inline void across_row(float *dst, const uint8_t *src, const axis *a, int32_t out, const int channels)
{
    for (int32_t x = 0; x < out; x++, dst += channels) {
        const float *weights = a->weights + (size_t)x * (size_t)a->width;
        const uint8_t *p = src + (size_t)a->first[x] * (size_t)channels;
        float sum[4] = {0};
        for (int32_t k = 0; k < a->count[x]; k++, p += channels)
            for (int c = 0; c < channels; c++) sum[c] += (float)p[c] * weights[k];
        for (int c = 0; c < channels; c++) dst[c] = sum[c];
    }
}

static void across(float *dst, const uint8_t *src, const axis *a, int32_t out, int32_t channels)
{
    if (channels == 1)
        across_row(dst, src, a, out, 1);
    else if (channels == 3)
        across_row(dst, src, a, out, 3);
    else
        across_row(dst, src, a, out, 4);
}

static uint8_t round_u8(float v)
{
    return (uint8_t)lrintf(v < 0.0f ? 0.0f : v > 255.0f ? 255.0f : v);
}

static fc_status shrink_by_parts(fc_pixels *dst, const fc_pixels *src)
{
    const size_t stride = fc_pixels_stride(dst);
    axis ax = {0}, ay = {0};
    float *row = fc_calloc(stride, sizeof *row), *sums = fc_calloc(stride, sizeof *sums);
    bool ready =
        row && sums && axis_init(&ax, src->w, dst->w) == FC_OK && axis_init(&ay, src->h, dst->h) == FC_OK;
    for (int32_t y = 0; ready && y < dst->h; y++) {
        uint8_t *out = fc_pixels_row(dst, y);
        memset(sums, 0, stride * sizeof *sums);
        for (int32_t k = 0; k < ay.count[y]; k++) {
            float weight = ay.weights[(size_t)y * (size_t)ay.width + (size_t)k];
            across(row, fc_pixels_row(src, ay.first[y] + k), &ax, dst->w, src->channels);
            for (size_t i = 0; i < stride; i++) sums[i] += weight * row[i];
        }
        for (size_t i = 0; i < stride; i++) out[i] = round_u8(sums[i]);
    }
    axis_fini(&ax);
    axis_fini(&ay);
    fc_free(row);
    fc_free(sums);
    return ready ? FC_OK : FC_NOMEM;
}

/* Blocks of sx x sy pixels. */
static fc_status shrink_by_blocks(fc_pixels *dst, const fc_pixels *src, int32_t sx, int32_t sy)
{
    const size_t channels = (size_t)src->channels, stride = fc_pixels_stride(dst);
    const float part = 1.0f / ((float)sx * (float)sy);
    uint64_t *sums = fc_calloc(stride, sizeof *sums);
    if (!sums) return FC_NOMEM;
    for (int32_t y = 0; y < dst->h; y++) {
        uint8_t *out = fc_pixels_row(dst, y);
        memset(sums, 0, stride * sizeof *sums);
        for (int32_t k = 0; k < sy; k++) {
            const uint8_t *p = fc_pixels_row(src, y * sy + k);
            for (size_t i = 0; i < stride; i += channels)
                for (int32_t j = 0; j < sx; j++, p += channels)
                    for (size_t c = 0; c < channels; c++) sums[i + c] += p[c];
        }
        for (size_t i = 0; i < stride; i++)
            out[i] = sx == 2 && sy == 2 ? (uint8_t)((sums[i] + 2) >> 2) : round_u8((float)sums[i] * part);
    }
    fc_free(sums);
    return FC_OK;
}

fc_status fc_resize_area(fc_pixels *dst, const fc_pixels *src, int32_t w, int32_t h, fc_err *err)
{
    *dst = (fc_pixels){0};
    if (w > src->w || h > src->h)
        return fc_fail(err, FC_ARG, "averaging cannot enlarge a picture from %d x %d to %d x %d", (int)src->w,
                       (int)src->h, (int)w, (int)h);
    if (w == src->w && h == src->h) return fc_pixels_copy(dst, src, err);
    fc_status status = fc_pixels_init(dst, w, h, src->channels, err);
    if (status != FC_OK) return status;
    double sx = scale_of(src->w, w), sy = scale_of(src->h, h);
    if (fabs(sx - rint(sx)) < DBL_EPSILON && fabs(sy - rint(sy)) < DBL_EPSILON)
        status = shrink_by_blocks(dst, src, (int32_t)rint(sx), (int32_t)rint(sy));
    else
        status = shrink_by_parts(dst, src);
    if (status == FC_OK) return FC_OK;
    fc_pixels_fini(dst);
    return fc_fail(err, status, "out of memory while resizing a picture");
}
