/* See controlnet.h. */
#include "model/controlnet.h"

#include <stdio.h>

#include "base/mem.h"
#include "model/unet_parts.h"

enum { RGB = FC_CONTROL_RGB, HINTS = 8, MAX_CHANNELS = 4096, NAME_SIZE = 96 };
#define ARENA_CAP ((size_t)1 << 20)

struct fc_controlnet {
    fc_arena arena;
    fc_slot *slots;
    fc_weights *weights; /* under the UNet's names */
    fc_unet *encoder;
    fc_conv_w hint[HINTS];
    fc_linear_w zero[FC_UNET_MAX_BLOCKS]; /* 1x1 convolutions behind each block; zero before training */
};

/* ---- what the file holds ---- */

/* What stands before the names of the file; NULL: it holds no control network. */
static const char *find_prefix(fc_weights *file)
{
    static const char *const prefixes[] = {FC_UNET_PREFIX, "control_model.", ""};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%szero_convs.0.0.weight", prefixes[i]);
        if (fc_weights_find(file, name)) return prefixes[i];
    }
    return NULL;
}

static fc_status overlay(fc_controlnet *c, fc_weights *file, fc_weights *base, fc_err *err)
{
    const char *prefix = find_prefix(file);
    bool lora = fc_weights_find(file, "lora_controlnet") != NULL;
    if (!prefix)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this file holds no control network; use a Control-LoRA or a ControlNet for SDXL");
    fc_status status = fc_weights_overlay(&c->weights, lora ? base : NULL, file, prefix, FC_UNET_PREFIX, err);
    if (status) return status;
    if (!fc_weights_has_prefix(c->weights, FC_UNET_PREFIX "control_add_embedding.")) return FC_OK;
    return fc_fail(
        err, FC_UNSUPPORTED,
        "this file joins several control networks in one (\"union\"), which is not supported; use one "
        "for a single kind of drawing");
}

/* Whether its blocks give what the UNet's output blocks take. */
static bool fits(const fc_unet_layout *l, const fc_unet_layout *unet)
{
    bool same = l->inputs == unet->inputs && l->middles == unet->middles &&
                l->in_channels <= unet->in_channels && l->label_width == unet->label_width &&
                (l->cross_count == 0 || l->context_width == unet->context_width);
    for (int32_t i = 0; same && i < l->inputs + l->middles; i++) {
        const fc_unet_block *a = &l->block[i], *b = &unet->block[i];
        same =
            a->cout == b->cout && a->level == b->level && (i < l->inputs || a->layer_count == b->layer_count);
    }
    return same;
}

/* ---- binding ---- */

/* The third and every second one behind it halves the drawing, three times in all. */
static int32_t hint_stride(int32_t i)
{
    return i >= 2 && i < HINTS - 1 && i % 2 == 0 ? 2 : 1;
}

static void bind_hint(fc_binder *b, fc_controlnet *c, int32_t channels)
{
    int32_t cin = RGB;
    for (int32_t i = 0; i < HINTS; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, FC_UNET_PREFIX "input_hint_block.%d.weight", 2 * i);
        int64_t width = fc_weights_dim(c->weights, name, 0);
        int32_t cout = i == HINTS - 1 ? channels : width > 0 && width <= MAX_CHANNELS ? (int32_t)width : 1;
        fc_bind_conv(b, &c->hint[i], cin, cout, 3, hint_stride(i), FC_BIAS,
                     FC_UNET_PREFIX "input_hint_block.%d", 2 * i);
        cin = cout;
    }
}

static fc_status bind_all(fc_controlnet *c, fc_err *err)
{
    const fc_unet_layout *l = fc_unet_layout_get(c->encoder);
    fc_binder b;
    fc_binder_init(&b, c->weights, &c->arena);
    bind_hint(&b, c, l->channels);
    for (int32_t i = 0; i < l->inputs; i++)
        fc_bind_linear(&b, &c->zero[i], l->block[i].cout, l->block[i].cout, FC_BIAS,
                       FC_UNET_PREFIX "zero_convs.%d.0", (int)i);
    for (int32_t i = l->inputs; i < l->inputs + l->middles; i++)
        fc_bind_linear(&b, &c->zero[i], l->block[i].cout, l->block[i].cout, FC_BIAS,
                       FC_UNET_PREFIX "middle_block_out.0");
    fc_status status = fc_binder_finish(&b, err);
    c->slots = b.slots;
    return status;
}

static fc_status open_parts(fc_controlnet *c, fc_weights *file, fc_weights *base, const fc_unet *unet,
                            fc_err *err)
{
    fc_status status = overlay(c, file, base, err);
    if (status != FC_OK) return status;
    status = unet_open_encoder(&c->encoder, c->weights, unet_slots(unet), err);
    if (status) return status;
    if (!fits(fc_unet_layout_get(c->encoder), fc_unet_layout_get(unet)))
        return fc_fail(
            err, FC_UNSUPPORTED,
            "this control network is made for another kind of model; use one for SDXL base models");
    return bind_all(c, err);
}

