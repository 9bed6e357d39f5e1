/* Prompt -> 77-token chunks: emphasis, words, tokens, packing. */
#include "text/chunks.h"

#include <string.h>
#include "base/mem.h"
#include "text/emphasis.h"

enum {
    LONG_WORD = 8,                  /* tokens; words from here on may be cut */
    LAST_TOKEN = FC_CLIP_CHUNK - 1, /* the position that is kept for the end token */
};

struct packer {
    fc_clip_chunks *out;
    const fc_clip_chunk_opts *opts;
    fc_clip_bpe bpe;
    fc_codes tokens; /* of the current word */
    uint32_t room;   /* chunks allocated */
    uint32_t used;   /* positions taken in the last chunk */
    fc_err *err;
};

/* ---- packing ------------------------------------------------------------------------------------------- */

static fc_status grow(struct packer *p)
{
    fc_clip_chunks *out = p->out;
    if (out->count == FC_CLIP_MAX_CHUNKS)
        return fc_fail(p->err, FC_LIMIT, "the prompt needs more than %u chunks of %d tokens; shorten it",
                       FC_CLIP_MAX_CHUNKS, FC_CLIP_CHUNK - 2);
    if (out->count < p->room) return FC_OK;
    uint32_t room = p->room ? p->room * 2 : 2;
    void *ids = fc_realloc(out->ids, room * sizeof *out->ids);
    if (ids) out->ids = ids;
    void *weights = fc_realloc(out->weights, room * sizeof *out->weights);
    if (weights) out->weights = weights;
    void *vectors = fc_realloc(out->vectors, room * sizeof *out->vectors);
    if (vectors) out->vectors = vectors;
    if (!ids || !weights || !vectors)
        return fc_fail(p->err, FC_NOMEM, "splitting a prompt into chunks: out of memory");
    p->room = room;
    return FC_OK;
}

/* Starts a chunk: the start token, then padding everywhere. */
static fc_status open_chunk(struct packer *p)
{
    fc_status status = grow(p);
    if (status) return status;
    uint32_t k = p->out->count++;
    uint32_t pad = p->opts->pad == FC_CLIP_PAD_END ? fc_clip_vocab_end(p->bpe.vocab) : 0;
    for (int i = 0; i < FC_CLIP_CHUNK; i++) {
        p->out->ids[k][i] = (int32_t)pad;
        p->out->weights[k][i] = 1.0;
        p->out->vectors[k][i] = (fc_clip_vector){0};
    }
    p->out->ids[k][0] = (int32_t)fc_clip_vocab_start(p->bpe.vocab);
    p->used = 1;
    return FC_OK;
}

static void close_chunk(struct packer *p)
{
    p->out->ids[p->out->count - 1][p->used] = (int32_t)fc_clip_vocab_end(p->bpe.vocab);
}

/* What fills the positions of one word: its tokens, or the rows of an embedding. */
struct group {
    const uint32_t *ids; /* NULL for an embedding */
    uint32_t handle;
    size_t count;
    double weight;
};

static void put(struct packer *p, const struct group *g, size_t index)
{
    fc_clip_chunks *out = p->out;
    uint32_t k = out->count - 1, i = p->used++;
    out->ids[k][i] = g->ids ? (int32_t)g->ids[index] : 0;
    out->weights[k][i] = g->weight;
    if (g->weight != 1.0) out->weighted = true;
    if (g->ids) return;
    out->vectors[k][i] = (fc_clip_vector){.handle = g->handle, .row = (uint32_t)index};
    out->vector_count++;
}

static fc_status pack(struct packer *p, const struct group *g)
{
    bool may_cut = g->count >= LONG_WORD;
    for (size_t done = 0; done < g->count;) {
        size_t free_positions = LAST_TOKEN - p->used, left = g->count - done;
        size_t take = left <= free_positions ? left : may_cut ? free_positions : 0;
        for (size_t i = 0; i < take; i++) put(p, g, done + i);
        done += take;
        if (done == g->count) break;
        close_chunk(p);
        fc_status status = open_chunk(p);
        if (status) return status;
    }
    return FC_OK;
}

/* ---- words --------------------------------------------------------------------------------------------- */

