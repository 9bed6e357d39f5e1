/* What clients of Fooocus-API speak: /v1/generation/text-to-image and its companions. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/common/ulid.h"
#include "app/models/files.h"
#include "app/prompt/styles.h"
#include "app/queue/trash.h"
#include "app/settings/resolutions.h"
#include "base/file.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/compat/fooocus.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { MAX_FILE = 512 << 20, MAX_PICTURES = 32, MAX_HISTORY = 200 };

/* ---- the request ---- */

typedef struct translation {
    fc_http *h;
    const json_t *body, *advanced;
    json_t *out; /* our parameters */
    fc_err *err;
} translation;

static void copy_members(translation *w)
{
    static const struct {
        const char *theirs, *ours;
        bool advanced;
    } pairs[] = {
        {"prompt", "prompt", false},
        {"negative_prompt", "negative_prompt", false},
        {"performance_selection", "performance", false},
        {"sharpness", "sharpness", false},
        {"guidance_scale", "cfg", false},
        {"refiner_switch", "refiner_switch", false},
        {"read_wildcards_in_order", "wildcards_in_order", false},
        {"adm_scaler_positive", "adm_positive", true},
        {"adm_scaler_negative", "adm_negative", true},
        {"adm_scaler_end", "adm_end", true},
        {"adaptive_cfg", "adaptive_cfg", true},
        {"clip_skip", "clip_skip", true},
        {"sampler_name", "sampler", true},
        {"scheduler_name", "scheduler", true},
        {"refiner_swap_method", "swap_method", true},
        {"disable_seed_increment", "same_seed", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const json_t *value = fc_json_member(pairs[i].advanced ? w->advanced : w->body, pairs[i].theirs);
        if (value) json_object_set(w->out, pairs[i].ours, (json_t *)(uintptr_t)value);
    }
}

/* Positive numbers overwrite; -1 means that nothing is overwritten. */
static void read_overwrites(translation *w)
{
    static const struct {
        const char *theirs, *ours;
    } pairs[] = {{"overwrite_step", "steps"},
                 {"overwrite_switch", "switch_step"},
                 {"overwrite_width", "width"},
                 {"overwrite_height", "height"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        json_int_t value = (json_int_t)json_number_value(fc_json_member(w->advanced, pairs[i].theirs));
        if (value > 0) json_object_set_new(w->out, pairs[i].ours, json_integer(value));
    }
}

static void read_size(translation *w)
{
    fc_resolution r;
    const json_t *ratio = fc_json_member(w->body, "aspect_ratios_selection");
    if (!ratio) return;
    if (!json_is_string(ratio) || fc_resolution_parse(json_string_value(ratio), &r, NULL, w->err) != FC_OK) {
        fc_fail(w->err, FC_ARG, "aspect_ratios_selection: want a size like 1152*896, multiples of 8");
        return;
    }
    json_object_set_new(w->out, "width", json_integer(r.width));
    json_object_set_new(w->out, "height", json_integer(r.height));
}

static bool wants_png(fc_http *h)
{
    const char *accept = fc_http_query(h, "accept");
    if (!accept) accept = fc_http_header(h, "Accept");
    return accept && strcmp(accept, "image/png") == 0;
}

static void read_numbers(translation *w)
{
    const json_t *count = fc_json_member(w->body, "image_number"),
                 *seed = fc_json_member(w->body, "image_seed");
    json_int_t n = count ? json_integer_value(count) : 1;
    if ((count && !json_is_integer(count)) || n < 1 || n > MAX_PICTURES)
        fc_fail(w->err, FC_ARG, "image_number: want a whole number from 1 to %d", MAX_PICTURES);
    json_object_set_new(w->out, "count", json_integer(wants_png(w->h) ? 1 : n));
    if (json_is_integer(seed) && json_integer_value(seed) >= 0)
        json_object_set(w->out, "seed", (json_t *)(uintptr_t)seed);
}

static bool is_named(const char *name)
{
    return name && *name && !fc_str_eq_nocase(name, "None");
}

/* Names that are not there fall back to the default: clients send the defaults of another installation. */
static bool is_installed(translation *w, const char *kind, const char *name)
{
    fc_model_folder folder;
    const char *path;
    if (!is_named(name)) return false;
    return fc_model_folder_open(fc_http_settings(w->h), kind, &w->h->arena, &folder, NULL) == FC_OK &&
           fc_model_folder_find(&folder, "model", name, &path, NULL) == FC_OK;
}

static void read_models(translation *w)
{
    static const struct {
        const char *theirs, *ours, *kind;
    } rows[] = {{"base_model_name", "model", "checkpoints"},
                {"refiner_model_name", "refiner", "checkpoints"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = json_string_value(fc_json_member(w->body, rows[i].theirs));
        if (is_installed(w, rows[i].kind, name))
            json_object_set_new(w->out, rows[i].ours, fc_json_text(name));
        else if (is_named(name))
            fc_http_warn(w->h, "%s: there is no file %.100s, the usual one is used", rows[i].theirs, name);
    }
    const char *vae = json_string_value(fc_json_member(w->advanced, "vae_name"));
    if (is_installed(w, "vae", vae)) json_object_set_new(w->out, "vae", fc_json_text(vae));
}

static void read_loras(translation *w)
{
    size_t i;
    json_t *row;
    const json_t *loras = fc_json_member(w->body, "loras");
    json_t *out = json_array();
    json_array_foreach(loras, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "model_name"));
        const json_t *weight = json_object_get(row, "weight");
        if (json_is_false(json_object_get(row, "enabled")) || !is_named(name)) continue;
        if (!is_installed(w, "loras", name)) {
            fc_http_warn(w->h, "loras: there is no file %.100s, it is left out", name);
            continue;
        }
        json_array_append_new(out, json_pack("{s:o, s:f}", "file", fc_json_text(name), "weight",
                                             json_is_number(weight) ? json_number_value(weight) : 1.0));
    }
    if (loras)
        json_object_set_new(w->out, "loras", out);
    else
        json_decref(out);
}

/* Unknown styles are dropped, as there. */
static void read_styles(translation *w)
{
    size_t i;
    json_t *name;
    fc_styles *styles;
    const json_t *wanted = fc_json_member(w->body, "style_selections");
    if (!json_is_array(wanted) ||
        fc_styles_open_home(w->h->server->home, (fc_warn){0}, &styles, w->err) != FC_OK)
        return;
    json_t *out = json_array();
    json_array_foreach(wanted, i, name)
    {
        const char *text = json_string_value(name);
        if (text && fc_styles_find(styles, text))
            json_array_append(out, name);
        else
            fc_http_warn(w->h, "style_selections: there is no style '%.60s', it is left out",
                         text ? text : "?");
    }
    fc_styles_close(styles);
    json_object_set_new(w->out, "styles", out);
}

static void read_output(translation *w)
{
    const char *extension = json_string_value(fc_json_member(w->body, "save_extension"));
    const char *scheme = json_string_value(fc_json_member(w->body, "meta_scheme"));
    const char *webhook = json_string_value(fc_json_member(w->body, "webhook_url"));
    if (extension)
        json_object_set_new(w->out, "format",
                            fc_json_text(strcmp(extension, "jpg") == 0 ? "jpeg" : extension));
    if (json_is_true(fc_json_member(w->body, "save_meta")))
        json_object_set_new(w->out, "metadata",
                            json_string(scheme && fc_str_starts(scheme, "a1") ? "a1111" : "fooocus"));
    const char *save_name = json_string_value(fc_json_member(w->body, "save_name"));
    if (save_name && *save_name)
        fc_http_warn(w->h, "save_name: not used here, the answer tells where the picture is");
    if (webhook && *webhook)
        fc_fail(w->err, FC_UNSUPPORTED, "webhook_url: not offered here, see GET /api/v1/events");
    if (json_is_true(fc_json_member(w->advanced, "freeu_enabled")))
        fc_fail(w->err, FC_UNSUPPORTED, "freeu_enabled: not offered here");
}

json_t *fc_fooocus_parameters(fc_http *h, fc_err *err)
{
    *err = (fc_err){0};
    const json_t *body = fc_compat_body(h, err);
    if (!body) return NULL;
    translation w = {h, body, fc_json_member(body, "advanced_params"), json_object(), err};
    json_object_set_new(w.out, "recipe", json_string("2.5")); /* that server is built on 2.5 */
    copy_members(&w);
    read_numbers(&w);
    read_size(&w);
    read_overwrites(&w);
    read_models(&w);
    read_loras(&w);
    read_styles(&w);
    read_output(&w);
    if (err->status == FC_OK) return w.out;
    json_decref(w.out);
    return NULL;
}

static bool flag_of(fc_http *h, const char *name)
{
    return json_is_true(json_object_get(fc_compat_body(h, NULL), name));
}

/* ---- results ---- */

static json_t *one_result(fc_http *h, const fc_picture_row *row, bool base64)
{
    char seed[24], prefix[40];
    json_t *encoded = json_null();
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)row->seed);
    if (base64) {
        fc_buf file;
        fc_buf_init(&file, MAX_FILE);
        snprintf(prefix, sizeof prefix, "data:image/%s;base64,", row->format);
        if (fc_picture_bytes(h->server, row, &file, NULL) == FC_OK)
            encoded = fc_base64_json(prefix, file.data, file.len);
        fc_buf_fini(&file);
    }
    return json_pack("{s:o, s:s, s:s, s:s}", "base64", encoded, "url", fc_picture_files_url(h, row), "seed",
                     seed, "finish_reason", "SUCCESS");
}

