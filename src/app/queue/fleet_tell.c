/* What programs that share a queue tell each other: events, and wake-up calls. */
#include "app/queue/fleet_tasks.h"

#include "app/common/json_text.h"
#include "app/queue/job_json.h"

enum { MAX_EVENT = 256 << 10 };

const char *fc_fleet_array(const fc_lines *texts, fc_arena *arena)
{
    fc_buf out;
    fc_buf_init(&out, FC_TASK_MEMORY);
    fc_buf_putc(&out, '{');
    for (size_t i = 0; i < texts->count; i++) {
        fc_buf_puts(&out, i ? ",\"" : "\"");
        for (const char *c = texts->items[i]; *c; c++) {
            if (*c == '"' || *c == '\\') fc_buf_putc(&out, '\\');
            fc_buf_putc(&out, *c);
        }
        fc_buf_putc(&out, '"');
    }
    fc_buf_putc(&out, '}');
    const char *copy = out.status == FC_OK ? fc_arena_strdup(arena, out.data) : NULL;
    fc_buf_fini(&out);
    return copy;
}

/* ---- what is told ---- */

fc_status fc_fleet_notify(fc_lib_conn *conn, const char *channel, const char *payload, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, "SELECT pg_notify(?, ?)", err);
    fc_query_text(&q, channel);
    fc_query_text(&q, payload);
    return fc_query_end(&q, NULL);
}

fc_status fc_fleet_tell_text(fc_lib_conn *conn, const char *type, const char *job, const char *json,
                             fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn,
                   "WITH told AS (INSERT INTO outbox (type, job, data) VALUES (?, ?, ?))"
                   " SELECT pg_notify('" FC_FLEET_EVENTS "', '')",
                   err);
    fc_query_text(&q, type);
    fc_query_text(&q, job ? job : "");
    fc_query_text(&q, json);
    return fc_query_end(&q, NULL);
}

fc_status fc_fleet_tell(fc_lib_conn *conn, const char *type, const char *job, json_t *data, fc_err *err)
{
    fc_buf text;
    fc_buf_init(&text, MAX_EVENT);
    fc_json_write(data, JSON_COMPACT, &text);
    json_decref(data);
    fc_status status = text.status == FC_OK ? fc_fleet_tell_text(conn, type, job, text.data, err)
                                            : fc_fail(err, text.status, "an event is too large");
    fc_buf_fini(&text);
    return status;
}

fc_status fc_fleet_position(fc_lib_conn *conn, const char *id, int32_t *position, fc_err *err)
{
    fc_query q;
    *position = -1;
    fc_query_begin(
        &q, conn,
        "WITH firsts AS (SELECT t.job, max(t.priority) AS priority, min(t.turn) AS turn FROM tasks t"
        " JOIN jobs j ON j.id = t.job WHERE t.state = 0 AND j.state = 'queued' GROUP BY t.job)"
        " SELECT (SELECT count(*) FROM firsts f WHERE (-f.priority, f.turn, f.job) <"
        " (-m.priority, m.turn, m.job)) FROM firsts m WHERE m.job = ?",
        err);
    fc_query_text(&q, id);
    if (fc_query_row(&q)) *position = (int32_t)fc_query_get_int(&q, 0);
    return fc_query_end(&q, NULL);
}

fc_status fc_fleet_tell_job(fc_lib_conn *conn, const char *id, fc_err *err)
{
    fc_arena arena;
    fc_job_row row;
    int32_t position = -1;
    fc_arena_init(&arena, FC_TASK_MEMORY);
    fc_status status = fc_lib_job_get(conn, id, &arena, &row, err);
    if (status != FC_OK) goto out;
    if (row.state == FC_JOB_QUEUED) status = fc_fleet_position(conn, id, &position, err);
    if (status != FC_OK) goto out;
    status = fc_fleet_tell(conn, "job", id, fc_job_to_json(&row, position, FC_JSON_SHORT), err);
out:
    fc_arena_fini(&arena);
    return status;
}

static fc_status warn_in(fc_lib_conn *conn, const char *job, const char *array, const char *text, fc_err *err)
{
    fc_query q;
    int changes;
    fc_query_begin(&q, conn,
                   "UPDATE jobs SET warnings = (warnings::jsonb || ?::jsonb)::text WHERE id = ?"
                   " AND NOT warnings::jsonb @> ?::jsonb AND jsonb_array_length(warnings::jsonb) < 50",
                   err);
    fc_query_text(&q, array);
    fc_query_text(&q, job);
    fc_query_text(&q, array);
    fc_status status = fc_query_end(&q, &changes);
    if (status != FC_OK || changes == 0) return status;
    return fc_fleet_tell(conn, "warning", job,
                         json_pack("{s:s, s:o}", "job", job, "text", fc_json_text(text)), err);
}

fc_status fc_fleet_warn(fc_lib_conn *conn, const char *job, const char *text, fc_err *err)
{
    fc_buf array;
    json_t *list = json_pack("[o]", fc_json_text(text));
    fc_buf_init(&array, MAX_EVENT);
    fc_json_write(list, JSON_COMPACT, &array);
    json_decref(list);
    fc_status status =
        array.status == FC_OK ? fc_lib_begin(conn, err) : fc_fail(err, FC_NOMEM, "out of memory");
    if (status != FC_OK) goto out;
    status = fc_lib_end(conn, warn_in(conn, job, array.data, text, err), err);
out:
    fc_buf_fini(&array);
    return status;
}
