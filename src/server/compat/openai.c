/* What OpenAI's clients speak: POST /v1/images/generations, GET /v1/models. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "app/settings/resolutions.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/compat/compat.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { MAX_PICTURES = 10, MAX_FILE = 512 << 20 };

/* ---- errors in their form ---- */

bool fc_openai_owns(const char *path)
{
    static const char *const others[] = {"/v1/generation/", "/v1/engines/", "/v1/tools/"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (fc_str_starts(path, others[i])) return false;
    return fc_str_starts(path, "/v1/");
}

/* The SDKs send a request again after 409 and 5xx: a second job of what was cancelled, or failed and will
 * fail again. */
static bool is_final(const fc_err *err, unsigned http)
{
    return err->status == FC_CANCELLED || (http >= 500 && err->status != FC_LIMIT && err->status != FC_NOMEM);
}

void fc_openai_error(fc_http *h, unsigned http, const fc_err *err)
{
    if (!http) http = err->status == FC_CANCELLED ? 400 : (unsigned)fc_status_http(err->status);
    size_t n = strspn(err->message, "abcdefghijklmnopqrstuvwxyz_"); /* our messages begin with the member */
    json_t *param = n && err->message[n] == ':' ? json_stringn(err->message, n) : json_null();
    const char *type = http == 429   ? "rate_limit_exceeded"
                       : http >= 500 ? "server_error"
                                     : "invalid_request_error";
    fc_http_json(h, http,
                 json_pack("{s:{s:o, s:s, s:o, s:s}}", "error", "message", fc_json_text(err->message), "type",
                           type, "param", param, "code", fc_status_name(err->status)));
    if (is_final(err, http)) fc_http_add_header(h, "x-should-retry", "false");
}

/* ---- the request ---- */

typedef struct translation {
    const json_t *body;
    json_t *out; /* our parameters */
    fc_http *h;
    fc_err *err;
} translation;

/* The text of a member, NULL when it is absent or null; wrong types are told. */
static const char *text_member(translation *w, const char *name)
{
    const json_t *value = json_object_get(w->body, name);
    if (!value || json_is_null(value)) return NULL;
    if (!json_is_string(value)) fc_fail(w->err, FC_ARG, "%s: want a text", name);
    return json_string_value(value);
}

static void read_prompt(translation *w)
{
    const char *prompt = text_member(w, "prompt");
    if (!prompt && w->err->status == FC_OK) fc_fail(w->err, FC_ARG, "prompt: it is missing");
    if (prompt) json_object_set(w->out, "prompt", json_object_get(w->body, "prompt"));
}

static void read_count(translation *w)
{
    const json_t *n = json_object_get(w->body, "n");
    json_int_t value = json_integer_value(n);
    if (!n || json_is_null(n)) return;
    if (!json_is_integer(n) || value < 1 || value > MAX_PICTURES)
        fc_fail(w->err, FC_ARG, "n: want a whole number from 1 to %d", MAX_PICTURES);
    else
        json_object_set_new(w->out, "count", json_integer(value));
}

static void read_size(translation *w)
{
    fc_resolution r;
    fc_err err = {0};
    const char *size = text_member(w, "size");
    if (!size || strcmp(size, "auto") == 0) return;
    if (fc_resolution_parse(size, &r, NULL, &err) != FC_OK) {
        fc_fail(w->err, FC_ARG, "size: %s", err.message);
        return;
    }
    json_object_set_new(w->out, "width", json_integer(r.width));
    json_object_set_new(w->out, "height", json_integer(r.height));
}

/* Names of OpenAI's own models mean the default; clients send them without being asked. */
static void read_model(translation *w)
{
    const char *model = text_member(w, "model");
    if (!model || fc_str_starts(model, "dall-e") || fc_str_starts(model, "gpt-image") ||
        fc_str_starts(model, "chatgpt-image") || strcmp(model, "default") == 0)
        return;
    json_object_set(w->out, "model", json_object_get(w->body, "model"));
}

static void read_choices(translation *w)
{
    const char *quality = text_member(w, "quality"), *format = text_member(w, "output_format");
    const char *answer = text_member(w, "response_format"), *ground = text_member(w, "background");
    if (quality && (strcmp(quality, "hd") == 0 || strcmp(quality, "high") == 0))
        json_object_set_new(w->out, "performance", json_string("quality"));
    if (format && !fc_choice_find(fc_choice_format, format))
        fc_fail(w->err, FC_ARG, "output_format: want png, jpeg or webp");
    if (format) json_object_set(w->out, "format", json_object_get(w->body, "output_format"));
    if (answer && strcmp(answer, "url") != 0 && strcmp(answer, "b64_json") != 0)
        fc_fail(w->err, FC_ARG, "response_format: want url or b64_json");
    if (ground && strcmp(ground, "transparent") == 0)
        fc_fail(w->err, FC_UNSUPPORTED, "background: transparent pictures cannot be made");
    if (json_is_true(json_object_get(w->body, "stream")))
        fc_fail(w->err, FC_UNSUPPORTED, "stream: streaming is not offered here, see GET /api/v1/events");
}

/* Members that change nothing here, and two of our own. */
static void check_members(translation *w)
{
    static const char *const known[] = {"prompt",
                                        "n",
                                        "size",
                                        "model",
                                        "quality",
                                        "output_format",
                                        "response_format",
                                        "style",
                                        "user",
                                        "background",
                                        "stream",
                                        "moderation",
                                        "partial_images",
                                        "output_compression",
                                        "seed",
                                        "negative_prompt",
                                        "image",
                                        "mask",
                                        "input_fidelity"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)w->body, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) found |= strcmp(name, known[i]) == 0;
        if (!found) fc_fail(w->err, FC_ARG, "%.60s: there is no such parameter", name);
    }
    if (json_object_get(w->body, "seed")) json_object_set(w->out, "seed", json_object_get(w->body, "seed"));
    if (json_object_get(w->body, "negative_prompt"))
        json_object_set(w->out, "negative_prompt", json_object_get(w->body, "negative_prompt"));
}

