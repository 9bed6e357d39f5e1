/* What clients of Fooocus-API speak: /v1/generation/text-to-image and its companions. */
#include <string.h>
#include "app/common/json_text.h"
#include "app/common/ulid.h"
#include "app/models/files.h"
#include "app/prompt/styles.h"
#include "app/queue/trash.h"
#include "base/file.h"
#include "server/api/api.h"
#include "server/compat/fooocus.h"
#include "server/server_impl.h"

enum { MAX_HISTORY = 200 };

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
    else if (strcmp(h->captures[0], "image-prompt") == 0 ||
             strcmp(h->captures[0], "text-to-image-with-ip") == 0)
        fc_fooocus_image_prompt(h);
    else
        fc_fooocus_unsupported(h);
}

void fc_fooocus_unsupported(fc_http *h)
{
    fc_http_problem_as(h, 501, FC_UNSUPPORTED, "enhancing and describing are not offered", NULL);
}

void fc_fooocus_query_job(fc_http *h)
{
    fc_job_row job;
    const char *id = fc_http_query(h, "job_id");
    if (id && fc_ulid_valid(id) &&
        fc_library_job_get(h->server->library, id, &h->arena, &job, NULL) == FC_OK) {
        fc_http_json(h, 200, fc_fooocus_async_job(h, &job, fc_http_query_flag(h, "require_step_preview")));
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
            fc_fooocus_refuse(h, 0, &err);
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

static json_t *names_of(const fc_model_folder *folder)
{
    json_t *list = json_array();
    for (size_t i = 0; i < folder->names.count; i++)
        json_array_append_new(list, fc_json_text(folder->names.items[i]));
    return list;
}

static json_t *all_models(fc_http *h, fc_err *err)
{
    fc_model_folder models, loras;
    if (fc_server_checkpoints(h, &models, err) != FC_OK) return NULL;
    if (fc_model_folder_open(fc_http_settings(h), "loras", &h->arena, &loras, err) != FC_OK) return NULL;
    return json_pack("{s:o, s:o}", "model_filenames", names_of(&models), "lora_filenames", names_of(&loras));
}

void fc_fooocus_all_models(fc_http *h)
{
    fc_err err = {0};
    json_t *all = all_models(h, &err);
    if (all)
        fc_http_json(h, 200, all);
    else
        fc_http_fail(h, &err);
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
