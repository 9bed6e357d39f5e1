/* What every test program uses: temporary folders, golden data, comparisons that print what they measured. */
#ifndef FC_TESTS_SUPPORT_H
#define FC_TESTS_SUPPORT_H

/* cmocka.h wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include "base/status.h"
#include "format/safetensors.h"

/* A new empty folder (under $FC_TEST_TMP, else /tmp), removed when the program ends. Valid until then. */
const char *fc_test_tmpdir(void);
/* tmpdir/name, in one of a few static buffers that are used in turn. */
const char *fc_test_tmp_path(const char *name);
/* Path of a file of the source tree, e.g. "tests/data/x.json"; static buffers as above. */
const char *fc_test_source_path(const char *relative);

/* ---- golden data: tests/golden, then ../shared/golden beside the source tree ---- */

/* Path (static buffers as above) or NULL when the file is in neither place. */
const char *fc_test_golden(const char *name);
/* Opens a golden safetensors file; skips the running test when it is absent, fails it when it is broken. */
void fc_test_golden_open(fc_safetensors *st, const char *name);
/* The same, but from ../shared/golden when it is there: the files in tests/golden leave some tensors out. */
void fc_test_golden_open_full(fc_safetensors *st, const char *name);
/* The same for JSON; the caller owns the reference. */
json_t *fc_test_golden_json(const char *name);

typedef struct fc_test_array {
    float *data; /* any dtype of the file as float32 */
    size_t count;
    int32_t ndim;
    int64_t shape[FC_ST_MAX_DIMS];
} fc_test_array;

/* A tensor of an open file; fails the running test when it does not exist. Free with fc_test_array_free. */
fc_test_array fc_test_array_load(const fc_safetensors *st, const char *tensor_name);
void fc_test_array_free(fc_test_array *a);
/* Whether the tensor exists, for optional ones. */
bool fc_test_has(const fc_safetensors *st, const char *tensor_name);

/* ---- comparisons ---- */

double fc_test_rel_error(const float *got, const float *want, size_t count); /* ||got - want|| / ||want|| */
double fc_test_abs_error(const float *got, const float *want, size_t count); /* max |got - want| */

/* Each prints the measured value beside the limit, and fails on NaN. `what` names the comparison (a string).
 */
#define assert_rel_error(what, got, want, count, limit)                                                      \
    fc_test_check_limit(what, "rel", fc_test_rel_error(got, want, count), limit, __FILE__, __LINE__)
#define assert_abs_error(what, got, want, count, limit)                                                      \
    fc_test_check_limit(what, "abs", fc_test_abs_error(got, want, count), limit, __FILE__, __LINE__)
#define assert_at_most(what, measured, limit)                                                                \
    fc_test_check_limit(what, "value", measured, limit, __FILE__, __LINE__)
void fc_test_check_limit(const char *what, const char *kind, double measured, double limit, const char *file,
                         int line);

/* status must be OK; prints err->message otherwise (err is a pointer to the record that the call filled). */
#define assert_ok(status, err) fc_test_check_status(status, FC_OK, err, __FILE__, __LINE__)
/* status must be the wanted one and the message must contain `part` (NULL: any message that is not empty). */
#define assert_fails(status, wanted, err, part)                                                              \
    do {                                                                                                     \
        fc_test_check_status(status, wanted, err, __FILE__, __LINE__);                                       \
        fc_test_check_message(err, part, __FILE__, __LINE__);                                                \
    } while (0)
void fc_test_check_status(fc_status status, fc_status wanted, const fc_err *err, const char *file, int line);
void fc_test_check_message(const fc_err *err, const char *part, const char *file, int line);

/* ---- torture: every allocation fails once ---- */

/* Calls run(user) with the 1st, 2nd, 3rd ... allocation failing until a run makes none fail. Each run must
 * clean up after itself (the sanitizers look) and return NOMEM when it could not go on, OK otherwise;
 * anything else fails the test. -> number of allocations that were made to fail */
int fc_test_torture(fc_status (*run)(void *user), void *user);

#endif
