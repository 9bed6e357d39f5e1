/* See blip.h. Must match BLIP's VisionTransformer and BertLMHeadModel. */
#include "model/blip.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/beam_cache.h"

enum {
    RGB = 3,
    HEAD_WIDTH = 64,
    MAX_LAYERS = FC_BEAM_LAYERS,
    MAX_WIDTH = 4096,
    MAX_PATCH = 64,
    MAX_SIDE = 64, /* patches */
    MAX_CONTEXT = 4096,
    MAX_WORDS = 1 << 20,
    NAME_SIZE = 160
};
static const float TEXT_EPS = 1e-12f;
#define ARENA_CAP ((size_t)16 << 20)
#define TEXT      "text_decoder.bert."
#define HEAD      "text_decoder.cls.predictions."

/* The two spellings of the picture's half. */
typedef struct spelling {
    const char *whole, *places, *patches, *layer, *norm1, *qkv, *out, *norm2, *last;
    float eps;
} spelling;

static const spelling spellings[] = {
    {"visual_encoder.cls_token", "visual_encoder.pos_embed", "visual_encoder.patch_embed.proj",
     "visual_encoder.blocks", "norm1", "attn.qkv", "attn.proj", "norm2", "visual_encoder.norm", 1e-6f},
    {"vision_model.embeddings.class_embedding", "vision_model.embeddings.position_embedding",
     "vision_model.embeddings.patch_embedding", "vision_model.encoder.layers", "layer_norm1", "self_attn.qkv",
     "self_attn.projection", "layer_norm2", "vision_model.post_layernorm", 1e-5f},
};

struct seeing {
    char name[12];
    fc_norm_w norm1, norm2;
    fc_linear_w qkv, out, mlp_in, mlp_out;
};

struct attention {
    fc_linear_w q, kv, out; /* of the text itself q, k and v are one product: q is absent then */
    fc_norm_w norm;
};

struct writing_layer {
    char name[12];
    struct attention own, picture;
    fc_linear_w mlp_in, mlp_out;
    fc_norm_w norm;
};

struct fc_blip {
    fc_arena arena;
    fc_slot *slots;
    const spelling *names;
    const char *prefix; /* before all names: "" or "model." */
    int32_t width, heads, mlp, patch, side, layers;
    int32_t text_width, text_heads, text_mlp, context, words, text_layers;
    fc_conv_w patches;
    const fc_weight *whole, *places; /* [width], [places][width], with dimensions of 1 before */
    fc_norm_w last;
    struct seeing seeing[MAX_LAYERS];
    fc_table_w table, text_places;
    fc_norm_w first, head_norm;
    fc_linear_w head_in, head_out;
    struct writing_layer writing[MAX_LAYERS];
};

/* ---- what the file holds ---- */

typedef struct name {
    char text[NAME_SIZE];
} name;

static name name_of(const fc_blip *b, const char *part, const char *rest)
{
    name n;
    snprintf(n.text, sizeof n.text, "%s%s%s", b->prefix, part, rest);
    return n;
}

static int32_t dim(fc_weights *w, name n, int32_t d)
{
    int64_t size = fc_weights_dim(w, n.text, d);
    return size > INT32_MAX ? 0 : (int32_t)size;
}

/* Either of two tensors counts, so that a file that lacks one is not taken for a smaller model. */
static int32_t count_layers(const fc_blip *b, fc_weights *w, const char *layers, const char *one,
                            const char *other)
{
    int32_t n = 0;
    for (; n <= MAX_LAYERS; n++) {
        char first[NAME_SIZE], second[NAME_SIZE];
        snprintf(first, sizeof first, ".%d.%s.weight", (int)n, one);
        snprintf(second, sizeof second, ".%d.%s.weight", (int)n, other);
        if (dim(w, name_of(b, layers, first), 0) < 0 && dim(w, name_of(b, layers, second), 0) < 0) break;
    }
    return n;
}

static bool find_spelling(fc_blip *b, fc_weights *w)
{
    static const char *const prefixes[] = {"", "model."};
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < 2; i++) {
            b->prefix = prefixes[p];
            b->names = &spellings[i];
            if (fc_weights_find(w, name_of(b, b->names->whole, "").text)) return true;
        }
    return false;
}

static int32_t square_root(int32_t n)
{
    int32_t root = 0;
    while (root < MAX_SIDE && (root + 1) * (root + 1) <= n) root++;
    return root * root == n ? root : 0;
}

