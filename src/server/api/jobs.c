/* /api/v1/jobs */
#include <stdio.h>
#include <string.h>
#include "app/common/ulid.h"
#include "app/queue/job_json.h"
#include "base/sha256.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/server_impl.h"

enum { MAX_LIST = 200, DEFAULT_LIST = 50 };

static bool check_id(fc_http *h)
{
    if (fc_ulid_valid(h->captures[0])) return true;
    fc_http_problem(h, FC_NOT_FOUND, "there is no job of this id");
    return false;
}

static json_t *pictures_of(fc_http *h, const char *id)
{
    fc_picture_row *rows;
    int32_t count;
    json_t *list = json_array();
    if (fc_job_pictures(h, id, &rows, &count, NULL) != FC_OK) return list;
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(list, fc_picture_to_json(&rows[i], FC_JSON_SHORT));
    return list;
}

static json_t *whole_job(fc_http *h, const fc_job_row *row, fc_json_detail detail)
{
    fc_job_progress progress;
    bool waits = row->state == FC_JOB_QUEUED;
    bool runs = row->state == FC_JOB_RUNNING && fc_jobs_progress(h->server->jobs, row->id, &progress);
    json_t *job = fc_job_to_json(row, waits ? fc_jobs_position(h->server->jobs, row->id) : -1, detail);
    json_object_set_new(job, "images", row->next_image > 0 ? pictures_of(h, row->id) : json_array());
    json_object_set_new(job, "progress", runs ? fc_progress_to_json(&progress) : json_null());
    return job;
}

static void answer_job(fc_http *h, unsigned status, const char *id)
{
    fc_job_row row;
    fc_err err = {0};
    if (fc_library_job_get(h->server->library, id, &h->arena, &row, &err) != FC_OK)
        fc_http_fail(h, &err);
    else
        fc_http_json(h, status, whole_job(h, &row, FC_JSON_FULL));
}

/* ---- submit ---- */

/* Only members that are known, so that a wrong spelling is told. */
static bool check_members(fc_http *h, json_t *body)
{
    const char *name;
    json_t *value;
    json_object_foreach(body, name, value)
    {
        char message[160];
        if (strcmp(name, "parameters") == 0 && json_is_object(value)) continue;
        if (strcmp(name, "preview") == 0 && json_is_boolean(value)) continue;
        bool known = strcmp(name, "parameters") == 0 || strcmp(name, "preview") == 0;
        snprintf(message, sizeof message, known ? "%.60s: wrong type" : "there is no member '%.60s'", name);
        fc_http_problem_as(h, 0, FC_ARG, message, name);
        return false;
    }
    if (json_object_get(body, "parameters")) return true;
    fc_http_problem_as(h, 0, FC_ARG, "parameters: want an object", "parameters");
    return false;
}

static bool take_key(fc_http *h, fc_submission *s)
{
    s->key = fc_http_header(h, "Idempotency-Key");
    if (!s->key) return true;
    size_t n = strlen(s->key);
    if (n > 0 && n <= FC_JOB_KEY_MAX && fc_utf8_valid(s->key, n)) return true;
    fc_http_problem_as(h, 0, FC_ARG, "the Idempotency-Key must have 1 to 255 bytes", "Idempotency-Key");
    return false;
}

void fc_api_jobs_submit(fc_http *h)
{
    fc_err err = {0};
    fc_sha256 hash;
    unsigned http = 0;
    fc_submission s = {0};
    json_t *body = fc_http_body_json(h, false);
    if (!body || !check_members(h, body) || !take_key(h, &s)) {
        json_decref(body);
        return;
    }
    json_t *preview = json_object_get(body, "preview");
    s.preview = !preview || json_is_true(preview);
    fc_status status = fc_sha256_bytes(h->body.data, h->body.len, &hash, &err);
    if (status != FC_OK) goto out;
    s.fingerprint = hash.hex;
    s.owner = fc_owner_name(h);
    status = fc_submit(h->server, json_object_get(body, "parameters"), &s, &http, &err);
out:
    if (status == FC_OK) {
        if (!s.existed) fc_owner_note(h, s.id);
        answer_job(h, s.existed ? 200 : 201, s.id);
        fc_http_add_header(h, "Location",
                           fc_arena_printf(&h->arena, "%s/api/v1/jobs/%s", h->peer.prefix, s.id));
    } else {
        fc_http_problem_as(h, http, status, err.message, s.field);
    }
    json_decref(body);
}

/* ---- lists ---- */