fc_status fc_controlnet_open(fc_controlnet **out, fc_weights *file, fc_weights *base, const fc_unet *unet,
                             fc_err *err)
{
    *out = NULL;
    fc_controlnet *c = fc_calloc(1, sizeof *c);
    if (!c) return fc_fail(err, FC_NOMEM, "out of memory while opening the control network");
    fc_arena_init(&c->arena, ARENA_CAP);
    fc_status status = open_parts(c, file, base, unet, err);
    if (status) {
        fc_controlnet_close(c);
        return status;
    }
    *out = c;
    return FC_OK;
}

void fc_controlnet_close(fc_controlnet *c)
{
    if (!c) return;
    fc_slots_forget(c->slots);
    fc_arena_fini(&c->arena);
    fc_unet_close(c->encoder);
    fc_weights_close(c->weights);
    fc_free(c);
}

const fc_unet *fc_controlnet_encoder(const fc_controlnet *c)
{
    return c->encoder;
}

uint64_t fc_controlnet_values(const fc_controlnet *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < fc_weights_count(c->weights); i++) {
        const fc_weight *w = fc_weights_at(c->weights, i);
        if (w->used) sum += (uint64_t)fc_weight_rows(w) * (uint64_t)fc_weight_cols(w);
    }
    return sum;
}

/* ---- running ---- */

static fc_tensor upload_drawing(fc_cx *cx, const uint8_t *rgb, int32_t h, int32_t w)
{
    fc_tensor x = {0};
    size_t values = (size_t)h * (size_t)w * RGB;
    float *host = fc_calloc(values, sizeof *host);
    for (size_t i = 0; host && i < values; i++) host[i] = (float)rgb[i] / 255.0f;
    if (host)
        x = fc_upload(cx, cx->act, host, 1, h, w, RGB);
    else
        fc_cx_fail(cx, FC_NOMEM, "out of memory");
    fc_free(host);
    return x;
}

fc_tensor fc_controlnet_hint(fc_cx *cx, const fc_controlnet *c, const uint8_t *rgb, int32_t h, int32_t w)
{
    fc_tensor feature = fc_new(cx, cx->act, 1, h, w, c->hint[HINTS - 1].cout);
    fc_mark m = fc_enter(cx, "control_hint");
    fc_tensor x = upload_drawing(cx, rgb, FC_CONTROL_SCALE * h, FC_CONTROL_SCALE * w);
    for (int32_t i = 0; i < HINTS - 1; i++) x = fc_conv2d(cx, x, &c->hint[i], (fc_epi){.act = FC_ACT_SILU});
    fc_conv2d_to(cx, feature, x, &c->hint[HINTS - 1], FC_PLAIN);
    fc_probe(cx, NULL, feature);
    fc_leave(cx, m);
    return feature;
}

/* How much of block i's result is added: 0 is possible. */
static float strength(const fc_control_run *run, int32_t i, int32_t last)
{
    float depth = last > 0 ? (float)i / (float)last : 1.0f;
    return run->weight * (1.0f - run->softness * (1.0f - depth));
}

void fc_controlnet_run(fc_cx *cx, const fc_controlnet *c, const fc_control_run *run, fc_tensor x,
                       const float *timesteps, fc_tensor *residual)
{
    const fc_unet_layout *l = fc_unet_layout_get(c->encoder);
    int32_t blocks = l->inputs + l->middles;
    fc_tensor made[FC_UNET_MAX_BLOCKS] = {0}, before[FC_UNET_MAX_BLOCKS] = {0};
    for (int32_t i = 0; i < blocks; i++) {
        before[i] = residual[i];
        if (residual[i].data || strength(run, i, blocks - 1) == 0) continue;
        int32_t level = l->block[i].level + (l->block[i].layer[0].kind == FC_UNET_DOWN), h = x.h, w = x.w;
        for (int32_t k = 0; k < level; k++) h = (h - 1) / 2 + 1, w = (w - 1) / 2 + 1;
        residual[i] = fc_new(cx, cx->act, x.n, h, w, l->block[i].cout);
    }
    fc_mark m = fc_enter(cx, "control");
    x = fc_tensor_channels(x, 0, l->in_channels); /* without what inpainting models read beside the latent */
    unet_encode(cx, c->encoder, x, timesteps, run->cond, run->hint, made);
    for (int32_t i = 0; i < blocks; i++) {
        float factor = strength(run, i, blocks - 1);
        if (factor == 0) continue;
        fc_linear_to(cx, residual[i], made[i], &c->zero[i], (fc_epi){.scale = factor, .add = before[i]});
        fc_probe(cx, l->block[i].name, residual[i]);
    }
    fc_leave(cx, m);
}
