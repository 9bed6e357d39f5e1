/* Operations without sums: activations, GEGLU, a*x + b*z, copies, nearest-neighbour scaling. */
#include <math.h>
#include "backend/ref/ref.h"

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double gelu(double x)
{
    return 0.5 * x * (1.0 + erf(x * 0.70710678118654752440));
}

double fc_ref_act(fc_act act, double x)
{
    switch (act) {
    case FC_ACT_SILU:
        return x * sigmoid(x);
    case FC_ACT_GELU:
        return gelu(x);
    case FC_ACT_QUICK_GELU:
        return x * sigmoid(1.702 * x);
    case FC_ACT_RELU:
        return x < 0.0 ? 0.0 : x;
    case FC_ACT_TANH3:
        return 3.0 * tanh(x / 3.0);
    case FC_ACT_LRELU:
        return x < 0.0 ? (double)FC_LRELU_SLOPE * x : x;
    default:
        return x;
    }
}

fc_status fc_ref_geglu(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads)
    for (int64_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < y.c; c++)
            ref_store(&y, r, c, (double)ref_load(&x, r, c) * gelu((double)ref_load(&x, r, y.c + c)));
    return FC_OK;
}

fc_status fc_ref_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads)
    for (int64_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < y.c; c++) ref_store(&y, r, c, fc_ref_act(act, (double)ref_load(&x, r, c)));
    return FC_OK;
}

fc_status fc_ref_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads)
    for (int64_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < y.c; c++)
            ref_store(&y, r, c,
                      (double)a * (double)ref_load(&x, r, c) + (double)b * (double)ref_load(&z, r, c));
    return FC_OK;
}

fc_status fc_ref_copy(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    int64_t rows = fc_tensor_rows(y);
#pragma omp parallel for schedule(static) num_threads(dev->threads)
    for (int64_t r = 0; r < rows; r++)
        for (int32_t c = 0; c < y.c; c++) ref_store(&y, r, c, (double)ref_load(&x, r, c));
    return FC_OK;
}
