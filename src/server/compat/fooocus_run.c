/* Runs a job for a client of Fooocus-API, and answers as that server does. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/queue/trash.h"
#include "base/file.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/compat/fooocus.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { MAX_FILE = 512 << 20 };

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

/* That API has no place for warnings; a member that clients do not know is passed over. */
static void add_warnings(const fc_http *h, json_t *object)
{
    if (h->warnings) json_object_set(object, "warnings", h->warnings);
}

static json_t *results_of(fc_http *h, const fc_job_row *job, bool base64)
{
    fc_picture_row *rows;
    size_t i;
    json_t *result, *list = json_array();
    int32_t count = 0;
    if (fc_job_pictures(h, job->id, &rows, &count, NULL) == FC_OK)
        for (int32_t k = 0; k < count; k++) json_array_append_new(list, one_result(h, &rows[k], base64));
    if (job->state == FC_JOB_CANCELLED) json_array_append_new(list, empty_result("USER_CANCEL"));
    if (job->state == FC_JOB_FAILED) json_array_append_new(list, empty_result("ERROR"));
    json_array_foreach(list, i, result) add_warnings(h, result);
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
void fc_fooocus_refuse(fc_http *h, unsigned http, const fc_err *err)
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
    bool guided = json_object_get(p, "image_prompts") || json_object_get(p, "faces") ||
                  json_object_get(p, "canny") || json_object_get(p, "cpds");
    json_decref(p);
    if (!picture) return guided ? "Image Prompt" : "Text to Image";
    return whole ? "Image Upscale or Variation" : "Image Inpaint or Outpaint";
}

json_t *fc_fooocus_async_job(fc_http *h, const fc_job_row *job, bool preview)
{
    fc_job_progress p = {0};
    json_t *image = json_null(), *results = json_null();
    fc_job_warn(h, job);
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
    json_t *answer =
        json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "job_id", job->id, "job_type", type_of(job),
                  "job_stage", stage_of(job->state), "job_progress", over ? 100 : (int)(100 * p.fraction),
                  "job_status", over ? json_string("Finished") : fc_json_text(p.phase), "job_step_preview",
                  image, "job_result", results);
    add_warnings(h, answer);
    return answer;
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
        fc_fooocus_refuse(h, http, err);
    } else if (fc_library_job_get(h->server->library, s->id, &h->arena, &job, &lost) == FC_OK) {
        fc_http_json(h, 200, fc_fooocus_async_job(h, &job, false));
    } else {
        fc_http_fail(h, &lost);
    }
}

static void start_async(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err))
{
    fc_err err = {0};
    unsigned http = 0;
    fc_submission s = {.preview = true, .owner = fc_owner_name(h)};
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
    bool png = fc_fooocus_wants_png(h);
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
        fc_fooocus_refuse(h, http == 429 ? 409 : http, &err);
}
