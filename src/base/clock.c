/* Time. */
#include "base/clock.h"

#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double fc_now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double fc_cpu_now(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t fc_unix_millis(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
