/* CLIP's picture encoder: see clip_vision.h. A pre-norm transformer over patches; the last layer, the final
 * norm and the projection are not needed here and not bound. */
#include "model/clip_vision.h"

#include <stdio.h>

#include "base/mem.h"

enum {
    RGB = FC_CLIP_VISION_RGB,
    HEAD_WIDTH = 80,
    MAX_LAYERS = 64,
    MAX_WIDTH = 4096,
    MAX_PATCH = 64,
    MAX_SIDE = 64, /* patches */
    NAME_SIZE = 128
};
static const float EPS = 1e-5f;
#define ARENA_CAP ((size_t)1 << 20)
#define PREFIX    "vision_model."
#define LAYERS    PREFIX "encoder.layers."

struct layer {
    char name[16];
    fc_norm_w norm1, norm2;
    fc_linear_w qkv, out, mlp_in, mlp_out;
};

struct fc_clip_vision {
    fc_arena arena;
    fc_slot *slots;
    int32_t width, mlp, patch, side, layers; /* side: patches along an edge; layers: without the last */
    fc_conv_w patches;
    fc_table_w positions;
    const fc_weight *whole; /* the picture's own token, [width] */
    fc_norm_w norm;
    struct layer layer[MAX_LAYERS];
};

/* ---- binding ---- */

static int32_t dim(fc_weights *w, const char *name, int32_t d)
{
    int64_t n = fc_weights_dim(w, name, d);
    return n > INT32_MAX ? 0 : (int32_t)n;
}

/* Either of two tensors counts, so that a file that lacks one is not taken for a smaller model. */
static bool has_layer(fc_weights *w, int32_t i)
{
    char norm[NAME_SIZE], mlp[NAME_SIZE];
    snprintf(norm, sizeof norm, LAYERS "%d.layer_norm1.weight", i);
    snprintf(mlp, sizeof mlp, LAYERS "%d.mlp.fc2.weight", i);
    return dim(w, norm, 0) >= 0 || dim(w, mlp, 0) >= 0;
}

static int32_t square_root(int32_t n)
{
    int32_t root = 0;
    while (root < MAX_SIDE && (root + 1) * (root + 1) <= n) root++;
    return root * root == n ? root : 0;
}

static fc_status read_sizes(fc_clip_vision *v, fc_weights *w, fc_err *err)
{
    static const char patches[] = PREFIX "embeddings.patch_embedding.weight";
    v->width = dim(w, patches, 0);
    v->patch = dim(w, patches, 2);
    v->mlp = dim(w, LAYERS "0.mlp.fc1.weight", 0);
    int32_t tokens = dim(w, PREFIX "embeddings.position_embedding.weight", 0);
    int32_t layers = 0;
    while (layers <= MAX_LAYERS && has_layer(w, layers)) layers++;
    if (v->width < 0 || layers == 0)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this file holds no CLIP vision encoder; image prompts need ViT-H "
                       "(clip_vision_vit_h.safetensors)");
    if (v->width == 0 || v->width % HEAD_WIDTH || layers < 2)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this CLIP vision encoder is %d wide, which is not ViT-H; image prompts need "
                       "clip_vision_vit_h.safetensors",
                       (int)v->width);
    v->side = square_root(tokens - 1);
    v->layers = layers - 1;
    bool sane = v->width <= MAX_WIDTH && v->patch > 0 && v->patch <= MAX_PATCH && v->side > 0 && v->mlp > 0 &&
                v->mlp <= 8 * MAX_WIDTH && layers <= MAX_LAYERS;
    if (sane) return FC_OK;
    return fc_fail(err, FC_FORMAT, "the CLIP vision encoder has impossible sizes; download the file again");
}

