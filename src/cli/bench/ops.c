/* fooocus bench ops: every operation of the model's text encoders, of one guided step and of its decoder, at
 * the shapes it has there, with random operands. */
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "cli/bench/bench.h"

enum { MIN_RUNS = 3, MAX_BATCH = 1000, FILL = 4096 };
#define ENOUGH_SECONDS 1.5  /* for one operation */
#define BATCH_SECONDS  2e-3 /* short operations are timed in batches of this length */

static const char *const parts[FC_BENCH_OPS_PARTS] = {"text", "context", "step", "decode"};

/* One call, ready to be made. */
typedef struct op {
    const fc_backend *be;
    fc_dev *dev;
    const fc_op_call *call;
    fc_tensor y, x, k, v, rowadd, add;
    fc_packed *weight, *bias; /* of a norm: gamma, beta */
} op;

/* ---- names ---- */

static void put_shape(fc_buf *out, const fc_op_operand *t)
{
    fc_buf_printf(out, t->h > 1 ? " %dx%dx%d" : " %dx%d", t->n, t->h > 1 ? t->h : t->w, t->w);
}

static void put_product(fc_buf *out, const fc_op_call *c)
{
    static const char *const acts[FC_ACT_COUNT] = {"",      " silu",  " gelu", " quick_gelu",
                                                   " relu", " tanh3", " lrelu"};
    const fc_conv_geom *g = &c->geom;
    if (c->kind == FC_OP_LINEAR)
        fc_buf_puts(out, "linear");
    else
        fc_buf_printf(out, "conv%dx%d", g->kh, g->kw);
    put_shape(out, &c->x);
    fc_buf_printf(out, " %d->%d%s", c->x.c, c->y.c,
                  g->stride > 1 ? " stride 2"
                  : g->resize   ? " enlarged"
                                : "");
    fc_buf_printf(out, "%s%s%s%s", acts[c->act], c->bias ? " +bias" : "", c->rowadd.present ? " +rowadd" : "",
                  c->add.present ? " +add" : "");
}

/* "step linear 2x4096 640->5120 +bias BF16"; "of N", "into N": channels of a wider tensor */
static void put_name(fc_buf *out, const fc_op_call *c)
{
    fc_buf_printf(out, "%s ", parts[c->part]);
    if (c->kind == FC_OP_LINEAR || c->kind == FC_OP_CONV) {
        put_product(out, c);
    } else if (c->kind == FC_OP_ATTENTION) {
        fc_buf_printf(out, "attention %dx%dx%d %d heads of %d%s", c->x.n, c->x.w, c->k.w, c->heads,
                      c->x.c / c->heads, c->causal ? " causal" : "");
    } else {
        fc_buf_puts(out, fc_op_kind_name((fc_op_kind)c->kind));
        put_shape(out, &c->x);
        fc_buf_printf(out, " %d%s", c->x.c, c->terms == 2 ? " +add" : c->act != FC_ACT_NONE ? " +act" : "");
    }
    if (c->y_is_x || c->add_is_y) fc_buf_puts(out, " in place");
    if (c->x.ld > c->x.c) fc_buf_printf(out, " of %d", c->x.ld);
    if (c->y.ld > c->y.c) fc_buf_printf(out, " into %d", c->y.ld);
    if (c->x.dtype != c->y.dtype)
        fc_buf_printf(out, " %s->%s", fc_dtype_name((fc_dtype)c->x.dtype),
                      fc_dtype_name((fc_dtype)c->y.dtype));
    else
        fc_buf_printf(out, " %s", fc_dtype_name((fc_dtype)c->x.dtype));
}

/* ---- operands ---- */

static size_t tensor_bytes(const fc_tensor *t)
{
    return (size_t)fc_tensor_rows(*t) * (size_t)t->ld * fc_dtype_size(t->dtype);
}

/* Random numbers from -1 to 1, the same block again and again. */
static fc_status fill(const op *o, const fc_tensor *t)
{
    float values[FILL];
    uint32_t block[FILL]; /* of either dtype */
    size_t size = FILL * fc_dtype_size(t->dtype), total = tensor_bytes(t);
    for (size_t i = 0; i < FILL; i++) values[i] = (float)(fc_splitmix64(i) >> 40) / (float)(1 << 23) - 1.0f;
    fc_from_f32(block, t->dtype, values, FILL);
    for (size_t at = 0; at < total; at += size) {
        size_t n = total - at < size ? total - at : size;
        fc_status status = o->be->upload(o->dev, (char *)t->data + at, block, n);
        if (status != FC_OK) return status;
    }
    return FC_OK;
}

