/* See gpt2.h. */
#include "model/gpt2.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
    HEAD_WIDTH = 64,
    MIN_HEADS = 4,
    MAX_LAYERS = 64,
    MAX_WIDTH = 4096,
    MAX_CONTEXT = 4096,
    MAX_WORDS = 1 << 20
};
enum { NAME_SIZE = 64 };
static const float EPS = 1e-5f;
#define ARENA_CAP ((size_t)1 << 20)

struct layer {
    char name[20];
    fc_norm_w norm1, norm2;
    fc_linear_w qkv, out, mlp_in, mlp_out;
};

struct fc_gpt2 {
    fc_arena arena;
    fc_slot *slots;
    const char *prefix; /* "transformer." or "" */
    int32_t width, words, context, layers, heads, mlp;
    fc_table_w table, positions;
    fc_linear_w head; /* the word table again, as a matrix */
    fc_norm_w norm;
    struct layer layer[MAX_LAYERS];
};

/* ---- binding ---- */

static int32_t dim(fc_weights *w, const fc_gpt2 *g, const char *rest, int32_t d)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%s", g->prefix, rest);
    int64_t n = fc_weights_dim(w, name, d);
    return n > INT32_MAX ? 0 : (int32_t)n;
}

static bool has_layer(fc_weights *w, const fc_gpt2 *g, int32_t i)
{
    char norm[NAME_SIZE], mlp[NAME_SIZE];
    snprintf(norm, sizeof norm, "h.%d.ln_1.weight", (int)i);
    snprintf(mlp, sizeof mlp, "h.%d.mlp.c_proj.weight", (int)i);
    return dim(w, g, norm, 0) >= 0 || dim(w, g, mlp, 0) >= 0;
}

static fc_status read_sizes(fc_gpt2 *g, fc_weights *w, fc_err *err)
{
    g->prefix = "transformer.";
    if (dim(w, g, "wte.weight", 0) < 0) g->prefix = "";
    g->words = dim(w, g, "wte.weight", 0);
    g->width = dim(w, g, "wte.weight", 1);
    g->context = dim(w, g, "wpe.weight", 0);
    g->mlp = dim(w, g, "h.0.mlp.c_fc.weight", 1);
    while (g->layers <= MAX_LAYERS && has_layer(w, g, g->layers)) g->layers++;
    if (g->words < 0 || g->context < 0 || g->layers == 0)
        return fc_fail(err, FC_UNSUPPORTED,
                       "this file holds no GPT-2; prompt expansion needs Fooocus's pytorch_model.bin");
    bool sane = g->words > 0 && g->words <= MAX_WORDS && g->width > 0 && g->width <= MAX_WIDTH &&
                g->width % MIN_HEADS == 0 && g->context > 0 && g->context <= MAX_CONTEXT && g->mlp > 0 &&
                g->mlp <= 8 * MAX_WIDTH && g->layers <= MAX_LAYERS;
    g->heads = g->width >= MIN_HEADS * HEAD_WIDTH ? g->width / HEAD_WIDTH : MIN_HEADS;
    if (sane && g->width % g->heads == 0) return FC_OK;
    return fc_fail(err, FC_FORMAT, "the GPT-2 in this file has impossible sizes; download the file again");
}

/* A layer whose matrix is stored [cin][cout]. */
static void bind_turned(fc_binder *b, fc_linear_w *l, int32_t cin, int32_t cout, const char *name)
{
    char full[NAME_SIZE + 8];
    snprintf(full, sizeof full, "%s.weight", name);
    fc_weight *w = fc_weights_find(b->weights, full);
    if (w) fc_weight_turn(w);
    fc_bind_linear(b, l, cin, cout, FC_BIAS, "%s", name);
}

