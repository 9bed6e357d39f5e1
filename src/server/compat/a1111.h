/* Between the a1111*.c files. */
#ifndef FC_SERVER_COMPAT_A1111_H
#define FC_SERVER_COMPAT_A1111_H

#include "server/api/api.h"

/* The scheduler that a name of that family means, with the sampler's usual one for "Automatic"; NULL:
 * unknown. */
const char *fc_a1111_scheduler_id(const char *shown, const char *sampler);
/* "sub/name.safetensors [0123456789]" -> the file, or NULL when no checkpoint is called so. In h's arena. */
const char *fc_a1111_find_model(fc_http *h, const char *title);
/* {"error", "detail", "errors"}: the form of its errors. */
void fc_a1111_error(fc_http *h, unsigned http, const fc_err *err);

#endif
