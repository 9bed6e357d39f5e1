/* Products by oneDNN: the only file that knows its two APIs, 2.x and 3.x. Primitives are made once a shape
 * and kept. See prim.h. */
#include "backend/cpu/prim.h"

#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include "backend/host.h"
#include "base/hash.h"
#include "base/mem.h"

#define MAX_ENTRIES 512 /* an SDXL model at one size needs about 150 */

/* ---- the two interfaces: descriptors are structs in 2.x and objects in 3.x ---- */

#if DNNL_VERSION_MAJOR >= 3
#define ISA_ALL dnnl_cpu_isa_default
typedef dnnl_memory_desc_t md_t;
typedef const_dnnl_memory_desc_t md_ref;

static md_ref md_get(const md_t *md)
{
    return *md;
}
static dnnl_status_t md_strided(md_t *md, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                                const dnnl_dims_t strides)
{
    return dnnl_memory_desc_create_with_strides(md, n, dims, t, strides);
}
static dnnl_status_t md_tagged(md_t *md, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                               dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(md, n, dims, t, tag);
}
static dnnl_status_t md_copy(md_t *md, md_ref from)
{
    return dnnl_memory_desc_clone(md, from);
}
static void md_drop(md_t *md)
{
    if (*md) (void)dnnl_memory_desc_destroy(*md);
    *md = NULL;
}
static dnnl_status_t post_relu(dnnl_post_ops_t ops, float slope)
{
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, slope, 0.0f);
}
static dnnl_status_t post_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}
static dnnl_status_t pd_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, md_ref x, md_ref w, md_ref b,
                               md_ref y, dnnl_primitive_attr_t attr)
{
    return dnnl_matmul_primitive_desc_create(pd, engine, x, w, b, y, attr);
}
static dnnl_status_t pd_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, md_ref x, md_ref w, md_ref b,
                             md_ref y, const dnnl_dims_t stride, const dnnl_dims_t before,
                             const dnnl_dims_t after, dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t dilation = {0, 0};
    return dnnl_convolution_forward_primitive_desc_create(pd, engine, dnnl_forward_inference,
                                                          dnnl_convolution_direct, x, w, b, y, stride,
                                                          dilation, before, after, attr);
}
#else
#define ISA_ALL dnnl_cpu_isa_all
typedef dnnl_memory_desc_t md_t;
typedef const dnnl_memory_desc_t *md_ref;

static md_ref md_get(const md_t *md)
{
    return md;
}
static dnnl_status_t md_strided(md_t *md, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                                const dnnl_dims_t strides)
{
    return dnnl_memory_desc_init_by_strides(md, n, dims, t, strides);
}
static dnnl_status_t md_tagged(md_t *md, int n, const dnnl_dims_t dims, dnnl_data_type_t t,
                               dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(md, n, dims, t, tag);
}
static dnnl_status_t md_copy(md_t *md, md_ref from)
{
    *md = *from;
    return dnnl_success;
}
static void md_drop(md_t *md)
{
    (void)md;
}
static dnnl_status_t post_relu(dnnl_post_ops_t ops, float slope)
{
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, slope, 0.0f);
}
static dnnl_status_t post_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0f);
}
static dnnl_status_t pd_matmul(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, md_ref x, md_ref w, md_ref b,
                               md_ref y, dnnl_primitive_attr_t attr)
{
    dnnl_matmul_desc_t d;
    dnnl_status_t s = dnnl_matmul_desc_init(&d, x, w, b, y);
    return s != dnnl_success ? s : dnnl_primitive_desc_create(pd, &d, attr, engine, NULL);
}
static dnnl_status_t pd_conv(dnnl_primitive_desc_t *pd, dnnl_engine_t engine, md_ref x, md_ref w, md_ref b,
                             md_ref y, const dnnl_dims_t stride, const dnnl_dims_t before,
                             const dnnl_dims_t after, dnnl_primitive_attr_t attr)
{
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_convolution_forward_desc_init(&d, dnnl_forward_inference, dnnl_convolution_direct,
                                                         x, w, b, y, stride, before, after);
    return s != dnnl_success ? s : dnnl_primitive_desc_create(pd, &d, attr, engine, NULL);
}
#endif

/* ---- types ---- */

struct fc_prim_weight {
    md_t md;
    dnnl_memory_t memory; /* over the caller's data; NULL before there is any */
    size_t bytes;
};

