/* Synthetic networks that guide a picture: control, image prompts, prompt expansion. Values are made of a
 * prefix of the kind and the name in the file. */
#include "support/synth_impl.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void add_weight(fc_synth *s, const char *layer, const char *part, int32_t ndim, const int64_t *shape,
                       double gain)
{
    double fan_in = 1;
    for (int32_t d = 1; d < ndim; d++) fan_in *= (double)shape[d];
    fc_synth_add(s, synth_name("%s.%s", layer, part).text, ndim, shape, 0.0,
                 sqrt(12.0) * gain / sqrt(fan_in));
}

static void add_bias(fc_synth *s, const char *layer, int64_t n)
{
    fc_synth_add(s, synth_name("%s.bias", layer).text, 1, &n, 0.0, 0.1);
}

static void add_gain_conv(fc_synth *s, const char *layer, int64_t out, int64_t in, int64_t k, double gain)
{
    add_weight(s, layer, "weight", 4, (int64_t[]){out, in, k, k}, gain);
    add_bias(s, layer, out);
}

/* ---- Control-LoRA of tiny_base ---- */

/* Two factors for a matrix or convolution; flat: as matrices. */
static void add_factors(fc_synth *s, const fc_synth_tensor *t, int64_t rank, bool flat)
{
    synth_text base = synth_name("%.*s", (int)(strlen(t->name) - strlen(".weight")), t->name);
    int64_t up[4] = {t->shape[0], rank, 1, 1}, down[4] = {rank, t->shape[1], t->shape[2], t->shape[3]};
    int32_t ndim = t->ndim == 4 && !flat ? 4 : 2;
    for (int32_t d = 2; d < t->ndim && ndim == 2; d++) down[1] *= t->shape[d];
    add_weight(s, base.text, "up", ndim, up, 0.5);
    add_weight(s, base.text, "down", ndim, down, 1.0);
}

/* The first convolution and every third norm or bias come whole. */
static void add_changes(fc_synth *s, const fc_synth *unet, int64_t rank, bool flat)
{
    int number = 0;
    for (size_t i = 0; i < unet->count; i++) {
        const fc_synth_tensor *t = &unet->tensors[i];
        if (fc_str_starts(t->name, "output_blocks") || fc_str_starts(t->name, "out.")) continue;
        bool first = strcmp(t->name, "input_blocks.0.0.weight") == 0;
        if (t->ndim >= 2 && !first)
            add_factors(s, t, rank, flat);
        else if (first || ++number % 3 == 0)
            fc_synth_add(s, t->name, t->ndim, t->shape, t->offset, t->scale);
    }
}

static void build_control(fc_synth *s, int64_t rank, bool flat)
{
    static const int64_t hint[] = {16, 16, 32, 32, 96, 96, 256, 64};
    static const int64_t zero[] = {64, 64, 64, 64, 128, 128, 128, 256, 256};
    fc_synth unet;
    int64_t none = 0, channels = 3;
    fc_synth_init(&unet);
    synth_tiny_unet(&unet, "");
    fc_synth_add(s, "lora_controlnet", 1, &none, 0.0, 0.0);
    add_changes(s, &unet, rank, flat);
    for (int i = 0; i < 8; channels = hint[i], i++)
        add_gain_conv(s, synth_name("input_hint_block.%d", 2 * i).text, hint[i], channels, 3, 1.6);
    for (int i = 0; i < 9; i++)
        add_gain_conv(s, synth_name("zero_convs.%d.0", i).text, zero[i], zero[i], 1, 0.5);
    add_gain_conv(s, "middle_block_out.0", 256, 256, 1, 0.5);
    if (s->status == FC_OK) s->status = unet.status;
    fc_synth_fini(&unet);
}

/* ---- CLIP vision ---- */

static void build_clip_vision(fc_synth *s, int64_t width, int layers, int64_t mlp, int64_t projection)
{
    static const char *const attention[] = {"k_proj", "v_proj", "q_proj", "out_proj"};
    const char *p = "vision_model.";
    fc_synth_add(s, synth_name("%sembeddings.class_embedding", p).text, 1, &width, 0.0, sqrt(12.0) * 0.2);
    add_weight(s, synth_name("%sembeddings.patch_embedding", p).text, "weight", 4,
               (int64_t[]){width, 3, 14, 14}, 1.0);
    synth_embedding(s, synth_name("%sembeddings.position_embedding.weight", p).text, 257, width);
    synth_norm(s, synth_name("%spre_layrnorm", p).text, width);
    for (int i = 0; i < layers; i++) {
        synth_text layer = synth_name("%sencoder.layers.%d", p, i);
        const char *b = layer.text;
        for (int k = 0; k < 4; k++)
            synth_linear(s, synth_name("%s.self_attn.%s", b, attention[k]).text, width, width);
        synth_norm(s, synth_name("%s.layer_norm1", b).text, width);
        synth_linear(s, synth_name("%s.mlp.fc1", b).text, mlp, width);
        synth_linear(s, synth_name("%s.mlp.fc2", b).text, width, mlp);
        synth_norm(s, synth_name("%s.layer_norm2", b).text, width);
    }
    synth_norm(s, synth_name("%spost_layernorm", p).text, width);
    synth_matrix(s, "visual_projection.weight", projection, width);
}

/* ---- image prompt adapter of tiny_base: pictures 160 wide, inside 128, texts 128 ---- */

