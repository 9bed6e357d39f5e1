/* Autoencoder: running it. Its memory is planned by vae_canvas.h. */
#include "model/vae_impl.h"

enum { MAX_SIDE = 1 << 16 }; /* pixels */

/* ---- memory ---- */

/* Whether level i is resampled behind its blocks: what leads to a level in strips belongs to that level. */
static bool resamples(const struct vae_net *net, int32_t i, bool strips)
{
    return net->level[i].has_resample && !(strips && i == net->levels - 2);
}

/* Walks the levels as run_levels does, but only counts. */
static void plan_levels(struct vae_plan *p, const struct vae_net *net, bool up, bool strips)
{
    for (int32_t i = 0; i < net->levels - (strips ? 1 : 0); i++) {
        const struct vae_level *l = &net->level[i];
        for (int32_t j = 0; j < l->blocks; j++) {
            const struct vae_res *r = &l->block[j];
            if (!r->has_skip) {
                vae_plan_in_place(p, r->cout);
                continue;
            }
            vae_plan_next(p, r->cout);
            vae_plan_scratch(p, r->cout);
        }
        if (!resamples(net, i, strips)) continue;
        p->h = up ? p->h * 2 : p->h / 2;
        p->w = up ? p->w * 2 : p->w / 2;
        vae_plan_next(p, l->cout);
    }
    if (!strips) return;
    p->h *= 2;
    p->w *= 2;
    vae_plan_next(p, net->level[net->levels - 1].cout);
    vae_plan_scratch_fixed(p, vae_strips_elements(net, p->w));
}

static void plan_mid(struct vae_plan *p, int32_t c)
{
    vae_plan_in_place(p, c);
    vae_plan_scratch(p, 5 * c); /* attention */
}

static struct vae_plan plan_decoder(const fc_vae *v, int32_t n, int32_t h, int32_t w, bool strips)
{
    const struct vae_net *net = &v->decoder;
    struct vae_plan p = {.n = n, .h = h, .w = w};
    vae_plan_next(&p, net->mid_channels);
    plan_mid(&p, net->mid_channels);
    plan_levels(&p, net, true, strips);
    return p;
}

/* h, w: pixels */
static struct vae_plan plan_encoder(const fc_vae *v, int32_t n, int32_t h, int32_t w)
{
    const struct vae_net *net = &v->encoder;
    struct vae_plan p = {.n = n, .h = h, .w = w};
    vae_plan_next(&p, net->conv_in.cout);
    vae_plan_scratch(&p, 3);
    plan_levels(&p, net, false, false);
    plan_mid(&p, net->mid_channels);
    return p;
}

static uint64_t plan_bytes(struct vae_plan p, fc_dtype act, int64_t result)
{
    int64_t elements = p.buffer[0] + p.buffer[1] + p.scratch;
    return (uint64_t)elements * fc_dtype_size(act) + (uint64_t)result * fc_dtype_size(FC_F32) + 4096;
}

static bool in_strips(const fc_vae *v, int32_t n, bool strips)
{
    return strips && n == 1 && v->decoder.levels > 1;
}

uint64_t fc_vae_decode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w, bool strips)
{
    int64_t pixels = (int64_t)n * h * w * v->factor * v->factor;
    return plan_bytes(plan_decoder(v, n, h, w, in_strips(v, n, strips)), act, 3 * pixels);
}

uint64_t fc_vae_encode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w)
{
    int64_t latents = (int64_t)n * h * w;
    return plan_bytes(plan_encoder(v, n, h * v->factor, w * v->factor), act,
                      4 * v->latent_channels * latents);
}

/* ---- running ---- */

/* y = x or x through the 1x1 convolution, plus two convolutions of x. Without a change of width y is x; with
 * one, x is overwritten. */
static fc_tensor run_res(fc_cx *cx, const struct vae_res *r, fc_tensor x, struct vae_canvas *canvas)
{
    fc_mark m = fc_enter(cx, r->name);
    fc_tensor y = x, normed = x, h;
    if (r->has_skip) {
        y = vae_canvas_next(canvas, x.n, x.h, x.w, r->cout);
        h = fc_new(cx, x.dtype, x.n, x.h, x.w, r->cout);
        fc_linear_to(cx, y, x, &r->skip, FC_PLAIN);
    } else {
        normed = vae_canvas_beside(canvas, x, 0);
        h = vae_canvas_beside(canvas, x, 1);
    }
    fc_group_norm_to(cx, normed, x, &r->norm1, FC_ACT_SILU);
    fc_conv2d_to(cx, h, normed, &r->conv1, FC_PLAIN);
    fc_group_norm_to(cx, h, h, &r->norm2, FC_ACT_SILU);
    fc_conv2d_to(cx, y, h, &r->conv2, (fc_epi){.add = y});
    fc_probe(cx, NULL, y);
    fc_leave(cx, m);
    return y;
}

