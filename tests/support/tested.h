/* Which backend the tests of the ops look at: `test_ops_x` takes the processor's, at each instruction set of
 * the machine; `test_ops_x vulkan` the graphics device FC_TEST_DEVICE, or the software driver where it is not
 * set. */
#ifndef FC_TESTS_TESTED_H
#define FC_TESTS_TESTED_H

#include "support/isa_runs.h"
#include "support/tensors.h"

enum { TT_SKIPPED = 77 }; /* exit code: ctest shows the test as skipped */

/* Runs the group for the backend that the first argument names, of it the tests that fit the second (with *
 * and ?); what main returns. Says why when it skips. */
int tt_main(int argc, char **argv, int (*group)(void));
/* The device under test. */
tt_dev tt_open_tested(int threads);
/* The same one, dividing its work otherwise: among so many threads, or into the smallest dispatches and
 * batches. */
tt_dev tt_open_divided(int threads);
bool tt_tests_cpu(void);
/* "avx2", "vulkan": for messages */
const char *tt_tested_name(void);
/* Whether the device under test computes with this type. */
bool tt_tested_has(tt_dev d, fc_dtype t);

#endif
