/* CLIP's picture encoder, ViT-H/14 in transformers' layout: what image prompts see of a picture. Widths and
 * depth are read from the file; heads are 80 wide. Must match transformers' CLIPVisionModel. */
#ifndef FC_MODEL_CLIP_VISION_H
#define FC_MODEL_CLIP_VISION_H

#include "nn/ops.h"

enum { FC_CLIP_VISION_RGB = 3 };

typedef struct fc_clip_vision fc_clip_vision;

/* w must outlive the model. UNSUPPORTED when the file holds no such encoder. */
fc_status fc_clip_vision_open(fc_clip_vision **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_clip_vision_close(fc_clip_vision *v); /* NULL is fine */
/* Gives its packed weights back to their cache; the next picture packs them again. NULL is fine. */
void fc_clip_vision_rest(fc_clip_vision *v);

int32_t fc_clip_vision_width(const fc_clip_vision *v);
int32_t fc_clip_vision_size(const fc_clip_vision *v);   /* side of the pictures it reads, in pixels: 224 */
int32_t fc_clip_vision_tokens(const fc_clip_vision *v); /* one for the picture, one for each patch: 257 */

/* rgb: host [size][size][3]; NULL: a picture that is 0 everywhere after normalisation (a medium grey), which
 * stands for no picture -> [1,1,tokens,width], the state before the last layer, without the final norm. */
fc_tensor fc_clip_vision_encode(fc_cx *cx, const fc_clip_vision *v, const uint8_t *rgb);

#endif
