/* Error records: formatting, prefixes, errno. Messages are always valid UTF-8 without control characters
 * (tensor and file names come from strangers, and messages end up in terminals and in JSON). */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"

enum { MESSAGE_SIZE = sizeof((fc_err *)0)->message };

/* Replaces malformed UTF-8 by '?' and control characters (but newline and tab) by ' '; a sequence cut in two
 * by the end of the buffer is dropped. */
static void clean_message(char *s, bool cut)
{
    size_t n = strlen(s), i = 0;
    while (i < n) {
        uint32_t code_point;
        size_t len = fc_utf8_decode(s + i, n - i, &code_point);
        bool malformed = code_point == 0xfffd && len == 1;
        if (malformed && cut && n - i < 4 && (unsigned char)s[i] >= 0xc0) {
            s[i] = '\0';
            return;
        }
        bool control = (code_point < 0x20 && code_point != '\n' && code_point != '\t') || code_point == 0x7f;
        if (malformed) s[i] = '?';
        if (control) s[i] = ' ';
        i += len;
    }
}

static void set_message(fc_err *err, fc_status code, const char *text, bool cut)
{
    err->status = code;
    memmove(err->message, text, strlen(text) + 1);
    clean_message(err->message, cut);
}

fc_status fc_fail(fc_err *err, fc_status code, const char *format, ...)
{
    if (!err) return code;
    char text[MESSAGE_SIZE]; /* not err->message itself: it may be among the arguments */
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    set_message(err, code, text, n >= MESSAGE_SIZE);
    return code;
}

fc_status fc_fail_prefix(fc_err *err, const char *format, ...)
{
    if (!err) return FC_INTERNAL;
    char prefix[MESSAGE_SIZE], text[2 * MESSAGE_SIZE + 2];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    int n = snprintf(text, sizeof text, "%s: %s", prefix, err->message);
    bool cut = n >= MESSAGE_SIZE;
    text[MESSAGE_SIZE - 1] = '\0';
    set_message(err, err->status, text, cut);
    return err->status;
}

static fc_status status_of_errno(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
        return FC_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return FC_DENIED;
    case ENOMEM:
        return FC_NOMEM;
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENAMETOOLONG:
        return FC_LIMIT;
    case ENOSPC:
    case EDQUOT:
        return FC_FULL;
    case EBUSY:
    case ETXTBSY:
        return FC_BUSY;
    case EINVAL:
    case EISDIR:
        return FC_ARG;
    default:
        return FC_IO;
    }
}

fc_status fc_fail_errno(fc_err *err, int error_number, const char *format, ...)
{
    fc_status code = status_of_errno(error_number);
    if (!err) return code;
    char text[MESSAGE_SIZE], reason_buffer[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *reason = strerror_r(error_number, reason_buffer, sizeof reason_buffer);
    if (error_number == ENOSPC || error_number == EDQUOT)
        reason = "no space is left there; make room or choose another folder";
    if (error_number == EFBIG) reason = "the limit on the size of files is reached (ulimit -f)";
    return fc_fail(err, code, "%s: %s", text, reason);
}

const char *fc_status_name(fc_status status)
{
    switch (status) {
#define X(name, text)                                                                                        \
    case FC_##name:                                                                                          \
        return #name;
        FC_STATUS_TABLE(X)
#undef X
    }
    return "?";
}

static const struct {
    int http, exit_code;
} codes[] = {
#define FC_STATUS_CODE(name, http, code) [FC_##name] = {http, code},
#include "base/status_codes.def"
#undef FC_STATUS_CODE
};
#define X(name, text) +1
_Static_assert(sizeof codes / sizeof codes[0] == FC_STATUS_TABLE(X), "a row for every status");
#undef X

static bool is_known(fc_status status)
{
    return (size_t)status < sizeof codes / sizeof codes[0];
}

fc_status fc_status_from_name(const char *name)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(name, fc_status_name((fc_status)i)) == 0) return (fc_status)i;
    return FC_INTERNAL;
}

int fc_status_http(fc_status status)
{
    return codes[is_known(status) ? status : FC_INTERNAL].http;
}

int fc_status_exit_code(fc_status status)
{
    return codes[is_known(status) ? status : FC_INTERNAL].exit_code;
}
