/* Prompts: emphasis, cleaning, merging and chunking of any bytes. The first byte chooses rule, padding,
 * vocabulary and whether embeddings exist; whatever comes out must be well-formed chunks. */
#include <stdint.h>
#include <stdlib.h>
#include "text/chunks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) abort();
}

static bool find_embedding(void *user, const char *name, size_t size, uint32_t *handle, uint32_t *rows)
{
    (void)user;
    *handle = (uint32_t)size + 1;
    *rows = size ? (uint8_t)name[0] : 0;
    return size % 2 == 1;
}

/* Small, but with chains of merges, a word's end and bytes above 127. */
static const char small_merges[] = "a b\nab ab\nabab abab\nabababab abababab\na b</w>\n( (\n(( ((\n! !</w>\n"
                                   "\u00c3 \u00a9\n\u00c3 \u00a9</w>\n\u00c3\u00a9 \u00c3\u00a9</w>\n";

static fc_clip_vocab load_small(void)
{
    fc_clip_vocab v;
    require(fc_clip_vocab_init(&v, small_merges, sizeof small_merges - 1, NULL) == FC_OK);
    return v;
}

static void check_chunks(const fc_clip_chunks *c, const fc_clip_vocab *v)
{
    uint32_t vectors = 0;
    require(c->count >= 1 && c->count <= FC_CLIP_MAX_CHUNKS);
    for (uint32_t k = 0; k < c->count; k++) {
        bool has_end = false;
        require(c->ids[k][0] == (int32_t)fc_clip_vocab_start(v) && c->weights[k][0] == 1.0);
        for (int i = 0; i < FC_CLIP_CHUNK; i++) {
            int32_t id = c->ids[k][i];
            require(id >= 0 && id <= (int32_t)fc_clip_vocab_end(v));
            has_end = has_end || id == (int32_t)fc_clip_vocab_end(v);
            if (c->vectors[k][i].handle) vectors++;
            require(!c->vectors[k][i].handle || id == 0);
        }
        require(has_end);
    }
    require(vectors == c->vector_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    static fc_clip_vocab small;
    if (!small.merge_count) small = load_small();
    const fc_clip_embeddings embeddings = {.find = find_embedding};
    const fc_clip_vocab *vocab = data[0] & 1 ? &small : &fc_clip_vocab_builtin;
    fc_clip_chunk_opts opts = {
        .rule = data[0] & 2 ? FC_CLEAN_KEEP_ACCENTS : FC_CLEAN_STRIP_ACCENTS,
        .pad = data[0] & 4 ? FC_CLIP_PAD_ZERO : FC_CLIP_PAD_END,
        .embeddings = data[0] & 8 ? &embeddings : NULL,
    };
    fc_err err;
    fc_clip_chunks chunks;
    fc_status s = fc_clip_chunks_make(&chunks, vocab, (const char *)data + 1, size - 1, &opts, &err);
    require(s == FC_OK || s == FC_LIMIT);
    if (!s) check_chunks(&chunks, vocab);
    fc_clip_chunks_fini(&chunks);
    return 0;
}
