/* Ops: see ops.h. Everything common to all ops is in op_begin and op_end. */
#include "nn/ops.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "nn/profile.h"

/* ---- what every op shares ---- */

/* False when the op must not run: an earlier failure, or the user wants to stop. */
static bool op_begin(fc_cx *cx, double *started)
{
    if (cx->status) return false;
    if (cx->cancel && __atomic_load_n(cx->cancel, __ATOMIC_RELAXED)) {
        fc_cx_fail(cx, FC_CANCELLED, "stopped");
        return false;
    }
    *started = cx->profile ? cx->profile->now() : 0;
    return true;
}

static void record(fc_cx *cx, fc_op_kind kind, double started, double flops)
{
    if (!cx->profile || cx->status) return;
    fc_status status = cx->backend->wait(cx->dev); /* or the time would be that of asking for it */
    if (status) fc_cx_fail_device(cx, status, fc_op_kind_name(kind));
    char block[48];
    snprintf(block, sizeof block, "%s/%s", cx->depth > 0 ? cx->path[0] : "",
             cx->depth > 1 ? cx->path[1] : "");
    fc_profile_add(cx->profile, kind, block, cx->profile->now() - started, flops);
}

static void op_end(fc_cx *cx, fc_status status, fc_op_kind kind, double started, double flops)
{
    if (status) fc_cx_fail_device(cx, status, fc_op_kind_name(kind));
    record(cx, kind, started, flops);
}

static bool require(fc_cx *cx, bool ok, const char *op)
{
    if (!ok) fc_cx_fail(cx, FC_INTERNAL, "%s: the shapes of its operands do not fit", op);
    return ok;
}

static fc_tensor new_like(fc_cx *cx, fc_tensor x, int32_t c)
{
    return fc_new(cx, x.dtype, x.n, x.h, x.w, c);
}

static bool epi_fits(const fc_epi *e, fc_tensor y)
{
    bool rowadd =
        !e->rowadd.data || (e->rowadd.n == y.n && e->rowadd.h == 1 && e->rowadd.w == 1 && e->rowadd.c == y.c);
    bool add = !e->add.data || fc_tensor_same_shape(e->add, y);
    return rowadd && add && (unsigned)e->act < FC_ACT_COUNT;
}

/* Fetches a packed weight and its optional bias; records the packing time by itself. */
static bool get_packed(fc_cx *cx, const fc_kernel *weight, const fc_kernel *bias, fc_kernel_kind kind,
                       const fc_conv_geom *geom, fc_dtype compute, const fc_packed **w, const fc_packed **b,
                       double *started)
{
    fc_err err = {0};
    *w = *b = NULL;
    if (cx->dry) return true;
    uint64_t packs_before = cx->packs->packs;
    fc_status status = fc_packcache_get(cx->packs, weight, kind, geom, compute, w, &err);
    if (status != FC_OK) goto out;
    if (bias && bias->parts)
        status = fc_packcache_get(cx->packs, bias, FC_KERNEL_VECTOR, NULL, FC_F32, b, &err);
out:
    if (status == FC_DEVICE)
        fc_cx_fail_device(cx, status, "preparing a weight");
    else if (status)
        fc_cx_fail(cx, status, "%s", err.message[0] ? err.message : "cannot prepare a weight");
    if (cx->profile && cx->packs->packs != packs_before) {
        record(cx, FC_OP_PACK, *started, 0);
        *started = cx->profile->now();
    }
    return !status;
}

static void release_packed(fc_cx *cx, const fc_kernel *weight)
{
    if (!cx->dry && weight->slot->packed) fc_packcache_release(cx->packs, weight);
}

/* ---- linear, convolution ---- */

void fc_linear_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_linear_w *w, fc_epi epi)
{
    double started;
    const fc_packed *weight, *bias;
    if (!op_begin(cx, &started)) return;
    bool fits =
        x.c == w->cin && y.c == w->cout && x.n == y.n && x.h == y.h && x.w == y.w && epi_fits(&epi, y);
    if (!require(cx, fits, "linear")) return;
    if (get_packed(cx, &w->weight, &w->bias, FC_KERNEL_LINEAR, NULL, x.dtype, &weight, &bias, &started)) {
        fc_status status = cx->backend->linear(cx->dev, y, x, weight, bias, &epi);
        op_end(cx, status, FC_OP_LINEAR, started, 2.0 * (double)fc_tensor_rows(x) * w->cin * w->cout);
    }
    release_packed(cx, &w->weight);
}

