/* CLIP text encoder: pre-norm transformer with a causal mask, heads 64 wide. */
#include "model/clip.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { HEAD_WIDTH = 64, MAX_LAYERS = 64, MAX_WIDTH = 8192, MAX_TOKENS = 1024, NAME_SIZE = 160 };
static const float EPS = 1e-5f;
#define ARENA_CAP ((size_t)1 << 20)

/* The two spellings of the same network. */
struct layout {
    const char *table, *positions, *final_norm;
    const char *layers, *norm1, *norm2, *attn, *out, *mlp_in, *mlp_out;
    bool fused; /* q, k and v are one tensor */
    fc_act act;
};

static const struct layout hugging_face = {
    .table = "embeddings.token_embedding.weight",
    .positions = "embeddings.position_embedding.weight",
    .final_norm = "final_layer_norm",
    .layers = "encoder.layers",
    .norm1 = "layer_norm1",
    .norm2 = "layer_norm2",
    .attn = "self_attn",
    .out = "self_attn.out_proj",
    .mlp_in = "mlp.fc1",
    .mlp_out = "mlp.fc2",
    .act = FC_ACT_QUICK_GELU,
};

static const struct layout open_clip = {
    .table = "token_embedding.weight",
    .positions = "positional_embedding",
    .final_norm = "ln_final",
    .layers = "transformer.resblocks",
    .norm1 = "ln_1",
    .norm2 = "ln_2",
    .attn = "attn",
    .out = "attn.out_proj",
    .mlp_in = "mlp.c_fc",
    .mlp_out = "mlp.c_proj",
    .fused = true,
    .act = FC_ACT_GELU,
};

struct layer {
    char name[32];
    fc_norm_w norm1, norm2;
    fc_linear_w qkv, out, mlp_in, mlp_out;
};

struct fc_clip {
    fc_arena arena;
    fc_slot *slots;
    const struct layout *layout;
    int32_t width, layers, tokens, mlp, projection_width; /* projection_width 0: no projection */
    fc_table_w table, positions, projection;
    fc_norm_w final_norm;
    struct layer layer[MAX_LAYERS];
};

/* ---- binding ---- */

static int32_t dim(fc_weights *w, int32_t d, const char *prefix, const char *name)
{
    char full[NAME_SIZE];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    int64_t n = fc_weights_dim(w, full, d);
    return n > INT32_MAX ? 0 : (int32_t)n;
}

static void layer_name(const fc_clip *c, int32_t i, char out[32])
{
    snprintf(out, 32, "%s.%d", c->layout->layers, i);
}

static bool has_layer_part(const fc_clip *c, fc_weights *w, const char *prefix, int32_t i, const char *part)
{
    char name[32], full[64];
    layer_name(c, i, name);
    snprintf(full, sizeof full, "%s.%s.weight", name, part);
    return dim(w, 0, prefix, full) >= 0;
}

/* Either of two tensors counts, so that a file that lacks one is not taken for a smaller model. */
static int32_t count_layers(const fc_clip *c, fc_weights *w, const char *prefix)
{
    int32_t n = 0;
    while (n < MAX_LAYERS && (has_layer_part(c, w, prefix, n, c->layout->norm1) ||
                              has_layer_part(c, w, prefix, n, c->layout->mlp_out)))
        n++;
    return n;
}

/* Recognises the layout and reads the sizes. */
static fc_status read_sizes(fc_clip *c, fc_weights *w, const char *prefix, fc_err *err)
{
    c->layout = dim(w, 0, prefix, open_clip.table) >= 0 ? &open_clip : &hugging_face;
    c->width = dim(w, 1, prefix, c->layout->table);
    c->tokens = dim(w, 0, prefix, c->layout->positions);
    c->layers = count_layers(c, w, prefix);
    char first[32], mlp[64];
    layer_name(c, 0, first);
    snprintf(mlp, sizeof mlp, "%s.%s.weight", first, c->layout->mlp_in);
    c->mlp = dim(w, 0, prefix, mlp);
    int32_t projection = dim(w, 1, prefix, "text_projection");
    if (projection >= 0 ||
        c->layout == &open_clip) /* bigG must have one: the binder says so when it has not */
        c->projection_width = projection > 0 ? projection : c->width;
    if (c->width <= 0 || c->layers == 0)
        return fc_fail(err, FC_FORMAT,
                       "the file has no text encoder at %s; choose a complete SDXL checkpoint instead",
                       prefix);
    bool sane = c->width <= MAX_WIDTH && c->width % HEAD_WIDTH == 0 && c->tokens > 0 &&
                c->tokens <= MAX_TOKENS && c->mlp > 0 && c->mlp <= 8 * MAX_WIDTH &&
                c->projection_width <= MAX_WIDTH;
    if (!sane)
        return fc_fail(err, FC_FORMAT, "the text encoder at %s has impossible sizes; download the file again",
                       prefix);
    return FC_OK;
}

