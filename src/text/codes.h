/* Growable array of 32-bit codes (code points or token ids) with a maximum given at birth; sticky as fc_buf
 * is: after a failure all calls are no-ops. */
#ifndef FC_TEXT_CODES_H
#define FC_TEXT_CODES_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct fc_codes {
    uint32_t *data;
    size_t len, cap, max;
    fc_status status; /* OK, NOMEM or LIMIT */
} fc_codes;

void fc_codes_init(fc_codes *c, size_t max_codes);
void fc_codes_fini(fc_codes *c);
void fc_codes_reset(fc_codes *c); /* len = 0, keeps memory, clears the sticky status */
void fc_codes_push(fc_codes *c, uint32_t code);

#endif