static const char embedding_prefix[] = "embedding:";
enum { PREFIX_SIZE = sizeof embedding_prefix - 1 };

static bool find_embedding(const fc_clip_embeddings *e, const char *name, size_t size, struct group *g)
{
    uint32_t rows = 0;
    g->ids = NULL;
    if (!e->find(e->user, name, size, &g->handle, &rows)) return false;
    g->count = rows;
    return true;
}

/* Packs "embedding:NAME". A name that does not exist is tried again without the commas around it. *word and
 * *size become what is left over, to be packed as text; the reference cuts it off at the length of the name
 * without commas, so ",x" leaves "x". */
static fc_status pack_embedding(struct packer *p, const char **word, size_t *size, double weight)
{
    const fc_clip_embeddings *e = p->opts->embeddings;
    const char *full = *word + PREFIX_SIZE, *name = full;
    size_t full_size = *size - PREFIX_SIZE, name_size = full_size;
    struct group g = {.weight = weight};
    bool found = find_embedding(e, name, name_size, &g);
    if (!found) {
        while (name_size > 0 && *name == ',') name++, name_size--;
        while (name_size > 0 && name[name_size - 1] == ',') name_size--;
        found = name_size < full_size && find_embedding(e, name, name_size, &g);
    }
    if (!found && e->missing) e->missing(e->user, name, name_size);
    *word = full + name_size;
    *size = full_size - name_size;
    return found ? pack(p, &g) : FC_OK;
}

static fc_status pack_word(struct packer *p, const char *word, size_t size, double weight)
{
    bool is_embedding =
        p->opts->embeddings && size >= PREFIX_SIZE && memcmp(word, embedding_prefix, PREFIX_SIZE) == 0;
    if (is_embedding) {
        fc_status status = pack_embedding(p, &word, &size, weight);
        if (status || size == 0) return status;
    }
    fc_codes_reset(&p->tokens);
    fc_status status = fc_clip_bpe_encode(&p->bpe, word, size, &p->tokens, p->err);
    if (status) return status;
    return pack(p, &(struct group){.ids = p->tokens.data, .count = p->tokens.len, .weight = weight});
}

static fc_status pack_segment(struct packer *p, const fc_emphasis_segment *segment)
{
    const char *text = segment->text;
    for (size_t begin = 0, end; begin < segment->size; begin = end + 1) {
        for (end = begin; end < segment->size && text[end] != ' ' && text[end] != '\n';) end++;
        if (end == begin) continue;
        fc_status status = pack_word(p, text + begin, end - begin, segment->weight);
        if (status) return status;
    }
    return FC_OK;
}

fc_status fc_clip_chunks_make(fc_clip_chunks *out, const fc_clip_vocab *vocab, const char *prompt,
                              size_t size, const fc_clip_chunk_opts *opts, fc_err *err)
{
    *out = (fc_clip_chunks){0};
    if (size > FC_CLIP_MAX_TEXT)
        return fc_fail(err, FC_LIMIT, "the prompt has %zu bytes, the limit is %zu; shorten it", size,
                       FC_CLIP_MAX_TEXT);
    fc_emphasis emphasis;
    fc_status status = fc_emphasis_parse(&emphasis, prompt, size, err);
    if (status) return status;
    struct packer p = {.out = out, .opts = opts, .err = err};
    fc_clip_bpe_init(&p.bpe, vocab, opts->rule);
    fc_codes_init(&p.tokens, FC_CLIP_MAX_TEXT * FC_CLEAN_GROWTH);
    status = open_chunk(&p);
    for (size_t i = 0; !status && i < emphasis.count; i++) status = pack_segment(&p, &emphasis.segments[i]);
    if (!status) close_chunk(&p);
    fc_codes_fini(&p.tokens);
    fc_clip_bpe_fini(&p.bpe);
    fc_emphasis_fini(&emphasis);
    if (status) fc_clip_chunks_fini(out);
    return status;
}

void fc_clip_chunks_fini(fc_clip_chunks *c)
{
    fc_free(c->ids);
    fc_free(c->weights);
    fc_free(c->vectors);
    *c = (fc_clip_chunks){0};
}