static json_t *make_parameters(fc_http *h, fc_err *err)
{
    *err = (fc_err){0};
    const json_t *body = fc_compat_body(h, err);
    if (!body) return NULL;
    translation w = {body, json_object(), h, err};
    if (fc_json_member(body, "image") || fc_json_member(body, "mask"))
        fc_fail(err, FC_ARG, "image: send pictures to /v1/images/edits or /v1/images/variations");
    read_prompt(&w);
    read_count(&w);
    read_size(&w);
    read_model(&w);
    read_choices(&w);
    check_members(&w);
    if (err->status == FC_OK) return w.out;
    json_decref(w.out);
    return NULL;
}

/* ---- the answer ---- */

static bool wants_base64(fc_http *h)
{
    const json_t *body = fc_compat_body(h, NULL);
    const char *format = json_string_value(json_object_get(body, "response_format"));
    const char *model = json_string_value(json_object_get(body, "model"));
    bool yes = format ? strcmp(format, "b64_json") == 0 : model && strstr(model, "gpt-image");
    return yes;
}

static fc_status add_picture(fc_http *h, const fc_picture_row *row, bool base64, json_t *data, fc_err *err)
{
    fc_buf file;
    json_t *picture = json_pack("{s:o}", "revised_prompt", fc_json_text(row->prompt));
    if (!base64) {
        json_object_set_new(picture, "url", fc_json_text(fc_picture_url(h, row)));
        json_array_append_new(data, picture);
        return FC_OK;
    }
    fc_buf_init(&file, MAX_FILE);
    fc_status status = fc_picture_bytes(h->server, row, &file, err);
    if (status == FC_OK) {
        json_object_set_new(picture, "b64_json", fc_base64_json("", file.data, file.len));
        json_array_append(data, picture);
    }
    json_decref(picture);
    fc_buf_fini(&file);
    return status;
}

