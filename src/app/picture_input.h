/* The pictures of a request: found, kept in the home folder, decoded, ready for the engine. */
#ifndef FC_APP_PICTURE_INPUT_H
#define FC_APP_PICTURE_INPUT_H

#include "app/common/inputs.h"
#include "app/settings/config.h"
#include "app/plan/work.h"
#include "picture/mask.h"

typedef struct fc_picture_input {
    fc_pixels picture; /* RGB; empty: the request has none */
    fc_pixels mask;    /* of its size; empty: none */
    fc_task_input inputs[2];
    int32_t count;
} fc_picture_input;

/* Reads and decodes the picture that a field names: a kept one by its id, or a file ("-": standard input),
 * which is kept from now on. key gets its id. */
fc_status fc_picture_read(const char *field, const char *image, const char *home, char key[FC_INPUT_ID_SIZE],
                          fc_pixels *picture, fc_err *err) FC_MUST_USE;
/* Decodes a whole file to RGB; sizes and errors are those of fc_image_decode_input. */
fc_status fc_picture_decode(fc_pixels *rgb, const void *data, size_t size, fc_err *err) FC_MUST_USE;
/* Makes it RGB, transparent parts on white. */
fc_status fc_picture_flatten(fc_pixels *p, fc_err *err) FC_MUST_USE;

/* Reads what params->image and params->mask name: ids of kept pictures, or files ("-": standard input), which
 * are kept from now on and replaced by their ids in request and params. A mask of another size is brought to
 * the picture's. A picture with transparent parts is its own mask where none is given. */
fc_status fc_picture_input_open(fc_picture_input *in, const char *home, fc_request *request,
                                fc_params *params, fc_arena *arena, fc_err *err) FC_MUST_USE;
void fc_picture_input_close(fc_picture_input *in);
/* What the plan is told of them. */
fc_work_picture fc_picture_input_size(const fc_picture_input *in);

/* The files that such work needs, as far as they are there: the upscaler that params or the folder
 * upscale_models name, and the two files of the inpainting engine in the folder inpaint. Warns of what is
 * missing. */
fc_status fc_picture_files_find(const fc_params *params, const fc_config *config, const fc_image_work *work,
                                fc_arena *arena, fc_warn warn, fc_model_choice *models,
                                fc_err *err) FC_MUST_USE;

#endif
