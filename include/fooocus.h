/* fooocus.h - the one public header of libfooocus. Everything below src/ is private.
 * (The engine's interface follows below the status table; see docs/ARCHITECTURE.md.) */
#ifndef FOOOCUS_H
#define FOOOCUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FC_API __attribute__((visibility("default")))

/* name, what it means, HTTP status, exit code of the program */
#define FC_STATUS_TABLE(X)                                                                                   \
    X(OK, "success", 200, 0)                                                                                 \
    X(ARG, "an argument or request field is wrong", 400, 2)                                                  \
    X(NOT_FOUND, "a file or thing does not exist", 404, 3)                                                   \
    X(IO, "reading or writing failed", 500, 4)                                                               \
    X(FORMAT, "a file's content is broken", 422, 5)                                                          \
    X(UNSUPPORTED, "valid, but not something this program can use", 422, 6)                                  \
    X(NOMEM, "out of memory", 503, 7)                                                                        \
    X(LIMIT, "over a stated limit", 413, 8)                                                                  \
    X(CANCELLED, "stopped on request", 409, 130)                                                             \
    X(BUSY, "in use by somebody else", 409, 9)                                                               \
    X(NUMERIC, "the model computed something that is not a number", 500, 10)                                 \
    X(NETWORK, "a download or connection failed", 502, 11)                                                   \
    X(DENIED, "not allowed", 403, 12)                                                                        \
    X(INTERNAL, "a bug in this program", 500, 70)

typedef enum fc_status {
#define X(name, text, http, code) FC_##name,
    FC_STATUS_TABLE(X)
#undef X
} fc_status;

/* Filled by the callee on failure; the caller owns it. A NULL fc_err pointer is always allowed. */
typedef struct fc_err {
    fc_status status;
    char message[500]; /* UTF-8, one sentence that says what to do; no newline at the end */
} fc_err;

#ifdef __cplusplus
}
#endif
#endif
