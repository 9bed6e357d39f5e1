/* The arithmetic of LoRA kinds, on a range of rows at a time. All sums in float32, as the reference adds
 * them. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "nn/lora_impl.h"

/* ---- matrices ---- */

/* Rows [first, first + count) as float32 [count][cols]. */
static void matrix_rows(const fc_lora_matrix *m, int32_t first, int32_t count, float *out)
{
    size_t size = fc_dtype_size(m->dtype), cols = (size_t)m->cols;
    if (!m->by_column) {
        fc_to_f32(out, (const char *)m->data + (size_t)first * cols * size, m->dtype, (size_t)count * cols);
        return;
    }
    for (size_t k = 0; k < cols; k++)
        for (size_t i = 0; i < (size_t)count; i++)
            fc_to_f32(&out[i * cols + k],
                      (const char *)m->data + (k * (size_t)m->rows + (size_t)first + i) * size, m->dtype, 1);
}

/* out[n][cols] = a[n][inner] @ b[inner][cols] */
static void multiply(const float *a, const float *b, int32_t n, int32_t inner, int32_t cols, float *out)
{
    memset(out, 0, (size_t)n * (size_t)cols * sizeof *out);
    for (int32_t i = 0; i < n; i++) {
        float *row = out + (size_t)i * (size_t)cols;
        for (int32_t k = 0; k < inner; k++) {
            const float f = a[(size_t)i * (size_t)inner + (size_t)k];
            const float *source = b + (size_t)k * (size_t)cols;
            for (int32_t j = 0; j < cols; j++) row[j] += f * source[j];
        }
    }
}

/* out[count][b.cols] = rows [first, ...) of a, times b */
static fc_status product_rows(const fc_lora_matrix *a, const fc_lora_matrix *b, int32_t first, int32_t count,
                              float *out)
{
    float *left = fc_alloc((size_t)count * (size_t)a->cols * sizeof *left);
    float *right = fc_alloc((size_t)b->rows * (size_t)b->cols * sizeof *right);
    fc_status status = left && right ? FC_OK : FC_NOMEM;
    if (!status) {
        matrix_rows(a, first, count, left);
        matrix_rows(b, 0, b->rows, right);
        multiply(left, right, count, a->cols, b->cols, out);
    }
    fc_free(left);
    fc_free(right);
    return status;
}

/* ---- kinds ---- */

static fc_status hadamard_rows(const fc_lora_delta *d, int32_t first, int32_t count, float *out)
{
    size_t size = (size_t)count * (size_t)d->cols;
    float *other = fc_alloc(size * sizeof *other);
    fc_status status = other ? product_rows(&d->a, &d->b, first, count, out) : FC_NOMEM;
    if (status != FC_OK) goto out;
    status = product_rows(&d->c, &d->d, first, count, other);
out:
    for (size_t i = 0; !status && i < size; i++) out[i] *= other[i];
    fc_free(other);
    return status;
}

/* Row ia*R + ib of a x b: for each column of a's row ia, b's row ib times that value. */
static fc_status kron_rows(const fc_lora_delta *d, int32_t first, int32_t count, float *out)
{
    float *left = fc_alloc((size_t)d->a.cols * sizeof *left),
          *right = fc_alloc((size_t)d->b.cols * sizeof *right);
    fc_status status = left && right ? FC_OK : FC_NOMEM;
    for (int32_t i = 0; !status && i < count; i++) {
        int32_t row = first + i;
        matrix_rows(&d->a, row / d->b.rows, 1, left);
        matrix_rows(&d->b, row % d->b.rows, 1, right);
        for (int32_t j = 0; j < d->a.cols; j++)
            for (int32_t k = 0; k < d->b.cols; k++) *out++ = left[j] * right[k];
    }
    fc_free(left);
    fc_free(right);
    return status;
}

