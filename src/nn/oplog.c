/* The backend that only writes down: see oplog.h. */
#include "nn/oplog.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"

struct fc_dev {
    fc_oplog *log;
};

struct fc_packed {
    size_t bytes;
};

/* ---- writing down ---- */

static fc_op_operand operand(fc_tensor t)
{
    if (!t.data) return (fc_op_operand){0};
    return (fc_op_operand){1, (int32_t)t.dtype, t.n, t.h, t.w, t.c, (int32_t)t.ld};
}

static fc_status note(fc_dev *dev, const fc_op_call *call)
{
    fc_oplog *log = dev->log;
    if (!log) return FC_OK;
    fc_op_call c = *call;
    c.part = log->part;
    int32_t i = 0;
    while (i < log->count && memcmp(&log->row[i].call, &c, sizeof c) != 0) i++;
    if (i == FC_OPLOG_ROWS) {
        log->overflow = true;
        return FC_OK;
    }
    if (i == log->count) log->row[log->count++] = (fc_oplog_row){.call = c};
    log->row[i].calls++;
    return FC_OK;
}

static fc_op_call product(fc_op_kind kind, fc_tensor y, fc_tensor x, const fc_packed *bias, const fc_epi *epi)
{
    return (fc_op_call){.kind = (int32_t)kind,
                        .y = operand(y),
                        .x = operand(x),
                        .rowadd = operand(epi->rowadd),
                        .add = operand(epi->add),
                        .add_is_y = epi->add.data && epi->add.data == y.data,
                        .bias = bias != NULL,
                        .scaled = epi->scale < 0.0f || epi->scale > 0.0f ? epi->scale != 1.0f : 0,
                        .act = (int32_t)epi->act};
}

static fc_status log_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight,
                            const fc_packed *bias, const fc_epi *epi)
{
    (void)weight;
    fc_op_call c = product(FC_OP_LINEAR, y, x, bias, epi);
    return note(dev, &c);
}

static fc_status log_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight,
                            const fc_packed *bias, const fc_conv_geom *geom, const fc_epi *epi)
{
    (void)weight;
    fc_op_call c = product(FC_OP_CONV, y, x, bias, epi);
    c.geom = *geom;
    return note(dev, &c);
}

static fc_op_call simple(fc_op_kind kind, fc_tensor y, fc_tensor x)
{
    return (fc_op_call){.kind = (int32_t)kind, .y = operand(y), .x = operand(x), .y_is_x = y.data == x.data};
}

static fc_status log_group_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                                const fc_packed *beta, int32_t groups, float eps, fc_act act, fc_tensor stats)
{
    (void)stats;
    (void)gamma;
    (void)beta;
    (void)eps;
    fc_op_call c = simple(FC_OP_GROUP_NORM, y, x);
    c.groups = groups;
    c.act = (int32_t)act;
    return note(dev, &c);
}

static fc_status log_group_stats(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before)
{
    (void)before;
    fc_op_call c = simple(FC_OP_GROUP_NORM, stats, x);
    c.groups = groups;
    c.only_stats = 1;
    return note(dev, &c);
}

static fc_status log_layer_norm(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                                const fc_packed *beta, float eps)
{
    (void)gamma;
    (void)beta;
    (void)eps;
    fc_op_call c = simple(FC_OP_LAYER_NORM, y, x);
    return note(dev, &c);
}

static fc_status log_attention(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                               bool causal)
{
    fc_op_call c = simple(FC_OP_ATTENTION, y, q);
    c.k = operand(k);
    c.v = operand(v);
    c.heads = heads;
    c.causal = causal;
    return note(dev, &c);
}

static fc_status log_geglu(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    fc_op_call c = simple(FC_OP_GEGLU, y, x);
    return note(dev, &c);
}

static fc_status log_unary(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act)
{
    fc_op_call c = simple(FC_OP_ELEMENTWISE, y, x);
    c.terms = 1;
    c.act = (int32_t)act;
    return note(dev, &c);
}

static fc_status log_axpby(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z)
{
    (void)a;
    (void)b;
    fc_op_call c = simple(FC_OP_ELEMENTWISE, y, x);
    c.terms = 2;
    c.k = operand(z);
    return note(dev, &c);
}

static fc_status log_copy(fc_dev *dev, fc_tensor y, fc_tensor x)
{
    fc_op_call c = simple(FC_OP_COPY, y, x);
    return note(dev, &c);
}

/* ---- a device without memory ---- */

