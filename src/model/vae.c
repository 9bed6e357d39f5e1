/* Autoencoder. Must match ldm modules.diffusionmodules.model Encoder and Decoder, and AutoencoderKL around
 * them.
 *
 * Memory: at full resolution one activation of a 1024x1024 picture takes up to a gigabyte, so tensors that
 * are passed from layer to layer lie in two buffers used in turn (struct canvas), and blocks that keep their
 * width work in place, with the other buffer for what they need beside. */
#include "model/vae.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum {
    GROUPS = 32,
    MAX_LEVELS = 8,
    MAX_BLOCKS = 8,
    MAX_CHANNELS = 4096,
    MAX_SIDE = 1 << 16, /* pixels */
    NAME_SIZE = 128
};
static const float EPS = 1e-6f;
#define ARENA_CAP ((size_t)1 << 20)

struct vae_res {
    char name[20];
    fc_norm_w norm1, norm2;
    fc_conv_w conv1, conv2;
    fc_linear_w skip; /* 1x1, only when the width changes */
    bool has_skip;
    int32_t cout;
};

struct vae_attn { /* one head as wide as the image is deep */
    fc_norm_w norm;
    fc_linear_w qkv, out;
};

struct vae_mid {
    struct vae_res block1, block2;
    struct vae_attn attn;
};

struct vae_level {
    char name[24]; /* "up.3" */
    int32_t blocks, cout;
    struct vae_res block[MAX_BLOCKS];
    fc_conv_w resample;
    bool has_resample;
};

/* One half of the autoencoder; levels in the order in which they run. */
struct vae_net {
    fc_conv_w conv_in, conv_out;
    struct vae_mid mid;
    struct vae_level level[MAX_LEVELS];
    int32_t levels, mid_channels;
    fc_norm_w norm_out;
    fc_linear_w quant; /* post_quant_conv before the decoder, quant_conv behind the encoder */
};

struct fc_vae {
    fc_arena arena;
    fc_slot *slots;
    int32_t latent_channels, factor;
    struct vae_net decoder, encoder;
};

/* ---- binding ---- */

static void bind_res(fc_binder *b, struct vae_res *r, int32_t cin, int32_t cout, const char *prefix,
                     const char *name)
{
    r->cout = cout;
    r->has_skip = cin != cout;
    snprintf(r->name, sizeof r->name, "%s", name);
    fc_bind_norm(b, &r->norm1, cin, GROUPS, EPS, "%s.%s.norm1", prefix, name);
    fc_bind_conv(b, &r->conv1, cin, cout, 3, 1, FC_BIAS, "%s.%s.conv1", prefix, name);
    fc_bind_norm(b, &r->norm2, cout, GROUPS, EPS, "%s.%s.norm2", prefix, name);
    fc_bind_conv(b, &r->conv2, cout, cout, 3, 1, FC_BIAS, "%s.%s.conv2", prefix, name);
    if (r->has_skip) fc_bind_linear(b, &r->skip, cin, cout, FC_BIAS, "%s.%s.nin_shortcut", prefix, name);
}

static void bind_mid(fc_binder *b, struct vae_mid *m, int32_t c, const char *net)
{
    static const char *const qkv[] = {"q", "k", "v", NULL};
    char prefix[NAME_SIZE], attn[NAME_SIZE];
    snprintf(prefix, sizeof prefix, "%s.mid", net);
    snprintf(attn, sizeof attn, "%s.mid.attn_1", net);
    bind_res(b, &m->block1, c, c, prefix, "block_1");
    fc_bind_norm(b, &m->attn.norm, c, GROUPS, EPS, "%s.norm", attn);
    fc_bind_linear_stack(b, &m->attn.qkv, c, c, FC_BIAS, attn, qkv);
    fc_bind_linear(b, &m->attn.out, c, c, FC_BIAS, "%s.proj_out", attn);
    bind_res(b, &m->block2, c, c, prefix, "block_2");
}

static int32_t dim(fc_weights *w, int32_t d, const char *format, ...) FC_PRINTF(3, 4);
static int32_t dim(fc_weights *w, int32_t d, const char *format, ...)
{
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    int64_t n = fc_weights_dim(w, name, d);
    return n > MAX_CHANNELS ? 0 : (int32_t)n;
}