struct entry { /* one primitive with the memory objects it runs on */
    fc_prim_shape shape;
    uint64_t hash, used;
    dnnl_primitive_t prim, reorder; /* reorder: NULL when the packed layout fits */
    dnnl_memory_t x, y, bias, add, scratch, weight;
    size_t scratch_bytes, weight_bytes; /* weight: the reordered copy, behind the scratch memory */
};

struct fc_prims {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int threads;
    bool force_reorder;
    struct entry *entries[MAX_ENTRIES];
    int count;
    uint64_t clock;
    void *scratch;
    size_t scratch_bytes;
};

/* The library takes the number of threads from the calling thread's OpenMP setting, and we must not leave
 * ours there. */
struct team {
    int before;
};

static struct team team_begin(const fc_prims *p)
{
    struct team t = {omp_get_max_threads()};
    omp_set_num_threads(p->threads);
    return t;
}

static void team_end(struct team t)
{
    omp_set_num_threads(t.before);
}

static fc_status to_status(dnnl_status_t s)
{
    if (s == dnnl_success) return FC_OK;
    return s == dnnl_out_of_memory ? FC_NOMEM : s == dnnl_unimplemented ? FC_UNSUPPORTED : FC_INTERNAL;
}

static dnnl_data_type_t to_type(int32_t t)
{
    return t == FC_BF16 ? dnnl_bf16 : dnnl_f32;
}

/* ---- open and close ---- */

/* Without effect, and that is fine, when the library was used before in this process. */
static void cap_isa(fc_isa isa)
{
#if defined(__x86_64__)
    static const dnnl_cpu_isa_t caps[FC_ISA_COUNT] = {dnnl_cpu_isa_sse41, dnnl_cpu_isa_avx2,
                                                      dnnl_cpu_isa_avx512_core, dnnl_cpu_isa_avx512_core_bf16,
                                                      ISA_ALL};
    (void)dnnl_set_max_cpu_isa(caps[isa]);
#else
    (void)isa;
#endif
}

fc_status fc_prims_open(fc_prims **out, int threads, fc_isa isa, fc_err *err)
{
    *out = NULL;
    fc_prims *p = fc_calloc(1, sizeof *p);
    if (!p) return fc_fail(err, FC_NOMEM, "out of memory");
    p->threads = threads;
    cap_isa(isa);
    (void)dnnl_set_primitive_cache_capacity(0); /* the entries here are that cache */
    dnnl_status_t s = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
    if (s == dnnl_success) s = dnnl_stream_create(&p->stream, p->engine, dnnl_stream_in_order);
    if (s != dnnl_success) {
        fc_prims_close(p);
        return fc_fail(err, to_status(s), "oneDNN does not start (status %d)", (int)s);
    }
    *out = p;
    return FC_OK;
}

static void drop_memory(dnnl_memory_t m)
{
    if (m) (void)dnnl_memory_destroy(m);
}

static void entry_free(struct entry *e)
{
    if (!e) return;
    if (e->prim) (void)dnnl_primitive_destroy(e->prim);
    if (e->reorder) (void)dnnl_primitive_destroy(e->reorder);
    drop_memory(e->x);
    drop_memory(e->y);
    drop_memory(e->bias);
    drop_memory(e->add);
    drop_memory(e->scratch);
    drop_memory(e->weight);
    fc_free(e);
}

static void drop_entries(fc_prims *p)
{
    for (int i = 0; i < p->count; i++) entry_free(p->entries[i]);
    p->count = 0;
}

void fc_prims_close(fc_prims *p)
{
    if (!p) return;
    drop_entries(p);
    if (p->stream) (void)dnnl_stream_destroy(p->stream);
    if (p->engine) (void)dnnl_engine_destroy(p->engine);
    fc_free(p->scratch);
    fc_free(p);
}

void fc_prims_force_reorder(fc_prims *p, bool force)
{
    p->force_reorder = force;
    drop_entries(p);
}

