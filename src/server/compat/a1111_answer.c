/* Pictures of a job as AUTOMATIC1111's clients expect them, with all that is known about how they were made.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "app/common/json_text.h"
#include "app/common/number_text.h"
#include "app/models/files.h"
#include "app/output/metadata.h"
#include "app/output/sampler_name.h"
#include "app/queue/trash.h"
#include "base/file.h"
#include "server/compat/a1111.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { MAX_FILE = 512 << 20, MAX_INFO = 16 << 20 };

/* A picture and the parameters of its job. */
typedef struct made {
    const fc_picture_row *row;
    json_t *parameters;
} made;

static const char *text_in(const made *m, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(m->parameters, name));
    return text && *text ? text : otherwise;
}

static double number_in(const made *m, const char *name, double otherwise)
{
    const json_t *value = json_object_get(m->parameters, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static json_t *model_name(const fc_picture_row *row)
{
    size_t n;
    const char *stem = fc_path_stem(row->model, &n);
    json_t *name = json_stringn(stem, n);
    return name ? name : json_string("");
}

/* From the row, when the file has no settings in it. */
static void describe(const made *m, fc_buf *out)
{
    char cfg[FC_NUMTEXT_SIZE];
    json_t *model = model_name(m->row);
    fc_number_text(number_in(m, "cfg", 7), cfg);
    fc_buf_puts(out, m->row->prompt);
    if (*m->row->negative_prompt) fc_buf_printf(out, "\nNegative prompt: %s", m->row->negative_prompt);
    fc_buf_printf(
        out, "\nSteps: %d, Sampler: %s, Schedule type: %s, CFG scale: %s, Seed: %" PRIu64 ", Size: %dx%d, ",
        (int)number_in(m, "steps", 20), fc_sampler_shown(text_in(m, "sampler", "euler")),
        fc_a1111_scheduler_label(text_in(m, "scheduler", "normal")), cfg, m->row->seed, (int)m->row->width,
        (int)m->row->height);
    fc_buf_printf(out, "Model: %s, Version: Fooocus in C %s", json_string_value(model), FC_VERSION);
    json_decref(model);
}

/* The text that stands in the picture's file, or that would. */
static json_t *info_text(fc_server *s, const made *m)
{
    json_t *record = NULL;
    fc_buf file, text;
    fc_buf_init(&file, MAX_FILE);
    fc_buf_init(&text, MAX_INFO);
    bool found = fc_picture_bytes(s, m->row, &file, NULL) == FC_OK &&
                 fc_metadata_read(file.data, file.len, &record, &text, NULL) == FC_OK;
    if (!found || strcmp(fc_metadata_kind(fc_buf_cstr(&text)), "a1111") != 0) {
        fc_buf_reset(&text);
        if (found)
            fc_metadata_write(record, "a1111", &text);
        else
            describe(m, &text);
    }
    json_t *value = fc_json_text(fc_buf_cstr(&text));
    json_decref(record);
    fc_buf_fini(&file);
    fc_buf_fini(&text);
    return value;
}

static void job_timestamp(int64_t millis, char out[20])
{
    time_t seconds = (time_t)(millis / 1000);
    struct tm t;
    localtime_r(&seconds, &t);
    strftime(out, 20, "%Y%m%d%H%M%S", &t);
}

/* ---- "info" ---- */

static void add_lists(fc_http *h, const made *pictures, int32_t count, json_t *info)
{
    json_t *seeds = json_array(), *subseeds = json_array(), *texts = json_array(), *prompts = json_array(),
           *negatives = json_array();
    for (int32_t i = 0; i < count; i++) {
        json_array_append_new(seeds, json_integer((json_int_t)pictures[i].row->seed));
        json_array_append_new(subseeds, json_integer(0));
        json_array_append_new(texts, info_text(h->server, &pictures[i]));
        json_array_append_new(prompts, fc_json_text(pictures[i].row->prompt));
        json_array_append_new(negatives, fc_json_text(pictures[i].row->negative_prompt));
    }
    json_object_set_new(info, "all_prompts", prompts);
    json_object_set_new(info, "all_negative_prompts", negatives);
    json_object_set_new(info, "all_seeds", seeds);
    json_object_set_new(info, "all_subseeds", subseeds);
    json_object_set_new(info, "infotexts", texts);
}

static json_t *describe_first(const made *m)
{
    const fc_picture_row *row = m->row;
    const json_t *styles = json_object_get(m->parameters, "styles");
    return json_pack(
        "{s:o, s:I, s:i, s:i, s:o, s:s, s:f, s:i, s:o, s:o, s:o, s:i, s:f}", "negative_prompt",
        fc_json_text(row->negative_prompt), "seed", (json_int_t)row->seed, "width", row->width, "height",
        row->height, "sd_model_name", model_name(row), "sampler_name",
        fc_sampler_shown(text_in(m, "sampler", "euler")), "cfg_scale", number_in(m, "cfg", 7), "steps",
        (int)number_in(m, "steps", 20), "sd_vae_name", fc_json_text(text_in(m, "vae", "Automatic")), "styles",
        styles ? json_deep_copy(styles) : json_array(), "extra_generation_params",
        json_pack("{s:s}", "Schedule type", fc_a1111_scheduler_label(text_in(m, "scheduler", "normal"))),
        "clip_skip", (int)number_in(m, "clip_skip", 2), "denoising_strength", number_in(m, "strength", 0));
}

static void add_constants(json_t *info)
{
    json_t *rest =
        json_pack("{s:i, s:i, s:b, s:n, s:n, s:n, s:i, s:i, s:i, s:b, s:s}", "subseed", 0, "subseed_strength",
                  0, "restore_faces", 0, "face_restoration_model", "sd_model_hash", "sd_vae_hash",
                  "seed_resize_from_w", -1, "seed_resize_from_h", -1, "index_of_first_image", 0,
                  "is_using_inpainting_conditioning", 0, "version", "Fooocus in C " FC_VERSION);
    json_object_update_missing(info, rest);
    json_decref(rest);
}

/* The string "info": JSON inside JSON, as clients expect it. */
static json_t *info_string(fc_http *h, const fc_job_row *job, const made *pictures, int32_t count,
                           json_int_t batch)
{
    char when[20];
    json_t *info = count ? describe_first(&pictures[0])
                         : json_pack("{s:s, s:i, s:i, s:i, s:s}", "negative_prompt", "", "seed", -1, "width",
                                     0, "height", 0, "sd_model_name", "");
    job_timestamp(job->created, when);
    json_object_set_new(info, "prompt", fc_json_text(job->prompt));
    json_object_set_new(info, "batch_size", json_integer(batch));
    json_object_set_new(info, "job_timestamp", json_string(when));
    json_object_set_new(info, "warnings", h->warnings ? json_incref(h->warnings) : json_array());
    add_lists(h, pictures, count, info);
    add_constants(info);
    fc_buf text;
    fc_buf_init(&text, MAX_INFO);
    fc_json_write(info, JSON_COMPACT, &text);
    json_decref(info);
    json_t *value = json_string(fc_buf_cstr(&text));
    fc_buf_fini(&text);
    return value;
}

/* ---- the answer ---- */

static fc_status add_files(fc_http *h, const made *pictures, int32_t count, json_t *images, fc_err *err)
{
    fc_status status = FC_OK;
    for (int32_t i = 0; i < count && status == FC_OK; i++) {
        fc_buf file;
        fc_buf_init(&file, MAX_FILE);
        status = fc_picture_bytes(h->server, pictures[i].row, &file, err);
        if (status == FC_OK) json_array_append_new(images, fc_base64_json("", file.data, file.len));
        fc_buf_fini(&file);
    }
    return status;
}

static fc_status read_pictures(fc_http *h, const fc_job_row *job, made **pictures, int32_t *count,
                               fc_err *err)
{
    fc_picture_row *rows;
    fc_status status = fc_job_pictures(h, job->id, &rows, count, err);
    if (status != FC_OK) return status;
    *pictures = fc_arena_array(&h->arena, (size_t)*count, sizeof **pictures);
    if (*count && !*pictures) return fc_fail(err, FC_NOMEM, "out of memory");
    for (int32_t i = 0; i < *count; i++)
        (*pictures)[i] = (made){&rows[i], json_loads(job->parameters, 0, NULL)};
    return FC_OK;
}

/* The request as it came, without the pictures in it. */
static json_t *echo(fc_http *h)
{
    const json_t *body = fc_compat_body(h, NULL);
    json_t *copy = body ? json_copy((json_t *)(uintptr_t)body) : json_object(); /* members are shared */
    static const char *const pictures[] = {"init_images", "mask"};
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++)
        if (json_object_get(copy, pictures[i])) json_object_set_new(copy, pictures[i], json_null());
    return copy;
}

void fc_a1111_answer(fc_http *h, const fc_job_row *job)
{
    fc_err err = {0};
    made *pictures = NULL;
    int32_t count = 0;
    json_t *images = json_array(), *body = echo(h);
    const json_t *batch = json_object_get(body, "batch_size");
    bool send = !json_is_false(json_object_get(body, "send_images"));
    fc_status status = read_pictures(h, job, &pictures, &count, &err);
    if (status != FC_OK) goto out;
    if (send) status = add_files(h, pictures, count, images, &err);
    if (status != FC_OK) goto out;
    if (job->state == FC_JOB_FAILED) status = fc_fail(&err, job->error, "%s", job->error_text);
    if (status != FC_OK) goto out;
    if (job->state == FC_JOB_CANCELLED && count == 0)
        status = fc_fail(&err, FC_CANCELLED, "the job was cancelled before there was a picture");
out:
    if (status == FC_OK)
        fc_http_json(h, 200,
                     json_pack("{s:O, s:O, s:o}", "images", images, "parameters", body, "info",
                               info_string(h, job, pictures, count, batch ? json_integer_value(batch) : 1)));
    else
        fc_a1111_error(h, 0, &err);
    for (int32_t i = 0; i < count; i++) json_decref(pictures[i].parameters);
    json_decref(images);
    json_decref(body);
}
