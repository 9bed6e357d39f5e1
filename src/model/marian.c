/* See marian.h. Must match transformers' MarianEncoder and MarianDecoder. */
#include "model/marian.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/beam_cache.h"

enum {
    MAX_LAYERS = FC_BEAM_LAYERS,
    MAX_WIDTH = 4096,
    MAX_CONTEXT = 4096,
    MAX_WORDS = 1 << 20,
    NAME_SIZE = 96
};
static const float EPS = 1e-5f;
#define ARENA_CAP ((size_t)16 << 20)

struct attention {
    fc_linear_w q, kv, out; /* of the text itself q, k and v are one product: q is absent then */
    fc_norm_w norm;
};

struct layer {
    char name[12];
    struct attention own, other; /* other: of the sentence that is translated; writers alone */
    fc_linear_w mlp_in, mlp_out;
    fc_norm_w norm;
};

struct side {
    int32_t layers, heads, mlp;
    struct layer layer[MAX_LAYERS];
};

struct fc_marian {
    fc_arena arena;
    fc_slot *slots;
    fc_marian_config config;
    int32_t width, words;
    fc_table_w table;
    fc_linear_w head;  /* the word table again, as a matrix */
    const float *bias; /* [words], added to the logits */
    struct side reader, writer;
};

/* ---- binding ---- */

static int32_t dim(fc_weights *w, const char *name, int32_t d)
{
    int64_t n = fc_weights_dim(w, name, d);
    return n > INT32_MAX ? 0 : (int32_t)n;
}

/* Either of two tensors counts, so that a file that lacks one is not taken for a smaller model. */
static int32_t count_layers(fc_weights *w, const char *side)
{
    int32_t n = 0;
    for (; n <= MAX_LAYERS; n++) {
        char norm[NAME_SIZE], mlp[NAME_SIZE];
        snprintf(norm, sizeof norm, "model.%s.layers.%d.self_attn_layer_norm.weight", side, (int)n);
        snprintf(mlp, sizeof mlp, "model.%s.layers.%d.fc2.weight", side, (int)n);
        if (dim(w, norm, 0) < 0 && dim(w, mlp, 0) < 0) break;
    }
    return n;
}

static bool side_is_sane(const fc_marian *m, const struct side *s)
{
    return s->layers > 0 && s->layers <= MAX_LAYERS && s->heads > 0 && s->heads <= m->width &&
           m->width % s->heads == 0 && s->mlp > 0 && s->mlp <= 8 * MAX_WIDTH;
}

static fc_status read_sizes(fc_marian *m, fc_weights *w, fc_err *err)
{
    m->words = dim(w, "model.shared.weight", 0);
    m->width = dim(w, "model.shared.weight", 1);
    m->reader.layers = count_layers(w, "encoder");
    m->writer.layers = count_layers(w, "decoder");
    m->reader.mlp = dim(w, "model.encoder.layers.0.fc1.weight", 0);
    m->writer.mlp = dim(w, "model.decoder.layers.0.fc1.weight", 0);
    m->reader.heads = m->config.reader_heads;
    m->writer.heads = m->config.writer_heads;
    if (m->words < 0 || m->reader.layers == 0 || m->writer.layers == 0)
        return fc_fail(
            err, FC_UNSUPPORTED,
            "this file holds no Marian translation network; fetch one of Helsinki-NLP's opus-mt models");
    const fc_marian_config *c = &m->config;
    bool sane = m->words > 0 && m->words <= MAX_WORDS && m->width > 0 && m->width <= MAX_WIDTH &&
                side_is_sane(m, &m->reader) && side_is_sane(m, &m->writer) && c->context > 1 &&
                c->context <= MAX_CONTEXT && c->pad >= 0 && c->pad < m->words && c->end >= 0 &&
                c->end < m->words && c->start >= 0 && c->start < m->words;
    if (sane) return FC_OK;
    return fc_fail(err, FC_FORMAT,
                   "the translation network has sizes that do not fit its config.json; download it again");
}

static void bind_attention(fc_binder *b, struct attention *a, int32_t width, bool own, const char *name,
                           const char *norm)
{
    static const char *const all[] = {"q_proj", "k_proj", "v_proj", NULL};
    if (!own) fc_bind_linear(b, &a->q, width, width, FC_BIAS, "%s.q_proj", name);
    fc_bind_linear_stack(b, &a->kv, width, width, FC_BIAS, name, own ? all : all + 1);
    fc_bind_linear(b, &a->out, width, width, FC_BIAS, "%s.out_proj", name);
    fc_bind_norm(b, &a->norm, width, 0, EPS, "%s", norm);
}

