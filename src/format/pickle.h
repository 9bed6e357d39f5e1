/* Python pickles of PyTorch models as plain data. A pickle is a program for a small stack machine, and Python
 * lets it call anything; this reader has no way to call: classes and functions are names in a short table,
 * what the tensor ones build is written down as a description, and any name or opcode beyond the tables is
 * refused by name. */
#ifndef FC_FORMAT_PICKLE_H
#define FC_FORMAT_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/dtype.h"
#include "base/status.h"

#define FC_PICKLE_MAX_SIZE ((size_t)32 << 20) /* SDXL's has 400 KB */
#define FC_PICKLE_MAX_DIMS 8

typedef enum fc_pickle_type {
    FC_PICKLE_NONE,
    FC_PICKLE_BOOL,
    FC_PICKLE_INT,
    FC_PICKLE_FLOAT,
    FC_PICKLE_TEXT, /* strings and bytes */
    FC_PICKLE_TUPLE,
    FC_PICKLE_LIST,
    FC_PICKLE_DICT, /* items: key, value, key, value ... */
    FC_PICKLE_CLASS,
    FC_PICKLE_STORAGE,
    FC_PICKLE_TENSOR,
    FC_PICKLE_OTHER /* something known to be harmless and of no use here */
} fc_pickle_type;

typedef struct fc_pickle_class fc_pickle_class;
typedef struct fc_pickle_value fc_pickle_value;

typedef struct fc_pickle_storage {
    const char *key; /* "17": the member data/17 of the archive */
    fc_dtype dtype;
    uint64_t count;                       /* elements of dtype */
    bool is_view;                         /* a part of another one, as PyTorch before 0.4 wrote them */
    const struct fc_pickle_storage *next; /* in the list of all, the last named first */
} fc_pickle_storage;

typedef struct fc_pickle_tensor {
    const fc_pickle_storage *storage;
    fc_dtype dtype;
    int32_t ndim;
    int64_t offset, shape[FC_PICKLE_MAX_DIMS], stride[FC_PICKLE_MAX_DIMS]; /* in elements, not checked */
} fc_pickle_tensor;

struct fc_pickle_value {
    fc_pickle_type type;
    union {
        int64_t integer; /* BOOL, INT */
        double number;
        struct {
            const char *data; /* NUL behind it */
            size_t size;
        } text;
        struct {
            fc_pickle_value **items;
            size_t count, cap;
        } list;
        const fc_pickle_class *class;
        const fc_pickle_storage *storage;
        const fc_pickle_tensor *tensor;
    } u;
};

typedef struct fc_pickle {
    const fc_pickle_value *value;      /* what it leaves; values may contain themselves */
    const fc_pickle_storage *storages; /* all that it names, one as often as it is named */
    size_t size;                       /* bytes that it has, also after a failure: how far the reader came */
} fc_pickle;

/* data may go on behind the pickle: at most FC_PICKLE_MAX_SIZE bytes of it are looked at. */
fc_status fc_pickle_read(const void *data, size_t size, fc_arena *arena, fc_pickle *out,
                         fc_err *err) FC_MUST_USE;

#endif
