/* linear and conv2d by oneDNN or by the own products, which do everything at once. For oneDNN: what the
 * library's primitive can do at once it does; views, conversions, other activations and scales go through
 * dense scratch memory and one own pass over the float32 products. */
#include <string.h>
#include "backend/cpu/dev.h"
#include "backend/cpu/gemm.h"
#include "base/mem.h"

#define BLOCK_ROWS 2048 /* of a linear layer that goes through scratch memory */
#define STRIP      64   /* lines of a picture whose input is resized in scratch memory */

struct product {
    const fc_packed *weight;
    const float *bias;        /* NULL: none */
    const fc_conv_geom *geom; /* NULL: linear */
    fc_act act;
    float scale;
};

static bool is_dense(const fc_tensor *t)
{
    return t->ld == t->c;
}

/* The primitive's ways to add: into y, or (linear only) from a dense tensor. */
static bool can_add(const struct product *p, const fc_tensor *y, const fc_tensor *add)
{
    if (!add->data) return true;
    if (!is_dense(add)) return false;
    return !p->geom || add->dtype == y->dtype;
}

/* Activations that the primitive knows. */
static bool is_piecewise(fc_act act)
{
    return act == FC_ACT_NONE || act == FC_ACT_RELU || act == FC_ACT_LRELU;
}

static bool y_is_direct(const struct product *p, const fc_tensor *y, const fc_tensor *add)
{
    bool type = y->dtype == FC_F32 || y->dtype == p->weight->stored;
    return type && is_dense(y) && is_piecewise(p->act) && p->scale == 1.0f && can_add(p, y, add);
}

static bool x_is_direct(const struct product *p, const fc_tensor *x)
{
    return is_dense(x) && x->dtype == p->weight->stored;
}

static fc_prim_shape make_shape(const struct product *p, const fc_tensor *y, const fc_tensor *x, fc_dtype dst)
{
    fc_prim_shape s = {.cin = x->c, .cout = y->c, .src = (int32_t)p->weight->stored, .dst = (int32_t)dst};
    s.conv = p->geom ? 1 : 0;
    if (p->geom) s.geom = *p->geom;
    s.n = p->geom ? x->n : (int32_t)fc_tensor_rows(*x);
    s.h = p->geom ? x->h : 1;
    s.w = p->geom ? x->w : 1;
    s.oh = p->geom ? y->h : 1;
    s.ow = p->geom ? y->w : 1;
    s.bias = p->bias ? 1 : 0;
    return s;
}

static fc_tensor dense_copy(fc_dev *dev, fc_scratch kind, const fc_tensor *like, fc_dtype dtype)
{
    fc_tensor t = *like;
    t.dtype = dtype;
    t.ld = t.c;
    t.data = fc_cpu_scratch(dev, kind, (size_t)fc_tensor_rows(t) * (size_t)t.c * fc_dtype_size(dtype));
    return t;
}

static void apply_tail(fc_dev *dev, const struct product *p, const fc_tensor *y, const fc_tensor *acc,
                       const fc_tensor *add)
{
    int64_t rows = fc_tensor_rows(*y);
#pragma omp parallel for schedule(static) num_threads(dev->threads) if (rows * y->c >= FC_CPU_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++) {
        fc_in other = {0};
        if (add->data) other = fc_row_in(add, r);
        dev->kernels->tail(fc_row_out(y, r), (const float *)acc->data + r * acc->ld, (size_t)y->c, p->act,
                           p->scale, other);
    }
}

