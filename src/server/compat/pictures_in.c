/* See pictures_in.h. */
#include "server/compat/pictures_in.h"

#include <string.h>
#include "app/common/json_text.h"
#include "app/picture_input.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/str.h"
#include "format/multipart.h"
#include "picture/mask.h"
#include "server/server_impl.h"

#define FILE_MEMBER "fooocus_input" /* {FILE_MEMBER: id}: a file of a form */

/* ---- the body ---- */

static bool is_text_field(const char *name)
{
    return strstr(name, "prompt") || strstr(name, "name") || strcmp(name, "user") == 0 ||
           strcmp(name, "model") == 0;
}

/* What a text of a form looks like. */
static json_t *value_of(const fc_part *part)
{
    fc_buf text;
    json_t *value = NULL;
    fc_buf_init(&text, FC_BODY_JSON);
    fc_buf_append(&text, part->data, part->size);
    const char *plain = fc_buf_cstr(&text);
    if (!is_text_field(part->name)) {
        value = json_loads(plain, JSON_DECODE_ANY, NULL);
        if (fc_str_eq_nocase(plain, "true") || fc_str_eq_nocase(plain, "false"))
            value = json_boolean(fc_str_eq_nocase(plain, "true"));
        if (json_is_string(value)) {
            json_decref(value);
            value = NULL;
        }
    }
    if (!value) value = fc_json_text(plain);
    fc_buf_fini(&text);
    return value;
}

/* "image[]" and a name that comes again make a list. */
static void add_member(json_t *object, const char *name, json_t *value)
{
    char plain[FC_PART_NAME_SIZE];
    size_t n = strlen(name);
    bool list = n > 2 && strcmp(name + n - 2, "[]") == 0;
    memcpy(plain, name, n + 1);
    if (list) plain[n - 2] = '\0';
    json_t *there = json_object_get(object, plain);
    if (json_is_array(there)) {
        json_array_append_new(there, value);
    } else if (there || list) {
        json_t *all = json_array();
        if (there) json_array_append(all, there);
        json_array_append_new(all, value);
        json_object_set_new(object, plain, all);
    } else {
        json_object_set_new(object, plain, value);
    }
}

static fc_status read_part(fc_http *h, const fc_part *part, json_t *out, fc_err *err)
{
    char id[FC_INPUT_ID_SIZE];
    if (!part->is_file) {
        add_member(out, part->name, value_of(part));
        return FC_OK;
    }
    if (part->size == 0) return FC_OK; /* a form whose file was not chosen */
    fc_status status = fc_inputs_put_whole(h->server->home, part->data, part->size, id, err);
    if (status != FC_OK) return fc_fail_prefix(err, "%s", part->name);
    add_member(out, part->name, json_pack("{s:s}", FILE_MEMBER, id));
    return FC_OK;
}

static json_t *read_form(fc_http *h, const char *type, fc_err *err)
{
    size_t count;
    fc_part *parts = fc_arena_array(&h->arena, FC_PARTS_MAX, sizeof *parts);
    if (!parts) {
        fc_fail(err, FC_NOMEM, "out of memory");
        return NULL;
    }
    json_t *out = json_object();
    fc_status status =
        fc_multipart_cut(type, fc_buf_cstr(&h->body), h->body.len, parts, FC_PARTS_MAX, &count, err);
    for (size_t i = 0; i < count && status == FC_OK; i++) status = read_part(h, &parts[i], out, err);
    if (status == FC_OK) return out;
    json_decref(out);
    return NULL;
}

const json_t *fc_compat_body(fc_http *h, fc_err *err)
{
    const char *type = fc_http_header(h, "Content-Type");
    if (!h->form)
        h->form = fc_multipart_is(type) ? read_form(h, type, err) : fc_http_read_json(h, false, err);
    return h->form;
}

/* ---- one picture ---- */