static json_t *empty_result(const char *reason)
{
    return json_pack("{s:n, s:n, s:s, s:s}", "base64", "url", "seed", "", "finish_reason", reason);
}

static json_t *results_of(fc_http *h, const fc_job_row *job, bool base64)
{
    fc_picture_row *rows;
    int32_t count = 0;
    json_t *list = json_array();
    if (fc_job_pictures(h, job->id, &rows, &count, NULL) == FC_OK)
        for (int32_t i = 0; i < count; i++) json_array_append_new(list, one_result(h, &rows[i], base64));
    if (job->state == FC_JOB_CANCELLED) json_array_append_new(list, empty_result("USER_CANCEL"));
    if (job->state == FC_JOB_FAILED) json_array_append_new(list, empty_result("ERROR"));
    return list;
}

static void answer_png(fc_http *h, const fc_job_row *job)
{
    fc_err err = {0};
    fc_picture_row *rows;
    int32_t count = 0;
    char path[FC_PATH_SIZE];
    fc_status status = fc_job_pictures(h, job->id, &rows, &count, &err);
    if (status == FC_OK && count == 0) {
        bool cancelled = job->state == FC_JOB_CANCELLED;
        fc_http_problem_as(h, cancelled ? 400 : 500, cancelled ? FC_CANCELLED : job->error,
                           cancelled ? "the job was cancelled" : job->error_text, NULL);
        return;
    }
    if (status != FC_OK) goto out;
    status = fc_picture_path(h->server->outputs, &rows[0], path, sizeof path, &err);
out:
    if (status != FC_OK || !fc_http_file(h, path, fc_picture_mime(&rows[0]), "no-store"))
        fc_http_problem(h, FC_NOT_FOUND, "the file of this picture is gone");
}