static void bind_side(fc_binder *b, const fc_marian *m, struct side *s, const char *name, bool writes)
{
    for (int32_t i = 0; i < s->layers; i++) {
        struct layer *l = &s->layer[i];
        char p[NAME_SIZE], attn[2 * NAME_SIZE], norm[2 * NAME_SIZE];
        snprintf(l->name, sizeof l->name, "%d", (int)i);
        snprintf(p, sizeof p, "model.%s.layers.%s", name, l->name);
        snprintf(attn, sizeof attn, "%s.self_attn", p);
        snprintf(norm, sizeof norm, "%s.self_attn_layer_norm", p);
        bind_attention(b, &l->own, m->width, true, attn, norm);
        snprintf(attn, sizeof attn, "%s.encoder_attn", p);
        snprintf(norm, sizeof norm, "%s.encoder_attn_layer_norm", p);
        if (writes) bind_attention(b, &l->other, m->width, false, attn, norm);
        fc_bind_linear(b, &l->mlp_in, m->width, s->mlp, FC_BIAS, "%s.fc1", p);
        fc_bind_linear(b, &l->mlp_out, s->mlp, m->width, FC_BIAS, "%s.fc2", p);
        fc_bind_norm(b, &l->norm, m->width, 0, EPS, "%s.final_layer_norm", p);
    }
}

static fc_status read_bias(fc_marian *m, fc_weights *w, fc_err *err)
{
    const fc_weight *t = fc_weights_find(w, "final_logits_bias");
    float *bias = fc_arena_array(&m->arena, (size_t)m->words, sizeof *bias);
    m->bias = bias;
    if (!bias) return fc_fail(err, FC_NOMEM, "out of memory while opening the translation network");
    if (!t) return FC_OK;
    bool fits = t->data && fc_dtype_is_float(t->dtype) && t->ndim > 0 &&
                fc_weight_rows(t) * fc_weight_cols(t) == m->words;
    if (!fits) return fc_fail(err, FC_FORMAT, "final_logits_bias has another shape than the words");
    return fc_weight_read(t, 0, (int32_t)fc_weight_rows(t), bias);
}

static fc_status bind_all(fc_marian *m, fc_weights *w, fc_err *err)
{
    fc_binder b;
    fc_status status = read_bias(m, w, err);
    if (status) return status;
    fc_binder_init(&b, w, &m->arena);
    fc_bind_table(&b, &m->table, m->words, m->width, "model.shared.weight");
    fc_bind_linear_named(&b, &m->head, m->width, m->words, "model.shared.weight", NULL);
    bind_side(&b, m, &m->reader, "encoder", false);
    bind_side(&b, m, &m->writer, "decoder", true);
    status = fc_binder_finish(&b, err);
    m->slots = b.slots;
    return status;
}

fc_status fc_marian_open(fc_marian **out, fc_weights *w, const fc_marian_config *config, fc_err *err)
{
    *out = NULL;
    fc_marian *m = fc_calloc(1, sizeof *m);
    if (!m) return fc_fail(err, FC_NOMEM, "out of memory while opening the translation network");
    m->config = *config;
    fc_arena_init(&m->arena, ARENA_CAP);
    fc_status status = read_sizes(m, w, err);
    if (status != FC_OK) goto out;
    status = bind_all(m, w, err);
out:
    if (status) {
        fc_marian_close(m);
        return status;
    }
    *out = m;
    return FC_OK;
}

void fc_marian_close(fc_marian *m)
{
    if (!m) return;
    fc_slots_forget(m->slots);
    fc_arena_fini(&m->arena);
    fc_free(m);
}

int32_t fc_marian_words(const fc_marian *m)
{
    return m->words;
}

/* ---- layers ---- */

/* x = norm(x + sum) */
static void add_and_norm(fc_cx *cx, fc_tensor x, fc_tensor h, const fc_linear_w *out, const fc_norm_w *norm)
{
    fc_linear_to(cx, x, h, out, (fc_epi){.add = x});
    fc_copy_to(cx, x, fc_layer_norm(cx, x, norm));
}

static void feed_forward(fc_cx *cx, const fc_marian *m, const struct layer *l, fc_tensor x)
{
    fc_tensor h = fc_linear(cx, x, &l->mlp_in, (fc_epi){.act = m->config.act});
    add_and_norm(cx, x, h, &l->mlp_out, &l->norm);
    fc_probe(cx, NULL, x);
}

/* Word vectors of ids[n], each at its place -> [1,1,n,width]. one_place: all stand at place `first`. */
static fc_tensor embed(fc_cx *cx, const fc_marian *m, const int32_t *ids, int32_t n, int32_t first,
                       bool one_place)
{
    int32_t width = m->width, half = (width + 1) / 2;
    float scale = m->config.scale ? sqrtf((float)width) : 1.0f;
    fc_tensor x = {0};
    float *host = fc_calloc((size_t)n, (size_t)width * sizeof *host);
    fc_status status = host ? FC_OK : FC_NOMEM;
    for (int32_t i = 0; i < n && !status; i++) {
        float *row = host + (size_t)i * (size_t)width;
        if (ids[i] < 0 || ids[i] >= m->words) status = FC_ARG;
        if (!status) status = fc_weight_read(m->table.weight, ids[i], 1, row);
        for (int32_t k = 0; k < width && !status; k++) {
            int32_t step = k < half ? k : k - half;
            double angle = (first + (one_place ? 0 : i)) / pow(10000.0, 2.0 * step / width);
            row[k] = row[k] * scale + (float)(k < half ? sin(angle) : cos(angle));
        }
    }
    if (status)
        fc_cx_fail(cx, status, "cannot read the word table of the translation network");
    else
        x = fc_upload(cx, FC_F32, host, 1, 1, n, width);
    fc_free(host);
    return x;
}

