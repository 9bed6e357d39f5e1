/* Prompt -> chunks of 77 weighted token ids, what CLIP takes: start, up to 75 tokens, end, padding.
 *
 * A word stays in one chunk unless it has 8 tokens or more. "embedding:NAME" words (textual inversion) stand
 * for vectors that the caller looks up: their positions have a placeholder id and an entry in `vectors`, by
 * which the text encoder replaces the rows it gathered. Must match the tokenizer of ComfyUI 2bc12d3d
 * (tests/golden/tokens.json). */
#ifndef FC_TEXT_CHUNKS_H
#define FC_TEXT_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "text/clip_bpe.h"

#define FC_CLIP_CHUNK 77 /* positions */
#ifdef FC_HARD
#define FC_CLIP_MAX_CHUNKS 4u
#else
#define FC_CLIP_MAX_CHUNKS 512u /* 38400 tokens */
#endif

typedef enum fc_clip_pad {
    FC_CLIP_PAD_END,  /* CLIP L: the end token */
    FC_CLIP_PAD_ZERO, /* CLIP G: id 0 */
} fc_clip_pad;

/* A position that is filled by row `row` of an embedding file; handle 0: an ordinary token. */
typedef struct fc_clip_vector {
    uint32_t handle, row;
} fc_clip_vector;

/* Where embeddings come from. Names are bytes as the user typed them: not NUL-terminated, not to be trusted
 * as a path. */
typedef struct fc_clip_embeddings {
    void *user;
    /* Finds an embedding: a handle of the caller's (not 0) and how many vectors it has. */
    bool (*find)(void *user, const char *name, size_t size, uint32_t *handle, uint32_t *rows);
    /* Told about every name that does not exist (the word is ignored then). May be NULL. */
    void (*missing)(void *user, const char *name, size_t size);
} fc_clip_embeddings;

typedef struct fc_clip_chunk_opts {
    fc_clean_rule rule;
    fc_clip_pad pad;
    const fc_clip_embeddings *embeddings; /* NULL: "embedding:NAME" is text */
} fc_clip_chunk_opts;

typedef struct fc_clip_chunks {
    uint32_t count; /* at least 1 */
    int32_t (*ids)[FC_CLIP_CHUNK];
    double (*weights)[FC_CLIP_CHUNK];         /* 1 at start, end and padding; else anything, NaN included */
    fc_clip_vector (*vectors)[FC_CLIP_CHUNK]; /* id is 0 wherever handle is not */
    uint32_t vector_count;                    /* positions with a handle */
    bool weighted;                            /* some weight is not 1 */
} fc_clip_chunks;

/* prompt: at most FC_CLIP_MAX_TEXT bytes, any content. LIMIT, NOMEM. */
fc_status fc_clip_chunks_make(fc_clip_chunks *out, const fc_clip_vocab *vocab, const char *prompt,
                              size_t size, const fc_clip_chunk_opts *opts, fc_err *err) FC_MUST_USE;
void fc_clip_chunks_fini(fc_clip_chunks *c);

#endif
