/* Convolution, and linear as a 1x1 convolution: direct sums in double. */
#include "backend/ref/ref.h"

#define CHANNEL_BLOCK 64 /* output channels summed side by side */

/* acc[0..count) += x[pixel] * W[tap][..][first..first+count) */
static void add_tap(double *acc, int32_t first, int32_t count, const fc_tensor *x, int64_t pixel,
                    const fc_packed *w, int64_t tap)
{
    for (int32_t c = 0; c < x->c; c++) {
        double v = (double)ref_load(x, pixel, c);
        const float *row = w->data + (tap * w->cin + c) * w->rows + first;
        for (int32_t k = 0; k < count; k++) acc[k] += v * (double)row[k];
    }
}

static void store_block(const fc_tensor *y, int64_t pixel, int32_t image, int32_t first, int32_t count,
                        const double *acc, const fc_packed *bias, const fc_epi *epi)
{
    double scale = epi->scale == 0.0f ? 1.0 : (double)epi->scale;
    for (int32_t k = 0; k < count; k++) {
        double v = acc[k];
        if (bias) v += (double)bias->data[first + k];
        if (epi->rowadd.data) v += (double)ref_load(&epi->rowadd, image, first + k);
        v = scale * fc_ref_act(epi->act, v);
        if (epi->add.data) v += (double)ref_load(&epi->add, pixel, first + k);
        ref_store(y, pixel, first + k, v);
    }
}

/* The pixel of image i whose value stands at (row, column) of what is convolved; -1: padding. */
static int64_t source_pixel(const fc_tensor *y, const fc_tensor *x, const fc_conv_geom *g, int32_t i,
                            int32_t row, int32_t column)
{
    int32_t h = g->resize ? y->h : x->h, w = g->resize ? y->w : x->w;
    if (row < 0 || row >= h || column < 0 || column >= w) return -1;
    if (g->resize) {
        row = fc_nearest(row, x->h, h);
        column = fc_nearest(column, x->w, w);
    }
    return ((int64_t)i * x->h + row) * x->w + column;
}

/* One output pixel: image i, row oy, column ox. */
static void conv_pixel(const fc_tensor *y, const fc_tensor *x, const fc_packed *w, const fc_packed *bias,
                       const fc_conv_geom *g, const fc_epi *epi, int64_t pixel)
{
    int32_t i = (int32_t)(pixel / ((int64_t)y->h * y->w));
    int32_t oy = (int32_t)(pixel / y->w % y->h), ox = (int32_t)(pixel % y->w);
    for (int32_t first = 0; first < y->c; first += CHANNEL_BLOCK) {
        int32_t count = y->c - first < CHANNEL_BLOCK ? y->c - first : CHANNEL_BLOCK;
        double acc[CHANNEL_BLOCK] = {0};
        for (int32_t ky = 0; ky < g->kh; ky++) {
            int32_t row = oy * g->stride - g->pad_top + ky;
            for (int32_t kx = 0; kx < g->kw; kx++) {
                int64_t from = source_pixel(y, x, g, i, row, ox * g->stride - g->pad_left + kx);
                if (from >= 0) add_tap(acc, first, count, x, from, w, (int64_t)ky * g->kw + kx);
            }
        }
        store_block(y, pixel, i, first, count, acc, bias, epi);
    }
}

fc_status fc_ref_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_conv_geom *geom, const fc_epi *epi)
{
    if (weight->rows != y.c || weight->cin != x.c || weight->kh != geom->kh || weight->kw != geom->kw)
        return FC_INTERNAL;
    int64_t pixels = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads)
    for (int64_t p = 0; p < pixels; p++) conv_pixel(&y, &x, weight, bias, geom, epi, p);
    return FC_OK;
}

fc_status fc_ref_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_epi *epi)
{
    const fc_conv_geom point = {.kh = 1, .kw = 1, .stride = 1};
    return fc_ref_conv2d(dev, y, x, weight, bias, &point, epi);
}
