/* Things a user should read although the work goes on ("the file x.json is broken and was left out"). */
#ifndef FC_APP_COMMON_WARN_H
#define FC_APP_COMMON_WARN_H

#include "base/status.h"

typedef struct fc_warn {
    void (*fn)(void *user, const char *text); /* NULL: nobody listens; text is valid during the call */
    void *user;
} fc_warn;

void fc_warn_emit(fc_warn warn, const char *format, ...) FC_PRINTF(2, 3);

#endif
