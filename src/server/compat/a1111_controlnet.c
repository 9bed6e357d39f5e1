/* AUTOMATIC1111's ControlNet extension: its units in a request, its lists, its preview of a drawing. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "app/picture_input.h"
#include "base/str.h"
#include "format/image.h"
#include "picture/canny.h"
#include "picture/cpds.h"
#include "server/compat/a1111.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { MAX_UNITS = 8, EXTENSION_VERSION = 3, CANNY_LOW = 64, CANNY_HIGH = 128 };

/* What a preprocessor of the extension is here: one of our fields. */
static const struct {
    const char *module, *field;
} modules[] = {{"none", "controls"},
               {"canny", "canny"},
               {"cpds", "cpds"},
               {"ip-adapter_clip_sdxl_plus_vith", "image_prompts"},
               {"ip-adapter_clip_g", "image_prompts"},
               {"ip-adapter-auto", "image_prompts"},
               {"ip-adapter_face", "faces"}};
enum { MODULES = sizeof modules / sizeof modules[0] };

typedef struct unit_reader {
    fc_http *h;
    const json_t *body;
    json_t *out;
    fc_err *err;
} unit_reader;

static const char *field_of(const char *module)
{
    for (int i = 0; i < MODULES; i++)
        if (fc_str_eq_nocase(modules[i].module, module)) return modules[i].field;
    return NULL;
}

static double number_of(const json_t *unit, const char *name, double usual)
{
    const json_t *value = fc_json_member(unit, name);
    return json_is_number(value) ? json_number_value(value) : usual;
}

static const char *text_of(const json_t *unit, const char *name)
{
    const char *text = json_string_value(fc_json_member(unit, name));
    return text ? text : "";
}

/* The unit's own picture, else the one that img2img works on. */
static fc_status unit_picture(unit_reader *w, const json_t *unit, char id[FC_INPUT_ID_SIZE])
{
    const json_t *image = fc_json_member(unit, "image");
    if (!image) image = fc_json_member(unit, "input_image");
    if (json_is_object(image)) image = fc_json_member(image, "image");
    if (!image || json_is_null(image)) image = json_array_get(fc_json_member(w->body, "init_images"), 0);
    if (!image) return fc_fail(w->err, FC_ARG, "alwayson_scripts: a unit that is on has no image");
    return fc_compat_picture(w->h, "alwayson_scripts", image, id, w->err);
}

/* "name [0123abcd]" -> "name"; "" for "None" */
static const char *model_name(fc_http *h, const char *title)
{
    const char *hash = strstr(title, " [");
    size_t n = hash ? (size_t)(hash - title) : strlen(title);
    if (fc_str_eq_nocase(title, "None")) return "";
    return fc_arena_strndup(&h->arena, title, n);
}

static void tell_unused(unit_reader *w, const json_t *unit)
{
    const json_t *mode = fc_json_member(unit, "control_mode");
    bool balanced = !mode || (json_is_number(mode) && json_number_value(mode) == 0) ||
                    (json_is_string(mode) && fc_str_eq_nocase(json_string_value(mode), "Balanced"));
    if (!balanced) fc_http_warn(w->h, "control_mode: only Balanced is offered, it was used");
    if (number_of(unit, "guidance_start", 0) > 0)
        fc_http_warn(w->h, "guidance_start: guides act from the first step on here");
    if (fc_json_member(unit, "mask_image")) fc_http_warn(w->h, "mask_image: not used here");
}

