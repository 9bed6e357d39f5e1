/* Textual inversions: files of a few vectors that stand in a prompt for a word. Known are safetensors and
 * PyTorch files (read as data, never run) with the keys clip_l and clip_g (made for SDXL, both encoders),
 * emb_params, string_to_param, or any one tensor. Must choose tensors as ComfyUI 2bc12d3d does. */
#ifndef FC_MODEL_EMBEDDING_H
#define FC_MODEL_EMBEDDING_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

enum { FC_EMBEDDING_MAX_ROWS = 512, FC_EMBEDDING_MAX_WIDTH = 8192 };

typedef struct fc_embedding {
    float *rows[2];   /* [count][width]: what CLIP L (0) and CLIP G (1) are offered; the same vectors twice
                         when the file does not tell them apart */
    int32_t width[2]; /* an encoder of another width has no use for them */
    int32_t count;
} fc_embedding;

/* FORMAT: broken, or no vectors in it; UNSUPPORTED: another kind of file. Messages name the file. */
fc_status fc_embedding_open(fc_embedding *e, const char *path, fc_err *err) FC_MUST_USE;
/* One that travels in a LoRA's file: tensors "bundle_emb.NAME.KEY", KEY as in a file of its own. */
fc_status fc_embedding_open_bundled(fc_embedding *e, const char *path, const char *name,
                                    fc_err *err) FC_MUST_USE;
bool fc_embedding_is_bundled(const char *path, const char *name); /* false too when the file cannot be read */
void fc_embedding_fini(fc_embedding *e);

#endif
