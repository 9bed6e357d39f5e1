/* The contract's own test: a backend that does what nn/backend.h allows, as awkwardly as it may. It computes
 * as ref does, but
 * - what mem_alloc gives cannot be touched by the host: the pages have no access rights; memory behind it is
 *   full of NaN at first;
 * - ops, uploads and frees are only written down; download and wait carry them out;
 * - weights can be prepared on the host and must be staged then; an op that gets one that is not fails;
 * - tensors outside of what was allocated, weights already freed and the like are INTERNAL errors that say
 * so;
 * - memory is counted and may be limited (fc_backend_opts.memory_limit);
 * - any call can be made to fail.
 * Not in the registry: tests open it by hand (tt_open and fc_rig_open know its name). */
#ifndef FC_TESTS_LATE_H
#define FC_TESTS_LATE_H

#include "nn/backend.h"

extern const fc_backend fc_backend_late;

/* Makes the n-th call (from 1, counted from now, of all devices) that can fail this way fail with `status`:
 * NOMEM or DEVICE. What is written down fails when it is carried out. n 0: none. Returns how many calls there
 * were since the last late_fail_at. */
uint64_t late_fail_at(uint64_t n, fc_status status);
/* The same for the n-th and all later calls. */
uint64_t late_fail_from(uint64_t n, fc_status status);
/* While the n-th op from now is being carried out, the flag of watch() becomes `value`. 0: never. */
void late_cancel_at(uint64_t n, int value);

/* What there is of all devices: for tests that look for leaks and for order. */
typedef struct late_counts {
    int devices, allocations, weights, waiting; /* now: open, allocated, prepared, written down */
    size_t bytes, most_bytes;                   /* of device memory: now, at most */
    uint64_t ops, waits, stages;                /* in all */
} late_counts;
late_counts late_count(void);
/* most_bytes and the sums begin anew. */
void late_count_reset(void);

#endif
