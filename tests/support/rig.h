/* A device with everything a model needs to run on it, for tests: backend, pack cache, execution context. */
#ifndef FC_TESTS_RIG_H
#define FC_TESTS_RIG_H

#include "nn/cx.h"
#include "nn/weights.h"
#include "support/support.h"

typedef struct fc_rig {
    const fc_backend *backend;
    fc_dev *dev;
    fc_packcache packs;
    fc_cx cx;
    char label[24]; /* "cpu f32" */
} fc_rig;

/* False when this build has no such backend. threads 0: all. A failure ends the test. */
bool fc_rig_open(fc_rig *rig, const char *backend, fc_dtype act, int threads);
/* The same, reporting failure: for tests that make allocations fail. */
fc_status fc_rig_try_open(fc_rig *rig, const char *backend, fc_dtype act, int threads, fc_err *err);
void fc_rig_close(fc_rig *rig);
/* Fails the test with the message when an op failed. */
void fc_rig_check(const fc_rig *rig);

/* Calls test(rig, user) on every backend of the registry that has a device here, in f32 and, where it
 * computes in it, bf16. */
void fc_rig_each(void (*test)(fc_rig *rig, void *user), void *user);

/* The reference's images and maps are [n][c][h][w] (or [n][tokens][c]); ours are [n][h][w][c]. Fresh memory,
 * fc_free it. */
float *fc_test_nhwc(const fc_test_array *a);
float *fc_test_nchw(const float *nhwc, int64_t n, int64_t c, int64_t h, int64_t w);

#endif
