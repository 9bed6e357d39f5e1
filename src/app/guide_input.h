/* The guiding pictures of a request: found, kept in the home folder, decoded, with the networks that read
 * them. */
#ifndef FC_APP_GUIDE_INPUT_H
#define FC_APP_GUIDE_INPUT_H

#include "app/settings/config.h"
#include "picture/mask.h"
#include "app/settings/request.h"
#include "app/common/warn.h"

typedef struct fc_guide_input {
    fc_pixels pixels[2 * FC_TASK_GUIDES];
    int32_t count;
    fc_task_guides task; /* reads pixels */
} fc_guide_input;

/* Reads the pictures that the fields of guides name, as fc_picture_input_open does, and looks up their
 * networks, whose paths go to models. NOT_FOUND says which file is missing and how to get it. */
fc_status fc_guide_input_open(fc_guide_input *in, const fc_config *config, fc_request *request,
                              fc_params *params, fc_arena *arena, fc_model_choice *models,
                              fc_err *err) FC_MUST_USE;
void fc_guide_input_close(fc_guide_input *in);

#endif