static void bind_layer(fc_binder *b, const fc_gpt2 *g, struct layer *l)
{
    static const char *const parts[] = {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"};
    char name[4][NAME_SIZE];
    for (int i = 0; i < 4; i++) snprintf(name[i], sizeof name[i], "%s%s.%s", g->prefix, l->name, parts[i]);
    fc_bind_norm(b, &l->norm1, g->width, 0, EPS, "%s%s.ln_1", g->prefix, l->name);
    fc_bind_norm(b, &l->norm2, g->width, 0, EPS, "%s%s.ln_2", g->prefix, l->name);
    bind_turned(b, &l->qkv, g->width, 3 * g->width, name[0]);
    bind_turned(b, &l->out, g->width, g->width, name[1]);
    bind_turned(b, &l->mlp_in, g->width, g->mlp, name[2]);
    bind_turned(b, &l->mlp_out, g->mlp, g->width, name[3]);
}

static fc_status bind_all(fc_gpt2 *g, fc_weights *w, fc_err *err)
{
    char table[NAME_SIZE];
    fc_binder b;
    fc_binder_init(&b, w, &g->arena);
    snprintf(table, sizeof table, "%swte.weight", g->prefix);
    fc_bind_table(&b, &g->table, g->words, g->width, "%s", table);
    fc_bind_table(&b, &g->positions, g->context, g->width, "%swpe.weight", g->prefix);
    fc_bind_linear_named(&b, &g->head, g->width, g->words, table, NULL);
    fc_bind_norm(&b, &g->norm, g->width, 0, EPS, "%sln_f", g->prefix);
    for (int32_t i = 0; i < g->layers; i++) {
        snprintf(g->layer[i].name, sizeof g->layer[i].name, "h.%d", (int)i);
        bind_layer(&b, g, &g->layer[i]);
    }
    fc_status status = fc_binder_finish(&b, err);
    g->slots = b.slots;
    return status;
}

fc_status fc_gpt2_open(fc_gpt2 **out, fc_weights *w, fc_err *err)
{
    *out = NULL;
    fc_gpt2 *g = fc_calloc(1, sizeof *g);
    if (!g) return fc_fail(err, FC_NOMEM, "out of memory while opening GPT-2");
    fc_arena_init(&g->arena, ARENA_CAP);
    fc_status status = read_sizes(g, w, err);
    if (status != FC_OK) goto out;
    status = bind_all(g, w, err);
out:
    if (status) {
        fc_gpt2_close(g);
        return status;
    }
    *out = g;
    return FC_OK;
}

void fc_gpt2_close(fc_gpt2 *g)
{
    if (!g) return;
    fc_slots_forget(g->slots);
    fc_arena_fini(&g->arena);
    fc_free(g);
}

void fc_gpt2_rest(fc_gpt2 *g)
{
    if (g) fc_slots_forget(g->slots);
}

int32_t fc_gpt2_width(const fc_gpt2 *g)
{
    return g->width;
}

int32_t fc_gpt2_words(const fc_gpt2 *g)
{
    return g->words;
}

int32_t fc_gpt2_context(const fc_gpt2 *g)
{
    return g->context;
}

/* ---- running ---- */

void fc_gpt2_begin(fc_cx *cx, const fc_gpt2 *g, int32_t room, fc_arena *arena, fc_gpt2_text *text)
{
    *text = (fc_gpt2_text){.room = room};
    text->kv = fc_arena_array(arena, (size_t)g->layers, sizeof *text->kv);
    if (!text->kv || room > g->context) {
        fc_cx_fail(cx, text->kv ? FC_INTERNAL : FC_NOMEM, "no room for a text of %d tokens", (int)room);
        return;
    }
    for (int32_t i = 0; i < g->layers; i++) text->kv[i] = fc_new(cx, FC_F32, 1, 1, room, 2 * g->width);
}

/* GELU by its approximation with tanh, in place and on the host: a few thousand values a token, which no
 * other network needs in this form. */
static void gelu_tanh(fc_cx *cx, fc_tensor x)
{
    size_t count = (size_t)x.w * (size_t)x.c;
    fc_mark m = fc_enter(cx, "gelu");
    float *host = fc_calloc(count, sizeof *host);
    if (host) {
        fc_download(cx, x, host);
        for (size_t i = 0; i < count && !cx->status; i++) {
            double v = (double)host[i];
            host[i] = (float)(0.5 * v * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v))));
        }
        fc_copy_to(cx, x, fc_upload(cx, FC_F32, host, 1, 1, x.w, x.c));
    } else {
        fc_cx_fail(cx, FC_NOMEM, "out of memory");
    }
    fc_free(host);
    fc_leave(cx, m);
}

