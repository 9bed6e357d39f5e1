/* JSON: into a buffer, out of an object. */
#ifndef FC_APP_COMMON_JSON_TEXT_H
#define FC_APP_COMMON_JSON_TEXT_H

#include "base/buf.h"
#include "format/json.h"

/* Appends value as JSON (flags of json_dumps; any kind of value); a failure makes out sticky. */
void fc_json_write(const json_t *value, size_t flags, fc_buf *out);

/* A text as JSON; bad bytes of what is no UTF-8 (names of files may be anything) are replaced. NULL when out
 * of memory. */
json_t *fc_json_text(const char *text);
/* At most max bytes, with an ellipsis when something was cut. */
json_t *fc_json_text_cut(const char *text, size_t max);

#endif
