/* Spelling of style names; used by styles.c alone. */
#ifndef FC_APP_PROMPT_STYLE_NAME_H
#define FC_APP_PROMPT_STYLE_NAME_H

#include "base/buf.h"

#define FC_STYLE_MAX_NAME 200u /* bytes */

/* The name that an old or loose spelling stands for, as it is stored. Always a normalised name; out is
 * replaced. */
void fc_style_name_resolve(const char *name, fc_buf *out);

#endif
