/* LoRA module names: see lora_names.h. For every weight of the checkpoint, its spellings are put into one
 * map. The UNet's diffusers names follow from its layout; bigG's fused q, k, v are three targets inside one
 * tensor. */
#include "model/lora_names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/clip.h"
#include "model/unet.h"

enum { NAME = 256, MAX_LAYERS = FC_UNET_MAX_BLOCKS * FC_UNET_MAX_LAYERS };
#define ARENA_CAP ((size_t)64 << 20)

/* A part of the UNet in both spellings. */
struct pair {
    char sgm[40], diffusers[48];
    bool res;
};

struct fc_lora_names {
    fc_arena arena;
    fc_strmap map;
    fc_lora_target *targets;
    size_t count, cap;
    fc_weights *weights;
    struct pair pairs[MAX_LAYERS + 8];
    int pair_count;
    fc_status status;
};

/* ---- the map ---- */

static uint32_t add_target(fc_lora_names *n, fc_lora_target t)
{
    if (n->count == n->cap) {
        n->status = FC_INTERNAL; /* the array holds three per weight */
        return 0;
    }
    n->targets[n->count] = t;
    return (uint32_t)n->count++;
}

/* First come, first served: a name that is taken stays. */
static void spell(fc_lora_names *n, uint32_t target, const char *format, ...) FC_PRINTF(3, 4);
static void spell(fc_lora_names *n, uint32_t target, const char *format, ...)
{
    char name[2 * NAME];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(name, sizeof name, format, args);
    va_end(args);
    if (n->status || length <= 0 || (size_t)length >= sizeof name) return;
    char *key = fc_arena_strndup(&n->arena, name, (size_t)length);
    n->status = key ? fc_strmap_put(&n->map, key, (size_t)length, target, NULL) : FC_NOMEM;
}

static void underscores(char *out, const char *name)
{
    size_t i = 0;
    for (; name[i] && i < NAME - 1; i++) out[i] = name[i] == '.' ? '_' : name[i];
    out[i] = 0;
}

/* ---- UNet ---- */

static void add_pair(fc_lora_names *n, bool res, const char *sgm, const char *diffusers)
{
    struct pair *p = &n->pairs[n->pair_count++];
    p->res = res;
    snprintf(p->sgm, sizeof p->sgm, "%s.", sgm);
    snprintf(p->diffusers, sizeof p->diffusers, "%s.", diffusers);
}

/* The layers of one block; `where` is "down_blocks.1"; *res and *attn count within it. */
static void pair_block(fc_lora_names *n, const fc_unet_block *b, const char *where, int *res, int *attn)
{
    for (int32_t i = 0; i < b->layer_count; i++) {
        const fc_unet_layer *l = &b->layer[i];
        char sgm[36], diffusers[44];
        snprintf(sgm, sizeof sgm, "%.24s.%.8s", b->name, l->name);
        switch (l->kind) {
        case FC_UNET_CONV:
            snprintf(diffusers, sizeof diffusers, "conv_in");
            break;
        case FC_UNET_RES:
            snprintf(diffusers, sizeof diffusers, "%.20s.resnets.%d", where, (*res)++);
            break;
        case FC_UNET_ATTN:
            snprintf(diffusers, sizeof diffusers, "%.20s.attentions.%d", where, (*attn)++);
            break;
        case FC_UNET_DOWN:
            snprintf(diffusers, sizeof diffusers, "%.20s.downsamplers.0", where);
            break;
        case FC_UNET_UP:
            snprintf(diffusers, sizeof diffusers, "%.20s.upsamplers.0", where);
            break;
        }
        add_pair(n, l->kind == FC_UNET_RES, sgm, diffusers);
    }
}

