/* Picture sizes: the 26 that SDXL was trained on and Fooocus offers, their labels, and reading sizes in every
 * spelling that presets, API clients and metadata use. */
#ifndef FC_APP_SETTINGS_RESOLUTIONS_H
#define FC_APP_SETTINGS_RESOLUTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

enum { FC_RESOLUTION_COUNT = 26, FC_RESOLUTION_MIN = 64, FC_RESOLUTION_MAX = 4096, FC_RESOLUTION_UNIT = 8 };

typedef struct fc_resolution {
    int32_t width, height;
} fc_resolution;

extern const fc_resolution fc_resolutions[FC_RESOLUTION_COUNT]; /* tall to wide, the order of the lists */
extern const fc_resolution fc_resolution_default;               /* 1152 x 896 */

/* "1152*896", "1152x896", "1152 × 896 (whatever)", a whole label with HTML, "(1152, 896)". Sides must be
 * multiples of 8 from 64 to 4096 (ARG, with the nearest size that is). *trained (may be NULL): one of the 26;
 * other sizes work, but people should be warned that the model may repeat things. */
fc_status fc_resolution_parse(const char *text, fc_resolution *out, bool *trained, fc_err *err) FC_MUST_USE;
bool fc_resolution_is_trained(fc_resolution r);
/* The one of the 26 whose width / height is nearest to that of a picture of any size; both sides must be
 * positive. */
fc_resolution fc_resolution_nearest(int32_t width, int32_t height);

enum { FC_RESOLUTION_TEXT = 48 };
/* "1152×896" */
void fc_resolution_label(fc_resolution r, char out[FC_RESOLUTION_TEXT]);
/* "9:7", the ratio of the sides in lowest terms */
void fc_resolution_ratio(fc_resolution r, char out[FC_RESOLUTION_TEXT]);

#endif