static void bind_layer(fc_binder *b, const fc_clip_vision *v, struct layer *l)
{
    static const char *const qkv[] = {"q_proj", "k_proj", "v_proj", NULL};
    char base[NAME_SIZE], attn[NAME_SIZE];
    snprintf(base, sizeof base, LAYERS "%s", l->name);
    snprintf(attn, sizeof attn, LAYERS "%s.self_attn", l->name);
    fc_bind_norm(b, &l->norm1, v->width, 0, EPS, "%s.layer_norm1", base);
    fc_bind_norm(b, &l->norm2, v->width, 0, EPS, "%s.layer_norm2", base);
    fc_bind_linear_stack(b, &l->qkv, v->width, v->width, FC_BIAS, attn, qkv);
    fc_bind_linear(b, &l->out, v->width, v->width, FC_BIAS, "%s.out_proj", attn);
    fc_bind_linear(b, &l->mlp_in, v->width, v->mlp, FC_BIAS, "%s.mlp.fc1", base);
    fc_bind_linear(b, &l->mlp_out, v->mlp, v->width, FC_BIAS, "%s.mlp.fc2", base);
}

static fc_status bind_all(fc_clip_vision *v, fc_weights *w, fc_err *err)
{
    static const char whole[] = PREFIX "embeddings.class_embedding";
    fc_binder b;
    v->whole = fc_weights_find(w, whole);
    bool fits = v->whole && v->whole->data && fc_dtype_is_float(v->whole->dtype) && v->whole->ndim == 1 &&
                v->whole->shape[0] == v->width;
    if (!fits) return fc_fail(err, FC_FORMAT, "%s is missing or has another shape; download it again", whole);
    fc_binder_init(&b, w, &v->arena);
    fc_bind_conv(&b, &v->patches, RGB, v->width, v->patch, v->patch, FC_NO_BIAS,
                 PREFIX "embeddings.patch_embedding");
    v->patches.geom = (fc_conv_geom){v->patch, v->patch, v->patch, 0, 0, 0, 0, 0};
    fc_bind_table(&b, &v->positions, fc_clip_vision_tokens(v), v->width,
                  PREFIX "embeddings.position_embedding.weight");
    fc_bind_norm(&b, &v->norm, v->width, 0, EPS, PREFIX "pre_layrnorm"); /* spelled so in the files */
    for (int32_t i = 0; i < v->layers; i++) {
        snprintf(v->layer[i].name, sizeof v->layer[i].name, "%d", i);
        bind_layer(&b, v, &v->layer[i]);
    }
    fc_status status = fc_binder_finish(&b, err);
    v->slots = b.slots;
    return status;
}

fc_status fc_clip_vision_open(fc_clip_vision **out, fc_weights *w, fc_err *err)
{
    *out = NULL;
    fc_clip_vision *v = fc_calloc(1, sizeof *v);
    if (!v) return fc_fail(err, FC_NOMEM, "out of memory while opening the CLIP vision encoder");
    fc_arena_init(&v->arena, ARENA_CAP);
    fc_status status = read_sizes(v, w, err);
    if (status != FC_OK) goto out;
    status = bind_all(v, w, err);
out:
    if (status) {
        fc_clip_vision_close(v);
        return status;
    }
    *out = v;
    return FC_OK;
}

void fc_clip_vision_close(fc_clip_vision *v)
{
    if (!v) return;
    fc_slots_forget(v->slots);
    fc_arena_fini(&v->arena);
    fc_free(v);
}

void fc_clip_vision_rest(fc_clip_vision *v)
{
    if (v) fc_slots_forget(v->slots);
}

int32_t fc_clip_vision_width(const fc_clip_vision *v)
{
    return v->width;
}

int32_t fc_clip_vision_size(const fc_clip_vision *v)
{
    return v->patch * v->side;
}

int32_t fc_clip_vision_tokens(const fc_clip_vision *v)
{
    return v->side * v->side + 1;
}

/* ---- running ---- */

