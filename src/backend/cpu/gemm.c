/* The own matrix product and convolution: division of the work. Every value of y is computed by one thread in
 * an order that depends on the weight's shape alone, so neither threads nor block sizes change a bit. */
#include "backend/cpu/gemm.h"

#include <omp.h>
#include "backend/cpu/dev.h"
#include "backend/host.h"

static int32_t up(int32_t n, int32_t to)
{
    return (n + to - 1) / to * to;
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
