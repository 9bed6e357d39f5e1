/* See beam_cache.h. */
#include "model/beam_cache.h"

void fc_beam_cache_init(fc_cx *cx, fc_beam_cache *c, int32_t layers, int32_t texts, int32_t room,
                        int32_t width)
{
    *c = (fc_beam_cache){.layers = layers, .width = width};
    for (int32_t i = 0; i < layers; i++)
        for (int k = 0; k < 2; k++) c->kept[k][i] = fc_new(cx, FC_F32, texts, 1, room, 2 * width);
}

void fc_beam_cache_reorder(fc_cx *cx, fc_beam_cache *c, const int32_t *parents, int32_t n)
{
    bool same = true;
    for (int32_t i = 0; i < n; i++) same = same && parents[i] == i;
    if (same || c->length == 0) return;
    for (int32_t k = 0; k < c->layers; k++)
        for (int32_t i = 0; i < n; i++) {
            fc_tensor from = fc_tensor_batch(c->kept[c->now][k], parents[i], 1);
            fc_tensor to = fc_tensor_batch(c->kept[!c->now][k], i, 1);
            fc_copy_to(cx, fc_tensor_positions(to, 0, c->length), fc_tensor_positions(from, 0, c->length));
        }
    c->now = !c->now;
}

fc_tensor fc_beam_cache_attend(fc_cx *cx, fc_beam_cache *c, int32_t layer, fc_tensor qkv, int32_t heads)
{
    int32_t width = c->width;
    fc_tensor seen = fc_new(cx, FC_F32, 1, 1, qkv.w, width);
    for (int32_t i = 0; i < qkv.w; i++) {
        fc_tensor mine = fc_tensor_position(qkv, i), kept = fc_tensor_batch(c->kept[c->now][layer], i, 1);
        fc_copy_to(cx, fc_tensor_position(kept, c->length), fc_tensor_channels(mine, width, 2 * width));
        fc_tensor all = fc_tensor_positions(kept, 0, c->length + 1);
        fc_copy_to(cx, fc_tensor_position(seen, i),
                   fc_attention(cx, fc_tensor_channels(mine, 0, width), fc_tensor_channels(all, 0, width),
                                fc_tensor_channels(all, width, width), heads, false));
    }
    return seen;
}
