/* /api/v1/pictures: the history. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/output/thumbnail.h"
#include "app/queue/job_json.h"
#include "app/queue/trash.h"
#include "base/clock.h"
#include "server/api/api.h"
#include "server/server_impl.h"

enum { MAX_LIST = 200, DEFAULT_LIST = 60, MAX_TERMS = 300 };

/* ---- lists ---- */

static bool read_filter(fc_http *h, fc_picture_filter *f, int64_t *limit)
{
    int64_t favourite, trash;
    const int64_t end = INT64_MAX;
    *f = (fc_picture_filter){.text = fc_http_query(h, "q"),
                             .model = fc_http_query(h, "model"),
                             .style = fc_http_query(h, "style"),
                             .job = fc_http_query(h, "job")};
    if (!fc_http_query_int(h, "from", 0, end, 0, &f->from) ||
        !fc_http_query_int(h, "to", 0, end, 0, &f->to) ||
        !fc_http_query_int(h, "before", 0, end, 0, &f->before) ||
        !fc_http_query_int(h, "favourite", 0, 1, 0, &favourite) ||
        !fc_http_query_int(h, "trash", 0, 1, 0, &trash) ||
        !fc_http_query_int(h, "limit", 1, MAX_LIST, DEFAULT_LIST, limit))
        return false;
    f->favourites = favourite != 0;
    f->trash = trash != 0;
    f->limit = (int32_t)*limit + 1; /* one more tells whether there are more */
    return true;
}

void fc_api_pictures_list(fc_http *h)
{
    fc_err err = {0};
    fc_picture_filter filter;
    int64_t limit;
    int32_t count;
    if (!read_filter(h, &filter, &limit)) return;
    uint64_t event = fc_events_last(h->server->events);
    fc_picture_row *rows = fc_arena_array(&h->arena, (size_t)filter.limit, sizeof *rows);
    fc_status status = rows ? fc_library_pictures(h->server->library, &filter, &h->arena, rows, &count, &err)
                            : fc_fail(&err, FC_NOMEM, "out of memory");
    if (status != FC_OK) {
        fc_http_problem_as(h, status == FC_LIMIT ? 503 : 0, status, err.message, NULL);
        return;
    }
    json_t *list = json_array();
    for (int32_t i = 0; i < count && i < limit; i++)
        json_array_append_new(list, fc_picture_to_json(&rows[i], FC_JSON_SHORT));
    fc_http_json(
        h, 200,
        json_pack("{s:o, s:b, s:I}", "pictures", list, "more", count > limit, "event", (json_int_t)event));
}

static fc_status terms_of(fc_http *h, fc_term_kind kind, json_t *list, fc_err *err)
{
    int32_t count;
    fc_library_term *terms = fc_arena_array(&h->arena, MAX_TERMS, sizeof *terms);
    if (!terms) return fc_fail(err, FC_NOMEM, "out of memory");
    fc_status status = fc_library_terms(h->server->library, kind, &h->arena, terms, MAX_TERMS, &count, err);
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:I}", "name", fc_json_text(terms[i].name), "count",
                                              (json_int_t)terms[i].count));
    return status;
}

void fc_api_pictures_terms(fc_http *h)
{
    fc_err err = {0};
    fc_library_counts counts;
    json_t *models = json_array(), *styles = json_array();
    fc_status status = terms_of(h, FC_TERM_MODEL, models, &err);
    if (status != FC_OK) goto out;
    status = terms_of(h, FC_TERM_STYLE, styles, &err);
    if (status != FC_OK) goto out;
    status = fc_library_count(h->server->library, &counts, &err);
out:
    if (status == FC_OK)
        fc_http_json(h, 200,
                     json_pack("{s:O, s:O, s:I, s:I, s:I}", "models", models, "styles", styles, "pictures",
                               (json_int_t)counts.pictures, "favourites", (json_int_t)counts.favourites,
                               "trash", (json_int_t)counts.trash));
    else
        fc_http_fail(h, &err);
    json_decref(models);
    json_decref(styles);
}

/* ---- one picture ---- */

static bool get_row(fc_http *h, fc_picture_row *row)
{
    fc_err err = {0};
    int64_t id;
    if (!fc_http_capture_id(h, &id)) return false;
    if (fc_library_picture_get(h->server->library, id, &h->arena, row, &err) == FC_OK) return true;
    fc_http_fail(h, &err);
    return false;
}

static void answer_row(fc_http *h, const fc_picture_row *row)
{
    fc_http_json(h, 200, fc_picture_to_json(row, FC_JSON_FULL));
}

void fc_api_picture_get(fc_http *h)
{
    fc_picture_row row;
    if (get_row(h, &row)) answer_row(h, &row);
}

