/* Where the autoencoder's activations lie. At full resolution one of a 1024x1024 picture takes half a
 * gigabyte, so tensors that are passed from layer to layer lie in two buffers used in turn, and blocks that
 * keep their width work in place, with the other buffer for what they need beside. */
#ifndef FC_MODEL_VAE_CANVAS_H
#define FC_MODEL_VAE_CANVAS_H

#include "nn/cx.h"

/* Elements a pass takes at most, in each of the two buffers and beside them: the layers are walked once as
 * they will run, counting only. */
struct vae_plan {
    int32_t n, h, w; /* the size now */
    int turn;
    int64_t buffer[2], scratch;
};

/* A layer writes its result into the buffer whose turn it is. */
void vae_plan_next(struct vae_plan *p, int32_t channels);
/* A block that keeps its width puts two tensors into the buffer whose turn it is not. */
void vae_plan_in_place(struct vae_plan *p, int32_t channels);
/* Memory of its own, so many channels of the size now; or a number of elements. */
void vae_plan_scratch(struct vae_plan *p, int64_t channels);
void vae_plan_scratch_fixed(struct vae_plan *p, int64_t elements);

/* The two buffers, at the bottom of the stack. */
struct vae_canvas {
    fc_tensor buffer[2];
    int turn;
};

/* Each buffer as large as the largest tensor that will lie in it. */
struct vae_canvas vae_canvas_new(fc_cx *cx, const struct vae_plan *p);
/* The next buffer as a tensor of this shape. */
fc_tensor vae_canvas_next(struct vae_canvas *c, int32_t n, int32_t h, int32_t w, int32_t channels);
/* One of two tensors (which: 0, 1) like x in the buffer that x does not lie in. */
fc_tensor vae_canvas_beside(const struct vae_canvas *c, fc_tensor x, int which);

#endif
