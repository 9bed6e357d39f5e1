/* Jobs of the shared queue: adding, ending, moving. Locks are taken in the order job, task. */
#include "app/queue/fleet_tasks.h"

#include "base/clock.h"

/* One statement with a text, in a transaction. */
fc_status fc_fleet_run_with(fc_lib_conn *conn, const char *sql, const char *text, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, sql, err);
    fc_query_text(&q, text);
    return fc_query_end(&q, NULL);
}

static fc_status check_room(fc_lib_conn *conn, int32_t max, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn,
                   "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'queued' LIMIT ?) waiting", err);
    fc_query_int(&q, max);
    int64_t count = fc_query_row(&q) ? fc_query_get_int(&q, 0) : 0;
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK || count < max) return status;
    return fc_fail(err, FC_LIMIT, "the queue is full: %d jobs are waiting, try again later", (int)count);
}

static fc_status find_need(fc_lib_conn *conn, const char *files, int64_t *need, fc_err *err)
{
    fc_query q;
    fc_status status = fc_fleet_run_with(
        conn, "INSERT INTO needs (files) VALUES (?::text[]) ON CONFLICT DO NOTHING", files, err);
    if (status != FC_OK) return status;
    fc_query_begin(&q, conn, "SELECT id FROM needs WHERE files = ?::text[]", err);
    fc_query_text(&q, files);
    *need = fc_query_row(&q) ? fc_query_get_int(&q, 0) : 0;
    return fc_query_end(&q, NULL);
}

/* The first turn is that of the head of the queue, or behind what this owner has waiting: so everybody's
 * first picture comes before anybody's second one. */
static fc_status add_tasks(fc_lib_conn *conn, const fc_fleet_job *job, int64_t need, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn,
                   "INSERT INTO tasks (job, number, need, owner, priority, turn) SELECT ?, n, ?::integer, "
                   "o.name, p.priority,"
                   " greatest((SELECT max(turn) + 1 FROM tasks WHERE state = 0 AND owner = o.name AND"
                   " priority = p.priority),"
                   " (SELECT min(turn) FROM tasks WHERE state = 0 AND priority = p.priority), 0) + n - 1"
                   " FROM generate_series(1, ?) n, (SELECT ? AS name) o, (SELECT ?::integer AS priority) p",
                   err);
    fc_query_text(&q, job->row->id);
    fc_query_int(&q, need);
    fc_query_int(&q, job->row->images);
    fc_query_text(&q, job->owner);
    fc_query_int(&q, job->priority);
    return fc_query_end(&q, NULL);
}

static fc_status set_owner(fc_lib_conn *conn, const fc_fleet_job *job, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, "UPDATE jobs SET owner = ?, priority = ? WHERE id = ?", err);
    fc_query_text(&q, job->owner);
    fc_query_int(&q, job->priority);
    fc_query_text(&q, job->row->id);
    return fc_query_end(&q, NULL);
}

static fc_status add_all(fc_lib_conn *conn, const fc_fleet_job *job, fc_err *err)
{
    int64_t need;
    fc_status status = check_room(conn, job->max_queued, err);
    if (status != FC_OK) return status;
    status = fc_lib_job_add(conn, job->row, err);
    if (status != FC_OK) return status;
    status = set_owner(conn, job, err);
    if (status != FC_OK) return status;
    status = find_need(conn, job->needs, &need, err);
    if (status != FC_OK) return status;
    status = add_tasks(conn, job, need, err);
    if (status != FC_OK) return status;
    status = fc_fleet_tell_job(conn, job->row->id, err);
    return status == FC_OK ? fc_fleet_notify(conn, FC_FLEET_WORK, "", err) : status;
}

fc_status fc_fleet_add(fc_lib_conn *conn, const fc_fleet_job *job, fc_err *err)
{
    fc_status status = fc_lib_begin(conn, err);
    return status == FC_OK ? fc_lib_end(conn, add_all(conn, job, err), err) : status;
}

/* Locks the job against other changes. */
fc_status fc_fleet_lock_job(fc_lib_conn *conn, const char *id, fc_job_state *state, fc_err *err)
{
    fc_query q;
    char name[16] = "";
    fc_query_begin(&q, conn, "SELECT state FROM jobs WHERE id = ? FOR UPDATE", err);
    fc_query_text(&q, id);
    bool found = fc_query_row(&q);
    if (found) fc_query_copy_text(&q, 0, name, sizeof name);
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK || (found && fc_job_state_from_name(name, state))) return status;
    return fc_fail(err, FC_NOT_FOUND, "there is no job %.60s", id);
}

/* The job is locked: ends it when no task of it is left. */
fc_status fc_fleet_end_if_empty(fc_lib_conn *conn, const char *id, fc_err *err)
{
    fc_query q;
    fc_query_begin(
        &q, conn,
        "UPDATE jobs SET finished = ?, state = CASE wanted WHEN 'fail' THEN 'failed' WHEN '' THEN 'done'"
        " ELSE 'cancelled' END WHERE id = ? AND state IN ('queued', 'running')"
        " AND NOT EXISTS (SELECT 1 FROM tasks WHERE job = jobs.id)",
        err);
    fc_query_int(&q, fc_unix_millis());
    fc_query_text(&q, id);
    return fc_query_end(&q, NULL);
}

static fc_status note_wanted(fc_lib_conn *conn, const char *id, const char *wanted, const fc_err *why,
                             fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn,
                   "UPDATE jobs SET wanted = ?, error_status = ?, error = ? WHERE id = ? AND wanted = ''",
                   err);
    fc_query_text(&q, wanted);
    fc_query_text(&q, fc_status_name(why ? why->status : FC_OK));
    fc_query_text(&q, why ? why->message : "");
    fc_query_text(&q, id);
    return fc_query_end(&q, NULL);
}