static fc_status run(fc_dev *dev, const struct product *p, fc_tensor y, fc_tensor x, fc_tensor add)
{
    fc_tensor in = x, out = y;
    bool direct = y_is_direct(p, &y, &add);
    if (!x_is_direct(p, &x)) {
        in = dense_copy(dev, FC_SCRATCH_X, &x, p->weight->stored);
        if (!in.data) return FC_NOMEM;
        (void)fc_cpu_copy(dev, in, x);
    }
    if (!direct) {
        out = dense_copy(dev, FC_SCRATCH_ACC, &y, FC_F32);
        if (!out.data) return FC_NOMEM;
    }
    fc_prim_shape shape = make_shape(p, &y, &x, out.dtype);
    fc_prim_args args = {.y = out.data, .x = in.data, .bias = p->bias};
    if (direct) {
        shape.relu = p->act == FC_ACT_RELU    ? FC_PRIM_RELU
                     : p->act == FC_ACT_LRELU ? FC_PRIM_LRELU
                                              : FC_PRIM_NO_RELU;
        if (add.data && (p->geom || add.data == y.data)) {
            shape.add = FC_PRIM_ADD_DST;
            if (add.data != y.data) (void)fc_cpu_copy(dev, y, add);
        } else if (add.data) {
            shape.add = FC_PRIM_ADD_OTHER;
            shape.add_dtype = (int32_t)add.dtype;
            args.add = add.data;
        }
    }
    fc_status status = fc_prim_run(dev->prims, &shape, p->weight->weight, &args);
    if (status == FC_OK && !direct) apply_tail(dev, p, &y, &out, &add);
    return status;
}

/* Rows [first, first + count) as [1, 1, count, c]. */
static fc_tensor rows_of(fc_tensor t, int64_t first, int64_t count)
{
    if (!t.data) return t;
    t.data = fc_row_out(&t, first).p;
    t.n = t.h = 1;
    t.w = (int32_t)count;
    return t;
}

/* Lines [first, first + count) of image i. */
static fc_tensor lines_of(fc_tensor t, int32_t i, int32_t first, int32_t count)
{
    if (!t.data) return t;
    t.data = fc_row_out(&t, ((int64_t)i * t.h + first) * t.w).p;
    t.n = 1;
    t.h = count;
    return t;
}

/* Lines [first, first + strip.h) of image i of x resized to h lines of strip.w. */
static void resize_lines(fc_dev *dev, const fc_tensor *strip, const fc_tensor *x, int32_t i, int32_t first,
                         int32_t h)
{
#pragma omp parallel for schedule(static) num_threads(dev->threads)
    for (int32_t l = 0; l < strip->h; l++) {
        int64_t from = ((int64_t)i * x->h + fc_nearest(first + l, x->h, h)) * x->w;
        for (int32_t j = 0; j < strip->w; j++)
            dev->kernels->copy(fc_row_out(strip, (int64_t)l * strip->w + j),
                               fc_row_in(x, from + fc_nearest(j, x->w, strip->w)), (size_t)x->c);
    }
}

