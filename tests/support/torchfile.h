/* Writes PyTorch checkpoints byte by byte as torch.save does (zip archive, pickle protocol 2), and pieces of
 * them for files made by hand. */
#ifndef FC_TESTS_TORCHFILE_H
#define FC_TESTS_TORCHFILE_H

#include "base/buf.h"
#include "format/safetensors.h"

typedef struct torch_zip {
    fc_buf *out;
    fc_buf directory;
    size_t start; /* of the archive in out */
    int count;
} torch_zip;

void torch_zip_begin(torch_zip *z, fc_buf *out);
/* Bytes lie at a multiple of 64, as PyTorch's do. */
void torch_zip_add(torch_zip *z, const char *name, const void *data, size_t size);
/* wide: with zip64 records, as for archives beyond 4 GB. */
void torch_zip_end(torch_zip *z, bool wide);

/* Pieces of a pickle. */
void torch_text(fc_buf *p, const char *text);
void torch_number(fc_buf *p, int64_t n);
void torch_class(fc_buf *p, const char *module, const char *name);
/* The tensor's bytes are storage `key`; stride NULL: in order. */
void torch_tensor(fc_buf *p, fc_dtype dtype, int key, int64_t storage_count, int64_t offset, int32_t ndim,
                  const int64_t *shape, const int64_t *stride);

/* A whole checkpoint; every tensor needs data. wrap: inside {"state_dict": ..., "epoch": 7}, as training
 * leaves it. */
void torch_file(fc_buf *out, const fc_st_source *tensors, size_t count, bool wrap, bool wide);
/* An archive with this pickle and one storage data/0. */
void torch_archive(fc_buf *out, const void *pickle, size_t pickle_size, const void *storage,
                   size_t storage_size);

#endif
