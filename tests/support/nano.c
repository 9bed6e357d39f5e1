#include "support/nano.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

enum { UNET_CHANNELS = 32, TIME_WIDTH = 32, VAE_CHANNELS = 32, LATENT = 4, MLP = 64 };

static void add(fc_synth *s, const char *base, const char *end, int32_t ndim, const int64_t *shape,
                double offset, double scale)
{
    char name[200];
    snprintf(name, sizeof name, "%s%s", base, end);
    fc_synth_add(s, name, ndim, shape, offset, scale);
}

static void bias(fc_synth *s, const char *base, int64_t n)
{
    add(s, base, ".bias", 1, &n, 0, 0.1);
}

static void norm(fc_synth *s, const char *prefix, const char *name, int64_t c)
{
    char base[180];
    snprintf(base, sizeof base, "%.80s%.80s", prefix, name);
    add(s, base, ".weight", 1, &c, 1, 0.2);
    bias(s, base, c);
}

static void linear(fc_synth *s, const char *prefix, const char *name, int64_t out, int64_t in, int with_bias)
{
    char base[180];
    snprintf(base, sizeof base, "%.80s%.80s", prefix, name);
    add(s, base, ".weight", 2, (int64_t[]){out, in}, 0, sqrt(12.0 / (double)in));
    if (with_bias) bias(s, base, out);
}

static void conv(fc_synth *s, const char *prefix, const char *name, int64_t out, int64_t in, int64_t k)
{
    char base[180];
    snprintf(base, sizeof base, "%.80s%.80s", prefix, name);
    add(s, base, ".weight", 4, (int64_t[]){out, in, k, k}, 0, sqrt(12.0 / (double)(in * k * k)));
    bias(s, base, out);
}

/* ---- UNet: two levels, one residual block each, attention on the second ---- */

#define UNET "model.diffusion_model."

static void unet_res(fc_synth *s, const char *name, int64_t in, int64_t out)
{
    char p[80];
    snprintf(p, sizeof p, UNET "%s", name);
    norm(s, p, ".in_layers.0", in);
    conv(s, p, ".in_layers.2", out, in, 3);
    linear(s, p, ".emb_layers.1", out, TIME_WIDTH, 1);
    norm(s, p, ".out_layers.0", out);
    conv(s, p, ".out_layers.3", out, out, 3);
    if (in != out) conv(s, p, ".skip_connection", out, in, 1);
}

static void unet_transformer(fc_synth *s, const char *p, int number, int64_t c)
{
    char b[96];
    snprintf(b, sizeof b, "%.50s.transformer_blocks.%d", p, number);
    for (int a = 1; a <= 2; a++) {
        char n[24];
        int64_t in = a == 1 ? c : FC_NANO_CONTEXT;
        snprintf(n, sizeof n, ".attn%d.to_q", a);
        linear(s, b, n, c, c, 0);
        snprintf(n, sizeof n, ".attn%d.to_k", a);
        linear(s, b, n, c, in, 0);
        snprintf(n, sizeof n, ".attn%d.to_v", a);
        linear(s, b, n, c, in, 0);
        snprintf(n, sizeof n, ".attn%d.to_out.0", a);
        linear(s, b, n, c, c, 1);
    }
    linear(s, b, ".ff.net.0.proj", 8 * c, c, 1);
    linear(s, b, ".ff.net.2", c, 4 * c, 1);
    norm(s, b, ".norm1", c);
    norm(s, b, ".norm2", c);
    norm(s, b, ".norm3", c);
}

static void unet_attn(fc_synth *s, const char *name, int64_t c, int depth)
{
    char p[80];
    snprintf(p, sizeof p, UNET "%s", name);
    norm(s, p, ".norm", c);
    linear(s, p, ".proj_in", c, c, 1);
    for (int i = 0; i < depth; i++) unet_transformer(s, p, i, c);
    linear(s, p, ".proj_out", c, c, 1);
}

