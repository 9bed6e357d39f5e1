/* What a backend provides: one table of functions over device memory. Only backend/registry.c knows which
 * backends exist.
 *
 * Rules for every op:
 * - tensors are FC_F32 or FC_BF16 (the two may be mixed between operands where stated), any ld >= c;
 * - arithmetic is float32 or better inside; bf16 results round to nearest even; bf16 products accumulate in
 * float32;
 * - the caller (nn/ops.c) has checked shapes; outputs never overlap inputs unless "in place" is stated;
 * - bytes between c and ld of an output row, and beyond its end, are never touched;
 * - the result does not depend on the number of threads.
 * Ops return FC_OK, FC_NOMEM or FC_INTERNAL. One thread at a time uses a device. */
#ifndef FC_NN_BACKEND_H
#define FC_NN_BACKEND_H

#include "base/status.h"
#include "nn/tensor.h"

typedef struct fc_dev fc_dev;       /* an opened device; each backend defines its own */
typedef struct fc_packed fc_packed; /* a weight in the backend's own layout; each backend defines its own */

typedef enum fc_act {
    FC_ACT_NONE,
    FC_ACT_SILU,       /* x * sigmoid(x) */
    FC_ACT_GELU,       /* x * (1 + erf(x / sqrt 2)) / 2 */
    FC_ACT_QUICK_GELU, /* x * sigmoid(1.702 x) */
    FC_ACT_RELU,
    FC_ACT_TANH3, /* 3 * tanh(x / 3) */
    FC_ACT_LRELU, /* x, or FC_LRELU_SLOPE * x below 0 */
    FC_ACT_COUNT
} fc_act;
#define FC_LRELU_SLOPE 0.2f

/* The fused tail of linear and conv2d: y = scale * act(x*W + bias + rowadd) + add */
typedef struct fc_epi {
    fc_act act;
    float scale; /* 0 stands for 1, so that a zeroed fc_epi is plain */
    fc_tensor
        rowadd;    /* [n,1,1,cout], added to every pixel of image n; F32 or BF16; absent when data == NULL */
    fc_tensor add; /* shape of y; F32 or BF16; may be y itself (in place); absent when data == NULL */
} fc_epi;
#define FC_PLAIN ((fc_epi){0})

/* Geometry of a convolution. Output size: (h + pad_top + pad_bottom - kh) / stride + 1, likewise for w. */
typedef struct fc_conv_geom {
    int32_t kh, kw, stride;
    int32_t pad_top, pad_left, pad_bottom, pad_right; /* zeros */
    int32_t resize; /* 1: x is first resized to y's size, nearest neighbour; the rest keeps that size */
} fc_conv_geom;

/* Where cell i of a row of `out` comes from when a row of `in` is resized: PyTorch's "nearest", whose scale
 * is a float32 quotient and its product with the index too. */
static inline int32_t fc_nearest(int32_t i, int32_t in, int32_t out)
{
    int32_t from = (int32_t)((float)i * ((float)in / (float)out));
    return from < in ? from : in - 1;
}

/* A convolution of single pixels is a matrix product. */
static inline bool fc_conv_is_point(const fc_conv_geom *g)
{
    return g->kh == 1 && g->kw == 1 && g->stride == 1 &&
           !(g->pad_top | g->pad_left | g->pad_bottom | g->pad_right);
}

/* A weight to pack: `rows` output channels of cin*kh*kw values each (a checkpoint's [cout][cin][kh][kw]
 * order). read_rows gives rows [first, first + count) as float32, cin*kh*kw values each, patches (LoRA)
 * already merged; it may be called from several threads at once, and several times for the same rows. */
typedef struct fc_pack_src {
    const char *name; /* for messages */
    int32_t rows, cin, kh, kw;
    void *user;
    fc_status (*read_rows)(void *user, int32_t first, int32_t count, float *dst);
    bool int8; /* keep whole numbers of 8 bits and a scale for each output; a backend may ignore it */
} fc_pack_src;

/* Who computes linear and conv2d, where a backend has more than one way. */
typedef enum fc_product_way {
    FC_PRODUCT_AUTO,   /* the faster one, weight by weight */
    FC_PRODUCT_OWN,    /* never a library */
    FC_PRODUCT_LIBRARY /* the library wherever it can */
} fc_product_way;

typedef struct fc_backend_opts {
    int threads;     /* 0: all cores this process may run on */
    const char *isa; /* NULL: the best the machine has; else "scalar", "avx2", "avx512", "avx512bf16", "amx":
                        an upper bound */
    fc_product_way products; /* other than AUTO: for tests and measurements */
} fc_backend_opts;

typedef struct fc_backend_info {
    char name[32];         /* "cpu" */
    char description[160]; /* "AMD EPYC ..., 2 threads, AVX-512 BF16, oneDNN 2.6.3" */
    char machine[64];      /* "AMD EPYC ..."; "" when the backend does not tell, as the next two */
    char isa[16];          /* in use, as opts name it: "avx512bf16" */
    char library[32];      /* "oneDNN 2.6.3" */
    int threads;
    bool fast_bf16; /* bf16 is the faster choice on this device: what --precision auto asks */
} fc_backend_info;