static fc_status make(const op *o, const fc_op_operand *shape, fc_tensor *t)
{
    *t = (fc_tensor){0};
    if (!shape->present) return FC_OK;
    *t = (fc_tensor){.dtype = (fc_dtype)shape->dtype,
                     .n = shape->n,
                     .h = shape->h,
                     .w = shape->w,
                     .c = shape->c,
                     .ld = shape->ld};
    fc_status status = o->be->mem_alloc(o->dev, tensor_bytes(t), &t->data);
    return status == FC_OK ? fill(o, t) : status;
}

static void drop(const op *o, fc_tensor *t)
{
    if (t->data) o->be->mem_free(o->dev, t->data, tensor_bytes(t));
    t->data = NULL;
}

static fc_status small_values(void *user, int32_t first, int32_t count, float *dst)
{
    const fc_pack_src *src = user;
    size_t cols = (size_t)src->cin * (size_t)src->kh * (size_t)src->kw;
    for (size_t i = 0; i < (size_t)count * cols; i++)
        dst[i] = (float)((i + (size_t)first * 31) % 61) * 1e-3f - 0.03f;
    return FC_OK;
}

static fc_pack_src source(int32_t rows, int32_t cin, int32_t kh, int32_t kw)
{
    return (fc_pack_src){
        .name = "bench", .rows = rows, .cin = cin, .kh = kh, .kw = kw, .read_rows = small_values};
}

static fc_status pack_vector(const op *o, int32_t count, fc_packed **out, fc_err *err)
{
    fc_pack_src src = source(count, 1, 1, 1);
    src.user = &src;
    return o->be->pack_vector(o->dev, &src, out, err);
}

static fc_status pack_weights(op *o, fc_err *err)
{
    const fc_op_call *c = o->call;
    bool conv = c->kind == FC_OP_CONV;
    fc_pack_src src = source(c->y.c, c->x.c, conv ? c->geom.kh : 1, conv ? c->geom.kw : 1);
    src.user = &src;
    fc_status status = FC_OK;
    switch (c->kind) {
    case FC_OP_LINEAR:
        status = o->be->pack_linear(o->dev, &src, (fc_dtype)c->x.dtype, &o->weight, err);
        break;
    case FC_OP_CONV:
        status = o->be->pack_conv(o->dev, &src, &c->geom, (fc_dtype)c->x.dtype, &o->weight, err);
        break;
    case FC_OP_GROUP_NORM:
    case FC_OP_LAYER_NORM:
        status = pack_vector(o, c->x.c, &o->weight, err);
        if (status == FC_OK) status = pack_vector(o, c->x.c, &o->bias, err);
        return status;
    default:
        return FC_OK;
    }
    return status == FC_OK && c->bias ? pack_vector(o, c->y.c, &o->bias, err) : status;
}

static void release(op *o)
{
    drop(o, &o->y);
    if (!o->call->y_is_x) drop(o, &o->x);
    drop(o, &o->k);
    drop(o, &o->v);
    drop(o, &o->rowadd);
    if (!o->call->add_is_y) drop(o, &o->add);
    o->be->packed_free(o->dev, o->weight);
    o->be->packed_free(o->dev, o->bias);
}

static fc_status prepare(op *o, const bench *b, fc_dev *dev, const fc_op_call *call, fc_err *err)
{
    *o = (op){.be = b->backend, .dev = dev, .call = call};
    fc_status status = make(o, &call->y, &o->y);
    if (call->y_is_x)
        o->x = o->y;
    else if (status == FC_OK)
        status = make(o, &call->x, &o->x);
    if (status != FC_OK) goto out;
    status = make(o, &call->k, &o->k);
    if (status != FC_OK) goto out;
    status = make(o, &call->v, &o->v);
    if (status != FC_OK) goto out;
    status = make(o, &call->rowadd, &o->rowadd);
out:
    if (call->add_is_y)
        o->add = o->y;
    else if (status == FC_OK)
        status = make(o, &call->add, &o->add);
    if (status != FC_OK) return fc_fail(err, status, "no memory for the operands: choose a smaller --size");
    return pack_weights(o, err);
}

