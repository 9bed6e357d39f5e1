/* What clients of AUTOMATIC1111's web UI speak: lists, options, settings of a picture. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "app/output/a1111.h"
#include "app/output/metadata.h"
#include "app/prompt/styles.h"
#include "app/settings/params.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/str.h"
#include "server/compat/a1111.h"
#include "server/compat/compat.h"
#include "server/server_impl.h"

/* ---- models ---- */

static json_t *model_row(const char *name, const char *path)
{
    size_t n;
    const char *stem = fc_path_stem(name, &n);
    return json_pack("{s:o, s:o, s:n, s:n, s:o, s:n}", "title", fc_json_text(name), "model_name",
                     json_stringn(stem, n), "hash", "sha256", "filename", fc_json_text(path), "config");
}

void fc_a1111_models(fc_http *h)
{
    fc_err err = {0};
    fc_model_folder folder;
    if (fc_server_checkpoints(h, &folder, &err) != FC_OK) {
        fc_a1111_error(h, 0, &err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < folder.names.count; i++)
        json_array_append_new(list, model_row(folder.names.items[i], folder.names.items[i]));
    fc_http_json(h, 200, list);
}

const char *fc_a1111_find_model(fc_http *h, const char *title)
{
    fc_model_folder folder;
    const char *path, *own = h->server->config.model;
    size_t n = strlen(title), stem;
    const char *hash = strstr(title, " [");
    if (hash && title[n - 1] == ']') n = (size_t)(hash - title);
    const char *name = fc_arena_strndup(&h->arena, title, n);
    if (!name) return NULL;
    if (own && strcmp(fc_path_basename(own), name) == 0) return name;
    if (own && strlen(name) == (fc_path_stem(own, &stem), stem) && fc_str_starts(fc_path_basename(own), name))
        return fc_path_basename(own);
    if (fc_model_folder_open(fc_http_settings(h), "checkpoints", &h->arena, &folder, NULL) != FC_OK ||
        fc_model_folder_find(&folder, "model", name, &path, NULL) != FC_OK)
        return NULL;
    return name;
}

static void list_files(fc_http *h, const char *kind, json_t *(*row)(const char *name))
{
    fc_err err = {0};
    fc_model_folder folder;
    if (fc_model_folder_open(fc_http_settings(h), kind, &h->arena, &folder, &err) != FC_OK) {
        fc_a1111_error(h, 0, &err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < folder.names.count; i++) json_array_append_new(list, row(folder.names.items[i]));
    fc_http_json(h, 200, list);
}

static json_t *vae_row(const char *name)
{
    return json_pack("{s:o, s:o}", "model_name", fc_json_text(name), "filename", fc_json_text(name));
}

static json_t *lora_row(const char *name)
{
    size_t n;
    const char *stem = fc_path_stem(name, &n);
    return json_pack("{s:o, s:o, s:o, s:{}}", "name", json_stringn(stem, n), "alias", json_stringn(stem, n),
                     "path", fc_json_text(name), "metadata");
}

void fc_a1111_vaes(fc_http *h)
{
    list_files(h, "vae", vae_row);
}

void fc_a1111_loras(fc_http *h)
{
    list_files(h, "loras", lora_row);
}

void fc_a1111_embeddings(fc_http *h)
{
    fc_model_folder folder;
    json_t *loaded = json_object();
    if (fc_model_folder_open(fc_http_settings(h), "embeddings", &h->arena, &folder, NULL) == FC_OK)
        for (size_t i = 0; i < folder.names.count; i++) {
            size_t n;
            const char *stem = fc_path_stem(folder.names.items[i], &n);
            const char *name = fc_arena_strndup(&h->arena, stem, n);
            if (name) json_object_set_new(loaded, name, json_object());
        }
    fc_http_json(h, 200, json_pack("{s:o, s:{}}", "loaded", loaded, "skipped"));
}

static json_t *style_json(const fc_style *style)
{
    return json_pack("{s:o, s:o, s:o}", "name", fc_json_text(style->name), "prompt",
                     fc_json_text(style->prompt), "negative_prompt", fc_json_text(style->negative));
}

void fc_a1111_styles(fc_http *h)
{
    fc_err err = {0};
    json_t *list = fc_styles_to_json(h, style_json, false, &err);
    if (list)
        fc_http_json(h, 200, list);
    else
        fc_a1111_error(h, 0, &err);
}

static json_t *upscaler_row(const char *name, int scale)
{
    return json_pack("{s:o, s:o, s:n, s:n, s:i}", "name", fc_json_text(name), "model_name",
                     fc_json_text(name), "model_path", "model_url", "scale", scale);
}

/* Models that enlarge pictures. A factor is told by the file when it is opened; the family's usual one stands
 * here, and that of what comes with the program. */
void fc_a1111_upscalers(fc_http *h)
{
    fc_model_folder folder;
    json_t *list = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(list, json_pack("{s:s, s:n, s:n, s:n, s:i}", "name", i ? "Lanczos" : "None",
                                              "model_name", "model_path", "model_url", "scale", 4));
    if (fc_model_folder_open(fc_http_settings(h), "upscale_models", &h->arena, &folder, NULL) == FC_OK)
        for (size_t i = 0; i < folder.names.count; i++)
            json_array_append_new(list, upscaler_row(folder.names.items[i], i < folder.box ? 4 : 2));
    fc_http_json(h, 200, list);
}

/* What there is none of. */
void fc_a1111_none(fc_http *h)
{
    fc_http_json(h, 200, json_array());
}

void fc_a1111_scripts(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:[], s:[]}", "txt2img", "img2img"));
}

bool fc_a1111_has_vae(fc_http *h, const char *name)
{
    fc_model_folder folder;
    const char *path;
    if (!*name || fc_str_eq_nocase(name, "None") || fc_str_eq_nocase(name, "Automatic")) return true;
    return fc_model_folder_open(fc_http_settings(h), "vae", &h->arena, &folder, NULL) == FC_OK &&
           fc_model_folder_find(&folder, "vae", name, &path, NULL) == FC_OK;
}

/* Folders are read when they are asked for, and models are let go when others need the memory: nothing to do.
 */
void fc_a1111_refresh(fc_http *h)
{
    fc_http_json(h, 200, json_object());
}

void fc_a1111_memory(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:{}, s:{}}", "ram", "cuda"));
}