/* Output width of block j of a level, -1 when there is none. Either of two tensors tells, so that a file that
 * lacks one is not taken for a smaller model. */
static int32_t block_width(fc_weights *w, const char *net, const char *level, int32_t j)
{
    int32_t c = dim(w, 0, "%s.%s.block.%d.conv1.weight", net, level, j);
    return c >= 0 ? c : dim(w, 0, "%s.%s.block.%d.norm2.weight", net, level, j);
}

/* Reads the widths of a half: direction is "up" or "down". False when it is not an autoencoder of this shape.
 */
static bool read_levels(struct vae_net *n, fc_weights *w, const char *net, const char *direction)
{
    for (; n->levels < MAX_LEVELS; n->levels++) {
        struct vae_level *l = &n->level[n->levels];
        snprintf(l->name, sizeof l->name, "%s.%d", direction, n->levels);
        l->cout = block_width(w, net, l->name, 0);
        if (l->cout < 0) break;
        if (l->cout == 0 || l->cout % GROUPS) return false;
        while (l->blocks < MAX_BLOCKS && block_width(w, net, l->name, l->blocks) >= 0) l->blocks++;
    }
    n->mid_channels = dim(w, 0, "%s.mid.block_1.conv1.weight", net);
    return n->levels > 0 && n->mid_channels > 0 && n->mid_channels % GROUPS == 0;
}

/* The file counts levels from the full size; the decoder runs them the other way round. */
static void reverse_levels(struct vae_net *n)
{
    for (int32_t i = 0, j = n->levels - 1; i < j; i++, j--) {
        struct vae_level t = n->level[i];
        n->level[i] = n->level[j];
        n->level[j] = t;
    }
}

/* Binds the levels in running order; cin is the width of what comes in. Returns the width of what goes out.
 */
static int32_t bind_levels(fc_binder *b, struct vae_net *n, int32_t cin, const char *net, bool up)
{
    for (int32_t i = 0; i < n->levels; i++) {
        struct vae_level *l = &n->level[i];
        char prefix[NAME_SIZE];
        snprintf(prefix, sizeof prefix, "%s.%s", net, l->name);
        for (int32_t j = 0; j < l->blocks; j++) {
            char name[20];
            snprintf(name, sizeof name, "block.%d", j);
            bind_res(b, &l->block[j], cin, l->cout, prefix, name);
            cin = l->cout;
        }
        l->has_resample = i + 1 < n->levels;
        if (!l->has_resample) continue;
        fc_bind_conv(b, &l->resample, cin, cin, 3, up ? 1 : 2, FC_BIAS, "%s.%s.conv", prefix,
                     up ? "upsample" : "downsample");
        /* the reference pads only to the right and below */
        if (!up) l->resample.geom = (fc_conv_geom){3, 3, 2, 0, 0, 1, 1, 0};
    }
    return cin;
}

static fc_status bind_decoder(fc_binder *b, fc_vae *v, const char *prefix, fc_err *err)
{
    struct vae_net *n = &v->decoder;
    char net[NAME_SIZE];
    int32_t z = v->latent_channels;
    snprintf(net, sizeof net, "%sdecoder", prefix);
    if (!read_levels(n, b->weights, net, "up"))
        return fc_fail(err, FC_FORMAT, "the VAE decoder in this file has an unknown shape; use an SDXL VAE");
    reverse_levels(n);
    fc_bind_linear(b, &n->quant, z, z, FC_BIAS, "%spost_quant_conv", prefix);
    fc_bind_conv(b, &n->conv_in, z, n->mid_channels, 3, 1, FC_BIAS, "%s.conv_in", net);
    bind_mid(b, &n->mid, n->mid_channels, net);
    int32_t c = bind_levels(b, n, n->mid_channels, net, true);
    fc_bind_norm(b, &n->norm_out, c, GROUPS, EPS, "%s.norm_out", net);
    fc_bind_conv(b, &n->conv_out, c, 3, 3, 1, FC_BIAS, "%s.conv_out", net);
    v->factor = 1 << (n->levels - 1);
    return FC_OK;
}

