/* The SDXL UNet: predicts the noise in a latent. One code for every width and depth that has SDXL's shape of
 * blocks (base, refiner, SSD-1B, Vega, KOALA, the tiny test models): the table of blocks is read from the
 * file.
 *
 * The layout is plain data about names and widths; whoever needs the topology (LoRA names, adapters) walks
 * that table. Images are [n,h,w,c], texts [n,1,T,c]. Must match sgm's openaimodel.UNetModel. */
#ifndef FC_MODEL_UNET_H
#define FC_MODEL_UNET_H

#include "model/freeu.h"

#define FC_UNET_PREFIX       "model.diffusion_model."
#define FC_UNET_OUTER_PREFIX "model." /* before names that begin with "diffusion_model." */

enum {
    FC_UNET_MAX_BLOCKS = 64,    /* the refiner has 25 */
    FC_UNET_MAX_LAYERS = 4,     /* in one block */
    FC_UNET_MAX_CROSS = 160,    /* cross attentions in all; base has 70 */
    FC_UNET_MAX_CHANNELS = 8192 /* of anything inside; base has 2816 */
};

typedef enum fc_unet_kind {
    FC_UNET_CONV, /* 3x3, the first layer of all */
    FC_UNET_RES,  /* residual block, takes the time embedding */
    FC_UNET_ATTN, /* transformer, takes the text */
    FC_UNET_DOWN, /* 3x3 of stride 2 */
    FC_UNET_UP    /* nearest neighbour to the size of the next skip tensor, then 3x3 */
} fc_unet_kind;

typedef struct fc_unet_layer {
    fc_unet_kind kind;
    char name[8]; /* "1" */
    int32_t cin, cout;
    int32_t depth; /* ATTN: transformer blocks */
    int32_t cross; /* ATTN: number of its first cross attention, counted over the whole network */
} fc_unet_layer;

typedef struct fc_unet_block {
    char name[32]; /* "input_blocks.4" */
    int32_t level; /* how often the image was halved before this block */
    int32_t cin;   /* of what comes from the block before */
    int32_t skip;  /* output blocks: channels of the input block's result put behind these */
    int32_t cout;
    int32_t layer_count;
    fc_unet_layer layer[FC_UNET_MAX_LAYERS];
} fc_unet_block;

typedef struct fc_unet_layout {
    int32_t in_channels, out_channels;
    int32_t channels;                 /* width of the first level, and of the sinusoidal time embedding */
    int32_t time_width;               /* of the embedding that the residual blocks get */
    int32_t label_width;              /* of y: pooled text and sizes */
    int32_t context_width;            /* of the text */
    int32_t inputs, middles, outputs; /* block[] holds them in this order; there is 0 or 1 middle block */
    int32_t cross_count;
    fc_unet_block block[FC_UNET_MAX_BLOCKS];
} fc_unet_layout;

/* Reads the table from names and shapes. FORMAT when the file has no UNet of this shape. */
fc_status fc_unet_layout_read(fc_unet_layout *l, fc_weights *w, fc_err *err) FC_MUST_USE;
/* The same for the half that control networks are copies of: no output blocks. */
fc_status fc_unet_layout_read_encoder(fc_unet_layout *l, fc_weights *w, fc_err *err) FC_MUST_USE;

typedef struct fc_unet fc_unet;

/* w must outlive the model. */
fc_status fc_unet_open(fc_unet **out, fc_weights *w, fc_err *err) FC_MUST_USE;
void fc_unet_close(fc_unet *u); /* NULL is fine; gives its packed weights back to their cache */
const fc_unet_layout *fc_unet_layout_get(const fc_unet *u);

/* What does not change between the steps of a picture. Its tensors lie on cx's stack: they live as long as
 * the scope that was open when it was made. */
typedef struct fc_unet_cond {
    fc_tensor label;                 /* [n,1,1,time_width] F32 */
    fc_tensor kv[FC_UNET_MAX_CROSS]; /* [n,1,T,2c]: keys and values of every cross attention */
} fc_unet_cond;

/* context [n,1,T,context_width], any dtype. Fills cond->kv. */
void fc_unet_set_context(fc_cx *cx, const fc_unet *u, fc_tensor context, fc_unet_cond *cond);
/* y: host [n][label_width]. Fills cond->label; may be called again for another y. */
void fc_unet_set_label(fc_cx *cx, const fc_unet *u, const float *y, int32_t n, fc_unet_cond *cond);

/* A picture that every cross attention looks at beside the text (an image prompt); what it sees there is
 * added with this weight. */
typedef struct fc_unet_picture {
    const fc_tensor *kv; /* [cross_count]: keys and values [sides,1,T,2c] in the dtype of the activations */
    float weight;
} fc_unet_picture;

/* What other networks and settings add to a run; all zero: nothing. */
typedef struct fc_unet_extra {
    fc_tensor first;       /* [1,h,w,channels], added to what the first block makes of every image */
    const fc_freeu *freeu; /* NULL: off */
    const fc_unet_picture *picture;
    int32_t pictures;
    int32_t side; /* of the run's first image; the others follow */
    /* [inputs + middles]: what control networks add to the results of these blocks where the output blocks
     * take them (the input blocks themselves go on without), and to the middle's; absent ones: nothing. NULL:
     * none */
    const fc_tensor *residual;
} fc_unet_extra;

/* x [n,h,w,in_channels], any dtype; timesteps: host, n values; extra may be NULL -> predicted noise
 * [n,h,w,out_channels] F32 */
fc_tensor fc_unet_forward(fc_cx *cx, const fc_unet *u, fc_tensor x, const float *timesteps,
                          const fc_unet_cond *cond, const fc_unet_extra *extra);

#endif
