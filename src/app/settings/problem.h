/* A failure as the API tells it. */
#ifndef FC_APP_SETTINGS_PROBLEM_H
#define FC_APP_SETTINGS_PROBLEM_H

#include <jansson.h>
#include "base/status.h"

/* {"type", "title", "status", "detail", "field"}: RFC 9457. http 0: by the status. field NULL: the one that
 * the message starts with, if any. */
json_t *fc_problem_to_json(fc_status status, int http, const char *message, const char *field);

#endif
