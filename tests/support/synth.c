/* Tables of tensors for the synthetic checkpoints. Order and numbers must stay as they are: the files are
 * compared bit for bit with those the golden data were made from. */
#include "support/synth_impl.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "format/safetensors.h"

enum { CHUNK = 16384, VOCABULARY = 49408, CONTEXT = 77, MAX_LEVELS = 4 };

/* ---- the list ---- */

void fc_synth_init(fc_synth *s)
{
    *s = (fc_synth){0};
    fc_arena_init(&s->arena, (size_t)64 << 20);
}

void fc_synth_fini(fc_synth *s)
{
    fc_free(s->tensors);
    fc_arena_fini(&s->arena);
    *s = (fc_synth){0};
}

void fc_synth_add(fc_synth *s, const char *name, int32_t ndim, const int64_t *shape, double offset,
                  double scale)
{
    if (s->status != FC_OK) return;
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        fc_synth_tensor *tensors = fc_realloc(s->tensors, cap * sizeof *tensors);
        if (!tensors) {
            s->status = FC_NOMEM;
            return;
        }
        s->tensors = tensors;
        s->cap = cap;
    }
    fc_synth_tensor t = {
        .name = fc_arena_strdup(&s->arena, name), .ndim = ndim, .offset = offset, .scale = scale};
    if (ndim > 0) memcpy(t.shape, shape, (size_t)ndim * sizeof *shape);
    s->status = s->arena.status;
    if (s->status == FC_OK) s->tensors[s->count++] = t;
}

synth_text synth_name(const char *format, ...)
{
    synth_text n;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(n.text, sizeof n.text, format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < sizeof n.text); /* all names come from the tables below */
    (void)len;
    return n;
}

/* ---- layers. Weights get a standard deviation of 1 / sqrt(fan_in): sqrt(12) is that of u ---- */

static void add_part(fc_synth *s, const char *layer, const char *part, int32_t ndim, const int64_t *shape,
                     double offset, double scale)
{
    fc_synth_add(s, synth_name("%s.%s", layer, part).text, ndim, shape, offset, scale);
}

static void add_bias(fc_synth *s, const char *layer, int64_t n, double offset)
{
    add_part(s, layer, "bias", 1, &n, offset, 0.1);
}

void synth_matrix(fc_synth *s, const char *name, int64_t out, int64_t in)
{
    fc_synth_add(s, name, 2, (int64_t[]){out, in}, 0.0, sqrt(12.0) / sqrt((double)in));
}

void synth_linear(fc_synth *s, const char *layer, int64_t out, int64_t in)
{
    synth_matrix(s, synth_name("%s.weight", layer).text, out, in);
    add_bias(s, layer, out, 0.0);
}

static void add_conv_weight(fc_synth *s, const char *layer, int64_t out, int64_t in, int64_t k, double gain)
{
    add_part(s, layer, "weight", 4, (int64_t[]){out, in, k, k}, 0.0,
             sqrt(12.0) * gain / sqrt((double)(in * k * k)));
}

void synth_conv(fc_synth *s, const char *layer, int64_t out, int64_t in, int64_t k)
{
    add_conv_weight(s, layer, out, in, k, 1.0);
    add_bias(s, layer, out, 0.0);
}

void synth_norm(fc_synth *s, const char *layer, int64_t channels)
{
    add_part(s, layer, "weight", 1, &channels, 1.0, 0.2);
    add_bias(s, layer, channels, 0.0);
}

void synth_embedding(fc_synth *s, const char *name, int64_t rows, int64_t width)
{
    fc_synth_add(s, name, 2, (int64_t[]){rows, width}, 0.0, sqrt(12.0) * 0.2);
}

/* ---- UNet ---- */

typedef struct unet_config {
    int64_t channels, context, adm;
    int levels, mid_depth;
    int mult[MAX_LEVELS], depth[MAX_LEVELS]; /* depth: transformer blocks per level, 0 = none */
} unet_config;

enum { RES_BLOCKS = 2, LATENT_CHANNELS = 4 };

static void add_unet_res(fc_synth *s, const char *n, int64_t in, int64_t out, int64_t time_width)
{
    synth_norm(s, synth_name("%s.in_layers.0", n).text, in);
    synth_conv(s, synth_name("%s.in_layers.2", n).text, out, in, 3);
    synth_linear(s, synth_name("%s.emb_layers.1", n).text, out, time_width);
    synth_norm(s, synth_name("%s.out_layers.0", n).text, out);
    synth_conv(s, synth_name("%s.out_layers.3", n).text, out, out, 3);
    if (in != out) synth_conv(s, synth_name("%s.skip_connection", n).text, out, in, 1);
}