static fc_status read_unit(unit_reader *w, const json_t *unit)
{
    char id[FC_INPUT_ID_SIZE];
    const char *module = text_of(unit, "module"), *field = field_of(*module ? module : "none");
    const char *model = model_name(w->h, text_of(unit, "model"));
    if (!field)
        return fc_fail(w->err, FC_UNSUPPORTED,
                       "alwayson_scripts: module %.60s is not offered; send its drawing with module "
                       "none, or take canny, cpds or ip-adapter-auto",
                       module);
    if (!model) return fc_fail(w->err, FC_NOMEM, "out of memory");
    fc_status status = unit_picture(w, unit, id);
    if (status) return status;
    json_t *list = json_object_get(w->out, field);
    if (!list) json_object_set_new(w->out, field, list = json_array());
    json_t *item = json_pack("{s:s, s:f, s:f}", "image", id, "weight", number_of(unit, "weight", 1), "stop",
                             number_of(unit, "guidance_end", 1));
    if (*model) json_object_set_new(item, "model", fc_json_text(model));
    json_array_append_new(list, item);
    double low = number_of(unit, "threshold_a", -1), high = number_of(unit, "threshold_b", -1);
    bool canny = strcmp(field, "canny") == 0;
    if (canny && low >= 1 && low <= 255) json_object_set_new(w->out, "canny_low", json_integer((int)low));
    if (canny && high >= 1 && high <= 255) json_object_set_new(w->out, "canny_high", json_integer((int)high));
    tell_unused(w, unit);
    return FC_OK;
}

fc_status fc_a1111_controlnet(fc_http *h, const json_t *body, const json_t *script, json_t *out, fc_err *err)
{
    unit_reader w = {h, body, out, err};
    const json_t *units = json_is_array(script) ? script : fc_json_member(script, "args");
    for (size_t i = 0; i < json_array_size(units); i++) {
        const json_t *unit = json_array_get(units, i), *enabled = fc_json_member(unit, "enabled");
        if (!json_is_object(unit) || json_object_size(unit) == 0 || json_is_false(enabled)) continue;
        if (i >= MAX_UNITS) return fc_fail(err, FC_LIMIT, "alwayson_scripts: more than %d units", MAX_UNITS);
        fc_status status = read_unit(&w, unit);
        if (status) return status;
    }
    return FC_OK;
}

/* ---- lists ---- */

static json_t *model_list(fc_http *h)
{
    fc_model_folder folder;
    json_t *list = json_array();
    if (fc_model_folder_open(fc_http_settings(h), "controlnet", &h->arena, &folder, NULL) != FC_OK)
        return list;
    for (size_t i = 0; i < folder.names.count; i++)
        if (!strcasestr(folder.names.items[i], "ip_negative"))
            json_array_append_new(list, fc_json_text(folder.names.items[i]));
    return list;
}

static json_t *module_list(const char *field)
{
    json_t *list = json_array();
    for (int i = 0; i < MODULES; i++)
        if (!field || strcmp(modules[i].field, field) == 0 || strcmp(modules[i].module, "none") == 0)
            json_array_append_new(list, json_string(modules[i].module));
    return list;
}

void fc_a1111_controlnet_version(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:i}", "version", EXTENSION_VERSION));
}

void fc_a1111_controlnet_models(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:o}", "model_list", model_list(h)));
}

void fc_a1111_controlnet_modules(fc_http *h)
{
    json_t *detail = json_object();
    for (int i = 0; i < MODULES; i++) {
        bool canny = strcmp(modules[i].module, "canny") == 0;
        json_t *sliders = json_array();
        if (canny)
            sliders = json_pack("[n, {s:s, s:i, s:i, s:i}, {s:s, s:i, s:i, s:i}]", "name", "Low Threshold",
                                "value", CANNY_LOW, "min", 1, "max", 255, "name", "High Threshold", "value",
                                CANNY_HIGH, "min", 1, "max", 255);
        json_object_set_new(detail, modules[i].module,
                            json_pack("{s:b, s:o}", "model_free", 0, "sliders", sliders));
    }
    fc_http_json(h, 200, json_pack("{s:o, s:o}", "module_list", module_list(NULL), "module_detail", detail));
}

static json_t *control_type(fc_http *h, const char *field, const char *usual)
{
    return json_pack("{s:o, s:o, s:s, s:s}", "module_list", module_list(field), "model_list", model_list(h),
                     "default_option", usual, "default_model", "None");
}