static void bind_layer(fc_binder *b, const fc_clip *c, struct layer *l, const char *prefix)
{
    static const char *const qkv[] = {"q_proj", "k_proj", "v_proj", NULL};
    const struct layout *y = c->layout;
    int32_t width = c->width;
    char base[NAME_SIZE], attn[NAME_SIZE], weight[NAME_SIZE], bias[NAME_SIZE];
    snprintf(base, sizeof base, "%.100s%s", prefix, l->name);
    snprintf(attn, sizeof attn, "%.120s.%s", base, y->attn);
    fc_bind_norm(b, &l->norm1, width, 0, EPS, "%s.%s", base, y->norm1);
    fc_bind_norm(b, &l->norm2, width, 0, EPS, "%s.%s", base, y->norm2);
    if (y->fused) {
        snprintf(weight, sizeof weight, "%.140s.in_proj_weight", attn);
        snprintf(bias, sizeof bias, "%.140s.in_proj_bias", attn);
        fc_bind_linear_named(b, &l->qkv, width, 3 * width, weight, bias);
    } else {
        fc_bind_linear_stack(b, &l->qkv, width, width, FC_BIAS, attn, qkv);
    }
    fc_bind_linear(b, &l->out, width, width, FC_BIAS, "%s.%s", base, y->out);
    fc_bind_linear(b, &l->mlp_in, width, c->mlp, FC_BIAS, "%s.%s", base, y->mlp_in);
    fc_bind_linear(b, &l->mlp_out, c->mlp, width, FC_BIAS, "%s.%s", base, y->mlp_out);
}

static fc_status bind_all(fc_clip *c, fc_weights *w, const char *prefix, fc_err *err)
{
    const struct layout *y = c->layout;
    fc_binder b;
    fc_binder_init(&b, w, &c->arena);
    fc_bind_table(&b, &c->table, -1, c->width, "%s%s", prefix, y->table);
    fc_bind_table(&b, &c->positions, c->tokens, c->width, "%s%s", prefix, y->positions);
    for (int32_t i = 0; i < c->layers; i++) {
        layer_name(c, i, c->layer[i].name);
        bind_layer(&b, c, &c->layer[i], prefix);
    }
    fc_bind_norm(&b, &c->final_norm, c->width, 0, EPS, "%s%s", prefix, y->final_norm);
    if (c->projection_width)
        fc_bind_table(&b, &c->projection, c->width, c->projection_width, "%stext_projection", prefix);
    fc_status status = fc_binder_finish(&b, err);
    c->slots = b.slots;
    return status;
}

fc_status fc_clip_open(fc_clip **out, fc_weights *w, const char *prefix, fc_err *err)
{
    *out = NULL;
    fc_clip *c = fc_calloc(1, sizeof *c);
    if (!c) return fc_fail(err, FC_NOMEM, "out of memory while opening the text encoder");
    fc_arena_init(&c->arena, ARENA_CAP);
    fc_status status = read_sizes(c, w, prefix, err);
    if (status != FC_OK) goto out;
    status = bind_all(c, w, prefix, err);
out:
    if (status) {
        fc_clip_close(c);
        return status;
    }
    *out = c;
    return FC_OK;
}

void fc_clip_close(fc_clip *c)
{
    if (!c) return;
    fc_slots_forget(c->slots);
    fc_arena_fini(&c->arena);
    fc_free(c);
}

void fc_clip_evict(fc_clip *c)
{
    if (c) fc_slots_forget(c->slots);
}

int32_t fc_clip_width(const fc_clip *c)
{
    return c->width;
}

int32_t fc_clip_pooled_width(const fc_clip *c)
{
    return c->projection_width ? c->projection_width : c->width;
}