static fc_status bind_encoder(fc_binder *b, fc_vae *v, const char *prefix, fc_err *err)
{
    struct vae_net *n = &v->encoder;
    char net[NAME_SIZE];
    int32_t z = v->latent_channels;
    snprintf(net, sizeof net, "%sencoder", prefix);
    if (!read_levels(n, b->weights, net, "down"))
        return fc_fail(err, FC_FORMAT, "the VAE encoder in this file has an unknown shape; use an SDXL VAE");
    int32_t first = dim(b->weights, 0, "%s.conv_in.weight", net);
    if (first <= 0 || first % GROUPS)
        return fc_fail(err, FC_FORMAT, "the VAE encoder in this file has no first layer; use an SDXL VAE");
    fc_bind_conv(b, &n->conv_in, 3, first, 3, 1, FC_BIAS, "%s.conv_in", net);
    int32_t c = bind_levels(b, n, first, net, false);
    n->mid_channels = c;
    bind_mid(b, &n->mid, c, net);
    fc_bind_norm(b, &n->norm_out, c, GROUPS, EPS, "%s.norm_out", net);
    fc_bind_conv(b, &n->conv_out, c, 2 * z, 3, 1, FC_BIAS, "%s.conv_out", net);
    fc_bind_linear(b, &n->quant, 2 * z, 2 * z, FC_BIAS, "%squant_conv", prefix);
    v->factor = 1 << (n->levels - 1);
    return FC_OK;
}

static fc_status bind_parts(fc_vae *v, fc_weights *w, fc_vae_parts parts, fc_err *err)
{
    const char *prefix = fc_weights_has_prefix(w, "first_stage_model.") ? "first_stage_model." : "";
    v->latent_channels = dim(w, 1, "%spost_quant_conv.weight", prefix);
    if (v->latent_channels <= 0)
        return fc_fail(err, FC_FORMAT, "there is no VAE in this file; choose one that has it, or a VAE file");
    fc_binder b;
    fc_binder_init(&b, w, &v->arena);
    fc_status s = FC_OK;
    if (parts & FC_VAE_DECODER) s = bind_decoder(&b, v, prefix, err);
    if (!s && (parts & FC_VAE_ENCODER)) s = bind_encoder(&b, v, prefix, err);
    fc_status finished = fc_binder_finish(&b, s ? NULL : err);
    v->slots = b.slots;
    if (s || finished) return s ? s : finished;
    if (parts == FC_VAE_BOTH && v->decoder.levels != v->encoder.levels)
        return fc_fail(err, FC_FORMAT,
                       "the VAE's encoder and decoder do not belong together; use another VAE");
    return FC_OK;
}

fc_status fc_vae_open(fc_vae **out, fc_weights *w, fc_vae_parts parts, fc_err *err)
{
    *out = NULL;
    fc_vae *v = fc_calloc(1, sizeof *v);
    if (!v) return fc_fail(err, FC_NOMEM, "out of memory while opening the VAE");
    fc_arena_init(&v->arena, ARENA_CAP);
    fc_status s = bind_parts(v, w, parts, err);
    if (s) {
        fc_vae_close(v);
        return s;
    }
    *out = v;
    return FC_OK;
}

void fc_vae_close(fc_vae *v)
{
    if (!v) return;
    fc_slots_forget(v->slots);
    fc_arena_fini(&v->arena);
    fc_free(v);
}

int32_t fc_vae_latent_channels(const fc_vae *v)
{
    return v->latent_channels;
}

int32_t fc_vae_factor(const fc_vae *v)
{
    return v->factor;
}

/* ---- memory ---- */

/* Two buffers at the bottom of the stack; what passes from layer to layer lies in them in turn. */
struct canvas {
    fc_tensor buffer[2];
    int turn;
};

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

/* Walks the levels as run_levels does, but only counts. */
static void course_levels(struct course *k, const struct vae_net *net, bool up)
{
    for (int32_t i = 0; i < net->levels; i++) {
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
        if (!l->has_resample) continue;
        k->h = up ? k->h * 2 : k->h / 2;
        k->w = up ? k->w * 2 : k->w / 2;
        course_passes(k, l->cout);
    }
}

static void course_mid(struct course *k, int32_t c)
{
    course_keeps(k, c);
    course_needs(k, 5 * c); /* attention */
}

