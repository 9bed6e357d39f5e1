/* safetensors files: 8 bytes header length (little-endian), a JSON header, then the tensors' bytes without
 * holes.
 *
 * The reader never copies tensor data: it looks at the header only, and data pointers lead into the mapping.
 * Everything the header claims is checked against the file before the first tensor is handed out. Read-only
 * after opening, so any number of threads may use one. */
#ifndef FC_FORMAT_SAFETENSORS_H
#define FC_FORMAT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/dtype.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"

#define FC_ST_MAX_DIMS    8
#define FC_ST_MAX_HEADER  100000000u /* the format's own limit, bytes */
#define FC_ST_MAX_TENSORS (1u << 20) /* SDXL has 2,500 */

typedef struct fc_st_tensor {
    const char *name; /* UTF-8, lives as long as the file is open */
    fc_dtype dtype;
    int32_t ndim;                  /* 0 for a scalar */
    int64_t shape[FC_ST_MAX_DIMS]; /* row-major: the last dimension is contiguous; unused ones are 0 */
    size_t count, size;            /* elements, bytes */
    uint64_t offset;               /* of its first byte, from the end of the header */
    const void *data;              /* any alignment */
} fc_st_tensor;

typedef struct fc_st_meta {
    const char *key, *value;
} fc_st_meta;

typedef struct fc_safetensors {
    fc_st_tensor *tensors; /* in the order of their data */
    size_t count;
    fc_st_meta *metadata; /* "__metadata__", in the order of the file */
    size_t metadata_count;
    /* private */
    size_t cap;
    fc_mapping map; /* empty when parsed from memory */
    fc_strmap index;
    fc_arena arena;
} fc_safetensors;

/* After a failure *st is closed. */
fc_status fc_safetensors_open(fc_safetensors *st, const char *path, fc_err *err) FC_MUST_USE;
/* The same for bytes in memory, which must outlive *st. */
fc_status fc_safetensors_parse(fc_safetensors *st, const void *data, size_t size, fc_err *err) FC_MUST_USE;
void fc_safetensors_close(fc_safetensors *st);

const fc_st_tensor *fc_safetensors_find(const fc_safetensors *st,
                                        const char *name);                      /* NULL: no such tensor */
const char *fc_safetensors_metadata(const fc_safetensors *st, const char *key); /* NULL: no such key */

/* ---- writing ---- */

typedef struct fc_st_source {
    const char *name;
    fc_dtype dtype;
    int32_t ndim;
    int64_t shape[FC_ST_MAX_DIMS];
    const void *data; /* NULL: the bytes come from fill */
} fc_st_source;

/* Makes bytes [offset, offset + size) of tensor number index; called in order, offset and size are multiples
 * of 16 but at the end of a tensor. */
typedef fc_status (*fc_st_fill)(void *user, size_t index, uint64_t offset, void *dst, size_t size,
                                fc_err *err);

typedef struct fc_st_write {
    const fc_st_source *tensors;
    size_t count;
    const fc_st_meta *metadata;
    size_t metadata_count;
    fc_st_fill fill; /* may be NULL when every tensor has data */
    void *user;
} fc_st_write;

/* Writes tensors in the order given; path holds the old or the new file, never half of one. */
fc_status fc_safetensors_write(const char *path, const fc_st_write *what, fc_err *err) FC_MUST_USE;

#endif
