/* Device tensors for tests: guarded memory, random content, comparisons. Failures to allocate end the test.
 */
#ifndef FC_TESTS_TENSORS_H
#define FC_TESTS_TENSORS_H

#include "nn/backend.h"

typedef struct tt_dev {
    const fc_backend *be;
    fc_dev *dev;
} tt_dev;

/* A tensor with guard bytes before, behind and between its rows. */
typedef struct tt {
    tt_dev d;
    fc_tensor t;
    void *raw;
    size_t bytes;
} tt;

/* A backend of the registry, or "late" (support/late.h); NULL: there is none of that name. */
const fc_backend *tt_backend(const char *name);
/* The device of a backend that tests open: NULL, or of the graphics backend FC_TEST_DEVICE, else Mesa's
 * software driver. */
const char *tt_device(const char *backend);
tt_dev tt_open(const char *backend, int threads, const char *isa);
void tt_close(tt_dev d);
fc_dtype tt_stats_type(tt_dev d); /* of group_stats */

/* ld 0 stands for c. */
tt tt_new(tt_dev d, fc_dtype dtype, int32_t n, int32_t h, int32_t w, int32_t c, int64_t ld);
void tt_free(tt *t);
size_t tt_count(const tt *t); /* n*h*w*c */
/* From and to dense float32. */
void tt_set(tt *t, const float *values);
void tt_get(const tt *t, float *values);
float *tt_values(const tt *t); /* tt_get into fresh memory (fc_free it) */
/* Values drawn uniformly from [-scale, scale], a pure function of seed and index. */
void tt_random(tt *t, uint64_t seed, float scale);
float tt_rand(uint64_t seed, uint64_t index); /* [-1, 1) */
/* The same values in another device, dtype or spacing (rounded when the dtype is narrower). */
tt tt_like(const tt *from, tt_dev d, fc_dtype dtype, int64_t ld);
/* Fails the test when a guard byte was changed. */
void tt_check_guards(const tt *t);

/* A weight whose element i is tt_rand(seed, i) * scale. */
typedef struct tt_weight {
    uint64_t seed;
    float scale, offset;
    int32_t cols;
} tt_weight;
fc_pack_src tt_source(tt_weight *w, int32_t rows, int32_t cin, int32_t kh, int32_t kw);

/* max |a - b| / max(|a|) over all, and the same for the root mean square */
typedef struct tt_diff {
    double max, rms;
} tt_diff;
tt_diff tt_compare(const float *want, const float *got, size_t count);

#endif
