/* Tasks of the shared queue: claiming, extending, recording, giving up. Locks are taken in the order job,
 * task; a claim locks a task alone, so it waits for nobody. */
#include "app/queue/fleet_tasks.h"

#include <string.h>
#include "app/queue/job_json.h"
#include "base/clock.h"

/* Candidates are read without locks, from the head of each kind of need that this worker satisfies; the first
 * one that nobody else is taking is locked. Whoever has the model loaded has first right to a task for half a
 * second, and goes on with it while others are at most eight turns ahead. */
static const char claim_sql[] =
    "WITH can AS (SELECT id, files[1] IS NOT DISTINCT FROM ? AS hot, files[1] AS base FROM needs"
    " WHERE files <@ ?::text[]),"
    " head AS (SELECT t.job, t.number, t.priority, t.turn - CASE WHEN can.hot THEN 8 ELSE 0 END AS turn FROM "
    "can"
    " CROSS JOIN LATERAL (SELECT job, number, priority, turn FROM tasks WHERE state = 0 AND need = can.id"
    " AND NOT ? = ANY (avoid) AND (can.hot OR since < now() - interval '0.5 s' OR NOT EXISTS"
    " (SELECT 1 FROM workers w WHERE w.loaded = can.base AND w.idle AND w.seen > now() - interval '15 s'))"
    " ORDER BY priority DESC, turn, job, number LIMIT 12) t"
    " ORDER BY 3 DESC, 4, 1, 2 LIMIT 12),"
    " mine AS (SELECT t.job, t.number FROM tasks t JOIN head h ON t.job = h.job AND t.number = h.number"
    " WHERE t.state = 0 ORDER BY h.priority DESC, h.turn, h.job, h.number LIMIT 1"
    " FOR UPDATE OF t SKIP LOCKED)"
    " UPDATE tasks t SET state = 1, fence = nextval('fences'), worker = ?, skip = false,"
    " attempts = t.attempts + 1, lease = now() + make_interval(secs => ?) FROM mine, jobs j, needs n"
    " WHERE t.job = mine.job AND t.number = mine.number AND j.id = t.job AND n.id = t.need"
    " RETURNING t.job, t.number, t.fence, j.images, j.next_image, j.preview, j.parameters,"
    " coalesce(n.files[1], '')";

fc_status fc_fleet_claim_task(fc_lib_conn *conn, const fc_fleet_claim *claim, fc_arena *arena,
                              fc_fleet_task *task, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, claim_sql, err);
    fc_query_text(&q, claim->loaded);
    fc_query_text(&q, claim->offers);
    fc_query_int(&q, claim->worker);
    fc_query_int(&q, claim->worker);
    fc_query_int(&q, claim->lease_seconds);
    *task = (fc_fleet_task){0};
    bool found = fc_query_row(&q);
    if (found) {
        fc_query_copy_text(&q, 0, task->job, sizeof task->job);
        task->number = (int32_t)fc_query_get_int(&q, 1);
        task->fence = fc_query_get_int(&q, 2);
        task->images = (int32_t)fc_query_get_int(&q, 3);
        task->finished = (int32_t)fc_query_get_int(&q, 4);
        task->preview = fc_query_get_int(&q, 5) != 0;
        task->parameters = fc_query_get_text(&q, 6, arena);
        task->base = fc_query_get_text(&q, 7, arena);
    }
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK || found) return status;
    return fc_fail(err, FC_NOT_FOUND, "there is nothing to draw");
}

fc_status fc_fleet_extend(fc_lib_conn *conn, const fc_fleet_task *task, int lease_seconds,
                          fc_fleet_orders *orders, fc_err *err)
{
    fc_query q;
    char wanted[16] = "", skip[8] = "";
    fc_query_begin(
        &q, conn,
        "UPDATE tasks SET lease = now() + make_interval(secs => ?) FROM jobs WHERE jobs.id = job AND job = ?"
        " AND number = ? AND fence = ? AND tasks.state = 1 RETURNING skip, wanted",
        err);
    fc_query_int(&q, lease_seconds);
    fc_query_text(&q, task->job);
    fc_query_int(&q, task->number);
    fc_query_int(&q, task->fence);
    bool found = fc_query_row(&q);
    if (found) {
        fc_query_copy_text(&q, 0, skip, sizeof skip);
        fc_query_copy_text(&q, 1, wanted, sizeof wanted);
    }
    *orders = (fc_fleet_orders){.lost = !found,
                                .skip = skip[0] == 't',
                                .finish = strcmp(wanted, "finish") == 0,
                                .cancel = *wanted && strcmp(wanted, "finish") != 0};
    return fc_query_end(&q, NULL);
}