fc_status fc_compat_picture(fc_http *h, const char *field, const json_t *value, char id[FC_INPUT_ID_SIZE],
                            fc_err *err)
{
    fc_buf data;
    const char *text = json_string_value(value);
    const char *kept = json_string_value(json_object_get(value, FILE_MEMBER));
    if (!kept && text && fc_input_id_valid(text)) kept = text;
    if (kept && fc_input_id_valid(kept)) {
        memcpy(id, kept, FC_INPUT_ID_SIZE);
        return FC_OK;
    }
    const char *comma = text && fc_str_starts(text, "data:") ? strchr(text, ',') : NULL;
    if (comma) text = comma + 1;
    fc_buf_init(&data, FC_INPUT_MAX_BYTES);
    bool fine = text && *text && fc_base64_decode(text, strlen(text), &data);
    fc_status status = fine ? fc_inputs_put_whole(h->server->home, data.data, data.len, id, err)
                            : fc_fail(err, FC_ARG, "want a picture in base64");
    fc_buf_fini(&data);
    return status == FC_OK ? FC_OK : fc_fail_prefix(err, "%s", field);
}

static fc_status read_input(fc_http *h, const char *id, fc_buf *data, fc_err *err)
{
    char path[FC_PATH_SIZE];
    fc_status status = fc_inputs_path(h->server->home, id, path, sizeof path, err);
    return status == FC_OK ? fc_file_read(path, data, err) : status;
}

fc_status fc_compat_picture_size(fc_http *h, const char *id, int32_t *width, int32_t *height, fc_err *err)
{
    fc_buf data;
    fc_image_format format;
    fc_buf_init(&data, FC_INPUT_MAX_BYTES);
    fc_status status = read_input(h, id, &data, err);
    if (status != FC_OK) goto out;
    status = fc_image_probe(data.data, data.len, &format, width, height, err);
out:
    fc_buf_fini(&data);
    return status;
}

static fc_status mask_of(fc_pixels *p, fc_err *err)
{
    fc_pixels mask;
    if (p->channels != 4) return FC_OK;
    fc_status status = fc_mask_from_alpha(&mask, p, err);
    if (status != FC_OK) return status;
    fc_pixels_fini(p);
    *p = mask;
    return FC_OK;
}

static fc_status store(fc_http *h, const fc_pixels *p, char id[FC_INPUT_ID_SIZE], fc_err *err)
{
    fc_buf file;
    const fc_image image = {p->data, p->w, p->h};
    fc_buf_init(&file, FC_INPUT_MAX_BYTES);
    fc_status status = fc_image_encode(&file, &image, FC_PNG, NULL, err);
    if (status != FC_OK) goto out;
    status = fc_inputs_put(h->server->home, file.data, file.len, id, err);
out:
    fc_buf_fini(&file);
    return status;
}

fc_status fc_compat_picture_fit(fc_http *h, char id[FC_INPUT_ID_SIZE], int32_t width, int32_t height,
                                fc_fit_mode mode, bool mask, fc_err *err)
{
    fc_buf data;
    fc_pixels whole = {0}, fitted = {0};
    fc_buf_init(&data, FC_INPUT_MAX_BYTES);
    fc_status status = read_input(h, id, &data, err);
    if (status != FC_OK) goto out;
    status = fc_image_decode_input(&whole, data.data, data.len, FC_IMAGE_MAX_INPUT, err);
    if (status != FC_OK) goto out;
    if (mask) status = mask_of(&whole, err);
    if (status != FC_OK) goto out;
    status = fc_picture_flatten(&whole, err);
    if (status != FC_OK) goto out;
    bool same = whole.w == width && whole.h == height;
    if (!same) status = fc_fit_resize(&fitted, &whole, width, height, mode, err);
    if (status != FC_OK) goto out;
    status = store(h, same ? &whole : &fitted, id, err);
out:
    fc_buf_fini(&data);
    fc_pixels_fini(&whole);
    fc_pixels_fini(&fitted);
    return status;
}
