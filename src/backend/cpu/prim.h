/* Matrix products and convolutions by oneDNN. prim.c is the only file that knows the library, and hides the
 * difference between its 2.x and 3.x interfaces. Tensors are dense NHWC here. Primitives are made once per
 * shape and kept; running one allocates nothing. One thread at a time. */
#ifndef FC_BACKEND_CPU_PRIM_H
#define FC_BACKEND_CPU_PRIM_H

#include "backend/cpu/isa.h"
#include "backend/cpu/panels.h"
#include "nn/backend.h"

typedef struct fc_prims fc_prims;             /* the library's engine and the primitives made so far */
typedef struct fc_prim_weight fc_prim_weight; /* a weight in the layout that the kernels want */

typedef enum fc_prim_add {
    FC_PRIM_ADD_NONE,
    FC_PRIM_ADD_DST,  /* to what is in y already */
    FC_PRIM_ADD_OTHER /* another tensor of y's shape; linear only */
} fc_prim_add;

typedef enum fc_prim_relu { FC_PRIM_NO_RELU, FC_PRIM_RELU, FC_PRIM_LRELU } fc_prim_relu;

/* All that a primitive depends on. Only int32_t: compared as bytes. */
typedef struct fc_prim_shape {
    int32_t conv;           /* 0: linear, of n rows; then h, w, oh, ow are 1 */
    int32_t n, h, w, cin;   /* x */
    int32_t oh, ow, cout;   /* y */
    fc_conv_geom geom;      /* linear: zeros */
    int32_t src, dst;       /* fc_dtype of x and of y; the weight has x's */
    int32_t bias, relu;     /* fc_prim_relu; comes before the addition */
    int32_t add, add_dtype; /* fc_prim_add; fc_dtype */
} fc_prim_shape;

typedef struct fc_prim_args {
    void *y;
    const void *x;
    const float *bias;
    const void *add;
} fc_prim_args;

/* isa: an upper bound for the library too, if nothing in this process used it before. */
fc_status fc_prims_open(fc_prims **out, int threads, fc_isa isa, fc_err *err) FC_MUST_USE;
void fc_prims_close(fc_prims *p);
/* "oneDNN 2.6.3" */
void fc_prims_describe(char *out, size_t size);

/* Chooses the layout for a weight. shape: a typical use. UNSUPPORTED when the library has none of its
 * "brgemm" kernels for it: only those never split a sum among threads. */
fc_status fc_prim_weight_new(fc_prims *p, const fc_prim_shape *shape, fc_prim_weight **out) FC_MUST_USE;
void fc_prim_weight_free(fc_prim_weight *w);
size_t fc_prim_weight_bytes(const fc_prim_weight *w); /* of the data */
/* data: aligned memory of that size, which must outlive w and holds the weight, or will. */
fc_status fc_prim_weight_attach(fc_prims *p, fc_prim_weight *w, void *data) FC_MUST_USE;
/* Whether the layout is one of panels: then the caller fills the data. */
bool fc_prim_weight_panels(const fc_prim_weight *w, const fc_prim_shape *shape, fc_panels *out);
/* Fills the data whatever the layout. plain: [cout][cin][kh][kw] in the dtype of shape->src. */
fc_status fc_prim_weight_fill(fc_prims *p, fc_prim_weight *w, const fc_prim_shape *shape,
                              const void *plain) FC_MUST_USE;

fc_status fc_prim_run(fc_prims *p, const fc_prim_shape *shape, const fc_prim_weight *w,
                      const fc_prim_args *args) FC_MUST_USE;

/* Test hook: from now on primitives ask for the weight in a layout of their own choice and reorder it on
 * every run, as they do when they cannot work with the layout it was packed in. */
void fc_prims_force_reorder(fc_prims *p, bool force);

#endif