void fc_prims_describe(char *out, size_t size)
{
    const dnnl_version_t *v = dnnl_version();
    (void)snprintf(out, size, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
}

/* ---- descriptors ---- */

struct descs {
    md_t x, y, w, plain_w, bias, add;
};

static void descs_drop(struct descs *d)
{
    md_drop(&d->x);
    md_drop(&d->y);
    md_drop(&d->w);
    md_drop(&d->plain_w);
    md_drop(&d->bias);
    md_drop(&d->add);
}

/* [n][h][w][c] under the library's order of dimensions, n c h w */
static dnnl_status_t image_desc(md_t *md, int64_t n, int64_t h, int64_t w, int64_t c, int32_t type)
{
    const dnnl_dims_t dims = {n, c, h, w}, strides = {h * w * c, 1, w * c, c};
    return md_strided(md, 4, dims, to_type(type), strides);
}

static dnnl_status_t matrix_desc(md_t *md, int64_t rows, int64_t cols, int32_t type)
{
    const dnnl_dims_t dims = {rows, cols}, strides = {cols, 1};
    return md_strided(md, 2, dims, to_type(type), strides);
}

static dnnl_status_t conv_descs(const fc_prim_shape *s, struct descs *d)
{
    const fc_conv_geom *g = &s->geom;
    int64_t taps = (int64_t)g->kh * g->kw;
    const dnnl_dims_t wdims = {s->cout, s->cin, g->kh, g->kw}, wstrides = {s->cin * taps, taps, g->kw, 1};
    const dnnl_dims_t bdims = {s->cout}, bstrides = {1};
    dnnl_status_t st = image_desc(&d->x, s->n, s->h, s->w, s->cin, s->src);
    if (!st) st = image_desc(&d->y, s->n, s->oh, s->ow, s->cout, s->dst);
    if (!st) st = md_tagged(&d->w, 4, wdims, to_type(s->src), dnnl_format_tag_any);
    if (!st) st = md_strided(&d->plain_w, 4, wdims, to_type(s->src), wstrides);
    if (!st) st = md_strided(&d->bias, 1, bdims, dnnl_f32, bstrides);
    return st;
}

static dnnl_status_t linear_descs(const fc_prim_shape *s, struct descs *d)
{
    const dnnl_dims_t wdims = {s->cin, s->cout}, wstrides = {1, s->cin};
    dnnl_status_t st = matrix_desc(&d->x, s->n, s->cin, s->src);
    if (!st) st = matrix_desc(&d->y, s->n, s->cout, s->dst);
    if (!st) st = md_tagged(&d->w, 2, wdims, to_type(s->src), dnnl_format_tag_any);
    if (!st) st = md_strided(&d->plain_w, 2, wdims, to_type(s->src), wstrides);
    if (!st) st = matrix_desc(&d->bias, 1, s->cout, FC_F32);
    if (!st && s->add == FC_PRIM_ADD_OTHER) st = matrix_desc(&d->add, s->n, s->cout, s->add_dtype);
    return st;
}

static dnnl_status_t make_attr(const fc_prim_shape *s, const struct descs *d, dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t st = dnnl_primitive_attr_create(attr);
    if (!st) st = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (!st) st = dnnl_post_ops_create(&ops);
    if (!st && s->relu) st = post_relu(ops, s->relu == FC_PRIM_LRELU ? FC_LRELU_SLOPE : 0.0f);
    if (!st && s->add == FC_PRIM_ADD_DST) st = post_sum(ops);
    if (!st && s->add == FC_PRIM_ADD_OTHER)
        st = dnnl_post_ops_append_binary(ops, dnnl_binary_add, md_get(&d->add));
    if (!st) st = dnnl_primitive_attr_set_post_ops(*attr, ops);
    if (ops) (void)dnnl_post_ops_destroy(ops);
    return st;
}

/* The implementation that the library chooses for the weight layout w. */
static dnnl_status_t make_pd(const fc_prims *p, const fc_prim_shape *s, const struct descs *d, md_ref w,
                             dnnl_primitive_desc_t *pd)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t st = make_attr(s, d, &attr);
    md_ref bias = s->bias ? md_get(&d->bias) : NULL;
    if (!st && s->conv) {
        const fc_conv_geom *g = &s->geom;
        const dnnl_dims_t stride = {g->stride, g->stride}, before = {g->pad_top, g->pad_left},
                          after = {g->pad_bottom, g->pad_right};
        st = pd_conv(pd, p->engine, md_get(&d->x), w, bias, md_get(&d->y), stride, before, after, attr);
    } else if (!st) {
        st = pd_matmul(pd, p->engine, md_get(&d->x), w, bias, md_get(&d->y), attr);
    }
    if (attr) (void)dnnl_primitive_attr_destroy(attr);
    return st;
}

