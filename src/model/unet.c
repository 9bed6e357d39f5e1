/* UNet: binds the layers that unet_layout.c found and runs them. Must match sgm openaimodel.UNetModel. */
#include "model/unet_parts.h"

#include <stdio.h>

#include "base/mem.h"
#include "model/timestep.h"

enum { GROUPS = 32, NAME_SIZE = 160 };
static const float EPS = 1e-5f;
#define ARENA_CAP ((size_t)16 << 20)

/* The weights of one layer of the table; which member counts depends on the layer's kind. */
union module {
    struct unet_res *res;
    struct unet_attn *attn;
    fc_conv_w *conv; /* CONV, DOWN, UP */
};

struct fc_unet {
    fc_arena arena;
    fc_slot *slots;
    fc_unet_layout layout;
    union module module[FC_UNET_MAX_BLOCKS][FC_UNET_MAX_LAYERS];
    fc_linear_w time_in, time_out, label_in, label_out;
    fc_norm_w norm_out;
    fc_conv_w conv_out;
};

/* ---- binding ---- */

static void bind_conv(fc_binder *b, fc_conv_w *w, const fc_unet_layer *y, const char *name)
{
    static const char *const suffix[] = {[FC_UNET_CONV] = "", [FC_UNET_DOWN] = ".op", [FC_UNET_UP] = ".conv"};
    int32_t stride = y->kind == FC_UNET_DOWN ? 2 : 1;
    fc_bind_conv(b, w, y->cin, y->cout, 3, stride, FC_BIAS, "%s%s", name, suffix[y->kind]);
}

static void bind_layer(fc_binder *b, const fc_unet *u, union module *m, const fc_unet_layer *y,
                       const char *name)
{
    switch (y->kind) {
    case FC_UNET_RES:
        m->res = fc_arena_alloc(b->arena, sizeof *m->res);
        if (m->res) unet_res_bind(b, m->res, name, y->cin, y->cout, u->layout.time_width);
        break;
    case FC_UNET_ATTN:
        m->attn = fc_arena_alloc(b->arena, sizeof *m->attn);
        if (m->attn) unet_attn_bind(b, m->attn, name, y, u->layout.context_width);
        break;
    default:
        m->conv = fc_arena_alloc(b->arena, sizeof *m->conv);
        if (m->conv) bind_conv(b, m->conv, y, name);
    }
}

static int32_t block_count(const fc_unet_layout *l)
{
    return l->inputs + l->middles + l->outputs;
}

static void bind_all(fc_binder *b, fc_unet *u)
{
    const fc_unet_layout *l = &u->layout;
    const char *p = FC_UNET_PREFIX;
    fc_bind_linear(b, &u->time_in, l->channels, l->time_width, FC_BIAS, "%stime_embed.0", p);
    fc_bind_linear(b, &u->time_out, l->time_width, l->time_width, FC_BIAS, "%stime_embed.2", p);
    fc_bind_linear(b, &u->label_in, l->label_width, l->time_width, FC_BIAS, "%slabel_emb.0.0", p);
    fc_bind_linear(b, &u->label_out, l->time_width, l->time_width, FC_BIAS, "%slabel_emb.0.2", p);
    for (int32_t i = 0; i < block_count(l); i++) {
        const fc_unet_block *block = &l->block[i];
        b->int8_fits = i > 0; /* not where the latent comes in and the noise goes out: little to save there */
        for (int32_t k = 0; k < block->layer_count; k++) {
            char name[NAME_SIZE];
            snprintf(name, sizeof name, "%s%s.%s", p, block->name, block->layer[k].name);
            bind_layer(b, u, &u->module[i][k], &block->layer[k], name);
        }
    }
    b->int8_fits = false;
    if (l->outputs == 0) return; /* an encoder */
    int32_t last = l->block[block_count(l) - 1].cout;
    fc_bind_norm(b, &u->norm_out, last, GROUPS, EPS, "%sout.0", p);
    fc_bind_conv(b, &u->conv_out, last, l->out_channels, 3, 1, FC_BIAS, "%sout.2", p);
}

static fc_status open_unet(fc_unet **out, fc_weights *w, bool encoder, fc_slot *lenders, fc_err *err)
{
    *out = NULL;
    fc_unet *u = fc_calloc(1, sizeof *u);
    if (!u) return fc_fail(err, FC_NOMEM, "out of memory while opening the UNet");
    fc_arena_init(&u->arena, ARENA_CAP);
    fc_status status = (encoder ? fc_unet_layout_read_encoder : fc_unet_layout_read)(&u->layout, w, err);
    if (!status) {
        fc_binder b;
        fc_binder_init(&b, w, &u->arena);
        b.lenders = lenders;
        bind_all(&b, u);
        status = fc_binder_finish(&b, err);
        u->slots = b.slots;
    }
    if (status) {
        fc_unet_close(u);
        return status;
    }
    *out = u;
    return FC_OK;
}

fc_status fc_unet_open(fc_unet **out, fc_weights *w, fc_err *err)
{
    return open_unet(out, w, false, NULL, err);
}

