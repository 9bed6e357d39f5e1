/* See names.h. Sources of the rules: the module trees of ldm's UNetModel and AutoencoderKL, of diffusers'
 * UNet2DConditionModel and AutoencoderKL, of open_clip's and transformers' text models. */
#include "nn/names.h"

#include <stdio.h>
#include <string.h>

static const char UNET[] = "model.diffusion_model.", VAE[] = "first_stage_model.",
                  CLIP_L[] = "conditioner.embedders.0.transformer.";

/* "12.rest" -> 12 and "rest"; false when there is no small number before a dot. */
static bool take_index(const char **s, int *index)
{
    int n = 0, digits = 0;
    while (**s >= '0' && **s <= '9' && digits < 3) n = 10 * n + (*(*s)++ - '0'), digits++;
    if (digits == 0 || *(*s)++ != '.') return false;
    *index = n;
    return true;
}

static bool take(const char **s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(*s, prefix, n) != 0) return false;
    *s += n;
    return true;
}

void fc_names_learn(fc_names *n, const char *name)
{
    const char *s = name;
    int block, layer;
    bool vae = n->component == FC_COMPONENT_VAE;
    if (vae && take(&s, "decoder.up_blocks.") && take_index(&s, &block) && block >= n->up_blocks)
        n->up_blocks = block + 1;
    if (vae) return;
    if (take(&s, "down_blocks.") && take_index(&s, &block) && take(&s, "resnets.") &&
        take_index(&s, &layer) && layer >= n->down_layers)
        n->down_layers = layer + 1;
    s = name;
    if (!take(&s, "up_blocks.") || !take_index(&s, &block)) return;
    if (take(&s, "attentions.") && block < FC_NAMES_MAX_BLOCKS) n->up_with_attention |= 1u << block;
    if (take(&s, "resnets.") && take_index(&s, &layer) && layer >= n->up_layers) n->up_layers = layer + 1;
}

/* The longest prefix pair whose first half begins `s`; the rest of s follows the second half. */
typedef struct pair {
    const char *from, *to;
} pair;

static bool replace(const char *s, const pair *pairs, size_t count, const char *before, char *out)
{
    for (size_t i = 0; i < count; i++) {
        const char *rest = s;
        if (!take(&rest, pairs[i].from)) continue;
        int n = snprintf(out, FC_NAME_SIZE, "%s%s%s", before, pairs[i].to, rest);
        return n > 0 && n < FC_NAME_SIZE;
    }
    return false;
}
#define REPLACE(s, pairs, before, out) replace(s, pairs, sizeof(pairs) / sizeof *(pairs), before, out)

/* ---- UNet ---- */

static bool res_name(const char *s, const char *before, char *out)
{
    static const pair pairs[] = {{"norm1.", "in_layers.0."},          {"conv1.", "in_layers.2."},
                                 {"time_emb_proj.", "emb_layers.1."}, {"norm2.", "out_layers.0."},
                                 {"conv2.", "out_layers.3."},         {"conv_shortcut.", "skip_connection."}};
    return REPLACE(s, pairs, before, out);
}

/* A layer of a down or up block: its place among input_blocks or output_blocks. */
static bool layer_name(const fc_names *n, bool up, int block, const char *s, char *out)
{
    char before[96];
    const char *side = up ? "output_blocks" : "input_blocks";
    int layer, first = up ? block * n->up_layers : 1 + block * (n->down_layers + 1);
    if (take(&s, "resnets.") && take_index(&s, &layer)) {
        snprintf(before, sizeof before, "%s%s.%d.0.", UNET, side, first + layer);
        return res_name(s, before, out);
    }
    static const pair same[] = {{"", ""}}, down[] = {{"conv.", "op."}};
    if (take(&s, "attentions.") && take_index(&s, &layer)) {
        snprintf(before, sizeof before, "%s%s.%d.1.", UNET, side, first + layer);
        return REPLACE(s, same, before, out);
    }
    if (!up && take(&s, "downsamplers.0.")) {
        snprintf(before, sizeof before, "%s%s.%d.0.", UNET, side, first + n->down_layers);
        return REPLACE(s, down, before, out);
    }
    if (!up || !take(&s, "upsamplers.0.")) return false;
    bool attention = block < FC_NAMES_MAX_BLOCKS && n->up_with_attention >> block & 1;
    snprintf(before, sizeof before, "%s%s.%d.%d.", UNET, side, first + n->up_layers - 1, attention ? 2 : 1);
    return REPLACE(s, same, before, out);
}

