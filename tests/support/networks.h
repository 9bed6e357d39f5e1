/* What the tests of the networks share: files opened as weights, golden data laid out as ours, limits by
 * type, and running a network while allocations fail. */
#ifndef FC_TESTS_NETWORKS_H
#define FC_TESTS_NETWORKS_H

#include "support/rig.h"
#include "support/synth.h"

/* ---- files; a failure ends the test ---- */

/* Of a kind of support/synth.h. */
fc_weights *net_weights(const char *kind);
/* Writes the tensors under this name in the test's folder, as F16, and returns the path. */
const char *net_write(const char *name, const fc_synth *s);
/* The same, opened. */
fc_weights *net_weights_of(const char *name, const fc_synth *s);
/* A file of what these functions add (support/nano.h), NULL at the end. */
typedef void (*net_builder)(fc_synth *s);
const char *net_write_nano(const char *name, const net_builder *builders);
fc_weights *net_weights_nano(const net_builder *builders);

fc_synth_tensor *net_tensor(fc_synth *s, const char *name);

/* For every tensor: the status of `open` with a file that lacks it must be FORMAT, or OK where the name holds
 * `unread` (NULL: nowhere). */
void net_check_each_missing(const fc_synth *all, fc_status (*open)(const char *dropped, fc_weights *w),
                            const char *unread);

/* ---- values ---- */

/* Zeros; fc_free them. */
float *net_floats(size_t count);
/* A golden tensor as [n][h][w][c]; its shape, as the file has it, goes to *shape (may be NULL). */
float *net_golden(const fc_safetensors *golden, const char *name, fc_test_array *shape);
/* The same on the device; its sizes must be these. */
fc_tensor net_upload_golden(fc_rig *rig, const fc_safetensors *golden, const char *name, int32_t n, int32_t h,
                            int32_t w, int32_t c);
/* Compares got, as [n][h][w][c], with a golden tensor. */
void net_check_golden(const fc_rig *rig, const fc_safetensors *golden, const char *name, const float *got,
                      double limit);
double net_limit(const fc_rig *rig, double f32, double bf16);
int net_worst_u8(const uint8_t *got, const fc_test_array *want);

/* ---- torture ---- */

/* Opens the file and a device of this type and runs, with every allocation failing once. Returns how many. */
typedef struct net_run {
    const char *backend, *path;
    fc_dtype act;
    fc_status (*run)(fc_rig *rig, fc_weights *w, void *user);
    void *user;
} net_run;
int net_torture(const net_run *t);

#endif