static fc_status glora_rows(const fc_lora_delta *d, int32_t first, int32_t count, const float *w, float *out)
{
    size_t size = (size_t)count * (size_t)d->cols, inner = (size_t)count * (size_t)d->c.cols;
    float *projected = fc_alloc(inner * sizeof *projected), *second = fc_alloc(size * sizeof *second);
    float *c = fc_alloc((size_t)d->c.rows * (size_t)d->c.cols * sizeof *c);
    float *last = fc_alloc((size_t)d->d.rows * (size_t)d->d.cols * sizeof *last);
    fc_status status =
        projected && second && c && last ? product_rows(&d->a, &d->b, first, count, out) : FC_NOMEM;
    if (!status) {
        matrix_rows(&d->c, 0, d->c.rows, c);
        matrix_rows(&d->d, 0, d->d.rows, last);
        multiply(w, c, count, d->c.rows, d->c.cols, projected);
        multiply(projected, last, count, d->d.rows, d->d.cols, second);
        for (size_t i = 0; i < size; i++) out[i] += second[i];
    }
    fc_free(projected);
    fc_free(second);
    fc_free(c);
    fc_free(last);
    return status;
}

static fc_status scale_rows(const fc_lora_delta *d, int32_t first, int32_t count, const float *w, float *out)
{
    float *factors = fc_alloc((size_t)d->a.cols * sizeof *factors);
    if (!factors) return FC_NOMEM;
    matrix_rows(&d->a, 0, 1, factors);
    for (int32_t i = 0; i < count; i++)
        for (int32_t j = 0; j < d->cols; j++)
            *out++ = *w++ * factors[d->per_input ? j / d->patch : first + i];
    fc_free(factors);
    return FC_OK;
}

fc_status fc_lora_delta_rows(const fc_lora_delta *d, int32_t first, int32_t count, const float *w, float *out)
{
    fc_status status = FC_OK;
    switch (d->kind) {
    case FC_LORA_LOW_RANK:
        status = product_rows(&d->a, &d->b, first, count, out);
        break;
    case FC_LORA_HADAMARD:
        status = hadamard_rows(d, first, count, out);
        break;
    case FC_LORA_KRON:
        status = kron_rows(d, first, count, out);
        break;
    case FC_LORA_GLORA:
        status = glora_rows(d, first, count, w, out);
        break;
    case FC_LORA_FULL:
        matrix_rows(&d->a, first, count, out);
        break;
    case FC_LORA_SCALE:
        status = scale_rows(d, first, count, w, out);
        break;
    case FC_LORA_ROTATION: /* has a way of its own */
        status = FC_INTERNAL;
        break;
    }
    return status;
}

/* DoRA: rows of m * W'/|W'| - W, where delta holds what W' adds to W. */
static void apply_magnitude(const fc_lora_delta *d, int32_t first, int32_t count, const float *w,
                            float *delta)
{
    for (int32_t i = 0; i < count; i++) {
        const float *row = w + (size_t)i * (size_t)d->cols;
        float *out = delta + (size_t)i * (size_t)d->cols;
        double square = 0;
        for (int32_t j = 0; j < d->cols; j++) square += (double)(row[j] + out[j]) * (double)(row[j] + out[j]);
        float norm = (float)sqrt(square);
        for (int32_t j = 0; j < d->cols; j++) {
            int32_t input = j / d->patch;
            float length = d->magnitude_per_input ? d->input_norm[input] : norm;
            float wanted = d->magnitude_per_input ? d->magnitude[input] : d->magnitude[first + i];
            if (length > 0) out[j] = (row[j] + out[j]) * (wanted / length) - row[j];
        }
    }
}

fc_status fc_lora_delta_apply(const fc_lora_delta *d, double strength, int32_t first, int32_t count, float *w)
{
    size_t size = (size_t)count * (size_t)d->cols;
    float *delta = fc_alloc(size * sizeof *delta);
    if (!delta) return FC_NOMEM;
    fc_status status = fc_lora_delta_rows(d, first, count, w, delta);
    if (!status && d->magnitude) {
        for (size_t i = 0; i < size; i++) delta[i] *= d->factor;
        apply_magnitude(d, first, count, w, delta);
    }
    const float f = d->magnitude ? (float)strength : (float)(strength * (double)d->factor);
    for (size_t i = 0; !status && i < size; i++) w[i] += f * delta[i];
    fc_free(delta);
    return status;
}
