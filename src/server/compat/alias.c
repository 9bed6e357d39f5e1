/* Fields that other programs call otherwise: messages name theirs. */
#include <stdio.h>
#include <string.h>
#include "server/compat/compat.h"

void fc_alias_message(const fc_alias *names, size_t count, fc_err *err)
{
    char text[sizeof err->message];
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i].ours);
        if (strncmp(err->message, names[i].ours, n) != 0 || err->message[n] != ':') continue;
        snprintf(text, sizeof text, "%s%s", names[i].theirs, err->message + n);
        memcpy(err->message, text, sizeof text);
        return;
    }
}