static void add_unet_attention(fc_synth *s, const char *n, int64_t width, int64_t key_width)
{
    synth_matrix(s, synth_name("%s.to_q.weight", n).text, width, width);
    synth_matrix(s, synth_name("%s.to_k.weight", n).text, width, key_width);
    synth_matrix(s, synth_name("%s.to_v.weight", n).text, width, key_width);
    synth_linear(s, synth_name("%s.to_out.0", n).text, width, width);
}

static void add_unet_transformer(fc_synth *s, const char *n, int64_t width, int depth, int64_t context)
{
    synth_norm(s, synth_name("%s.norm", n).text, width);
    synth_linear(s, synth_name("%s.proj_in", n).text, width, width);
    for (int i = 0; i < depth; i++) {
        synth_text block = synth_name("%s.transformer_blocks.%d", n, i);
        const char *b = block.text;
        add_unet_attention(s, synth_name("%s.attn1", b).text, width, width);
        add_unet_attention(s, synth_name("%s.attn2", b).text, width, context);
        synth_linear(s, synth_name("%s.ff.net.0.proj", b).text, width * 8, width);
        synth_linear(s, synth_name("%s.ff.net.2", b).text, width, width * 4);
        for (int k = 1; k <= 3; k++) synth_norm(s, synth_name("%s.norm%d", b, k).text, width);
    }
    synth_linear(s, synth_name("%s.proj_out", n).text, width, width);
}

/* Down and middle part. skips[] gets the channels of every block's output, in order. -> their number */
static int add_unet_down(fc_synth *s, const char *p, const unet_config *c, int64_t *skips)
{
    int64_t ch = c->channels;
    int n = 0;
    skips[n++] = ch;
    synth_conv(s, synth_name("%sinput_blocks.0.0", p).text, ch, LATENT_CHANNELS, 3);
    for (int level = 0; level < c->levels; level++) {
        int64_t out = c->mult[level] * c->channels;
        for (int k = 0; k < RES_BLOCKS; k++, ch = out) {
            add_unet_res(s, synth_name("%sinput_blocks.%d.0", p, n).text, ch, out, 4 * c->channels);
            if (c->depth[level])
                add_unet_transformer(s, synth_name("%sinput_blocks.%d.1", p, n).text, out, c->depth[level],
                                     c->context);
            skips[n++] = out;
        }
        if (level == c->levels - 1) break;
        synth_conv(s, synth_name("%sinput_blocks.%d.0.op", p, n).text, ch, ch, 3);
        skips[n++] = ch;
    }
    add_unet_res(s, synth_name("%smiddle_block.0", p).text, ch, ch, 4 * c->channels);
    add_unet_transformer(s, synth_name("%smiddle_block.1", p).text, ch, c->mid_depth, c->context);
    add_unet_res(s, synth_name("%smiddle_block.2", p).text, ch, ch, 4 * c->channels);
    return n;
}

static void add_unet(fc_synth *s, const char *p, const unet_config *c)
{
    int64_t time_width = 4 * c->channels, skips[1 + MAX_LEVELS * (RES_BLOCKS + 1)];
    synth_linear(s, synth_name("%stime_embed.0", p).text, time_width, c->channels);
    synth_linear(s, synth_name("%stime_embed.2", p).text, time_width, time_width);
    synth_linear(s, synth_name("%slabel_emb.0.0", p).text, time_width, c->adm);
    synth_linear(s, synth_name("%slabel_emb.0.2", p).text, time_width, time_width);
    int left = add_unet_down(s, p, c, skips), i = 0;
    int64_t ch = skips[left - 1];
    for (int level = c->levels - 1; level >= 0; level--) {
        int64_t out = c->mult[level] * c->channels;
        for (int j = 0; j <= RES_BLOCKS; j++, i++, ch = out) {
            int k = 1;
            add_unet_res(s, synth_name("%soutput_blocks.%d.0", p, i).text, ch + skips[--left], out,
                         time_width);
            if (c->depth[level])
                add_unet_transformer(s, synth_name("%soutput_blocks.%d.%d", p, i, k++).text, out,
                                     c->depth[level], c->context);
            if (level && j == RES_BLOCKS)
                synth_conv(s, synth_name("%soutput_blocks.%d.%d.conv", p, i, k).text, out, out, 3);
        }
    }
    synth_norm(s, synth_name("%sout.0", p).text, ch);
    synth_conv(s, synth_name("%sout.2", p).text, LATENT_CHANNELS, ch, 3);
}

