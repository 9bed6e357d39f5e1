/* OFT: a weight's rows, cut into blocks, are turned by orthogonal matrices. Must match LyCORIS's DiagOFT and
 * sd-scripts' OFT: Q = B - B^T, kept within alpha * rows by its norm over all blocks; R = (I + Q) (I - Q)^-1;
 * W' = R^T W block by block, then rescaled row by row. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "nn/lora_impl.h"

enum { MAX_BLOCK = 1024 };

/* Solves x (I - q) = (I + q) for x [n][n]: Gauss with pivots on the transposed system. work: [n][2n]. */
static void cayley(const double *q, int32_t n, double *work, float *out)
{
    int32_t w = 2 * n;
    /* (I - q)^T x^T = (I + q)^T, and q^T = -q: (I + q) x^T = (I - q) */
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) {
            double unit = i == j ? 1 : 0;
            work[i * w + j] = unit + q[i * n + j];
            work[i * w + n + j] = unit - q[i * n + j];
        }
    for (int32_t c = 0; c < n; c++) {
        int32_t best = c;
        for (int32_t r = c + 1; r < n; r++)
            if (fabs(work[r * w + c]) > fabs(work[best * w + c])) best = r;
        for (int32_t j = 0; j < w && best != c; j++) {
            double t = work[c * w + j];
            work[c * w + j] = work[best * w + j];
            work[best * w + j] = t;
        }
        double pivot = work[c * w + c];
        for (int32_t j = 0; j < w; j++) work[c * w + j] /= pivot;
        for (int32_t r = 0; r < n; r++) {
            double f = work[r * w + c];
            for (int32_t j = c; j < w && r != c; j++) work[r * w + j] -= f * work[c * w + j];
        }
    }
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) out[i * n + j] = (float)work[j * w + n + i];
}

/* q = factor * (b - b^T) for one block */
static void skew(const float *b, int32_t n, double factor, double *q)
{
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) q[i * n + j] = factor * ((double)b[i * n + j] - (double)b[j * n + i]);
}

static double norm_of(const float *blocks, int32_t count, int32_t n)
{
    double sum = 0;
    for (int32_t k = 0; k < count; k++)
        for (int32_t i = 0; i < n; i++)
            for (int32_t j = 0; j < n; j++) {
                const float *b = blocks + (size_t)k * (size_t)n * (size_t)n;
                double v = (double)b[i * n + j] - (double)b[j * n + i];
                sum += v * v;
            }
    return sqrt(sum);
}

bool fc_lora_rotation_make(const fc_lora_module *m, fc_arena *arena, fc_lora_delta *d)
{
    const fc_st_tensor *t = m->part[FC_LORA_OFT], *rescale = m->part[FC_LORA_OFT_RESCALE];
    if (t->ndim != 3 || t->shape[1] != t->shape[2] || t->shape[1] < 1 || t->shape[1] > MAX_BLOCK)
        return false;
    if (t->shape[0] * t->shape[1] != d->rows || (rescale && rescale->count != (size_t)d->rows)) return false;
    int32_t count = (int32_t)t->shape[0], n = (int32_t)t->shape[1];
    size_t square = (size_t)n * (size_t)n;
    float *blocks = fc_arena_array(arena, t->count, sizeof *blocks), *scale = NULL, alpha = 0;
    double *q = fc_calloc(square, sizeof *q), *work = fc_calloc(2 * square, sizeof *work);
    if (rescale) scale = fc_arena_array(arena, rescale->count, sizeof *scale);
    bool ok = blocks && q && work && (scale || !rescale);
    if (ok) {
        fc_to_f32(blocks, t->data, t->dtype, t->count);
        if (scale) fc_to_f32(scale, rescale->data, rescale->dtype, rescale->count);
        if (m->part[FC_LORA_ALPHA])
            fc_to_f32(&alpha, m->part[FC_LORA_ALPHA]->data, m->part[FC_LORA_ALPHA]->dtype, 1);
        double limit = (double)alpha * (double)d->rows, norm = norm_of(blocks, count, n) + 1e-8;
        double factor = limit > 0 && norm > limit ? limit / norm : 1;
        for (int32_t k = 0; k < count; k++) {
            skew(blocks + (size_t)k * square, n, factor, q);
            cayley(q, n, work, blocks + (size_t)k * square);
        }
        d->kind = FC_LORA_ROTATION;
        d->a = (fc_lora_matrix){.data = blocks, .dtype = FC_F32, .rows = d->rows, .cols = n};
        d->rescale = scale;
        d->factor = 1;
    }
    fc_free(q);
    fc_free(work);
    return ok;
}

/* One row of R^T source: sum over n of R[n][row] * source[n]. */
static void turn(const float *r, int32_t n, int32_t row, const float *source, int32_t cols, float *out)
{
    memset(out, 0, (size_t)cols * sizeof *out);
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < cols; j++)
            out[j] += r[(size_t)i * (size_t)n + (size_t)row] * source[(size_t)i * (size_t)cols + (size_t)j];
}

fc_status fc_lora_rotate(const fc_lora_rotation *p, int32_t first, int32_t count, float *rows)
{
    const fc_lora_delta *d = p->delta;
    int32_t n = d->a.cols;
    size_t cols = (size_t)d->cols;
    float *source = fc_alloc((size_t)n * cols * sizeof *source), *turned = fc_alloc(cols * sizeof *turned);
    fc_status status = source && turned ? FC_OK : FC_NOMEM;
    for (int32_t i = 0, block = -1; i < count && !status; i++) {
        int32_t row = first + i;
        if (row / n != block) {
            block = row / n;
            status = fc_weight_read_before(p->weight, p->row0 + block * n, n, p->self, source);
            if (status) break;
        }
        const float *before = source + (size_t)(row % n) * cols;
        turn((const float *)d->a.data + (size_t)block * (size_t)n * (size_t)n, n, row % n, source, d->cols,
             turned);
        float scale = d->rescale ? d->rescale[row] : 1;
        for (size_t j = 0; j < cols; j++)
            rows[(size_t)i * cols + j] += (float)p->strength * (scale * turned[j] - before[j]);
    }
    fc_free(source);
    fc_free(turned);
    return status;
}
