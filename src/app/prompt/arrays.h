/* "a [[red, blue]] car": one picture for each item. Must match Fooocus 2.5.5 (main positive prompt only,
 * after wildcards). */
#ifndef FC_APP_PROMPT_ARRAYS_H
#define FC_APP_PROMPT_ARRAYS_H

#include <stdint.h>
#include "base/buf.h"

/* Appends text with every array replaced by the item for picture `index`: the first array changes fastest,
 * and after the last combination it begins again. Items keep their blanks. An array ends at the next "]]" of
 * its line. */
void fc_arrays_apply(const char *text, uint64_t index, fc_buf *out);
/* How many pictures show every combination: 1 without arrays; at most UINT64_MAX. */
uint64_t fc_arrays_count(const char *text);

#endif