static struct course decoder_course(const fc_vae *v, int32_t n, int32_t h, int32_t w)
{
    const struct vae_net *net = &v->decoder;
    struct course k = {.n = n, .h = h, .w = w};
    course_passes(&k, net->mid_channels);
    course_mid(&k, net->mid_channels);
    course_levels(&k, net, true);
    return k;
}

/* h, w: pixels */
static struct course encoder_course(const fc_vae *v, int32_t n, int32_t h, int32_t w)
{
    const struct vae_net *net = &v->encoder;
    struct course k = {.n = n, .h = h, .w = w};
    course_passes(&k, net->conv_in.cout);
    course_needs(&k, 3);
    course_levels(&k, net, false);
    course_mid(&k, net->mid_channels);
    return k;
}

static uint64_t course_bytes(struct course k, fc_dtype act, int64_t result)
{
    int64_t elements = k.buffer[0] + k.buffer[1] + k.beside;
    return (uint64_t)elements * fc_dtype_size(act) + (uint64_t)result * fc_dtype_size(FC_F32) + 4096;
}

uint64_t fc_vae_decode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w)
{
    int64_t pixels = (int64_t)n * h * w * v->factor * v->factor;
    return course_bytes(decoder_course(v, n, h, w), act, 3 * pixels);
}

uint64_t fc_vae_encode_bytes(const fc_vae *v, fc_dtype act, int32_t n, int32_t h, int32_t w)
{
    int64_t latents = (int64_t)n * h * w;
    return course_bytes(encoder_course(v, n, h * v->factor, w * v->factor), act,
                        4 * v->latent_channels * latents);
}

/* A buffer is as large as the largest tensor that will lie in it. */
static struct canvas canvas_new(fc_cx *cx, struct course k)
{
    struct canvas c = {0};
    for (int i = 0; i < 2; i++) { /* any shape will do; channels are multiples of 32 */
        int64_t rows = k.buffer[i] / GROUPS;
        c.buffer[i] = fc_new(cx, cx->act, 1, 1, rows > 0 ? (int32_t)rows : 1, GROUPS);
    }
    return c;
}

static fc_tensor canvas_next(struct canvas *c, int32_t n, int32_t h, int32_t w, int32_t channels)
{
    fc_tensor t = c->buffer[c->turn];
    c->turn ^= 1;
    return (fc_tensor){
        .data = t.data, .dtype = t.dtype, .n = n, .h = h, .w = w, .c = channels, .ld = channels};
}

/* One of two tensors like x in the buffer that x does not lie in. */
static fc_tensor canvas_beside(const struct canvas *c, fc_tensor x, int which)
{
    size_t bytes = (size_t)fc_tensor_rows(x) * (size_t)x.c * fc_dtype_size(x.dtype);
    char *data = c->buffer[c->turn].data;
    x.data = data ? data + (size_t)which * bytes : NULL;
    return x;
}

/* ---- running ---- */

/* y = x or x through the 1x1 convolution, plus two convolutions of x. Without a change of width y is x; with
 * one, x is overwritten. */