static void pair_layers(fc_lora_names *n, const fc_unet_layout *l)
{
    int32_t blocks = l->inputs + l->middles + l->outputs, top = 0, previous = -1;
    int res = 0, attn = 0;
    for (int32_t i = 0; i < blocks; i++)
        if (l->block[i].level > top) top = l->block[i].level;
    for (int32_t i = 0; i < blocks; i++) {
        const fc_unet_block *b = &l->block[i];
        bool input = i < l->inputs, middle = !input && i < l->inputs + l->middles;
        int32_t stage = middle ? 1000 : input ? b->level : 2000 + top - b->level;
        char where[24];
        if (stage != previous) res = attn = 0;
        previous = stage;
        if (middle)
            snprintf(where, sizeof where, "mid_block");
        else
            snprintf(where, sizeof where, "%s_blocks.%d", input ? "down" : "up",
                     input ? b->level : top - b->level);
        pair_block(n, b, where, &res, &attn);
    }
    add_pair(n, false, "out.0", "conv_norm_out");
    add_pair(n, false, "out.2", "conv_out");
    add_pair(n, false, "time_embed.0", "time_embedding.linear_1");
    add_pair(n, false, "time_embed.2", "time_embedding.linear_2");
    add_pair(n, false, "label_emb.0.0", "add_embedding.linear_1");
    add_pair(n, false, "label_emb.0.2", "add_embedding.linear_2");
}

/* Inside a residual block the two spellings differ in every name. */
static const char *res_name(const char *sgm)
{
    static const char *const names[][2] = {
        {"in_layers.0", "norm1"},  {"in_layers.2", "conv1"},  {"emb_layers.1", "time_emb_proj"},
        {"out_layers.0", "norm2"}, {"out_layers.3", "conv2"}, {"skip_connection", "conv_shortcut"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], sgm) == 0) return names[i][1];
    return sgm;
}

/* "input_blocks.4.0.in_layers.2" -> "down_blocks.1.resnets.0.conv1"; false when there is no such name. */
static bool diffusers_name(const fc_lora_names *n, const char *module, char out[NAME])
{
    char with_dot[NAME];
    snprintf(with_dot, sizeof with_dot, "%.250s.", module);
    for (int i = 0; i < n->pair_count; i++) {
        const struct pair *p = &n->pairs[i];
        size_t length = strlen(p->sgm);
        if (strncmp(with_dot, p->sgm, length) != 0) continue;
        const char *rest = module + (strlen(module) < length ? strlen(module) : length);
        if (strcmp(rest, "op") == 0) rest = "conv"; /* a downsampler */
        snprintf(out, NAME, "%s%.180s", p->diffusers, p->res ? res_name(rest) : rest);
        if (!*rest) out[strlen(out) - 1] = 0; /* the pair's own dot */
        return true;
    }
    return false;
}

/* "...attn1.to_out.0" -> "...attn1.processor.to_out": the oldest diffusers spelling; false for other layers.
 */
static bool processor_name(const char *diffusers, char out[NAME])
{
    const char *to = strstr(diffusers, ".to_");
    if (!to) return false;
    size_t length = strlen(to);
    if (length > 2 && strcmp(to + length - 2, ".0") == 0) length -= 2;
    snprintf(out, NAME, "%.*s.processor%.*s", (int)(to - diffusers), diffusers, (int)length, to);
    return true;
}

static void spell_unet(fc_lora_names *n, const char *module, fc_weight *weight, fc_weight *bias)
{
    char flat[NAME], other[NAME], processor[NAME];
    uint32_t t = add_target(n, (fc_lora_target){.weight = weight, .bias = bias, .rows = -1});
    underscores(flat, module);
    spell(n, t, "lora_unet_%s", flat);
    spell(n, t, "lycoris_%s", flat);
    spell(n, t, "diffusion_model.%s", module);
    spell(n, t, "diffusion_model.%s.weight", module);
    if (!diffusers_name(n, module, other)) return;
    underscores(flat, other);
    spell(n, t, "lora_unet_%s", flat);
    spell(n, t, "lycoris_%s", flat);
    spell(n, t, "%s", other);
    spell(n, t, "unet.%s", other);
    if (!processor_name(other, processor)) return;
    spell(n, t, "%s", processor);
    spell(n, t, "unet.%s", processor);
}