/* That API has no place for warnings; a member that clients do not know is passed over. */
static void answer_pictures(fc_http *h, const fc_job_row *job, json_t *data)
{
    json_t *answer = json_pack("{s:I, s:O}", "created", (json_int_t)(job->finished / 1000), "data", data);
    if (h->warnings) json_object_set(answer, "warnings", h->warnings);
    fc_http_json(h, 200, answer);
}

static void answer_job(fc_http *h, const fc_job_row *job)
{
    fc_err err = {0};
    fc_picture_row *rows;
    int32_t count;
    json_t *data = json_array();
    fc_status status = fc_job_pictures(h, job->id, &rows, &count, &err);
    bool base64 = wants_base64(h);
    for (int32_t i = 0; i < count && status == FC_OK; i++)
        status = add_picture(h, &rows[i], base64, data, &err);
    if (status != FC_OK) goto out;
    if (job->state == FC_JOB_FAILED) status = fc_fail(&err, job->error, "%s", job->error_text);
    if (status != FC_OK) goto out;
    if (count == 0) status = fc_fail(&err, FC_CANCELLED, "the job was cancelled");
out:
    if (status == FC_OK)
        answer_pictures(h, job, data);
    else
        fc_openai_error(h, 0, &err);
    json_decref(data);
}

/* Messages name our fields. */
static const fc_alias names[] = {
    {"n", "count"}, {"size", "width"}, {"size", "height"}, {"output_format", "format"}};

static void run(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err))
{
    fc_job_row job;
    fc_err err = {0};
    unsigned http;
    fc_run_result result = fc_run_job(h, make, &job, &http, &err);
    if (result == FC_RUN_OVER) answer_job(h, &job);
    if (result != FC_RUN_FAILED) return;
    fc_alias_message(names, sizeof names / sizeof names[0], &err);
    fc_openai_error(h, http, &err);
}

void fc_openai_images(fc_http *h)
{
    run(h, make_parameters);
}

/* ---- pictures from pictures ---- */

/* A size other than the picture's: it is brought there when the shape is the same; otherwise it keeps its
 * own. */
static fc_status fit(translation *w, char image[FC_INPUT_ID_SIZE], char mask[FC_INPUT_ID_SIZE])
{
    int32_t width, height;
    json_int_t wanted_w = json_integer_value(json_object_get(w->out, "width"));
    json_int_t wanted_h = json_integer_value(json_object_get(w->out, "height"));
    fc_status status = fc_compat_picture_size(w->h, image, &width, &height, w->err);
    if (status != FC_OK || wanted_w == 0 || (wanted_w == width && wanted_h == height)) return status;
    if (llabs(wanted_w * height - wanted_h * width) * 50 > wanted_w * height) {
        fc_http_warn(w->h, "size: the picture keeps its own shape, %dx%d", (int)width, (int)height);
        return FC_OK;
    }
    if (*mask)
        status = fc_compat_picture_fit(w->h, mask, (int32_t)wanted_w, (int32_t)wanted_h, FC_FIT_STRETCH, true,
                                       w->err);
    return status == FC_OK ? fc_compat_picture_fit(w->h, image, (int32_t)wanted_w, (int32_t)wanted_h,
                                                   FC_FIT_STRETCH, false, w->err)
                           : status;
}

static fc_status has_alpha(translation *w, const char *id, bool *yes)
{
    fc_buf data;
    fc_pixels p = {0};
    char path[FC_PATH_SIZE];
    fc_buf_init(&data, FC_INPUT_MAX_BYTES);
    fc_status status = fc_inputs_path(w->h->server->home, id, path, sizeof path, w->err);
    if (status != FC_OK) goto out;
    status = fc_file_read(path, &data, w->err);
    if (status != FC_OK) goto out;
    status = fc_image_decode_input(&p, data.data, data.len, FC_IMAGE_MAX_INPUT, w->err);
out:
    *yes = status == FC_OK && p.channels == 4;
    fc_pixels_fini(&p);
    fc_buf_fini(&data);
    return status;
}

