/* Growable byte buffer with a maximum given at birth; sticky: after a failure all calls are no-ops.
 * data is always NUL-terminated behind len once anything was appended (len does not count the NUL). */
#ifndef FC_BASE_BUF_H
#define FC_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

typedef struct fc_buf {
    char *data;
    size_t len, cap, max;
    fc_status status; /* OK, NOMEM or LIMIT */
} fc_buf;

void fc_buf_init(fc_buf *b, size_t max_bytes);
void fc_buf_fini(fc_buf *b);
void fc_buf_reset(fc_buf *b); /* len = 0, keeps memory, clears the sticky status */
void fc_buf_append(fc_buf *b, const void *data, size_t size);
void fc_buf_puts(fc_buf *b, const char *s);
void fc_buf_putc(fc_buf *b, char c);
void fc_buf_printf(fc_buf *b, const char *format, ...) FC_PRINTF(2, 3);
const char *fc_buf_cstr(const fc_buf *b); /* "" when empty; never NULL */
char *fc_buf_take(
    fc_buf *b); /* transfers the memory (fc_free it), "" when empty; NULL after a failure; b is empty then */

#endif