/* x += proj_out(attention(norm(x))), one head over all pixels */
static void run_attn(fc_cx *cx, const struct vae_attn *a, fc_tensor x)
{
    fc_mark m = fc_enter(cx, "attn_1");
    fc_tensor tokens = fc_tensor_tokens(x);
    fc_tensor h = fc_tensor_tokens(fc_group_norm(cx, x, &a->norm, FC_ACT_NONE));
    fc_tensor qkv = fc_linear(cx, h, &a->qkv, FC_PLAIN);
    fc_tensor q = fc_tensor_channels(qkv, 0, x.c);
    fc_tensor k = fc_tensor_channels(qkv, x.c, x.c);
    fc_tensor v = fc_tensor_channels(qkv, 2 * x.c, x.c);
    h = fc_attention(cx, q, k, v, 1, false);
    fc_linear_to(cx, tokens, h, &a->out, (fc_epi){.add = tokens});
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

static void run_mid(fc_cx *cx, const struct vae_mid *mid, fc_tensor x, struct vae_canvas *canvas)
{
    fc_mark m = fc_enter(cx, "mid");
    run_res(cx, &mid->block1, x, canvas);
    run_attn(cx, &mid->attn, x);
    run_res(cx, &mid->block2, x, canvas);
    fc_leave(cx, m);
}

static fc_tensor run_up(fc_cx *cx, const fc_conv_w *conv, fc_tensor x, struct vae_canvas *canvas)
{
    fc_mark m = fc_enter(cx, "upsample");
    fc_tensor y = vae_canvas_next(canvas, x.n, 2 * x.h, 2 * x.w, x.c);
    fc_conv2d_resized_to(cx, y, x, conv, FC_PLAIN);
    fc_leave(cx, m);
    return y;
}

static fc_tensor run_down(fc_cx *cx, const fc_conv_w *conv, fc_tensor x, struct vae_canvas *canvas)
{
    fc_mark m = fc_enter(cx, "downsample");
    fc_tensor y = vae_canvas_next(canvas, x.n, x.h / 2, x.w / 2, x.c);
    fc_conv2d_to(cx, y, x, conv, FC_PLAIN);
    fc_leave(cx, m);
    return y;
}

static fc_tensor run_levels(fc_cx *cx, const struct vae_net *net, fc_tensor x, bool up, bool strips,
                            struct vae_canvas *canvas)
{
    for (int32_t i = 0; i < net->levels - (strips ? 1 : 0); i++) {
        const struct vae_level *l = &net->level[i];
        fc_mark m = fc_enter(cx, l->name);
        for (int32_t j = 0; j < l->blocks; j++) x = run_res(cx, &l->block[j], x, canvas);
        if (resamples(net, i, strips)) x = (up ? run_up : run_down)(cx, &l->resample, x, canvas);
        fc_leave(cx, m);
    }
    return strips ? vae_strips_run(cx, net, x, canvas) : x;
}

static bool size_fits(fc_cx *cx, int32_t h, int32_t w, int32_t factor)
{
    bool fits = h > 0 && w > 0 && h <= MAX_SIDE / factor && w <= MAX_SIDE / factor;
    if (!fits) fc_cx_fail(cx, FC_LIMIT, "the VAE takes pictures of at most %d pixels a side", MAX_SIDE);
    return fits;
}

fc_tensor fc_vae_decode(fc_cx *cx, const fc_vae *v, fc_tensor z, bool strips)
{
    const struct vae_net *net = &v->decoder;
    strips = in_strips(v, z.n, strips);
    if (cx->status || !size_fits(cx, z.h, z.w, v->factor)) return (fc_tensor){0};
    fc_tensor image = fc_new(cx, FC_F32, z.n, z.h * v->factor, z.w * v->factor, 3);
    fc_mark m = fc_enter(cx, "vae.decoder");
    const struct vae_plan plan = plan_decoder(v, z.n, z.h, z.w, strips);
    struct vae_canvas canvas = vae_canvas_new(cx, &plan);
    fc_tensor x = vae_canvas_next(&canvas, z.n, z.h, z.w, net->mid_channels);
    fc_mark first = fc_enter(cx, NULL);
    fc_tensor h = fc_linear(cx, fc_convert(cx, z, cx->act), &net->quant, FC_PLAIN);
    fc_conv2d_to(cx, x, h, &net->conv_in, FC_PLAIN);
    fc_leave(cx, first);
    run_mid(cx, &net->mid, x, &canvas);
    x = run_levels(cx, net, x, true, strips, &canvas);
    fc_group_norm_to(cx, x, x, &net->norm_out, FC_ACT_SILU);
    fc_conv2d_to(cx, image, x, &net->conv_out, FC_PLAIN);
    fc_probe(cx, "out", image);
    fc_leave(cx, m);
    return image;
}

fc_tensor fc_vae_encode(fc_cx *cx, const fc_vae *v, fc_tensor image)
{
    const struct vae_net *net = &v->encoder;
    int32_t h = image.h / v->factor, w = image.w / v->factor;
    if (cx->status || !size_fits(cx, h, w, v->factor)) return (fc_tensor){0};
    fc_tensor moments = fc_new(cx, FC_F32, image.n, h, w, 2 * v->latent_channels);
    fc_mark m = fc_enter(cx, "vae.encoder");
    const struct vae_plan plan = plan_encoder(v, image.n, image.h, image.w);
    struct vae_canvas canvas = vae_canvas_new(cx, &plan);
    fc_tensor x = vae_canvas_next(&canvas, image.n, image.h, image.w, net->conv_in.cout);
    fc_mark first = fc_enter(cx, NULL);
    fc_conv2d_to(cx, x, fc_convert(cx, image, cx->act), &net->conv_in, FC_PLAIN);
    fc_leave(cx, first);
    x = run_levels(cx, net, x, false, false, &canvas);
    run_mid(cx, &net->mid, x, &canvas);
    fc_group_norm_to(cx, x, x, &net->norm_out, FC_ACT_SILU);
    fc_tensor y = fc_conv2d(cx, x, &net->conv_out, FC_PLAIN);
    fc_linear_to(cx, moments, y, &net->quant, FC_PLAIN);
    fc_probe(cx, "out", moments);
    fc_leave(cx, m);
    return moments;
}