/* x += attention(norm(x)), x += mlp(norm(x)); before: tokens whose keys and values are in kv already */
static void run_layer(fc_cx *cx, const fc_gpt2 *g, const struct layer *l, fc_tensor x, fc_tensor kv,
                      int32_t before)
{
    fc_mark m = fc_enter(cx, l->name);
    int32_t width = g->width;
    fc_tensor qkv = fc_linear(cx, fc_layer_norm(cx, x, &l->norm1), &l->qkv, FC_PLAIN);
    fc_copy_to(cx, fc_tensor_positions(kv, before, x.w), fc_tensor_channels(qkv, width, 2 * width));
    fc_tensor all = fc_tensor_positions(kv, 0, before + x.w);
    fc_tensor h = fc_attention(cx, fc_tensor_channels(qkv, 0, width), fc_tensor_channels(all, 0, width),
                               fc_tensor_channels(all, width, width), g->heads, before == 0);
    fc_linear_to(cx, x, h, &l->out, (fc_epi){.add = x});
    h = fc_linear(cx, fc_layer_norm(cx, x, &l->norm2), &l->mlp_in, FC_PLAIN);
    gelu_tanh(cx, h);
    fc_linear_to(cx, x, h, &l->mlp_out, (fc_epi){.add = x});
    fc_probe(cx, NULL, x);
    fc_leave(cx, m);
}

/* Words and their places, as float32. */
static fc_tensor embed(fc_cx *cx, const fc_gpt2 *g, int32_t before, const int32_t *ids, int32_t n)
{
    size_t width = (size_t)g->width;
    fc_tensor x = {0};
    float *host = fc_calloc((size_t)n, width * sizeof *host), *place = fc_calloc(width, sizeof *place);
    fc_status status = host && place ? FC_OK : FC_NOMEM;
    for (int32_t i = 0; i < n && !status; i++) {
        float *row = host + (size_t)i * width;
        if (ids[i] < 0 || ids[i] >= g->words) status = FC_ARG;
        if (!status) status = fc_weight_read(g->table.weight, ids[i], 1, row);
        if (!status) status = fc_weight_read(g->positions.weight, before + i, 1, place);
        for (size_t k = 0; k < width && !status; k++) row[k] += place[k];
    }
    if (status)
        fc_cx_fail(cx, status, "cannot read the word table of GPT-2");
    else
        x = fc_upload(cx, FC_F32, host, 1, 1, n, g->width);
    fc_free(host);
    fc_free(place);
    return x;
}

void fc_gpt2_read(fc_cx *cx, const fc_gpt2 *g, fc_gpt2_text *text, const int32_t *ids, int32_t n,
                  float *logits)
{
    int32_t before = text->length;
    bool fits = n > 0 && n <= text->room - before && (before == 0 || n == 1);
    if (cx->status) return;
    if (!fits) fc_cx_fail(cx, FC_INTERNAL, "%d tokens behind %d of %d", (int)n, (int)before, (int)text->room);
    fc_mark m = fc_enter(cx, "gpt2");
    fc_tensor x = embed(cx, g, before, ids, n);
    for (int32_t i = 0; i < g->layers && !cx->status; i++)
        run_layer(cx, g, &g->layer[i], x, text->kv[i], before);
    x = fc_layer_norm(cx, x, &g->norm);
    fc_probe(cx, "hidden", x);
    if (logits) fc_download(cx, fc_linear(cx, fc_tensor_position(x, n - 1), &g->head, FC_PLAIN), logits);
    text->length += n;
    fc_leave(cx, m);
}