static int32_t heads_of(int32_t width)
{
    return width >= 2 * HEAD_WIDTH ? width / HEAD_WIDTH : 2;
}

static bool in_range(int32_t n, int32_t max)
{
    return n > 0 && n <= max;
}

static bool is_sane(const fc_blip *b)
{
    return in_range(b->width, MAX_WIDTH) && b->width % b->heads == 0 && in_range(b->patch, MAX_PATCH) &&
           b->side > 0 && in_range(b->mlp, 8 * MAX_WIDTH) && in_range(b->layers, MAX_LAYERS) &&
           in_range(b->text_width, MAX_WIDTH) && b->text_width % b->text_heads == 0 &&
           in_range(b->text_mlp, 8 * MAX_WIDTH) && in_range(b->context, MAX_CONTEXT) &&
           in_range(b->words, MAX_WORDS) && in_range(b->text_layers, MAX_LAYERS);
}

static fc_status read_sizes(fc_blip *b, fc_weights *w, fc_err *err)
{
    static const char layers[] = TEXT "encoder.layer";
    if (!find_spelling(b, w) || dim(w, name_of(b, TEXT, "embeddings.word_embeddings.weight"), 0) < 0)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this file holds no BLIP captioner; describing pictures needs "
                       "model_base_caption_capfilt_large.pth");
    const spelling *s = b->names;
    b->width = dim(w, name_of(b, s->patches, ".weight"), 0);
    b->patch = dim(w, name_of(b, s->patches, ".weight"), 2);
    b->side = square_root(dim(w, name_of(b, s->places, ""), 1) - 1);
    b->mlp = dim(w, name_of(b, s->layer, ".0.mlp.fc1.weight"), 0);
    b->layers = count_layers(b, w, s->layer, s->norm1, "mlp.fc2");
    b->heads = heads_of(b->width);
    b->words = dim(w, name_of(b, TEXT, "embeddings.word_embeddings.weight"), 0);
    b->text_width = dim(w, name_of(b, TEXT, "embeddings.word_embeddings.weight"), 1);
    b->context = dim(w, name_of(b, TEXT, "embeddings.position_embeddings.weight"), 0);
    b->text_mlp = dim(w, name_of(b, layers, ".0.intermediate.dense.weight"), 0);
    b->text_layers = count_layers(b, w, layers, "intermediate.dense", "output.dense");
    b->text_heads = heads_of(b->text_width);
    return is_sane(b)
               ? FC_OK
               : fc_fail(err, FC_FORMAT, "the captioner has impossible sizes; download the file again");
}

/* ---- binding ---- */

static void bind_seeing(fc_binder *bd, const fc_blip *b, struct seeing *l, int32_t number)
{
    const spelling *s = b->names;
    char p[NAME_SIZE];
    snprintf(l->name, sizeof l->name, "%d", (int)number);
    snprintf(p, sizeof p, "%s%s.%s", b->prefix, s->layer, l->name);
    fc_bind_norm(bd, &l->norm1, b->width, 0, s->eps, "%s.%s", p, s->norm1);
    fc_bind_norm(bd, &l->norm2, b->width, 0, s->eps, "%s.%s", p, s->norm2);
    fc_bind_linear(bd, &l->qkv, b->width, 3 * b->width, FC_BIAS, "%s.%s", p, s->qkv);
    fc_bind_linear(bd, &l->out, b->width, b->width, FC_BIAS, "%s.%s", p, s->out);
    fc_bind_linear(bd, &l->mlp_in, b->width, b->mlp, FC_BIAS, "%s.mlp.fc1", p);
    fc_bind_linear(bd, &l->mlp_out, b->mlp, b->width, FC_BIAS, "%s.mlp.fc2", p);
}

/* own: of the text itself; else of the picture, which is as wide as the vision transformer */
static void bind_attention(fc_binder *bd, const fc_blip *b, struct attention *a, bool own, const char *layer)
{
    static const char *const all[] = {"query", "key", "value", NULL};
    char p[NAME_SIZE + 32], self[NAME_SIZE + 40];
    int32_t width = b->text_width;
    snprintf(p, sizeof p, "%s.%s", layer, own ? "attention" : "crossattention");
    snprintf(self, sizeof self, "%s.self", p);
    if (!own) fc_bind_linear(bd, &a->q, width, width, FC_BIAS, "%s.query", self);
    fc_bind_linear_stack(bd, &a->kv, own ? width : b->width, width, FC_BIAS, self, own ? all : all + 1);
    fc_bind_linear(bd, &a->out, width, width, FC_BIAS, "%s.output.dense", p);
    fc_bind_norm(bd, &a->norm, width, 0, TEXT_EPS, "%s.output.LayerNorm", p);
}

