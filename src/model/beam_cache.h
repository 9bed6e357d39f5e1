/* Keys and values of texts that are written side by side in a beam search (model/beam.h): which text goes on
 * from which changes with every step. */
#ifndef FC_MODEL_BEAM_CACHE_H
#define FC_MODEL_BEAM_CACHE_H

#include "nn/ops.h"

enum { FC_BEAM_LAYERS = 24 };

typedef struct fc_beam_cache {
    fc_tensor kept[2][FC_BEAM_LAYERS]; /* [texts,1,room,2 width]; two sets, one of which counts */
    int32_t layers, width, length;     /* length: tokens that all texts have; the caller counts it up */
    int now;
} fc_beam_cache;

/* On cx's stack. */
void fc_beam_cache_init(fc_cx *cx, fc_beam_cache *c, int32_t layers, int32_t texts, int32_t room,
                        int32_t width);
/* Text i of n gets what text parents[i] keeps. */
void fc_beam_cache_reorder(fc_cx *cx, fc_beam_cache *c, const int32_t *parents, int32_t n);
/* One more token of each text looks at its own text and itself: qkv [1,1,n,3 width] -> [1,1,n,width] */
fc_tensor fc_beam_cache_attend(fc_cx *cx, fc_beam_cache *c, int32_t layer, fc_tensor qkv, int32_t heads);

#endif
