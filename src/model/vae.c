/* Autoencoder: binding, and what is computed on the host. Must match ldm modules.diffusionmodules.model
 * Encoder and Decoder, and AutoencoderKL around them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "model/vae_impl.h"

enum { MAX_CHANNELS = 4096, NAME_SIZE = 128 };
static const float EPS = 1e-6f;
#define ARENA_CAP ((size_t)1 << 20)

/* ---- binding ---- */

static void bind_res(fc_binder *b, struct vae_res *r, int32_t cin, int32_t cout, const char *prefix,
                     const char *name)
{
    r->cout = cout;
    r->has_skip = cin != cout;
    snprintf(r->name, sizeof r->name, "%s", name);
    fc_bind_norm(b, &r->norm1, cin, VAE_GROUPS, EPS, "%s.%s.norm1", prefix, name);
    fc_bind_conv(b, &r->conv1, cin, cout, 3, 1, FC_BIAS, "%s.%s.conv1", prefix, name);
    fc_bind_norm(b, &r->norm2, cout, VAE_GROUPS, EPS, "%s.%s.norm2", prefix, name);
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
    fc_bind_norm(b, &m->attn.norm, c, VAE_GROUPS, EPS, "%s.norm", attn);
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
    for (; n->levels < VAE_MAX_LEVELS; n->levels++) {
        struct vae_level *l = &n->level[n->levels];
        snprintf(l->name, sizeof l->name, "%s.%d", direction, n->levels);
        l->cout = block_width(w, net, l->name, 0);
        if (l->cout < 0) break;
        if (l->cout == 0 || l->cout % VAE_GROUPS) return false;
        while (l->blocks < VAE_MAX_BLOCKS && block_width(w, net, l->name, l->blocks) >= 0) l->blocks++;
    }
    n->mid_channels = dim(w, 0, "%s.mid.block_1.conv1.weight", net);
    return n->levels > 0 && n->mid_channels > 0 && n->mid_channels % VAE_GROUPS == 0;
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
    fc_bind_norm(b, &n->norm_out, c, VAE_GROUPS, EPS, "%s.norm_out", net);
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
    if (first <= 0 || first % VAE_GROUPS)
        return fc_fail(err, FC_FORMAT, "the VAE encoder in this file has no first layer; use an SDXL VAE");
    fc_bind_conv(b, &n->conv_in, 3, first, 3, 1, FC_BIAS, "%s.conv_in", net);
    int32_t c = bind_levels(b, n, first, net, false);
    n->mid_channels = c;
    bind_mid(b, &n->mid, c, net);
    fc_bind_norm(b, &n->norm_out, c, VAE_GROUPS, EPS, "%s.norm_out", net);
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
    fc_status status = FC_OK;
    if (parts & FC_VAE_DECODER) status = bind_decoder(&b, v, prefix, err);
    if (status) goto out;
    if (parts & FC_VAE_ENCODER) status = bind_encoder(&b, v, prefix, err);
out:;
    fc_status finished = fc_binder_finish(&b, status ? NULL : err);
    v->slots = b.slots;
    if (status || finished) return status ? status : finished;
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
    fc_status status = bind_parts(v, w, parts, err);
    if (status) {
        fc_vae_close(v);
        return status;
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