/* ---- text encoders ---- */

/* te: "1", "2" or "": the encoder's number in names. module: "encoder.layers.3.mlp.fc1". */
static void spell_text(fc_lora_names *n, uint32_t t, const char *te, const char *module)
{
    char flat[NAME];
    underscores(flat, module);
    spell(n, t, "lora_te%s_text_model_%s", te, flat);
    spell(n, t, "text_encoder%s%s.text_model.%s", te[0] == '2' ? "_" : "", te[0] == '2' ? te : "", module);
    if (te[0] == '1') spell(n, t, "lora_te_text_model_%s", flat);
    spell(n, t, "text_encoders.clip_%s.transformer.text_model.%s", te[0] == '1' ? "l" : "g", module);
    spell(n, t, "clip_%s.transformer.text_model.%s", te[0] == '1' ? "l" : "g", module);
}

/* The matrix behind the last layer, which open_clip keeps the other way round than its spellings say. */
static void spell_projection(fc_lora_names *n, const char *te, fc_weight *weight)
{
    uint32_t t = add_target(n, (fc_lora_target){.weight = weight, .rows = -1, .transposed = true});
    spell(n, t, "lora_te%s_text_projection", te);
    spell(n, t, "text_encoder%s%s.text_projection", te[0] == '2' ? "_" : "", te[0] == '2' ? te : "");
    spell(n, t, "text_encoders.clip_g.transformer.text_projection");
    spell(n, t, "clip_g.transformer.text_projection");
}

static void spell_open_clip(fc_lora_names *n, const char *te, const char *name, fc_weight *weight,
                            fc_weight *bias)
{
    static const char *const qkv[] = {"q_proj", "k_proj", "v_proj"};
    static const char *const names[][2] = {{"attn.out_proj.weight", "self_attn.out_proj"},
                                           {"mlp.c_fc.weight", "mlp.fc1"},
                                           {"mlp.c_proj.weight", "mlp.fc2"},
                                           {"ln_1.weight", "layer_norm1"},
                                           {"ln_2.weight", "layer_norm2"}};
    const char *layer = name + strlen("transformer.resblocks.");
    int digits = (int)strspn(layer, "0123456789");
    const char *rest = layer + digits + 1;
    char module[NAME];
    if (digits == 0 || layer[digits] != '.') return;
    if (strcmp(rest, "attn.in_proj_weight") == 0) {
        int32_t width = (int32_t)(fc_weight_rows(weight) / 3);
        for (int i = 0; i < 3; i++) {
            uint32_t t = add_target(
                n, (fc_lora_target){.weight = weight, .bias = bias, .row0 = i * width, .rows = width});
            snprintf(module, sizeof module, "encoder.layers.%.*s.self_attn.%s", digits, layer, qkv[i]);
            spell_text(n, t, te, module);
        }
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(rest, names[i][0]) != 0) continue;
        uint32_t t = add_target(n, (fc_lora_target){.weight = weight, .bias = bias, .rows = -1});
        snprintf(module, sizeof module, "encoder.layers.%.*s.%s", digits, layer, names[i][1]);
        spell_text(n, t, te, module);
    }
}

/* ---- all of it ---- */

