/* Text conditions: see cond.h. Prompt weights move each token from the empty prompt's features towards, or
 * past, its own: where they are needed, the empty chunk goes in front of a prompt's chunks through the
 * encoder in one batch. */
#include "diffusion/cond.h"

#include <string.h>

#include "base/mem.h"

enum { CHUNK = FC_CLIP_CHUNK };

/* One encoder's way through: hidden [first + count][77][width]. */
struct pass {
    const fc_clip *clip;
    bool g;
    fc_clip_chunks chunks, empty;
    int32_t *ids;
    float *extra, *hidden, *pooled;
    int32_t width;
    int32_t first; /* 1: entry 0 is the empty chunk; 0: there is none */
};

static void pass_fini(struct pass *p)
{
    fc_clip_chunks_fini(&p->chunks);
    fc_clip_chunks_fini(&p->empty);
    fc_free(p->ids);
    fc_free(p->extra);
    fc_free(p->hidden);
    fc_free(p->pooled);
}

/* One chunk's ids: embedding rows become negative ids into p->extra. A row that is of no use to this encoder
 * leaves its place to what follows, and padding comes in at the end. */
static void place_vectors(struct pass *p, const fc_text_request *request, uint32_t chunk, size_t *used)
{
    const int32_t *from = p->chunks.ids[chunk];
    int32_t *to = p->ids + ((size_t)p->first + chunk) * CHUNK;
    size_t n = 0, width = (size_t)p->width;
    for (size_t i = 0; i < CHUNK; i++) {
        const fc_clip_vector v = p->chunks.vectors[chunk][i];
        const fc_text_embeddings *e = request->embeddings;
        const float *row = v.handle ? e->row(e->names.user, v.handle, v.row, p->g, p->width) : NULL;
        if (v.handle && !row) continue;
        if (row) memcpy(p->extra + *used * width, row, width * sizeof *row);
        to[n++] = row ? -(int32_t)(*used)++ - 1 : from[i];
    }
    for (; n < CHUNK; n++) to[n] = p->empty.ids[0][CHUNK - 1];
}

/* Recipe 1.0 sends tokens of weight 1 the way over the empty prompt too, which only rounds them anew: done
 * where results are compared to the last digits. */
static bool needs_empty(const struct pass *p, const fc_cx *cx, const fc_recipe *recipe)
{
    return p->chunks.weighted || (!recipe->weights_restore_mean && cx->act == FC_F32);
}

/* Token ids of all chunks, the empty one, where there is one, first. */
static fc_status gather_ids(struct pass *p, const fc_text_request *request, fc_err *err)
{
    size_t first = (size_t)p->first, n = first + (size_t)p->chunks.count, used = 0;
    p->ids = fc_alloc(n * CHUNK * sizeof *p->ids);
    p->extra = fc_alloc(((size_t)p->chunks.vector_count + 1) * (size_t)p->width * sizeof *p->extra);
    if (!p->ids || !p->extra) return fc_fail(err, FC_NOMEM, "out of memory while encoding the prompt");
    if (first) memcpy(p->ids, p->empty.ids[0], sizeof p->empty.ids[0]);
    memcpy(p->ids + first * CHUNK, p->chunks.ids, p->chunks.count * sizeof p->chunks.ids[0]);
    if (!p->chunks.vector_count || !request->embeddings) return FC_OK;
    for (uint32_t c = 0; c < p->chunks.count; c++) place_vectors(p, request, c, &used);
    return FC_OK;
}

static fc_status pass_run(struct pass *p, fc_cx *cx, const fc_text_encoders *encoders,
                          const fc_text_request *request, fc_err *err)
{
    fc_clip_chunk_opts opts = {.rule = request->recipe->clean_rule,
                               .pad = p->g ? FC_CLIP_PAD_ZERO : FC_CLIP_PAD_END};
    p->width = fc_clip_width(p->clip);
    fc_status status = fc_clip_chunks_make(&p->empty, encoders->vocab, "", 0, &opts, err);
    if (status) return status;
    if (request->embeddings) opts.embeddings = &request->embeddings->names;
    status = fc_clip_chunks_make(&p->chunks, encoders->vocab, request->text, request->size, &opts, err);
    p->first = needs_empty(p, cx, request->recipe);
    if (status != FC_OK) return status;
    status = gather_ids(p, request, err);
    if (status) return status;
    int32_t n = p->first + (int32_t)p->chunks.count;
    p->hidden = fc_alloc((size_t)n * CHUNK * (size_t)p->width * sizeof *p->hidden);
    p->pooled = fc_alloc((size_t)fc_clip_pooled_width(p->clip) * sizeof *p->pooled);
    if (!p->hidden || !p->pooled) return fc_fail(err, FC_NOMEM, "out of memory while encoding the prompt");
    const fc_clip_request r = {
        .ids = p->ids, .extra = p->extra, .n = n, .skip = request->skip, .pool_chunk = p->g ? p->first : -1};
    fc_clip_encode(cx, p->clip, &r, p->hidden, p->pooled);
    return fc_cx_status(cx, err);
}