/* "queued,running" -> bits; false: the answer is set. */
static bool read_states(fc_http *h, unsigned *states)
{
    const char *text = fc_http_query(h, "state");
    *states = 0;
    while (text && *text) {
        char name[16];
        fc_job_state state;
        size_t n = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), text);
        if (!fc_job_state_from_name(name, &state)) {
            fc_http_problem_as(h, 0, FC_ARG, "state: want queued, running, done, failed or cancelled",
                               "state");
            return false;
        }
        *states |= 1u << state;
        text += n + (text[n] == ',');
    }
    return true;
}

void fc_api_jobs_list(fc_http *h)
{
    fc_err err = {0};
    int64_t limit;
    int32_t count;
    fc_job_filter filter = {.before = fc_http_query(h, "before")};
    if (!read_states(h, &filter.states) || !fc_http_query_int(h, "limit", 1, MAX_LIST, DEFAULT_LIST, &limit))
        return;
    filter.limit = (int32_t)limit + 1;
    uint64_t event =
        fc_events_last(h->server->events); /* before the rows: what changes meanwhile comes again */
    fc_job_row *rows = fc_arena_array(&h->arena, (size_t)filter.limit, sizeof *rows);
    fc_status status = rows ? fc_library_jobs(h->server->library, &filter, &h->arena, rows, &count, &err)
                            : fc_fail(&err, FC_NOMEM, "out of memory");
    if (status != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    json_t *list = json_array();
    for (int32_t i = 0; i < count && i < limit; i++)
        json_array_append_new(list, whole_job(h, &rows[i], FC_JSON_SHORT));
    fc_http_json(
        h, 200,
        json_pack("{s:o, s:b, s:I}", "jobs", list, "more", count > limit, "event", (json_int_t)event));
}

void fc_api_job_get(fc_http *h)
{
    if (check_id(h)) answer_job(h, 200, h->captures[0]);
}

/* ---- changes ---- */

void fc_api_job_cancel(fc_http *h)
{
    fc_err err = {0};
    if (!check_id(h)) return;
    json_t *body = fc_http_body_json(h, true);
    if (!body) return;
    const json_t *member = json_object_get(body, "what");
    const char *what = member ? json_string_value(member) : "job";
    bool image = what && strcmp(what, "image") == 0;
    if (!what || (!image && strcmp(what, "job") != 0)) {
        fc_http_problem_as(h, 0, FC_ARG, "what: want \"image\" or \"job\"", "what");
    } else {
        fc_status status = image ? fc_jobs_skip(h->server->jobs, h->captures[0], &err)
                                 : fc_jobs_cancel(h->server->jobs, h->captures[0], &err);
        if (status == FC_OK)
            answer_job(h, 200, h->captures[0]);
        else
            fc_http_fail(h, &err);
    }
    json_decref(body);
}

void fc_api_job_move(fc_http *h)
{
    fc_err err = {0};
    if (!check_id(h)) return;
    json_t *body = fc_http_body_json(h, false);
    if (!body) return;
    const json_t *position = json_object_get(body, "position");
    json_int_t value = json_integer_value(position);
    if (!json_is_integer(position) || value < 0 || value > 1000000)
        fc_http_problem_as(h, 0, FC_ARG, "position: want a whole number, 0 is next", "position");
    else if (fc_jobs_move(h->server->jobs, h->captures[0], (int32_t)value, &err) != FC_OK)
        fc_http_fail(h, &err);
    else
        answer_job(h, 200, h->captures[0]);
    json_decref(body);
}

void fc_api_job_delete(fc_http *h)
{
    fc_err err = {0};
    if (!check_id(h)) return;
    if (fc_jobs_delete(h->server->jobs, h->captures[0], &err) == FC_OK)
        fc_http_empty(h, 204);
    else
        fc_http_fail(h, &err);
}

void fc_api_job_preview(fc_http *h)
{
    fc_buf jpeg;
    char etag[40];
    if (!check_id(h)) return;
    fc_buf_init(&jpeg, 8 << 20);
    fc_jobs_watch(h->server->jobs, 0);
    uint64_t number = fc_jobs_preview(h->server->jobs, h->captures[0], &jpeg);
    snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)number);
    if (number == 0 || jpeg.status != FC_OK)
        fc_http_empty(h, 204);
    else
        fc_http_bytes(h, fc_http_client_has(h, etag) ? 304 : 200, "image/jpeg", jpeg.data, jpeg.len);
    if (number) fc_http_add_header(h, "ETag", etag);
    fc_http_add_header(h, "Cache-Control", "no-cache");
    fc_buf_fini(&jpeg);
}
