/* See filters.h. */
#include "diffusion/filters.h"
#include <math.h>
#include "base/mem.h"
#include "diffusion/bilateral_row.h"

/* Index into [0, n) of position i, mirrored at the edges as often as needed. */
static int reflect(int i, int n)
{
    if (n == 1) return 0;
    int period = 2 * (n - 1);
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - i;
}

static void pad(const float *src, int width, int height, float *dst)
{
    const int r = FC_BILATERAL_RADIUS;
    ptrdiff_t stride = width + 2 * r;
    for (int c = 0; c < FC_LATENT_CHANNELS; c++) {
        for (int y = -r; y < height + r; y++, dst += stride) {
            const float *row = src + ((ptrdiff_t)c * height + reflect(y, height)) * width;
            for (int x = -r; x < width + r; x++) dst[x + r] = row[reflect(x, width)];
        }
    }
}

fc_status fc_bilateral_init(fc_bilateral *f, int width, int height, fc_arena *arena, fc_err *err)
{
    *f = (fc_bilateral){.width = width, .height = height};
    const size_t border = 2 * FC_BILATERAL_RADIUS;
    size_t count;
    if (width < 1 || height < 1 || !fc_size_mul((size_t)width + border, (size_t)height + border, &count) ||
        !fc_size_mul(count, FC_LATENT_CHANNELS, &count)) {
        return fc_fail(err, FC_ARG, "a latent of %d x %d cannot be filtered", width, height);
    }
    f->padded = fc_arena_array(arena, count, sizeof *f->padded);
    f->padded_guide = fc_arena_array(arena, count, sizeof *f->padded_guide);
    if (!f->padded_guide) return fc_fail(err, arena->status, "not enough memory for the sharpness filter");
    return FC_OK;
}

typedef void row_function(const fc_bilateral *f, int y, float *out);

static void row_plain(const fc_bilateral *f, int y, float *out)
{
    bilateral_row(f, y, out);
}

static row_function *best_row_function(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) return fc_bilateral_row_avx2;
#endif
    return row_plain;
}

void fc_bilateral_apply(fc_bilateral *f, const float *x, const float *guide, float *out)
{
    row_function *row = best_row_function();
    pad(x, f->width, f->height, f->padded);
    pad(guide, f->width, f->height, f->padded_guide);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < f->height; y++) row(f, y, out);
}

void fc_standardise(const float *x, float *out, size_t count)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i];
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    float divisor = (float)sqrt(squares / (double)(count > 1 ? count - 1 : 1)) + 1e-5f;
    for (size_t i = 0; i < count; i++) out[i] = (x[i] - (float)mean) / divisor;
}
