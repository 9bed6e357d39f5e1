/* See warn.h. */
#include "app/common/warn.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/str.h"

void fc_warn_emit(fc_warn warn, const char *format, ...)
{
    char text[600];
    if (!warn.fn) return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) return;
    size_t length = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    while (length > 0 && !fc_utf8_valid(text, length) && length + 4 > sizeof text) text[--length] = 0;
    warn.fn(warn.user, text);
}
