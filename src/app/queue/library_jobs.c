/* Rows of the table jobs. */
#include <stdio.h>
#include <string.h>
#include "app/queue/library_impl.h"

enum { MAX_ROW = 16 << 20 };

static const char *const state_names[] = {
#define X(name, text) text,
    FC_JOB_STATES(X)
#undef X
};

const char *fc_job_state_name(fc_job_state s)
{
    return state_names[s];
}

bool fc_job_state_from_name(const char *name, fc_job_state *out)
{
    for (int i = 0; i < FC_JOB_STATE_COUNT; i++) {
        if (strcmp(name, state_names[i]) != 0) continue;
        *out = (fc_job_state)i;
        return true;
    }
    return false;
}

/* ---- reading ---- */

#define COLUMNS                                                                                              \
    "SELECT id, state, place, parameters, prompt, idempotency_key, created, started, finished, images,"      \
    " next_image, attempts, preview, error_status, error, warnings, fingerprint FROM jobs"

static void read_row(fc_query *q, fc_arena *arena, fc_job_row *job)
{
    *job = (fc_job_row){0};
    fc_query_copy_text(q, 0, job->id, sizeof job->id);
    if (!fc_job_state_from_name(fc_query_get_text(q, 1, arena), &job->state)) job->state = FC_JOB_FAILED;
    job->place = fc_query_get_int(q, 2);
    job->parameters = fc_query_get_text(q, 3, arena);
    job->prompt = fc_query_get_text(q, 4, arena);
    job->key = fc_query_is_null(q, 5) ? NULL : fc_query_get_text(q, 5, arena);
    job->created = fc_query_get_int(q, 6);
    job->started = fc_query_get_int(q, 7);
    job->finished = fc_query_get_int(q, 8);
    job->images = (int32_t)fc_query_get_int(q, 9);
    job->next_image = (int32_t)fc_query_get_int(q, 10);
    job->attempts = (int32_t)fc_query_get_int(q, 11);
    job->preview = fc_query_get_int(q, 12) != 0;
    job->error = fc_status_from_name(fc_query_get_text(q, 13, arena));
    job->error_text = fc_query_get_text(q, 14, arena);
    job->warnings = fc_query_get_text(q, 15, arena);
    job->fingerprint = fc_query_get_text(q, 16, arena);
}

static fc_status get_one(fc_lib_conn *conn, const char *sql, const char *what, fc_arena *arena,
                         fc_job_row *job, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, sql, err);
    fc_query_text(&q, what);
    bool found = fc_query_row(&q);
    if (found) read_row(&q, arena, job);
    fc_status status = fc_query_end(&q, NULL);
    return status == FC_OK && !found ? fc_fail(err, FC_NOT_FOUND, "there is no job %.60s", what) : status;
}

fc_status fc_lib_job_get(fc_lib_conn *conn, const char *id, fc_arena *arena, fc_job_row *job, fc_err *err)
{
    return get_one(conn, COLUMNS " WHERE id = ?", id, arena, job, err);
}

fc_status fc_library_job_get(fc_library *l, const char *id, fc_arena *arena, fc_job_row *job, fc_err *err)
{
    return fc_lib_job_get(&l->reader, id, arena, job, err);
}

fc_status fc_library_job_by_key(fc_library *l, const char *key, fc_arena *arena, fc_job_row *job, fc_err *err)
{
    return get_one(&l->reader, COLUMNS " WHERE idempotency_key = ?", key, arena, job, err);
}

fc_status fc_library_job_repeated(fc_library *l, const char *key, const char *fingerprint,
                                  char id[FC_JOB_ID_SIZE], bool *existed, fc_err *err)
{
    fc_arena arena;
    fc_job_row row;
    *existed = false;
    if (!key) return FC_OK;
    fc_arena_init(&arena, MAX_ROW);
    fc_status status = fc_library_job_by_key(l, key, &arena, &row, err);
    if (status == FC_OK && strcmp(row.fingerprint, fingerprint ? fingerprint : "") != 0) {
        status = fc_fail(err, FC_BUSY, "this idempotency key was used for another request");
    } else if (status == FC_OK) {
        memcpy(id, row.id, FC_JOB_ID_SIZE);
        *existed = true;
    } else if (status == FC_NOT_FOUND) {
        status = FC_OK;
    }
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_library_jobs(fc_library *l, const fc_job_filter *filter, fc_arena *arena, fc_job_row *rows,
                          int32_t *count, fc_err *err)
{
    fc_query q;
    unsigned states = filter->states ? filter->states : ~0u;
    *count = 0;
    fc_query_begin(&q, &l->reader,
                   COLUMNS " WHERE state IN (?, ?, ?, ?, ?) AND id < ? ORDER BY id DESC LIMIT ?", err);
    for (int i = 0; i < FC_JOB_STATE_COUNT; i++) fc_query_text(&q, states & 1u << i ? state_names[i] : NULL);
    fc_query_text(&q, filter->before ? filter->before : "~"); /* behind every letter of an id */
    fc_query_int(&q, filter->limit < FC_LIB_MAX_ROWS ? filter->limit : FC_LIB_MAX_ROWS);
    while (fc_query_row(&q)) read_row(&q, arena, &rows[(*count)++]);
    return fc_query_end(&q, NULL);
}

fc_status fc_library_queue(fc_library *l, char (*ids)[FC_JOB_ID_SIZE], size_t max, size_t *count, fc_err *err)
{
    fc_query q;
    *count = 0;
    fc_query_begin(&q, &l->reader, "SELECT id FROM jobs WHERE state = 'queued' ORDER BY place, id LIMIT ?",
                   err);
    fc_query_int(&q, (int64_t)max);
    while (fc_query_row(&q)) fc_query_copy_text(&q, 0, ids[(*count)++], FC_JOB_ID_SIZE);
    return fc_query_end(&q, NULL);
}

/* ---- writing ---- */

fc_status fc_library_job_add(fc_library *l, const fc_job_row *job, fc_err *err)
{
    return fc_lib_job_add(&l->writer, job, err);
}

fc_status fc_lib_job_add(fc_lib_conn *conn, const fc_job_row *job, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn,
                   "INSERT INTO jobs (id, state, place, parameters, prompt, idempotency_key, created, images,"
                   " preview, fingerprint) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)",
                   err);
    fc_query_text(&q, job->id);
    fc_query_int(&q, job->place);
    fc_query_text(&q, job->parameters);
    fc_query_text(&q, job->prompt);
    fc_query_text(&q, job->key);
    fc_query_int(&q, job->created);
    fc_query_int(&q, job->images);
    fc_query_int(&q, job->preview);
    fc_query_text(&q, job->fingerprint);
    return fc_query_end(&q, NULL);
}