static void bind_writing(fc_binder *bd, const fc_blip *b, struct writing_layer *l, int32_t number)
{
    char p[NAME_SIZE];
    snprintf(l->name, sizeof l->name, "%d", (int)number);
    snprintf(p, sizeof p, "%s" TEXT "encoder.layer.%s", b->prefix, l->name);
    bind_attention(bd, b, &l->own, true, p);
    bind_attention(bd, b, &l->picture, false, p);
    fc_bind_linear(bd, &l->mlp_in, b->text_width, b->text_mlp, FC_BIAS, "%s.intermediate.dense", p);
    fc_bind_linear(bd, &l->mlp_out, b->text_mlp, b->text_width, FC_BIAS, "%s.output.dense", p);
    fc_bind_norm(bd, &l->norm, b->text_width, 0, TEXT_EPS, "%s.output.LayerNorm", p);
}

static bool is_vector(const fc_weight *t, int64_t values)
{
    return t && t->data && fc_dtype_is_float(t->dtype) && fc_weight_rows(t) * fc_weight_cols(t) == values;
}

static void bind_text(fc_binder *bd, fc_blip *b)
{
    int32_t width = b->text_width;
    fc_bind_table(bd, &b->table, b->words, width, "%s" TEXT "embeddings.word_embeddings.weight", b->prefix);
    fc_bind_table(bd, &b->text_places, b->context, width, "%s" TEXT "embeddings.position_embeddings.weight",
                  b->prefix);
    fc_bind_norm(bd, &b->first, width, 0, TEXT_EPS, "%s" TEXT "embeddings.LayerNorm", b->prefix);
    fc_bind_linear(bd, &b->head_in, width, width, FC_BIAS, "%s" HEAD "transform.dense", b->prefix);
    fc_bind_norm(bd, &b->head_norm, width, 0, TEXT_EPS, "%s" HEAD "transform.LayerNorm", b->prefix);
    fc_bind_linear_named(bd, &b->head_out, width, b->words, name_of(b, HEAD, "decoder.weight").text,
                         name_of(b, HEAD, "bias").text);
    for (int32_t i = 0; i < b->text_layers; i++) bind_writing(bd, b, &b->writing[i], i);
}

static fc_status bind_all(fc_blip *b, fc_weights *w, fc_err *err)
{
    const spelling *s = b->names;
    fc_binder bd;
    b->whole = fc_weights_find(w, name_of(b, s->whole, "").text);
    b->places = fc_weights_find(w, name_of(b, s->places, "").text);
    if (!is_vector(b->whole, b->width) || !is_vector(b->places, (int64_t)(b->side * b->side + 1) * b->width))
        return fc_fail(err, FC_FORMAT, "%s or %s has another shape; download it again", s->whole, s->places);
    fc_binder_init(&bd, w, &b->arena);
    fc_bind_conv(&bd, &b->patches, RGB, b->width, b->patch, b->patch, FC_BIAS, "%s%s", b->prefix, s->patches);
    b->patches.geom = (fc_conv_geom){b->patch, b->patch, b->patch, 0, 0, 0, 0, 0};
    for (int32_t i = 0; i < b->layers; i++) bind_seeing(&bd, b, &b->seeing[i], i);
    fc_bind_norm(&bd, &b->last, b->width, 0, s->eps, "%s%s", b->prefix, s->last);
    bind_text(&bd, b);
    fc_status status = fc_binder_finish(&bd, err);
    b->slots = bd.slots;
    return status;
}

fc_status fc_blip_open(fc_blip **out, fc_weights *w, fc_err *err)
{
    *out = NULL;
    fc_blip *b = fc_calloc(1, sizeof *b);
    if (!b) return fc_fail(err, FC_NOMEM, "out of memory while opening the captioner");
    fc_arena_init(&b->arena, ARENA_CAP);
    fc_status status = read_sizes(b, w, err);
    if (status != FC_OK) goto out;
    status = bind_all(b, w, err);
out:
    if (status) {
        fc_blip_close(b);
        return status;
    }
    *out = b;
    return FC_OK;
}

void fc_blip_close(fc_blip *b)
{
    if (!b) return;
    fc_slots_forget(b->slots);
    fc_arena_fini(&b->arena);
    fc_free(b);
}

int32_t fc_blip_size(const fc_blip *b)
{
    return b->patch * b->side;
}

