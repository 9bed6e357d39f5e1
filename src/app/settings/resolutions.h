/* Reading picture sizes in every spelling that presets, API clients and metadata use. */
#ifndef FC_APP_SETTINGS_RESOLUTIONS_H
#define FC_APP_SETTINGS_RESOLUTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

enum { FC_RESOLUTION_MIN = 64, FC_RESOLUTION_MAX = 4096, FC_RESOLUTION_UNIT = 8 };

typedef struct fc_resolution {
    int32_t width, height;
} fc_resolution;

/* "1152*896", "1152x896", "1152 × 896 (whatever)", a whole label with HTML, "(1152, 896)". Sides must be
 * multiples of 8 from 64 to 4096 (ARG, with the nearest size that is). *trained (may be NULL): one of the 26
 * that SDXL was trained on and Fooocus offers; other sizes work, but people should be warned that the model
 * may repeat things. */
fc_status fc_resolution_parse(const char *text, fc_resolution *out, bool *trained, fc_err *err) FC_MUST_USE;

#endif
