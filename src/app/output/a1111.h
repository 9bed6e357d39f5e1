/* The plain-text settings that AUTOMATIC1111's web UI made common, as Fooocus 2.5 writes them, to and from
 * records. */
#ifndef FC_APP_OUTPUT_A1111_H
#define FC_APP_OUTPUT_A1111_H

#include <jansson.h>
#include "base/buf.h"

void fc_a1111_write(const json_t *record, fc_buf *out);
/* NULL when the text has no line of settings. The record may lack any member; a name that only other programs
 * know ("DPM++ 2M SDE Karras") becomes ours. */
json_t *fc_a1111_read(const char *text);

#endif
