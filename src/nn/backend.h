/* What a backend provides: one table of functions over a device with memory and, perhaps, a queue of its own.
 * Only backend/registry.c knows which backends exist. docs/CONTRIBUTING.md tells how to add one.
 *
 * Rules for every op:
 * - tensors have one of the types that the device lists (fc_backend_info.dtypes); x, y, add and rowadd may be
 *   of different ones, where nothing else is stated; any ld >= c;
 * - arithmetic is float32 or better inside: products, norms and softmax accumulate in float32; what is stored
 *   in 16 bits is rounded to nearest even, in f16 with overflow to infinity;
 * - the caller (nn/ops.c) has checked shapes and types; outputs never overlap inputs unless "in place" is
 *   stated;
 * - bytes between c and ld of an output row, and beyond its end, are never touched;
 * - the result does not depend on the number of threads, nor on what else is in the queue.
 *
 * Addresses. What mem_alloc gives is an address that only the device can read: on the host it is a number.
 * Whoever holds it may add byte offsets inside the allocation and compare; nobody outside the backend reads
 * or writes there. Tensors (nn/tensor.h) are made that way.
 *
 * Order and waiting. Everything happens as if in the order of the calls, but it may happen later: an op
 * may return before it has run. Only download and wait return after all that was asked for before them is
 * done. Hence
 * - the arguments of an op (fc_epi, fc_conv_geom) are read before it returns, its tensors later;
 * - upload's source may be changed or freed as soon as upload returns; what ops before it read and what ops
 *   after it read is as the order says;
 * - mem_free, packed_free and unstage may be called while work that uses the memory is still under way: a
 *   backend keeps it until then.
 *
 * Failures. What goes wrong later is returned by a later call that has a status, at the latest by the next
 * download or wait; why() says in words what it was. Then the work that had not been done is dropped and
 * the contents of tensors are undefined. A status is one of
 * - NOMEM: the device has no room for it; memory and weights are as before, and after freeing some the device
 *   can be used again at once;
 * - CANCELLED: the flag of watch() was seen while waiting; the device can be used again at once;
 * - UNSUPPORTED: the device does not do this (a type it does not list);
 * - DEVICE: the device was lost, reset or does not answer; every call but those that free answers the same
 *   from now on; the caller frees what it has, closes it and may open it again;
 * - INTERNAL: a bug.
 *
 * Weights have a place: in the file (not prepared), prepared on the host, or on the device. Backends that
 * compute from host memory know only the last (stage is NULL). Those with memory of their own prepare a
 * weight into either place; one on the host is brought to the device by stage, which may copy while ops run,
 * and its room there is given up by unstage. nn/packcache.h decides where each weight is and stages ahead
 * of use; ops only ever get weights that are on the device or have been staged.
 *
 * One thread at a time uses a device. */
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
    float scale;      /* 0 stands for 1, so that a zeroed fc_epi is plain */
    fc_tensor rowadd; /* [n,1,1,cout], added to every pixel of image n; absent when data == NULL */
    fc_tensor add;    /* shape of y; may be y itself (in place); absent when data == NULL */
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

/* Where a prepared weight lies. */
typedef enum fc_place {
    FC_PLACE_DEVICE, /* where ops read it */
    FC_PLACE_HOST    /* in host memory; ops read it after stage. Only for backends that have stage */
} fc_place;

/* A weight to pack: `rows` output channels of cin*kh*kw values each (a checkpoint's [cout][cin][kh][kw]
 * order). read_rows gives rows [first, first + count) as float32, cin*kh*kw values each, patches (LoRA)
 * already merged; it may be called from several threads at once, and several times for the same rows, until
 * the pack function returns. */
typedef struct fc_pack_src {
    const char *name; /* for messages */
    int32_t rows, cin, kh, kw;
    void *user;
    fc_status (*read_rows)(void *user, int32_t first, int32_t count, float *dst);
    bool int8;      /* keep whole numbers of 8 bits and a scale for each output; a backend may ignore it */
    fc_place place; /* ignored without stage */
} fc_pack_src;

/* Who computes linear and conv2d, where a backend has more than one way. */
typedef enum fc_product_kind {
    FC_PRODUCT_AUTO,   /* the faster one, weight by weight */
    FC_PRODUCT_OWN,    /* never a library */
    FC_PRODUCT_LIBRARY /* the library wherever it can */
} fc_product_kind;

