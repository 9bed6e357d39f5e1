/* Execution context: the device, the activation stack, the sticky error, cancelling, names for messages,
 * probing, profiling. One thread at a time. After the first error every op is a no-op that returns an empty
 * tensor; ask once with fc_cx_status. */
#ifndef FC_NN_CX_H
#define FC_NN_CX_H

#include "base/arena.h"
#include "nn/packcache.h"

typedef struct fc_mark {
    size_t top;
    int depth;
} fc_mark;

/* Called with every named intermediate: path like "unet/input_blocks.4/1", the tensor as dense float32
 * [n][h][w][c]. */
typedef void (*fc_probe_fn)(void *user, const char *path, const float *data, int32_t n, int32_t h, int32_t w,
                            int32_t c);

enum { FC_CX_DEPTH = 24, FC_CX_PATH = 256, FC_CX_BLOCKS = 16 };
struct fc_profile;

/* A piece of device memory; the stack is a row of them, one when its size was known beforehand. */
typedef struct fc_cx_block {
    char *data;
    size_t size;
} fc_cx_block;

typedef struct fc_cx {
    const fc_backend *backend;
    fc_dev *dev;
    fc_packcache *packs;
    fc_dtype act;      /* dtype of activations; whoever runs a network chooses it */
    uint32_t dtypes;   /* what the device can have in tensors: FC_DTYPE_BIT of each */
    fc_dtype stats;    /* of group_stats */
    fc_status status;  /* sticky */
    fc_err err;        /* of the first failure */
    const int *cancel; /* see fc_cx_watch */
    fc_cx_block block[FC_CX_BLOCKS];
    int blocks;
    size_t top, peak; /* bytes of the stack, counted through all blocks */
    int grown;        /* blocks added because the size was not known, or wrongly */
    bool dry;         /* nothing is computed: see fc_cx_init_dry */
    const char *path[FC_CX_DEPTH];
    int depth;
    fc_probe_fn probe;
    void *probe_user;
    struct fc_profile *profile; /* NULL: off */
} fc_cx;

typedef struct fc_cx_opts {
    const fc_backend *backend;
    fc_dev *dev;
    fc_packcache *packs;
    fc_dtype act;
} fc_cx_opts;

/* Asks for no memory yet. */
void fc_cx_init(fc_cx *cx, const fc_cx_opts *opts);
void fc_cx_fini(fc_cx *cx);

/* A context that computes nothing and needs no weights, on the device of nn/oplog: what runs on it shows in
 * dry.peak how much of the stack it takes. fc_download fills its target with meaningless numbers. */
fc_status fc_cx_init_dry(fc_cx *dry, fc_dtype act, fc_err *err) FC_MUST_USE;
void fc_cx_fini_dry(fc_cx *dry);
/* Makes the stack one block of at least `bytes`, unless something lies on it. Without it, or when it was too
 * little, the stack grows by blocks while it is used, which wastes some. NOMEM. */
fc_status fc_cx_reserve(fc_cx *cx, size_t bytes, fc_err *err) FC_MUST_USE;
/* Gives the memory of the empty stack back to the device. */
void fc_cx_release(fc_cx *cx);

/* From now on *cancel is looked at before every op and while the device is waited for; when it is not 0,
 * status becomes CANCELLED. NULL: nothing is. It must live until the next call. */
void fc_cx_watch(fc_cx *cx, const int *cancel);
/* The sticky status and its message. */
fc_status fc_cx_status(const fc_cx *cx, fc_err *err) FC_MUST_USE;
/* Clears the sticky error and empties the stack, for the next run. */
void fc_cx_reset(fc_cx *cx);
/* Records the first failure: code and message, prefixed with the path of names. */
void fc_cx_fail(fc_cx *cx, fc_status code, const char *format, ...) FC_PRINTF(3, 4);
/* The same for a status that the device returned: what it says about it, and what to do. what: "linear" */
void fc_cx_fail_device(fc_cx *cx, fc_status code, const char *what);

/* The path of names and behind it name (NULL: nothing): "unet/input_blocks.4/attn1". */
void fc_cx_path(const fc_cx *cx, const char *name, char out[FC_CX_PATH]);

/* Memory of the stack lives until the fc_leave of the fc_enter around it. name is borrowed; NULL: no name of
 * its own. */
fc_mark fc_enter(fc_cx *cx, const char *name);
void fc_leave(fc_cx *cx, fc_mark m);
/* Uninitialised tensor on the stack, ld = c. */
fc_tensor fc_new(fc_cx *cx, fc_dtype dtype, int32_t n, int32_t h, int32_t w, int32_t c);
/* Shows t to the probe under path + "/" + name (name NULL: the path itself). Free when there is no probe. */
void fc_probe(fc_cx *cx, const char *name, fc_tensor t);

#endif
