/* Group and layer normalisation: mean and biased variance in double, two passes. */
#include <math.h>
#include <string.h>
#include "backend/host.h"
#include "backend/ref/ref.h"

struct span { /* rows [row, row + rows) and channels [first, first + count) share their statistics */
    int64_t row, rows;
    int32_t first, count;
};

/* stat: mean and variance. */
static void measure(const fc_tensor *x, struct span s, double stat[2])
{
    double n = (double)s.rows * s.count, sum = 0.0, squares = 0.0;
    for (int64_t r = s.row; r < s.row + s.rows; r++)
        for (int32_t c = s.first; c < s.first + s.count; c++) sum += (double)ref_load(x, r, c);
    double mean = sum / n;
    for (int64_t r = s.row; r < s.row + s.rows; r++) {
        for (int32_t c = s.first; c < s.first + s.count; c++) {
            double d = (double)ref_load(x, r, c) - mean;
            squares += d * d;
        }
    }
    stat[0] = mean;
    stat[1] = squares / n;
}

static void normalise(const fc_tensor *y, const fc_tensor *x, struct span s, const double stat[2],
                      const fc_packed *gamma, const fc_packed *beta, float eps, fc_act act)
{
    double mean = stat[0], rstd = 1.0 / sqrt(stat[1] + (double)eps);
    for (int64_t r = s.row; r < s.row + s.rows; r++) {
        for (int32_t c = s.first; c < s.first + s.count; c++) {
            double v = ((double)ref_load(x, r, c) - mean) * rstd;
            if (gamma) v *= (double)gamma->data[c];
            if (beta) v += (double)beta->data[c];
            ref_store(y, r, c, fc_ref_act(act, v));
        }
    }
}

fc_status fc_ref_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, int32_t groups, float eps, fc_act act, fc_tensor stats)
{
    if (groups <= 0 || x.c % groups != 0) return FC_INTERNAL;
    int64_t rows = (int64_t)x.h * x.w;
    int32_t width = x.c / groups;
#pragma omp parallel for collapse(2) schedule(static) num_threads(dev->threads)
    for (int32_t i = 0; i < x.n; i++)
        for (int32_t g = 0; g < groups; g++) {
            struct span s = {i * rows, rows, g * width, width};
            double stat[2];
            const double *given = stats.data ? (const double *)stats.data + 2 * (i * groups + g) : stat;
            if (!stats.data) measure(&x, s, stat);
            normalise(&y, &x, s, given, gamma, beta, eps, act);
        }
    return FC_OK;
}

fc_status fc_ref_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before)
{
    if (groups <= 0 || x.c % groups != 0) return FC_INTERNAL;
    int64_t rows = (int64_t)x.h * x.w;
    int32_t width = x.c / groups;
#pragma omp parallel for collapse(2) schedule(static) num_threads(dev->threads)
    for (int32_t i = 0; i < x.n; i++)
        for (int32_t g = 0; g < groups; g++) {
            double stat[2], *out = (double *)stats.data + 2 * (i * groups + g);
            measure(&x, (struct span){i * rows, rows, g * width, width}, stat);
            if (before > 0) fc_host_join_stats(out, before, rows, stat);
            memcpy(out, stat, sizeof stat);
        }
    return FC_OK;
}

fc_status fc_ref_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, float eps)
{
    int64_t rows = fc_tensor_rows(x);
#pragma omp parallel for schedule(static) num_threads(dev->threads)
    for (int64_t r = 0; r < rows; r++) {
        struct span s = {r, 1, 0, x.c};
        double stat[2];
        measure(&x, s, stat);
        normalise(&y, &x, s, stat, gamma, beta, eps, FC_ACT_NONE);
    }
    return FC_OK;
}