void synth_tiny_unet(fc_synth *s, const char *prefix)
{
    add_unet(s, prefix, &(unet_config){64, 128, 64 + 1536, 3, 3, {1, 2, 4}, {0, 2, 3}});
}

/* ---- text encoders ---- */

static void add_clip_hf(fc_synth *s, const char *p, int64_t width, int layers)
{
    static const char *const attention[] = {"k_proj", "v_proj", "q_proj", "out_proj"};
    synth_embedding(s, synth_name("%sembeddings.token_embedding.weight", p).text, VOCABULARY, width);
    synth_embedding(s, synth_name("%sembeddings.position_embedding.weight", p).text, CONTEXT, width);
    for (int i = 0; i < layers; i++) {
        synth_text block = synth_name("%sencoder.layers.%d", p, i);
        const char *b = block.text;
        for (int k = 0; k < 4; k++)
            synth_linear(s, synth_name("%s.self_attn.%s", b, attention[k]).text, width, width);
        synth_norm(s, synth_name("%s.layer_norm1", b).text, width);
        synth_linear(s, synth_name("%s.mlp.fc1", b).text, 4 * width, width);
        synth_linear(s, synth_name("%s.mlp.fc2", b).text, width, 4 * width);
        synth_norm(s, synth_name("%s.layer_norm2", b).text, width);
    }
    synth_norm(s, synth_name("%sfinal_layer_norm", p).text, width);
}

static void add_clip_open(fc_synth *s, const char *p, int64_t width, int layers)
{
    synth_embedding(s, synth_name("%spositional_embedding", p).text, CONTEXT, width);
    synth_embedding(s, synth_name("%stoken_embedding.weight", p).text, VOCABULARY, width);
    for (int i = 0; i < layers; i++) {
        synth_text block = synth_name("%stransformer.resblocks.%d", p, i);
        const char *b = block.text;
        int64_t fused = 3 * width;
        synth_norm(s, synth_name("%s.ln_1", b).text, width);
        synth_matrix(s, synth_name("%s.attn.in_proj_weight", b).text, fused, width);
        fc_synth_add(s, synth_name("%s.attn.in_proj_bias", b).text, 1, &fused, 0.0, 0.1);
        synth_linear(s, synth_name("%s.attn.out_proj", b).text, width, width);
        synth_norm(s, synth_name("%s.ln_2", b).text, width);
        synth_linear(s, synth_name("%s.mlp.c_fc", b).text, 4 * width, width);
        synth_linear(s, synth_name("%s.mlp.c_proj", b).text, width, 4 * width);
    }
    synth_norm(s, synth_name("%sln_final", p).text, width);
    synth_matrix(s, synth_name("%stext_projection", p).text, width, width);
    fc_synth_add(s, synth_name("%slogit_scale", p).text, 0, NULL, 4.6052, 0.0);
}

/* ---- VAE: levels 1, 2, 4, 4 ---- */

static const int vae_mult[4] = {1, 2, 4, 4};

static void add_vae_res(fc_synth *s, const char *n, int64_t in, int64_t out)
{
    synth_norm(s, synth_name("%s.norm1", n).text, in);
    synth_conv(s, synth_name("%s.conv1", n).text, out, in, 3);
    synth_norm(s, synth_name("%s.norm2", n).text, out);
    synth_conv(s, synth_name("%s.conv2", n).text, out, out, 3);
    if (in != out) synth_conv(s, synth_name("%s.nin_shortcut", n).text, out, in, 1);
}

static void add_vae_mid(fc_synth *s, const char *n, int64_t ch)
{
    static const char *const parts[] = {"q", "k", "v", "proj_out"};
    add_vae_res(s, synth_name("%s.block_1", n).text, ch, ch);
    synth_norm(s, synth_name("%s.attn_1.norm", n).text, ch);
    for (int i = 0; i < 4; i++) synth_conv(s, synth_name("%s.attn_1.%s", n, parts[i]).text, ch, ch, 1);
    add_vae_res(s, synth_name("%s.block_2", n).text, ch, ch);
}