int32_t fc_blip_words(const fc_blip *b)
{
    return b->words;
}

/* ---- seeing ---- */

static fc_tensor upload_picture(fc_cx *cx, const fc_blip *b, const uint8_t *rgb)
{
    static const float mean[RGB] = {0.48145466f, 0.4578275f, 0.40821073f};
    static const float deviation[RGB] = {0.26862954f, 0.26130258f, 0.27577711f};
    int32_t size = fc_blip_size(b);
    size_t values = (size_t)size * (size_t)size * RGB;
    fc_tensor x = {0};
    float *host = fc_calloc(values, sizeof *host);
    for (size_t i = 0; host && i < values; i++)
        host[i] = ((float)rgb[i] / 255.0f - mean[i % RGB]) / deviation[i % RGB];
    if (host)
        x = fc_upload(cx, FC_F32, host, 1, size, size, RGB);
    else
        fc_cx_fail(cx, FC_NOMEM, "out of memory");
    fc_free(host);
    return x;
}

/* What every token begins with: its place, and the first one what stands for the whole picture. */
static fc_tensor upload_places(fc_cx *cx, const fc_blip *b)
{
    int32_t tokens = b->side * b->side + 1, width = b->width;
    fc_tensor x = {0};
    float *host = fc_calloc((size_t)tokens, (size_t)width * sizeof *host);
    float *whole = fc_calloc((size_t)width, sizeof *whole);
    fc_status status = host && whole ? FC_OK : FC_NOMEM;
    if (status != FC_OK) goto out;
    status = fc_weight_read(b->places, 0, (int32_t)fc_weight_rows(b->places), host);
    if (status != FC_OK) goto out;
    status = fc_weight_read(b->whole, 0, (int32_t)fc_weight_rows(b->whole), whole);
    for (int32_t i = 0; i < width && !status; i++) host[i] += whole[i];
out:
    if (status)
        fc_cx_fail(cx, status, "cannot read the places of the captioner");
    else
        x = fc_upload(cx, FC_F32, host, 1, 1, tokens, width);
    fc_free(host);
    fc_free(whole);
    return x;
}

