/* The private page log.html beside the pictures of a day: every picture with its settings, newest first. Any
 * number of processes may add to it. */
#ifndef FC_APP_OUTPUT_LOG_PAGE_H
#define FC_APP_OUTPUT_LOG_PAGE_H

#include <jansson.h>
#include "base/status.h"

/* Adds the picture at `path` to log.html in its folder. */
fc_status fc_logpage_add(const char *path, const json_t *record, fc_err *err) FC_MUST_USE;

#endif
