/* What the backends that compute in host memory share: memory, thread counts, reading the rows of a weight.
 */
#ifndef FC_BACKEND_HOST_H
#define FC_BACKEND_HOST_H

#include "nn/backend.h"

#define FC_HOST_ALIGN 64

/* Functions of the table that are the same for all of them: what is asked for is done at once, and the memory
 * is the machine's. */
fc_status fc_host_mem_alloc(fc_dev *dev, size_t size, void **out);
void fc_host_mem_free(fc_dev *dev, void *p, size_t size);
fc_status fc_host_copy_in(fc_dev *dev, void *dst, const void *src, size_t size);
fc_status fc_host_wait(fc_dev *dev);
void fc_host_watch(fc_dev *dev, const int *cancel);
const char *fc_host_why(const fc_dev *dev);
void fc_host_memory(fc_dev *dev, fc_device_memory *out);

/* stat: mean and variance of `rows` rows; becomes that of them and of `before` others
 * together. */
void fc_host_join_stats(const double others[2], int64_t before, int64_t rows, double stat[2]);

/* wanted > 0: that many, up to a sane limit; 0: the cores this process may run on (affinity and cgroup
 * quota). */
int fc_host_threads(int wanted);

/* Values of one output channel, cin * kh * kw; 0 when src makes no sense or the whole weight would not fit a
 * size_t. */
size_t fc_pack_src_cols(const fc_pack_src *src);

/* Receives rows [first, first + count), cols values each; called from several threads at once. */
typedef void (*fc_rows_fn)(void *user, int32_t first, int32_t count, const float *rows);

/* Reads all rows of src once, in blocks of a multiple of `granule` rows (the last may be shorter), from
 * `threads` threads, and hands them to fn. */
fc_status fc_host_read_rows(const fc_pack_src *src, int threads, int32_t granule, fc_rows_fn fn, void *user,
                            fc_err *err);

#endif