/* Messages name our fields. */
static const fc_alias names[] = {
    {"image_number", "count"},
    {"image_seed", "seed"},
    {"performance_selection", "performance"},
    {"guidance_scale", "cfg"},
    {"read_wildcards_in_order", "wildcards_in_order"},
    {"base_model_name", "model"},
    {"refiner_model_name", "refiner"},
    {"style_selections", "styles"},
    {"save_extension", "format"},
    {"aspect_ratios_selection", "width"},
    {"aspect_ratios_selection", "height"},
    {"advanced_params.adm_scaler_positive", "adm_positive"},
    {"advanced_params.adm_scaler_negative", "adm_negative"},
    {"advanced_params.adm_scaler_end", "adm_end"},
    {"advanced_params.sampler_name", "sampler"},
    {"advanced_params.scheduler_name", "scheduler"},
    {"advanced_params.overwrite_step", "steps"},
    {"advanced_params.overwrite_switch", "switch_step"},
};

/* A file that is not there is a fault of the request: its path exists. */
static void refuse(fc_http *h, unsigned http, const fc_err *err)
{
    fc_err theirs = *err;
    fc_alias_message(names, sizeof names / sizeof names[0], &theirs);
    size_t n = strcspn(theirs.message, ":");
    const char *field = strspn(theirs.message, "abcdefghijklmnopqrstuvwxyz_.") == n && theirs.message[n]
                            ? fc_arena_strndup(&h->arena, theirs.message, n)
                            : NULL;
    if (!http && (err->status == FC_NOT_FOUND || err->status == FC_ARG)) http = 422;
    fc_http_problem_as(h, http, theirs.status, theirs.message, field);
}