typedef struct fc_backend_opts {
    const char *device;    /* which, where there are several: its number or a part of its name; NULL: the
                            * best */
    uint64_t memory_limit; /* bytes of the device's own memory to use at most; 0: all */
    const char *cache_dir; /* where compiled kernels may be kept between runs; NULL: nowhere */
    int losses;            /* how often the device was lost before: it gets less at once each time */
    int threads;           /* CPU threads; 0: all cores this process may run on */
    const char *isa;       /* NULL: the best the machine has; else "scalar", "avx2", "avx512", "avx512bf16",
                            * "amx": an upper bound */
    fc_product_kind products; /* other than AUTO: for tests and measurements */
} fc_backend_opts;

typedef struct fc_backend_info {
    char name[32];         /* "cpu" */
    char description[160]; /* "AMD EPYC ..., 2 threads, AVX-512 BF16, oneDNN 2.6.3" */
    char machine[64];      /* "AMD EPYC ..."; "" when the backend does not tell, as the next two */
    char isa[16];          /* in use, as opts name it: "avx512bf16" */
    char note[200];        /* what of the device is not used and why; "": all of it is */
    char library[32];      /* "oneDNN 2.6.3" */
    int threads;
    uint32_t dtypes;    /* of tensors: bits FC_DTYPE_BIT(FC_F32) ... F32 is always among them */
    fc_dtype stats;     /* of group_stats: F32, or F64 where norms are computed in double */
    fc_dtype best;      /* the fastest one: what --precision auto takes */
    fc_dtype best_wide; /* the fastest one with float32's range, F32 or BF16: for networks whose values
                         * exceed f16's 65504 (the VAE) */
} fc_backend_info;
#define FC_DTYPE_BIT(t) (1u << (unsigned)(t))

/* Memory in which tensors and staged weights lie. */
typedef struct fc_device_memory {
    uint64_t total;     /* bytes this device may use in all; 0: not known */
    uint64_t available; /* of them free now, beside what this fc_dev holds; 0: not known */
    uint64_t peak;      /* most that this fc_dev held at once; 0: not known */
} fc_device_memory;

/* One of the devices that a backend could open. */
typedef struct fc_device_info {
    char name[96];
    uint64_t memory; /* bytes; 0: not known */
    bool emulated;   /* a processor that plays the device: for tests, never chosen by itself */
} fc_device_info;

/* Kinds of arithmetic whose limit can be measured. */
typedef enum fc_peak {
    FC_PEAK_F32,         /* float32 multiply-adds, operands in registers */
    FC_PEAK_F16,         /* products of f16 values by matrix units, operands in registers */
    FC_PEAK_BF16,        /* products of bf16 values, operands in registers */
    FC_PEAK_BF16_LOADED, /* the same, every operand loaded from the second-level cache */
    FC_PEAK_KINDS
} fc_peak;