static fc_tensor run_res(fc_cx *cx, const struct vae_res *r, fc_tensor x, struct canvas *canvas)
{
    fc_mark m = fc_enter(cx, r->name);
    fc_tensor y = x, normed = x, h;
    if (r->has_skip) {
        y = canvas_next(canvas, x.n, x.h, x.w, r->cout);
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

static void run_mid(fc_cx *cx, const struct vae_mid *mid, fc_tensor x, struct canvas *canvas)
{
    fc_mark m = fc_enter(cx, "mid");
    run_res(cx, &mid->block1, x, canvas);
    run_attn(cx, &mid->attn, x);
    run_res(cx, &mid->block2, x, canvas);
    fc_leave(cx, m);
}

static fc_tensor run_up(fc_cx *cx, const fc_conv_w *conv, fc_tensor x, struct canvas *canvas)
{
    fc_mark m = fc_enter(cx, "upsample");
    fc_tensor y = canvas_next(canvas, x.n, 2 * x.h, 2 * x.w, x.c);
    fc_conv2d_resized_to(cx, y, x, conv, FC_PLAIN);
    fc_leave(cx, m);
    return y;
}

static fc_tensor run_down(fc_cx *cx, const fc_conv_w *conv, fc_tensor x, struct canvas *canvas)
{
    fc_mark m = fc_enter(cx, "downsample");
    fc_tensor y = canvas_next(canvas, x.n, x.h / 2, x.w / 2, x.c);
    fc_conv2d_to(cx, y, x, conv, FC_PLAIN);
    fc_leave(cx, m);
    return y;
}

static fc_tensor run_levels(fc_cx *cx, const struct vae_net *net, fc_tensor x, bool up, struct canvas *canvas)
{
    for (int32_t i = 0; i < net->levels; i++) {
        const struct vae_level *l = &net->level[i];
        fc_mark m = fc_enter(cx, l->name);
        for (int32_t j = 0; j < l->blocks; j++) x = run_res(cx, &l->block[j], x, canvas);
        if (l->has_resample) x = (up ? run_up : run_down)(cx, &l->resample, x, canvas);
        fc_leave(cx, m);
    }
    return x;
}

static bool size_fits(fc_cx *cx, int32_t h, int32_t w, int32_t factor)
{
    bool fits = h > 0 && w > 0 && h <= MAX_SIDE / factor && w <= MAX_SIDE / factor;
    if (!fits) fc_cx_fail(cx, FC_LIMIT, "the VAE takes pictures of at most %d pixels a side", MAX_SIDE);
    return fits;
}

fc_tensor fc_vae_decode(fc_cx *cx, const fc_vae *v, fc_tensor z)
{
    const struct vae_net *net = &v->decoder;
    if (cx->status || !size_fits(cx, z.h, z.w, v->factor)) return (fc_tensor){0};
    fc_tensor image = fc_new(cx, FC_F32, z.n, z.h * v->factor, z.w * v->factor, 3);
    fc_mark m = fc_enter(cx, "vae.decoder");
    struct canvas canvas = canvas_new(cx, decoder_course(v, z.n, z.h, z.w));
    fc_tensor x = canvas_next(&canvas, z.n, z.h, z.w, net->mid_channels);
    fc_mark first = fc_enter(cx, NULL);
    fc_tensor h = fc_linear(cx, fc_convert(cx, z, cx->act), &net->quant, FC_PLAIN);
    fc_conv2d_to(cx, x, h, &net->conv_in, FC_PLAIN);
    fc_leave(cx, first);
    run_mid(cx, &net->mid, x, &canvas);
    x = run_levels(cx, net, x, true, &canvas);
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
    struct canvas canvas = canvas_new(cx, encoder_course(v, image.n, image.h, image.w));
    fc_tensor x = canvas_next(&canvas, image.n, image.h, image.w, net->conv_in.cout);
    fc_mark first = fc_enter(cx, NULL);
    fc_conv2d_to(cx, x, fc_convert(cx, image, cx->act), &net->conv_in, FC_PLAIN);
    fc_leave(cx, first);
    x = run_levels(cx, net, x, false, &canvas);
    run_mid(cx, &net->mid, x, &canvas);
    fc_group_norm_to(cx, x, x, &net->norm_out, FC_ACT_SILU);
    fc_tensor y = fc_conv2d(cx, x, &net->conv_out, FC_PLAIN);
    fc_linear_to(cx, moments, y, &net->quant, FC_PLAIN);
    fc_probe(cx, "out", moments);
    fc_leave(cx, m);
    return moments;
}

/* ---- host side ---- */

void fc_vae_sample(const float *moments, const float *noise, float *z, size_t count, int32_t channels)
{
    size_t c = (size_t)channels;
    for (size_t i = 0; i < count; i++) {
        const float *mean = moments + i * 2 * c, *logvar = mean + c;
        for (size_t k = 0; k < c; k++) {
            float l = fminf(fmaxf(logvar[k], -30.0f), 20.0f);
            z[i * c + k] = noise ? mean[k] + expf(0.5f * l) * noise[i * c + k] : mean[k];
        }
    }
}

void fc_vae_to_u8(const float *image, uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float v = 255.0f * fc_vae_unit(image[i]);
        out[i] = v >= 0.0f ? (uint8_t)v : 0; /* NaN: black */
    }
}
