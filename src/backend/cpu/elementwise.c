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
