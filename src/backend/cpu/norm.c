/* Group and layer normalisation. Group statistics: each block of rows gives mean and squared distance per
 * channel (float32, shifted), merged per group in double in a fixed order, so that threads change nothing. */
#include <math.h>
#include <string.h>
#include "backend/cpu/dev.h"
#include "backend/host.h"
#include "base/mem.h"

#define MAX_BLOCKS 256 /* of one image */
#define MIN_ROWS   128 /* of one block */

struct stat {
    double mean, m2;
};

struct grid { /* how the rows of one image are divided; a function of the shape alone */
    int64_t rows;
    int32_t block, blocks;
};

static struct grid divide(int64_t rows)
{
    int64_t block = (rows + MAX_BLOCKS - 1) / MAX_BLOCKS;
    block = block < MIN_ROWS ? MIN_ROWS : (block + 31) / 32 * 32;
    return (struct grid){rows, (int32_t)block, (int32_t)((rows + block - 1) / block)};
}

/* Scratch memory of one group_norm call. */
struct plan {
    struct stat *stats; /* [n][blocks][groups] */
    float *vectors;     /* [n][mean, scale, shift][c] */
    float *moments;     /* [n][blocks][mean, squared distance][c] */
};

static bool make_plan(fc_dev *dev, const fc_tensor *x, struct grid g, int32_t groups, struct plan *p)
{
    size_t n = (size_t)x->n, c = (size_t)x->c, blocks = n * (size_t)g.blocks;
    size_t stats = blocks * (size_t)groups * sizeof(struct stat), vectors = 3 * n * c * sizeof(float),
           moments = blocks * 2 * c * sizeof(float);
    char *mem = fc_cpu_scratch(dev, FC_SCRATCH_NORM, stats + vectors + moments);
    if (!mem) return false;
    p->stats = (struct stat *)(void *)mem;
    p->vectors = (float *)(void *)(mem + stats);
    p->moments = p->vectors + 3 * n * c;
    return true;
}

/* Several (count each) means and squared distances -> one: exact up to rounding, however far the means lie
 * apart. */
static struct stat merge(const float *mean, const float *m2, int32_t parts, double count)
{
    double sum = 0.0, within = 0.0, between = 0.0;
    for (int32_t i = 0; i < parts; i++) {
        sum += (double)mean[i];
        within += (double)m2[i];
    }
    double middle = sum / parts;
    for (int32_t i = 0; i < parts; i++) between += ((double)mean[i] - middle) * ((double)mean[i] - middle);
    return (struct stat){middle, within + count * between};
}

static void block_stats(const fc_dev *dev, const fc_tensor *x, struct grid g, int32_t image, int32_t block,
                        int32_t groups, float *moments, struct stat *out)
{
    int64_t first = (int64_t)block * g.block, left = g.rows - first;
    int32_t rows = left < g.block ? (int32_t)left : g.block, width = x->c / groups;
    dev->kernels->moments(fc_row_in(x, image * g.rows + first), x->ld, rows, x->c, moments, moments + x->c);
    for (int32_t i = 0; i < groups; i++)
        out[i] = merge(moments + i * width, moments + x->c + i * width, width, rows);
}

/* Mean and variance of one group over the blocks of an image. */
static void join_blocks(struct grid g, const struct stat *stats, int32_t groups, int32_t width, double out[2])
{
    double sum = 0.0, m2 = 0.0, all = (double)g.rows * width;
    for (int32_t b = 0; b < g.blocks; b++) {
        int64_t left = g.rows - (int64_t)b * g.block;
        double count = (double)(left < g.block ? left : g.block) * width;
        sum += stats[(int64_t)b * groups].mean * count;
    }
    double mean = sum / all;
    for (int32_t b = 0; b < g.blocks; b++) {
        int64_t left = g.rows - (int64_t)b * g.block;
        double count = (double)(left < g.block ? left : g.block) * width,
               d = stats[(int64_t)b * groups].mean - mean;
        m2 += stats[(int64_t)b * groups].m2 + count * d * d;
    }
    out[0] = mean;
    out[1] = m2 / all;
}

/* Mean and variance of a group -> what its channels are normalised with. The float32 mean is subtracted first
 * and its rounding goes into the shift: x * scale alone would round away what a large mean leaves. out: the
 * group's part of [mean, scale, shift][c] */
