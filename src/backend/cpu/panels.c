/* Panels: each task reads the rows of a few outputs, brings their values into the order of taps and channels
 * and into the stored dtype, and turns these rows into columns of a panel. All of it stays in the caches: the
 * file is read once and the panels are written once. */
#include "backend/cpu/panels.h"

#include <stdatomic.h>
#include <string.h>
#include <omp.h>
#include "backend/cpu/dev.h"
#include "backend/host.h"
#include "base/mem.h"

struct job {
    const fc_kernels *kernels;
    const fc_pack_src *src;
    const fc_panels *panels;
    int32_t taps, channels; /* channels rounded up */
    int32_t units;          /* of one output, 32 bits each: floats or pairs of bf16 */
    int64_t ld;             /* units from row to row in the scratch memory */
    char *data;
    float *scales; /* NULL: not in 8 bits */
};

static int32_t up(int32_t n, int32_t to)
{
    return (n + to - 1) / to * to;
}

bool fc_panels_bytes(const fc_panels *p, const fc_pack_src *src, size_t *bytes)
{
    if (src->rows > INT32_MAX - p->width || src->cin > INT32_MAX - p->depth) return false;
    size_t one;
    return fc_size_mul((size_t)up(src->cin, p->depth), (size_t)src->kh * (size_t)src->kw, &one) &&
           one <= INT32_MAX / sizeof(float) && fc_size_mul(one, fc_dtype_size(p->stored), &one) &&
           fc_size_mul(one, (size_t)up(src->rows, p->width), bytes);
}

/* [cin][taps] -> [tap][channels]; ordered: scratch for as many values */
static void order_row(const struct job *j, const float *row, float *ordered, fc_out to)
{
    int32_t cin = j->src->cin;
    if (j->taps > 1) {
        for (int32_t t = 0; t < j->taps; t++)
            for (int32_t i = 0; i < cin; i++)
                ordered[(size_t)t * (size_t)cin + (size_t)i] = row[i * j->taps + t];
        row = ordered;
    }
    for (int32_t t = 0; t < j->taps; t++, row += cin, to = fc_out_at(to, j->channels)) {
        size_t pad = (size_t)(j->channels - cin) * fc_dtype_size(to.t);
        j->kernels->copy(to, (fc_in){row, FC_F32}, (size_t)cin);
        memset(fc_out_at(to, cin).p, 0, pad);
    }
}

/* The rows become columns of a panel, from unit `at` of the data on. turned: scratch for [units][lanes]. */
static void put_columns(const struct job *j, int64_t at, const float *columns, fc_dtype unit, float *turned)
{
    int32_t lanes = j->kernels->lanes, width = j->panels->width, step = j->panels->step;
    if (unit == j->panels->stored) {
        j->kernels->transpose((float *)(void *)j->data + at, width, columns, j->ld, j->units);
        return;
    }
    j->kernels->transpose(turned, lanes, columns, j->ld, j->units);
    size_t values = (size_t)lanes * (size_t)step;
    for (int32_t i = 0; i < j->units; i++) {
        fc_in from = {turned + (size_t)i * (size_t)lanes, unit};
        int64_t to = (at + (int64_t)i * width) * step;
        if (j->panels->stored == FC_I8)
            j->kernels->to_int8((int8_t *)j->data + to, from, values);
        else
            j->kernels->copy(fc_out_at((fc_out){j->data, FC_BF16}, to), from, values);
    }
}

/* Outputs [first, first + lanes): some of them, or all, may lie beyond the last one. */
static fc_status fill_lanes(const struct job *j, int32_t first, float *rows, float *ordered, float *columns)
{
    const fc_pack_src *src = j->src;
    int32_t lanes = j->kernels->lanes, left = src->rows - first, count = left < lanes ? left : lanes;
    int64_t cols = (int64_t)src->cin * j->taps, width = j->panels->width;
    if (count < 0) count = 0;
    fc_status status = count > 0 ? src->read_rows(src->user, first, count, rows) : FC_OK;
    if (status != FC_OK) return status;
    for (int32_t r = 0; r < count && j->scales; r++)
        j->scales[first + r] = j->kernels->quantise(rows + r * cols, (size_t)cols);
    fc_dtype unit = j->panels->step == 1 ? FC_F32 : FC_BF16;
    for (int32_t r = 0; r < count; r++)
        order_row(j, rows + r * cols, ordered, (fc_out){columns + r * j->ld, unit});
    for (int32_t r = count; r < lanes; r++)
        memset(columns + r * j->ld, 0, (size_t)j->units * sizeof *columns);
    put_columns(j, first / width * width * j->units + first % width, columns, unit, rows);
    return FC_OK;
}

fc_status fc_panels_fill(fc_dev *dev, const fc_pack_src *src, const fc_panels *p, void *data, float *scales,
                         fc_err *err)
{
    struct job j = {
        .kernels = dev->kernels, .src = src, .panels = p, .taps = src->kh * src->kw, .data = data};
    j.scales = p->stored == FC_I8 ? scales : NULL;
    j.channels = up(src->cin, p->depth);
    j.units = j.channels * j.taps / p->step;
    j.ld = up(j.units, 16) + 16; /* not a power of two: rows must not compete for cache sets */
    int32_t lanes = dev->kernels->lanes, tasks = up(src->rows, p->width) / lanes;
    size_t cols = fc_pack_src_cols(src), turned = (size_t)j.units > cols ? (size_t)j.units : cols,
           own = (size_t)lanes * turned + cols + (size_t)lanes * (size_t)j.ld, all;
    if (!fc_size_mul(own, (size_t)dev->threads * sizeof(float), &all))
        return fc_fail(err, FC_NOMEM, "%s: too large", src->name);
    float *scratch = fc_alloc_aligned(FC_HOST_ALIGN, all);
    if (!scratch) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    atomic_int failure = FC_OK;
#pragma omp parallel for schedule(dynamic) num_threads(dev->threads) if (tasks > 1)
    for (int32_t t = 0; t < tasks; t++) {
        if (atomic_load(&failure) != FC_OK) continue;
        float *columns = scratch + (size_t)omp_get_thread_num() * own,
              *rows = columns + (size_t)lanes * (size_t)j.ld;
        fc_status status = fill_lanes(&j, t * lanes, rows, rows + (size_t)lanes * turned, columns);
        if (status != FC_OK) atomic_store(&failure, (int)status);
    }
    fc_free(scratch);
    fc_status status = (fc_status)atomic_load(&failure);
    return status == FC_OK ? FC_OK : fc_fail(err, status, "%s: the weight cannot be read", src->name);
}
