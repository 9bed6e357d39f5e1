/* Binder: fills model structs with weights by name and expected shape. Sticky: it collects missing and
 * misshapen tensors and reports them all at once in fc_binder_finish. */
#ifndef FC_NN_BINDER_H
#define FC_NN_BINDER_H

#include "base/arena.h"
#include "base/buf.h"
#include "nn/backend.h"
#include "nn/weights.h"

#define FC_MAX_PARTS 3

/* Where the packed form of a kernel lives between uses; owned by the pack cache (nn/packcache.h). */
typedef struct fc_slot fc_slot;

/* A matrix or convolution kernel or vector, possibly several tensors stacked by output channel (q, k and v as
 * one product). */
typedef struct fc_kernel {
    const fc_weight *part[FC_MAX_PARTS];
    int32_t parts; /* 0: absent */
    int32_t rows;  /* output channels of all parts together */
    int32_t cin, kh, kw;
    bool int8_fits; /* may be kept in 8 bits where memory counts more than the last bits of the picture */
    fc_slot *slot;
} fc_kernel;

typedef struct fc_linear_w {
    fc_kernel weight, bias; /* bias.parts == 0: none */
    int32_t cin, cout;
} fc_linear_w;

typedef struct fc_conv_w {
    fc_kernel weight, bias;
    fc_conv_geom geom;
    int32_t cin, cout;
} fc_conv_w;

typedef struct fc_norm_w {
    fc_kernel gamma, beta;
    int32_t c, groups; /* groups 0: layer norm */
    float eps;
} fc_norm_w;

typedef struct fc_table_w { /* rows are read one by one, never packed */
    const fc_weight *weight;
    int32_t rows, c;
} fc_table_w;

typedef struct fc_binder {
    fc_weights *weights;
    fc_arena *arena; /* owns the slots: must live as long as the bound structs */
    fc_buf problems; /* one per line; the first 20 are kept */
    int problem_count;
    bool int8_fits; /* for the kernels that are bound from now on */
    fc_status status;
    fc_slot *slots; /* all made so far; a model keeps it for fc_slots_forget */
    fc_slot
        *lenders; /* slots of another model, NULL: none: a kernel of the very same weights uses its slot */
} fc_binder;

enum { FC_NO_BIAS = 0, FC_BIAS = 1 };

void fc_binder_init(fc_binder *b, fc_weights *weights, fc_arena *arena);
/* FC_OK, or FORMAT with all problems in err ("unet.input_blocks.4.1.proj_in.weight: want 640 x 640, the file
 * has 320 x 320"). Ends the binder's life either way. */
fc_status fc_binder_finish(fc_binder *b, fc_err *err) FC_MUST_USE;

/* Names are printf-formatted and lack ".weight"/".bias". Linear weights may be stored as [out][in] or
 * [out][in][1][1]. */
void fc_bind_linear(fc_binder *b, fc_linear_w *w, int32_t cin, int32_t cout, int bias, const char *format,
                    ...) FC_PRINTF(6, 7);
/* Several linear layers with one input stacked into one; suffixes ends with NULL: {"to_q", "to_k", "to_v",
 * NULL} behind prefix + ".". Each gives cout_each outputs. */
void fc_bind_linear_stack(fc_binder *b, fc_linear_w *w, int32_t cin, int32_t cout_each, int bias,
                          const char *prefix, const char *const *suffixes);
/* Full tensor names, for those without the usual ending ("attn.in_proj_weight"); bias_name may be NULL. */
void fc_bind_linear_named(fc_binder *b, fc_linear_w *w, int32_t cin, int32_t cout, const char *weight_name,
                          const char *bias_name);
/* [cout][cin][k][k]; "same" padding for stride 1, zero padding 1 on all sides for stride 2 (change w->geom
 * for others) */
void fc_bind_conv(fc_binder *b, fc_conv_w *w, int32_t cin, int32_t cout, int32_t k, int32_t stride, int bias,
                  const char *format, ...) FC_PRINTF(8, 9);
/* The same with stride 1 and full tensor names; bias_name may be NULL. */
void fc_bind_conv_named(fc_binder *b, fc_conv_w *w, int32_t cin, int32_t cout, int32_t k,
                        const char *weight_name, const char *bias_name);
void fc_bind_norm(fc_binder *b, fc_norm_w *w, int32_t c, int32_t groups, float eps, const char *format, ...)
    FC_PRINTF(6, 7);
/* Full tensor name, [rows][c]; rows < 0: whatever the file has. */
void fc_bind_table(fc_binder *b, fc_table_w *w, int32_t rows, int32_t c, const char *format, ...)
    FC_PRINTF(5, 6);

#endif
