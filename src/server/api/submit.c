/* From a request of any API to a job in the queue, and waiting until it is over. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/plan/plan.h"
#include "app/queue/history.h"
#include "app/queue/trash.h"
#include "app/settings/request.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/random.h"
#include "server/api/api.h"
#include "server/server_impl.h"

enum { SUBMIT_MEMORY = 8 << 20, MAX_PICTURE_FILE = 512 << 20, MAX_JOB_PICTURES = 500 };

/* ---- submit ---- */

static fc_status read_request(const json_t *parameters, fc_request *request, fc_err *err)
{
    fc_buf text;
    fc_buf_init(&text, 2 * FC_BODY_JSON);
    fc_json_write(parameters, JSON_COMPACT, &text);
    fc_status status = text.status == FC_OK
                           ? fc_request_set_json_from(request, text.data, text.len, FC_ORIGIN_NETWORK, err)
                           : fc_fail(err, text.status, "the request is too large");
    fc_buf_fini(&text);
    return status;
}

/* The first member that is no field of a request; NULL: all are. */
static const char *unknown_field(const json_t *parameters)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)parameters, name, value)
    {
        if (!fc_param_find(name) && !fc_composite_find(name)) return name;
    }
    return NULL;
}

static fc_status check_size(const fc_server *s, const fc_params *params, fc_err *err)
{
    if ((int64_t)params->width * params->height <= s->config.max_pixels) return FC_OK;
    return fc_fail(err, FC_ARG, "width: %d x %d are more than the %lld pixels that this server allows",
                   (int)params->width, (int)params->height, (long long)s->config.max_pixels);
}

/* The seed is drawn now, so that a job that is interrupted goes on with the same pictures. */
static fc_status draw_seed(fc_request *request, fc_params *params, fc_err *err)
{
    uint64_t random;
    char text[24];
    if (params->seed >= 0) return FC_OK;
    fc_status status = fc_random_bytes(&random, sizeof random, err);
    if (status != FC_OK) return status;
    params->seed = (int64_t)fc_plan_draw_seed(fc_recipe_from_name(params->recipe), random);
    snprintf(text, sizeof text, "%lld", (long long)params->seed);
    return fc_request_set(request, "seed", text, err);
}

static fc_status enqueue(fc_server *s, const fc_request *request, const fc_params *params, fc_submission *out,
                         unsigned *http, fc_err *err)
{
    fc_buf text;
    fc_arena arena;
    fc_lines needs;
    json_t *given = fc_request_to_json(request, params);
    fc_buf_init(&text, 2 * FC_BODY_JSON);
    fc_arena_init(&arena, SUBMIT_MEMORY);
    fc_lines_init(&needs, &arena);
    if (given) fc_json_write(given, JSON_COMPACT, &text);
    json_decref(given);
    fc_status status = text.status != FC_OK || !given ? fc_fail(err, FC_NOMEM, "out of memory") : FC_OK;
    if (status != FC_OK) goto out;
    if (s->engine) status = fc_engine_job_check(s, text.data, err);
    if (status != FC_OK) goto out;
    if (s->fleet.url && (status = fc_server_needs(s, params, &needs, err)) != FC_OK) goto out;
    const fc_job_request job = {.parameters = text.data,
                                .prompt = params->prompt,
                                .key = out->key,
                                .fingerprint = out->fingerprint,
                                .images = params->count,
                                .preview = out->preview,
                                .owner = out->owner,
                                .needs = needs.items,
                                .need_count = needs.count};
    status = fc_jobs_submit(s->jobs, &job, out->id, &out->existed, err);
    if (status == FC_LIMIT) *http = 429;
out:
    fc_arena_fini(&arena);
    fc_buf_fini(&text);
    return status;
}