fc_tensor fc_linear(fc_cx *cx, fc_tensor x, const fc_linear_w *w, fc_epi epi)
{
    fc_tensor y = new_like(cx, x, w->cout);
    fc_linear_to(cx, y, x, w, epi);
    return y;
}

static int32_t conv_out(int32_t size, int32_t pads, int32_t k, int32_t stride)
{
    return (size + pads - k) / stride + 1;
}

void fc_conv2d_geom_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_conv_w *w, const fc_conv_geom *g,
                       fc_epi epi)
{
    double started;
    const fc_packed *weight, *bias;
    int32_t h = g->resize ? y.h : x.h, width = g->resize ? y.w : x.w;
    if (!op_begin(cx, &started)) return;
    bool fits = x.c == w->cin && y.c == w->cout && x.n == y.n && epi_fits(&epi, y) &&
                y.h == conv_out(h, g->pad_top + g->pad_bottom, g->kh, g->stride) &&
                y.w == conv_out(width, g->pad_left + g->pad_right, g->kw, g->stride);
    if (!require(cx, fits, "conv2d")) return;
    if (get_packed(cx, &w->weight, &w->bias, FC_KERNEL_CONV, g, x.dtype, &weight, &bias, &started)) {
        fc_status status = cx->backend->conv2d(cx->dev, y, x, weight, bias, g, &epi);
        op_end(cx, status, FC_OP_CONV, started,
               2.0 * (double)fc_tensor_rows(y) * w->cin * w->cout * g->kh * g->kw);
    }
    release_packed(cx, &w->weight);
}

void fc_conv2d_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_conv_w *w, fc_epi epi)
{
    fc_conv2d_geom_to(cx, y, x, w, &w->geom, epi);
}

void fc_conv2d_resized_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_conv_w *w, fc_epi epi)
{
    fc_conv_geom geom = w->geom;
    geom.resize = 1;
    fc_conv2d_geom_to(cx, y, x, w, &geom, epi);
}

fc_tensor fc_conv2d(fc_cx *cx, fc_tensor x, const fc_conv_w *w, fc_epi epi)
{
    const fc_conv_geom *g = &w->geom;
    int32_t h = conv_out(x.h, g->pad_top + g->pad_bottom, g->kh, g->stride);
    int32_t width = conv_out(x.w, g->pad_left + g->pad_right, g->kw, g->stride);
    fc_tensor y = fc_new(cx, x.dtype, x.n, h, width, w->cout);
    fc_conv2d_to(cx, y, x, w, epi);
    return y;
}

/* ---- norms ---- */

static bool get_norm(fc_cx *cx, const fc_norm_w *w, const fc_packed **gamma, const fc_packed **beta,
                     double *started)
{
    return get_packed(cx, &w->gamma, &w->beta, FC_KERNEL_VECTOR, NULL, FC_F32, gamma, beta, started);
}

static bool stats_fit(const fc_cx *cx, fc_tensor stats, fc_tensor x, const fc_norm_w *w)
{
    return stats.dtype == cx->stats && stats.n == x.n && stats.h == 1 && stats.w == w->groups &&
           stats.c == 2 && stats.ld == 2;
}

static void group_norm(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_norm_w *w, fc_act act, fc_tensor stats)
{
    double started;
    const fc_packed *gamma, *beta;
    if (!op_begin(cx, &started)) return;
    bool fits = x.c == w->c && w->groups > 0 && w->c % w->groups == 0 && fc_tensor_same_shape(y, x);
    if (!require(cx, fits && (!stats.data || stats_fit(cx, stats, x, w)), "group_norm")) return;
    if (!get_norm(cx, w, &gamma, &beta, &started)) return;
    fc_status status = cx->backend->group_norm(cx->dev, y, x, gamma, beta, w->groups, w->eps, act, stats);
    op_end(cx, status, FC_OP_GROUP_NORM, started, 0);
}

void fc_group_norm_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_norm_w *w, fc_act act)
{
    group_norm(cx, y, x, w, act, (fc_tensor){0});
}

void fc_group_norm_given_to(fc_cx *cx, fc_tensor y, fc_tensor x, const fc_norm_w *w, fc_act act,
                            fc_tensor stats)
{
    if (!cx->status && require(cx, stats.data != NULL, "group_norm")) group_norm(cx, y, x, w, act, stats);
}