/* ---- asynchronous jobs ---- */

static const char *stage_of(fc_job_state state)
{
    static const char *const stages[] = {"WAITING", "RUNNING", "SUCCESS", "ERROR", "ERROR"};
    return stages[state];
}

static const char *type_of(const fc_job_row *job)
{
    json_t *p = json_loads(job->parameters, 0, NULL);
    bool picture = json_object_get(p, "image") != NULL;
    bool whole = json_object_get(p, "vary") || json_object_get(p, "upscale");
    json_decref(p);
    return !picture ? "Text to Image" : whole ? "Image Upscale or Variation" : "Image Inpaint or Outpaint";
}

static json_t *async_job(fc_http *h, const fc_job_row *job, bool preview)
{
    fc_job_progress p = {0};
    json_t *image = json_null(), *results = json_null();
    bool over = fc_job_state_is_final(job->state);
    bool runs = job->state == FC_JOB_RUNNING && fc_jobs_progress(h->server->jobs, job->id, &p);
    if (runs && preview) {
        fc_buf jpeg;
        fc_buf_init(&jpeg, 8 << 20);
        fc_jobs_watch(h->server->jobs, 0);
        if (fc_jobs_preview(h->server->jobs, job->id, &jpeg)) image = fc_base64_json("", jpeg.data, jpeg.len);
        fc_buf_fini(&jpeg);
    }
    if (over) results = results_of(h, job, false);
    return json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "job_id", job->id, "job_type", type_of(job),
                     "job_stage", stage_of(job->state), "job_progress", over ? 100 : (int)(100 * p.fraction),
                     "job_status", over ? json_string("Finished") : fc_json_text(p.phase), "job_step_preview",
                     image, "job_result", results);
}

static void answer_async(fc_http *h, unsigned http, const fc_err *err, const fc_submission *s)
{
    fc_job_row job;
    fc_err lost = {0};
    if (http == 429) {
        fc_http_json(h, 200,
                     json_pack("{s:s, s:s, s:s, s:i, s:o, s:n, s:[o]}", "job_id", "", "job_type",
                               "Text to Image", "job_stage", "ERROR", "job_progress", 0, "job_status",
                               fc_json_text(err->message), "job_step_preview", "job_result",
                               empty_result("QUEUE_IS_FULL")));
    } else if (err->status != FC_OK) {
        refuse(h, http, err);
    } else if (fc_library_job_get(h->server->library, s->id, &h->arena, &job, &lost) == FC_OK) {
        fc_http_json(h, 200, async_job(h, &job, false));
    } else {
        fc_http_fail(h, &lost);
    }
}

static void start_async(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err))
{
    fc_err err = {0};
    unsigned http = 0;
    fc_submission s = {.preview = true};
    json_t *parameters = make(h, &err);
    if (parameters) err.status = fc_submit(h->server, parameters, &s, &http, &err);
    json_decref(parameters);
    answer_async(h, http, &err, &s);
}

void fc_fooocus_run(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err))
{
    fc_job_row job;
    fc_err err = {0};
    unsigned http;
    bool png = wants_png(h);
    if (!png && flag_of(h, "async_process")) {
        start_async(h, make);
        return;
    }
    fc_run_result result = fc_run_job(h, make, &job, &http, &err);
    if (result == FC_RUN_OVER && png) answer_png(h, &job);
    if (result == FC_RUN_OVER && !png)
        fc_http_json(h, 200, results_of(h, &job, flag_of(h, "require_base64")));
    if (result != FC_RUN_FAILED) return;
    if (http == 429 && !png)
        fc_http_json(h, 200, json_pack("[o]", empty_result("QUEUE_IS_FULL")));
    else
        refuse(h, http == 429 ? 409 : http, &err);
}