fc_status unet_open_encoder(fc_unet **out, fc_weights *w, fc_slot *lenders, fc_err *err)
{
    return open_unet(out, w, true, lenders, err);
}

fc_slot *unet_slots(const fc_unet *u)
{
    return u->slots;
}

void fc_unet_close(fc_unet *u)
{
    if (!u) return;
    fc_slots_forget(u->slots);
    fc_arena_fini(&u->arena);
    fc_free(u);
}

const fc_unet_layout *fc_unet_layout_get(const fc_unet *u)
{
    return &u->layout;
}

/* ---- time, label and text ---- */

void fc_unet_set_label(fc_cx *cx, const fc_unet *u, const float *y, int32_t n, fc_unet_cond *cond)
{
    cond->label = fc_new(cx, FC_F32, n, 1, 1, u->layout.time_width);
    fc_mark m = fc_enter(cx, "unet");
    fc_tensor h = fc_upload(cx, FC_F32, y, n, 1, 1, u->layout.label_width);
    h = fc_linear(cx, h, &u->label_in, (fc_epi){.act = FC_ACT_SILU});
    fc_linear_to(cx, cond->label, h, &u->label_out, FC_PLAIN);
    fc_probe(cx, "label_emb", cond->label);
    fc_leave(cx, m);
}

void fc_unet_set_context(fc_cx *cx, const fc_unet *u, fc_tensor context, fc_unet_cond *cond)
{
    const fc_unet_layout *l = &u->layout;
    for (int32_t i = 0; i < block_count(l); i++)
        for (int32_t k = 0; k < l->block[i].layer_count; k++) {
            const fc_unet_layer *y = &l->block[i].layer[k];
            for (int32_t j = 0; j < y->depth; j++)
                cond->kv[y->cross + j] = fc_new(cx, cx->act, context.n, 1, context.w, 2 * y->cin);
        }
    fc_mark m = fc_enter(cx, "unet");
    context = fc_convert(cx, context, cx->act);
    for (int32_t i = 0; i < block_count(l); i++) {
        fc_mark inner = fc_enter(cx, l->block[i].name);
        for (int32_t k = 0; k < l->block[i].layer_count; k++) {
            const fc_unet_layer *y = &l->block[i].layer[k];
            if (y->kind == FC_UNET_ATTN)
                unet_attn_context(cx, u->module[i][k].attn, context, &cond->kv[y->cross]);
        }
        fc_leave(cx, inner);
    }
    fc_leave(cx, m);
}

/* Sum of time and label embedding after its activation: [n,1,1,time_width] in the dtype of the activations.
 * The embedding itself is computed in float32: it is tiny, and steers every residual block. */
static fc_tensor embed_time(fc_cx *cx, const fc_unet *u, const float *timesteps, int32_t n, fc_tensor label)
{
    int32_t width = u->layout.channels;
    float *host = fc_calloc((size_t)n * (size_t)width, sizeof *host);
    if (!host) {
        fc_cx_fail(cx, FC_NOMEM, "out of memory");
        return (fc_tensor){0};
    }
    for (int32_t i = 0; i < n; i++)
        fc_timestep_embedding(timesteps[i], width, host + (size_t)i * (size_t)width);
    fc_tensor h = fc_upload(cx, FC_F32, host, n, 1, 1, width);
    fc_free(host);
    h = fc_linear(cx, h, &u->time_in, (fc_epi){.act = FC_ACT_SILU});
    h = fc_linear(cx, h, &u->time_out, (fc_epi){.add = label});
    fc_probe(cx, "emb", h);
    h = fc_unary(cx, h, FC_ACT_SILU);
    return fc_convert(cx, h, cx->act);
}

/* ---- forward ---- */

struct size {
    int32_t h, w;
};

/* Size of the image behind a layer; `up` is what an upsampler resizes to. */
static struct size size_after(const fc_unet_layer *y, struct size s, struct size up)
{
    if (y->kind == FC_UNET_UP) return up;
    if (y->kind == FC_UNET_DOWN) return (struct size){(s.h - 1) / 2 + 1, (s.w - 1) / 2 + 1};
    return s;
}

/* Number of the last layer that makes a new tensor: transformers change theirs in place. */
static int32_t last_maker(const fc_unet_block *b)
{
    int32_t k = b->layer_count - 1;
    while (b->layer[k].kind == FC_UNET_ATTN) k--;
    return k;
}

/* A layer other than a transformer, from x into y. */
static void run_layer(fc_cx *cx, fc_unet_kind kind, union module m, fc_tensor y, fc_tensor x, fc_tensor emb)
{
    if (kind == FC_UNET_RES) {
        unet_res_run(cx, m.res, y, x, emb);
        return;
    }
    fc_mark mark = fc_enter(cx, NULL);
    (kind == FC_UNET_UP ? fc_conv2d_resized_to : fc_conv2d_to)(cx, y, x, m.conv, FC_PLAIN);
    fc_leave(cx, mark);
}

struct step {
    fc_tensor emb; /* silu(time + label) */
    const fc_unet_cond *cond;
    const fc_unet_extra *extra; /* NULL: nothing */
};