void fc_nano_unet(fc_synth *s, fc_nano_middle middle)
{
    int64_t c = UNET_CHANNELS, d = FC_NANO_WIDTH;
    linear(s, UNET, "time_embed.0", TIME_WIDTH, c, 1);
    linear(s, UNET, "time_embed.2", TIME_WIDTH, TIME_WIDTH, 1);
    linear(s, UNET, "label_emb.0.0", TIME_WIDTH, FC_NANO_LABEL, 1);
    linear(s, UNET, "label_emb.0.2", TIME_WIDTH, TIME_WIDTH, 1);
    conv(s, UNET, "input_blocks.0.0", c, LATENT, 3);
    unet_res(s, "input_blocks.1.0", c, c);
    conv(s, UNET, "input_blocks.2.0.op", c, c, 3);
    unet_res(s, "input_blocks.3.0", c, d);
    unet_attn(s, "input_blocks.3.1", d, 1);
    if (middle != FC_NANO_MIDDLE_NONE) unet_res(s, "middle_block.0", d, d);
    if (middle == FC_NANO_MIDDLE_FULL) {
        unet_attn(s, "middle_block.1", d, 2);
        unet_res(s, "middle_block.2", d, d);
    }
    unet_res(s, "output_blocks.0.0", d + d, d);
    unet_attn(s, "output_blocks.0.1", d, 1);
    unet_res(s, "output_blocks.1.0", d + c, d);
    unet_attn(s, "output_blocks.1.1", d, 1);
    conv(s, UNET, "output_blocks.1.2.conv", d, d, 3);
    unet_res(s, "output_blocks.2.0", d + c, c);
    unet_res(s, "output_blocks.3.0", c + c, c);
    norm(s, UNET, "out.0", c);
    conv(s, UNET, "out.2", LATENT, c, 3);
}

/* ---- text encoders: one head, two layers ---- */

#define CLIP_L "conditioner.embedders.0.transformer.text_model."
#define CLIP_G "conditioner.embedders.1.model."

void fc_nano_clip_l(fc_synth *s)
{
    int64_t c = FC_NANO_WIDTH;
    add(s, CLIP_L, "embeddings.token_embedding.weight", 2, (int64_t[]){FC_NANO_VOCABULARY, c}, 0, 0.7);
    add(s, CLIP_L, "embeddings.position_embedding.weight", 2, (int64_t[]){FC_NANO_TOKENS, c}, 0, 0.7);
    for (int i = 0; i < 2; i++) {
        char p[80];
        snprintf(p, sizeof p, CLIP_L "encoder.layers.%d", i);
        linear(s, p, ".self_attn.q_proj", c, c, 1);
        linear(s, p, ".self_attn.k_proj", c, c, 1);
        linear(s, p, ".self_attn.v_proj", c, c, 1);
        linear(s, p, ".self_attn.out_proj", c, c, 1);
        norm(s, p, ".layer_norm1", c);
        norm(s, p, ".layer_norm2", c);
        linear(s, p, ".mlp.fc1", MLP, c, 1);
        linear(s, p, ".mlp.fc2", c, MLP, 1);
    }
    norm(s, CLIP_L, "final_layer_norm", c);
}

void fc_nano_clip_g(fc_synth *s)
{
    int64_t c = FC_NANO_WIDTH;
    add(s, CLIP_G, "token_embedding.weight", 2, (int64_t[]){FC_NANO_VOCABULARY, c}, 0, 0.7);
    add(s, CLIP_G, "positional_embedding", 2, (int64_t[]){FC_NANO_TOKENS, c}, 0, 0.7);
    for (int i = 0; i < 2; i++) {
        char p[80];
        snprintf(p, sizeof p, CLIP_G "transformer.resblocks.%d", i);
        add(s, p, ".attn.in_proj_weight", 2, (int64_t[]){3 * c, c}, 0, 0.4);
        add(s, p, ".attn.in_proj_bias", 1, (int64_t[]){3 * c}, 0, 0.1);
        linear(s, p, ".attn.out_proj", c, c, 1);
        norm(s, p, ".ln_1", c);
        norm(s, p, ".ln_2", c);
        linear(s, p, ".mlp.c_fc", MLP, c, 1);
        linear(s, p, ".mlp.c_proj", c, MLP, 1);
    }
    norm(s, CLIP_G, "ln_final", c);
    add(s, CLIP_G, "text_projection", 2, (int64_t[]){c, FC_NANO_LABEL}, 0, 0.4);
    add(s, CLIP_G, "logit_scale", 0, NULL, 4.6, 0);
}

