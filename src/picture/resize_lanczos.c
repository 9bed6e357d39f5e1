/* Pillow's resampling: two passes with weights of 22 bits, rounded half away from zero, and 8-bit values
 * between them. Rows that have passed the horizontal pass wait in a ring, as many as a target row needs. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "picture/resize.h"

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

static int32_t to_fixed(double weight)
{
    double scaled = weight * (1 << WEIGHT_BITS);
    return (int32_t)(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

/* The source pixels within reach of target pixel i; weights [a->width] is scratch. */
static void fill_target(axis *a, int32_t i, int32_t in, double *weights)
{
    double scale = (double)in / a->out, stretch = scale < 1.0 ? 1.0 : scale, reach = LOBES * stretch;
    double center = (i + 0.5) * scale, sum = 0.0;
    int32_t low = (int32_t)(center - reach + 0.5), high = (int32_t)(center + reach + 0.5);
    if (low < 0) low = 0;
    if (high > in) high = in;
    for (int32_t k = low; k < high; k++) {
        weights[k - low] = lanczos((k - center + 0.5) * (1.0 / stretch));
        sum += weights[k - low];
    }
    for (int32_t k = 0; k < high - low; k++)
        a->weights[(size_t)i * (size_t)a->width + (size_t)k] =
            to_fixed(sum != 0.0 ? weights[k] / sum : weights[k]);
    a->first[i] = low;
    a->count[i] = high - low;
}

static fc_status axis_init(axis *a, int32_t in, int32_t out)
{
    double scale = (double)in / out;
    size_t entries;
    *a = (axis){.out = out, .width = (int32_t)ceil(LOBES * (scale < 1.0 ? 1.0 : scale)) * 2 + 1};
    if (!fc_size_mul((size_t)out, (size_t)a->width, &entries)) return FC_NOMEM;
    a->first = fc_calloc((size_t)out, sizeof *a->first);
    a->count = fc_calloc((size_t)out, sizeof *a->count);
    a->weights = fc_calloc(entries, sizeof *a->weights);
    double *weights = fc_calloc((size_t)a->width, sizeof *weights);
    bool ready = a->first && a->count && a->weights && weights;
    for (int32_t i = 0; ready && i < out; i++) fill_target(a, i, in, weights);
    fc_free(weights);
    return ready ? FC_OK : FC_NOMEM;
}

static uint8_t clip(int32_t fixed)
{
    int32_t v = fixed >> WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* One row; called with constant channels, so that the compiler makes a version for each. */
static inline void across_row(uint8_t *dst, const uint8_t *src, const axis *a, const int channels)
{
    for (int32_t x = 0; x < a->out; x++, dst += channels) {
        const int32_t *weights = a->weights + (size_t)x * (size_t)a->width;
        const uint8_t *p = src + (size_t)a->first[x] * (size_t)channels;
        int32_t sum[4] = {1 << (WEIGHT_BITS - 1), 1 << (WEIGHT_BITS - 1), 1 << (WEIGHT_BITS - 1),
                          1 << (WEIGHT_BITS - 1)};
        for (int32_t k = 0; k < a->count[x]; k++, p += channels)
            for (int c = 0; c < channels; c++) sum[c] += p[c] * weights[k];
        for (int c = 0; c < channels; c++) dst[c] = clip(sum[c]);
    }
}

static void across(uint8_t *dst, const uint8_t *src, const axis *a, int32_t channels)
{
    if (channels == 1)
        across_row(dst, src, a, 1);
    else if (channels == 3)
        across_row(dst, src, a, 3);
    else
        across_row(dst, src, a, 4);
}

static void multiply_alpha(uint8_t *dst, const uint8_t *rgba, int32_t w)
{
    for (int32_t x = 0; x < w; x++, dst += 4, rgba += 4) {
        for (int c = 0; c < 3; c++) {
            unsigned t = (unsigned)rgba[c] * rgba[3] + 128;
            dst[c] = (uint8_t)((t + (t >> 8)) >> 8);
        }
        dst[3] = rgba[3];
    }
}

static void divide_alpha(uint8_t *rgba, int32_t w)
{
    for (int32_t x = 0; x < w; x++, rgba += 4) {
        if (rgba[3] == 0 || rgba[3] == 255) continue;
        for (int c = 0; c < 3; c++) {
            unsigned v = 255u * rgba[c] / rgba[3];
            rgba[c] = (uint8_t)(v > 255 ? 255 : v);
        }
    }
}

typedef struct lanczos_job {
    axis across, down;
    uint8_t *ring;       /* [down.width][w][channels]: source row y stands at y % down.width */
    uint8_t *multiplied; /* a source row of RGBA times alpha */
    int32_t *sums;       /* [w][channels] */
} lanczos_job;

static void down_row(uint8_t *dst, const lanczos_job *job, int32_t y, size_t stride)
{
    const axis *a = &job->down;
    int32_t *restrict sums = job->sums;
    for (size_t i = 0; i < stride; i++) sums[i] = 1 << (WEIGHT_BITS - 1);
    for (int32_t k = 0; k < a->count[y]; k++) {
        int32_t weight = a->weights[(size_t)y * (size_t)a->width + (size_t)k];
        const uint8_t *restrict p = job->ring + (size_t)((a->first[y] + k) % a->width) * stride;
        for (size_t i = 0; i < stride; i++) sums[i] += p[i] * weight;
    }
    for (size_t i = 0; i < stride; i++) dst[i] = clip(sums[i]);
}

static void run(const lanczos_job *job, fc_pixels *dst, const fc_pixels *src)
{
    const size_t stride = fc_pixels_stride(dst);
    int32_t ready = 0; /* source rows before this one have been in the ring */
    for (int32_t y = 0; y < dst->h; y++) {
        int32_t end = job->down.first[y] + job->down.count[y];
        if (ready < job->down.first[y]) ready = job->down.first[y];
        for (; ready < end; ready++) {
            const uint8_t *row = fc_pixels_row(src, ready);
            if (src->channels == 4) {
                multiply_alpha(job->multiplied, row, src->w);
                row = job->multiplied;
            }
            across(job->ring + (size_t)(ready % job->down.width) * stride, row, &job->across, src->channels);
        }
        down_row(fc_pixels_row(dst, y), job, y, stride);
        if (src->channels == 4) divide_alpha(fc_pixels_row(dst, y), dst->w);
    }
}

fc_status fc_resize_lanczos(fc_pixels *dst, const fc_pixels *src, int32_t w, int32_t h, fc_err *err)
{
    if (w == src->w && h == src->h) return fc_pixels_copy(dst, src, err);
    fc_status status = fc_pixels_init(dst, w, h, src->channels, err);
    if (status != FC_OK) return status;
    lanczos_job job = {0};
    bool ready = axis_init(&job.across, src->w, w) == FC_OK && axis_init(&job.down, src->h, h) == FC_OK;
    size_t stride = fc_pixels_stride(dst);
    if (ready) {
        job.ring = fc_calloc((size_t)job.down.width, stride);
        job.multiplied = fc_alloc(src->channels == 4 ? fc_pixels_stride(src) : 1);
        job.sums = fc_calloc(stride, sizeof *job.sums);
        ready = job.ring && job.multiplied && job.sums;
    }
    if (ready) {
        run(&job, dst, src);
    } else {
        fc_pixels_fini(dst);
        status = fc_fail(err, FC_NOMEM, "out of memory while resizing a picture");
    }
    axis_fini(&job.across);
    axis_fini(&job.down);
    fc_free(job.ring);
    fc_free(job.multiplied);
    fc_free(job.sums);
    return status;
}
