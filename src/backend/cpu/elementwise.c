/* Operations without sums, a row per step. */
#include <math.h>
#include "backend/cpu/dev.h"
#include "base/mem.h"

fc_status fc_cpu_geglu(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (rows * y.c >= FC_CPU_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++) {
        fc_in value = fc_row_in(&x, r);
        dev->kernels->geglu(fc_row_out(&y, r), value, fc_in_at(value, y.c), (size_t)y.c);
    }
    return FC_OK;
}

fc_status fc_cpu_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (rows * y.c >= FC_CPU_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++)
        dev->kernels->unary(fc_row_out(&y, r), fc_row_in(&x, r), (size_t)y.c, act);
    return FC_OK;
}

fc_status fc_cpu_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (rows * y.c >= FC_CPU_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++)
        dev->kernels->axpby(fc_row_out(&y, r), a, fc_row_in(&x, r), b, fc_row_in(&z, r), (size_t)y.c);
    return FC_OK;
}

fc_status fc_cpu_copy(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (rows * y.c >= FC_CPU_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++) dev->kernels->copy(fc_row_out(&y, r), fc_row_in(&x, r), (size_t)y.c);
    return FC_OK;
}

/* PyTorch's "nearest": the scale is a float32 quotient and so is its product with the index. */
static int32_t nearest(int32_t i, int32_t in, int32_t out)
{
    int32_t s = (int32_t)floorf((float)i * ((float)in / (float)out));
    return s < in ? s : in - 1;
}

fc_status fc_cpu_upsample(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    int64_t lines = (int64_t)y.n * y.h;
#pragma omp parallel for schedule(static)                                                                    \
    num_threads(dev->threads) if (lines * y.w * y.c >= FC_CPU_PARALLEL_MIN)
    for (int64_t l = 0; l < lines; l++) {
        int64_t from = (l / y.h * x.h + nearest((int32_t)(l % y.h), x.h, y.h)) * x.w;
        for (int32_t j = 0; j < y.w; j++)
            dev->kernels->copy(fc_row_out(&y, l * y.w + j), fc_row_in(&x, from + nearest(j, x.w, y.w)),
                               (size_t)y.c);
    }
    return FC_OK;
}