static fc_status call(const op *o)
{
    const fc_op_call *c = o->call;
    const fc_epi epi = {
        .act = (fc_act)c->act, .scale = c->scaled ? 0.5f : 0.0f, .rowadd = o->rowadd, .add = o->add};
    switch (c->kind) {
    case FC_OP_LINEAR:
        return o->be->linear(o->dev, o->y, o->x, o->weight, o->bias, &epi);
    case FC_OP_CONV:
        return o->be->conv2d(o->dev, o->y, o->x, o->weight, o->bias, &c->geom, &epi);
    case FC_OP_GROUP_NORM:
        if (c->only_stats) return o->be->group_stats(o->dev, o->y, o->x, c->groups, 0);
        return o->be->group_norm(o->dev, o->y, o->x, o->weight, o->bias, c->groups, 1e-5f, (fc_act)c->act,
                                 (fc_tensor){0});
    case FC_OP_LAYER_NORM:
        return o->be->layer_norm(o->dev, o->y, o->x, o->weight, o->bias, 1e-5f);
    case FC_OP_ATTENTION:
        return o->be->attention(o->dev, o->y, o->x, o->k, o->v, c->heads, c->causal);
    case FC_OP_GEGLU:
        return o->be->geglu(o->dev, o->y, o->x);
    case FC_OP_ELEMENTWISE:
        return c->terms == 2 ? o->be->axpby(o->dev, o->y, 0.5f, o->x, 0.5f, o->k)
                             : o->be->unary(o->dev, o->y, o->x, (fc_act)c->act);
    default:
        return o->be->copy(o->dev, o->y, o->x);
    }
}

/* ---- times ---- */

/* Seconds of one call: the median. */
static fc_status measure(const bench *b, const op *o, double *times, double *seconds)
{
    double warm, start = b->now();
    int batch = 1, n = 0;
    fc_status status = call(o);
    if (status != FC_OK) goto out;
    status = o->be->wait(o->dev);
out:
    warm = b->now() - start;
    while (batch < MAX_BATCH && batch * warm < BATCH_SECONDS) batch *= 2;
    start = b->now();
    while (status == FC_OK && n < b->args.repeat && (n < MIN_RUNS || b->now() - start < ENOUGH_SECONDS)) {
        double t = b->now();
        for (int i = 0; i < batch && status == FC_OK; i++) status = call(o);
        if (status == FC_OK) status = o->be->wait(o->dev);
        times[n++] = (b->now() - t) / batch;
    }
    if (status == FC_OK) *seconds = bench_median(times, n);
    return status;
}

/* The devices: as usual, and with either way of computing products. */
typedef struct devices {
    fc_dev *usual, *way[2]; /* own products, the library's; NULL where the backend has one way only */
} devices;

static void close_devices(const bench *b, devices *d)
{
    b->backend->close(d->usual);
    for (int i = 0; i < 2; i++) b->backend->close(d->way[i]);
}

static fc_status open_devices(const bench *b, devices *d, fc_err *err)
{
    fc_backend_opts opts = bench_backend_opts(b);
    *d = (devices){0};
    fc_status status = b->backend->open(&opts, &d->usual, err);
    for (int i = 0; i < 2 && status == FC_OK && b->backend->packed_kind; i++) {
        opts.products = i ? FC_PRODUCT_LIBRARY : FC_PRODUCT_OWN;
        status = b->backend->open(&opts, &d->way[i], err);
    }
    if (status != FC_OK) close_devices(b, d);
    return status;
}

/* What one line tells. */
typedef struct line {
    const fc_oplog_row *row;
    double seconds;
    double way[2];            /* seconds by own products and by the library's; 0: cannot */
    fc_product_kind way_used; /* AUTO: there is but one */
} line;

