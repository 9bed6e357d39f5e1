/* PyTorch checkpoints (.ckpt, .pth, .pt, .bin, .patch): a zip archive with a pickle that describes the
 * tensors and one member of raw bytes per storage, or, before PyTorch 1.6, the same one behind the other.
 * Tensors are mapped, not copied, but for those whose elements do not lie in order. The pickle is read by
 * format/pickle.h, which executes nothing. Read-only after opening. */
#ifndef FC_FORMAT_CKPT_H
#define FC_FORMAT_CKPT_H

#include "format/safetensors.h"

#define FC_CKPT_MAX_COPY ((uint64_t)1 << 30) /* bytes of tensors that must be put in order */

typedef struct fc_ckpt {
    fc_st_tensor *tensors; /* in the order of the pickle; offset is 0 */
    size_t count;
    /* private */
    size_t cap;
    fc_mapping map; /* empty when parsed from memory */
    fc_strmap index;
    fc_arena arena;
    void **copies;
    size_t copy_count;
} fc_ckpt;

/* Whether a file that begins so is one. */
bool fc_ckpt_is(const void *head, size_t head_size);
bool fc_ckpt_is_file(const char *path); /* false when it cannot be read */

/* Tensors are named by their keys; nested dictionaries and tuples give "outer.inner" and "outer.0"; an outer
 * "state_dict" has no part in the name. Numbers in tuples become F64 scalars. After a failure *c is closed.
 * DENIED: the pickle wants something that no model needs. */
fc_status fc_ckpt_open(fc_ckpt *c, const char *path, fc_err *err) FC_MUST_USE;
/* The same for bytes in memory, which must outlive *c. */
fc_status fc_ckpt_parse(fc_ckpt *c, const void *data, size_t size, fc_err *err) FC_MUST_USE;
void fc_ckpt_close(fc_ckpt *c);
const fc_st_tensor *fc_ckpt_find(const fc_ckpt *c, const char *name); /* NULL: no such tensor */

#endif