/* Kinds of arithmetic whose limit can be measured. */
typedef enum fc_peak {
    FC_PEAK_F32,         /* float32 multiply-adds, operands in registers */
    FC_PEAK_BF16,        /* products of bf16 values, operands in registers */
    FC_PEAK_BF16_LOADED, /* the same, every operand loaded from the second-level cache */
    FC_PEAK_KINDS
} fc_peak;

/* Statistics of a group norm, [n][groups][mean, variance]. */
typedef struct fc_norm_stats {
    const double *given; /* used in place of x's own; NULL: its own are */
    double *noted;       /* x's own are written here; NULL: they are not */
} fc_norm_stats;

typedef struct fc_backend {
    const char *name;

    fc_status (*open)(const fc_backend_opts *opts, fc_dev **dev, fc_err *err);
    void (*close)(fc_dev *dev); /* NULL is fine */
    void (*info)(const fc_dev *dev, fc_backend_info *out);

    /* Device memory, 64-byte aligned. reserve: address space that becomes memory when first touched. */
    void *(*mem_alloc)(fc_dev *dev, size_t size, bool reserve);
    void (*mem_free)(fc_dev *dev, void *p, size_t size, bool reserve);
    /* Gives the pages of a part of a reserved range back; their content is lost. May be NULL. */
    void (*mem_trim)(fc_dev *dev, void *p, size_t size);
    fc_status (*upload)(fc_dev *dev, void *dst, const void *src, size_t size);
    fc_status (*download)(fc_dev *dev, void *dst, const void *src,
                          size_t size); /* waits for all work before it */

    /* compute: the dtype of the activations the weight will meet. */
    fc_status (*pack_linear)(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                             fc_err *err);
    fc_status (*pack_conv)(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                           fc_packed **out, fc_err *err);
    fc_status (*pack_vector)(fc_dev *dev, const fc_pack_src *src, fc_packed **out,
                             fc_err *err); /* rows x 1, float32 */
    size_t (*packed_bytes)(const fc_packed *p);
    void (*packed_free)(fc_dev *dev, fc_packed *p); /* NULL is fine */
    /* OWN or LIBRARY: who computes with this weight. NULL when there is but one way. */
    fc_product_way (*packed_way)(const fc_packed *p);
    /* For measuring: does a fixed amount of this arithmetic, some 10 ms, with all threads of the device, and
     * returns how many FLOP it was; 0: the device has no such instructions. May be NULL. */
    double (*peak_work)(fc_dev *dev, fc_peak kind);

    /* x [n,h,w,cin] -> y [n,h,w,cout]; bias: packed vector or NULL; x has the compute dtype of the weight, y
     * F32 or BF16 */
    fc_status (*linear)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_epi *epi);
    /* x [n,h,w,cin] -> y [n,h',w',cout] */
    fc_status (*conv2d)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_conv_geom *geom, const fc_epi *epi);
    /* y = act(normalised x * gamma + beta); statistics per image and group of c / groups channels; y may be
     * x. stats: NULL, or what parts of a picture share; y.data NULL: only noted */
    fc_status (*group_norm)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, int32_t groups, float eps, fc_act act,
                            const fc_norm_stats *stats);
    /* statistics per row; y may be x */
    fc_status (*layer_norm)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, float eps);
    /* q [n,1,Tq,heads*d], k and v [n,1,Tk,heads*d] -> y like q: softmax(q k^T / sqrt(d)) v per head. causal:
     * query i sees key j only when j <= i. Any d (64 in the UNet and the text encoders, 512 in the VAE). All
     * of one dtype. */
    fc_status (*attention)(fc_dev *dev, fc_tensor y, fc_tensor q, fc_tensor k, fc_tensor v, int32_t heads,
                           bool causal);
    /* x [n,h,w,2c] -> y [n,h,w,c] = x[..., :c] * gelu(x[..., c:]) */
    fc_status (*geglu)(fc_dev *dev, fc_tensor y, fc_tensor x);
    fc_status (*unary)(fc_dev *dev, fc_tensor y, fc_tensor x, fc_act act); /* y may be x */
    fc_status (*axpby)(fc_dev *dev, fc_tensor y, float a, fc_tensor x, float b,
                       fc_tensor z);                          /* a*x + b*z; y may be x or z */
    fc_status (*copy)(fc_dev *dev, fc_tensor y, fc_tensor x); /* converts the dtype */
} fc_backend;

/* backend/registry.c. name NULL: FC_BACKEND in the environment, else "cpu". NULL when there is none of that
 * name. */
const fc_backend *fc_backend_get(const char *name);
/* Names of all backends built in, ended by NULL. */
const char *const *fc_backend_names(void);

#endif