static void add_vae_encoder(fc_synth *s, const char *p, int64_t channels)
{
    int64_t ch = channels;
    synth_conv(s, synth_name("%sencoder.conv_in", p).text, ch, 3, 3);
    for (int level = 0; level < 4; level++) {
        for (int j = 0; j < 2; j++, ch = channels * vae_mult[level])
            add_vae_res(s, synth_name("%sencoder.down.%d.block.%d", p, level, j).text, ch,
                        channels * vae_mult[level]);
        if (level < 3)
            synth_conv(s, synth_name("%sencoder.down.%d.downsample.conv", p, level).text, ch, ch, 3);
    }
    add_vae_mid(s, synth_name("%sencoder.mid", p).text, ch);
    synth_norm(s, synth_name("%sencoder.norm_out", p).text, ch);
    synth_conv(s, synth_name("%sencoder.conv_out", p).text, 2 * LATENT_CHANNELS, ch, 3);
    synth_conv(s, synth_name("%squant_conv", p).text, 2 * LATENT_CHANNELS, 2 * LATENT_CHANNELS, 1);
}

static void add_vae_decoder(fc_synth *s, const char *p, int64_t channels)
{
    int64_t ch = channels * vae_mult[3];
    synth_conv(s, synth_name("%spost_quant_conv", p).text, LATENT_CHANNELS, LATENT_CHANNELS, 1);
    synth_conv(s, synth_name("%sdecoder.conv_in", p).text, ch, LATENT_CHANNELS, 3);
    add_vae_mid(s, synth_name("%sdecoder.mid", p).text, ch);
    for (int level = 3; level >= 0; level--) {
        for (int j = 0; j < 3; j++, ch = channels * vae_mult[level])
            add_vae_res(s, synth_name("%sdecoder.up.%d.block.%d", p, level, j).text, ch,
                        channels * vae_mult[level]);
        if (level) synth_conv(s, synth_name("%sdecoder.up.%d.upsample.conv", p, level).text, ch, ch, 3);
    }
    synth_norm(s, synth_name("%sdecoder.norm_out", p).text, ch);
    synth_conv(s, synth_name("%sdecoder.conv_out", p).text, 3, ch, 3);
}

/* ---- kinds ---- */

static const char UNET[] = "model.diffusion_model.", VAE[] = "first_stage_model.";
static const char TEXT_0[] = "conditioner.embedders.0.", TEXT_1[] = "conditioner.embedders.1.";

static void build_base(fc_synth *s, bool tiny)
{
    const unet_config full = {320, 2048, 2816, 3, 10, {1, 2, 4}, {0, 2, 10}};
    add_clip_hf(s, synth_name("%stransformer.text_model.", TEXT_0).text, tiny ? 64 : 768, tiny ? 2 : 12);
    add_clip_open(s, synth_name("%smodel.", TEXT_1).text, tiny ? 64 : 1280, tiny ? 3 : 32);
    add_vae_encoder(s, VAE, tiny ? 32 : 128);
    add_vae_decoder(s, VAE, tiny ? 32 : 128);
    if (tiny)
        synth_tiny_unet(s, UNET);
    else
        add_unet(s, UNET, &full);
}

static void build_refiner(fc_synth *s, bool tiny)
{
    const unet_config full = {384, 1280, 2560, 4, 4, {1, 2, 4, 4}, {0, 4, 4, 0}};
    const unet_config toy = {64, 64, 64 + 1280, 4, 2, {1, 2, 4, 4}, {0, 2, 2, 0}};
    add_clip_open(s, synth_name("%smodel.", TEXT_0).text, tiny ? 64 : 1280, tiny ? 3 : 32);
    add_vae_encoder(s, VAE, tiny ? 32 : 128);
    add_vae_decoder(s, VAE, tiny ? 32 : 128);
    add_unet(s, UNET, tiny ? &toy : &full);
}

/* The small preview decoder; "taesd." + the layer names of the usual decoder file. */
static void build_taesd_decoder(fc_synth *s)
{
    static const int blocks[] = {3, 4, 5, 8, 9, 10, 13, 14, 15, 18}, upsamplers[] = {7, 12, 17};
    synth_conv(s, "taesd.1", 64, 4, 3);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        for (int k = 0; k <= 4; k += 2)
            synth_conv(s, synth_name("taesd.%d.conv.%d", blocks[i], k).text, 64, 64, 3);
    for (size_t i = 0; i < sizeof upsamplers / sizeof *upsamplers; i++)
        add_conv_weight(s, synth_name("taesd.%d", upsamplers[i]).text, 64, 64, 3, 1.0);
    add_conv_weight(s, "taesd.19", 3, 64, 3, 0.2);
    add_bias(s, "taesd.19", 3, 0.5);
}