fc_tensor fc_group_stats_new(fc_cx *cx, const fc_norm_w *w, int32_t n)
{
    return fc_new(cx, cx->stats, n, 1, w->groups, 2);
}

void fc_group_stats_add(fc_cx *cx, fc_tensor stats, fc_tensor x, const fc_norm_w *w, int64_t before)
{
    double started;
    if (!op_begin(cx, &started)) return;
    bool fits = x.c == w->c && w->groups > 0 && w->c % w->groups == 0 && before >= 0;
    if (!require(cx, fits && stats_fit(cx, stats, x, w), "group_stats")) return;
    op_end(cx, cx->backend->group_stats(cx->dev, stats, x, w->groups, before), FC_OP_GROUP_NORM, started, 0);
}

fc_tensor fc_group_norm(fc_cx *cx, fc_tensor x, const fc_norm_w *w, fc_act act)
{
    fc_tensor y = new_like(cx, x, x.c);
    fc_group_norm_to(cx, y, x, w, act);
    return y;
}

fc_tensor fc_layer_norm(fc_cx *cx, fc_tensor x, const fc_norm_w *w)
{
    double started;
    const fc_packed *gamma, *beta;
    fc_tensor y = new_like(cx, x, x.c);
    if (!op_begin(cx, &started) || !require(cx, x.c == w->c, "layer_norm")) return y;
    if (!get_norm(cx, w, &gamma, &beta, &started)) return y;
    fc_status status = cx->backend->layer_norm(cx->dev, y, x, gamma, beta, w->eps);
    op_end(cx, status, FC_OP_LAYER_NORM, started, 0);
    return y;
}

/* ---- attention, elementwise ---- */

fc_tensor fc_attention(fc_cx *cx, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads, bool causal)
{
    double started;
    fc_tensor y = new_like(cx, q, q.c);
    if (!op_begin(cx, &started)) return y;
    bool fits = heads > 0 && q.c % heads == 0 && q.h == 1 && k.h == 1 && q.n == k.n && q.c == k.c &&
                fc_tensor_same_shape(k, v) && q.dtype == k.dtype && k.dtype == v.dtype;
    if (!require(cx, fits, "attention")) return y;
    fc_status status = cx->backend->attention(cx->dev, y, q, k, v, heads, causal);
    op_end(cx, status, FC_OP_ATTENTION, started, 4.0 * (double)q.n * q.w * k.w * q.c);
    return y;
}

fc_tensor fc_geglu(fc_cx *cx, fc_tensor x)
{
    double started;
    fc_tensor y = new_like(cx, x, x.c / 2);
    if (!op_begin(cx, &started) || !require(cx, x.c % 2 == 0, "geglu")) return y;
    op_end(cx, cx->backend->geglu(cx->dev, y, x), FC_OP_GEGLU, started, 0);
    return y;
}

void fc_unary_to(fc_cx *cx, fc_tensor y, fc_tensor x, fc_act act)
{
    double started;
    if (!op_begin(cx, &started) || !require(cx, fc_tensor_same_shape(y, x), "unary")) return;
    op_end(cx, cx->backend->unary(cx->dev, y, x, act), FC_OP_ELEMENTWISE, started, 0);
}

fc_tensor fc_unary(fc_cx *cx, fc_tensor x, fc_act act)
{
    fc_tensor y = new_like(cx, x, x.c);
    fc_unary_to(cx, y, x, act);
    return y;
}

void fc_axpby_to(fc_cx *cx, fc_tensor y, float a, fc_tensor x, float b, fc_tensor z)
{
    double started;
    if (!op_begin(cx, &started)) return;
    if (!require(cx, fc_tensor_same_shape(y, x) && fc_tensor_same_shape(y, z), "axpby")) return;
    op_end(cx, cx->backend->axpby(cx->dev, y, a, x, b, z), FC_OP_ELEMENTWISE, started, 0);
}

void fc_copy_to(fc_cx *cx, fc_tensor y, fc_tensor x)
{
    double started;
    if (!op_begin(cx, &started) || !require(cx, fc_tensor_same_shape(y, x), "copy")) return;
    op_end(cx, cx->backend->copy(cx->dev, y, x), FC_OP_COPY, started, 0);
}

fc_tensor fc_concat(fc_cx *cx, fc_tensor a, fc_tensor b)
{
    fc_tensor y = new_like(cx, a, a.c + b.c);
    if (!cx->status && !require(cx, a.n == b.n && a.h == b.h && a.w == b.w, "concat")) return y;
    fc_copy_to(cx, fc_tensor_channels(y, 0, a.c), a);
    fc_copy_to(cx, fc_tensor_channels(y, a.c, b.c), b);
    return y;
}

