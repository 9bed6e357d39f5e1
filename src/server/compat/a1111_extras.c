/* A1111's enlarging: extra-single-image, and extra-batch-images as one job after the other. */
#include <string.h>
#include "app/common/json_text.h"
#include "base/str.h"
#include "server/compat/a1111.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { MAX_FILE = 512 << 20 };

static bool is_named(const json_t *upscaler)
{
    const char *name = json_string_value(upscaler);
    return name && *name && !fc_str_eq_nocase(name, "None");
}

/* "None" enlarges there too, as Lanczos does: by interpolation alone. */
static json_t *upscaler_of(const json_t *value)
{
    const char *name = is_named(value) ? json_string_value(value) : "lanczos";
    return fc_json_text(fc_str_starts(name, "Lanczos") ? "lanczos" : name);
}

/* What that API has and is not done here. */
static void warn_of_rest(fc_http *h, const json_t *body)
{
    if (fc_a1111_number(body, "gfpgan_visibility", 0) > 0 ||
        fc_a1111_number(body, "codeformer_visibility", 0) > 0)
        fc_http_warn(h, "gfpgan_visibility, codeformer_visibility: faces are not restored here");
    if (is_named(fc_json_member(body, "upscaler_2")) &&
        fc_a1111_number(body, "extras_upscaler_2_visibility", 0) > 0)
        fc_http_warn(h, "upscaler_2: a second upscaler is not mixed in here");
    if (fc_a1111_number(body, "resize_mode", 0) == 1 && fc_a1111_number(body, "upscaling_crop", 1) != 0)
        fc_http_warn(h, "upscaling_crop: nothing is cut off, the larger side decides");
}

/* To a size, of which the larger factor counts, or by a factor. */
static double factor_of(const json_t *body, int32_t width, int32_t height)
{
    if (fc_a1111_number(body, "resize_mode", 0) != 1) return fc_a1111_number(body, "upscaling_resize", 2);
    double by_width = fc_a1111_number(body, "upscaling_resize_w", 512) / width;
    double by_height = fc_a1111_number(body, "upscaling_resize_h", 512) / height;
    return by_width > by_height ? by_width : by_height;
}

static json_t *parameters_of(fc_http *h, const json_t *body, const char *field, const json_t *image,
                             fc_err *err)
{
    char id[FC_INPUT_ID_SIZE];
    int32_t width, height;
    if (fc_compat_picture(h, field, image, id, err) != FC_OK ||
        fc_compat_picture_size(h, id, &width, &height, err) != FC_OK)
        return NULL;
    const json_t *upscaler = fc_json_member(body, "upscaler_1");
    json_t *out = json_pack("{s:s, s:f, s:b, s:s}", "image", id, "upscale", factor_of(body, width, height),
                            "fast_upscale", 1, "format", "png");
    if (upscaler) json_object_set_new(out, "upscaler", upscaler_of(upscaler));
    return out;
}

static json_t *single_parameters(fc_http *h, fc_err *err)
{
    *err = (fc_err){0};
    const json_t *body = fc_compat_body(h, err);
    if (!body) return NULL;
    warn_of_rest(h, body);
    return parameters_of(h, body, "image", fc_json_member(body, "image"), err);
}

/* Of the first picture of the list that is not made yet. */
static json_t *batch_parameters(fc_http *h, fc_err *err)
{
    *err = (fc_err){0};
    size_t done = json_array_size(h->parts);
    const json_t *body = fc_compat_body(h, err), *list = fc_json_member(body, "imageList");
    if (!body) return NULL;
    if (json_array_size(list) == 0) {
        fc_fail(err, FC_ARG, "imageList: want a list of {\"data\": picture, \"name\": text}");
        return NULL;
    }
    if (done == 0) warn_of_rest(h, body);
    return parameters_of(h, body, "imageList", fc_json_member(json_array_get(list, done), "data"), err);
}

/* ---- answers ---- */

static void put_html(fc_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&' || *text == '<' || *text == '>')
            fc_buf_printf(out, "&#%d;", *text);
        else
            fc_buf_putc(out, *text);
    }
}

/* The warnings as paragraphs: the page of that API shows this text. */
static json_t *html_info(const fc_http *h)
{
    size_t i;
    fc_buf out;
    json_t *text;
    fc_buf_init(&out, 1 << 20);
    json_array_foreach(h->warnings, i, text)
    {
        fc_buf_puts(&out, "<p>");
        put_html(&out, json_string_value(text));
        fc_buf_puts(&out, "</p>");
    }
    json_t *html = fc_json_text(fc_buf_cstr(&out));
    fc_buf_fini(&out);
    return html;
}

/* The picture that the job made, in base64; NULL: err tells why there is none. */
static json_t *result_of(fc_http *h, const fc_job_row *job, fc_err *err)
{
    fc_picture_row *rows;
    int32_t count = 0;
    fc_buf file;
    json_t *image = NULL;
    bool failed = job->state == FC_JOB_FAILED;
    if (fc_job_pictures(h, job->id, &rows, &count, err) != FC_OK) return NULL;
    if (count == 0) {
        fc_fail(err, failed ? job->error : FC_CANCELLED, "%s",
                failed ? job->error_text : "the job was cancelled");
        return NULL;
    }
    fc_buf_init(&file, MAX_FILE);
    if (fc_picture_bytes(h->server, &rows[0], &file, err) == FC_OK)
        image = fc_base64_json("", file.data, file.len);
    fc_buf_fini(&file);
    return image;
}

static void answer_single(fc_http *h, const fc_job_row *job)
{
    fc_err err = {0};
    json_t *image = result_of(h, job, &err);
    if (image)
        fc_http_json(h, 200, json_pack("{s:o, s:o}", "html_info", html_info(h), "image", image));
    else
        fc_a1111_error(h, 0, &err);
}

void fc_a1111_extra_single(fc_http *h)
{
    fc_a1111_run(h, single_parameters, answer_single);
}

/* Keeps the picture; goes on with the next one, or answers. */
static void answer_part(fc_http *h, const fc_job_row *job)
{
    fc_err err = {0};
    json_t *image = result_of(h, job, &err);
    if (!image) {
        fc_a1111_error(h, 0, &err);
        return;
    }
    if (!h->parts) h->parts = json_array();
    json_array_append_new(h->parts, image);
    if (json_array_size(h->parts) == json_array_size(fc_json_member(fc_compat_body(h, NULL), "imageList"))) {
        fc_http_json(h, 200, json_pack("{s:o, s:O}", "html_info", html_info(h), "images", h->parts));
        return;
    }
    h->state = NULL;
    fc_a1111_run(h, batch_parameters, answer_part);
}

void fc_a1111_extra_batch(fc_http *h)
{
    fc_a1111_run(h, batch_parameters, answer_part);
}
