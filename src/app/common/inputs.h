/* The pictures that people put in, kept by what is in them: home/inputs/ID.png, .jpeg or .webp, where ID is
 * the SHA-256 of the file's bytes. The same picture is kept once, under a name that jobs, metadata and the
 * history can tell; files never change, so any number of threads and processes may use the folder at once.
 * With FOOOCUS_INPUTS in the environment it lies there instead of in home: machines that share a queue share
 * it. */
#ifndef FC_APP_COMMON_INPUTS_H
#define FC_APP_COMMON_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/status.h"
#include "format/image.h"

#ifdef FC_HARD
#define FC_INPUT_MAX_BYTES  ((size_t)1 << 20)
#define FC_INPUTS_MAX_BYTES ((uint64_t)4 << 20)
#else
#define FC_INPUT_MAX_BYTES  FC_IMAGE_MAX_INPUT_BYTES /* of one file */
#define FC_INPUTS_MAX_BYTES ((uint64_t)4 << 30)      /* of all: what was not used for longest goes first */
#endif
enum { FC_INPUT_ID_SIZE = 65, FC_INPUTS_MAX_LIST = 10000 };

/* 64 hexadecimal digits in lower case. */
bool fc_input_id_valid(const char *text);

/* "picture:12" -> 12, the number of a picture of the history (app/queue/history.h). */
bool fc_input_history_id(const char *text, int64_t *id);

/* Keeps the picture in data and writes its name to id; one that is there already is only marked as used. The
 * bytes are untrusted: FORMAT or UNSUPPORTED when they are no PNG, JPEG or WebP, LIMIT beyond
 * FC_INPUT_MAX_BYTES, FC_IMAGE_MAX_SIDE or FC_IMAGE_MAX_INPUT. Only the header is looked at here: pixels are
 * checked when they are decoded. */
fc_status fc_inputs_put(const char *home, const void *data, size_t size, char id[FC_INPUT_ID_SIZE],
                        fc_err *err) FC_MUST_USE;

/* The same after decoding all of it: FORMAT for one whose pixels are cut off or broken. For pictures that
 * come from somebody who should be told at once; the memory of the pixels is needed for a moment. */
fc_status fc_inputs_put_whole(const char *home, const void *data, size_t size, char id[FC_INPUT_ID_SIZE],
                              fc_err *err) FC_MUST_USE;

/* The file of an id, marked as used now. ARG: not an id; NOT_FOUND: no longer (or never) there. */
fc_status fc_inputs_path(const char *home, const char *id, char *path, size_t path_size,
                         fc_err *err) FC_MUST_USE;

typedef struct fc_input_row {
    char id[FC_INPUT_ID_SIZE];
    fc_image_format format;
    uint64_t bytes;
    int64_t used; /* milliseconds since 1970 */
} fc_input_row;

/* What is kept, the last used first; at most max rows (FC_INPUTS_MAX_LIST do). A folder that is not there
 * holds nothing. */
fc_status fc_inputs_list(const char *home, fc_input_row *rows, size_t max, size_t *count,
                         fc_err *err) FC_MUST_USE;

/* Forgets what was used longest ago until at most max_bytes are kept; fc_inputs_put does it with
 * FC_INPUTS_MAX_BYTES. *removed: how many went; may be NULL. */
fc_status fc_inputs_clean(const char *home, uint64_t max_bytes, size_t *removed, fc_err *err) FC_MUST_USE;
/* Forgets one. */
fc_status fc_inputs_remove(const char *home, const char *id, fc_err *err) FC_MUST_USE;

#endif