static bool numbered(char *out, const char *list, int number, const char *within, const char *rest)
{
    int n = snprintf(out, FC_NAME_SIZE, "%s%s.%d.%s%s", UNET, list, number, within, rest);
    return n > 0 && n < FC_NAME_SIZE;
}

static bool map_unet(const fc_names *n, const char *name, char *out)
{
    static const pair top[] = {{"conv_in.", "input_blocks.0.0."},
                               {"conv_norm_out.", "out.0."},
                               {"conv_out.", "out.2."},
                               {"time_embedding.linear_1.", "time_embed.0."},
                               {"time_embedding.linear_2.", "time_embed.2."},
                               {"time_embedding.cond_proj.", "time_embed.cond_proj."},
                               {"add_embedding.linear_1.", "label_emb.0.0."},
                               {"add_embedding.linear_2.", "label_emb.0.2."},
                               {"mid_block.attentions.0.", "middle_block.1."},
                               /* of control networks */
                               {"controlnet_cond_embedding.conv_in.", "input_hint_block.0."},
                               {"controlnet_cond_embedding.conv_out.", "input_hint_block.14."},
                               {"controlnet_mid_block.", "middle_block_out.0."},
                               {"control_add_embedding.", "control_add_embedding."}};
    const char *s = name;
    int block;
    if (REPLACE(name, top, UNET, out)) return true;
    if (take(&s, "mid_block.resnets.0.")) return res_name(s, "model.diffusion_model.middle_block.0.", out);
    if (take(&s, "mid_block.resnets.1.")) return res_name(s, "model.diffusion_model.middle_block.2.", out);
    if (take(&s, "controlnet_down_blocks."))
        return take_index(&s, &block) && numbered(out, "zero_convs", block, "0.", s);
    if (take(&s, "controlnet_cond_embedding.blocks."))
        return take_index(&s, &block) && numbered(out, "input_hint_block", 2 * block + 2, "", s);
    if (take(&s, "down_blocks.")) return take_index(&s, &block) && layer_name(n, false, block, s, out);
    return take(&s, "up_blocks.") && take_index(&s, &block) && layer_name(n, true, block, s, out);
}

/* ---- VAE ---- */

static bool vae_layer(const char *side, const char *kind, int block, const char *s, char *out)
{
    static const pair shortcut[] = {{"conv_shortcut.", "nin_shortcut."}, {"", ""}};
    char before[96];
    int layer;
    if (take(&s, "resnets.") && take_index(&s, &layer)) {
        snprintf(before, sizeof before, "%s%s%s.%d.block.%d.", VAE, side, kind, block, layer);
        return REPLACE(s, shortcut, before, out);
    }
    static const pair sample[] = {{"downsamplers.0.", "downsample."}, {"upsamplers.0.", "upsample."}};
    snprintf(before, sizeof before, "%s%s%s.%d.", VAE, side, kind, block);
    return REPLACE(s, sample, before, out);
}

