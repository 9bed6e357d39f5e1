/* Transformer of the UNet. Must match sgm attention.SpatialTransformer with use_linear. */
#include "model/unet_parts.h"

#include <stdio.h>

enum { GROUPS = 32, HEAD_WIDTH = 64, NAME_SIZE = 160 };
static const float SPATIAL_EPS = 1e-6f, LAYER_EPS = 1e-5f;

static void bind_block(fc_binder *b, struct unet_tblock *t, const char *name, int32_t c,
                       int32_t context_width)
{
    static const char *const self[] = {"to_q", "to_k", "to_v", NULL};
    static const char *const text[] = {"to_k", "to_v", NULL};
    char attn[NAME_SIZE];
    fc_bind_norm(b, &t->norm1, c, 0, LAYER_EPS, "%s.norm1", name);
    fc_bind_norm(b, &t->norm2, c, 0, LAYER_EPS, "%s.norm2", name);
    fc_bind_norm(b, &t->norm3, c, 0, LAYER_EPS, "%s.norm3", name);
    snprintf(attn, sizeof attn, "%.140s.attn1", name);
    fc_bind_linear_stack(b, &t->qkv, c, c, FC_NO_BIAS, attn, self);
    fc_bind_linear(b, &t->out1, c, c, FC_BIAS, "%s.to_out.0", attn);
    snprintf(attn, sizeof attn, "%.140s.attn2", name);
    fc_bind_linear(b, &t->q, c, c, FC_NO_BIAS, "%s.to_q", attn);
    fc_bind_linear_stack(b, &t->kv, context_width, c, FC_NO_BIAS, attn, text);
    fc_bind_linear(b, &t->out2, c, c, FC_BIAS, "%s.to_out.0", attn);
    fc_bind_linear(b, &t->ff_in, c, 8 * c, FC_BIAS, "%s.ff.net.0.proj", name);
    fc_bind_linear(b, &t->ff_out, 4 * c, c, FC_BIAS, "%s.ff.net.2", name);
}

void unet_attn_bind(fc_binder *b, struct unet_attn *a, const char *name, const fc_unet_layer *layer,
                    int32_t context_width)
{
    int32_t c = layer->cin;
    *a = (struct unet_attn){.heads = c / HEAD_WIDTH, .depth = layer->depth};
    a->block = fc_arena_array(b->arena, (size_t)layer->depth, sizeof *a->block);
    if (!a->block) return; /* the arena remembers */
    fc_bind_norm(b, &a->norm, c, GROUPS, SPATIAL_EPS, "%s.norm", name);
    fc_bind_linear(b, &a->proj_in, c, c, FC_BIAS, "%s.proj_in", name);
    fc_bind_linear(b, &a->proj_out, c, c, FC_BIAS, "%s.proj_out", name);
    for (int32_t i = 0; i < layer->depth; i++) {
        struct unet_tblock *t = &a->block[i];
        char full[NAME_SIZE];
        snprintf(t->name, sizeof t->name, "transformer_blocks.%d", i);
        snprintf(full, sizeof full, "%s.%s", name, t->name);
        bind_block(b, t, full, c, context_width);
    }
}

void unet_attn_context(fc_cx *cx, const struct unet_attn *a, fc_tensor context, const fc_tensor *kv)
{
    for (int32_t i = 0; i < a->depth; i++) {
        fc_mark m = fc_enter(cx, a->block[i].name);
        fc_linear_to(cx, kv[i], context, &a->block[i].kv, FC_PLAIN);
        fc_leave(cx, m);
    }
}

/* x += to_out(attention(x, x)) */
static void self_attention(fc_cx *cx, const struct unet_tblock *t, fc_tensor x, int32_t heads)
{
    fc_mark m = fc_enter(cx, NULL);
    int32_t c = x.c;
    fc_tensor h = fc_layer_norm(cx, x, &t->norm1);
    fc_probe(cx, "norm1", h);
    fc_tensor qkv = fc_linear(cx, h, &t->qkv, FC_PLAIN);
    fc_tensor q = fc_tensor_channels(qkv, 0, c);
    fc_tensor k = fc_tensor_channels(qkv, c, c);
    fc_tensor v = fc_tensor_channels(qkv, 2 * c, c);
    h = fc_attention(cx, q, k, v, heads, false);
    fc_linear_to(cx, x, h, &t->out1, (fc_epi){.add = x});
    fc_probe(cx, "attn1", x);
    fc_leave(cx, m);
}