static void finish_group(const double stat[2], int32_t width, float eps, const float *gamma,
                         const float *beta, float *out, int32_t c)
{
    double mean = stat[0], rstd = 1.0 / sqrt(stat[1] + (double)eps);
    float near = (float)mean;
    for (int32_t i = 0; i < width; i++) {
        double scale = rstd * (gamma ? (double)gamma[i] : 1.0);
        out[i] = near;
        out[c + i] = (float)scale;
        out[2 * c + i] = (float)((beta ? (double)beta[i] : 0.0) - (mean - (double)near) * scale);
    }
}

/* Statistics of the blocks of x -> p.stats */
static void measure_blocks(const fc_dev *dev, const fc_tensor *x, struct grid g, int32_t groups,
                           const struct plan *p)
{
    int32_t tasks = x->n * g.blocks;
    bool parallel = fc_tensor_rows(*x) * x->c >= FC_CPU_PARALLEL_MIN;
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (parallel)
    for (int32_t t = 0; t < tasks; t++)
        block_stats(dev, x, g, t / g.blocks, t % g.blocks, groups, p->moments + (int64_t)t * 2 * x->c,
                    p->stats + (int64_t)t * groups);
}

fc_status fc_cpu_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, int32_t groups, float eps, fc_act act, fc_tensor stats)
{
    if (groups <= 0 || x.c % groups != 0) return FC_INTERNAL;
    const double *given = stats.data;
    struct grid g = divide((int64_t)x.h * x.w);
    struct plan p;
    if (!make_plan(dev, &x, g, groups, &p)) return FC_NOMEM;
    int32_t width = x.c / groups;
    int64_t rows = fc_tensor_rows(x);
    if (!given) measure_blocks(dev, &x, g, groups, &p);
    for (int32_t i = 0; i < x.n; i++)
        for (int32_t j = 0; j < groups; j++) {
            double own[2];
            if (!given) join_blocks(g, p.stats + (int64_t)i * g.blocks * groups + j, groups, width, own);
            finish_group(given ? given + 2 * ((int64_t)i * groups + j) : own, width, eps,
                         gamma ? gamma->vector + j * width : NULL, beta ? beta->vector + j * width : NULL,
                         p.vectors + (int64_t)i * 3 * x.c + j * width, x.c);
        }
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (rows * x.c >= FC_CPU_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++) {
        const float *mean = p.vectors + r / g.rows * 3 * x.c;
        dev->kernels->affine(fc_row_out(&y, r), fc_row_in(&x, r), mean, mean + x.c, mean + 2 * x.c,
                             (size_t)x.c, act);
    }
    return FC_OK;
}

fc_status fc_cpu_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before)
{
    if (groups <= 0 || x.c % groups != 0) return FC_INTERNAL;
    double *out = stats.data;
    struct grid g = divide((int64_t)x.h * x.w);
    struct plan p;
    if (!make_plan(dev, &x, g, groups, &p)) return FC_NOMEM;
    measure_blocks(dev, &x, g, groups, &p);
    for (int32_t i = 0; i < x.n; i++)
        for (int32_t j = 0; j < groups; j++, out += 2) {
            double stat[2];
            join_blocks(g, p.stats + (int64_t)i * g.blocks * groups + j, groups, x.c / groups, stat);
            if (before > 0) fc_host_join_stats(out, before, g.rows, stat);
            memcpy(out, stat, sizeof stat);
        }
    return FC_OK;
}

fc_status fc_cpu_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, float eps)
{
    if ((gamma && gamma->rows != x.c) || (beta && beta->rows != x.c)) return FC_INTERNAL;
    size_t c = (size_t)x.c;
    const float *scale = gamma ? gamma->vector : NULL, *shift = beta ? beta->vector : NULL;
    if (!scale || !shift) { /* what is absent becomes ones and zeros */
        float *plain = fc_cpu_scratch(dev, FC_SCRATCH_NORM, 2 * c * sizeof *plain);
        if (!plain) return FC_NOMEM;
        for (size_t i = 0; i < c; i++) {
            plain[i] = 1.0f;
            plain[c + i] = 0.0f;
        }
        scale = scale ? scale : plain;
        shift = shift ? shift : plain + c;
    }
    int64_t rows = fc_tensor_rows(x);
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (rows * x.c >= FC_CPU_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++)
        dev->kernels->layer_norm(fc_row_out(&y, r), fc_row_in(&x, r), scale, shift, c, eps);
    return FC_OK;
}