/* unwanted: nothing is measured, and seconds left alone, when the device computes products that way. */
static fc_status measure_on(const bench *b, fc_dev *dev, const fc_op_call *c, fc_product_kind unwanted,
                            double *times, double *seconds, fc_product_kind *way, fc_err *err)
{
    op o;
    fc_status status = prepare(&o, b, dev, c, err);
    bool product = c->kind == FC_OP_LINEAR || c->kind == FC_OP_CONV;
    *way = status == FC_OK && product && b->backend->packed_kind ? b->backend->packed_kind(o.weight)
                                                                 : FC_PRODUCT_AUTO;
    if (status == FC_OK && (*way == FC_PRODUCT_AUTO || *way != unwanted)) {
        status = measure(b, &o, times, seconds);
        if (status != FC_OK) (void)fc_fail(err, status, "the operation failed");
    }
    release(&o);
    return status;
}

/* As usual, and products in the other way too if that can be: no failure when not. */
static fc_status measure_line(const bench *b, const devices *d, double *times, line *l, fc_err *err)
{
    const fc_op_call *c = &l->row->call;
    fc_status status = measure_on(b, d->usual, c, FC_PRODUCT_AUTO, times, &l->seconds, &l->way_used, err);
    if (status != FC_OK || l->way_used == FC_PRODUCT_AUTO) return status;
    int used = l->way_used == FC_PRODUCT_LIBRARY;
    fc_product_kind other;
    fc_err own = {0};
    l->way[used] = l->seconds;
    if (measure_on(b, d->way[!used], c, l->way_used, times, &l->way[!used], &other, &own) != FC_OK)
        l->way[!used] = 0.0;
    return FC_OK;
}

/* ---- reports ---- */

static void print_line(const bench *b, const line *l, const char *name)
{
    const fc_op_call *c = &l->row->call;
    double flops = fc_op_call_flops(c), peak = bench_peak_of(b, (fc_dtype)c->x.dtype);
    double rate = (flops > 0 ? flops : fc_op_call_bytes(c)) / l->seconds;
    bench_print(b, "%-56s %5llu %10.3f %8.1f %s", name, (unsigned long long)l->row->calls, l->seconds * 1e3,
                rate * 1e-9, flops > 0 ? "GFLOP/s" : "GB/s   ");
    if (flops > 0 && peak > 0) bench_print(b, " %4.0f %%", 100 * rate / peak);
    if (l->way[0] > 0 && l->way[1] > 0)
        bench_print(b, "  %s; library/own %.2f", l->way_used == FC_PRODUCT_OWN ? "own" : "library",
                    l->way[1] / l->way[0]);
    bench_print(b, "\n");
}

static void add_json(const bench *b, json_t *list, const line *l, const char *name)
{
    const fc_op_call *c = &l->row->call;
    double flops = fc_op_call_flops(c), peak = bench_peak_of(b, (fc_dtype)c->x.dtype);
    json_t *o = json_object();
    bench_json_text(o, "name", name);
    bench_json_text(o, "part", parts[c->part]);
    bench_json_text(o, "kind", fc_op_kind_name((fc_op_kind)c->kind));
    bench_json_text(o, "dtype", fc_dtype_name((fc_dtype)c->x.dtype));
    bench_json_int(o, "calls", l->row->calls);
    bench_json_real(o, "ms", l->seconds * 1e3);
    if (flops > 0) {
        bench_json_real(o, "gflop", flops * 1e-9);
        bench_json_real(o, "gflop_per_s", flops / l->seconds * 1e-9);
        if (peak > 0) bench_json_real(o, "share_of_peak", flops / l->seconds / peak);
    } else {
        bench_json_real(o, "gb_per_s", fc_op_call_bytes(c) / l->seconds * 1e-9);
    }
    if (l->way_used != FC_PRODUCT_AUTO)
        bench_json_text(o, "products", l->way_used == FC_PRODUCT_OWN ? "own" : "library");
    if (l->way[0] > 0) bench_json_real(o, "own_ms", l->way[0] * 1e3);
    if (l->way[1] > 0) bench_json_real(o, "library_ms", l->way[1] * 1e3);
    if (l->way[0] > 0 && l->way[1] > 0) bench_json_real(o, "library_over_own", l->way[1] / l->way[0]);
    json_array_append_new(list, o);
}

typedef struct sum {
    double seconds, flops, floor; /* floor: at the peak */
    double way[2];                /* of products that can be computed both ways */
    uint64_t calls;
} sum;