/* ESRGAN in its older spelling, growth 32; shaped so that pictures in 0..1 come out mostly in 0..1. */
static void add_gain_conv(fc_synth *s, const char *layer, int64_t out, int64_t in, double gain, double offset)
{
    add_conv_weight(s, layer, out, in, 3, gain);
    add_bias(s, layer, out, offset);
}

static void build_esrgan(fc_synth *s, int64_t width, int blocks, int ups)
{
    add_gain_conv(s, "model.0", width, 3, 1.0, 0.0);
    for (int b = 0; b < blocks; b++)
        for (int d = 1; d <= 3; d++)
            for (int c = 0; c < 5; c++)
                add_gain_conv(s, synth_name("model.1.sub.%d.RDB%d.conv%d.0", b, d, c + 1).text,
                              c < 4 ? 32 : width, width + 32 * c, 0.6, 0.0);
    add_gain_conv(s, synth_name("model.1.sub.%d", blocks).text, width, width, pow(1.2, -blocks), 0.0);
    for (int u = 1; u <= ups; u++)
        add_gain_conv(s, synth_name("model.%d", 3 * u).text, width, width, 1.3, 0.0);
    add_gain_conv(s, synth_name("model.%d", 3 * ups + 2).text, width, width, 1.3, 0.0);
    add_gain_conv(s, synth_name("model.%d", 3 * ups + 4).text, 3, width, 0.35, 0.5);
}

/* ---- the inpainting engine ---- */

static void seed_last(fc_synth *s, const char *seed)
{
    if (s->status != FC_OK) return;
    fc_synth_tensor *t = &s->tensors[s->count - 1];
    t->seed = fc_arena_strdup(&s->arena, seed);
    s->status = s->arena.status;
}

static void build_inpaint_head(fc_synth *s)
{
    fc_synth_add(s, "head", 4, (int64_t[]){64, 5, 3, 3}, 0.0, sqrt(12.0) / sqrt(45.0));
    seed_last(s, "inpaint.head");
}

/* Values of one weight and their limits: one number, one in a list, one per row, in turn. */
static void add_difference(fc_synth *s, const fc_synth_tensor *w, size_t number)
{
    const double r = 0.3 * w->scale;
    const char *n = w->name;
    int64_t shape[4] = {number % 3 == 2 ? w->shape[0] : 1, 1, 1, 1};
    int32_t ndim = number % 3 == 0 ? 0 : number % 3 == 1 ? 1 : w->ndim;
    fc_synth_add(s, synth_name("diffusion_model.%s.0", n).text, w->ndim, w->shape, 0, 0);
    seed_last(s, synth_name("patch.diffusion_model.%s", n).text);
    if (s->status == FC_OK) s->tensors[s->count - 1].bytes = true;
    fc_synth_add(s, synth_name("diffusion_model.%s.1", n).text, ndim, shape, -r, 0.4 * r);
    seed_last(s, synth_name("patch.min.diffusion_model.%s", n).text);
    fc_synth_add(s, synth_name("diffusion_model.%s.2", n).text, ndim, shape, r, 0.4 * r);
    seed_last(s, synth_name("patch.max.diffusion_model.%s", n).text);
}

static void build_inpaint_tiny(fc_synth *s)
{
    fc_synth unet;
    fc_synth_init(&unet);
    synth_tiny_unet(&unet, "");
    for (size_t i = 0; i < unet.count; i++) add_difference(s, &unet.tensors[i], i);
    if (s->status == FC_OK) s->status = unet.status;
    fc_synth_fini(&unet);
}

const char *const fc_synth_kinds[] = {"base",
                                      "refiner",
                                      "tiny_base",
                                      "tiny_refiner",
                                      "taesd_decoder",
                                      "esrgan_small4",
                                      "esrgan_small2",
                                      "esrgan_full",
                                      "inpaint_head",
                                      "inpaint_tiny",
                                      "control_canny",
                                      "control_cpds",
                                      "clip_vision_tiny",
                                      "clip_vision",
                                      "ip_adapter_tiny",
                                      "ip_face_tiny",
                                      "ip_negative_tiny",
                                      "gpt2_tiny",
                                      "marian_tiny",
                                      "blip_tiny",
                                      "blip_tiny_hf",
                                      NULL};