void fc_a1111_cmd_flags(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:b}", "api", 1));
}

/* ---- settings of a picture ---- */

/* "data:image/png;base64,..." or bare base64. */
static bool decode_image(const char *text, fc_buf *out)
{
    const char *comma = fc_str_starts(text, "data:") ? strchr(text, ',') : NULL;
    if (comma) text = comma + 1;
    return fc_base64_decode(text, strlen(text), out);
}

void fc_a1111_png_info(fc_http *h)
{
    fc_err err = {0};
    fc_buf image, text;
    json_t *record = NULL, *body = fc_http_body_json(h, false);
    if (!body) return;
    const char *encoded = json_string_value(json_object_get(body, "image"));
    fc_buf_init(&image, FC_BODY_UPLOAD);
    fc_buf_init(&text, 4 << 20);
    fc_status status = encoded && decode_image(encoded, &image)
                           ? fc_metadata_read(image.data, image.len, &record, &text, &err)
                           : fc_fail(&err, FC_ARG, "image: want a picture in base64");
    if (status == FC_OK || status == FC_NOT_FOUND) /* a picture without settings is no error here */
        fc_http_json(h, 200,
                     json_pack("{s:o, s:o, s:o}", "info", fc_json_text(fc_buf_cstr(&text)), "items",
                               text.len ? json_pack("{s:o}", "parameters", fc_json_text(fc_buf_cstr(&text)))
                                        : json_object(),
                               "parameters", record ? json_incref(record) : json_object()));
    else
        fc_a1111_error(h, 0, &err);
    fc_buf_fini(&text);
    fc_buf_fini(&image);
    json_decref(record);
    json_decref(body);
}
