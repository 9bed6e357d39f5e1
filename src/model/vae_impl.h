/* The autoencoder's parts, for the files that bind it and run it. */
#ifndef FC_MODEL_VAE_IMPL_H
#define FC_MODEL_VAE_IMPL_H

#include "model/vae.h"
#include "model/vae_canvas.h"

enum { VAE_GROUPS = 32, VAE_MAX_LEVELS = 8, VAE_MAX_BLOCKS = 8 };

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
    struct vae_res block[VAE_MAX_BLOCKS];
    fc_conv_w resample;
    bool has_resample;
};

/* One half of the autoencoder; levels in the order in which they run. */
struct vae_net {
    fc_conv_w conv_in, conv_out;
    struct vae_mid mid;
    struct vae_level level[VAE_MAX_LEVELS];
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

/* The last level of the decoder in strips of lines, and what leads to it: x is what the level before it
 * makes, not yet resized. Returns the whole level's result in the canvas. */
fc_tensor vae_strips_run(fc_cx *cx, const struct vae_net *net, fc_tensor x, struct vae_canvas *canvas);
/* Elements it takes beside the canvas; w: columns of the result. */
int64_t vae_strips_elements(const struct vae_net *net, int32_t w);

#endif