/* ---- prompt weights ---- */

static void weigh_tokens(float *z, const float *empty, const double *weights, size_t width, bool all)
{
    for (size_t t = 0; t < CHUNK; t++) {
        const float w = (float)weights[t];
        if (!all && weights[t] == 1) continue;
        for (size_t k = 0; k < width; k++)
            z[t * width + k] = (z[t * width + k] - empty[t * width + k]) * w + empty[t * width + k];
    }
}

static double mean(const float *z, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)z[i];
    return sum / (double)n;
}

static void apply_weights(struct pass *p, const fc_recipe *recipe)
{
    size_t width = (size_t)p->width, size = CHUNK * width;
    if (!p->first) return;
    for (uint32_t c = 0; c < p->chunks.count; c++) {
        float *z = p->hidden + ((size_t)p->first + c) * size;
        double before = recipe->weights_restore_mean ? mean(z, size) : 0;
        weigh_tokens(z, p->hidden, p->chunks.weights[c], width, !recipe->weights_restore_mean);
        if (!recipe->weights_restore_mean) continue;
        const float factor = (float)before / (float)mean(z, size);
        for (size_t i = 0; i < size; i++) z[i] *= factor;
    }
}

/* ---- both encoders ---- */

static fc_status join(const struct pass *l, const struct pass *g, fc_text_result *out, fc_err *err)
{
    size_t wl = l->clip ? (size_t)l->width : 0, wg = (size_t)g->width,
           tokens = (size_t)g->chunks.count * CHUNK;
    if (l->clip && l->chunks.count != g->chunks.count)
        return fc_fail(err, FC_INTERNAL, "the two text encoders disagree about the prompt's length");
    out->tokens = (int32_t)tokens;
    out->width = (int32_t)(wl + wg);
    out->pooled_width = fc_clip_pooled_width(g->clip);
    out->context = fc_alloc(tokens * (wl + wg) * sizeof *out->context);
    out->pooled = fc_alloc((size_t)out->pooled_width * sizeof *out->pooled);
    if (!out->context || !out->pooled)
        return fc_fail(err, FC_NOMEM, "out of memory while encoding the prompt");
    memcpy(out->pooled, g->pooled, (size_t)out->pooled_width * sizeof *out->pooled);
    for (size_t t = 0; t < tokens; t++) {
        float *row = out->context + t * (wl + wg);
        if (wl) memcpy(row, l->hidden + ((size_t)l->first * CHUNK + t) * wl, wl * sizeof *row);
        memcpy(row + wl, g->hidden + ((size_t)g->first * CHUNK + t) * wg, wg * sizeof *row);
    }
    return FC_OK;
}

fc_status fc_text_encode(fc_cx *cx, const fc_text_encoders *encoders, const fc_text_request *request,
                         fc_text_result *out, fc_err *err)
{
    struct pass l = {.clip = encoders->l}, g = {.clip = encoders->g, .g = true};
    *out = (fc_text_result){0};
    fc_mark m = fc_enter(cx, "text");
    fc_status status = l.clip ? pass_run(&l, cx, encoders, request, err) : FC_OK;
    if (status != FC_OK) goto out;
    status = pass_run(&g, cx, encoders, request, err);
    if (!status) {
        if (l.clip) apply_weights(&l, request->recipe);
        apply_weights(&g, request->recipe);
        status = join(&l, &g, out, err);
    }
out:
    fc_leave(cx, m);
    pass_fini(&l);
    pass_fini(&g);
    if (status) fc_text_result_fini(out);
    return status;
}

void fc_text_result_fini(fc_text_result *r)
{
    fc_free(r->context);
    fc_free(r->pooled);
    *r = (fc_text_result){0};
}
