/* Autoencoder: running it.
 *
 * Memory: at full resolution one activation of a 1024x1024 picture takes half a gigabyte, so tensors that are
 * passed from layer to layer lie in two buffers used in turn (struct vae_canvas), and blocks that keep their
 * width work in place, with the other buffer for what they need beside. */
#include "model/vae_impl.h"

enum { MAX_SIDE = 1 << 16 }; /* pixels */

/* ---- memory ---- */

/* Elements an image of the net's course takes at most, in each of the two buffers, and beside them. */
struct course {
    int32_t n, h, w; /* the size now */
    int turn;
    int64_t buffer[2], beside;
};

static void note(int64_t *most, int64_t amount)
{
    if (amount > *most) *most = amount;
}

static void course_passes(struct course *k, int32_t c)
{
    note(&k->buffer[k->turn], (int64_t)k->n * k->h * k->w * c);
    k->turn ^= 1;
}

/* A block that keeps its width puts two tensors into the buffer whose turn it is not. */
static void course_keeps(struct course *k, int32_t c)
{
    note(&k->buffer[k->turn], 2 * (int64_t)k->n * k->h * k->w * c);
}

static void course_needs(struct course *k, int64_t channels)
{
    note(&k->beside, (int64_t)k->n * k->h * k->w * channels);
}

/* Whether level i is resampled behind its blocks: what leads to a level in strips belongs to that level. */
static bool resamples(const struct vae_net *net, int32_t i, bool strips)
{
    return net->level[i].has_resample && !(strips && i == net->levels - 2);
}

/* Walks the levels as run_levels does, but only counts. */
static void course_levels(struct course *k, const struct vae_net *net, bool up, bool strips)
{
    for (int32_t i = 0; i < net->levels - (strips ? 1 : 0); i++) {
        const struct vae_level *l = &net->level[i];
        for (int32_t j = 0; j < l->blocks; j++) {
            const struct vae_res *r = &l->block[j];
            if (!r->has_skip) {
                course_keeps(k, r->cout);
                continue;
            }
            course_passes(k, r->cout);
            course_needs(k, r->cout);
        }
        if (!resamples(net, i, strips)) continue;
        k->h = up ? k->h * 2 : k->h / 2;
        k->w = up ? k->w * 2 : k->w / 2;
        course_passes(k, l->cout);
    }
    if (!strips) return;
    k->h *= 2;
    k->w *= 2;
    course_passes(k, net->level[net->levels - 1].cout);
    note(&k->beside, vae_strips_elements(net, k->w));
}

static void course_mid(struct course *k, int32_t c)
{
    course_keeps(k, c);
    course_needs(k, 5 * c); /* attention */
}

static struct course decoder_course(const fc_vae *v, int32_t n, int32_t h, int32_t w, bool strips)
{
    const struct vae_net *net = &v->decoder;
    struct course k = {.n = n, .h = h, .w = w};
    course_passes(&k, net->mid_channels);
    course_mid(&k, net->mid_channels);
    course_levels(&k, net, true, strips);
    return k;
}

/* h, w: pixels */
static struct course encoder_course(const fc_vae *v, int32_t n, int32_t h, int32_t w)
{
    const struct vae_net *net = &v->encoder;
    struct course k = {.n = n, .h = h, .w = w};
    course_passes(&k, net->conv_in.cout);
    course_needs(&k, 3);
    course_levels(&k, net, false, false);
    course_mid(&k, net->mid_channels);
    return k;
}

static uint64_t course_bytes(struct course k, fc_dtype act, int64_t result)
{
    int64_t elements = k.buffer[0] + k.buffer[1] + k.beside;
    return (uint64_t)elements * fc_dtype_size(act) + (uint64_t)result * fc_dtype_size(FC_F32) + 4096;
}

static bool in_strips(const fc_vae *v, int32_t n, bool strips)
{
    return strips && n == 1 && v->decoder.levels > 1;
}

uint64_t fc_vae_decode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w, bool strips)
{
    int64_t pixels = (int64_t)n * h * w * v->factor * v->factor;
    return course_bytes(decoder_course(v, n, h, w, in_strips(v, n, strips)), act, 3 * pixels);
}

uint64_t fc_vae_encode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w)
{
    int64_t latents = (int64_t)n * h * w;
    return course_bytes(encoder_course(v, n, h * v->factor, w * v->factor), act,
                        4 * v->latent_channels * latents);
}

/* A buffer is as large as the largest tensor that will lie in it. */
static struct vae_canvas canvas_new(fc_cx *cx, struct course k)
{
    struct vae_canvas c = {0};
    for (int i = 0; i < 2; i++) { /* any shape will do; channels are multiples of 32 */
        int64_t rows = k.buffer[i] / VAE_GROUPS;
        c.buffer[i] = fc_new(cx, cx->act, 1, 1, rows > 0 ? (int32_t)rows : 1, VAE_GROUPS);
    }
    return c;
}

fc_tensor vae_canvas_next(struct vae_canvas *c, int32_t n, int32_t h, int32_t w, int32_t channels)
{
    fc_tensor t = c->buffer[c->turn];
    c->turn ^= 1;
    return (fc_tensor){
        .data = t.data, .dtype = t.dtype, .n = n, .h = h, .w = w, .c = channels, .ld = channels};
}

/* One of two tensors like x in the buffer that x does not lie in. */
static fc_tensor canvas_beside(const struct vae_canvas *c, fc_tensor x, int which)
{
    size_t bytes = (size_t)fc_tensor_rows(x) * (size_t)x.c * fc_dtype_size(x.dtype);
    char *data = c->buffer[c->turn].data;
    x.data = data ? data + (size_t)which * bytes : NULL;
    return x;
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
        normed = canvas_beside(canvas, x, 0);
        h = canvas_beside(canvas, x, 1);
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
    struct vae_canvas canvas = canvas_new(cx, decoder_course(v, z.n, z.h, z.w, strips));
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
    struct vae_canvas canvas = canvas_new(cx, encoder_course(v, image.n, image.h, image.w));
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
