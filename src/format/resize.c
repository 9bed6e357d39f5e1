/* Resampling in two passes, rows first, with 8-bit values between them and weights in fixed point. For
 * Lanczos this is Pillow's arithmetic (22 bits, rounded half away from zero), so that results agree bit for
 * bit. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "format/image.h"

enum { WEIGHT_BITS = 22, LOBES = 3 };

/* Which source pixels make each target pixel along one axis. */
typedef struct axis {
    int32_t *first, *count; /* [out] */
    int32_t *weights;       /* [out][width], fixed point, sum 1 << WEIGHT_BITS but for rounding */
    int32_t out, width;     /* most source pixels per target pixel */
} axis;

static void axis_fini(axis *a)
{
    fc_free(a->first);
    fc_free(a->count);
    fc_free(a->weights);
}

static double sinc(double x)
{
    const double pi = 3.14159265358979323846;
    return x == 0.0 ? 1.0 : sin(x * pi) / (x * pi);
}

static double lanczos(double x)
{
    return x >= -LOBES && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0.0;
}

/* The source pixels within reach of target pixel i and their weights, not yet of sum 1. -> their number */
static int32_t lanczos_weights(double *weights, int32_t *first, int32_t i, int32_t in, double scale)
{
    double stretch = scale < 1.0 ? 1.0 : scale, reach = LOBES * stretch, center = (i + 0.5) * scale;
    int32_t low = (int32_t)(center - reach + 0.5), high = (int32_t)(center + reach + 0.5);
    if (low < 0) low = 0;
    if (high > in) high = in;
    for (int32_t k = low; k < high; k++) weights[k - low] = lanczos((k - center + 0.5) * (1.0 / stretch));
    *first = low;
    return high - low;
}

/* The lengths of the source pixels' parts that target pixel i covers. */
static int32_t area_weights(double *weights, int32_t *first, int32_t i, int32_t in, double scale)
{
    double begin = i * scale, end = (i + 1) * scale;
    int32_t low = (int32_t)begin, high = (int32_t)ceil(end);
    if (high > in) high = in;
    if (low >= high) low = high - 1;
    for (int32_t k = low; k < high; k++) {
        double part = fmin(end, k + 1) - fmax(begin, k);
        weights[k - low] = part > 0.0 ? part : 0.0;
    }
    *first = low;
    return high - low;
}

static int32_t to_fixed(double weight)
{
    double scaled = weight * (1 << WEIGHT_BITS);
    return (int32_t)(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

static fc_status axis_init(axis *a, int32_t in, int32_t out, fc_resize_filter filter)
{
    double scale = (double)in / out, stretch = scale < 1.0 ? 1.0 : scale;
    size_t entries;
    *a = (axis){.out = out};
    a->width = (int32_t)ceil(filter == FC_RESIZE_LANCZOS ? LOBES * stretch : stretch) * 2 + 1;
    if (!fc_size_mul((size_t)out, (size_t)a->width, &entries)) return FC_NOMEM;
    a->first = fc_calloc((size_t)out, sizeof *a->first);
    a->count = fc_calloc((size_t)out, sizeof *a->count);
    a->weights = fc_calloc(entries, sizeof *a->weights);
    double *weights = fc_calloc((size_t)a->width, sizeof *weights);
    bool ready = a->first && a->count && a->weights && weights;
    for (int32_t i = 0; ready && i < out; i++) {
        int32_t n = filter == FC_RESIZE_LANCZOS ? lanczos_weights(weights, &a->first[i], i, in, scale)
                                                : area_weights(weights, &a->first[i], i, in, scale);
        double sum = 0.0;
        for (int32_t k = 0; k < n; k++) sum += weights[k];
        for (int32_t k = 0; k < n; k++)
            a->weights[(size_t)i * (size_t)a->width + (size_t)k] =
                to_fixed(sum != 0.0 ? weights[k] / sum : weights[k]);
        a->count[i] = n;
    }
    fc_free(weights);
    return ready ? FC_OK : FC_NOMEM;
}

static uint8_t clip(int32_t fixed)
{
    int32_t v = fixed >> WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* src [h][w][3] -> dst [h][a->out][3] */
static void resize_rows(uint8_t *dst, const uint8_t *src, int32_t w, int32_t h, const axis *a)
{
    for (int32_t y = 0; y < h; y++) {
        const uint8_t *row = src + (size_t)y * (size_t)w * 3;
        for (int32_t x = 0; x < a->out; x++, dst += 3) {
            const int32_t *weights = a->weights + (size_t)x * (size_t)a->width;
            const uint8_t *p = row + (size_t)a->first[x] * 3;
            int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
            for (int32_t k = 0; k < a->count[x]; k++, p += 3) {
                r += p[0] * weights[k];
                g += p[1] * weights[k];
                b += p[2] * weights[k];
            }
            dst[0] = clip(r);
            dst[1] = clip(g);
            dst[2] = clip(b);
        }
    }
}

/* src [.][w][3] -> dst [a->out][w][3]; sums has room for a row */
static void resize_columns(uint8_t *dst, const uint8_t *src, int32_t w, const axis *a, int32_t *sums)
{
    const size_t stride = (size_t)w * 3;
    for (int32_t y = 0; y < a->out; y++, dst += stride) {
        const uint8_t *p = src + (size_t)a->first[y] * stride;
        for (size_t i = 0; i < stride; i++) sums[i] = 1 << (WEIGHT_BITS - 1);
        for (int32_t k = 0; k < a->count[y]; k++, p += stride) {
            int32_t weight = a->weights[(size_t)y * (size_t)a->width + (size_t)k];
            for (size_t i = 0; i < stride; i++) sums[i] += p[i] * weight;
        }
        for (size_t i = 0; i < stride; i++) dst[i] = clip(sums[i]);
    }
}

fc_status fc_image_resize(fc_image *dst, const fc_image *src, int32_t w, int32_t h, fc_resize_filter filter,
                          fc_err *err)
{
    fc_status status = fc_image_init(dst, w, h, err);
    if (status != FC_OK) return status;
    if (w == src->w && h == src->h) {
        memcpy(dst->rgb, src->rgb, (size_t)w * (size_t)h * 3);
        return FC_OK;
    }
    axis across = {0}, down = {0};
    uint8_t *narrow = fc_calloc((size_t)src->h * (size_t)w, 3);
    int32_t *sums = fc_calloc((size_t)w * 3, sizeof *sums);
    if (narrow && sums && axis_init(&across, src->w, w, filter) == FC_OK &&
        axis_init(&down, src->h, h, filter) == FC_OK) {
        resize_rows(narrow, src->rgb, src->w, src->h, &across);
        resize_columns(dst->rgb, narrow, w, &down, sums);
    } else {
        fc_image_fini(dst);
        status = fc_fail(err, FC_NOMEM, "out of memory while resizing a picture");
    }
    axis_fini(&across);
    axis_fini(&down);
    fc_free(sums);
    fc_free(narrow);
    return status;
}
