/* See guide_input.h. */
#include "app/guide_input.h"

#include <string.h>

#include "app/models/files.h"
#include "app/picture_input.h"
#include "base/file.h"
#include "base/str.h"

/* ---- files ---- */

/* What a network is recognised by while its usual file is not there. */
typedef struct usual {
    const char *name; /* Fooocus's file */
    const char *part; /* that other files have in their names */
    const char *without;
    const char *what;
} usual;

static const usual canny_file = {"control-lora-canny-rank128.safetensors", "canny", NULL,
                                 "a control network for edges"},
                   cpds_file = {"fooocus_xl_cpds_128.safetensors", "cpds", NULL,
                                "a control network for CPDS"},
                   picture_file = {"ip-adapter-plus_sdxl_vit-h.bin", "ip-adapter", "face",
                                   "an adapter for image prompts"},
                   face_file = {"ip-adapter-plus-face_sdxl_vit-h.bin", "face", NULL, "an adapter for faces"},
                   vision_file = {"clip_vision_vit_h.safetensors", "", NULL,
                                  "the vision encoder that image prompts need"};

struct finder {
    const fc_config *config;
    fc_model_folder controlnet;
    bool names_only;
    fc_arena *arena;
    fc_model_choice *models;
};

static const char *first_with(const fc_model_folder *folder, const usual *u)
{
    for (size_t i = 0; i < folder->names.count; i++) {
        const char *name = fc_path_basename(folder->names.items[i]);
        if (strcasestr(name, u->part) && !(u->without && strcasestr(name, u->without)))
            return folder->paths.items[i];
    }
    return NULL;
}

static fc_status find_usual(const fc_model_folder *folder, const char *field, const usual *u,
                            const char **path, fc_err *err)
{
    *path = fc_model_folder_path(folder, u->name);
    if (!*path) *path = first_with(folder, u);
    if (*path) return FC_OK;
    return fc_fail(err, FC_NOT_FOUND, "%s: %s is missing in %s; fooocus models get %s fetches it", field,
                   u->what, folder->dir ? folder->dir : "the folder of models", u->name);
}

static fc_status find_named(const struct finder *f, const char *field, const char *name, const char **path,
                            fc_err *err)
{
    *path = NULL;
    if (!f->names_only && strchr(name, '/') && fc_path_exists(name)) *path = fc_arena_strdup(f->arena, name);
    return *path ? FC_OK : fc_model_folder_find(&f->controlnet, field, name, path, err);
}

/* The number of a path among those that are loaded; what is new is added. */
static fc_status number_of(const char *list[FC_TASK_NETWORKS], const char *field, const char *path,
                           int32_t *number, fc_err *err)
{
    for (int32_t i = 0; i < FC_TASK_NETWORKS; i++) {
        if (list[i] && strcmp(list[i], path) != 0) continue;
        list[i] = path;
        *number = i;
        return FC_OK;
    }
    return fc_fail(err, FC_LIMIT, "%s: more than %d different networks for one picture are too many", field,
                   FC_TASK_NETWORKS);
}

static fc_status find_network(struct finder *f, const char *field, const fc_guide *g, const usual *u,
                              const char *list[FC_TASK_NETWORKS], int32_t *number, fc_err *err)
{
    const char *path;
    fc_status status = *g->model ? find_named(f, field, g->model, &path, err)
                                 : find_usual(&f->controlnet, field, u, &path, err);
    return status ? status : number_of(list, field, path, number, err);
}

/* What adapters need beside them. */
static fc_status find_companions(struct finder *f, const char *field, fc_err *err)
{
    fc_model_folder vision;
    if (f->models->vision) return FC_OK;
    fc_status status = fc_model_folder_open(f->config, "clip_vision", f->arena, &vision, err);
    if (status != FC_OK) return status;
    status = find_usual(&vision, field, &vision_file, &f->models->vision, err);
    f->models->image_negative = fc_model_folder_path(&f->controlnet, "fooocus_ip_negative");
    return status;
}

/* ---- pictures ---- */

/* The field gets the ids of the pictures, which are kept now. */
static fc_status keep_ids(fc_request *request, const fc_param *p, const fc_guide_list *list, fc_err *err)
{
    char text[6000];
    fc_request_unset(request, (fc_param_id)(p - fc_param_table));
    for (int32_t i = 0; i < list->count; i++) {
        fc_status status = fc_guide_print(&list->items[i], text, sizeof text);
        if (!status) status = fc_request_set(request, p->name, text, err);
        if (status) return status;
    }
    return FC_OK;
}

