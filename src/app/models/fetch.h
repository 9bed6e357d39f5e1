/* Downloads of large files (libcurl) that survive breaks: a file grows as NAME.part beside its place, what
 * has arrived stands in NAME.part.state, and the final name appears only when size, kind and (where known)
 * SHA-256 are right. Several ranges come at once where the server can. One process at a time works on a file;
 * others wait for it. Proxies come from the environment as curl reads them. */
#ifndef FC_APP_MODELS_FETCH_H
#define FC_APP_MODELS_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/sha256.h"
#include "base/status.h"

#define FC_HUB_ORIGIN "https://huggingface.co"

typedef enum fc_fetch_phase {
    FC_FETCH_WAITING,   /* another process is fetching this file */
    FC_FETCH_RECEIVING, /* also while connecting */
    FC_FETCH_RETRYING,  /* after a break */
    FC_FETCH_CHECKING   /* everything is here; done and total count hashed bytes' worth */
} fc_fetch_phase;

typedef struct fc_fetch_progress {
    fc_fetch_phase phase;
    uint64_t done, total; /* bytes; total 0: not known yet */
    double rate;          /* bytes per second over the last seconds */
    double seconds_left;  /* < 0: not known */
    const char *reason;   /* why it was interrupted, for RETRYING; else NULL. Valid during the call */
} fc_fetch_progress;

typedef struct fc_fetch_options { /* all zero: sensible defaults */
    const char *mirror;       /* stands in for FC_HUB_ORIGIN; NULL: HF_MIRROR in the environment, else none */
    const char *token;        /* bearer token; NULL: HF_TOKEN in the environment, else none */
    const char *token_origin; /* the one origin that may see the token; NULL: FC_HUB_ORIGIN */
    bool offline;             /* never touch the network */
    int connections;          /* ranges at once; 0: 4 */
    uint64_t chunk_bytes;     /* size of a range; 0: 64 MiB */
    int attempts;             /* in a row without a byte before giving up; 0: 8 */
    double pause_seconds;     /* before the second attempt, then doubled up to 30; 0: 1 */
    int stall_seconds;        /* a connection without a byte for so long is broken; 0: 30 */
    void (*on_progress)(void *user, const fc_fetch_progress *p); /* at most ten times a second; may be NULL */
    void *user;
    const atomic_int *cancel; /* non-zero: stop, keep what has arrived; may be NULL */
} fc_fetch_options;

typedef struct fc_fetch_item {
    const char *url;    /* http or https */
    const char *path;   /* the final name; its folder is made when needed */
    const char *sha256; /* 64 hex digits; NULL: not known */
    uint64_t size;      /* exact; 0: not known */
} fc_fetch_item;

typedef struct fc_fetch_result {
    bool already_there; /* the final name existed; nothing was fetched and nothing checked */
    uint64_t size;
    fc_sha256 sha256; /* of the file; "" when already_there */
} fc_fetch_result;

/* result may be NULL. Errors: NETWORK after the last attempt, NOT_FOUND (404), DENIED (401, 403), FORMAT
 * (wrong size, hash or kind: what came was thrown away), IO (disk full), CANCELLED. */
fc_status fc_fetch(const fc_fetch_item *item, const fc_fetch_options *options, fc_fetch_result *result,
                   fc_err *err) FC_MUST_USE;

/* The address really asked: the mirror in place of FC_HUB_ORIGIN. LIMIT when it does not fit. */
fc_status fc_fetch_address(const char *url, const char *mirror, char *out, size_t out_size,
                           fc_err *err) FC_MUST_USE;
/* Whether url lies below origin ("https://host[:port]"). */
bool fc_fetch_same_origin(const char *url, const char *origin);
/* SHA-256 of a file, told as phase CHECKING; of options only on_progress and cancel count. */
fc_status fc_fetch_hash(const char *path, const fc_fetch_options *options, fc_sha256 *out,
                        fc_err *err) FC_MUST_USE;
/* Opens the file as what its name promises: FORMAT when it is a web page, cut, or broken otherwise. */
fc_status fc_fetch_check_kind(const char *path, const char *final_name, fc_err *err) FC_MUST_USE;

#endif
