/* Between weights.c and weights_open.c. */
#ifndef FC_NN_WEIGHTS_IMPL_H
#define FC_NN_WEIGHTS_IMPL_H

#include "base/arena.h"
#include "base/hash.h"
#include "format/ckpt.h"
#include "format/safetensors.h"
#include "nn/weights.h"

/* One opened file; the other member is empty. */
typedef struct fc_weights_file {
    fc_safetensors st;
    fc_ckpt ckpt;
} fc_weights_file;

struct fc_weights {
    fc_weights_file **files; /* [file_count], each of its own so that tensors stay where they are */
    size_t file_count;
    fc_weight *entries;
    size_t count, cap;
    fc_weights *under; /* has what is not found here; NULL: nobody */
    fc_strmap index;
    fc_arena arena; /* names and small copies */
    char *path;
};

/* Copies an entry; its name must stay. FORMAT when there is one of that name. (weights_open.c) */
fc_status fc_weights_add(fc_weights *w, const fc_weight *entry, fc_err *err);

#endif
