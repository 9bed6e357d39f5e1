/* See picture_input.h. */
#include "app/picture_input.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/common/inputs.h"
#include "app/models/files.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/image.h"

enum { PATH_SIZE = 4096, READ_SIZE = 1 << 16 };

static const char UPSCALER_OF_FOOOCUS[] = "fooocus_upscaler_s409985e5.bin",
                  HEAD[] = "fooocus_inpaint_head.pth";

/* ---- bytes ---- */

static fc_status read_stdin(fc_buf *bytes, fc_err *err)
{
    char block[READ_SIZE];
    ssize_t n;
    while ((n = read(STDIN_FILENO, block, sizeof block)) > 0) fc_buf_append(bytes, block, (size_t)n);
    if (n < 0) return fc_fail(err, FC_IO, "standard input cannot be read");
    if (bytes->status) return fc_fail(err, bytes->status, "the picture from standard input is too large");
    return bytes->len ? FC_OK : fc_fail(err, FC_ARG, "standard input gave no picture");
}

/* The bytes of a picture that is named; one of the user's own files is kept, and key is its id. */
static fc_status read_bytes(const char *image, const char *home, char key[FC_INPUT_ID_SIZE], fc_buf *bytes,
                            fc_err *err)
{
    char path[PATH_SIZE];
    fc_status status;
    if (fc_input_id_valid(image)) {
        memcpy(key, image, FC_INPUT_ID_SIZE);
        status = fc_inputs_path(home, image, path, sizeof path, err);
        return status ? status : fc_file_read(path, bytes, err);
    }
    status = strcmp(image, "-") == 0 ? read_stdin(bytes, err) : fc_file_read(image, bytes, err);
    return status ? status : fc_inputs_put(home, bytes->data, bytes->len, key, err);
}

fc_status fc_picture_read(const char *field, const char *image, const char *home, char key[FC_INPUT_ID_SIZE],
                          fc_pixels *picture, fc_err *err)
{
    fc_buf bytes;
    *picture = (fc_pixels){0};
    fc_buf_init(&bytes, FC_INPUT_MAX_BYTES);
    fc_status status = read_bytes(image, home, key, &bytes, err);
    if (status != FC_OK) goto out;
    status = fc_image_decode_input(picture, bytes.data, bytes.len, FC_IMAGE_MAX_INPUT, err);
out:
    fc_buf_fini(&bytes);
    return status ? fc_fail_prefix(err, "%s", field) : FC_OK;
}

static fc_status decode_field(fc_param_id id, const char **field, const char *home, fc_request *request,
                              fc_arena *arena, fc_pixels *out, fc_err *err)
{
    char key[FC_INPUT_ID_SIZE];
    fc_status status = fc_picture_read(fc_param_table[id].name, *field, home, key, out, err);
    if (status) return status;
    *field = fc_arena_strdup(arena, key);
    if (!*field) return fc_fail(err, FC_NOMEM, "out of memory");
    return fc_request_set(request, fc_param_table[id].name, key, err);
}

/* ---- pictures ---- */

fc_status fc_picture_flatten(fc_pixels *p, fc_err *err)
{
    fc_pixels flat = {0};
    if (p->channels == 3) return FC_OK;
    fc_status status = fc_fit_flatten(&flat, p, err);
    if (status) return status;
    fc_pixels_fini(p);
    *p = flat;
    return FC_OK;
}

fc_status fc_picture_decode(fc_pixels *rgb, const void *data, size_t size, fc_err *err)
{
    fc_status status = fc_image_decode_input(rgb, data, size, FC_IMAGE_MAX_INPUT, err);
    if (status) return status;
    status = fc_picture_flatten(rgb, err);
    if (status) fc_pixels_fini(rgb);
    return status;
}

static fc_status mask_of_transparent(fc_pixels *mask, const fc_pixels *rgba, fc_err *err)
{
    fc_status status = fc_mask_from_alpha(mask, rgba, err);
    if (!status && !fc_mask_paints(mask)) fc_pixels_fini(mask);
    return status;
}

static fc_status read_mask(fc_picture_input *in, const fc_pixels *given, fc_err *err)
{
    fc_pixels own = {0}, flat = {0};
    const fc_pixels *source = given;
    fc_status status = given->channels == 4 ? mask_of_transparent(&own, given, err) : FC_OK;
    if (!status && own.data) source = &own;
    if (!status && !own.data) {
        status = fc_pixels_copy(&flat, given, err);
        if (!status) status = fc_picture_flatten(&flat, err);
        source = &flat;
    }
    if (status != FC_OK) goto out;
    status = fc_mask_from_picture(&in->mask, source, in->picture.w, in->picture.h, err);
out:
    fc_pixels_fini(&own);
    fc_pixels_fini(&flat);
    return status;
}

