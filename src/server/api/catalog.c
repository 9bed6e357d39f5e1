/* What can be chosen: parameters, styles, models, presets; settings in pictures; the description of the API.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "app/common/app_data.h"
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "app/output/metadata.h"
#include "app/output/record.h"
#include "app/prompt/styles.h"
#include "app/settings/config.h"
#include "app/settings/params.h"
#include "app/settings/performance.h"
#include "base/file.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/server_impl.h"

/* ---- parameters ---- */

static const char *const recipe_names[] = {"1.0", "2.5"};

static json_t *default_of(const fc_param *p, fc_recipe_id recipe)
{
    const char *items[FC_MAX_CHOICES];
    char scratch[256];
    int64_t whole;
    double number;
    size_t count = fc_param_default_items(p, recipe, items, FC_MAX_CHOICES, scratch, sizeof scratch);
    if (fc_param_is_list(p)) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++) json_array_append_new(list, json_string(items[i]));
        return list;
    }
    if (count == 0) return json_null();
    if (p->kind == FC_KIND_BOOL) return json_boolean(strcmp(items[0], "on") == 0);
    if (p->kind == FC_KIND_INT) return fc_parse_i64(items[0], &whole) ? json_integer(whole) : json_null();
    if (p->kind == FC_KIND_NUM) return fc_parse_f64(items[0], &number) ? json_real(number) : json_null();
    return json_string(items[0]);
}

static json_t *choices_of(const fc_param *p)
{
    json_t *list = json_array();
    for (size_t i = 0; p->choice && p->choice(i); i++) json_array_append_new(list, json_string(p->choice(i)));
    return list;
}

/* The performance modes in which the field has no effect. */
static json_t *forced_by(const fc_param *p)
{
    json_t *list = json_array();
    const fc_performance *mode;
    for (size_t i = 0; (mode = fc_performance_at(FC_RECIPE_2_5, i)) != NULL; i++)
        if (mode->forced && (p->marks & FC_MARK_NOT_FAST)) json_array_append_new(list, json_string(mode->id));
    return list;
}

static json_t *describe(const fc_param *p)
{
    json_t *defaults = json_object();
    for (int r = 0; r < 2; r++)
        json_object_set_new(defaults, recipe_names[r], default_of(p, (fc_recipe_id)r));
    json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:b, s:b, s:o}", "name", p->name,
                            "kind", fc_param_kind_name(p->kind), "group", fc_param_group_id(p->group), "help",
                            p->help, "default", defaults, "private", (p->marks & FC_MARK_PRIVATE) != 0,
                            "model", (p->marks & FC_MARK_MODEL) != 0, "auto", (p->marks & FC_MARK_AUTO) != 0,
                            "v25", (p->marks & FC_MARK_V25) != 0, "placed", (p->marks & FC_MARK_PLACED) != 0,
                            "forced_by", forced_by(p));
    if (p->kind == FC_KIND_INT || p->kind == FC_KIND_NUM || p->kind == FC_KIND_LORAS ||
        p->kind == FC_KIND_GUIDES) {
        json_object_set_new(out, "min", json_real(p->lowest));
        json_object_set_new(out, "max", json_real(p->highest));
        json_object_set_new(out, "step", json_real(p->step));
    }
    if (p->choice) json_object_set_new(out, "choices", choices_of(p));
    if (p->max_length) json_object_set_new(out, "max_length", json_integer((json_int_t)p->max_length));
    if (p->max_items) json_object_set_new(out, "max_items", json_integer((json_int_t)p->max_items));
    return out;
}

void fc_api_parameters(fc_http *h)
{
    json_t *groups = json_array(), *parameters = json_array();
    for (int g = 0; g < FC_GROUP_COUNT; g++)
        json_array_append_new(groups, json_pack("{s:s, s:s}", "id", fc_param_group_id((fc_param_group)g),
                                                "title", fc_param_group_title((fc_param_group)g)));
    for (int i = 0; i < FC_PARAM_COUNT; i++) json_array_append_new(parameters, describe(&fc_param_table[i]));
    fc_http_json(h, 200, json_pack("{s:o, s:o}", "groups", groups, "parameters", parameters));
    fc_http_add_header(h, "Cache-Control", "no-cache");
}

/* ---- styles ---- */

/* "SAI Anime" -> "SAI": styles of one origin share their first word. */
static json_t *group_of(const char *name)
{
    return json_stringn(name, strcspn(name, " "));
}

