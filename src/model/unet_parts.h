/* Private to unet*.c: the two kinds of layer that are more than a convolution. */
#ifndef FC_MODEL_UNET_PARTS_H
#define FC_MODEL_UNET_PARTS_H

#include "model/unet.h"

/* sgm openaimodel.ResBlock */
struct unet_res {
    fc_norm_w norm1, norm2;
    fc_conv_w conv1, conv2;
    fc_linear_w emb;
    fc_linear_w skip; /* the 1x1 convolution; only when cin != cout */
    bool has_skip;
};

/* sgm attention.BasicTransformerBlock: self attention, attention to the text, feed-forward, each on a
 * normalised copy and added back */
struct unet_tblock {
    char name[32]; /* "transformer_blocks.3" */
    fc_norm_w norm1, norm2, norm3;
    fc_linear_w qkv, out1;
    fc_linear_w q, kv, out2;
    fc_linear_w ff_in, ff_out;
};

/* sgm attention.SpatialTransformer with linear projections */
struct unet_attn {
    fc_norm_w norm;
    fc_linear_w proj_in, proj_out;
    int32_t heads; /* each 64 wide */
    int32_t depth;
    struct unet_tblock *block;
};

/* Only the input and middle blocks. lenders: the slots of a model whose packed weights it uses where they are
 * the very same; NULL: none. That model must stay. */
fc_status unet_open_encoder(fc_unet **out, fc_weights *w, fc_slot *lenders, fc_err *err);
fc_slot *unet_slots(const fc_unet *u);
/* Runs the input and middle blocks. first [1,h,w,channels] is added behind the first block where it is
 * present. made [inputs + middles]: what each block makes, on the caller's scope. */
void unet_encode(fc_cx *cx, const fc_unet *u, fc_tensor x, const float *timesteps, const fc_unet_cond *cond,
                 fc_tensor first, fc_tensor *made);

void unet_res_bind(fc_binder *b, struct unet_res *r, const char *name, int32_t cin, int32_t cout,
                   int32_t time_width);
/* y, x: [n,h,w,c]; emb = silu(time embedding) [n,1,1,time_width]. y and x must not overlap. */
void unet_res_run(fc_cx *cx, const struct unet_res *r, fc_tensor y, fc_tensor x, fc_tensor emb);

void unet_attn_bind(fc_binder *b, struct unet_attn *a, const char *name, const fc_unet_layer *layer,
                    int32_t context_width);
/* Writes keys and values of the text for each cross attention: kv[i] [n,1,T,2c] */
void unet_attn_context(fc_cx *cx, const struct unet_attn *a, fc_tensor context, const fc_tensor *kv);
/* x [n,h,w,c], changed in place; kv as unet_attn_context wrote it; cross: number of its first cross
 * attention; extra may be NULL */
void unet_attn_run(fc_cx *cx, const struct unet_attn *a, fc_tensor x, const fc_tensor *kv, int32_t cross,
                   const fc_unet_extra *extra);
/* y += weight * attention(q, picture) for every picture of extra, in cross attention number `cross`; y, q
 * [n,1,T,c] */
void unet_attn_pictures(fc_cx *cx, fc_tensor y, fc_tensor q, int32_t heads, int32_t cross,
                        const fc_unet_extra *extra);

#endif