static fc_status read_pictures(fc_guide_input *in, const fc_param *p, fc_guide_list *list, const char *home,
                               fc_request *request, fc_arena *arena, fc_err *err)
{
    if (in->count + list->count > FC_TASK_GUIDES)
        return fc_fail(err, FC_LIMIT, "%s: more than %d guiding pictures are too many", p->name,
                       FC_TASK_GUIDES);
    fc_guide *kept = fc_arena_array(arena, (size_t)list->count, sizeof *kept);
    if (!kept) return fc_fail(err, FC_NOMEM, "out of memory");
    for (int32_t i = 0; i < list->count; i++) {
        char key[FC_INPUT_ID_SIZE];
        kept[i] = list->items[i];
        fc_status status = fc_picture_read(p->name, kept[i].image, home, key, &in->pixels[in->count++], err);
        if (!status) status = fc_picture_flatten(&in->pixels[in->count - 1], err);
        if (status) return status;
        kept[i].image = fc_arena_strdup(arena, key);
        if (!kept[i].image) return fc_fail(err, FC_NOMEM, "out of memory");
    }
    list->items = kept;
    return keep_ids(request, p, list, err);
}

/* ---- fields ---- */

typedef struct field {
    fc_param_id id;
    const usual *file; /* NULL: it is always named */
    bool control;
    fc_drawing drawing;
} field;

/* In the order in which they act: edges before CPDS, whole pictures before faces. */
static const field fields[] = {{FC_P_canny, &canny_file, true, FC_DRAWING_CANNY},
                               {FC_P_cpds, &cpds_file, true, FC_DRAWING_CPDS},
                               {FC_P_controls, NULL, true, FC_DRAWING_READY},
                               {FC_P_image_prompts, &picture_file, false, FC_DRAWING_READY},
                               {FC_P_faces, &face_file, false, FC_DRAWING_READY}};
enum { FIELDS = sizeof fields / sizeof *fields };

static fc_guide_list *list_of(fc_params *params, fc_param_id id)
{
    return (fc_guide_list *)((char *)params + fc_param_table[id].offset);
}

static fc_status add_item(fc_guide_input *in, const field *fd, const fc_guide *g, const fc_pixels *p,
                          struct finder *f, fc_err *err)
{
    const char *name = fc_param_table[fd->id].name;
    int32_t number = 0;
    fc_status status = find_network(f, name, g, fd->file,
                                    fd->control ? f->models->controls : f->models->adapters, &number, err);
    if (status) return status;
    if (fd->control) {
        in->task.controls[in->task.control_count++] =
            (fc_task_control){number, fd->drawing, p->data, p->w, p->h, g->weight, g->stop};
        return FC_OK;
    }
    in->task.pictures[in->task.picture_count++] =
        (fc_task_picture){number, p->data, p->w, p->h, g->weight, g->stop};
    return find_companions(f, name, err);
}

static fc_status read_field(fc_guide_input *in, const field *fd, struct finder *f, fc_request *request,
                            fc_params *params, fc_err *err)
{
    fc_guide_list *list = list_of(params, fd->id);
    int32_t first = in->count;
    fc_status status =
        read_pictures(in, &fc_param_table[fd->id], list, fc_config_home(f->config), request, f->arena, err);
    for (int32_t i = 0; i < list->count && status == FC_OK; i++)
        status = add_item(in, fd, &list->items[i], &in->pixels[first + i], f, err);
    return status;
}

fc_status fc_guide_input_open(fc_guide_input *in, const fc_config *config, fc_request *request,
                              fc_params *params, fc_arena *arena, fc_model_choice *models, fc_err *err)
{
    struct finder f = {
        .config = config, .names_only = fc_request_from_network(request), .arena = arena, .models = models};
    int32_t count = 0;
    *in = (fc_guide_input){.task = {.softness = params->control_softness,
                                    .canny_low = params->canny_low,
                                    .canny_high = params->canny_high}};
    for (int i = 0; i < FIELDS; i++) count += list_of(params, fields[i].id)->count;
    if (count == 0) return FC_OK;
    fc_status status = fc_model_folder_open(config, "controlnet", arena, &f.controlnet, err);
    for (int i = 0; i < FIELDS && status == FC_OK; i++)
        if (list_of(params, fields[i].id)->count > 0)
            status = read_field(in, &fields[i], &f, request, params, err);
    if (status) fc_guide_input_close(in);
    return status;
}

void fc_guide_input_close(fc_guide_input *in)
{
    for (int32_t i = 0; i < in->count; i++) fc_pixels_fini(&in->pixels[i]);
    *in = (fc_guide_input){0};
}
