/* GET /api/v1/system */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/server_impl.h"

/* A line of /proc/meminfo, "MemTotal:  24628 kB", in bytes; 0 when it is not there. */
static uint64_t memory_line(const char *text, const char *name)
{
    char digits[24];
    uint64_t kib;
    const char *at = strstr(text, name);
    if (!at) return 0;
    at += strlen(name);
    at += strspn(at, ": \t");
    size_t n = strspn(at, "0123456789");
    snprintf(digits, sizeof digits, "%.*s", (int)(n < sizeof digits ? n : 0), at);
    return fc_parse_u64(digits, &kib) && kib < UINT64_MAX / 1024 ? kib * 1024 : 0;
}

static json_t *memory(void)
{
    char text[4096];
    FILE *f = fopen("/proc/meminfo", "re"); /* no regular file: it has no size */
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = '\0';
    return json_pack("{s:I, s:I}", "total", (json_int_t)memory_line(text, "MemTotal"), "available",
                     (json_int_t)memory_line(text, "MemAvailable"));
}

static json_t *loaded_model(const fc_engine_report *report)
{
    return *report->model ? json_pack("{s:o}", "line", fc_json_text(report->model)) : json_null();
}

void fc_api_system(fc_http *h)
{
    fc_server *s = h->server;
    fc_jobs_state queue;
    fc_engine_report report;
    pthread_mutex_lock(&s->report_lock);
    report = s->report;
    pthread_mutex_unlock(&s->report_lock);
    fc_jobs_get_state(s->jobs, &queue);
    json_t *speed = queue.seconds_per_step < 0
                        ? json_null()
                        : json_pack("{s:f}", "seconds_per_step", queue.seconds_per_step);
    fc_model_folder folder = {0};
    json_t *defaults, *sizes, *prompts;
    fc_err err = {0};
    if (fc_server_describe_defaults(h, &defaults, &sizes, &prompts, &err) != FC_OK) {
        fc_http_fail(h, &err);
        return;
    }
    bool found =
        fc_model_folder_open(fc_http_settings(h), "checkpoints", &h->arena, &folder, NULL) == FC_OK &&
        folder.own > 0;
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:I, s:{s:i, s:o}, s:{s:b, "
        "s:o}, "
        "s:I}",
        "version", FC_VERSION, "device", report.device, "passed_over", report.passed_over, "precision",
        report.precision, "backend", s->config.engine.backend ? s->config.engine.backend : "auto", "threads",
        s->config.engine.threads, "memory", memory(), "model", loaded_model(&report), "models_installed",
        found, "demo", folder.demo && !s->config.model, "defaults", defaults, "sizes", sizes, "prompts",
        prompts, "speed", speed, "max_pixels", (json_int_t)s->config.max_pixels, "queue", "waiting",
        queue.waiting, "running", *queue.running ? json_string(queue.running) : json_null(), "session",
        "authentication", s->auth != NULL, "user", h->user ? json_string(h->user) : json_null(), "event",
        (json_int_t)fc_events_last(s->events));
    fc_http_json(h, 200, out);
}
