/* GET /metrics: numbers for Prometheus. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/server_impl.h"

enum { MAX_TEXT = 1 << 20, MAX_WORKERS = 2000 };

static void head(fc_buf *out, const char *name, const char *type, const char *help)
{
    fc_buf_printf(out, "# HELP fooocus_%s %s\n# TYPE fooocus_%s %s\n", name, help, name, type);
}

/* The value of a label: a name that a person chose. */
static void put_label(fc_buf *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"') fc_buf_putc(out, '\\');
        fc_buf_putc(out, *value == '\n' ? ' ' : *value);
    }
}

static void put_queue(fc_buf *out, const fc_library_counts *counts)
{
    int64_t age = counts->oldest ? fc_unix_millis() - counts->oldest : 0;
    head(out, "jobs", "gauge", "Jobs in the history by state.");
    for (int i = 0; i < FC_JOB_STATE_COUNT; i++)
        fc_buf_printf(out, "fooocus_jobs{state=\"%s\"} %lld\n", fc_job_state_name((fc_job_state)i),
                      (long long)counts->jobs[i]);
    head(out, "queue_oldest_seconds", "gauge", "Since when the oldest waiting job waits; 0: none waits.");
    fc_buf_printf(out, "fooocus_queue_oldest_seconds %.3f\n", (double)(age > 0 ? age : 0) / 1000);
    head(out, "pictures", "gauge", "Pictures in the history, without the trash.");
    fc_buf_printf(out, "fooocus_pictures %lld\n", (long long)counts->pictures);
}

static void put_worker(fc_buf *out, const char *name, const fc_worker_row *w, double value)
{
    fc_buf_printf(out, "fooocus_%s{worker=\"", name);
    put_label(out, w->name);
    fc_buf_puts(out, "\",device=\"");
    put_label(out, w->device);
    fc_buf_printf(out, "\"} %.6g\n", value);
}

static void put_workers(fc_buf *out, const fc_worker_row *rows, int32_t count)
{
    int32_t idle = 0, draining = 0;
    for (int32_t i = 0; i < count; i++) {
        idle += rows[i].idle && !rows[i].drain;
        draining += rows[i].drain;
    }
    head(out, "workers", "gauge", "Workers of the shared queue that are alive.");
    fc_buf_printf(out, "fooocus_workers{state=\"idle\"} %d\nfooocus_workers{state=\"busy\"} %d\n", (int)idle,
                  (int)(count - idle - draining));
    fc_buf_printf(out, "fooocus_workers{state=\"draining\"} %d\n", (int)draining);
    if (count) head(out, "worker_pictures_total", "counter", "Pictures a worker has drawn since its start.");
    for (int32_t i = 0; i < count; i++)
        put_worker(out, "worker_pictures_total", &rows[i], (double)rows[i].pictures);
    if (count) head(out, "worker_step_seconds", "gauge", "What a step takes lately.");
    for (int32_t i = 0; i < count; i++)
        if (rows[i].step_micros > 0)
            put_worker(out, "worker_step_seconds", &rows[i], (double)rows[i].step_micros / 1e6);
}

/* What this process holds: /proc/self/statm counts pages. */
static void put_process(fc_buf *out)
{
    char text[128] = "", digits[24];
    uint64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = '\0';
    const char *at = strchr(text, ' ');
    snprintf(digits, sizeof digits, "%.*s", at ? (int)strcspn(at + 1, " ") : 0, at ? at + 1 : "");
    if (at && fc_parse_u64(digits, &pages)) {
        head(out, "memory_bytes", "gauge", "Memory that this process holds.");
        fc_buf_printf(out, "fooocus_memory_bytes %llu\n", (unsigned long long)pages * 4096);
    }
    head(out, "cpu_seconds_total", "counter", "Processor time of this process.");
    fc_buf_printf(out, "fooocus_cpu_seconds_total %.3f\n", fc_cpu_now());
}

void fc_api_metrics(fc_http *h)
{
    fc_err err = {0};
    fc_library_counts counts;
    fc_jobs_state state;
    fc_buf out;
    int32_t count = 0;
    fc_worker_row *workers = fc_arena_array(&h->arena, MAX_WORKERS, sizeof *workers);
    fc_buf_init(&out, MAX_TEXT);
    fc_status status = workers ? fc_library_count(h->server->library, &counts, &err)
                               : fc_fail(&err, FC_NOMEM, "out of memory");
    if (status != FC_OK) goto out;
    status = fc_library_workers(h->server->library, workers, MAX_WORKERS, &count, &err);
    if (status != FC_OK) goto out;
    fc_jobs_get_state(h->server->jobs, &state);
    head(&out, "info", "gauge", "The program.");
    fc_buf_printf(&out, "fooocus_info{version=\"%s\"} 1\n", FC_VERSION);
    put_queue(&out, &counts);
    if (state.seconds_per_step > 0) {
        head(&out, "step_seconds", "gauge", "What a step takes lately, with the quickest worker.");
        fc_buf_printf(&out, "fooocus_step_seconds %.6g\n", state.seconds_per_step);
    }
    if (h->server->fleet.url) put_workers(&out, workers, count);
    put_process(&out);
    if (out.status != FC_OK) status = fc_fail(&err, out.status, "out of memory");
out:
    if (status == FC_OK)
        fc_http_bytes(h, 200, "text/plain", out.data, out.len);
    else
        fc_http_problem_as(h, 503, status, err.message, NULL);
    fc_buf_fini(&out);
}