/* Ends a statement that must have changed its one job. */
static fc_status end_one(fc_query *q, const char *id)
{
    int changes;
    fc_err *err = q->err;
    fc_status status = fc_query_end(q, &changes);
    if (status == FC_OK && changes == 0)
        return fc_fail(err, FC_NOT_FOUND, "there is no job %.60s in a fitting state", id);
    return status;
}

fc_status fc_library_job_start(fc_library *l, const char *id, int64_t now, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer,
                   "UPDATE jobs SET state = 'running', attempts = attempts + 1,"
                   " started = CASE started WHEN 0 THEN ? ELSE started END WHERE id = ? AND state = 'queued'",
                   err);
    fc_query_int(&q, now);
    fc_query_text(&q, id);
    return end_one(&q, id);
}

fc_status fc_library_job_advance(fc_library *l, const char *id, int32_t next_image, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer,
                   fc_sql(&l->writer,
                          "UPDATE jobs SET next_image = max(next_image, ?), attempts = 1 WHERE id = ?",
                          "UPDATE jobs SET next_image = greatest(next_image, ?), attempts = 1 WHERE id = ?"),
                   err);
    fc_query_int(&q, next_image);
    fc_query_text(&q, id);
    return end_one(&q, id);
}

fc_status fc_library_job_finish(fc_library *l, const char *id, const fc_job_end *end, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer,
                   "UPDATE jobs SET state = ?, finished = ?, error_status = ?, error = ?, warnings = ?"
                   " WHERE id = ? AND state IN ('queued', 'running')",
                   err);
    fc_query_text(&q, state_names[end->state]);
    fc_query_int(&q, end->finished);
    fc_query_text(&q, fc_status_name(end->error));
    fc_query_text(&q, end->error_text);
    fc_query_text(&q, end->warnings);
    fc_query_text(&q, id);
    return end_one(&q, id);
}

fc_status fc_library_job_requeue(fc_library *l, const char *id, int64_t place, bool on_purpose, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer,
                   "UPDATE jobs SET state = 'queued', place = ?, attempts = attempts - ?"
                   " WHERE id = ? AND state = 'running'",
                   err);
    fc_query_int(&q, place);
    fc_query_int(&q, on_purpose);
    fc_query_text(&q, id);
    return end_one(&q, id);
}

fc_status fc_library_recover(fc_library *l, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer,
                   "UPDATE jobs SET state = 'queued', place ="
                   " (SELECT coalesce(min(place), 1) FROM jobs WHERE state = 'queued') - 1"
                   " WHERE state = 'running'",
                   err);
    return fc_query_end(&q, NULL);
}

fc_status fc_library_order_queue(fc_library *l, const char (*ids)[FC_JOB_ID_SIZE], size_t count, fc_err *err)
{
    fc_status status = fc_lib_begin(&l->writer, err);
    if (status != FC_OK) return status;
    for (size_t i = 0; i < count && status == FC_OK; i++) {
        fc_query q;
        fc_query_begin(&q, &l->writer, "UPDATE jobs SET place = ? WHERE id = ?", err);
        fc_query_int(&q, (int64_t)i + 1);
        fc_query_text(&q, ids[i]);
        status = fc_query_end(&q, NULL);
    }
    return fc_lib_end(&l->writer, status, err);
}

fc_status fc_library_job_delete(fc_library *l, const char *id, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer, "DELETE FROM jobs WHERE id = ? AND state <> 'running'", err);
    fc_query_text(&q, id);
    return end_one(&q, id);
}
