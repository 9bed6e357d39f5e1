/* Base64: RFC 4648. */
#ifndef FC_BASE_BASE64_H
#define FC_BASE_BASE64_H

#include <stdbool.h>
#include "base/buf.h"

/* Appends the text, with padding; what does not fit makes out sticky. */
void fc_base64_encode(const void *data, size_t size, fc_buf *out);
/* Appends the bytes. Both alphabets; blanks and line ends are skipped, padding may be missing. False: it is
 * no base64, or does not fit. */
bool fc_base64_decode(const char *text, size_t size, fc_buf *out);

#endif
