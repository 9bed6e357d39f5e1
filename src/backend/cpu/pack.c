/* Weights of the CPU backend, for oneDNN or for the own products. */
#include <string.h>
#include "backend/cpu/dev.h"
#include "backend/cpu/gemm.h"
#include "backend/host.h"
#include "base/mem.h"

/* What the layout is chosen for: the picture sizes to come are not known yet. */
#define TYPICAL_ROWS 4096
#define TYPICAL_SIDE 64

struct sink {
    const fc_kernels *kernels;
    fc_out plain;
    size_t cols;
};

static void take_rows(void *user, int32_t first, int32_t count, const float *rows)
{
    const struct sink *s = user;
    fc_out out = fc_out_at(s->plain, (int64_t)first * (int64_t)s->cols);
    s->kernels->copy(out, (fc_in){rows, FC_F32}, (size_t)count * s->cols);
}

static fc_packed *new_packed(const fc_pack_src *src, size_t vector_count)
{
    size_t bytes = sizeof(fc_packed) + vector_count * sizeof(float);
    fc_packed *p = fc_alloc(bytes);
    if (!p) return NULL;
    *p = (fc_packed){.rows = src->rows, .cin = src->cin, .kh = src->kh, .kw = src->kw, .bytes = bytes};
    return p;
}

static fc_prim_shape typical_shape(const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype stored)
{
    fc_prim_shape s = {.cin = src->cin, .cout = src->rows, .src = (int32_t)stored, .dst = (int32_t)stored};
    s.n = geom ? 1 : TYPICAL_ROWS;
    s.h = s.w = s.oh = s.ow = 1;
    if (!geom) return s;
    s.conv = 1;
    s.geom = *geom;
    s.h = TYPICAL_SIDE + geom->kh;
    s.w = TYPICAL_SIDE + geom->kw;
    s.oh = (s.h + geom->pad_top + geom->pad_bottom - geom->kh) / geom->stride + 1;
    s.ow = (s.w + geom->pad_left + geom->pad_right - geom->kw) / geom->stride + 1;
    return s;
}

/* Which weights go to oneDNN: bf16 ones, where it has the fastest kernels and the only ones for AMX. Its sums
 * are split differently with different numbers of threads for some shapes (seen: 3x3, 640 to 128 channels, 12
 * x 12 pixels, 16 threads), so float32, the mode that must be exactly repeatable, always takes the own
 * products. */
static bool library_can(const fc_dev *dev, const fc_conv_geom *geom, fc_dtype compute)
{
    if (dev->products == FC_PRODUCT_LIBRARY) return true;
    if (dev->products == FC_PRODUCT_OWN || compute != FC_BF16 || !dev->bf16) return false;
    return !geom || (geom->kh == 3 && geom->kw == 3);
}

/* Memory for a weight's data; the last one that was given back is used again if it is large enough: with
 * little memory every use of a weight packs it, and fresh memory costs more than the packing. */
static bool block_take(fc_dev *dev, fc_packed *p)
{
    if (dev->spare.size < p->data_bytes) {
        p->data = fc_alloc_aligned(FC_HOST_ALIGN, p->data_bytes);
        p->data_room = p->data_bytes;
    } else {
        p->data = dev->spare.p;
        p->data_room = dev->spare.size;
        dev->spare.p = NULL;
        dev->spare.size = 0;
    }
    return p->data != NULL;
}

static void block_give(fc_dev *dev, fc_packed *p)
{
    if (!p->data || p->data_room <= dev->spare.size) {
        fc_free(p->data);
        return;
    }
    fc_free(dev->spare.p);
    dev->spare.p = p->data;
    dev->spare.size = p->data_room;
}

/* A layout that is no panels: the library brings a plain weight into it. */
static fc_status fill_by_library(fc_dev *dev, const fc_pack_src *src, const fc_prim_shape *shape,
                                 fc_packed *p, fc_err *err)
{
    size_t cols = fc_pack_src_cols(src);
    void *plain = fc_alloc_aligned(FC_HOST_ALIGN, cols * (size_t)src->rows * fc_dtype_size(p->stored));
    if (!plain) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    struct sink sink = {dev->kernels, {plain, p->stored}, cols};
    fc_status status = fc_host_read_rows(src, dev->threads, 1, take_rows, &sink, err);
    if (status == FC_OK) {
        status = fc_prim_weight_fill(dev->prims, p->weight, shape, plain);
        if (status != FC_OK) (void)fc_fail(err, status, "%s: the weight cannot be prepared", src->name);
    }
    fc_free(plain);
    return status;
}