/* The job is locked and not over. */
fc_status fc_fleet_end_locked(fc_lib_conn *conn, const char *id, const char *wanted, const fc_err *why,
                              fc_err *err)
{
    fc_status status = note_wanted(conn, id, wanted, why, err);
    if (status != FC_OK) return status;
    status = fc_fleet_run_with(conn, "DELETE FROM tasks WHERE job = ? AND state = 0", id, err);
    if (status != FC_OK) return status;
    status = fc_fleet_end_if_empty(conn, id, err);
    if (status != FC_OK) return status;
    status = fc_fleet_tell_job(conn, id, err);
    return status == FC_OK ? fc_fleet_notify(conn, FC_FLEET_WORK, id, err) : status;
}

fc_status fc_fleet_end(fc_lib_conn *conn, const char *id, const char *wanted, const fc_err *why, fc_err *err)
{
    fc_job_state state;
    fc_status status = fc_lib_begin(conn, err);
    if (status != FC_OK) return status;
    status = fc_fleet_lock_job(conn, id, &state, err);
    if (status != FC_OK) goto out;
    if (fc_job_state_is_final(state))
        status = fc_fail(err, FC_BUSY, "the job is %s, there is nothing to cancel", fc_job_state_name(state));
    else
        status = fc_fleet_end_locked(conn, id, wanted, why, err);
out:
    return fc_lib_end(conn, status, err);
}

static fc_status not_in_work(fc_lib_conn *conn, const char *id, fc_err *err)
{
    fc_arena arena;
    fc_job_row row;
    fc_arena_init(&arena, FC_TASK_MEMORY);
    fc_status status = fc_lib_job_get(conn, id, &arena, &row, err);
    if (status != FC_OK) goto out;
    status = fc_fail(err, FC_BUSY, "the job is %s, only a picture in work can be skipped",
                     fc_job_state_name(row.state));
out:
    fc_arena_fini(&arena);
    return status;
}

fc_status fc_fleet_skip(fc_lib_conn *conn, const char *id, fc_err *err)
{
    fc_query q;
    int changes;
    fc_query_begin(&q, conn, "UPDATE tasks SET skip = true WHERE job = ? AND state = 1", err);
    fc_query_text(&q, id);
    fc_status status = fc_query_end(&q, &changes);
    if (status != FC_OK) return status;
    if (changes == 0) return not_in_work(conn, id, err);
    return fc_fleet_notify(conn, FC_FLEET_WORK, id, err);
}

/* Half-way between the turns of the two jobs that it comes between. */
static fc_status move_locked(fc_lib_conn *conn, const char *id, int32_t position, fc_err *err)
{
    fc_query q;
    fc_query_begin(
        &q, conn,
        "WITH firsts AS (SELECT t.job, min(t.turn) AS turn, max(t.priority) AS priority FROM tasks t"
        " JOIN jobs j ON j.id = t.job WHERE t.state = 0 AND j.state = 'queued' AND t.job <> ? GROUP BY "
        "t.job),"
        " places AS (SELECT turn, priority, row_number() OVER (ORDER BY priority DESC, turn, job) AS place "
        "FROM firsts),"
        " before AS (SELECT turn, priority FROM places WHERE place <= ? ORDER BY place DESC LIMIT 1),"
        " behind AS (SELECT turn, priority FROM places WHERE place = ? + 1),"
        " target AS (SELECT coalesce((SELECT priority FROM behind), (SELECT priority FROM before), 0) AS "
        "priority,"
        " coalesce(((SELECT turn FROM before) + (SELECT turn FROM behind)) / 2, (SELECT turn - 1 FROM "
        "behind),"
        " (SELECT turn + 1 FROM before), 0) AS turn)"
        " UPDATE tasks SET priority = target.priority, turn = target.turn FROM target"
        " WHERE job = ? AND state = 0",
        err);
    fc_query_text(&q, id);
    fc_query_int(&q, position);
    fc_query_int(&q, position);
    fc_query_text(&q, id);
    return fc_query_end(&q, NULL);
}

fc_status fc_fleet_move(fc_lib_conn *conn, const char *id, int32_t position, fc_err *err)
{
    fc_job_state state;
    fc_status status = fc_lib_begin(conn, err);
    if (status != FC_OK) return status;
    status = fc_fleet_lock_job(conn, id, &state, err);
    if (status != FC_OK) goto out;
    if (state != FC_JOB_QUEUED)
        status =
            fc_fail(err, FC_BUSY, "the job is %s, only a waiting job can be moved", fc_job_state_name(state));
    else
        status = move_locked(conn, id, position, err);
    if (status != FC_OK) goto out;
    status = fc_fleet_tell_job(conn, id, err);
out:
    return fc_lib_end(conn, status, err);
}

fc_status fc_fleet_delete(fc_lib_conn *conn, const char *id, fc_err *err)
{
    fc_job_state state;
    fc_status status = fc_lib_begin(conn, err);
    if (status != FC_OK) return status;
    status = fc_fleet_lock_job(conn, id, &state, err);
    if (status != FC_OK) goto out;
    if (state == FC_JOB_RUNNING)
        status = fc_fail(err, FC_BUSY, "the job is running, cancel it first");
    else
        status = fc_fleet_run_with(conn, "DELETE FROM jobs WHERE id = ?", id, err);
    if (status != FC_OK) goto out;
    status = fc_fleet_tell(conn, "job_removed", id, json_pack("{s:s}", "id", id), err);
out:
    return fc_lib_end(conn, status, err);
}
