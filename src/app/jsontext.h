/* JSON into a buffer. */
#ifndef FC_APP_JSONTEXT_H
#define FC_APP_JSONTEXT_H

#include <jansson.h>
#include "base/buf.h"

/* Appends value as JSON (flags of json_dumps; any kind of value); a failure makes out sticky. */
void fc_json_write(const json_t *value, size_t flags, fc_buf *out);

#endif
