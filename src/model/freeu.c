/* See freeu.h. */
#include "model/freeu.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* ---- the filter: x + (scale - 1) * (the part of x that has the four frequencies) ---- */

/* Frequency k of the four: -1 along x where k & 1, -1 along y where k & 2. */
enum { FREQUENCIES = 4 };
static const double TURN = 6.283185307179586;

/* e^(i * angle) at a pixel for frequency k: conjugate of what the transform multiplies by */
static void wave(int k, double x, double y, double *real, double *imaginary)
{
    double angle = TURN * ((k & 1 ? x : 0) + (k & 2 ? y : 0));
    *real = cos(angle);
    *imaginary = sin(angle);
}

/* sums [FREQUENCIES][2][c] += x at a pixel times its waves */
static void add_pixel(double *sums, const float *x, size_t c, double px, double py)
{
    for (int k = 0; k < FREQUENCIES; k++) {
        double re, im, *real = sums + (size_t)k * 2 * c, *imaginary = real + c;
        wave(k, px, py, &re, &im);
        for (size_t i = 0; i < c; i++) {
            real[i] += (double)x[i] * re;
            imaginary[i] += (double)x[i] * im;
        }
    }
}

static void change_pixel(const double *sums, float *x, size_t c, double px, double py, double factor)
{
    for (int k = 0; k < FREQUENCIES; k++) {
        double re, im;
        const double *real = sums + (size_t)k * 2 * c, *imaginary = real + c;
        wave(k, px, py, &re, &im);
        for (size_t i = 0; i < c; i++) x[i] += (float)(factor * (real[i] * re + imaginary[i] * im));
    }
}

fc_status fc_freeu_filter(float *x, int32_t h, int32_t w, int32_t c, float scale)
{
    size_t channels = (size_t)c;
    double *sums = fc_calloc(FREQUENCIES * 2 * channels, sizeof *sums);
    if (!sums) return FC_NOMEM;
    double factor = ((double)scale - 1) / ((double)h * (double)w);
    for (int32_t i = 0; i < h * w; i++)
        add_pixel(sums, x + (size_t)i * channels, channels, (double)(i % w) / w, (double)(i / w) / h);
    for (int32_t i = 0; i < h * w; i++)
        change_pixel(sums, x + (size_t)i * channels, channels, (double)(i % w) / w, (double)(i / w) / h,
                     factor);
    fc_free(sums);
    return FC_OK;
}

/* ---- the features ---- */

/* x [pixels][c]: the first half of the channels grows by up to b where the mean over all channels is
 * greatest. */
static fc_status strengthen(float *x, size_t pixels, size_t c, float b)
{
    float *mean = fc_alloc(pixels * sizeof *mean), low = INFINITY, high = -INFINITY;
    if (!mean) return FC_NOMEM;
    for (size_t i = 0; i < pixels; i++) {
        double sum = 0;
        for (size_t k = 0; k < c; k++) sum += (double)x[i * c + k];
        mean[i] = (float)(sum / (double)c);
        low = fminf(low, mean[i]);
        high = fmaxf(high, mean[i]);
    }
    for (size_t i = 0; i < pixels; i++) {
        float place = high > low ? (mean[i] - low) / (high - low) : 0.0f;
        float factor = (b - 1.0f) * place + 1.0f;
        for (size_t k = 0; k < c / 2; k++) x[i * c + k] *= factor;
    }
    fc_free(mean);
    return FC_OK;
}

/* Takes t to the host, changes every image of it by b (strengthen) or s (filter), and puts it back. */
static void on_host(fc_cx *cx, fc_tensor t, bool features, float amount)
{
    size_t pixels = (size_t)t.h * (size_t)t.w, c = (size_t)t.c, image = pixels * c;
    fc_mark m = fc_enter(cx, "freeu");
    float *host = fc_calloc((size_t)t.n * image, sizeof *host);
    fc_status status = host ? FC_OK : FC_NOMEM;
    if (host) fc_download(cx, t, host);
    for (int32_t i = 0; i < t.n && !status && !cx->status; i++) {
        float *x = host + (size_t)i * image;
        status = features ? strengthen(x, pixels, c, amount) : fc_freeu_filter(x, t.h, t.w, t.c, amount);
    }
    if (status)
        fc_cx_fail(cx, status, "not enough memory for FreeU");
    else
        fc_copy_to(cx, t, fc_upload(cx, FC_F32, host, t.n, t.h, t.w, t.c));
    fc_free(host);
    fc_leave(cx, m);
}

void fc_freeu_apply(fc_cx *cx, const fc_freeu *f, int32_t channels, fc_tensor h, fc_tensor skip)
{
    bool deep = h.c == 4 * channels;
    if (!deep && h.c != 2 * channels) return;
    on_host(cx, h, true, deep ? f->b1 : f->b2);
    on_host(cx, skip, false, deep ? f->s1 : f->s2);
}