typedef struct fc_backend {
    const char *name;

    /* ---- the device ---- */

    /* Fills at most `room` of the devices that there are, the best first, and returns how many it filled.
     * NULL: there is one, the machine's processor. Opens nothing that stays open. */
    int32_t (*devices)(fc_device_info *out, int32_t room);
    /* Whether the system shows a real device of this kind, seen without loading a driver: drivers take time
     * and memory also where there is no device. NULL: only `devices` can tell. */
    bool (*present)(void);
    fc_status (*open)(const fc_backend_opts *opts, fc_dev **dev, fc_err *err);
    void (*close)(fc_dev *dev); /* waits for nothing that is not needed to free; NULL is fine */
    void (*info)(const fc_dev *dev, fc_backend_info *out);
    void (*memory)(fc_dev *dev, fc_device_memory *out);
    /* One sentence about the last failure that a call returned as a status alone; "" when there is nothing
     * to add to the status. Valid until the next call. */
    const char *(*why)(const fc_dev *dev);
    /* While the device waits it looks at *cancel, at least every 50 ms: not 0 ends the wait with CANCELLED.
     * NULL: from now on nothing. */
    void (*watch)(fc_dev *dev, const int *cancel);

    /* ---- its memory and queue ---- */

    /* *out: 64-byte aligned, contents undefined; NULL on failure. Physical memory may come when it is first
     * used. size > 0 */
    fc_status (*mem_alloc)(fc_dev *dev, size_t size, void **out);
    void (*mem_free)(fc_dev *dev, void *p, size_t size); /* the size of its mem_alloc; NULL is fine */
    fc_status (*upload)(fc_dev *dev, void *dst, const void *src, size_t size);
    fc_status (*download)(fc_dev *dev, void *dst, const void *src, size_t size); /* waits */
    fc_status (*wait)(fc_dev *dev); /* for everything asked so far */

    /* ---- weights ---- */

    /* compute: the dtype of the x that the weight will meet. */
    fc_status (*pack_linear)(fc_dev *dev, const fc_pack_src *src, fc_dtype compute, fc_packed **out,
                             fc_err *err);
    fc_status (*pack_conv)(fc_dev *dev, const fc_pack_src *src, const fc_conv_geom *geom, fc_dtype compute,
                           fc_packed **out, fc_err *err);
    /* rows x 1, float32; always for FC_PLACE_DEVICE */
    fc_status (*pack_vector)(fc_dev *dev, const fc_pack_src *src, fc_packed **out, fc_err *err);
    size_t (*packed_bytes)(const fc_packed *p); /* in its place; of one on the host staging takes as many */
    void (*packed_free)(fc_dev *dev, fc_packed *p); /* NULL is fine */
    /* Brings a weight that was prepared on the host to the device, in the order of the queue as far as ops
     * can tell; it may have begun before. Staged already: does nothing. NOMEM: no room now. NULL: this
     * backend's weights are all where ops read them. */
    fc_status (*stage)(fc_dev *dev, fc_packed *p);
    void (*unstage)(fc_dev *dev, fc_packed *p); /* gives its room on the device up; not staged is fine */
    /* OWN or LIBRARY: who computes with this weight. NULL when there is but one way. */
    fc_product_kind (*packed_kind)(const fc_packed *p);
    /* For measuring: does a fixed amount of this arithmetic, some 10 ms, with all threads of the device, and
     * returns how many FLOP it was; 0: the device has no such instructions. May be NULL. */
    double (*peak_work)(fc_dev *dev, fc_peak kind);

    /* ---- ops ---- */

    /* x [n,h,w,cin] -> y [n,h,w,cout]; bias: packed vector or NULL; x has the compute dtype of the weight */
    fc_status (*linear)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_epi *epi);
    /* x [n,h,w,cin] -> y [n,h',w',cout] */
    fc_status (*conv2d)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *weight, const fc_packed *bias,
                        const fc_conv_geom *geom, const fc_epi *epi);
    /* y = act((x - mean) / sqrt(variance + eps) * gamma + beta), mean and (biased) variance per image and
     * group of c / groups channels; gamma, beta: NULL stands for 1 and 0; y may be x. stats: [n,1,groups,2] =
     * mean, variance, dense, of the device's type for them, used in place of x's own; data NULL: x's own. */
    fc_status (*group_norm)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, int32_t groups, float eps, fc_act act, fc_tensor stats);
    /* For pictures that pass in parts: stats holds mean and variance of `before` pixels of each image (what
     * is there is not read when before is 0) and becomes that of them and x's h*w pixels together:
     *     all = before + h*w;  d = mean(x) - mean
     *     mean' = mean + d * h*w / all;  variance' = (before * variance + h*w * var(x)) / all
     *                                                + d*d * before * h*w / (all*all)
     * stats as above, dense. var(x) must not suffer from a large mean: two passes, or sums with a shift. */
    fc_status (*group_stats)(fc_dev *dev, fc_tensor stats, fc_tensor x, int32_t groups, int64_t before);
    /* statistics per row; y may be x; gamma, beta: NULL stands for 1 and 0 */
    fc_status (*layer_norm)(fc_dev *dev, fc_tensor y, fc_tensor x, const fc_packed *gamma,
                            const fc_packed *beta, float eps);
    /* q [n,1,Tq,heads*d], k and v [n,1,Tk,heads*d] -> y like q: softmax(q k^T / sqrt(d)) v per head. causal:
     * query i sees key j only when j <= i. Any d (64 in the UNet and the text encoders, 512 in the VAE). All
     * four of one dtype; y may also be F32 in the backends that are measured against each other (ref, cpu).
     */
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