static md_ref pd_weights(dnnl_primitive_desc_t pd)
{
    return dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
}

static bool is_named(dnnl_primitive_desc_t pd, const char *prefix)
{
    const char *name = NULL;
    if (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name) != dnnl_success || !name)
        return false;
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Prefers an implementation that takes the weight as it is packed, unless that is the library's plain loops.
 */
static dnnl_status_t choose_pd(const fc_prims *p, const fc_prim_shape *s, const struct descs *d,
                               const fc_prim_weight *w, dnnl_primitive_desc_t *pd)
{
    dnnl_primitive_desc_t own = NULL;
    dnnl_status_t st = make_pd(p, s, d, md_get(&d->w), &own);
    bool fits = !st && dnnl_memory_desc_equal(pd_weights(own), md_get(&w->md));
    if (!fits && !p->force_reorder) {
        dnnl_primitive_desc_t given = NULL;
        dnnl_status_t sg = make_pd(p, s, d, md_get(&w->md), &given);
        if (!sg && (st || !is_named(given, "ref"))) {
            if (own) (void)dnnl_primitive_desc_destroy(own);
            *pd = given;
            return sg;
        }
        if (given) (void)dnnl_primitive_desc_destroy(given);
    }
    *pd = own;
    return st;
}

/* ---- reorders ---- */

static dnnl_status_t make_reorder(const fc_prims *p, md_ref from, md_ref to, dnnl_primitive_t *out)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t st = dnnl_reorder_primitive_desc_create(&pd, from, p->engine, to, p->engine, NULL);
    if (!st) st = dnnl_primitive_create(out, pd);
    if (pd) (void)dnnl_primitive_desc_destroy(pd);
    return st;
}

static dnnl_status_t run_reorder(const fc_prims *p, dnnl_primitive_t reorder, dnnl_memory_t from,
                                 dnnl_memory_t to)
{
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return dnnl_primitive_execute(reorder, p->stream, 2, args);
}

/* ---- weights ---- */

fc_status fc_prim_weight_new(fc_prims *p, const fc_prim_shape *shape, fc_prim_weight **out)
{
    *out = NULL;
    fc_prim_weight *w = fc_calloc(1, sizeof *w);
    if (!w) return FC_NOMEM;
    struct team team = team_begin(p);
    struct descs d = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t st = shape->conv ? conv_descs(shape, &d) : linear_descs(shape, &d);
    if (!st) st = make_pd(p, shape, &d, md_get(&d.w), &pd);
    if (!st && !is_named(pd, "brg")) st = dnnl_unimplemented;
    if (!st) st = md_copy(&w->md, pd_weights(pd));
    if (!st) w->bytes = dnnl_memory_desc_get_size(md_get(&w->md));
    if (pd) (void)dnnl_primitive_desc_destroy(pd);
    descs_drop(&d);
    team_end(team);
    if (st) {
        fc_prim_weight_free(w);
        return to_status(st);
    }
    *out = w;
    return FC_OK;
}

void fc_prim_weight_free(fc_prim_weight *w)
{
    if (!w) return;
    drop_memory(w->memory);
    md_drop(&w->md);
    fc_free(w);
}

size_t fc_prim_weight_bytes(const fc_prim_weight *w)
{
    return w->bytes;
}

fc_status fc_prim_weight_attach(fc_prims *p, fc_prim_weight *w, void *data)
{
    return to_status(dnnl_memory_create(&w->memory, md_get(&w->md), p->engine, data));
}

/* The library's names of the layouts that are panels of bf16 pairs: a and b stand for inputs and outputs of a
 * linear weight, for outputs and inputs of a convolution's. */
static const struct {
    dnnl_format_tag_t tag;
    int32_t conv, width, depth;
} panel_tags[] = {
    {dnnl_BA16a16b2a, 0, 16, 32},   {dnnl_BA16a32b2a, 0, 32, 32},   {dnnl_BA16a48b2a, 0, 48, 32},
    {dnnl_BA16a64b2a, 0, 64, 32},   {dnnl_AcdB16a2b, 1, 16, 2},     {dnnl_AcdB32a2b, 1, 32, 2},
    {dnnl_AcdB48a2b, 1, 48, 2},     {dnnl_AcdB64a2b, 1, 64, 2},     {dnnl_AcdB16b16a2b, 1, 16, 32},
    {dnnl_AcdB16b32a2b, 1, 32, 32}, {dnnl_AcdB16b48a2b, 1, 48, 32}, {dnnl_AcdB16b64a2b, 1, 64, 32},
};