const char *fc_picture_mime(const fc_picture_row *row)
{
    fc_image_format format;
    return fc_image_format_from_name(row->format, &format) ? fc_image_format_mime(format)
                                                           : "application/octet-stream";
}

/* A picture never changes under its number. */
void fc_api_picture_file(fc_http *h)
{
    fc_picture_row row;
    fc_err err = {0};
    char path[FC_PATH_SIZE];
    if (!get_row(h, &row)) return;
    if (fc_picture_path(h->server->outputs, &row, path, sizeof path, &err) != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    if (!fc_http_file(h, path, fc_picture_mime(&row), "private, max-age=31536000, immutable")) {
        fc_http_problem(h, FC_NOT_FOUND, "the file of this picture is gone");
        return;
    }
    const char *kind = fc_http_query(h, "download") ? "attachment" : "inline";
    fc_http_add_header(
        h, "Content-Disposition",
        fc_arena_printf(&h->arena, "%s; filename=\"fooocus-%lld.%s\"", kind, (long long)row.id, row.format));
}

/* Somebody removed the folder, or the disk was full. */
static fc_status make_thumbnail(fc_http *h, const fc_picture_row *row, fc_err *err)
{
    fc_buf file;
    fc_image image = {0};
    fc_buf_init(&file, 512 << 20);
    fc_status status = fc_picture_bytes(h->server, row, &file, err);
    if (status != FC_OK) goto out;
    status = fc_image_decode(&image, file.data, file.len, FC_IMAGE_MAX_PIXELS, &h->arena, NULL, err);
    if (status != FC_OK) goto out;
    status = fc_thumbnail_save(h->server->outputs, row->id, &image, err);
out:
    fc_image_fini(&image);
    fc_buf_fini(&file);
    return status;
}

/* The usual one is on disk under the picture's number: no query is needed. */
void fc_api_picture_thumbnail(fc_http *h)
{
    static const char cache[] = "private, max-age=31536000, immutable";
    fc_picture_row row;
    fc_err err = {0};
    int64_t id;
    char path[FC_PATH_SIZE];
    if (!fc_http_capture_id(h, &id)) return;
    if (fc_thumbnail_path(h->server->outputs, id, path, sizeof path) == FC_OK &&
        fc_http_file(h, path, "image/webp", cache))
        return;
    if (!get_row(h, &row)) return;
    if (make_thumbnail(h, &row, &err) != FC_OK)
        fc_http_fail(h, &err);
    else if (!fc_http_file(h, path, "image/webp", cache))
        fc_http_problem(h, FC_IO, "the small picture cannot be made");
}

/* ---- changes ---- */

static void announce(fc_http *h, int64_t id)
{
    fc_picture_row row;
    fc_err err = {0};
    if (fc_library_picture_get(h->server->library, id, &h->arena, &row, &err) != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    fc_events_publish(h->server->events, "picture", row.job,
                      json_pack("{s:o}", "picture", fc_picture_to_json(&row, FC_JSON_SHORT)));
    answer_row(h, &row);
}

void fc_api_picture_favourite(fc_http *h)
{
    fc_err err = {0};
    int64_t id;
    if (!fc_http_capture_id(h, &id)) return;
    json_t *body = fc_http_body_json(h, false);
    if (!body) return;
    const json_t *value = json_object_get(body, "favourite");
    if (!json_is_boolean(value))
        fc_http_problem_as(h, 0, FC_ARG, "favourite: want true or false", "favourite");
    else if (fc_library_picture_favourite(h->server->library, id, json_is_true(value), &err) != FC_OK)
        fc_http_fail(h, &err);
    else
        announce(h, id);
    json_decref(body);
}

void fc_api_picture_delete(fc_http *h)
{
    fc_picture_row row;
    fc_err err = {0};
    if (!get_row(h, &row)) return;
    fc_status status = FC_OK;
    if (!row.deleted) {
        status = fc_library_picture_trash(h->server->library, row.id, fc_unix_millis(), &err);
        if (status == FC_OK) status = fc_trash_move(h->server->outputs, &row, true, &err);
    }
    if (status != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    fc_events_publish(h->server->events, "picture_removed", row.job,
                      json_pack("{s:I}", "id", (json_int_t)row.id));
    fc_http_empty(h, 204);
}

void fc_api_picture_restore(fc_http *h)
{
    fc_picture_row row;
    fc_err err = {0};
    if (!get_row(h, &row)) return;
    fc_status status = row.deleted ? fc_trash_move(h->server->outputs, &row, false, &err) : FC_OK;
    if (status != FC_OK) goto out;
    status = fc_library_picture_trash(h->server->library, row.id, 0, &err);
out:
    if (status == FC_OK)
        announce(h, row.id);
    else
        fc_http_fail(h, &err);
}