static void add_sum(const bench *b, sum *s, const line *l)
{
    const fc_op_call *c = &l->row->call;
    double calls = (double)l->row->calls, flops = calls * fc_op_call_flops(c);
    double peak = bench_peak_of(b, (fc_dtype)c->x.dtype);
    s->calls += l->row->calls;
    s->seconds += calls * l->seconds;
    s->flops += flops;
    if (peak > 0) s->floor += flops / peak;
    for (int i = 0; i < 2 && l->way[0] > 0 && l->way[1] > 0; i++) s->way[i] += calls * l->way[i];
}

static void report_sum(const bench *b, const sum *s, const char *part, json_t *out)
{
    json_t *o = json_object();
    bench_json_int(o, "calls", s->calls);
    bench_json_real(o, "ms", s->seconds * 1e3);
    bench_json_real(o, "tflop", s->flops * 1e-12);
    if (s->floor > 0) bench_json_real(o, "ms_at_peak", s->floor * 1e3);
    bench_print(b, "%-8s %5llu calls, together %9.1f ms, %7.3f TFLOP", part, (unsigned long long)s->calls,
                s->seconds * 1e3, s->flops * 1e-12);
    if (s->floor > 0) bench_print(b, "; at the peak %9.1f ms", s->floor * 1e3);
    bench_print(b, "\n");
    if (s->way[0] > 0) {
        bench_print(b, "         of these products: %9.1f ms by the own kernels, %9.1f ms by the library\n",
                    s->way[0] * 1e3, s->way[1] * 1e3);
        bench_json_real(o, "own_ms", s->way[0] * 1e3);
        bench_json_real(o, "library_ms", s->way[1] * 1e3);
    }
    json_object_set_new(out, part, o);
}

static fc_status run_all(const bench *b, const devices *d, const fc_oplog *log, double *times, fc_err *err)
{
    sum sums[FC_BENCH_OPS_PARTS] = {{0}};
    json_t *lines = json_array(), *together = json_object();
    fc_buf name;
    fc_status status = FC_OK;
    json_object_set_new(b->json, "ops", lines);
    json_object_set_new(b->json, "ops_together", together);
    fc_buf_init(&name, 1024);
    bench_print(b, "\n%-56s %5s %10s %16s %6s\n", "operation", "calls", "ms", "", "peak");
    for (int32_t i = 0; i < log->count && status == FC_OK; i++) {
        line l = {.row = &log->row[i]};
        fc_buf_reset(&name);
        put_name(&name, &l.row->call);
        if (b->args.only && !strstr(fc_buf_cstr(&name), b->args.only)) continue;
        status = measure_line(b, d, times, &l, err);
        if (status != FC_OK) {
            fc_fail_prefix(err, "%s", fc_buf_cstr(&name));
            break;
        }
        print_line(b, &l, fc_buf_cstr(&name));
        add_json(b, lines, &l, fc_buf_cstr(&name));
        add_sum(b, &sums[l.row->call.part], &l);
    }
    fc_buf_fini(&name);
    if (status != FC_OK) return status;
    if (json_array_size(lines) == 0)
        status = fc_fail(err, FC_ARG,
                         "--only: no operation's line contains '%.60s'; run bench ops without it to see them",
                         b->args.only);
    for (int p = 0; p < FC_BENCH_OPS_PARTS && status == FC_OK; p++)
        if (sums[p].calls) report_sum(b, &sums[p], parts[p], together);
    return status;
}

fc_status bench_ops(bench *b, fc_err *err)
{
    static const fc_precision precisions[] = {
        [FC_F32] = FC_PRECISION_F32, [FC_BF16] = FC_PRECISION_BF16, [FC_F16] = FC_PRECISION_F16};
    const fc_precision precision = precisions[bench_type(b)];
    const fc_task task = fc_bench_task(b->width, b->height, 1);
    devices d;
    fc_oplog *log = fc_alloc(sizeof *log);
    double *times = fc_alloc((size_t)b->args.repeat * sizeof *times);
    fc_status status = log && times ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
    if (status != FC_OK) goto out;
    status = fc_bench_list_ops(b->files.base, precision, &task, log, err);
    if (status == FC_OK) {
        status = open_devices(b, &d, err);
        if (status == FC_OK) {
            status = run_all(b, &d, log, times, err);
            close_devices(b, &d);
        }
    }
out:
    fc_free(times);
    fc_free(log);
    return status;
}
