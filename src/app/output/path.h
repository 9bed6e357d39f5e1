/* Where pictures go: outputs/DATE/DATE_TIME_NNNN.png below home, or what --output says. A final name never
 * holds a broken picture, and no picture replaces another one unless its name was given. */
#ifndef FC_APP_OUTPUT_PATH_H
#define FC_APP_OUTPUT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "app/settings/config.h"
#include "app/settings/params.h"

enum { FC_PATH_SIZE = 4096 };

typedef enum fc_out_kind {
    FC_OUT_DAY,    /* home/outputs/DATE/ */
    FC_OUT_FOLDER, /* a folder, names by date */
    FC_OUT_FILE    /* one file name; several pictures get -1, -2 ... before the ending */
} fc_out_kind;

typedef struct fc_out {
    fc_out_kind kind;
    char base[FC_PATH_SIZE];   /* home/outputs, the folder, or the file */
    char latent[FC_PATH_SIZE]; /* "" when no latent is wanted */
    const char *format;        /* "png", "jpeg", "webp": a choice of the field of that name */
} fc_out;

/* Decides, and finds out early what would fail after minutes of work: folders that cannot be made or written.
 */
fc_status fc_out_open(fc_out *out, const fc_params *params, const fc_config *config, fc_err *err) FC_MUST_USE;
/* Writes picture `image` of `images` (1-based). path: the name it got. */
fc_status fc_out_save(const fc_out *out, int32_t image, int32_t images, const void *data, size_t size,
                      char path[FC_PATH_SIZE], fc_err *err) FC_MUST_USE;
/* The name for the latent of that picture. */
fc_status fc_out_latent_path(const fc_out *out, int32_t image, int32_t images, char path[FC_PATH_SIZE],
                             fc_err *err) FC_MUST_USE;

/* "2024-05-17_13-05-09_4711.png" for a moment of local time and a number from 1000 to 9999. */
void fc_out_dated_name(const struct tm *when, int number, const char *format, char name[64]);

#endif
