/* Configuration -> fields of a request that were not given. Only what a person wrote counts
 * (config.txt, a preset, the environment): the defaults of a recipe stand in params.def. */
#include "app/settings/config_impl.h"

#include <stdio.h>
#include <string.h>
#include "app/settings/resolutions.h"
#include "base/file.h"
#include "base/str.h"

typedef struct applier {
    const fc_config *config;
    fc_request *request;
    fc_warn warn;
} applier;

static const json_t *wanted(const applier *a, const char *key, fc_param_id id)
{
    if (fc_config_source_of(a->config, key) < FC_CONFIG_FILE || fc_request_is_set(a->request, id))
        return NULL;
    return fc_config_get(a->config, key);
}

static void set(const applier *a, const char *key, fc_param_id id, const char *text)
{
    fc_err err = {0};
    if (fc_request_set(a->request, fc_param_table[id].name, text, &err) != FC_OK)
        fc_warn_emit(a->warn, "%s: %s; it was left out", key, err.message);
}

static void set_value(const applier *a, const char *key, fc_param_id id)
{
    char text[40];
    const json_t *v = wanted(a, key, id);
    if (json_is_string(v)) {
        set(a, key, id, json_string_value(v));
    } else if (json_is_number(v)) {
        snprintf(text, sizeof text, "%.10g", json_number_value(v));
        set(a, key, id, text);
    }
}

static bool means_none(const char *name)
{
    return fc_str_eq_nocase(name, "none") || fc_str_starts(name, "Default (");
}

static bool is_there(const applier *a, const char *name)
{
    fc_arena arena;
    fc_lines folders;
    char path[4096];
    bool found = false;
    fc_arena_init(&arena, 1 << 20);
    fc_lines_init(&folders, &arena);
    fc_config_folders(a->config, "checkpoints", &folders);
    for (size_t i = 0; i < folders.count && !found; i++)
        found = fc_path_join(path, sizeof path, folders.items[i], name) == FC_OK && fc_path_exists(path);
    fc_arena_fini(&arena);
    return found;
}

static void set_model(const applier *a)
{
    size_t i;
    json_t *item;
    const json_t *v = wanted(a, "default_model", FC_P_model);
    const char *name = json_string_value(v);
    if (!name || means_none(name)) return;
    if (!is_there(a, name)) json_array_foreach(fc_config_get(a->config, "previous_default_models"), i, item)
        {
            const char *older = json_string_value(item);
            if (!is_there(a, older)) continue;
            fc_warn_emit(a->warn, "the model %s is not there, its older version %s is used", name, older);
            name = older;
            break;
        }
    set(a, "default_model", FC_P_model, name);
}

static void set_file(const applier *a, const char *key, fc_param_id id)
{
    const char *name = json_string_value(wanted(a, key, id));
    if (name) set(a, key, id, means_none(name) ? "none" : name);
}

static void set_styles(const applier *a)
{
    size_t i;
    json_t *item;
    const json_t *v = wanted(a, "default_styles", FC_P_styles);
    if (v && json_array_size(v) == 0) set(a, "default_styles", FC_P_styles, "none");
    json_array_foreach(v, i, item) set(a, "default_styles", FC_P_styles, json_string_value(item));
}

static void set_loras(const applier *a)
{
    size_t i;
    json_t *row;
    char text[4200];
    const json_t *v = wanted(a, "default_loras", FC_P_loras);
    json_array_foreach(v, i, row)
    {
        size_t first = json_array_size(row) == 3;
        const char *name = json_string_value(json_array_get(row, first));
        if ((first && !json_is_true(json_array_get(row, 0))) || means_none(name)) continue;
        snprintf(text, sizeof text, "%.4095s:%.10g", name, json_number_value(json_array_get(row, first + 1)));
        set(a, "default_loras", FC_P_loras, text);
    }
}

static void set_size(const applier *a)
{
    char text[64];
    fc_resolution r;
    fc_err err = {0};
    const char *ratio = json_string_value(wanted(a, "default_aspect_ratio", FC_P_width));
    if (!ratio || fc_request_is_set(a->request, FC_P_height)) return;
    if (fc_resolution_parse(ratio, &r, NULL, NULL) != FC_OK) return;
    snprintf(text, sizeof text, "%dx%d", r.width, r.height);
    if (fc_request_set(a->request, "size", text, &err) != FC_OK)
        fc_warn_emit(a->warn, "default_aspect_ratio: %s", err.message);
}

/* -1 leaves the choice to the mode. */
static void set_steps(const applier *a)
{
    const json_t *steps = wanted(a, "default_overwrite_step", FC_P_steps);
    const json_t *at = wanted(a, "default_overwrite_switch", FC_P_switch_step);
    if (json_integer_value(steps) > 0) set_value(a, "default_overwrite_step", FC_P_steps);
    if (json_integer_value(at) > 0) set_value(a, "default_overwrite_switch", FC_P_switch_step);
}

static void set_metadata(const applier *a)
{
    const json_t *v = wanted(a, "default_save_metadata_to_images", FC_P_metadata);
    if (json_is_true(v))
        set(a, "default_metadata_scheme", FC_P_metadata,
            json_string_value(fc_config_get(a->config, "default_metadata_scheme")));
}

fc_status fc_config_apply(const fc_config *config, fc_request *request, fc_warn warn, fc_err *err)
{
    const applier a = {config, request, warn};
    if (!request) return fc_fail(err, FC_ARG, "there is no request to fill");
    for (size_t i = 0; i < fc_config_table_size; i++)
        if (fc_config_table[i].sets != FC_PARAM_COUNT)
            set_value(&a, fc_config_table[i].key, fc_config_table[i].sets);
    const char *prompt = json_string_value(wanted(&a, "default_prompt", FC_P_prompt));
    if (prompt && *prompt) set(&a, "default_prompt", FC_P_prompt, prompt);
    set_model(&a);
    set_file(&a, "default_refiner", FC_P_refiner);
    set_file(&a, "default_vae", FC_P_vae);
    set_styles(&a);
    set_loras(&a);
    set_size(&a);
    set_steps(&a);
    set_metadata(&a);
    return FC_OK;
}