/* [size][size][3] as the network was trained to see them; all zero without a picture */
static void normalise(const uint8_t *rgb, size_t values, float *out)
{
    static const float mean[RGB] = {0.48145466f, 0.4578275f, 0.40821073f};
    static const float deviation[RGB] = {0.26862954f, 0.26130258f, 0.27577711f};
    for (size_t i = 0; rgb && i < values; i++)
        out[i] = ((float)rgb[i] / 255.0f - mean[i % RGB]) / deviation[i % RGB];
}

static fc_tensor upload_picture(fc_cx *cx, const fc_clip_vision *v, const uint8_t *rgb)
{
    int32_t size = fc_clip_vision_size(v);
    size_t values = (size_t)size * (size_t)size * RGB;
    fc_tensor x = {0};
    float *host = fc_calloc(values, sizeof *host);
    if (host) {
        normalise(rgb, values, host);
        x = fc_upload(cx, cx->act, host, 1, size, size, RGB);
    } else {
        fc_cx_fail(cx, FC_NOMEM, "out of memory");
    }
    fc_free(host);
    return x;
}

/* What every token begins with: its position, and the first one what stands for the whole picture. */
static fc_tensor upload_places(fc_cx *cx, const fc_clip_vision *v)
{
    int32_t tokens = fc_clip_vision_tokens(v), width = v->width;
    fc_tensor x = {0};
    float *host = fc_calloc((size_t)tokens * (size_t)width, sizeof *host);
    float *whole = fc_calloc((size_t)width, sizeof *whole);
    fc_status status = host && whole ? FC_OK : FC_NOMEM;
    if (status != FC_OK) goto out;
    status = fc_weight_read(v->positions.weight, 0, tokens, host);
    if (status != FC_OK) goto out;
    status = fc_weight_read(v->whole, 0, width, whole);
    for (int32_t i = 0; i < width && !status; i++) host[i] += whole[i];
out:
    if (status)
        fc_cx_fail(cx, status, "cannot read the position table");
    else
        x = fc_upload(cx, cx->act, host, 1, 1, tokens, width);
    fc_free(host);
    fc_free(whole);
    return x;
}

/* x += attention(norm(x)); x += mlp(norm(x)) */
static void run_layer(fc_cx *cx, const struct layer *l, fc_tensor x)
{
    fc_mark m = fc_enter(cx, l->name);
    int32_t width = x.c;
    fc_tensor h = fc_layer_norm(cx, x, &l->norm1);
    fc_tensor qkv = fc_linear(cx, h, &l->qkv, FC_PLAIN);
    fc_tensor q = fc_tensor_channels(qkv, 0, width);
    fc_tensor k = fc_tensor_channels(qkv, width, width);
    fc_tensor v = fc_tensor_channels(qkv, 2 * width, width);
    h = fc_attention(cx, q, k, v, width / HEAD_WIDTH, false);
    fc_linear_to(cx, x, h, &l->out, (fc_epi){.add = x});
    h = fc_layer_norm(cx, x, &l->norm2);
    h = fc_linear(cx, h, &l->mlp_in, (fc_epi){.act = FC_ACT_GELU});
    fc_linear_to(cx, x, h, &l->mlp_out, (fc_epi){.add = x});
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

fc_tensor fc_clip_vision_encode(fc_cx *cx, const fc_clip_vision *v, const uint8_t *rgb)
{
    int32_t tokens = fc_clip_vision_tokens(v);
    fc_tensor state = fc_new(cx, cx->act, 1, 1, tokens, v->width);
    fc_mark m = fc_enter(cx, "clip_vision");
    fc_tensor x = upload_places(cx, v);
    fc_tensor patches = fc_tensor_image(fc_tensor_positions(x, 1, tokens - 1), v->side, v->side);
    fc_conv2d_to(cx, patches, upload_picture(cx, v, rgb), &v->patches, (fc_epi){.add = patches});
    fc_copy_to(cx, state, fc_layer_norm(cx, x, &v->norm));
    fc_probe(cx, "embeddings", state);
    for (int32_t i = 0; i < v->layers && !cx->status; i++) run_layer(cx, &v->layer[i], state);
    fc_leave(cx, m);
    return state;
}
