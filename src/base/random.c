/* Unpredictable bytes from libcrypto. */
#include "base/random.h"

#include <limits.h>
#include <openssl/rand.h>

fc_status fc_random_bytes(void *out, size_t size, fc_err *err)
{
    if (size > INT_MAX) return fc_fail(err, FC_LIMIT, "more than 2 GiB of random bytes asked for");
    if (RAND_bytes(out, (int)size) != 1)
        return fc_fail(err, FC_INTERNAL, "the system's random number generator does not work");
    return FC_OK;
}
