/* The waiting jobs in their order, and what is told about them: what queue and worker share. */
#include <stdio.h>
#include <string.h>
#include "app/queue/job_json.h"
#include "app/queue/jobs_impl.h"
#include "base/clock.h"

size_t fc_jobs_find(const fc_jobs *j, const char *id)
{
    size_t i = 0;
    while (i < j->count && strcmp(j->ids[i], id) != 0) i++;
    return i;
}

void fc_jobs_insert(fc_jobs *j, size_t at, const char *id)
{
    memmove(j->ids + at + 1, j->ids + at, (j->count - at) * sizeof *j->ids);
    snprintf(j->ids[at], sizeof *j->ids, "%s", id);
    j->count++;
}

void fc_jobs_remove(fc_jobs *j, size_t at)
{
    j->count--;
    memmove(j->ids + at, j->ids + at + 1, (j->count - at) * sizeof *j->ids);
}

void fc_jobs_announce_queue(fc_jobs *j)
{
    json_t *order = j->count <= FC_JOBS_MAX_ORDER ? json_array() : json_null();
    for (size_t i = 0; i < j->count && json_is_array(order); i++)
        json_array_append_new(order, json_string(j->ids[i]));
    pthread_mutex_lock(&j->live);
    json_t *running = *j->current.id ? json_string(j->current.id) : json_null();
    pthread_mutex_unlock(&j->live);
    fc_events_publish(
        j->config.events, "queue", NULL,
        json_pack("{s:I, s:o, s:o}", "waiting", (json_int_t)j->count, "running", running, "order", order));
}

void fc_jobs_announce(fc_jobs *j, const char *id)
{
    fc_arena arena;
    fc_job_row row;
    fc_arena_init(&arena, FC_JOBS_MEMORY);
    if (fc_library_job_get(j->config.library, id, &arena, &row, NULL) == FC_OK) {
        size_t at = fc_jobs_find(j, id);
        json_t *job = fc_job_to_json(&row, at < j->count ? (int32_t)at : -1, FC_JSON_SHORT);
        fc_events_publish(j->config.events, "job", id, job);
    }
    fc_arena_fini(&arena);
    fc_jobs_announce_queue(j);
}

void fc_jobs_update_watch(fc_jobs *j)
{
    bool watched = __atomic_load_n(&j->watchers, __ATOMIC_RELAXED) > 0 ||
                   fc_unix_millis() < __atomic_load_n(&j->watched_until, __ATOMIC_RELAXED);
    __atomic_store_n(&j->want_preview, watched && j->current.wants_preview, __ATOMIC_RELAXED);
}
