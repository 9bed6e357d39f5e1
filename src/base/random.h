/* Unpredictable bytes (libcrypto) for names, tokens and "random" seeds; the picture's own generator is
 * diffusion/rng.h. */
#ifndef FC_BASE_RANDOM_H
#define FC_BASE_RANDOM_H

#include "base/status.h"

fc_status fc_random_bytes(void *out, size_t size, fc_err *err) FC_MUST_USE;

#endif
