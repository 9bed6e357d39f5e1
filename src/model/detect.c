/* Recognition of model files: a table of telling tensors, tried from top to bottom. */
#include "model/detect.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* ---- which tensor tells what ---- */

enum match { EXACT, PREFIX, SUFFIX };

/* A file is of `kind` when a tensor matches and, for size >= 0, its dimension dim has that size. */
struct rule {
    fc_model_kind kind;
    enum match match;
    const char *name;
    int32_t dim;
    int64_t size;
};

#define UNET "model.diffusion_model."
#define ANY  0, -1
enum { LATENT_CHANNELS = 4, INPAINT_CHANNELS = 9 };

/* More telling ones first: a LoRA may have tensors named like a model's, a checkpoint contains a VAE. */
static const struct rule rules[] = {
    {FC_MODEL_CONTROL_LORA, EXACT, "lora_controlnet", ANY},
    {FC_MODEL_LORA, SUFFIX, ".lora_down.weight", ANY},
    {FC_MODEL_LORA, SUFFIX, ".lora_A.weight", ANY},
    {FC_MODEL_LORA, SUFFIX, "lora.down.weight", ANY},
    {FC_MODEL_LORA, SUFFIX, ".hada_w1_a", ANY},
    {FC_MODEL_LORA, SUFFIX, ".lokr_w1", ANY},
    {FC_MODEL_LORA, SUFFIX, ".lokr_w1_a", ANY},
    {FC_MODEL_LORA, PREFIX, "lora_unet_", ANY},
    {FC_MODEL_CONTROLNET, PREFIX, "control_model.", ANY},
    {FC_MODEL_CONTROLNET, PREFIX, "controlnet_cond_embedding.", ANY},
    {FC_MODEL_CONTROLNET, PREFIX, "input_hint_block.", ANY},
    {FC_MODEL_CONTROLNET, PREFIX, UNET "input_hint_block.", ANY},
    {FC_MODEL_IP_ADAPTER, PREFIX, "ip_adapter.", ANY},
    {FC_MODEL_IP_ADAPTER, PREFIX, "image_proj.", ANY},
    {FC_MODEL_QUANTISED, SUFFIX, ".quant_state.bitsandbytes__nf4", ANY},
    {FC_MODEL_QUANTISED, SUFFIX, ".quant_state.bitsandbytes__fp4", ANY},
    {FC_MODEL_QUANTISED, SUFFIX, ".scale_weight", ANY},
    {FC_MODEL_QUANTISED, EXACT, "scaled_fp8", ANY},
    {FC_MODEL_FLUX, PREFIX, UNET "double_blocks.", ANY},
    {FC_MODEL_FLUX, PREFIX, "double_blocks.", ANY},
    {FC_MODEL_FLUX, PREFIX, "single_transformer_blocks.", ANY},
    {FC_MODEL_SD3, PREFIX, UNET "joint_blocks.", ANY},
    {FC_MODEL_SD3, PREFIX, "joint_blocks.", ANY},
    {FC_MODEL_CASCADE, EXACT, UNET "clip_txt_mapper.weight", ANY},
    {FC_MODEL_CASCADE, EXACT, "clip_txt_mapper.weight", ANY},
    {FC_MODEL_PIXART, EXACT, UNET "t_block.1.weight", ANY},
    {FC_MODEL_PIXART, EXACT, "t_block.1.weight", ANY},
    {FC_MODEL_SDXL_INPAINT, EXACT, UNET "input_blocks.0.0.weight", 1, 9},
    {FC_MODEL_SDXL_BASE, EXACT, "conditioner.embedders.1.model.token_embedding.weight", ANY},
    {FC_MODEL_SDXL_REFINER, EXACT, "conditioner.embedders.0.model.token_embedding.weight", ANY},
    {FC_MODEL_SDXL_UNET, EXACT, UNET "label_emb.0.0.weight", ANY},
    {FC_MODEL_SDXL_UNET, EXACT, "label_emb.0.0.weight", ANY},
    {FC_MODEL_SD1, EXACT, UNET "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1, 768},
    {FC_MODEL_SD2, EXACT, UNET "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1, 1024},
    {FC_MODEL_SD1, PREFIX, "cond_stage_model.transformer.", ANY},
    {FC_MODEL_SD2, PREFIX, "cond_stage_model.model.", ANY},
    {FC_MODEL_OTHER_DIFFUSERS, EXACT, "down_blocks.0.resnets.0.conv1.weight", ANY},
    {FC_MODEL_VAE_16, EXACT, "decoder.conv_in.weight", 1, 16},
    {FC_MODEL_VAE_16, EXACT, "first_stage_model.decoder.conv_in.weight", 1, 16},
    {FC_MODEL_VAE, EXACT, "first_stage_model.decoder.conv_in.weight", ANY},
    {FC_MODEL_VAE, EXACT, "decoder.conv_in.weight", 1, 4},
    {FC_MODEL_TAESD, EXACT, "taesd.3.conv.0.weight", ANY},
    {FC_MODEL_TAESD_OTHER, EXACT, "0.weight", 1, 3},
    {FC_MODEL_TAESD_OTHER, EXACT, "decoder.layers.0.weight", ANY},
    {FC_MODEL_TAESD, EXACT, "3.conv.0.weight", ANY},
    {FC_MODEL_TEXT_ENCODER, EXACT, "text_model.embeddings.token_embedding.weight", ANY},
    {FC_MODEL_TEXT_ENCODER, PREFIX, "transformer.resblocks.0.", ANY},
    {FC_MODEL_TEXT_ENCODER, PREFIX, "encoder.block.0.layer.0.SelfAttention.", ANY},
    {FC_MODEL_CLIP_VISION, EXACT, "vision_model.embeddings.patch_embedding.weight", ANY},
    {FC_MODEL_GPT2, EXACT, "transformer.wte.weight", ANY},
    {FC_MODEL_GPT2, EXACT, "wte.weight", ANY},
    {FC_MODEL_EMBEDDING, EXACT, "clip_l", ANY},
    {FC_MODEL_EMBEDDING, EXACT, "clip_g", ANY},
    {FC_MODEL_EMBEDDING, EXACT, "emb_params", ANY},
    {FC_MODEL_EMBEDDING, PREFIX, "string_to_param", ANY},
    {FC_MODEL_UPSCALER, EXACT, "conv_first.weight", ANY},
    {FC_MODEL_UPSCALER, PREFIX, "model.1.sub.0.", ANY},
    {FC_MODEL_INPAINT_HEAD, EXACT, "head", 1, 5},
    {FC_MODEL_IMAGE_NEGATIVE, EXACT, "data", 0, 1},
    {FC_MODEL_INPAINT_PATCH, SUFFIX, "input_blocks.0.0.weight.0", ANY},
};

static bool matches(const struct rule *r, const fc_weight *t)
{
    bool named = r->match == EXACT    ? strcmp(t->name, r->name) == 0
                 : r->match == PREFIX ? fc_str_starts(t->name, r->name)
                                      : fc_str_ends(t->name, r->name);
    return named && (r->size < 0 || (r->dim < t->ndim && t->shape[r->dim] == r->size));
}

static fc_model_kind recognise(fc_weights *w)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        for (size_t k = 0; k < fc_weights_count(w); k++)
            if (matches(&rules[i], fc_weights_at(w, k))) return rules[i].kind;
    return FC_MODEL_UNKNOWN;
}

/* ---- what each kind is called, and what to do with it ---- */

static const struct {
    const char *name, *title, *advice;
} kinds[FC_MODEL_KIND_COUNT] = {
    [FC_MODEL_UNKNOWN] = {"a file of an unknown kind", "unknown",
                          "check that it is an SDXL checkpoint in one .safetensors file"},
    [FC_MODEL_SDXL_BASE] = {"an SDXL base model", "SDXL base", "choose it as the base model"},
    [FC_MODEL_SDXL_REFINER] = {"an SDXL refiner", "SDXL refiner",
                               "choose it as the refiner, together with an SDXL base model"},
    [FC_MODEL_SDXL_UNET] = {"an SDXL UNet without text encoders", "SDXL UNet alone",
                            "choose it as the base model, beside a complete one in the folder of models"},
    [FC_MODEL_SDXL_INPAINT] = {"an inpainting model with 9 input channels", "SDXL inpainting model",
                               "choose it as the base model to paint into pictures"},
    [FC_MODEL_SD1] = {"a Stable Diffusion 1.x model", "Stable Diffusion 1.x",
                      "choose an SDXL checkpoint (about 6.5 GB) instead"},
    [FC_MODEL_SD2] = {"a Stable Diffusion 2.x model", "Stable Diffusion 2.x",
                      "choose an SDXL checkpoint (about 6.5 GB) instead"},
    [FC_MODEL_SD3] = {"a Stable Diffusion 3 model", "Stable Diffusion 3",
                      "choose an SDXL checkpoint instead"},
    [FC_MODEL_FLUX] = {"a Flux model", "Flux", "choose an SDXL checkpoint instead"},
    [FC_MODEL_CASCADE] = {"a Stable Cascade model", "Stable Cascade", "choose an SDXL checkpoint instead"},
    [FC_MODEL_PIXART] = {"a PixArt model", "PixArt", "choose an SDXL checkpoint instead"},
    [FC_MODEL_OTHER_DIFFUSERS] = {"a UNet stored as one of many files (diffusers), and not SDXL",
                                  "diffusers UNet",
                                  "choose an SDXL checkpoint in one .safetensors file instead"},
    [FC_MODEL_QUANTISED] = {"a model with quantised weights", "quantised model",
                            "fetch its F16, BF16 or plain F8 version instead"},
    [FC_MODEL_LORA] = {"a LoRA, which changes a model but is none itself", "LoRA",
                       "put it into the folder of LoRAs and choose it there"},
    [FC_MODEL_EMBEDDING] = {"a textual inversion", "textual inversion",
                            "put it into the folder of embeddings and write embedding:NAME in the prompt"},
    [FC_MODEL_CONTROLNET] = {"a ControlNet", "ControlNet",
                             "put it into the folder controlnet, where structure guides look for it"},
    [FC_MODEL_CONTROL_LORA] = {"a Control-LoRA", "Control-LoRA",
                               "put it into the folder controlnet, where structure guides look for it"},
    [FC_MODEL_IP_ADAPTER] = {"an IP-Adapter", "IP-Adapter",
                             "put it into the folder controlnet, where image prompts look for it"},
    [FC_MODEL_CLIP_VISION] = {"an image encoder (CLIP vision)", "CLIP vision encoder",
                              "put it into the folder clip_vision, where image prompts look for it"},
    [FC_MODEL_IMAGE_NEGATIVE] = {"the negative side of image prompts", "image prompts' negative side",
                                 "leave it in the folder controlnet, where image prompts look for it"},
    [FC_MODEL_GPT2] = {"a language model (GPT-2)", "GPT-2",
                       "put it into the folder prompt_expansion/fooocus_expansion"},
    [FC_MODEL_VAE] = {"a VAE alone", "VAE", "choose it as the VAE, beside an SDXL base model"},
    [FC_MODEL_VAE_16] = {"the VAE of a Flux or Stable Diffusion 3 model", "VAE with 16 channels",
                         "choose an SDXL VAE, or none: checkpoints have their own"},
    [FC_MODEL_TAESD] = {"a preview decoder (TAESD)", "TAESD decoder", "choose it as the preview decoder"},
    [FC_MODEL_TAESD_OTHER] = {"another part of TAESD than its decoder", "TAESD, not the decoder",
                              "fetch taesdxl_decoder.safetensors instead"},
    [FC_MODEL_TEXT_ENCODER] = {"a text or image encoder alone", "encoder",
                               "choose a complete SDXL checkpoint instead"},
    [FC_MODEL_INPAINT_HEAD] = {"the head of the inpainting engine", "inpainting head",
                               "leave it in the folder inpaint, where edits look for it"},
    [FC_MODEL_INPAINT_PATCH] = {"the weights of the inpainting engine", "inpainting engine",
                                "leave it in the folder inpaint, where edits look for it"},
    [FC_MODEL_UPSCALER] = {"an upscaler", "upscaler",
                           "choose an SDXL checkpoint here; pictures are enlarged with fooocus upscale"},
};

const char *fc_model_kind_name(fc_model_kind kind)
{
    return kinds[kind].name;
}

/* ---- description ---- */

static int64_t elements_below(fc_weights *w, const char *prefix)
{
    int64_t sum = 0;
    for (size_t i = 0; i < fc_weights_count(w); i++) {
        const fc_weight *t = fc_weights_at(w, i);
        if (fc_str_starts(t->name, prefix)) sum += fc_weight_rows(t) * fc_weight_cols(t);
    }
    return sum;
}

static fc_dtype main_dtype(fc_weights *w)
{
    int64_t count[FC_DTYPE_COUNT] = {0};
    fc_dtype best = FC_F32;
    for (size_t i = 0; i < fc_weights_count(w); i++) {
        const fc_weight *t = fc_weights_at(w, i);
        count[t->dtype] += fc_weight_rows(t) * fc_weight_cols(t);
    }
    for (int d = 0; d < FC_DTYPE_COUNT; d++)
        if (count[d] > count[best]) best = (fc_dtype)d;
    return best;
}

/* "2.57 G", "123 M", "840 k" */
static void add_amount(fc_buf *b, const char *before, const char *name, int64_t elements)
{
    double n = (double)elements;
    if (elements == 0) return;
    if (n >= 1e9)
        fc_buf_printf(b, "%s%s %.2f G", before, name, n / 1e9);
    else if (n >= 1e6)
        fc_buf_printf(b, "%s%s %.*f M", before, name, n < 1e7 ? 1 : 0, n / 1e6);
    else
        fc_buf_printf(b, "%s%s %.0f k", before, name, n / 1e3);
}

/* Known ways to make SDXL smaller, by the number of transformer blocks at the deepest level. */
static const char *variant(fc_weights *w)
{
    int depth = 0;
    char name[96];
    do {
        snprintf(name, sizeof name, UNET "input_blocks.7.1.transformer_blocks.%d.norm1.weight", depth);
    } while (fc_weights_find(w, name) && ++depth < 32);
    return depth == 4 ? " (SSD-1B)" : depth == 2 ? " (Segmind Vega)" : "";
}

static void write_line(fc_weights *w, fc_model_info *m)
{
    fc_buf b;
    fc_buf_init(&b, 4096);
    fc_buf_puts(&b, kinds[m->kind].title);
    if (m->kind == FC_MODEL_SDXL_BASE) fc_buf_puts(&b, variant(w));
    if (m->unet) {
        add_amount(&b, ": ", "UNet", m->unet);
        add_amount(&b, ", ", "CLIP-L", m->clip_l);
        add_amount(&b, ", ", "CLIP-G", m->clip_g);
        add_amount(&b, ", ", "VAE", m->vae);
        if (!m->vae) fc_buf_puts(&b, ", no VAE");
    } else {
        add_amount(&b, ": ", "values", m->elements);
    }
    fc_buf_printf(&b, "; %s", fc_dtype_name(m->dtype));
    if (m->unet) fc_buf_printf(&b, "; %s", fc_prediction_name(&m->prediction));
    snprintf(m->line, sizeof m->line, "%s", fc_buf_cstr(&b));
    fc_buf_fini(&b);
}

void fc_model_describe(fc_weights *w, fc_model_info *out)
{
    *out = (fc_model_info){.kind = recognise(w), .dtype = main_dtype(w)};
    bool refiner = out->kind == FC_MODEL_SDXL_REFINER;
    out->unet = elements_below(w, UNET);
    out->clip_l = elements_below(w, "conditioner.embedders.0.transformer.");
    out->clip_g =
        elements_below(w, refiner ? "conditioner.embedders.0.model." : "conditioner.embedders.1.model.");
    out->vae = elements_below(w, "first_stage_model.");
    out->elements = elements_below(w, "");
    bool whole = out->kind == FC_MODEL_SDXL_BASE || refiner;
    if (whole && !out->unet) out->kind = FC_MODEL_TEXT_ENCODER;
    if (fc_prediction_read(w, &out->prediction, NULL) != FC_OK) out->prediction = (fc_prediction){0};
    write_line(w, out);
}

/* ---- refusal ---- */

/* channels: -1 when the layer is missing, which the binder says better */
static fc_status check_channels(int64_t channels, const char *side, fc_err *err)
{
    bool inpaints = channels == INPAINT_CHANNELS && strcmp(side, "input") == 0;
    if (channels < 0 || channels == LATENT_CHANNELS || inpaints) return FC_OK;
    return fc_fail(err, FC_UNSUPPORTED,
                   "this UNet has %lld %s channels, 4 are wanted%s; choose the ordinary version of the model",
                   (long long)channels, side, channels == 8 ? " (8 are those of instruct-pix2pix)" : "");
}

fc_status fc_model_check_unet(fc_weights *w, fc_err *err)
{
    fc_prediction prediction;
    fc_status status = check_channels(fc_weights_dim(w, UNET "input_blocks.0.0.weight", 1), "input", err);
    if (status != FC_OK) return status;
    status = check_channels(fc_weights_dim(w, UNET "out.2.weight", 0), "output", err);
    if (status != FC_OK) return status;
    if (fc_weights_find(w, UNET "time_embed.cond_proj.weight"))
        return fc_fail(err, FC_UNSUPPORTED,
                       "this UNet wants the guidance scale as an input (a distilled model, LCM say), which "
                       "this program does not give it; choose the ordinary model with the LCM LoRA");
    return fc_prediction_read(w, &prediction, err);
}

fc_status fc_model_require(fc_weights *w, fc_model_use use, fc_model_info *info, fc_err *err)
{
    static const struct {
        fc_model_kind kind;
        const char *wanted;
    } uses[FC_USE_COUNT] = {
        [FC_USE_BASE] = {FC_MODEL_SDXL_BASE, "an SDXL base model"},
        [FC_USE_REFINER] = {FC_MODEL_SDXL_REFINER, "an SDXL refiner"},
        [FC_USE_VAE] = {FC_MODEL_VAE, "an SDXL VAE"},
        [FC_USE_PREVIEW] = {FC_MODEL_TAESD, "a preview decoder"},
        [FC_USE_TEXT] = {FC_MODEL_SDXL_BASE, "an SDXL base model with text encoders"},
        [FC_USE_UPSCALER] = {FC_MODEL_UPSCALER, "an upscaler"},
        [FC_USE_INPAINT_HEAD] = {FC_MODEL_INPAINT_HEAD, "the head of the inpainting engine"},
        [FC_USE_VISION] = {FC_MODEL_CLIP_VISION, "a CLIP vision encoder (ViT-H)"},
        [FC_USE_IMAGE_NEGATIVE] = {FC_MODEL_IMAGE_NEGATIVE, "the negative side of image prompts"},
        [FC_USE_CONTROL] = {FC_MODEL_CONTROL_LORA, "a Control-LoRA or a ControlNet for SDXL"},
        [FC_USE_ADAPTER] = {FC_MODEL_IP_ADAPTER, "an IP-Adapter"},
        [FC_USE_GPT2] = {FC_MODEL_GPT2, "a GPT-2"},
    };
    fc_model_describe(w, info);
    bool vae_inside = use == FC_USE_VAE && info->kind == FC_MODEL_SDXL_BASE && info->vae > 0;
    bool unet_alone = (use == FC_USE_BASE || use == FC_USE_REFINER) && info->kind == FC_MODEL_SDXL_UNET;
    bool samples = use == FC_USE_BASE || use == FC_USE_REFINER;
    bool inpaint = use == FC_USE_BASE && info->kind == FC_MODEL_SDXL_INPAINT &&
                   fc_weights_find(w, UNET "label_emb.0.0.weight");
    bool controlnet = use == FC_USE_CONTROL && info->kind == FC_MODEL_CONTROLNET;
    if (info->kind == uses[use].kind || controlnet || vae_inside || unet_alone || inpaint)
        return samples ? fc_model_check_unet(w, err) : FC_OK;
    return fc_fail(err, FC_UNSUPPORTED, "this is %s, but %s is needed here; %s", kinds[info->kind].name,
                   uses[use].wanted, kinds[info->kind].advice);
}