/* The library cannot resize on the way: strips of x are resized in scratch memory. */
static fc_status run_resized(fc_dev *dev, const struct product *p, fc_tensor y, fc_tensor x, fc_tensor add)
{
    const fc_conv_geom *whole = p->geom;
    for (int32_t t = 0, strips = (y.h + STRIP - 1) / STRIP; t < y.n * strips; t++) {
        int32_t i = t / strips, line = t % strips * STRIP, count = y.h - line < STRIP ? y.h - line : STRIP;
        int32_t above = line - whole->pad_top, below = above + count - 1 + whole->kh; /* end of the input */
        int32_t first = above < 0 ? 0 : above, end = below > y.h ? y.h : below;
        fc_conv_geom geom = *whole;
        geom.resize = 0;
        geom.pad_top = first - above;
        geom.pad_bottom = below - end;
        fc_tensor like = {.n = 1, .h = end - first, .w = y.w, .c = x.c};
        fc_tensor strip = dense_copy(dev, FC_SCRATCH_X, &like, p->weight->stored);
        if (!strip.data) return FC_NOMEM;
        resize_lines(dev, &strip, &x, i, first, y.h);
        struct product part = *p;
        part.geom = &geom;
        fc_status status = run(dev, &part, lines_of(y, i, line, count), strip, lines_of(add, i, line, count));
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

/* In pieces of bounded size when scratch memory is needed, at once otherwise. */
static fc_status run_pieces(fc_dev *dev, const struct product *p, fc_tensor y, fc_tensor x, fc_tensor add)
{
    fc_status status = FC_OK;
    if (p->geom && p->geom->resize) return run_resized(dev, p, y, x, add);
    if (x_is_direct(p, &x) && y_is_direct(p, &y, &add)) return run(dev, p, y, x, add);
    if (p->geom) {
        for (int32_t i = 0; i < x.n && status == FC_OK; i++) {
            fc_tensor part = add.data ? fc_tensor_batch(add, i, 1) : add;
            status = run(dev, p, fc_tensor_batch(y, i, 1), fc_tensor_batch(x, i, 1), part);
        }
        return status;
    }
    int64_t rows = fc_tensor_rows(x);
    for (int64_t r = 0; r < rows && status == FC_OK; r += BLOCK_ROWS) {
        int64_t count = rows - r < BLOCK_ROWS ? rows - r : BLOCK_ROWS;
        status = run(dev, p, rows_of(y, r, count), rows_of(x, r, count), rows_of(add, r, count));
    }
    return status;
}

/* What is added to every pixel of an image becomes its bias. */
static const float *image_bias(fc_dev *dev, const fc_packed *bias, fc_tensor rowadd)
{
    size_t c = (size_t)rowadd.c;
    float *sum = fc_cpu_scratch(dev, FC_SCRATCH_BIAS, c * sizeof *sum);
    if (!sum) return NULL;
    dev->kernels->copy((fc_out){sum, FC_F32}, fc_row_in(&rowadd, 0), c);
    for (size_t i = 0; bias && i < c; i++) sum[i] += bias->vector[i];
    return sum;
}

static fc_status product(fc_dev *dev, const struct product *plain, fc_tensor y, fc_tensor x,
                         const fc_packed *bias, const fc_epi *epi)
{
    struct product p = *plain;
    p.act = epi->act;
    p.scale = epi->scale == 0.0f ? 1.0f : epi->scale;
    p.bias = bias ? bias->vector : NULL;
    if (fc_tensor_rows(x) > INT32_MAX) return FC_INTERNAL;
    if (!epi->rowadd.data) return run_pieces(dev, &p, y, x, epi->add);
    fc_status status = FC_OK;
    for (int32_t i = 0; i < x.n && status == FC_OK; i++) {
        p.bias = image_bias(dev, bias, fc_tensor_batch(epi->rowadd, i, 1));
        if (!p.bias) return FC_NOMEM;
        fc_tensor add = epi->add.data ? fc_tensor_batch(epi->add, i, 1) : epi->add;
        status = run_pieces(dev, &p, fc_tensor_batch(y, i, 1), fc_tensor_batch(x, i, 1), add);
    }
    return status;
}

static fc_status own_product(fc_dev *dev, const struct product *p, fc_tensor y, fc_tensor x,
                             const fc_packed *bias, const fc_epi *epi)
{
    const fc_conv_geom point = {.kh = 1, .kw = 1, .stride = 1};
    const fc_gemm g = {
        .y = y,
        .x = x,
        .rowadd = epi->rowadd,
        .add = epi->add,
        .geom = p->geom ? *p->geom : point,
        .weight = p->weight->data,
        .stored = p->weight->stored,
        .scales = p->weight->stored == FC_I8 ? p->weight->vector : NULL,
        .bias = bias ? bias->vector : NULL,
        .act = epi->act,
        .scale = epi->scale == 0.0f ? 1.0f : epi->scale,
        .tail = dev->kernels->tail,
    };
    return fc_cpu_gemm_run(dev, p->weight->gemm, &g);
}

static bool fits(const fc_packed *weight, const fc_packed *bias, const fc_tensor *y, const fc_tensor *x)
{
    return weight->data && weight->rows == y->c && weight->cin == x->c && (!bias || bias->rows == y->c);
}

fc_status fc_cpu_linear(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_epi *epi)
{
    if (!fits(weight, bias, &y, &x) || !weight->linear) return FC_INTERNAL;
    const struct product p = {.weight = weight};
    return weight->gemm ? own_product(dev, &p, y, x, bias, epi) : product(dev, &p, y, x, bias, epi);
}

fc_status fc_cpu_conv2d(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_conv_geom *geom, const fc_epi *epi)
{
    if (weight->linear) return fc_cpu_linear(dev, y, x, weight, bias, epi);
    if (!fits(weight, bias, &y, &x) || weight->kh != geom->kh || weight->kw != geom->kw) return FC_INTERNAL;
    const struct product p = {.weight = weight, .geom = geom};
    return weight->gemm ? own_product(dev, &p, y, x, bias, epi) : product(dev, &p, y, x, bias, epi);
}
