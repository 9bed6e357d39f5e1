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

enum { FC_CX_DEPTH = 24, FC_CX_PATH = 256 };
struct fc_profile;

typedef struct fc_cx {
    const fc_backend *backend;
    fc_dev *dev;
    fc_packcache *packs;
    fc_dtype act;      /* dtype of activations: F32 or BF16 */
    fc_status status;  /* sticky */
    fc_err err;        /* of the first failure */
    const int *cancel; /* polled before every op; non-zero: status becomes CANCELLED; may be NULL */
    char *stack;       /* reserved device memory */
    size_t stack_size, top, peak;
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
    size_t stack_size; /* bytes of address space for activations; 0: 64 GiB on CPUs */
} fc_cx_opts;

fc_status fc_cx_init(fc_cx *cx, const fc_cx_opts *opts, fc_err *err) FC_MUST_USE;
void fc_cx_fini(fc_cx *cx);
/* The sticky status and its message. */
fc_status fc_cx_status(const fc_cx *cx, fc_err *err) FC_MUST_USE;
/* Clears the sticky error and empties the stack, for the next run. */
void fc_cx_reset(fc_cx *cx);
/* Records the first failure: code and message, prefixed with the path of names. */
void fc_cx_fail(fc_cx *cx, fc_status code, const char *format, ...) FC_PRINTF(3, 4);

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
