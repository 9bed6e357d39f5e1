/* Housekeeping of the shared queue, by whoever comes first. */
#include "app/queue/fleet_tasks.h"

#include <stdio.h>

/* A task whose worker is no more: as when the worker had returned it, but that it counts. */
static fc_status reclaim(fc_lib_conn *conn, const fc_fleet_task *task, int64_t attempts, fc_err *err)
{
    bool unwanted;
    fc_err why = {0};
    fc_status status = fc_lib_begin(conn, err);
    if (status != FC_OK) return status;
    status = fc_fleet_lock_for(conn, task, err);
    if (status != FC_OK) goto out;
    status = fc_fleet_is_unwanted(conn, task->job, &unwanted, err);
    if (status != FC_OK) goto out;
    if (!unwanted && attempts < FC_TASK_ATTEMPTS) {
        status = fc_fleet_put_back(conn, task, 0, 0, err);
        goto out;
    }
    status = fc_fleet_take_out(conn, task, err);
    if (status != FC_OK) goto out;
    fc_fail(&why, FC_INTERNAL, "%d workers ended while they worked on picture %d, so it is given up",
            (int)attempts, (int)task->number);
    status = fc_fleet_end_locked(conn, task->job, "fail", &why, err);
out:
    status = fc_lib_end(conn, status, err);
    return status == FC_CANCELLED ? FC_OK : status; /* somebody was quicker */
}

enum { EXPIRED_AT_ONCE = 200 };

/* While the database was away nobody could extend a lease, so behind its start all get one more. */
static fc_status reclaim_expired(fc_lib_conn *conn, int lease_seconds, fc_err *err)
{
    fc_query q;
    fc_fleet_task tasks[EXPIRED_AT_ONCE];
    int64_t attempts[EXPIRED_AT_ONCE];
    int count = 0;
    fc_query_begin(
        &q, conn,
        "SELECT job, number, fence, attempts FROM tasks WHERE state = 1 AND lease < now()"
        " AND pg_postmaster_start_time() < now() - make_interval(secs => ?) ORDER BY lease LIMIT ?",
        err);
    fc_query_int(&q, lease_seconds);
    fc_query_int(&q, EXPIRED_AT_ONCE);
    for (; fc_query_row(&q); count++) {
        fc_query_copy_text(&q, 0, tasks[count].job, sizeof tasks[count].job);
        tasks[count].number = (int32_t)fc_query_get_int(&q, 1);
        tasks[count].fence = fc_query_get_int(&q, 2);
        attempts[count] = fc_query_get_int(&q, 3);
    }
    fc_status status = fc_query_end(&q, NULL);
    for (int i = 0; i < count && status == FC_OK; i++) status = reclaim(conn, &tasks[i], attempts[i], err);
    return status;
}

/* A job whose files no running worker has says so; nothing else would tell people why it waits. */
static fc_status warn_of_needs(fc_lib_conn *conn, fc_err *err)
{
    fc_query q;
    char jobs[20][FC_JOB_ID_SIZE], files[20][200];
    int count = 0;
    fc_query_begin(&q, conn,
                   "SELECT j.id, array_to_string(n.files, ', ') FROM jobs j CROSS JOIN LATERAL"
                   " (SELECT need FROM tasks t WHERE t.job = j.id LIMIT 1) t JOIN needs n ON n.id = t.need"
                   " WHERE j.state = 'queued' AND j.warnings NOT LIKE '%No running worker has%'"
                   " AND NOT EXISTS (SELECT 1 FROM workers w WHERE n.files <@ w.files AND NOT w.drain"
                   " AND w.seen > now() - interval '30 s') ORDER BY j.id LIMIT 20",
                   err);
    for (; fc_query_row(&q); count++) {
        fc_query_copy_text(&q, 0, jobs[count], sizeof jobs[count]);
        fc_query_copy_text(&q, 1, files[count], sizeof files[count]);
    }
    fc_status status = fc_query_end(&q, NULL);
    for (int i = 0; i < count && status == FC_OK; i++) {
        char text[300];
        snprintf(text, sizeof text, "No running worker has %.240s: the job waits for one.",
                 *files[i] ? files[i] : "what it needs");
        status = fc_fleet_warn(conn, jobs[i], text, err);
    }
    return status;
}

fc_status fc_fleet_tidy(fc_lib_conn *conn, int lease_seconds, fc_err *err)
{
    char got[8] = "";
    fc_query q;
    fc_query_begin(&q, conn, "SELECT pg_try_advisory_lock(1180912739)", err);
    if (fc_query_row(&q)) fc_query_copy_text(&q, 0, got, sizeof got);
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK || got[0] != 't') return status;
    status = reclaim_expired(conn, lease_seconds, err);
    if (status != FC_OK) goto out;
    status = warn_of_needs(conn, err);
    if (status != FC_OK) goto out;
    status = fc_lib_run(conn, "DELETE FROM workers WHERE seen < now() - interval '1 hour'", err);
    if (status != FC_OK) goto out;
    status = fc_lib_run(conn,
                        "DELETE FROM live l WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.job = l.job AND"
                        " t.number = l.number AND t.state = 1)",
                        err);
    if (status != FC_OK) goto out;
    status =
        fc_lib_run(conn, "DELETE FROM events WHERE number < (SELECT max(number) FROM events) - 20000", err);
    if (status != FC_OK) goto out;
    status = fc_lib_run(conn, "DELETE FROM outbox WHERE id < (SELECT max(id) FROM outbox) - 50000", err);
out:
    (void)!fc_lib_run(conn, "SELECT pg_advisory_unlock(1180912739)", NULL);
    return status;
}