static const char *after(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

/* "x.weight" -> the tensor "x.bias", "x_weight" -> "x_bias"; NULL when there is none. */
static fc_weight *bias_of(fc_lora_names *n, const char *name)
{
    char bias[NAME];
    size_t stem = strlen(name) - strlen("weight");
    if (stem + sizeof "bias" > sizeof bias) return NULL;
    snprintf(bias, sizeof bias, "%.*sbias", (int)stem, name);
    return fc_weights_find(n->weights, bias);
}

/* A tensor of bigG. te: as in spell_text */
static void spell_big(fc_lora_names *n, const char *te, const char *rest, fc_weight *w, fc_weight *bias)
{
    static const char *const single[][2] = {{"ln_final.weight", "final_layer_norm"},
                                            {"token_embedding.weight", "embeddings.token_embedding"}};
    if (after(rest, "transformer.resblocks.")) {
        spell_open_clip(n, te, rest, w, bias);
        return;
    }
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (strcmp(rest, single[i][0]) == 0)
            spell_text(n, add_target(n, (fc_lora_target){.weight = w, .bias = bias, .rows = -1}), te,
                       single[i][1]);
}

static void spell_weight(fc_lora_names *n, fc_weight *w)
{
    size_t length = strlen(w->name);
    const char *rest;
    char module[NAME];
    if (strcmp(w->name, FC_CLIP_G_PREFIX "text_projection") == 0) spell_projection(n, "2", w);
    if (strcmp(w->name, FC_CLIP_G_REFINER_PREFIX "text_projection") == 0) spell_projection(n, "", w);
    if (length < 8 || length >= NAME || strcmp(w->name + length - 6, "weight") != 0) return;
    fc_weight *bias = bias_of(n, w->name);
    if ((rest = after(w->name, FC_UNET_PREFIX)) || (rest = after(w->name, FC_CLIP_L_PREFIX))) {
        bool unet = after(w->name, FC_UNET_PREFIX) != NULL;
        snprintf(module, sizeof module, "%.*s", (int)(strlen(rest) - strlen(".weight")), rest);
        if (unet)
            spell_unet(n, module, w, bias);
        else
            spell_text(n, add_target(n, (fc_lora_target){.weight = w, .bias = bias, .rows = -1}), "1",
                       module);
    } else if ((rest = after(w->name, FC_CLIP_G_PREFIX))) {
        spell_big(n, "2", rest, w, bias);
    } else if ((rest = after(w->name, FC_CLIP_G_REFINER_PREFIX))) {
        spell_big(n, "", rest, w, bias);
    }
}

fc_status fc_lora_names_new(fc_lora_names **out, fc_weights *w, fc_err *err)
{
    *out = NULL;
    fc_unet_layout *layout = fc_calloc(1, sizeof *layout);
    fc_lora_names *n = fc_calloc(1, sizeof *n);
    fc_status status = layout && n ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
    if (status != FC_OK) goto out;
    status = fc_unet_layout_read(layout, w, err);
    if (!status) {
        fc_arena_init(&n->arena, ARENA_CAP);
        fc_strmap_init(&n->map);
        n->weights = w;
        n->cap = 3 * fc_weights_count(w);
        n->targets = fc_arena_array(&n->arena, n->cap, sizeof *n->targets);
        pair_layers(n, layout);
        for (size_t i = 0; i < fc_weights_count(w) && n->targets; i++) spell_weight(n, fc_weights_at(w, i));
        status = n->status ? n->status : n->arena.status;
        if (status) fc_fail(err, status, "out of memory while preparing the names of LoRA modules");
    }
out:
    fc_free(layout);
    if (status) {
        fc_lora_names_free(n);
        return status;
    }
    *out = n;
    return FC_OK;
}

void fc_lora_names_free(fc_lora_names *n)
{
    if (!n) return;
    fc_strmap_fini(&n->map);
    fc_arena_fini(&n->arena);
    fc_free(n);
}

bool fc_lora_names_resolve(void *user, const char *module, size_t length, fc_lora_target *out)
{
    const fc_lora_names *n = user;
    uint32_t at;
    /* PEFT wraps the model once more */
    static const char wrap[] = "base_model.model.";
    if (length > sizeof wrap - 1 && memcmp(module, wrap, sizeof wrap - 1) == 0) {
        module += sizeof wrap - 1;
        length -= sizeof wrap - 1;
    }
    if (!fc_strmap_get(&n->map, module, length, &at)) return false;
    *out = n->targets[at];
    return true;
}
