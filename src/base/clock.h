/* Time. */
#ifndef FC_BASE_CLOCK_H
#define FC_BASE_CLOCK_H

#include <stdint.h>

double fc_now(void);          /* monotonic seconds since an arbitrary start */
double fc_cpu_now(void);      /* seconds that this process has computed, all its threads together */
int64_t fc_unix_millis(void); /* wall clock, milliseconds since 1970 */

#endif