fc_tensor fc_convert(fc_cx *cx, fc_tensor x, fc_dtype dtype)
{
    if (x.dtype == dtype) return x;
    fc_tensor y = fc_new(cx, dtype, x.n, x.h, x.w, x.c);
    fc_copy_to(cx, y, x);
    return y;
}

/* ---- host and device ---- */

fc_tensor fc_upload(fc_cx *cx, fc_dtype dtype, const float *host, int32_t n, int32_t h, int32_t w, int32_t c)
{
    fc_tensor y = fc_new(cx, dtype, n, h, w, c);
    if (cx->status) return y;
    size_t count = (size_t)fc_tensor_rows(y) * (size_t)c;
    const void *bytes = host;
    void *converted = NULL;
    if (dtype != FC_F32) {
        converted = fc_alloc(count * fc_dtype_size(dtype));
        if (!converted) {
            fc_cx_fail(cx, FC_NOMEM, "out of memory");
            return y;
        }
        fc_from_f32(converted, dtype, host, count);
        bytes = converted;
    }
    fc_status status = cx->backend->upload(cx->dev, y.data, bytes, count * fc_dtype_size(dtype));
    if (status) fc_cx_fail_device(cx, status, "copying data to the device");
    fc_free(converted);
    return y;
}

void fc_download(fc_cx *cx, fc_tensor x, float *host)
{
    fc_mark m = fc_enter(cx, NULL);
    fc_tensor dense = x;
    if (x.dtype != FC_F32 || x.ld != x.c) {
        dense = fc_new(cx, FC_F32, x.n, x.h, x.w, x.c);
        fc_copy_to(cx, dense, x);
    }
    size_t bytes = (size_t)fc_tensor_rows(x) * (size_t)x.c * sizeof(float);
    fc_status status = cx->status ? FC_OK : cx->backend->download(cx->dev, host, dense.data, bytes);
    if (status) fc_cx_fail_device(cx, status, "what was asked before");
    fc_leave(cx, m);
}

static fc_status embed_row(const fc_table_w *table, int32_t id, const float *extra, float *dst)
{
    size_t bytes = (size_t)table->c * sizeof(float);
    if (id < 0) {
        if (!extra) return FC_INTERNAL;
        memcpy(dst, extra + (size_t)(-(id + 1)) * (size_t)table->c, bytes);
        return FC_OK;
    }
    if (id >= table->rows) return FC_FORMAT;
    return fc_weight_read(table->weight, id, 1, dst);
}

static fc_status embed_rows(const fc_table_w *table, const fc_table_w *positions, const int32_t *ids,
                            const float *extra, int32_t n, int32_t t, float *host, float *position)
{
    size_t c = (size_t)table->c;
    for (int32_t i = 0; i < n * t; i++) {
        float *row = host + (size_t)i * c;
        fc_status status = embed_row(table, ids[i], extra, row);
        if (!status && positions) status = fc_weight_read(positions->weight, i % t, 1, position);
        if (status) return status;
        for (size_t k = 0; positions && k < c; k++) row[k] += position[k];
    }
    return FC_OK;
}

fc_tensor fc_embed(fc_cx *cx, const fc_table_w *table, const fc_table_w *positions, const int32_t *ids,
                   const float *extra, int32_t n, int32_t t)
{
    fc_tensor none = {0};
    if (cx->status) return none;
    if (!require(cx, n > 0 && t > 0 && (!positions || (positions->c == table->c && t <= positions->rows)),
                 "embed"))
        return none;
    size_t c = (size_t)table->c;
    float *host = fc_alloc((size_t)n * (size_t)t * c * sizeof(float));
    float *position = fc_alloc(c * sizeof(float));
    fc_status status =
        host && position ? embed_rows(table, positions, ids, extra, n, t, host, position) : FC_NOMEM;
    fc_tensor y = none;
    if (status == FC_FORMAT)
        fc_cx_fail(cx, status, "the text encoder knows %d words, the tokenizer gave a higher number",
                   table->rows);
    else if (status)
        fc_cx_fail(cx, status, "cannot read the word table");
    else
        y = fc_upload(cx, cx->act, host, n, 1, t, table->c);
    fc_free(host);
    fc_free(position);
    return y;
}
