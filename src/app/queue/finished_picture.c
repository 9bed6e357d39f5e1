/* A finished picture of the engine -> a row of the library, a thumbnail, an event. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "app/common/json_text.h"
#include "app/output/record.h"
#include "app/output/thumbnail.h"
#include "app/queue/job_json.h"
#include "app/queue/jobs_impl.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

enum { MAX_PREVIEW = 4 << 20 };

static void ignore_warning(void *user, const char *text)
{
    (void)user;
    fc_log(FC_LOG_DEBUG, "settings of a picture: %s", text);
}

/* The request of the job with what the record of the picture knows better: the words after wildcards, the
 * seed, what a fast mode replaced. It makes the same picture again. */
static fc_status make_request(const char *parameters, const fc_event *e, fc_request *request, fc_err *err)
{
    char seed[24];
    fc_status status = fc_request_set_json(request, parameters, strlen(parameters), err);
    if (status != FC_OK) return status;
    fc_request_unset(request, FC_P_count);
    json_t *record = e->metadata ? json_loads(e->metadata, 0, NULL) : NULL;
    if (record) status = fc_record_apply(record, request, (fc_warn){ignore_warning, NULL}, err);
    json_decref(record);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)e->seed);
    return status == FC_OK ? fc_request_set(request, "seed", seed, err) : status;
}

static json_t *style_names(const fc_params *params)
{
    json_t *names = json_array();
    for (int32_t i = 0; i < params->styles.count; i++)
        json_array_append_new(names, fc_json_text(params->styles.items[i]));
    return names;
}

static char *take_text(json_t *value, fc_arena *arena)
{
    fc_buf text;
    fc_buf_init(&text, FC_JOBS_MEMORY);
    fc_json_write(value, JSON_COMPACT, &text);
    json_decref(value);
    char *copy = text.status == FC_OK ? fc_arena_strdup(arena, fc_buf_cstr(&text)) : NULL;
    fc_buf_fini(&text);
    return copy;
}

static fc_status describe(const char *parameters, const fc_event *e, fc_arena *arena, fc_picture_row *row,
                          fc_err *err)
{
    fc_params params;
    fc_request *request = fc_request_new();
    if (!request) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = make_request(parameters, e, request, err);
    if (status != FC_OK) goto out;
    status = fc_request_resolve(request, arena, &params, err);
    if (status == FC_OK) {
        row->prompt = params.prompt;
        row->negative_prompt = params.negative_prompt;
        row->model = fc_arena_strdup(arena, fc_path_basename(params.model));
        row->styles = take_text(style_names(&params), arena);
        row->parameters = take_text(fc_request_to_json(request, &params), arena);
        if (!row->model || !row->styles || !row->parameters)
            status = fc_fail(err, FC_NOMEM, "out of memory for the settings of the picture");
    }
out:
    fc_request_free(request);
    return status;
}

/* path is relative to the folder of outputs, which e->path begins with. */
static fc_status locate(const char *outputs, const fc_event *e, fc_picture_row *row, fc_err *err)
{
    struct stat info;
    size_t n = strlen(outputs);
    if (!e->path || strncmp(e->path, outputs, n) != 0 || e->path[n] != '/')
        return fc_fail(err, FC_INTERNAL, "a picture was saved outside the folder of outputs");
    if (stat(e->path, &info) != 0) return fc_fail(err, FC_IO, "cannot find %s", e->path);
    const char *dot = strrchr(e->path, '.');
    fc_image_format format;
    row->path = e->path + n + 1;
    row->bytes = info.st_size;
    row->format = dot && fc_image_format_from_name(dot + 1, &format) ? fc_image_format_name(format) : "png";
    return FC_OK;
}

void fc_jobs_make_thumbnail(const char *outputs, int64_t id, const fc_event *e)
{
    fc_err err = {0};
    const fc_image image = {(uint8_t *)(uintptr_t)e->rgb, e->width, e->height}; /* only read */
    if (!e->rgb) return;
    if (fc_thumbnail_save(outputs, id, &image, &err) != FC_OK)
        fc_log(FC_LOG_WARN, "thumbnail of picture %lld: %s", (long long)id, err.message);
}

fc_status fc_jobs_describe_picture(const char *outputs, const char *job, const char *parameters,
                                   const fc_event *event, fc_arena *arena, fc_picture_row *row, fc_err *err)
{
    *row = (fc_picture_row){.job = job,
                            .index = event->image,
                            .seed = event->seed,
                            .width = event->width,
                            .height = event->height,
                            .created = fc_unix_millis()};
    fc_status status = locate(outputs, event, row, err);
    return status == FC_OK ? describe(parameters, event, arena, row, err) : status;
}

fc_status fc_jobs_keep_picture(fc_jobs *j, const fc_event *event, fc_err *err)
{
    fc_arena arena;
    fc_picture_row row;
    fc_arena_init(&arena, FC_JOBS_MEMORY);
    fc_status status = fc_jobs_describe_picture(j->config.outputs, j->current.id, j->current.parameters,
                                                event, &arena, &row, err);
    if (status != FC_OK) goto out;
    status = fc_library_picture_add(j->config.library, &row, &row.id, err);
    if (status == FC_OK) {
        fc_jobs_make_thumbnail(j->config.outputs, row.id, event);
        fc_events_publish(j->config.events, "picture", j->current.id,
                          json_pack("{s:o}", "picture", fc_picture_to_json(&row, FC_JSON_SHORT)));
    }
out:
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_jobs_encode_preview(const fc_event *event, uint8_t **data, size_t *size, fc_err *err)
{
    fc_buf file;
    const fc_image image = {(uint8_t *)(uintptr_t)event->rgb, event->width, event->height}; /* only read */
    fc_buf_init(&file, MAX_PREVIEW);
    fc_status status = fc_thumbnail_encode(&image, FC_PREVIEW_SIDE, FC_JPEG, &file, err);
    *size = file.len;
    *data = status == FC_OK ? (uint8_t *)fc_buf_take(&file) : NULL;
    fc_buf_fini(&file);
    return status;
}