void fc_fooocus_text_to_image(fc_http *h)
{
    fc_fooocus_run(h, fc_fooocus_parameters);
}

void fc_fooocus_v2(fc_http *h)
{
    if (strcmp(h->captures[0], "image-upscale-vary") == 0)
        fc_fooocus_vary(h);
    else if (strcmp(h->captures[0], "image-inpaint-outpaint") == 0)
        fc_fooocus_inpaint(h);
    else
        fc_fooocus_unsupported(h);
}

void fc_fooocus_unsupported(fc_http *h)
{
    fc_http_problem_as(h, 501, FC_UNSUPPORTED, "image prompts, enhancing and describing are not offered",
                       NULL);
}

void fc_fooocus_query_job(fc_http *h)
{
    fc_job_row job;
    const char *id = fc_http_query(h, "job_id");
    if (id && fc_ulid_valid(id) &&
        fc_library_job_get(h->server->library, id, &h->arena, &job, NULL) == FC_OK) {
        fc_http_json(h, 200, async_job(h, &job, fc_http_query_flag(h, "require_step_preview")));
        return;
    }
    fc_http_json(h, 404,
                 json_pack("{s:o, s:s, s:s, s:i, s:s, s:n, s:n}", "job_id", fc_json_text(id ? id : ""),
                           "job_type", "Not Found", "job_stage", "ERROR", "job_progress", 0, "job_status",
                           "Job not found", "job_step_preview", "job_result"));
}

/* ---- the queue and the past ---- */

void fc_fooocus_job_queue(fc_http *h)
{
    fc_err err = {0};
    fc_library_counts counts;
    fc_job_row last;
    int32_t found = 0;
    fc_jobs_state queue;
    const fc_job_filter newest = {.limit = 1};
    fc_status status = fc_library_count(h->server->library, &counts, &err);
    if (status != FC_OK) goto out;
    status = fc_library_jobs(h->server->library, &newest, &h->arena, &last, &found, &err);
out:
    if (status != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    fc_jobs_get_state(h->server->jobs, &queue);
    json_int_t over = counts.jobs[FC_JOB_DONE] + counts.jobs[FC_JOB_FAILED] + counts.jobs[FC_JOB_CANCELLED];
    fc_http_json(h, 200,
                 json_pack("{s:i, s:I, s:o}", "running_size", queue.waiting + (*queue.running ? 1 : 0),
                           "finished_size", over, "last_job_id", found ? json_string(last.id) : json_null()));
}

static json_t *history_item(const fc_job_row *job)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:b}", "job_id", job->id, "in_queue_mills",
                     (json_int_t)job->created, "start_mills", (json_int_t)job->started, "finish_mills",
                     (json_int_t)job->finished, "is_finished", fc_job_state_is_final(job->state));
}

/* Rows [page * size, (page + 1) * size) of the finished jobs, newest first. */
static json_t *history_page(fc_http *h, int64_t page, int64_t size)
{
    json_t *list = json_array();
    fc_job_row *rows = fc_arena_array(&h->arena, MAX_HISTORY, sizeof *rows);
    fc_job_filter filter = {.states = 1u << FC_JOB_DONE | 1u << FC_JOB_FAILED | 1u << FC_JOB_CANCELLED,
                            .limit = MAX_HISTORY};
    int64_t seen = 0;
    int32_t count = rows ? MAX_HISTORY : 0;
    while (count == MAX_HISTORY && seen < (page + 1) * size) {
        if (fc_library_jobs(h->server->library, &filter, &h->arena, rows, &count, NULL) != FC_OK) break;
        for (int32_t i = 0; i < count; i++, seen++)
            if (seen >= page * size && seen < (page + 1) * size)
                json_array_append_new(list, history_item(&rows[i]));
        if (count) filter.before = fc_arena_strdup(&h->arena, rows[count - 1].id);
    }
    return list;
}

static json_t *waiting_jobs(fc_http *h)
{
    int32_t count = 0;
    json_t *list = json_array();
    fc_job_row *rows = fc_arena_array(&h->arena, MAX_HISTORY, sizeof *rows);
    const fc_job_filter filter = {.states = 1u << FC_JOB_QUEUED | 1u << FC_JOB_RUNNING, .limit = MAX_HISTORY};
    if (rows && fc_library_jobs(h->server->library, &filter, &h->arena, rows, &count, NULL) == FC_OK)
        for (int32_t i = count; i-- > 0;)
            json_array_append_new(list, history_item(&rows[i])); /* oldest first */
    return list;
}

