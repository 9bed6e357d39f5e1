/* The own matrix product and convolution: packing of the weight, division of the work. Every value of y is
 * computed by one thread in an order that depends on the weight's shape alone, so neither threads nor block
 * sizes change a bit. */
#include "backend/cpu/gemm.h"

#include <omp.h>
#include <string.h>
#include "backend/cpu/dev.h"
#include "backend/host.h"
#include "base/mem.h"

static int32_t up(int32_t n, int32_t to)
{
    return (n + to - 1) / to * to;
}

struct sink {
    const fc_gemm_kernels *kernels;
    void *data;
    int32_t cin, taps;
    fc_dtype stored;
};

/* One output channel [cin][taps] -> its column of a panel [taps * cin / step][nr][step]. */
static void put_row(const struct sink *s, int32_t row, const float *values)
{
    int32_t nr = s->kernels->nr, step = s->kernels->step, c = up(s->cin, s->kernels->depth);
    size_t panel = (size_t)(row / nr) * (size_t)s->taps * (size_t)c * (size_t)nr;
    for (int32_t i = 0; i < s->cin; i++) {
        for (int32_t t = 0; t < s->taps; t++) {
            float v = values[(size_t)i * (size_t)s->taps + (size_t)t];
            size_t k = (size_t)t * (size_t)c + (size_t)i, ustep = (size_t)step;
            size_t at = panel + (k / ustep * (size_t)nr + (size_t)(row % nr)) * ustep + k % ustep;
            if (s->stored == FC_BF16)
                ((uint16_t *)s->data)[at] = fc_f32_to_bf16(v);
            else
                ((float *)s->data)[at] = v;
        }
    }
}

static void take_rows(void *user, int32_t first, int32_t count, const float *rows)
{
    const struct sink *s = user;
    size_t cols = (size_t)s->cin * (size_t)s->taps;
    for (int32_t r = 0; r < count; r++) put_row(s, first + r, rows + (size_t)r * cols);
}

fc_status fc_cpu_gemm_pack(fc_dev *dev, const fc_pack_src *src, const fc_gemm_kernels *kernels,
                           fc_dtype stored, void **data, size_t *bytes, fc_err *err)
{
    *data = NULL;
    struct sink s = {kernels, NULL, src->cin, src->kh * src->kw, stored};
    if (src->rows > INT32_MAX - kernels->nr || src->cin > INT32_MAX - kernels->depth ||
        !fc_size_mul((size_t)up(src->rows, kernels->nr) * fc_dtype_size(stored),
                     (size_t)up(src->cin, kernels->depth), bytes) ||
        !fc_size_mul(*bytes, (size_t)s.taps, bytes))
        return fc_fail(err, FC_INTERNAL, "%s: a weight of impossible size", src->name);
    s.data = fc_alloc_aligned(FC_HOST_ALIGN, *bytes);
    if (!s.data) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    memset(s.data, 0, *bytes); /* rounded-up rows and channels */
    fc_status status = fc_host_read_rows(src, dev->threads, kernels->nr, take_rows, &s, err);
    if (status != FC_OK)
        fc_free(s.data);
    else
        *data = s.data;
    return status;
}

/* Blocks get narrower until there are enough for all threads. */
static int32_t block_cols(const fc_gemm_kernels *k, int32_t columns, int64_t row_blocks, int threads)
{
    int32_t cols = k->cols < columns ? k->cols : columns;
    while (threads > 1 && cols > k->nr && row_blocks * ((columns + cols - 1) / cols) < 4 * (int64_t)threads)
        cols = up(cols / 2, k->nr);
    return cols;
}

fc_status fc_cpu_gemm_run(fc_dev *dev, const fc_gemm_kernels *kernels, const fc_gemm *g)
{
    size_t work = (kernels->work_bytes + FC_HOST_ALIGN - 1) / FC_HOST_ALIGN * FC_HOST_ALIGN;
    char *works = fc_cpu_scratch(dev, FC_SCRATCH_WORK, work * (size_t)dev->threads);
    if (!works) return FC_NOMEM;
    int64_t rows = fc_tensor_rows(g->y), row_blocks = (rows + kernels->rows - 1) / kernels->rows;
    int32_t columns = up(g->y.c, kernels->nr), cols = block_cols(kernels, columns, row_blocks, dev->threads);
    int64_t tasks = row_blocks * ((columns + cols - 1) / cols);
#pragma omp parallel for schedule(dynamic) num_threads(dev->threads) if (tasks > 1)
    for (int64_t t = 0; t < tasks; t++) { /* row blocks inside: they share the columns' part of the weight */
        int64_t row = t % row_blocks * kernels->rows, left = rows - row;
        int32_t col = (int32_t)(t / row_blocks) * cols, width = columns - col < cols ? columns - col : cols;
        kernels->block(g, row, left < kernels->rows ? (int32_t)left : kernels->rows, col, width,
                       works + (size_t)omp_get_thread_num() * work);
    }
    return FC_OK;
}
