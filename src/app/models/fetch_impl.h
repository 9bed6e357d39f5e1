/* Between fetch.c (one file from start to end), fetch_transfer.c (the network) and fetch_state.c (what has
 * arrived). */
#ifndef FC_APP_MODELS_FETCH_IMPL_H
#define FC_APP_MODELS_FETCH_IMPL_H

#include "app/models/fetch.h"

enum { FC_FETCH_MAX_CHUNKS = 1 << 16, FC_FETCH_ETAG_SIZE = 160, FC_FETCH_URL_SIZE = 4096 };
#define FC_FETCH_MAX_BYTES ((uint64_t)256 << 30)

/* Which bytes of the file have arrived. The file is cut into chunks of equal size (the last may be smaller);
 * each is filled from its start. */
typedef struct fc_fetch_state {
    char url[FC_FETCH_URL_SIZE]; /* as in the item: a mirror has the same file */
    char etag[FC_FETCH_ETAG_SIZE];
    uint64_t total; /* 0: not known yet, and then there are no chunks */
    uint64_t chunk_bytes;
    uint32_t count;
    uint64_t *done; /* [count] bytes that have arrived of each chunk */
} fc_fetch_state;

void fc_fetch_state_fini(fc_fetch_state *s);
/* Forgets all chunks; total = 0. */
void fc_fetch_state_clear(fc_fetch_state *s);
/* Sets total and makes chunks, all empty. */
fc_status fc_fetch_state_cut(fc_fetch_state *s, uint64_t total, uint64_t chunk_bytes,
                             fc_err *err) FC_MUST_USE;
uint64_t fc_fetch_state_chunk_size(const fc_fetch_state *s, uint32_t chunk);
uint64_t fc_fetch_state_bytes(const fc_fetch_state *s);
bool fc_fetch_state_complete(const fc_fetch_state *s);
/* Reads the state of url; false (and *s empty) when there is none that can be trusted. */
bool fc_fetch_state_load(fc_fetch_state *s, const char *path, const char *url);
fc_status fc_fetch_state_save(const fc_fetch_state *s, const char *path, fc_err *err) FC_MUST_USE;

typedef struct fc_transfer {
    const fc_fetch_item *item;
    const fc_fetch_options *options;
    const char *address; /* after the mirror was put in */
    const char *token;   /* NULL: none, or not for this address */
    int fd;              /* the .part file, open for writing */
    const char *part_path, *state_path;
    fc_fetch_state *state;
} fc_transfer;

/* Fills the file until the state is complete. */
fc_status fc_transfer_run(const fc_transfer *t, fc_err *err) FC_MUST_USE;

#endif