fc_status fc_submit(fc_server *s, const json_t *parameters, fc_submission *out, unsigned *http, fc_err *err)
{
    fc_arena arena;
    fc_params params;
    *http = 0;
    fc_request *request = fc_request_new();
    if (!request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_arena_init(&arena, SUBMIT_MEMORY);
    fc_status status = read_request(parameters, request, err);
    if (status != FC_OK) out->field = unknown_field(parameters);
    if (status != FC_OK) goto out;
    status = fc_history_keep_all(s->library, s->outputs, s->home, request, err);
    if (status != FC_OK) goto out;
    status = fc_server_fill(s, request, err);
    if (status != FC_OK) goto out;
    status = fc_request_resolve(request, &arena, &params, err);
    if (status != FC_OK) goto out;
    status = check_size(s, &params, err);
    if (status != FC_OK) goto out;
    status = draw_seed(request, &params, err);
    if (status != FC_OK) goto out;
    status = enqueue(s, request, &params, out, http, err);
out:
    fc_arena_fini(&arena);
    fc_request_free(request);
    return status;
}

/* ---- waiting for a job ---- */

typedef enum wait_result { WAIT_MORE, WAIT_OVER, WAIT_GONE } wait_result;
/* MORE: the answer is to wait. OVER: *job is filled. GONE: the client has hung up, so the job, which it alone
 * waited for, is cancelled; or the server ends. An answer is set. */
static wait_result wait_job(fc_http *h, const char *id, fc_job_row *job)
{
    fc_err err = {0};
    if (fc_jobs_is_active(h->server->jobs, id)) {
        if (fc_http_peer_gone(h)) {
            fc_http_problem_as(h, 499, FC_CANCELLED, "the client has hung up", NULL);
            return WAIT_GONE;
        }
        fc_http_wait(h);
        return WAIT_MORE;
    }
    if (fc_library_job_get(h->server->library, id, &h->arena, job, &err) == FC_OK) return WAIT_OVER;
    fc_http_fail(h, &err);
    return WAIT_GONE;
}

/* Nobody else waits for this job. The library may close a connection whose client has gone without asking us
 * again. */
static void cancel_own(fc_http *h)
{
    fc_err err = {0};
    (void)!fc_jobs_cancel(h->server->jobs, h->state, &err); /* over meanwhile: fine */
}

void fc_job_warn(fc_http *h, const fc_job_row *job)
{
    size_t i;
    json_t *text, *list = json_loads(job->warnings, 0, NULL);
    json_array_foreach(list, i, text) fc_http_warn(h, "%s", json_string_value(text));
    json_decref(list);
}

fc_run_result fc_run_job(fc_http *h, json_t *(*make)(fc_http *h, fc_err *err), fc_job_row *job,
                         unsigned *http, fc_err *err)
{
    *http = 0;
    if (!h->state) {
        fc_submission s = {.preview = true, .owner = fc_owner_name(h)};
        json_t *parameters = make(h, err);
        if (!parameters) return FC_RUN_FAILED;
        fc_status status = fc_submit(h->server, parameters, &s, http, err);
        json_decref(parameters);
        if (status != FC_OK) return FC_RUN_FAILED;
        fc_owner_note(h, s.id);
        h->state = fc_arena_strdup(&h->arena, s.id);
        if (!h->state) {
            fc_fail(err, FC_NOMEM, "out of memory");
            return FC_RUN_FAILED;
        }
    }
    h->on_gone = NULL;
    switch (wait_job(h, h->state, job)) {
    case WAIT_MORE:
        h->on_gone = cancel_own;
        return FC_RUN_WAITS;
    case WAIT_OVER:
        fc_job_warn(h, job);
        return FC_RUN_OVER;
    default:
        if (!fc_wait_closing(h->server)) cancel_own(h);
        return FC_RUN_GONE;
    }
}

/* ---- pictures of a job ---- */

fc_status fc_job_pictures(fc_http *h, const char *id, fc_picture_row **rows, int32_t *count, fc_err *err)
{
    *count = 0;
    *rows = fc_arena_array(&h->arena, MAX_JOB_PICTURES, sizeof **rows);
    if (!*rows) return fc_fail(err, FC_NOMEM, "out of memory");
    const fc_picture_filter filter = {.job = id, .limit = MAX_JOB_PICTURES};
    return fc_library_pictures(h->server->library, &filter, &h->arena, *rows, count, err);
}

fc_status fc_picture_bytes(fc_server *s, const fc_picture_row *p, fc_buf *out, fc_err *err)
{
    char path[FC_PATH_SIZE];
    fc_status status = fc_picture_path(s->outputs, p, path, sizeof path, err);
    return status == FC_OK ? fc_file_read(path, out, err) : status;
}

/* Signed when a login would be needed: who may ask for pictures may also show them. */
static const char *whole_url(fc_http *h, const char *path, const char *encoded)
{
    char signature[33];
    if (!path || !encoded) return "";
    if (h->server->auth) fc_auth_sign(h->server->auth, path, signature);
    const char *url = fc_arena_printf(&h->arena, "%s%s%s%s", fc_http_base_url(h), encoded,
                                      h->server->auth ? "?key=" : "", h->server->auth ? signature : "");
    return url ? url : "";
}

const char *fc_picture_url(fc_http *h, const fc_picture_row *p)
{
    const char *path = fc_arena_printf(&h->arena, "/api/v1/pictures/%lld/file", (long long)p->id);
    return whole_url(h, path, path);
}

const char *fc_picture_files_url(fc_http *h, const fc_picture_row *p)
{
    fc_buf encoded;
    fc_buf_init(&encoded, 4 * FC_PATH_SIZE);
    fc_buf_puts(&encoded, "/files/");
    for (const char *c = p->path; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                     strchr("/._-", *c);
        fc_buf_printf(&encoded, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    const char *path = fc_arena_printf(&h->arena, "/files/%s", p->path);
    const char *url = whole_url(h, path, fc_arena_strdup(&h->arena, fc_buf_cstr(&encoded)));
    fc_buf_fini(&encoded);
    return url;
}

json_t *fc_base64_json(const char *prefix, const void *data, size_t size)
{
    fc_buf out;
    if (size > MAX_PICTURE_FILE) return NULL;
    fc_buf_init(&out, (size_t)MAX_PICTURE_FILE * 2);
    fc_buf_puts(&out, prefix);
    fc_base64_encode(data, size, &out);
    json_t *value = out.status == FC_OK ? json_stringn_nocheck(fc_buf_cstr(&out), out.len) : NULL;
    fc_buf_fini(&out);
    return value;
}