/* x += attention(norm(x)); x += mlp(norm(x)) */
static void see_layer(fc_cx *cx, const fc_blip *b, const struct seeing *l, fc_tensor x)
{
    fc_mark m = fc_enter(cx, l->name);
    int32_t width = b->width;
    fc_tensor qkv = fc_linear(cx, fc_layer_norm(cx, x, &l->norm1), &l->qkv, FC_PLAIN);
    fc_tensor h = fc_attention(cx, fc_tensor_channels(qkv, 0, width), fc_tensor_channels(qkv, width, width),
                               fc_tensor_channels(qkv, 2 * width, width), b->heads, false);
    fc_linear_to(cx, x, h, &l->out, (fc_epi){.add = x});
    h = fc_linear(cx, fc_layer_norm(cx, x, &l->norm2), &l->mlp_in, (fc_epi){.act = FC_ACT_GELU});
    fc_linear_to(cx, x, h, &l->mlp_out, (fc_epi){.add = x});
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

/* [1,1,tokens,width] */
static fc_tensor see(fc_cx *cx, const fc_blip *b, const uint8_t *rgb)
{
    int32_t tokens = b->side * b->side + 1;
    fc_tensor state = fc_new(cx, FC_F32, 1, 1, tokens, b->width);
    fc_mark m = fc_enter(cx, "vision");
    fc_tensor x = upload_places(cx, b);
    fc_tensor patches = fc_tensor_image(fc_tensor_positions(x, 1, tokens - 1), b->side, b->side);
    fc_conv2d_to(cx, patches, upload_picture(cx, b, rgb), &b->patches, (fc_epi){.add = patches});
    for (int32_t i = 0; i < b->layers && !cx->status; i++) see_layer(cx, b, &b->seeing[i], x);
    fc_copy_to(cx, state, fc_layer_norm(cx, x, &b->last));
    fc_probe(cx, "picture", state);
    fc_leave(cx, m);
    return state;
}

/* ---- writing ---- */

typedef struct writing {
    fc_cx *cx;
    const fc_blip *b;
    fc_tensor picture[MAX_LAYERS]; /* [1,1,tokens,2 width] */
    fc_beam_cache cache;
} writing;

/* One token of each text at the same place -> [1,1,n,width] */
static fc_tensor embed(fc_cx *cx, const fc_blip *b, const int32_t *ids, int32_t n, int32_t at)
{
    size_t width = (size_t)b->text_width;
    fc_tensor x = {0};
    float *host = fc_calloc((size_t)n, width * sizeof *host), *place = fc_calloc(width, sizeof *place);
    fc_status status = host && place ? fc_weight_read(b->text_places.weight, at, 1, place) : FC_NOMEM;
    for (int32_t i = 0; i < n && !status; i++) {
        float *row = host + (size_t)i * width;
        if (ids[i] < 0 || ids[i] >= b->words) status = FC_ARG;
        if (!status) status = fc_weight_read(b->table.weight, ids[i], 1, row);
        for (size_t k = 0; k < width && !status; k++) row[k] += place[k];
    }
    if (status)
        fc_cx_fail(cx, status, "cannot read the word table of the captioner");
    else
        x = fc_upload(cx, FC_F32, host, 1, 1, n, b->text_width);
    fc_free(host);
    fc_free(place);
    return x;
}

/* x = norm(x + out(h)) */
static void add_and_norm(fc_cx *cx, fc_tensor x, fc_tensor h, const fc_linear_w *out, const fc_norm_w *norm)
{
    fc_linear_to(cx, x, h, out, (fc_epi){.add = x});
    fc_copy_to(cx, x, fc_layer_norm(cx, x, norm));
}

static void write_layer(writing *w, int32_t number, fc_tensor x)
{
    fc_cx *cx = w->cx;
    const struct writing_layer *l = &w->b->writing[number];
    int32_t width = w->b->text_width, heads = w->b->text_heads;
    fc_tensor picture = w->picture[number];
    fc_mark m = fc_enter(cx, l->name);
    fc_tensor qkv = fc_linear(cx, x, &l->own.kv, FC_PLAIN);
    add_and_norm(cx, x, fc_beam_cache_attend(cx, &w->cache, number, qkv, heads), &l->own.out, &l->own.norm);
    fc_tensor h =
        fc_attention(cx, fc_linear(cx, x, &l->picture.q, FC_PLAIN), fc_tensor_channels(picture, 0, width),
                     fc_tensor_channels(picture, width, width), heads, false);
    add_and_norm(cx, x, h, &l->picture.out, &l->picture.norm);
    h = fc_linear(cx, x, &l->mlp_in, (fc_epi){.act = FC_ACT_GELU});
    add_and_norm(cx, x, h, &l->mlp_out, &l->norm);
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

static fc_status step(void *user, const int32_t *parents, const int32_t *tokens, int32_t n, float *logits,
                      fc_err *err)
{
    writing *w = user;
    fc_cx *cx = w->cx;
    fc_beam_cache_reorder(cx, &w->cache, parents, n);
    fc_mark m = fc_enter(cx, "text");
    fc_tensor x = fc_layer_norm(cx, embed(cx, w->b, tokens, n, w->cache.length), &w->b->first);
    for (int32_t i = 0; i < w->b->text_layers && !cx->status; i++) write_layer(w, i, x);
    x = fc_linear(cx, x, &w->b->head_in, (fc_epi){.act = FC_ACT_GELU});
    x = fc_linear(cx, fc_layer_norm(cx, x, &w->b->head_norm), &w->b->head_out, FC_PLAIN);
    fc_download(cx, x, logits);
    fc_leave(cx, m);
    w->cache.length++;
    return fc_cx_status(cx, err);
}

fc_status fc_blip_describe(fc_cx *cx, const fc_blip *b, const uint8_t *rgb, const int32_t *prompt,
                           int32_t prompt_count, const fc_beam_opts *opts, int32_t *tokens, int32_t *written,
                           fc_err *err)
{
    fc_beam_opts o = *opts;
    writing w = {.cx = cx, .b = b};
    if (o.max_length > b->context) o.max_length = b->context;
    fc_mark mark = fc_enter(cx, "blip");
    fc_tensor picture = see(cx, b, rgb);
    for (int32_t i = 0; i < b->text_layers; i++)
        w.picture[i] = fc_linear(cx, picture, &b->writing[i].picture.kv, FC_PLAIN);
    fc_beam_cache_init(cx, &w.cache, b->text_layers, o.beams, o.max_length, b->text_width);
    const fc_beam_model model = {.user = &w, .words = b->words, .step = step};
    fc_status status = fc_cx_status(cx, err);
    if (status != FC_OK) goto out;
    status = fc_beam_search(&model, &o, prompt, prompt_count, tokens, written, err);
out:
    fc_leave(cx, mark);
    return status;
}
