/* Whose job is whose: clients of other APIs stop "the" job without naming it, and mean their own. */
#include <stdio.h>
#include <string.h>
#include "base/sha256.h"
#include "server/api/api.h"
#include "server/server_impl.h"

/* A user, or without users an address and a program there. */
static bool owner_of(fc_http *h, char out[FC_OWNER_SIZE])
{
    fc_sha256 hash;
    const char *agent = fc_http_header(h, "User-Agent");
    const char *text = fc_arena_printf(&h->arena, "%s\n%s\n%s", h->user ? h->user : "", h->peer.client,
                                       agent && !h->user ? agent : "");
    if (!text || fc_sha256_bytes(text, strlen(text), &hash, NULL) != FC_OK) return false;
    memcpy(out, hash.hex, FC_OWNER_SIZE - 1);
    out[FC_OWNER_SIZE - 1] = '\0';
    return true;
}

const char *fc_owner_name(fc_http *h)
{
    char name[FC_OWNER_SIZE];
    const char *own = h->user             ? fc_arena_strdup(&h->arena, h->user)
                      : owner_of(h, name) ? fc_arena_strdup(&h->arena, name)
                                          : NULL;
    return own ? own : "";
}

void fc_owner_note(fc_http *h, const char *id)
{
    fc_server *s = h->server;
    fc_owner *owner = &s->owners[__atomic_fetch_add(&s->next_owner, 1, __ATOMIC_RELAXED) % FC_OWNERS];
    char name[FC_OWNER_SIZE];
    if (!owner_of(h, name)) return;
    pthread_mutex_lock(&s->report_lock);
    memcpy(owner->name, name, sizeof name);
    snprintf(owner->job, sizeof owner->job, "%s", id);
    pthread_mutex_unlock(&s->report_lock);
}

bool fc_owner_job(fc_http *h, char id[FC_JOB_ID_SIZE])
{
    fc_server *s = h->server;
    fc_jobs_state queue;
    char name[FC_OWNER_SIZE], oldest[FC_JOB_ID_SIZE] = "";
    bool running = false, named = owner_of(h, name);
    fc_jobs_get_state(s->jobs, &queue);
    pthread_mutex_lock(&s->report_lock);
    for (int i = 0; named && i < FC_OWNERS; i++) {
        const fc_owner *o = &s->owners[i];
        if (!*o->job || strcmp(o->name, name) != 0) continue;
        running |= strcmp(o->job, queue.running) == 0;
        bool waits = fc_jobs_position(s->jobs, o->job) >= 0;
        if (waits && (!*oldest || strcmp(o->job, oldest) < 0))
            memcpy(oldest, o->job, sizeof oldest); /* sorted by time */
    }
    pthread_mutex_unlock(&s->report_lock);
    snprintf(id, FC_JOB_ID_SIZE, "%s", running || !*oldest ? queue.running : oldest);
    return *id != '\0';
}
