/* See job_json.h. */
#include "app/queue/job_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/settings/params.h"
#include "app/settings/problem.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

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
