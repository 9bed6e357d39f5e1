/* SHA-256 over memory and files (libcrypto). */
#ifndef FC_BASE_SHA256_H
#define FC_BASE_SHA256_H

#include <stdatomic.h>
#include <stdint.h>
#include "base/status.h"

typedef struct fc_sha256 {
    char hex[65];
} fc_sha256;

fc_status fc_sha256_bytes(const void *data, size_t size, fc_sha256 *out, fc_err *err) FC_MUST_USE;
/* cancel may be NULL; non-zero stops with CANCELLED. */
fc_status fc_sha256_file(const char *path, const atomic_int *cancel, fc_sha256 *out, fc_err *err) FC_MUST_USE;
/* The same, telling after every block how many bytes have been read. */
typedef struct fc_sha256_watch {
    const atomic_int *cancel;
    void (*on_bytes)(void *user, uint64_t done); /* may be NULL */
    void *user;
} fc_sha256_watch;
fc_status fc_sha256_file_watched(const char *path, const fc_sha256_watch *watch, fc_sha256 *out,
                                 fc_err *err) FC_MUST_USE;

#endif