void fc_a1111_controlnet_types(fc_http *h)
{
    json_t *types = json_pack("{s:o, s:o, s:o, s:o}", "All", control_type(h, NULL, "none"), "Canny",
                              control_type(h, "canny", "canny"), "CPDS", control_type(h, "cpds", "cpds"),
                              "IP-Adapter", control_type(h, "image_prompts", "ip-adapter-auto"));
    fc_http_json(h, 200, json_pack("{s:o}", "control_types", types));
}

void fc_a1111_controlnet_settings(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:i}", "control_net_unit_count", MAX_UNITS));
}

/* ---- the drawing of a picture ---- */

static fc_status draw(const char *field, const fc_pixels *rgb, const json_t *body, fc_pixels *out,
                      fc_err *err)
{
    if (strcmp(field, "canny") == 0)
        return fc_canny_pyramid(out, rgb, number_of(body, "controlnet_threshold_a", CANNY_LOW),
                                number_of(body, "controlnet_threshold_b", CANNY_HIGH), err);
    return strcmp(field, "cpds") == 0 ? fc_cpds(out, rgb, err) : fc_pixels_copy(out, rgb, err);
}

static fc_status encode(const fc_pixels *p, fc_buf *png, fc_err *err)
{
    fc_pixels rgb = {0};
    fc_status status = fc_fit_flatten(&rgb, p, err);
    if (status) return status;
    const fc_image image = {rgb.data, rgb.w, rgb.h};
    status = fc_image_encode(png, &image, FC_PNG, NULL, err);
    fc_pixels_fini(&rgb);
    return status;
}

static fc_status detect(fc_http *h, const json_t *body, const json_t *image, json_t *images, fc_err *err)
{
    char id[FC_INPUT_ID_SIZE], key[FC_INPUT_ID_SIZE];
    const char *module = text_of(body, "controlnet_module"), *field = field_of(*module ? module : "none");
    fc_pixels picture = {0}, drawn = {0};
    fc_buf png;
    if (!field)
        return fc_fail(err, FC_UNSUPPORTED, "controlnet_module: %.60s is not offered, take canny or cpds",
                       module);
    fc_buf_init(&png, FC_IMAGE_MAX_INPUT_BYTES);
    fc_status status = fc_compat_picture(h, "controlnet_input_images", image, id, err);
    if (status != FC_OK) goto out;
    status = fc_picture_read("controlnet_input_images", id, h->server->home, key, &picture, err);
    if (status != FC_OK) goto out;
    status = fc_picture_flatten(&picture, err);
    if (status != FC_OK) goto out;
    status = draw(field, &picture, body, &drawn, err);
    if (status != FC_OK) goto out;
    status = encode(&drawn, &png, err);
    if (status != FC_OK) goto out;
    json_array_append_new(images, fc_base64_json("", png.data, png.len));
out:
    fc_pixels_fini(&picture);
    fc_pixels_fini(&drawn);
    fc_buf_fini(&png);
    return status;
}

void fc_a1111_controlnet_detect(fc_http *h)
{
    fc_err err = {0};
    const json_t *body = fc_compat_body(h, &err),
                 *inputs = body ? fc_json_member(body, "controlnet_input_images") : NULL;
    json_t *images = json_array();
    fc_status status = FC_OK;
    if (!body)
        status = FC_ARG;
    else if (json_array_size(inputs) == 0 || json_array_size(inputs) > MAX_UNITS)
        status = fc_fail(&err, FC_ARG, "controlnet_input_images: give one to %d pictures", MAX_UNITS);
    for (size_t i = 0; i < json_array_size(inputs) && status == FC_OK; i++)
        status = detect(h, body, json_array_get(inputs, i), images, &err);
    if (status == FC_OK) {
        fc_http_json(h, 200, json_pack("{s:o, s:s}", "images", images, "info", "Success"));
        return;
    }
    json_decref(images);
    fc_a1111_error(h, 0, &err);
}