fc_status fc_synth_build(fc_synth *s, const char *kind, fc_err *err)
{
    fc_synth_init(s);
    if (strcmp(kind, "base") == 0)
        build_base(s, false);
    else if (strcmp(kind, "refiner") == 0)
        build_refiner(s, false);
    else if (strcmp(kind, "tiny_base") == 0)
        build_base(s, true);
    else if (strcmp(kind, "tiny_refiner") == 0)
        build_refiner(s, true);
    else if (strcmp(kind, "taesd_decoder") == 0)
        build_taesd_decoder(s);
    else if (strcmp(kind, "esrgan_small4") == 0)
        build_esrgan(s, 64, 2, 2);
    else if (strcmp(kind, "esrgan_small2") == 0)
        build_esrgan(s, 32, 2, 1);
    else if (strcmp(kind, "esrgan_full") == 0)
        build_esrgan(s, 64, 23, 2);
    else if (strcmp(kind, "inpaint_head") == 0)
        build_inpaint_head(s);
    else if (strcmp(kind, "inpaint_tiny") == 0)
        build_inpaint_tiny(s);
    else if (!synth_build_guide(s, kind) && !synth_build_words(s, kind))
        return fc_fail(err, FC_ARG, "there is no synthetic checkpoint of the kind \"%s\"", kind);
    if (s->status == FC_OK) return FC_OK;
    fc_synth_fini(s);
    return fc_fail(err, FC_NOMEM, "out of memory while listing tensors");
}

/* ---- values and files ---- */

static uint64_t seed_of(const fc_synth_tensor *t)
{
    const char *name = t->seed ? t->seed : t->name;
    return fc_fnv1a(name, strlen(name));
}

static void byte_values(uint8_t *dst, const fc_synth_tensor *t, uint64_t start, size_t count)
{
    const uint64_t step = 0x9E3779B97F4A7C15u, seed = seed_of(t);
    for (size_t i = 0; i < count; i++) dst[i] = (uint8_t)(fc_splitmix64(seed + (start + i + 1) * step) >> 56);
}

void fc_synth_values(float *dst, const fc_synth_tensor *t, uint64_t start, size_t count)
{
    const uint64_t step = 0x9E3779B97F4A7C15u, seed = seed_of(t);
    const float offset = (float)t->offset, scale = (float)t->scale;
    for (size_t i = 0; i < count; i++) {
        uint64_t x = fc_splitmix64(seed + (start + i + 1) * step);
        float u = (float)(int32_t)(x >> 40) * 0x1p-24f - 0.5f;
        dst[i] = offset + u * scale;
    }
}

typedef struct fill_source {
    const fc_synth *spec;
    fc_dtype dtype;
} fill_source;

static fc_status fill(void *user, size_t index, uint64_t offset, void *dst, size_t size, fc_err *err)
{
    const fill_source *source = user;
    const fc_synth_tensor *t = &source->spec->tensors[index];
    const size_t width = fc_dtype_size(t->bytes ? FC_U8 : source->dtype), count = size / width,
                 chunks = (count + CHUNK - 1) / CHUNK;
    (void)err;
#pragma omp parallel for schedule(static) if (chunks > 1)
    for (size_t k = 0; k < chunks; k++) {
        float values[CHUNK];
        size_t first = k * CHUNK, n = count - first < CHUNK ? count - first : CHUNK;
        if (t->bytes) {
            byte_values((uint8_t *)dst + first, t, offset + first, n);
            continue;
        }
        fc_synth_values(values, t, offset / width + first, n);
        fc_from_f32((char *)dst + first * width, source->dtype, values, n);
    }
    return FC_OK;
}

fc_status fc_synth_write(const char *path, const fc_synth *s, fc_dtype dtype, fc_err *err)
{
    fc_st_source *sources = fc_calloc(s->count, sizeof *sources);
    if (!sources) return fc_fail(err, FC_NOMEM, "out of memory while writing %s", path);
    for (size_t i = 0; i < s->count; i++) {
        const fc_synth_tensor *t = &s->tensors[i];
        sources[i] = (fc_st_source){.name = t->name, .dtype = t->bytes ? FC_U8 : dtype, .ndim = t->ndim};
        memcpy(sources[i].shape, t->shape, sizeof t->shape);
    }
    fill_source user = {s, dtype};
    fc_st_write what = {.tensors = sources, .count = s->count, .fill = fill, .user = &user};
    fc_status status = fc_safetensors_write(path, &what, err);
    fc_free(sources);
    return status;
}