enum { PICTURE = 160, INSIDE = 128, TEXT = 128, HEADS = 2, LATENTS = 16 };

static void build_ip_adapter(fc_synth *s)
{
    /* width of each cross attention: input blocks 4, 5, 7, 8, output blocks 0 to 5, middle */
    static const struct {
        int count;
        int64_t width;
    } runs[] = {{4, 128}, {6, 256}, {9, 256}, {6, 128}, {3, 256}};
    fc_synth_add(s, "image_proj.latents", 3, (int64_t[]){1, LATENTS, INSIDE}, 0.0,
                 sqrt(12.0) / sqrt((double)INSIDE));
    synth_linear(s, "image_proj.proj_in", INSIDE, PICTURE);
    synth_linear(s, "image_proj.proj_out", TEXT, INSIDE);
    synth_norm(s, "image_proj.norm_out", TEXT);
    for (int i = 0; i < 4; i++) {
        synth_text layer = synth_name("image_proj.layers.%d", i);
        const char *b = layer.text;
        synth_norm(s, synth_name("%s.0.norm1", b).text, INSIDE);
        synth_norm(s, synth_name("%s.0.norm2", b).text, INSIDE);
        synth_matrix(s, synth_name("%s.0.to_q.weight", b).text, HEADS * 64, INSIDE);
        synth_matrix(s, synth_name("%s.0.to_kv.weight", b).text, HEADS * 128, INSIDE);
        synth_matrix(s, synth_name("%s.0.to_out.weight", b).text, INSIDE, HEADS * 64);
        synth_norm(s, synth_name("%s.1.0", b).text, INSIDE);
        synth_matrix(s, synth_name("%s.1.1.weight", b).text, 4 * INSIDE, INSIDE);
        synth_matrix(s, synth_name("%s.1.3.weight", b).text, INSIDE, 4 * INSIDE);
    }
    for (int r = 0, number = 1; r < 5; r++)
        for (int i = 0; i < runs[r].count; i++, number += 2) {
            synth_matrix(s, synth_name("ip_adapter.%d.to_k_ip.weight", number).text, runs[r].width, TEXT);
            synth_matrix(s, synth_name("ip_adapter.%d.to_v_ip.weight", number).text, runs[r].width, TEXT);
        }
}

static void build_ip_negative(fc_synth *s)
{
    fc_synth_add(s, "data", 3, (int64_t[]){1, LATENTS, TEXT}, 0.0, sqrt(12.0));
}

/* ---- GPT-2: two layers of 64; the file's constant masks and its second copy of the word table are left out
 * ---- */

static void add_input_by_output(fc_synth *s, const char *layer, int64_t in, int64_t out)
{
    fc_synth_add(s, synth_name("%s.weight", layer).text, 2, (int64_t[]){in, out}, 0.0,
                 sqrt(12.0) / sqrt((double)in));
    add_bias(s, layer, out);
}

static void build_gpt2(fc_synth *s)
{
    const int64_t width = 64;
    synth_embedding(s, "transformer.wte.weight", 50257, width);
    synth_embedding(s, "transformer.wpe.weight", 1024, width);
    for (int i = 0; i < 2; i++) {
        synth_text layer = synth_name("transformer.h.%d", i);
        const char *b = layer.text;
        synth_norm(s, synth_name("%s.ln_1", b).text, width);
        add_input_by_output(s, synth_name("%s.attn.c_attn", b).text, width, 3 * width);
        add_input_by_output(s, synth_name("%s.attn.c_proj", b).text, width, width);
        synth_norm(s, synth_name("%s.ln_2", b).text, width);
        add_input_by_output(s, synth_name("%s.mlp.c_fc", b).text, width, 4 * width);
        add_input_by_output(s, synth_name("%s.mlp.c_proj", b).text, 4 * width, width);
    }
    synth_norm(s, "transformer.ln_f", width);
}

/* ---- kinds ---- */

static void seed_all(fc_synth *s, const char *prefix)
{
    for (size_t i = 0; i < s->count && s->status == FC_OK; i++) {
        s->tensors[i].seed = fc_arena_printf(&s->arena, "%s%s", prefix, s->tensors[i].name);
        s->status = s->arena.status;
    }
}

bool synth_build_guide(fc_synth *s, const char *kind)
{
    const char *prefix = "";
    if (strcmp(kind, "control_canny") == 0)
        build_control(s, 8, false), prefix = "canny.";
    else if (strcmp(kind, "control_cpds") == 0)
        build_control(s, 4, true), prefix = "cpds.";
    else if (strcmp(kind, "clip_vision_tiny") == 0)
        build_clip_vision(s, PICTURE, 32, 640, 96);
    else if (strcmp(kind, "clip_vision") == 0)
        build_clip_vision(s, 1280, 32, 5120, 1024);
    else if (strcmp(kind, "ip_adapter_tiny") == 0)
        build_ip_adapter(s), prefix = "ip.";
    else if (strcmp(kind, "ip_face_tiny") == 0)
        build_ip_adapter(s), prefix = "ipface.";
    else if (strcmp(kind, "ip_negative_tiny") == 0)
        build_ip_negative(s), prefix = "ip_negative.";
    else if (strcmp(kind, "gpt2_tiny") == 0)
        build_gpt2(s), prefix = "gpt2.";
    else
        return false;
    seed_all(s, prefix);
    return true;
}
