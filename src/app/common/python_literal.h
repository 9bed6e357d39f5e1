/* The literals of Python that Fooocus keeps in its metadata ("['Fooocus V2']", "(1.5, 0.8, 0.3)"): read as
 * data, never evaluated. */
#ifndef FC_APP_COMMON_PYTHON_LITERAL_H
#define FC_APP_COMMON_PYTHON_LITERAL_H

#include <jansson.h>
#include "base/buf.h"

/* Strings ('...' or "..." with escapes), decimal numbers, True, False, None, and lists and tuples of them,
 * nested at most 8 deep. Tuples become arrays. NULL when text is anything else. */
json_t *fc_pyliteral_read(const char *text);
/* repr() of a list of strings: ['a', "b's"]. */
void fc_pyliteral_write_strings(const json_t *strings, fc_buf *out);

#endif