void fc_fooocus_job_history(fc_http *h)
{
    int64_t page, size;
    fc_job_row job;
    fc_err err = {0};
    const char *id = fc_http_query(h, "job_id");
    if (fc_http_query_flag(h, "delete") && (!id || !*id)) {
        fc_http_problem_as(h, 501, FC_UNSUPPORTED, "delete: name one job with job_id", "delete");
        return;
    }
    if (!fc_http_query_int(h, "page", 0, 1000, 0, &page) ||
        !fc_http_query_int(h, "page_size", 1, 100, 20, &size))
        return;
    json_t *queue = json_array(), *history = json_array();
    if (!id || !*id) {
        json_decref(queue);
        json_decref(history);
        queue = waiting_jobs(h);
        history = history_page(h, page, size);
    } else if (fc_library_job_get(h->server->library, id, &h->arena, &job, NULL) == FC_OK) {
        json_array_append_new(fc_job_state_is_final(job.state) ? history : queue, history_item(&job));
        if (fc_http_query_flag(h, "delete") && fc_jobs_delete(h->server->jobs, id, &err) != FC_OK) {
            json_decref(queue);
            json_decref(history);
            refuse(h, 0, &err);
            return;
        }
    }
    fc_http_json(h, 200, json_pack("{s:o, s:o}", "queue", queue, "history", history));
}

void fc_fooocus_stop(fc_http *h)
{
    char id[FC_JOB_ID_SIZE];
    fc_err err = {0};
    if (fc_owner_job(h, id)) (void)!fc_jobs_cancel(h->server->jobs, id, &err); /* over meanwhile: fine */
    fc_http_json(h, 200, json_pack("{s:s}", "msg", "success"));
}

/* ---- lists and files ---- */

static json_t *names_of(fc_http *h, const char *kind)
{
    fc_model_folder folder;
    json_t *list = json_array();
    if (fc_model_folder_open(fc_http_settings(h), kind, &h->arena, &folder, NULL) == FC_OK)
        for (size_t i = 0; i < folder.names.count; i++)
            json_array_append_new(list, fc_json_text(folder.names.items[i]));
    return list;
}

void fc_fooocus_all_models(fc_http *h)
{
    json_t *models = names_of(h, "checkpoints");
    if (h->server->config.model)
        json_array_insert_new(models, 0, fc_json_text(fc_path_basename(h->server->config.model)));
    fc_http_json(h, 200,
                 json_pack("{s:o, s:o}", "model_filenames", models, "lora_filenames", names_of(h, "loras")));
}

static json_t *style_name(const fc_style *style)
{
    return fc_json_text(style->name);
}

void fc_fooocus_styles(fc_http *h)
{
    fc_err err = {0};
    json_t *list = fc_styles_to_json(h, style_name, false, &err);
    if (list)
        fc_http_json(h, 200, list);
    else
        fc_http_fail(h, &err);
}

void fc_fooocus_clean_vram(fc_http *h)
{
    fc_http_json(h, 200, json_pack("{s:s}", "message", "ok"));
}

void fc_fooocus_ping(fc_http *h)
{
    fc_http_json(h, 200, json_string("pong"));
}

/* Only pictures of the history, found by their path there: what else lies in the folder is not served. */
void fc_fooocus_file(fc_http *h)
{
    fc_err err = {0};
    fc_picture_row row;
    char path[FC_PATH_SIZE];
    fc_status status = fc_library_picture_by_path(h->server->library, h->captures[0], &h->arena, &row, &err);
    if (status != FC_OK) goto out;
    if (row.deleted) status = fc_fail(&err, FC_NOT_FOUND, "this picture was deleted");
    if (status != FC_OK) goto out;
    status = fc_picture_path(h->server->outputs, &row, path, sizeof path, &err);
out:
    if (status != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    if (!fc_http_file(h, path, fc_picture_mime(&row), "private, max-age=31536000, immutable"))
        fc_http_problem(h, FC_NOT_FOUND, "the file of this picture is gone");
}