/* "SAI Anime" -> "/styles/sai-anime.webp", null when the page has no such picture. */
static json_t *sample_of(const char *name)
{
    char path[256];
    int n = snprintf(path, sizeof path, "/styles/%s.webp", name);
    if (n < 0 || (size_t)n >= sizeof path) return json_null();
    for (char *c = path + strlen("/styles/"); c < path + n - strlen(".webp"); c++) {
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9'))) *c = '-';
    }
    return fc_embedded_find(&fc_web, path + 1) ? json_string(path) : json_null();
}

static json_t *style_json(const fc_style *style)
{
    static const char *const kinds[] = {
        [FC_STYLE_TEXT] = "text", [FC_STYLE_EXPANSION] = "expansion", [FC_STYLE_RANDOM] = "random"};
    return json_pack("{s:o, s:o, s:b, s:b, s:s, s:o}", "name", fc_json_text(style->name), "group",
                     group_of(style->name), "has_positive", *style->prompt != '\0', "has_negative",
                     *style->negative != '\0', "kind", kinds[style->kind], "sample", sample_of(style->name));
}

json_t *fc_styles_to_json(fc_http *h, json_t *(*to_json)(const fc_style *), bool with_default, fc_err *err)
{
    fc_styles *styles;
    if (fc_styles_open_home(h->server->home, (fc_warn){0}, &styles, err) != FC_OK) return NULL;
    json_t *list = json_array();
    const fc_style *first = fc_styles_find(styles, fc_param_table[FC_P_styles].defaults[FC_RECIPE_1_0]);
    if (with_default && first && first->hidden) json_array_append_new(list, to_json(first));
    for (size_t i = 0; i < fc_styles_count(styles); i++)
        json_array_append_new(list, to_json(fc_styles_at(styles, i)));
    fc_styles_close(styles);
    return list;
}

void fc_api_styles(fc_http *h)
{
    fc_err err = {0};
    json_t *list = fc_styles_to_json(h, style_json, true, &err);
    if (list)
        fc_http_json(h, 200, list);
    else
        fc_http_fail(h, &err);
}

/* ---- models ---- */

/* `folder` with another file before all others, instead of one with that name or path. */
static fc_status put_first(fc_model_folder *folder, const char *name, const char *path, fc_arena *arena,
                           fc_err *err)
{
    size_t count = 1;
    const char **names = fc_arena_array(arena, folder->names.count + 1, sizeof *names);
    const char **paths = fc_arena_array(arena, folder->names.count + 1, sizeof *paths);
    if (!names || !paths) return fc_fail(err, FC_NOMEM, "out of memory");
    names[0] = name;
    paths[0] = path;
    for (size_t i = 0; i < folder->names.count; i++) {
        if (strcmp(folder->names.items[i], name) == 0 || strcmp(folder->paths.items[i], path) == 0) continue;
        names[count] = folder->names.items[i];
        paths[count++] = folder->paths.items[i];
    }
    folder->names.items = names;
    folder->paths.items = paths;
    folder->names.count = folder->paths.count = count;
    return FC_OK;
}

fc_status fc_server_checkpoints(fc_http *h, fc_model_folder *folder, fc_err *err)
{
    const char *own = h->server->config.model;
    fc_status status = fc_model_folder_open(fc_http_settings(h), "checkpoints", &h->arena, folder, err);
    if (status != FC_OK || !own) return status;
    const char *path = fc_model_folder_path(folder, own);
    return put_first(folder, fc_path_basename(own), path ? path : own, &h->arena, err);
}

static json_t *files_of(fc_http *h, const char *kind, fc_err *err)
{
    fc_model_folder folder;
    bool first = strcmp(kind, "checkpoints") == 0;
    fc_status status = first ? fc_server_checkpoints(h, &folder, err)
                             : fc_model_folder_open(fc_http_settings(h), kind, &h->arena, &folder, err);
    if (status != FC_OK) return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < folder.names.count; i++) {
        struct stat info;
        json_int_t size = stat(folder.paths.items[i], &info) == 0 ? (json_int_t)info.st_size : 0;
        json_t *file = json_pack("{s:o, s:I}", "name", fc_json_text(folder.names.items[i]), "size", size);
        if (first && i == 0 && h->server->config.model) json_object_set_new(file, "default", json_true());
        json_array_append_new(list, file);
    }
    return list;
}