void unet_attn_pictures(fc_cx *cx, fc_tensor y, fc_tensor q, int32_t heads, int32_t cross,
                        const fc_unet_extra *extra)
{
    for (int32_t i = 0; extra && i < extra->pictures; i++) {
        fc_mark m = fc_enter(cx, NULL);
        fc_tensor kv = extra->picture[i].kv[cross];
        if (kv.data && extra->side + q.n > kv.n) fc_cx_fail(cx, FC_INTERNAL, "a picture has too few sides");
        kv = fc_tensor_batch(kv, extra->side, q.n);
        fc_tensor seen = fc_attention(cx, q, fc_tensor_channels(kv, 0, q.c), fc_tensor_channels(kv, q.c, q.c),
                                      heads, false);
        fc_axpby_to(cx, y, 1.0f, y, extra->picture[i].weight, seen);
        fc_leave(cx, m);
    }
}

/* x += to_out(attention(x, text) and what it sees of pictures) */
static void cross_attention(fc_cx *cx, const struct unet_tblock *t, fc_tensor x, fc_tensor kv, int32_t heads,
                            int32_t cross, const fc_unet_extra *extra)
{
    fc_mark m = fc_enter(cx, NULL);
    int32_t c = x.c;
    fc_tensor h = fc_layer_norm(cx, x, &t->norm2);
    fc_tensor q = fc_linear(cx, h, &t->q, FC_PLAIN);
    h = fc_attention(cx, q, fc_tensor_channels(kv, 0, c), fc_tensor_channels(kv, c, c), heads, false);
    unet_attn_pictures(cx, h, q, heads, cross, extra);
    fc_linear_to(cx, x, h, &t->out2, (fc_epi){.add = x});
    fc_probe(cx, "attn2", x);
    fc_leave(cx, m);
}

/* x += ff_out(geglu(ff_in(x))) */
static void feed_forward(fc_cx *cx, const struct unet_tblock *t, fc_tensor x)
{
    fc_mark m = fc_enter(cx, NULL);
    fc_tensor h = fc_layer_norm(cx, x, &t->norm3);
    h = fc_linear(cx, h, &t->ff_in, FC_PLAIN);
    h = fc_geglu(cx, h);
    fc_probe(cx, "ff.net.0", h);
    fc_linear_to(cx, x, h, &t->ff_out, (fc_epi){.add = x});
    fc_leave(cx, m);
}

void unet_attn_run(fc_cx *cx, const struct unet_attn *a, fc_tensor x, const fc_tensor *kv, int32_t cross,
                   const fc_unet_extra *extra)
{
    fc_mark m = fc_enter(cx, NULL);
    fc_tensor h = fc_group_norm(cx, x, &a->norm, FC_ACT_NONE);
    fc_probe(cx, "norm", h);
    h = fc_linear(cx, fc_tensor_tokens(h), &a->proj_in, FC_PLAIN);
    fc_probe(cx, "proj_in", h);
    for (int32_t i = 0; i < a->depth; i++) {
        const struct unet_tblock *t = &a->block[i];
        fc_mark inner = fc_enter(cx, t->name);
        self_attention(cx, t, h, a->heads);
        cross_attention(cx, t, h, kv[i], a->heads, cross + i, extra);
        feed_forward(cx, t, h);
        fc_probe(cx, NULL, h);
        fc_leave(cx, inner);
    }
    fc_tensor tokens = fc_tensor_tokens(x);
    fc_linear_to(cx, tokens, h, &a->proj_out, (fc_epi){.add = tokens});
    fc_leave(cx, m);
}