static fc_status log_open(const fc_backend_opts *opts, fc_dev **out, fc_err *err)
{
    (void)opts;
    *out = fc_calloc(1, sizeof **out);
    return *out ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

static void log_close(fc_dev *dev)
{
    fc_free(dev);
}

static void log_info(const fc_dev *dev, fc_backend_info *out)
{
    (void)dev;
    *out = (fc_backend_info){.name = "oplog",
                             .description = "computes nothing",
                             .threads = 1,
                             .stats = FC_F64,
                             .dtypes = FC_DTYPE_BIT(FC_F32) | FC_DTYPE_BIT(FC_BF16) | FC_DTYPE_BIT(FC_F16)};
}

static void log_memory(fc_dev *dev, fc_device_memory *out)
{
    (void)dev;
    *out = (fc_device_memory){0};
}

static const char *log_why(const fc_dev *dev)
{
    (void)dev;
    return "";
}

static void log_watch(fc_dev *dev, const int *cancel)
{
    (void)dev;
    (void)cancel;
}

static fc_status log_wait(fc_dev *dev)
{
    (void)dev;
    return FC_OK;
}

/* An address to count from: nothing is ever read or written there. */
static fc_status log_mem_alloc(fc_dev *dev, size_t size, void **out)
{
    (void)size;
    *out = dev;
    return FC_OK;
}

static void log_mem_free(fc_dev *dev, void *p, size_t size)
{
    (void)dev;
    (void)p;
    (void)size;
}

static fc_status log_upload(fc_dev *dev, void *dst, const void *src, size_t size)
{
    (void)dev;
    (void)dst;
    (void)src;
    (void)size;
    return FC_OK;
}

/* Results are float32; varied, so that whoever takes their deviation does not divide by zero. */
static fc_status log_download(fc_dev *dev, void *dst, const void *src, size_t size)
{
    (void)dev;
    (void)src;
    float *values = dst;
    for (size_t i = 0; i < size / sizeof *values; i++) values[i] = (float)(i % 61) / 61.0f - 0.5f;
    return FC_OK;
}

static fc_status new_packed(fc_packed **out, fc_err *err)
{
    *out = fc_alloc(sizeof **out);
    if (!*out) return fc_fail(err, FC_NOMEM, "out of memory");
    (*out)->bytes = sizeof **out;
    return FC_OK;
}

static fc_status log_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                                 fc_err *err)
{
    (void)dev;
    (void)src;
    (void)compute;
    return new_packed(out, err);
}

static fc_status log_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom,
                               fc_dtype compute, fc_packed **out, fc_err *err)
{
    (void)geom;
    return log_pack_linear(dev, src, compute, out, err);
}

static fc_status log_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err)
{
    return log_pack_linear(dev, src, FC_F32, out, err);
}

static size_t log_packed_bytes(const fc_packed *p)
{
    return p->bytes;
}

static void log_packed_free(fc_dev *dev, fc_packed *p)
{
    (void)dev;
    fc_free(p);
}

const fc_backend fc_oplog_backend = {
    .name = "oplog",
    .open = log_open,
    .close = log_close,
    .info = log_info,
    .memory = log_memory,
    .why = log_why,
    .watch = log_watch,
    .mem_alloc = log_mem_alloc,
    .mem_free = log_mem_free,
    .upload = log_upload,
    .download = log_download,
    .wait = log_wait,
    .pack_linear = log_pack_linear,
    .pack_conv = log_pack_conv,
    .pack_vector = log_pack_vector,
    .packed_bytes = log_packed_bytes,
    .packed_free = log_packed_free,
    .linear = log_linear,
    .conv2d = log_conv2d,
    .group_norm = log_group_norm,
    .group_stats = log_group_stats,
    .layer_norm = log_layer_norm,
    .attention = log_attention,
    .geglu = log_geglu,
    .unary = log_unary,
    .axpby = log_axpby,
    .copy = log_copy,
};

void fc_oplog_attach(fc_dev *dev, fc_oplog *log)
{
    dev->log = log;
}

/* ---- what a call costs ---- */

static double rows(const fc_op_operand *t)
{
    return (double)t->n * t->h * t->w;
}

double fc_op_call_flops(const fc_op_call *c)
{
    switch (c->kind) {
    case FC_OP_LINEAR:
        return 2.0 * rows(&c->x) * c->x.c * c->y.c;
    case FC_OP_CONV:
        return 2.0 * rows(&c->y) * c->x.c * c->y.c * c->geom.kh * c->geom.kw;
    case FC_OP_ATTENTION:
        return 4.0 * rows(&c->x) * c->k.w * c->x.c;
    default:
        return 0.0;
    }
}

double fc_op_call_bytes(const fc_op_call *c)
{
    const fc_op_operand *const all[] = {&c->y, &c->x, &c->k, &c->v, &c->rowadd, &c->add};
    double bytes = 0.0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->present)
            bytes += rows(all[i]) * all[i]->c * (double)fc_dtype_size((fc_dtype)all[i]->dtype);
    return bytes;
}
