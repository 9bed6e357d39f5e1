/* Weights: the tensors of one opened model under canonical (single-file, sgm) names, still in the file's
 * dtype and mapping. A model is a safetensors file, a PyTorch checkpoint, or a folder of the many-files
 * layout (diffusers). Opening touches only the headers. Owned by the engine, shared by the models bound to
 * it. */
#ifndef FC_NN_WEIGHTS_H
#define FC_NN_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/dtype.h"
#include "base/status.h"

#define FC_MAX_DIMS 6

typedef struct fc_weight fc_weight;

/* Something added to a weight while it is read (a LoRA, a difference): rows [first, first + count) of the
 * matrix seen as [dim 0][all other dims], float32, changed in place. Must be thread-safe. */
typedef struct fc_weight_patch {
    const void *owner; /* whose it is, for fc_weights_take_off */
    void *user;
    fc_status (*apply)(void *user, const fc_weight *w, int32_t first, int32_t count, float *rows);
    uint64_t key;                 /* tells what it adds apart from everything else */
    struct fc_weight_patch *next; /* applied in list order */
} fc_weight_patch;

enum { FC_WEIGHT_PARTS = 3 };

struct fc_weight {
    const char *name; /* canonical */
    fc_dtype dtype;
    int32_t ndim;
    int64_t shape[FC_MAX_DIMS];
    const void *data;                  /* in the mapping; any alignment. NULL when the rows are a stack: */
    const void *part[FC_WEIGHT_PARTS]; /* tensors of equal shape, one below the other (q, k, v) */
    const fc_weight *under; /* the rows are another weight's, which keeps its own patches; data is NULL */
    fc_weight_patch *patches;
    uint64_t version; /* raised whenever the patches change: packed copies of older versions are stale */
    bool used;        /* a model has bound it */
    bool turned;      /* a matrix whose bytes lie [cols][rows] */
    bool mapped;      /* all of it lies in the file's mapping */
};

typedef struct fc_weights fc_weights;

/* path: a file (its content decides what it is) or a folder with model_index.json. Names of a
 * folder, of a UNet or VAE of that layout on its own, and of a single file whose parts stand under other
 * prefixes or in another spelling become canonical; the rest stay as they are. */
fc_status fc_weights_open(fc_weights **out, const char *path, fc_err *err) FC_MUST_USE;
/* Whether path is a folder of the many-files layout. */
bool fc_weights_is_folder(const char *path);
/* Tells a file apart from others, also from an older one of its name: path, size, time of change. */
uint64_t fc_weights_file_key(const char *path);
void fc_weights_close(fc_weights *w); /* NULL is fine */
const char *fc_weights_path(const fc_weights *w);

/* The weights of a network that is another one's with changes (a Control-LoRA): the tensors of file whose
 * names begin with from, called to + the rest. Two of them, X.up and X.down, are factors whose product is
 * added to what base has as to + X.weight; the others stand in place of what base has. With base,
 * fc_weights_find also finds all that the file does not mention in base, as base's own weights. base NULL:
 * the file has everything. base and file must stay. */
fc_status fc_weights_overlay(fc_weights **out, fc_weights *base, fc_weights *file, const char *from,
                             const char *to, fc_err *err) FC_MUST_USE;

size_t fc_weights_count(const fc_weights *w);
fc_weight *fc_weights_at(fc_weights *w, size_t i);
fc_weight *fc_weights_find(fc_weights *w, const char *name); /* NULL: no such tensor */
/* Dimension d of a tensor; -1 when the tensor or the dimension does not exist. For recognising architectures.
 */
int64_t fc_weights_dim(fc_weights *w, const char *name, int32_t d);
bool fc_weights_has_prefix(fc_weights *w, const char *prefix);
/* A text that the file carries beside its tensors (safetensors' __metadata__); NULL: none of that name. */
const char *fc_weights_metadata(const fc_weights *w, const char *key);

/* Tells this state of a weight's values apart from others: what packed copies are compared by. */
uint64_t fc_weight_version(const fc_weight *w);
int64_t fc_weight_rows(const fc_weight *w); /* shape[0]; 1 for a scalar */
int64_t fc_weight_cols(const fc_weight *w); /* product of the other dimensions */
/* Adds a patch behind those that the weight has; p must stay until it is taken off. Equal lists of keys give
 * equal versions, so nothing is packed again in vain. */
void fc_weight_patch_add(fc_weight *w, fc_weight_patch *p);
/* Takes the patches of an owner off all weights; NULL: those of all owners. */
void fc_weights_take_off(fc_weights *w, const void *owner);
/* From now on the matrix is read the other way round: rows are columns. For files that store [in][out]; a
 * second call changes nothing. */
void fc_weight_turn(fc_weight *w);
/* Rows [first, first + count) as float32 [count][cols], patches merged. Thread-safe. */
fc_status fc_weight_read(const fc_weight *w, int32_t first, int32_t count, float *dst) FC_MUST_USE;
/* The same with the patches that come before `stop` alone. */
fc_status fc_weight_read_before(const fc_weight *w, int32_t first, int32_t count, const fc_weight_patch *stop,
                                float *dst) FC_MUST_USE;
/* It will not be read again soon: its pages of the mapping no longer count as memory of this process. */
void fc_weight_forget(const fc_weight *w);

#endif