/* x [n,h,w,cin + skip] -> [n,h',w',cout] on the caller's scope */
static fc_tensor run_block(fc_cx *cx, const fc_unet *u, int32_t i, fc_tensor x, fc_tensor skip,
                           struct size up, const struct step *step)
{
    const fc_unet_block *b = &u->layout.block[i];
    int32_t maker = last_maker(b);
    struct size size = {x.h, x.w};
    for (int32_t k = 0; k < b->layer_count; k++) size = size_after(&b->layer[k], size, up);
    fc_tensor out = fc_new(cx, cx->act, x.n, size.h, size.w, b->cout);
    fc_mark m = fc_enter(cx, b->name);
    if (skip.data) x = fc_concat(cx, x, skip);
    for (int32_t k = 0; k < b->layer_count; k++) {
        const fc_unet_layer *y = &b->layer[k];
        struct size s = size_after(y, (struct size){x.h, x.w}, up);
        fc_tensor to = x;
        if (k == maker)
            to = out;
        else if (y->kind != FC_UNET_ATTN)
            to = fc_new(cx, cx->act, x.n, s.h, s.w, y->cout);
        fc_mark inner = fc_enter(cx, y->name);
        if (y->kind == FC_UNET_ATTN)
            unet_attn_run(cx, u->module[i][k].attn, x, &step->cond->kv[y->cross], y->cross, step->extra);
        else
            run_layer(cx, y->kind, u->module[i][k], to, x, step->emb);
        x = to;
        fc_probe(cx, NULL, x);
        fc_leave(cx, inner);
    }
    fc_leave(cx, m);
    return out;
}

/* x += each, for every image */
static void add_to_all(fc_cx *cx, fc_tensor x, fc_tensor each)
{
    for (int32_t i = 0; i < x.n; i++) {
        fc_tensor image = fc_tensor_batch(x, i, 1);
        fc_axpby_to(cx, image, 1.0f, image, 1.0f, each);
    }
}

/* Input and middle blocks, on the caller's scope. */
static void run_encoder(fc_cx *cx, const fc_unet *u, fc_tensor x, const struct step *step, fc_tensor first,
                        fc_tensor *made)
{
    const fc_unet_layout *l = &u->layout;
    const fc_tensor none = {0};
    fc_tensor h = x;
    for (int32_t i = 0; i < l->inputs + l->middles; i++) {
        h = made[i] = run_block(cx, u, i, h, none, (struct size){0}, step);
        if (i == 0 && first.data) add_to_all(cx, h, first);
    }
}

void unet_encode(fc_cx *cx, const fc_unet *u, fc_tensor x, const float *timesteps, const fc_unet_cond *cond,
                 fc_tensor first, fc_tensor *made)
{
    struct step step = {embed_time(cx, u, timesteps, x.n, cond->label), cond, NULL};
    run_encoder(cx, u, fc_convert(cx, x, cx->act), &step, first, made);
}

/* What control networks add to the result of block i. */
static void add_residual(fc_cx *cx, const fc_unet_extra *extra, int32_t i, fc_tensor t)
{
    if (extra->residual && extra->residual[i].data) fc_axpby_to(cx, t, 1.0f, t, 1.0f, extra->residual[i]);
}

fc_tensor fc_unet_forward(fc_cx *cx, const fc_unet *u, fc_tensor x, const float *timesteps,
                          const fc_unet_cond *cond, const fc_unet_extra *extra)
{
    static const fc_unet_extra nothing = {0};
    const fc_unet_layout *l = &u->layout;
    fc_tensor made[FC_UNET_MAX_BLOCKS] = {0};
    int32_t i = l->inputs + l->middles, n = l->inputs;
    if (!extra) extra = &nothing;
    fc_tensor eps = fc_new(cx, FC_F32, x.n, x.h, x.w, l->out_channels);
    fc_mark m = fc_enter(cx, "unet");
    struct step step = {embed_time(cx, u, timesteps, x.n, cond->label), cond, extra};
    run_encoder(cx, u, fc_convert(cx, x, cx->act), &step, extra->first, made);
    fc_tensor h = made[i - 1];
    if (l->middles)
        add_residual(cx, extra, i - 1, h);
    else if (extra->residual || extra->freeu) /* it is changed as the last skip tensor, too */
        fc_copy_to(cx, h = fc_new(cx, h.dtype, h.n, h.h, h.w, h.c), made[i - 1]);
    for (; i < block_count(l); i++) {
        fc_tensor s = made[--n];
        struct size up = n > 0 ? (struct size){made[n - 1].h, made[n - 1].w} : (struct size){s.h, s.w};
        add_residual(cx, extra, n, s);
        if (extra->freeu) fc_freeu_apply(cx, extra->freeu, l->channels, h, s);
        h = run_block(cx, u, i, h, s, up, &step);
    }
    h = fc_group_norm(cx, h, &u->norm_out, FC_ACT_SILU);
    fc_conv2d_to(cx, eps, h, &u->conv_out, FC_PLAIN);
    fc_probe(cx, "out", eps);
    fc_leave(cx, m);
    return eps;
}