bool fc_prim_weight_panels(const fc_prim_weight *w, const fc_prim_shape *s, fc_panels *out)
{
    const dnnl_dims_t conv = {s->cout, s->cin, s->geom.kh, s->geom.kw}, linear = {s->cin, s->cout};
    bool found = false;
    for (size_t i = 0; i < sizeof panel_tags / sizeof *panel_tags && !found; i++) {
        if (panel_tags[i].conv != s->conv || s->src != FC_BF16) continue;
        md_t md = {0};
        dnnl_status_t st =
            md_tagged(&md, s->conv ? 4 : 2, s->conv ? conv : linear, dnnl_bf16, panel_tags[i].tag);
        found = !st && dnnl_memory_desc_equal(md_get(&md), md_get(&w->md));
        md_drop(&md);
        if (found) *out = (fc_panels){panel_tags[i].width, 2, panel_tags[i].depth, FC_BF16};
    }
    return found;
}

fc_status fc_prim_weight_fill(fc_prims *p, fc_prim_weight *w, const fc_prim_shape *shape, const void *plain)
{
    struct team team = team_begin(p);
    struct descs d = {0};
    dnnl_memory_t from = NULL;
    dnnl_primitive_t reorder = NULL;
    void *data = NULL;
    dnnl_status_t st = dnnl_memory_get_data_handle(w->memory, &data);
    if (!st) memset(data, 0, w->bytes); /* the padding of blocked layouts must be zero */
    if (!st) st = shape->conv ? conv_descs(shape, &d) : linear_descs(shape, &d);
    /* the library's C interface has no const for data it only reads */
    if (!st) st = dnnl_memory_create(&from, md_get(&d.plain_w), p->engine, (void *)(uintptr_t)plain);
    if (!st) st = make_reorder(p, md_get(&d.plain_w), md_get(&w->md), &reorder);
    if (!st) st = run_reorder(p, reorder, from, w->memory);
    if (reorder) (void)dnnl_primitive_destroy(reorder);
    drop_memory(from);
    descs_drop(&d);
    team_end(team);
    return to_status(st);
}

/* ---- primitives ---- */

static dnnl_status_t bare_memory(const fc_prims *p, md_ref md, dnnl_memory_t *out)
{
    return dnnl_memory_create(out, md, p->engine, DNNL_MEMORY_NONE);
}

static dnnl_status_t entry_fill(fc_prims *p, struct entry *e, const struct descs *d, dnnl_primitive_desc_t pd,
                                const fc_prim_weight *w)
{
    const fc_prim_shape *s = &e->shape;
    md_ref scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    dnnl_status_t st = dnnl_primitive_create(&e->prim, pd);
    if (!st) st = bare_memory(p, md_get(&d->x), &e->x);
    if (!st) st = bare_memory(p, md_get(&d->y), &e->y);
    if (!st && s->bias) st = bare_memory(p, md_get(&d->bias), &e->bias);
    if (!st && s->add == FC_PRIM_ADD_OTHER) st = bare_memory(p, md_get(&d->add), &e->add);
    if (!st) st = bare_memory(p, scratch, &e->scratch);
    e->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    if (!st && !dnnl_memory_desc_equal(pd_weights(pd), md_get(&w->md))) {
        st = make_reorder(p, md_get(&w->md), pd_weights(pd), &e->reorder);
        if (!st) st = bare_memory(p, pd_weights(pd), &e->weight);
        e->weight_bytes = dnnl_memory_desc_get_size(pd_weights(pd));
    }
    return st;
}

static fc_status entry_new(fc_prims *p, const fc_prim_shape *shape, uint64_t hash, const fc_prim_weight *w,
                           struct entry **out)
{
    struct entry *e = fc_calloc(1, sizeof *e);
    if (!e) return FC_NOMEM;
    e->shape = *shape;
    e->hash = hash;
    struct descs d = {0};
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t st = shape->conv ? conv_descs(shape, &d) : linear_descs(shape, &d);
    if (!st) st = choose_pd(p, shape, &d, w, &pd);
    if (!st) st = entry_fill(p, e, &d, pd, w);
    if (pd) (void)dnnl_primitive_desc_destroy(pd);
    descs_drop(&d);
    if (st) {
        entry_free(e);
        return to_status(st);
    }
    *out = e;
    return FC_OK;
}