int32_t fc_clip_tokens(const fc_clip *c)
{
    return c->tokens;
}

int64_t fc_clip_words(const fc_clip *c)
{
    return c->table.rows;
}

/* ---- running ---- */

/* x += attention(norm(x)); x += mlp(norm(x)) */
static void run_layer(fc_cx *cx, const fc_clip *c, const struct layer *l, fc_tensor x)
{
    fc_mark m = fc_enter(cx, l->name);
    int32_t width = c->width;
    fc_tensor h = fc_layer_norm(cx, x, &l->norm1);
    fc_tensor qkv = fc_linear(cx, h, &l->qkv, FC_PLAIN);
    fc_tensor q = fc_tensor_channels(qkv, 0, width);
    fc_tensor k = fc_tensor_channels(qkv, width, width);
    fc_tensor v = fc_tensor_channels(qkv, 2 * width, width);
    h = fc_attention(cx, q, k, v, width / HEAD_WIDTH, true);
    fc_linear_to(cx, x, h, &l->out, (fc_epi){.add = x});
    h = fc_layer_norm(cx, x, &l->norm2);
    h = fc_linear(cx, h, &l->mlp_in, (fc_epi){.act = c->layout->act});
    fc_linear_to(cx, x, h, &l->mlp_out, (fc_epi){.add = x});
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

/* Place of the first of the largest ids: the end token. Negative ids (textual inversion) are smaller than any
 * token. */
static int32_t end_position(const int32_t *ids, int32_t tokens)
{
    int32_t best = 0;
    for (int32_t i = 1; i < tokens; i++)
        if (ids[i] > ids[best]) best = i;
    return best;
}

/* out[j] = sum over i of x[i] * P[i][j]. One vector a prompt: not worth packing the matrix. */
static fc_status project(const fc_table_w *p, const float *x, float *out)
{
    size_t width = (size_t)p->c;
    double *sum = fc_calloc(width, sizeof *sum);
    float *row = fc_calloc(width, sizeof *row);
    fc_status status = sum && row ? FC_OK : FC_NOMEM;
    for (int32_t i = 0; i < p->rows && !status; i++) {
        status = fc_weight_read(p->weight, i, 1, row);
        for (size_t j = 0; j < width && !status; j++) sum[j] += (double)x[i] * (double)row[j];
    }
    for (size_t j = 0; j < width && !status; j++) out[j] = (float)sum[j];
    fc_free(sum);
    fc_free(row);
    return status;
}

static void pool(fc_cx *cx, const fc_clip *c, fc_tensor x, const fc_clip_request *r, float *pooled)
{
    int32_t at = end_position(r->ids + (size_t)r->pool_chunk * (size_t)c->tokens, c->tokens);
    fc_tensor end = fc_tensor_position(fc_tensor_batch(x, r->pool_chunk, 1), at);
    end = fc_layer_norm(cx, end, &c->final_norm);
    if (!c->projection_width) {
        fc_download(cx, end, pooled);
        return;
    }
    float *state = fc_calloc((size_t)c->width, sizeof *state);
    if (!state) fc_cx_fail(cx, FC_NOMEM, "out of memory in the text encoder");
    fc_download(cx, end, state);
    fc_status status = cx->status ? FC_OK : project(&c->projection, state, pooled);
    if (status) fc_cx_fail(cx, status, "cannot read the text projection");
    fc_free(state);
}

void fc_clip_encode(fc_cx *cx, const fc_clip *c, const fc_clip_request *r, float *hidden, float *pooled)
{
    bool beyond = r->skip > c->layers;
    int32_t shown = beyond ? c->layers : c->layers - (r->skip < 1 ? 1 : r->skip) + 1;
    int32_t last = r->pool_chunk >= 0 ? c->layers : shown;
    fc_mark m = fc_enter(cx, "clip");
    fc_tensor x = fc_embed(cx, &c->table, &c->positions, r->ids, r->extra, r->n, c->tokens);
    fc_probe(cx, "embeddings", x);
    for (int32_t i = 0; i < last && !cx->status; i++) {
        run_layer(cx, c, &c->layer[i], x);
        if (i + 1 == shown) fc_download(cx, beyond ? fc_layer_norm(cx, x, &c->final_norm) : x, hidden);
    }
    if (r->pool_chunk >= 0) pool(cx, c, x, r, pooled);
    fc_leave(cx, m);
}
