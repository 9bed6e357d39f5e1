/* A finished picture to its files: the picture with its settings, the page of the day, the latent. */
#ifndef FC_APP_OUTPUT_SAVE_H
#define FC_APP_OUTPUT_SAVE_H

#include <jansson.h>
#include "app/output/path.h"
#include "app/plan/plan.h"
#include "engine/engine.h"

typedef struct fc_save {
    const fc_out *out;
    const fc_plan *plan;
    int32_t index; /* of the image, 0-based */
    const json_t *record;
    const fc_picture *picture;
    fc_warn warn; /* the page of the day is no reason to fail */
} fc_save;

/* path: where the picture is. */
fc_status fc_save_picture(const fc_save *s, char path[FC_PATH_SIZE], fc_err *err) FC_MUST_USE;

#endif