fc_status fc_fleet_started(fc_lib_conn *conn, const char *job, fc_err *err)
{
    fc_query q;
    int changes;
    fc_status status = fc_lib_begin(conn, err);
    if (status != FC_OK) return status;
    fc_query_begin(&q, conn,
                   "UPDATE jobs SET state = 'running', started = CASE started WHEN 0 THEN ? ELSE started END"
                   " WHERE id = ? AND state = 'queued'",
                   err);
    fc_query_int(&q, fc_unix_millis());
    fc_query_text(&q, job);
    status = fc_query_end(&q, &changes);
    if (status != FC_OK || !changes) goto out;
    status = fc_fleet_tell_job(conn, job, err);
out:
    return fc_lib_end(conn, status, err);
}

/* Takes the task out of the queue; the job is locked. CANCELLED: it is somebody else's. */
fc_status fc_fleet_take_out(fc_lib_conn *conn, const fc_fleet_task *task, fc_err *err)
{
    fc_query q;
    int changes;
    fc_query_begin(&q, conn, "DELETE FROM tasks WHERE job = ? AND number = ? AND fence = ? AND state = 1",
                   err);
    fc_query_text(&q, task->job);
    fc_query_int(&q, task->number);
    fc_query_int(&q, task->fence);
    fc_status status = fc_query_end(&q, &changes);
    if (status != FC_OK || changes == 1) return status;
    return fc_fail(err, FC_CANCELLED, "picture %d of the job belongs to another worker by now",
                   (int)task->number);
}

fc_status fc_fleet_lock_for(fc_lib_conn *conn, const fc_fleet_task *task, fc_err *err)
{
    fc_job_state state;
    fc_status status = fc_fleet_lock_job(conn, task->job, &state, err);
    return status == FC_NOT_FOUND ? fc_fail(err, FC_CANCELLED, "the job was removed") : status;
}

static fc_status forget_live(fc_lib_conn *conn, const fc_fleet_task *task, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, "DELETE FROM live WHERE job = ? AND number = ?", err);
    fc_query_text(&q, task->job);
    fc_query_int(&q, task->number);
    return fc_query_end(&q, NULL);
}

/* One more picture is behind the job; ends it behind the last one, and tells. */
static fc_status advance(fc_lib_conn *conn, const fc_fleet_task *task, fc_err *err)
{
    fc_status status = fc_fleet_run_with(
        conn, "UPDATE jobs SET next_image = next_image + 1, attempts = 1 WHERE id = ?", task->job, err);
    if (status != FC_OK) return status;
    status = forget_live(conn, task, err);
    if (status != FC_OK) return status;
    status = fc_fleet_end_if_empty(conn, task->job, err);
    return status == FC_OK ? fc_fleet_tell_job(conn, task->job, err) : status;
}

static fc_status count_picture(fc_lib_conn *conn, int64_t worker, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, "UPDATE workers SET pictures = pictures + 1 WHERE id = ?", err);
    fc_query_int(&q, worker);
    return fc_query_end(&q, NULL);
}

static fc_status record_locked(fc_lib_conn *conn, const fc_fleet_task *task, fc_picture_row *picture,
                               int64_t worker, fc_err *err)
{
    fc_status status = fc_fleet_lock_for(conn, task, err);
    if (status != FC_OK) return status;
    status = fc_fleet_take_out(conn, task, err);
    if (status != FC_OK) return status;
    status = fc_lib_picture_add(conn, picture, &picture->id, err);
    if (status != FC_OK) return status;
    status = fc_fleet_tell(conn, "picture", task->job,
                           json_pack("{s:o}", "picture", fc_picture_to_json(picture, FC_JSON_SHORT)), err);
    if (status != FC_OK) return status;
    status = count_picture(conn, worker, err);
    return status == FC_OK ? advance(conn, task, err) : status;
}

/* Whether an earlier attempt succeeded whose answer was lost. */
static bool is_recorded(fc_lib_conn *conn, fc_picture_row *picture)
{
    fc_query q;
    fc_query_begin(&q, conn, "SELECT id FROM pictures WHERE job = ? AND number = ? AND path = ?", NULL);
    fc_query_text(&q, picture->job);
    fc_query_int(&q, picture->index);
    fc_query_text(&q, picture->path);
    bool found = fc_query_row(&q);
    if (found) picture->id = fc_query_get_int(&q, 0);
    return fc_query_end(&q, NULL) == FC_OK && found;
}

fc_status fc_fleet_record(fc_lib_conn *conn, const fc_fleet_task *task, fc_picture_row *picture,
                          int64_t worker, fc_err *err)
{
    fc_status status = fc_lib_begin(conn, err);
    if (status != FC_OK) return status;
    status = fc_lib_end(conn, record_locked(conn, task, picture, worker, err), err);
    return status == FC_CANCELLED && is_recorded(conn, picture) ? FC_OK : status;
}