static bool map_vae_half(const fc_names *n, const char *side, const char *s, fc_canonical_name *out)
{
    static const pair top[] = {{"conv_in.", "conv_in."},
                               {"conv_out.", "conv_out."},
                               {"conv_norm_out.", "norm_out."},
                               {"mid_block.resnets.0.", "mid.block_1."},
                               {"mid_block.resnets.1.", "mid.block_2."}};
    static const pair attention[] = {
        {"group_norm.", "norm."},   {"to_q.", "q."},  {"to_k.", "k."}, {"to_v.", "v."},
        {"to_out.0.", "proj_out."}, {"query.", "q."}, {"key.", "k."},  {"value.", "v."},
        {"proj_attn.", "proj_out."}};
    char before[64];
    int block;
    snprintf(before, sizeof before, "%s%s", VAE, side);
    if (REPLACE(s, top, before, out->name)) return true;
    if (take(&s, "mid_block.attentions.0.")) {
        snprintf(before, sizeof before, "%s%smid.attn_1.", VAE, side);
        if (strstr(s, ".weight") && strncmp(s, "group_norm", 10) != 0) out->form = FC_NAME_CONV;
        return REPLACE(s, attention, before, out->name);
    }
    if (take(&s, "down_blocks."))
        return take_index(&s, &block) && vae_layer(side, "down", block, s, out->name);
    if (!take(&s, "up_blocks.") || !take_index(&s, &block)) return false;
    return vae_layer(side, "up", n->up_blocks - 1 - block, s, out->name); /* counted from the other end */
}

static bool map_vae(const fc_names *n, const char *name, fc_canonical_name *out)
{
    static const pair top[] = {{"quant_conv.", "quant_conv."}, {"post_quant_conv.", "post_quant_conv."}};
    const char *s = name;
    if (REPLACE(name, top, VAE, out->name)) return true;
    if (take(&s, "encoder.")) return map_vae_half(n, "encoder.", s, out);
    return take(&s, "decoder.") && map_vae_half(n, "decoder.", s, out);
}

/* ---- text encoders ---- */

static bool map_clip_l(const char *name, char *out)
{
    static const pair same[] = {{"text_model.", "text_model."}};
    return REPLACE(name, same, CLIP_L, out);
}

/* transformers -> open_clip: q, k and v become one tensor, the projection lies the other way round. */
static bool map_clip_g(const fc_names *n, const char *name, fc_canonical_name *out)
{
    static const pair top[] = {{"text_model.embeddings.token_embedding.", "token_embedding."},
                               {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
                               {"text_model.final_layer_norm.", "ln_final."},
                               {"text_projection.weight", "text_projection"}};
    static const pair layer[] = {{"layer_norm1.", "ln_1."},
                                 {"layer_norm2.", "ln_2."},
                                 {"mlp.fc1.", "mlp.c_fc."},
                                 {"mlp.fc2.", "mlp.c_proj."},
                                 {"self_attn.out_proj.", "attn.out_proj."},
                                 {"self_attn.q_proj.", "attn.in_proj_"},
                                 {"self_attn.k_proj.", "attn.in_proj_"},
                                 {"self_attn.v_proj.", "attn.in_proj_"}};
    const char *prefix = n->refiner ? "conditioner.embedders.0.model." : "conditioner.embedders.1.model.";
    char before[96];
    const char *s = name;
    int index;
    if (strcmp(name, "text_projection.weight") == 0) out->form = FC_NAME_TRANSPOSED;
    if (REPLACE(name, top, prefix, out->name)) return true;
    if (!take(&s, "text_model.encoder.layers.") || !take_index(&s, &index)) return false;
    snprintf(before, sizeof before, "%stransformer.resblocks.%d.", prefix, index);
    static const char *const parts[] = {"self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."};
    for (int i = 0; i < 3; i++)
        if (strncmp(s, parts[i], strlen(parts[i])) == 0) {
            out->form = FC_NAME_STACK;
            out->part = i;
        }
    return REPLACE(s, layer, before, out->name);
}

bool fc_names_map(const fc_names *n, const char *name, fc_canonical_name *out)
{
    *out = (fc_canonical_name){.form = FC_NAME_PLAIN};
    switch (n->component) {
    case FC_COMPONENT_UNET:
        return map_unet(n, name, out->name);
    case FC_COMPONENT_CLIP_L:
        return map_clip_l(name, out->name);
    case FC_COMPONENT_CLIP_G:
        return map_clip_g(n, name, out);
    default:
        return map_vae(n, name, out);
    }
}