static void list_inputs(fc_picture_input *in)
{
    in->inputs[in->count++] =
        (fc_task_input){FC_INPUT_PICTURE, in->picture.data, in->picture.w, in->picture.h};
    if (in->mask.data)
        in->inputs[in->count++] = (fc_task_input){FC_INPUT_MASK, in->mask.data, in->mask.w, in->mask.h};
}

fc_status fc_picture_input_open(fc_picture_input *in, const char *home, fc_request *request,
                                fc_params *params, fc_arena *arena, fc_err *err)
{
    fc_pixels given = {0};
    *in = (fc_picture_input){0};
    if (!*params->image) return FC_OK;
    if (strcmp(params->image, "-") == 0 && strcmp(params->mask, "-") == 0)
        return fc_fail(err, FC_ARG, "mask: standard input is the picture already");
    fc_status status = decode_field(FC_P_image, &params->image, home, request, arena, &in->picture, err);
    if (!status && *params->mask) {
        status = decode_field(FC_P_mask, &params->mask, home, request, arena, &given, err);
        if (!status) status = read_mask(in, &given, err);
    } else if (!status && in->picture.channels == 4) {
        status = mask_of_transparent(&in->mask, &in->picture, err);
    }
    if (status != FC_OK) goto out;
    status = fc_picture_flatten(&in->picture, err);
out:
    fc_pixels_fini(&given);
    if (status) {
        fc_picture_input_close(in);
        return status;
    }
    list_inputs(in);
    return FC_OK;
}

void fc_picture_input_close(fc_picture_input *in)
{
    fc_pixels_fini(&in->picture);
    fc_pixels_fini(&in->mask);
    *in = (fc_picture_input){0};
}

fc_work_picture fc_picture_input_size(const fc_picture_input *in)
{
    return (fc_work_picture){in->picture.w, in->picture.h, in->mask.data != NULL};
}

/* ---- files ---- */

static const char WITHOUT_UPSCALER[] = "lanczos"; /* interpolation alone, when that was asked for by name */

static fc_status find_upscaler(const fc_params *params, const fc_config *config, fc_arena *arena,
                               fc_warn warn, fc_model_choice *models, fc_err *err)
{
    fc_model_folder folder;
    fc_status status = fc_model_folder_open(config, "upscale_models", arena, &folder, err);
    if (status) return status;
    if (*params->upscaler && fc_path_exists(params->upscaler) && strchr(params->upscaler, '/')) {
        models->upscaler = params->upscaler;
        return FC_OK;
    }
    if (fc_str_eq_nocase(params->upscaler, WITHOUT_UPSCALER)) return FC_OK;
    if (*params->upscaler)
        return fc_model_folder_find(&folder, "upscaler", params->upscaler, &models->upscaler, err);
    models->upscaler = fc_model_folder_path(&folder, UPSCALER_OF_FOOOCUS);
    if (!models->upscaler && folder.paths.count) models->upscaler = folder.paths.items[0];
    if (!models->upscaler)
        fc_warn_emit(warn,
                     "there is no upscaler, pictures are enlarged by interpolation alone: put a model of the "
                     "ESRGAN family into models/upscale_models");
    return FC_OK;
}

static fc_status find_inpaint_engine(const fc_config *config, fc_arena *arena, fc_warn warn,
                                     fc_model_choice *models, fc_err *err)
{
    fc_model_folder folder;
    fc_status status = fc_model_folder_open(config, "inpaint", arena, &folder, err);
    if (status) return status;
    models->inpaint_head = fc_model_folder_path(&folder, HEAD);
    for (size_t i = 0; i < folder.paths.count; i++)
        if (fc_str_ends_nocase(folder.paths.items[i], ".patch"))
            models->inpaint_patch = folder.paths.items[i];
    if (models->inpaint_head && models->inpaint_patch) return FC_OK;
    models->inpaint_head = models->inpaint_patch = NULL;
    fc_warn_emit(
        warn,
        "the inpainting engine is not there (models/inpaint: fooocus_inpaint_head.pth and a .patch file): "
        "what is painted fits in less well");
    return FC_OK;
}

fc_status fc_picture_files_find(const fc_params *params, const fc_config *config, const fc_image_work *work,
                                fc_arena *arena, fc_warn warn, fc_model_choice *models, fc_err *err)
{
    bool enlarges = work->kind == FC_WORK_UPSCALE || work->kind == FC_WORK_ENLARGE;
    fc_status status = FC_OK;
    if (enlarges || *params->upscaler) status = find_upscaler(params, config, arena, warn, models, err);
    if (status != FC_OK) return status;
    if (work->kind == FC_WORK_INPAINT && work->engine)
        status = find_inpaint_engine(config, arena, warn, models, err);
    return status;
}