/* ---- VAE: two levels, one block each ---- */

#define VAE "first_stage_model."

static void vae_res(fc_synth *s, const char *name, int64_t in, int64_t out)
{
    char p[80];
    snprintf(p, sizeof p, VAE "%s", name);
    norm(s, p, ".norm1", in);
    conv(s, p, ".conv1", out, in, 3);
    norm(s, p, ".norm2", out);
    conv(s, p, ".conv2", out, out, 3);
    if (in != out) conv(s, p, ".nin_shortcut", out, in, 1);
}

static void vae_mid(fc_synth *s, const char *net, int64_t c)
{
    char name[64], p[80];
    snprintf(name, sizeof name, "%s.mid.block_1", net);
    vae_res(s, name, c, c);
    snprintf(name, sizeof name, "%s.mid.block_2", net);
    vae_res(s, name, c, c);
    snprintf(p, sizeof p, VAE "%s.mid.attn_1", net);
    norm(s, p, ".norm", c);
    conv(s, p, ".q", c, c, 1);
    conv(s, p, ".k", c, c, 1);
    conv(s, p, ".v", c, c, 1);
    conv(s, p, ".proj_out", c, c, 1);
}

void fc_nano_vae(fc_synth *s)
{
    int64_t c = VAE_CHANNELS, d = 2 * VAE_CHANNELS, z = LATENT;
    conv(s, VAE, "encoder.conv_in", c, 3, 3);
    vae_res(s, "encoder.down.0.block.0", c, c);
    conv(s, VAE, "encoder.down.0.downsample.conv", c, c, 3);
    vae_res(s, "encoder.down.1.block.0", c, d);
    vae_mid(s, "encoder", d);
    norm(s, VAE, "encoder.norm_out", d);
    conv(s, VAE, "encoder.conv_out", 2 * z, d, 3);
    conv(s, VAE, "quant_conv", 2 * z, 2 * z, 1);
    conv(s, VAE, "post_quant_conv", z, z, 1);
    conv(s, VAE, "decoder.conv_in", d, z, 3);
    vae_mid(s, "decoder", d);
    vae_res(s, "decoder.up.1.block.0", d, d);
    conv(s, VAE, "decoder.up.1.upsample.conv", d, d, 3);
    vae_res(s, "decoder.up.0.block.0", d, c);
    norm(s, VAE, "decoder.norm_out", c);
    conv(s, VAE, "decoder.conv_out", 3, c, 3);
}

/* ---- preview decoder ---- */

void fc_nano_taesd(fc_synth *s)
{
    static const int blocks[] = {3, 4, 5, 8, 9, 10, 13, 14, 15, 18}, ups[] = {7, 12, 17};
    int64_t c = 8;
    char name[24];
    conv(s, "", "1", c, LATENT, 3);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        for (int k = 0; k < 3; k++) {
            snprintf(name, sizeof name, "%d.conv.%d", blocks[i], 2 * k);
            conv(s, "", name, c, c, 3);
        }
    for (size_t i = 0; i < sizeof ups / sizeof ups[0]; i++) {
        snprintf(name, sizeof name, "%d.weight", ups[i]);
        add(s, "", name, 4, (int64_t[]){c, c, 3, 3}, 0, 0.4);
    }
    conv(s, "", "19", 3, c, 3);
}

const char *fc_nano_without(const fc_synth *all, const char *dropped)
{
    fc_synth some;
    fc_err err = {0};
    const char *path = fc_test_tmp_path("without.safetensors");
    fc_synth_init(&some);
    for (size_t i = 0; i < all->count; i++) {
        const fc_synth_tensor *t = &all->tensors[i];
        if (strncmp(t->name, dropped, strlen(dropped)) != 0)
            fc_synth_add(&some, t->name, t->ndim, t->shape, t->offset, t->scale);
    }
    assert_true(some.count < all->count);
    assert_ok(fc_synth_write(path, &some, FC_F16, &err), &err);
    fc_synth_fini(&some);
    return path;
}