void fc_api_models(fc_http *h)
{
    static const struct {
        const char *member, *kind;
    } kinds[] = {
        {"checkpoints", "checkpoints"}, {"loras", "loras"},           {"vae", "vae"},
        {"vae_approx", "vae_approx"},   {"embeddings", "embeddings"}, {"upscale_models", "upscale_models"}};
    fc_err err = {0};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        json_t *files = files_of(h, kinds[i].kind, &err);
        if (!files) {
            json_decref(out);
            fc_http_fail(h, &err);
            return;
        }
        json_object_set_new(out, kinds[i].member, files);
    }
    fc_http_json(h, 200, out);
}

/* ---- presets ---- */

static void collect_warning(void *user, const char *text)
{
    json_array_append_new(user, fc_json_text(text));
}

/* The fields that a preset, config.txt and the environment set together. */
static fc_status read_preset(fc_http *h, const char *name, json_t **out, fc_err *err)
{
    fc_params params;
    fc_config *config = NULL;
    json_t *warnings = json_array();
    const fc_warn warn = {collect_warning, warnings};
    fc_request *request = fc_request_new();
    *out = NULL;
    fc_status status = request ? fc_config_with_preset(&config, fc_http_settings(h), name, warn, err)
                               : fc_fail(err, FC_NOMEM, "out of memory");
    if (status != FC_OK) goto out;
    status = fc_config_apply(config, request, warn, err);
    if (status != FC_OK) goto out;
    status = fc_request_resolve(request, &h->arena, &params, err);
    if (status == FC_OK)
        *out = json_pack("{s:o, s:o, s:O}", "name", fc_json_text(name), "parameters",
                         fc_request_to_json(request, &params), "warnings", warnings);
out:
    fc_config_close(config);
    fc_request_free(request);
    json_decref(warnings);
    return status;
}

/* A broken preset does not take the others away: it sets nothing, and says why. */
static json_t *broken_preset(const char *name, const fc_err *err)
{
    return json_pack("{s:o, s:{}, s:[o]}", "name", fc_json_text(name), "parameters", "warnings",
                     fc_json_text(err->message));
}

void fc_api_presets(fc_http *h)
{
    fc_err err = {0};
    fc_lines names;
    json_t *list = json_array();
    fc_lines_init(&names, &h->arena);
    fc_status status = fc_config_presets(h->server->home, &names, &err);
    for (size_t i = 0; i < names.count && status == FC_OK; i++) {
        json_t *preset;
        fc_err own = {0};
        if (read_preset(h, names.items[i], &preset, &own) != FC_OK)
            preset = broken_preset(names.items[i], &own);
        json_array_append_new(list, preset);
    }
    if (status == FC_OK)
        fc_http_json(h, 200, json_incref(list));
    else
        fc_http_fail(h, &err);
    json_decref(list);
}

/* ---- settings in a picture ---- */

static fc_status apply_record(const json_t *record, fc_arena *arena, json_t *warnings, json_t **parameters,
                              fc_err *err)
{
    fc_params params;
    *parameters = NULL;
    fc_request *request = fc_request_new();
    if (!request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = fc_record_apply(record, request, (fc_warn){collect_warning, warnings}, err);
    if (status != FC_OK) goto out;
    status = fc_request_resolve(request, arena, &params, err);
    if (status == FC_OK) *parameters = fc_request_to_json(request, &params);
out:
    fc_request_free(request);
    return status;
}

void fc_api_metadata(fc_http *h)
{
    fc_err err = {0};
    fc_buf text;
    json_t *record, *parameters = NULL, *warnings = json_array();
    fc_buf_init(&text, 4 << 20);
    fc_status status = fc_metadata_read(h->body.data, h->body.len, &record, &text, &err);
    if (status != FC_OK) goto out;
    status = apply_record(record, &h->arena, warnings, &parameters, &err);
out:;
    const char *raw = fc_buf_cstr(&text);
    if (status == FC_OK)
        fc_http_json(h, 200,
                     json_pack("{s:s, s:O, s:o, s:O, s:O}", "scheme", fc_metadata_kind(raw), "parameters",
                               parameters, "raw", fc_json_text(raw), "record", record, "warnings", warnings));
    else
        fc_http_fail(h, &err);
    json_decref(record);
    json_decref(parameters);
    json_decref(warnings);
    fc_buf_fini(&text);
}

/* ---- the description ---- */

void fc_api_openapi(fc_http *h)
{
    const fc_embedded_file *file = fc_embedded_find(&fc_app_data, "openapi.json");
    if (file)
        fc_http_static(h, "application/json", file->data, file->size, "\"" FC_VERSION "\"");
    else
        fc_http_problem(h, FC_NOT_FOUND, "this program was built without the description");
}
