/* From a prompt to what the UNet is told about it: chunks through the text encoders, prompt weights applied,
 * features of both encoders side by side. Must match the text encoding of ComfyUI 2bc12d3d (recipe 1.0) and
 * Fooocus 2.5.5 (recipe 2.5). */
#ifndef FC_DIFFUSION_COND_H
#define FC_DIFFUSION_COND_H

#include "diffusion/recipe.h"
#include "model/clip.h"
#include "text/chunks.h"

typedef struct fc_text_encoders {
    const fc_clip *l; /* NULL: only G (the refiner) */
    const fc_clip *g;
    const fc_clip_vocab *vocab;
} fc_text_encoders;

/* Textual inversions: where names are found, and the rows of a found one for each encoder. */
typedef struct fc_text_embeddings {
    fc_clip_embeddings names;
    /* [width] values; width is the encoder's. NULL: the file has nothing for this encoder, and the position
     * is left out. */
    const float *(*row)(void *user, uint32_t handle, uint32_t row, bool g, int32_t width);
} fc_text_embeddings;

typedef struct fc_text_request {
    const char *text;
    size_t size;
    const fc_recipe *recipe;
    int32_t skip;                         /* hidden state from the end: 2 is the usual last but one */
    const fc_text_embeddings *embeddings; /* NULL: none */
} fc_text_request;

typedef struct fc_text_result {
    float *context; /* [tokens][width]: 77 tokens per chunk, [L | G] features */
    int32_t tokens, width;
    float *pooled; /* [pooled_width]: of the first chunk, from G */
    int32_t pooled_width;
} fc_text_result;

fc_status fc_text_encode(fc_cx *cx, const fc_text_encoders *encoders, const fc_text_request *request,
                         fc_text_result *out, fc_err *err) FC_MUST_USE;
void fc_text_result_fini(fc_text_result *r);

#endif
