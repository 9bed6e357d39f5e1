/* fleet_bench URL [WAITING] [CLAIMS]: what the queue in PostgreSQL costs. Fills an empty database with that
 * many waiting pictures of 1,000 users, claims some, and prints how long a claim takes in all and of the
 * database's processor time, and the plan of the query. The numbers stand in docs/FLEET.md. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/queue/fleet_tasks.h"
#include "app/queue/store_pg.h"
#include "base/clock.h"
#include "base/str.h"

enum { USERS = 1000, PICTURES = 4, LEASE = 600 };

static fc_status run(fc_lib_conn *conn, const char *sql, int64_t number, fc_err *err)
{
    fc_query q;
    fc_query_begin_once(&q, conn, sql, err);
    if (number) fc_query_int(&q, number);
    return fc_query_end(&q, NULL);
}

/* Jobs of four pictures, as many as make `waiting`, on one model. */
static fc_status fill(fc_lib_conn *conn, int64_t waiting, fc_err *err)
{
    char jobs[700];
    snprintf(
        jobs, sizeof jobs,
        "INSERT INTO jobs (id, state, place, parameters, prompt, fingerprint, created, images, owner)"
        " SELECT '01' || lpad(n::text, 24, '0'), 'queued', 0, '{\"prompt\":\"a fox\"}', 'a fox', '', n, %d,"
        " 'user ' || n %% %d FROM generate_series(1, ?) n",
        PICTURES, USERS);
    fc_status status = run(conn, "INSERT INTO needs (files) VALUES ('{checkpoints/x.safetensors}')", 0, err);
    if (status != FC_OK) return status;
    status = run(conn, jobs, waiting / PICTURES, err);
    if (status != FC_OK) return status;
    status = run(conn,
                 "INSERT INTO tasks (job, number, need, owner, priority, turn) SELECT j.id, n, 1, j.owner, 0,"
                 " (row_number() OVER (PARTITION BY j.owner ORDER BY j.id, n))::float8"
                 " FROM jobs j, generate_series(1, j.images) n",
                 0, err);
    return status == FC_OK ? run(conn, "ANALYZE", 0, err) : status;
}

/* Seconds that the database's process for this connection has computed. */
static double server_seconds(fc_lib_conn *conn)
{
    char path[64], text[1024] = "";
    fc_query q;
    uint64_t ticks = 0, sum = 0;
    fc_query_begin_once(&q, conn, "SELECT pg_backend_pid()", NULL);
    int64_t pid = fc_query_row(&q) ? fc_query_get_int(&q, 0) : 0;
    if (fc_query_end(&q, NULL) != FC_OK) return 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f) return 0; /* another machine's */
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 15; field++) { /* 14 and 15 are what we look for */
        at = strchr(at + 1, ' ');
        char digits[24];
        if (!at || field < 13) continue;
        snprintf(digits, sizeof digits, "%.*s", (int)strcspn(at + 1, " "), at + 1);
        if (fc_parse_u64(digits, &ticks)) sum += ticks;
    }
    return (double)sum / (double)sysconf(_SC_CLK_TCK);
}

static fc_status claim_some(fc_lib_conn *conn, int64_t count, fc_err *err)
{
    const fc_fleet_claim claim = {1, "{checkpoints/x.safetensors}", "checkpoints/x.safetensors", LEASE};
    double before = server_seconds(conn), own = fc_cpu_now(), start = fc_now();
    for (int64_t i = 0; i < count; i++) {
        fc_arena arena;
        fc_fleet_task task;
        fc_arena_init(&arena, FC_TASK_MEMORY);
        fc_status status = fc_fleet_claim_task(conn, &claim, &arena, &task, err);
        fc_arena_fini(&arena);
        if (status != FC_OK) return status;
    }
    double wall = fc_now() - start, client = fc_cpu_now() - own, server = server_seconds(conn) - before;
    printf("%" PRId64
           " claims: %.3f ms each by the clock, %.3f ms of the database's processor time, %.3f ms here\n",
           count, wall * 1e3 / (double)count, server * 1e3 / (double)count, client * 1e3 / (double)count);
    return FC_OK;
}

int main(int argc, char **argv)
{
    fc_library *library;
    fc_err err = {0};
    int64_t waiting = 100000, claims = 2000;
    if (argc < 2 || (argc > 2 && !fc_parse_i64(argv[2], &waiting)) ||
        (argc > 3 && !fc_parse_i64(argv[3], &claims))) {
        fprintf(stderr, "usage: fleet_bench postgresql://user@host/EMPTY_DATABASE [WAITING] [CLAIMS]\n");
        return 2;
    }
    fc_status status = fc_library_open(argv[1], &library, &err);
    if (status != FC_OK) goto out;
    status = fill(&library->writer, waiting, &err);
    for (int i = 0; i < 3 && status == FC_OK; i++) status = claim_some(&library->writer, claims, &err);
    fc_library_close(library);
out:
    if (status != FC_OK) fprintf(stderr, "%s\n", err.message);
    return fc_status_exit_code(status);
}
