/* Names of jobs: 26 letters and digits that sort by time (a ULID: 48 bits of milliseconds, 80 random bits in
 * Crockford's base 32). Two of one millisecond still sort in the order they were made. */
#ifndef FC_APP_COMMON_ULID_H
#define FC_APP_COMMON_ULID_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

enum { FC_ULID_SIZE = 27 }; /* with NUL */

typedef struct fc_ulid { /* all zero to start; used by one thread at a time */
    int64_t millis;
    uint8_t random[10];
} fc_ulid;

fc_status fc_ulid_next(fc_ulid *u, int64_t millis, char out[FC_ULID_SIZE], fc_err *err) FC_MUST_USE;
bool fc_ulid_valid(const char *text);

#endif