/* Transparent pixels, of the mask or of the picture itself, are what is painted; without any the whole is
 * varied. */
static fc_status read_pictures(translation *w, bool edits)
{
    char image[FC_INPUT_ID_SIZE], mask[FC_INPUT_ID_SIZE] = "";
    bool alpha = false;
    const json_t *picture = fc_json_member(w->body, "image"), *own = fc_json_member(w->body, "mask");
    if (json_is_array(picture) && json_array_size(picture) > 1)
        fc_http_warn(w->h, "image: only the first is used");
    if (json_is_array(picture)) picture = json_array_get(picture, 0);
    if (!picture) return fc_fail(w->err, FC_ARG, "image: it is missing");
    fc_status status = fc_compat_picture(w->h, "image", picture, image, w->err);
    if (status != FC_OK) return status;
    if (edits && own) status = fc_compat_picture(w->h, "mask", own, mask, w->err);
    if (status != FC_OK) return status;
    status = has_alpha(w, image, &alpha);
    if (status == FC_OK && edits && !*mask && alpha) memcpy(mask, image, sizeof mask);
    if (status != FC_OK) return status;
    status = fit(w, image, mask);
    if (status != FC_OK) return status;
    json_object_set_new(w->out, "image", json_string(image));
    if (*mask)
        json_object_set_new(w->out, "mask", json_string(mask));
    else
        json_object_set_new(w->out, "vary", json_string(edits ? "strong" : "subtle"));
    return FC_OK;
}

static json_t *make_from_picture(fc_http *h, bool edits, fc_err *err)
{
    *err = (fc_err){0};
    const json_t *body = fc_compat_body(h, err);
    if (!body) return NULL;
    translation w = {body, json_object(), h, err};
    if (edits) read_prompt(&w);
    read_count(&w);
    read_size(&w);
    read_model(&w);
    read_choices(&w);
    check_members(&w);
    if (err->status == FC_OK) (void)!read_pictures(&w, edits);
    json_object_del(w.out, "performance"); /* of "quality": the whole picture is not drawn anew */
    if (err->status == FC_OK) return w.out;
    json_decref(w.out);
    return NULL;
}

static json_t *make_edit(fc_http *h, fc_err *err)
{
    return make_from_picture(h, true, err);
}

static json_t *make_variation(fc_http *h, fc_err *err)
{
    return make_from_picture(h, false, err);
}

void fc_openai_edits(fc_http *h)
{
    run(h, make_edit);
}

void fc_openai_variations(fc_http *h)
{
    run(h, make_variation);
}

/* ---- models ---- */

static json_t *model_object(const char *name)
{
    return json_pack("{s:o, s:s, s:i, s:s}", "id", fc_json_text(name), "object", "model", "created", 0,
                     "owned_by", "local");
}

static json_t *list_models(fc_http *h)
{
    fc_model_folder folder;
    json_t *list = json_array();
    if (fc_server_checkpoints(h, &folder, NULL) != FC_OK) return list;
    for (size_t i = 0; i < folder.names.count; i++)
        json_array_append_new(list, model_object(folder.names.items[i]));
    return list;
}

void fc_openai_models(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:s, s:o}", "object", "list", "data", list_models(h)));
}

void fc_openai_model(fc_http *h)
{
    size_t i;
    json_t *model, *list = list_models(h);
    json_array_foreach(list, i, model)
    {
        const char *id = json_string_value(json_object_get(model, "id"));
        if (!h->response && strcmp(id, h->captures[0]) == 0) fc_http_json(h, 200, json_incref(model));
    }
    json_decref(list);
    if (h->response) return;
    fc_err err = {0};
    fc_fail(&err, FC_NOT_FOUND, "model: there is no model '%.100s'", h->captures[0]);
    fc_openai_error(h, 404, &err);
}