/* Back into the queue. */
fc_status fc_fleet_put_back(fc_lib_conn *conn, const fc_fleet_task *task, int attempts, int64_t avoid,
                            fc_err *err)
{
    fc_query q;
    int changes;
    fc_query_begin(&q, conn,
                   "UPDATE tasks SET state = 0, since = now(), lease = 'infinity', attempts = attempts - ?,"
                   " avoid = CASE WHEN ?::bigint > 0 THEN avoid || ?::bigint ELSE avoid END"
                   " WHERE job = ? AND number = ? AND fence = ? AND state = 1",
                   err);
    fc_query_int(&q, attempts);
    fc_query_int(&q, avoid);
    fc_query_int(&q, avoid);
    fc_query_text(&q, task->job);
    fc_query_int(&q, task->number);
    fc_query_int(&q, task->fence);
    fc_status status = fc_query_end(&q, &changes);
    if (status == FC_OK && changes == 0)
        return fc_fail(err, FC_CANCELLED, "picture %d belongs to another worker by now", (int)task->number);
    if (status != FC_OK) return status;
    status = forget_live(conn, task, err);
    if (status != FC_OK) return status;
    status =
        fc_fleet_run_with(conn,
                          "UPDATE jobs SET state = 'queued' WHERE id = ? AND state = 'running'"
                          " AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.job = jobs.id AND t.state = 1)",
                          task->job, err);
    if (status != FC_OK) return status;
    status = fc_fleet_tell_job(conn, task->job, err);
    return status == FC_OK ? fc_fleet_notify(conn, FC_FLEET_WORK, "", err) : status;
}

/* Whether a worker that has not tried yet could draw the task. */
static fc_status another_can(fc_lib_conn *conn, const fc_fleet_task *task, int64_t worker, bool *can,
                             fc_err *err)
{
    fc_query q;
    fc_query_begin(
        &q, conn,
        "SELECT 1 FROM tasks t JOIN needs n ON n.id = t.need JOIN workers w ON n.files <@ w.files"
        " WHERE t.job = ? AND t.number = ? AND w.id <> ? AND NOT w.id = ANY (t.avoid)"
        " AND cardinality(t.avoid) + 1 < ? AND NOT w.drain AND w.seen > now() - interval '30 s' LIMIT 1",
        err);
    fc_query_text(&q, task->job);
    fc_query_int(&q, task->number);
    fc_query_int(&q, worker);
    fc_query_int(&q, FC_TASK_AVOID);
    *can = fc_query_row(&q);
    return fc_query_end(&q, NULL);
}

fc_status fc_fleet_is_unwanted(fc_lib_conn *conn, const char *id, bool *unwanted, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, conn, "SELECT 1 FROM jobs WHERE id = ? AND wanted <> ''", err);
    fc_query_text(&q, id);
    *unwanted = fc_query_row(&q);
    return fc_query_end(&q, NULL);
}

static fc_status give_up_locked(fc_lib_conn *conn, const fc_fleet_task *task, fc_fleet_result result,
                                int64_t worker, const fc_err *why, fc_err *err)
{
    bool unwanted, again = result == FC_TASK_RETURNED;
    fc_status status = fc_fleet_lock_for(conn, task, err);
    if (status != FC_OK) return status;
    status = fc_fleet_is_unwanted(conn, task->job, &unwanted, err);
    if (status != FC_OK) return status;
    if (result == FC_TASK_UNABLE && (status = another_can(conn, task, worker, &again, err)) != FC_OK)
        return status;
    if (again && !unwanted)
        return fc_fleet_put_back(conn, task, result == FC_TASK_RETURNED,
                                 result == FC_TASK_UNABLE ? worker : 0, err);
    status = fc_fleet_take_out(conn, task, err);
    if (status != FC_OK) return status;
    if (result == FC_TASK_SKIPPED) return advance(conn, task, err);
    status = forget_live(conn, task, err);
    if (status != FC_OK) return status;
    if (!unwanted) return fc_fleet_end_locked(conn, task->job, "fail", why, err);
    status = fc_fleet_end_if_empty(conn, task->job, err);
    return status == FC_OK ? fc_fleet_tell_job(conn, task->job, err) : status;
}

fc_status fc_fleet_give_up(fc_lib_conn *conn, const fc_fleet_task *task, fc_fleet_result result,
                           int64_t worker, const fc_err *why, fc_err *err)
{
    fc_status status = fc_lib_begin(conn, err);
    return status == FC_OK ? fc_lib_end(conn, give_up_locked(conn, task, result, worker, why, err), err)
                           : status;
}
