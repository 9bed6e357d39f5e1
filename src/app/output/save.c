/* See save.h. */
#include "app/output/save.h"

#include <string.h>
#include "app/output/log_page.h"
#include "app/output/metadata.h"
#include "app/output/record.h"
#include "format/image.h"
#include "format/safetensors.h"

enum { MAX_FILE = 512 << 20 };

static fc_status encode(const fc_save *s, fc_buf *file, fc_err *err)
{
    const fc_params *params = &s->plan->params;
    const fc_image image = {s->picture->rgb, s->picture->width, s->picture->height};
    fc_image_format format;
    fc_image_notes notes = {0};
    fc_arena arena;
    fc_status status = FC_OK;
    if (!fc_image_format_from_name(s->out->format, &format))
        return fc_fail(err, FC_INTERNAL, "no picture format is called %s", s->out->format);
    fc_arena_init(&arena, 16 << 20);
    if (strcmp(params->metadata, "none") != 0)
        status = fc_metadata_notes(s->record, params->metadata, &arena, &notes, err);
    if (status != FC_OK) goto out;
    status = fc_image_encode(file, &image, format, &notes, err);
out:
    fc_arena_fini(&arena);
    return status;
}

/* Tensor "latent" [1,4,h,w]: what the VAE decodes. */
static fc_status save_latent(const fc_save *s, fc_err *err)
{
    char path[FC_PATH_SIZE];
    const fc_picture *p = s->picture;
    if (!*s->out->latent) return FC_OK;
    fc_status status = fc_out_latent_path(s->out, s->index + 1, s->plan->count, path, err);
    if (status != FC_OK) return status;
    const fc_st_source tensor = {.name = "latent",
                                 .dtype = FC_F32,
                                 .ndim = 4,
                                 .shape = {1, 4, p->latent_height, p->latent_width},
                                 .data = p->latent};
    return fc_safetensors_write(path, &(fc_st_write){.tensors = &tensor, .count = 1}, err);
}

static void log_picture(const fc_save *s, const char *path)
{
    fc_err err = {0};
    if (!s->plan->params.log || s->out->kind != FC_OUT_DAY) return;
    if (fc_logpage_add(path, s->record, &err) != FC_OK)
        fc_warn_emit(s->warn, "the picture is saved, but not in the page of the day: %s", err.message);
}

fc_status fc_save_picture(const fc_save *s, char path[FC_PATH_SIZE], fc_err *err)
{
    fc_buf file;
    fc_buf_init(&file, MAX_FILE);
    fc_status status = encode(s, &file, err);
    if (status != FC_OK) goto out;
    status = fc_out_save(s->out, s->index + 1, s->plan->count, file.data, file.len, path, err);
out:
    fc_buf_fini(&file);
    if (status == FC_OK) log_picture(s, path);
    return status == FC_OK ? save_latent(s, err) : status;
}