/* A place for a new entry; the longest unused one makes room when there is none. */
static struct entry **free_place(fc_prims *p)
{
    if (p->count < MAX_ENTRIES) return &p->entries[p->count++];
    struct entry **oldest = &p->entries[0];
    for (int i = 1; i < p->count; i++)
        if (p->entries[i]->used < (*oldest)->used) oldest = &p->entries[i];
    entry_free(*oldest);
    return oldest;
}

static fc_status find_entry(fc_prims *p, const fc_prim_shape *shape, const fc_prim_weight *w,
                            struct entry **out)
{
    uint64_t hash = fc_fnv1a(shape, sizeof *shape);
    *out = NULL;
    for (int i = 0; i < p->count && !*out; i++)
        if (p->entries[i]->hash == hash && memcmp(&p->entries[i]->shape, shape, sizeof *shape) == 0)
            *out = p->entries[i];
    if (!*out) {
        fc_status status = entry_new(p, shape, hash, w, out);
        if (status != FC_OK) return status;
        *free_place(p) = *out;
    }
    (*out)->used = ++p->clock;
    return FC_OK;
}

static bool grow_scratch(fc_prims *p, size_t bytes)
{
    if (bytes <= p->scratch_bytes) return true;
    void *fresh = fc_alloc_aligned(FC_HOST_ALIGN, bytes);
    if (!fresh) return false;
    fc_free(p->scratch);
    p->scratch = fresh;
    p->scratch_bytes = bytes;
    return true;
}

static dnnl_status_t execute(fc_prims *p, struct entry *e, const fc_prim_weight *w, const fc_prim_args *args)
{
    /* the library's C interface has no const for data it only reads */
    void *x = (void *)(uintptr_t)args->x, *bias = (void *)(uintptr_t)args->bias,
         *add = (void *)(uintptr_t)args->add;
    int position = e->shape.relu ? 1 : 0; /* of the addition among the post-ops */
    dnnl_memory_t weight = e->reorder ? e->weight : w->memory;
    dnnl_exec_arg_t list[6] = {{DNNL_ARG_SRC, e->x},
                               {DNNL_ARG_DST, e->y},
                               {DNNL_ARG_WEIGHTS, weight},
                               {DNNL_ARG_SCRATCHPAD, e->scratch}};
    int n = 4;
    dnnl_status_t st = dnnl_memory_set_data_handle(e->x, x);
    if (!st) st = dnnl_memory_set_data_handle(e->y, args->y);
    if (!st) st = dnnl_memory_set_data_handle(e->scratch, p->scratch);
    if (!st && e->bias) {
        st = dnnl_memory_set_data_handle(e->bias, bias);
        list[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, e->bias};
    }
    if (!st && e->add) {
        st = dnnl_memory_set_data_handle(e->add, add);
        list[n++] = (dnnl_exec_arg_t){DNNL_ARG_ATTR_MULTIPLE_POST_OP(position) | DNNL_ARG_SRC_1, e->add};
    }
    if (!st && e->reorder) {
        st = dnnl_memory_set_data_handle(e->weight, (char *)p->scratch + e->scratch_bytes);
        if (!st) st = run_reorder(p, e->reorder, w->memory, e->weight);
    }
    if (!st) st = dnnl_primitive_execute(e->prim, p->stream, n, list);
    return st ? st : dnnl_stream_wait(p->stream);
}

fc_status fc_prim_run(fc_prims *p, const fc_prim_shape *shape, const fc_prim_weight *w,
                      const fc_prim_args *args)
{
    struct team team = team_begin(p);
    struct entry *e;
    fc_status status = find_entry(p, shape, w, &e);
    if (status == FC_OK) {
        e->scratch_bytes = (e->scratch_bytes + FC_HOST_ALIGN - 1) / FC_HOST_ALIGN * FC_HOST_ALIGN;
        status = grow_scratch(p, e->scratch_bytes + e->weight_bytes + FC_HOST_ALIGN)
                     ? to_status(execute(p, e, w, args))
                     : FC_NOMEM;
    }
    team_end(team);
    return status;
}