static fc_status pack_for_library(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_packed *p,
                                  fc_err *err)
{
    const fc_prim_shape shape = typical_shape(src, geom, p->stored);
    fc_status status = fc_prim_weight_new(dev->prims, &shape, &p->weight);
    if (status == FC_UNSUPPORTED) return status;
    size_t bytes = 0;
    if (status == FC_OK) {
        p->data_bytes = fc_prim_weight_bytes(p->weight);
        status = block_take(dev, p) ? fc_prim_weight_attach(dev->prims, p->weight, p->data) : FC_NOMEM;
    }
    if (status != FC_OK) return fc_fail(err, status, "%s: the weight cannot be prepared", src->name);
    fc_panels panels;
    if (fc_prim_weight_panels(p->weight, &shape, &panels) && fc_panels_bytes(&panels, src, &bytes) &&
        bytes == p->data_bytes)
        return fc_panels_fill(dev, src, &panels, p->data, NULL, err);
    return fill_by_library(dev, src, &shape, p, err);
}

static fc_status pack_for_own(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed *p,
                              fc_err *err)
{
    p->gemm = compute == FC_BF16 && dev->bf16 ? dev->bf16->gemm : dev->kernels->gemm;
    const fc_panels panels = {p->gemm->nr, p->gemm->step, p->gemm->depth, p->stored};
    if (!fc_panels_bytes(&panels, src, &p->data_bytes))
        return fc_fail(err, FC_INTERNAL, "%s: a weight of impossible size", src->name);
    if (!block_take(dev, p))
        return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    return fc_panels_fill(dev, src, &panels, p->data, p->vector, err);
}

/* geom NULL: linear */
static fc_status pack(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                      fc_packed **out, fc_err *err)
{
    *out = NULL;
    if (fc_pack_src_cols(src) == 0)
        return fc_fail(err, FC_INTERNAL, "%s: a weight of impossible size", src->name);
    fc_packed *p = new_packed(src, src->int8 ? (size_t)src->rows : 0);
    if (!p) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    p->linear = !geom;
    p->stored = src->int8 ? FC_I8 : compute;
    fc_status status = FC_UNSUPPORTED;
    if (!src->int8 && library_can(dev, geom, compute)) status = pack_for_library(dev, src, geom, p, err);
    if (status == FC_UNSUPPORTED) status = pack_for_own(dev, src, compute, p, err);
    p->bytes += p->data_bytes;
    if (status != FC_OK)
        fc_cpu_packed_free(dev, p);
    else
        *out = p;
    return status;
}

fc_status fc_cpu_pack_linear(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                             fc_err *err)
{
    return pack(dev, src, NULL, compute, out, err);
}

fc_status fc_cpu_pack_conv(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                           fc_packed **out, fc_err *err)
{
    if (geom->kh != src->kh || geom->kw != src->kw || geom->stride <= 0)
        return fc_fail(err, FC_INTERNAL, "%s: kernel and geometry differ", src->name);
    return pack(dev, src, fc_conv_is_point(geom) ? NULL : geom, compute, out, err);
}

static void take_values(void *user, int32_t first, int32_t count, const float *rows)
{
    fc_packed *p = user;
    memcpy(p->vector + first, rows, (size_t)count * sizeof *rows);
}

fc_status fc_cpu_pack_vector(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err)
{
    (void)dev;
    *out = NULL;
    if (fc_pack_src_cols(src) != 1) return fc_fail(err, FC_INTERNAL, "%s: not a vector", src->name);
    fc_packed *p = new_packed(src, (size_t)src->rows);
    if (!p) return fc_fail(err, FC_NOMEM, "%s: out of memory while preparing the weight", src->name);
    fc_status status = fc_host_read_rows(src, 1, src->rows, take_values, p, err);
    if (status != FC_OK)
        fc_free(p);
    else
        *out = p;
    return status;
}

size_t fc_cpu_packed_bytes(const fc_packed *p)
{
    return p->bytes;
}

fc_product_kind fc_cpu_packed_kind(const fc_packed *p)
{
    return p->weight ? FC_PRODUCT_LIBRARY : FC_PRODUCT_OWN;
}

void fc_cpu_packed_free(fc_dev *dev, fc_packed *p)
{
    if (!p) return;
    fc_prim_weight_free(p->weight);
    block_give(dev, p);
    fc_free(p);
}
