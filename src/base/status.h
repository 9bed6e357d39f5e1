/* Status codes and the caller-owned error record; the codes themselves stand in fooocus.h. */
#ifndef FC_BASE_STATUS_H
#define FC_BASE_STATUS_H

#include "fooocus.h"

#define FC_MUST_USE     __attribute__((warn_unused_result))
#define FC_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Records code and message in *err (err may be NULL) and returns code, so that `return fc_fail(...)` works.
 * Too long messages are cut at a UTF-8 boundary; malformed UTF-8 and control characters (but newline and tab)
 * are replaced, so that a message can go to a terminal and into JSON whatever name it quotes. */
fc_status fc_fail(fc_err *err, fc_status code, const char *format, ...) FC_PRINTF(3, 4);
/* Puts "prefix: " in front of the message already in *err and returns its status (INTERNAL when err is NULL).
 */
fc_status fc_fail_prefix(fc_err *err, const char *format, ...) FC_PRINTF(2, 3);
/* fc_fail with strerror(error_number) appended; ENOENT, ENOSPC, EACCES ... choose the code. */
fc_status fc_fail_errno(fc_err *err, int error_number, const char *format, ...) FC_PRINTF(3, 4);

const char *fc_status_name(fc_status status);    /* "NOT_FOUND" */
fc_status fc_status_from_name(const char *name); /* INTERNAL: there is none of that name */
int fc_status_http(fc_status status);
int fc_status_exit_code(fc_status status);

#endif
