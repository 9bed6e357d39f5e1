#include "app/queue/job_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/settings/params.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- texts ---- */

static json_t *repaired(const char *text, size_t size)
{
    fc_buf out;
    fc_buf_init(&out, 3 * size + 1);
    for (size_t i = 0; i < size;) {
        uint32_t code_point;
        char utf8[4];
        i += fc_utf8_decode(text + i, size - i, &code_point);
        fc_buf_append(&out, utf8, fc_utf8_encode(code_point, utf8));
    }
    json_t *value = json_stringn(fc_buf_cstr(&out), out.len);
    fc_buf_fini(&out);
    return value;
}

json_t *fc_json_text(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : repaired(text, strlen(text));
}

json_t *fc_json_text_cut(const char *text, size_t max)
{
    size_t size = strlen(text);
    if (size <= max) return fc_json_text(text);
    while (max > 0 && (text[max] & 0xc0) == 0x80) max--;
    fc_buf cut;
    fc_buf_init(&cut, max + 4);
    fc_buf_append(&cut, text, max);
    fc_buf_puts(&cut, "\xe2\x80\xa6");
    json_t *value = fc_json_text(fc_buf_cstr(&cut));
    fc_buf_fini(&cut);
    return value;
}

static json_t *text_of(const char *text, fc_json_detail detail)
{
    return detail == FC_JSON_FULL ? fc_json_text(text) : fc_json_text_cut(text, FC_JSON_SHORT_TEXT);
}

/* JSON that we wrote into the library ourselves. */
static json_t *stored(const char *text, json_t *(*otherwise)(void))
{
    json_t *value = json_loads(text, 0, NULL);
    return value ? value : otherwise();
}

static json_t *moment(int64_t millis)
{
    return millis ? json_integer(millis) : json_null();
}

json_t *fc_given_to_json(const fc_request *request, const fc_params *params)
{
    json_t *all = fc_params_to_json(params);
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        if (!fc_request_is_set(request, (fc_param_id)i) || (p->marks & FC_MARK_PRIVATE))
            json_object_del(all, p->name);
    }
    return all;
}

/* ---- problems ---- */

/* The field that a message names first: "steps: want ...", "model: there is no file ...". */
static const char *field_of(const char *message, char *name, size_t size)
{
    size_t n = strspn(message, "abcdefghijklmnopqrstuvwxyz_-0123456789");
    if (n == 0 || n >= size || message[n] != ':') return NULL;
    memcpy(name, message, n);
    name[n] = '\0';
    const fc_param *p = fc_param_find(name);
    if (p) return p->name;
    const fc_composite *c = fc_composite_find(name);
    return c ? c->name : NULL;
}

json_t *fc_problem_to_json(fc_status status, int http, const char *message, const char *field)
{
    char name[64];
    if (!field) field = field_of(message, name, sizeof name);
    json_t *problem =
        json_pack("{s:s, s:s, s:i, s:o}", "type", "about:blank", "title", fc_status_text(status), "status",
                  http ? http : fc_status_http(status), "detail", fc_json_text(message));
    if (field) json_object_set_new(problem, "field", fc_json_text(field));
    return problem;
}

/* ---- jobs ---- */

json_t *fc_job_to_json(const fc_job_row *job, int32_t position, fc_json_detail detail)
{
    json_t *out = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:o, s:o}", "id", job->id, "state",
        fc_job_state_name(job->state), "position", position >= 0 ? json_integer(position) : json_null(),
        "created", moment(job->created), "started", moment(job->started), "finished", moment(job->finished),
        "count", job->images, "finished_count", job->next_image, "prompt", text_of(job->prompt, detail),
        "error",
        job->state == FC_JOB_FAILED ? fc_problem_to_json(job->error, 0, job->error_text, NULL) : json_null(),
        "warnings", stored(job->warnings, json_array));
    if (detail == FC_JSON_FULL) json_object_set_new(out, "parameters", stored(job->parameters, json_object));
    return out;
}

json_t *fc_progress_to_json(const fc_job_progress *p)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:f, s:o, s:o, s:o, s:b, s:b}", "image", p->image, "images",
                     p->images, "step", p->step, "steps", p->steps, "fraction", p->fraction, "seconds_left",
                     p->seconds_left < 0 ? json_null() : json_real(p->seconds_left), "phase",
                     fc_json_text(p->phase), "preview",
                     p->preview ? json_integer((json_int_t)p->preview) : json_null(), "skipping", p->skipped,
                     "stopping", p->stopping);
}

/* ---- pictures ---- */

json_t *fc_picture_to_json(const fc_picture_row *p, fc_json_detail detail)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, p->seed);
    json_t *out = json_pack(
        "{s:I, s:o, s:i, s:s, s:i, s:i, s:I, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:o}", "id",
        (json_int_t)p->id, "job", p->job ? json_string(p->job) : json_null(), "index", p->index, "seed", seed,
        "width", p->width, "height", p->height, "bytes", (json_int_t)p->bytes, "created",
        (json_int_t)p->created, "deleted", moment(p->deleted), "format", p->format, "prompt",
        text_of(p->prompt, detail), "negative_prompt", text_of(p->negative_prompt, detail), "model",
        text_of(p->model, detail), "styles", stored(p->styles, json_array), "favourite", p->favourite, "name",
        fc_json_text(fc_path_basename(p->path)));
    if (detail == FC_JSON_FULL) json_object_set_new(out, "parameters", stored(p->parameters, json_object));
    return out;
}