/* The sentence as the network sees it: state [1,1,n,width]. */
static void read_sentence(fc_cx *cx, const fc_marian *m, const int32_t *ids, fc_tensor state)
{
    int32_t width = m->width;
    fc_mark mark = fc_enter(cx, "encoder");
    fc_copy_to(cx, state, embed(cx, m, ids, state.w, 0, false));
    for (int32_t i = 0; i < m->reader.layers && !cx->status; i++) {
        const struct layer *l = &m->reader.layer[i];
        fc_mark inner = fc_enter(cx, l->name);
        fc_tensor qkv = fc_linear(cx, state, &l->own.kv, FC_PLAIN);
        fc_tensor h =
            fc_attention(cx, fc_tensor_channels(qkv, 0, width), fc_tensor_channels(qkv, width, width),
                         fc_tensor_channels(qkv, 2 * width, width), m->reader.heads, false);
        add_and_norm(cx, state, h, &l->own.out, &l->own.norm);
        feed_forward(cx, m, l, state);
        fc_leave(cx, inner);
    }
    fc_leave(cx, mark);
}

/* ---- writing ---- */

typedef struct writing {
    fc_cx *cx;
    const fc_marian *m;
    fc_tensor sentence[MAX_LAYERS]; /* [1,1,n,2 width] */
    fc_beam_cache cache;
} writing;

/* Each text looks at itself: x [1,1,texts,width], one token of each. */
static void look_at_own(writing *w, const struct layer *l, int32_t number, fc_tensor x)
{
    fc_tensor qkv = fc_linear(w->cx, x, &l->own.kv, FC_PLAIN);
    fc_tensor h = fc_beam_cache_attend(w->cx, &w->cache, number, qkv, w->m->writer.heads);
    add_and_norm(w->cx, x, h, &l->own.out, &l->own.norm);
}

static void look_at_sentence(writing *w, const struct layer *l, fc_tensor sentence, fc_tensor x)
{
    int32_t width = w->m->width;
    fc_tensor h = fc_attention(w->cx, fc_linear(w->cx, x, &l->other.q, FC_PLAIN),
                               fc_tensor_channels(sentence, 0, width),
                               fc_tensor_channels(sentence, width, width), w->m->writer.heads, false);
    add_and_norm(w->cx, x, h, &l->other.out, &l->other.norm);
}

static fc_status step(void *user, const int32_t *parents, const int32_t *tokens, int32_t n, float *logits,
                      fc_err *err)
{
    writing *w = user;
    fc_cx *cx = w->cx;
    const fc_marian *m = w->m;
    fc_beam_cache_reorder(cx, &w->cache, parents, n);
    fc_mark mark = fc_enter(cx, "decoder");
    fc_tensor x = embed(cx, m, tokens, n, w->cache.length, true);
    for (int32_t i = 0; i < m->writer.layers && !cx->status; i++) {
        const struct layer *l = &m->writer.layer[i];
        fc_mark inner = fc_enter(cx, l->name);
        look_at_own(w, l, i, x);
        look_at_sentence(w, l, w->sentence[i], x);
        feed_forward(cx, m, l, x);
        fc_leave(cx, inner);
    }
    fc_download(cx, fc_linear(cx, x, &m->head, FC_PLAIN), logits);
    fc_leave(cx, mark);
    w->cache.length++;
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < m->words; k++) logits[(size_t)i * (size_t)m->words + (size_t)k] += m->bias[k];
    return fc_cx_status(cx, err);
}

fc_status fc_marian_translate(fc_cx *cx, const fc_marian *m, const int32_t *ids, int32_t count,
                              const fc_beam_opts *opts, int32_t *tokens, int32_t *written, fc_err *err)
{
    fc_beam_opts o = *opts;
    if (o.max_length > m->config.context) o.max_length = m->config.context;
    if (count < 1 || count > m->config.context)
        return fc_fail(err, FC_LIMIT,
                       "a sentence of %d tokens is too long for the translation network, which reads %d",
                       (int)count, (int)m->config.context);
    writing w = {.cx = cx, .m = m};
    fc_mark mark = fc_enter(cx, "marian");
    fc_tensor state = fc_new(cx, FC_F32, 1, 1, count, m->width);
    read_sentence(cx, m, ids, state);
    for (int32_t i = 0; i < m->writer.layers; i++)
        w.sentence[i] = fc_linear(cx, state, &m->writer.layer[i].other.kv, FC_PLAIN);
    fc_beam_cache_init(cx, &w.cache, m->writer.layers, o.beams, o.max_length, m->width);
    fc_beam_model model = {.user = &w, .words = m->words, .step = step};
    fc_status status = fc_cx_status(cx, err);
    if (status != FC_OK) goto out;
    status = fc_beam_search(&model, &o, &m->config.start, 1, tokens, written, err);
out:
    fc_leave(cx, mark);
    return status;
}
