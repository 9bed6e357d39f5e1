/* Numbered events in a ring: writers never wait for readers. See events.h. */
#include "app/common/events.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/common/ulid.h"
#include "base/mem.h"

enum { MAX_EVENT = 256 << 10, READ_BYTES = 64 << 10 };

typedef struct event {
    uint64_t number;
    char job[FC_ULID_SIZE]; /* "" when it belongs to none */
    char *text;             /* "id: ...\nevent: ...\ndata: ...\n\n" */
    size_t size;
} event;

struct fc_events {
    pthread_mutex_t lock; /* a leaf: nothing else is locked under it */
    fc_events_config config;
    event *ring;
    size_t first, count, bytes;
    uint64_t last;
    void (*forward)(void *user, const char *type, const char *job,
                    const char *json); /* NULL: numbered here */
    void *forward_user;
};

fc_status fc_events_open(const fc_events_config *config, fc_events **events, fc_err *err)
{
    fc_events *e = fc_calloc(1, sizeof *e);
    event *ring = fc_calloc(config->max_events, sizeof *ring);
    *events = NULL;
    if (!e || !ring || pthread_mutex_init(&e->lock, NULL) != 0) {
        fc_free(e);
        fc_free(ring);
        return fc_fail(err, FC_NOMEM, "out of memory for the events");
    }
    e->config = *config;
    e->ring = ring;
    e->last = config->first;
    *events = e;
    return FC_OK;
}

static void drop_oldest(fc_events *e)
{
    event *oldest = &e->ring[e->first];
    e->bytes -= oldest->size;
    fc_free(oldest->text);
    *oldest = (event){0};
    e->first = (e->first + 1) % e->config.max_events;
    e->count--;
}

void fc_events_close(fc_events *e)
{
    if (!e) return;
    while (e->count) drop_oldest(e);
    pthread_mutex_destroy(&e->lock);
    fc_free(e->ring);
    fc_free(e);
}

/* Under the lock, because the text holds its number. */
static void append(fc_events *e, uint64_t number, const char *type, const char *job, const fc_buf *json)
{
    fc_buf text;
    e->last = number;
    fc_buf_init(&text, MAX_EVENT + 256);
    fc_buf_printf(&text, "id: %" PRIu64 "\nevent: %s\ndata: ", number, type);
    fc_buf_append(&text, json->data, json->len);
    fc_buf_puts(&text, "\n\n");
    if (text.status != FC_OK || json->status != FC_OK) {
        fc_buf_fini(&text);
        while (e->count) drop_oldest(e);
        return;
    }
    while (e->count && (e->count == e->config.max_events || e->bytes + text.len > e->config.max_bytes))
        drop_oldest(e);
    event *slot = &e->ring[(e->first + e->count++) % e->config.max_events];
    *slot = (event){.number = number, .size = text.len};
    if (job) memcpy(slot->job, job, strnlen(job, FC_ULID_SIZE - 1));
    e->bytes += text.len;
    slot->text = fc_buf_take(&text);
}

void fc_events_publish(fc_events *e, const char *type, const char *job, json_t *data)
{
    fc_buf json;
    fc_buf_init(&json, MAX_EVENT);
    fc_json_write(data, JSON_COMPACT, &json); /* no newline in it: jansson escapes them */
    json_decref(data);
    if (e->forward) {
        if (json.status == FC_OK) e->forward(e->forward_user, type, job, json.data);
        fc_buf_fini(&json);
        return;
    }
    pthread_mutex_lock(&e->lock);
    append(e, e->last + 1, type, job, &json);
    pthread_mutex_unlock(&e->lock);
    fc_buf_fini(&json);
    if (e->config.changed) e->config.changed(e->config.user);
}

void fc_events_append(fc_events *e, uint64_t number, const char *type, const char *job, const char *json)
{
    fc_buf text;
    fc_buf_init(&text, MAX_EVENT);
    fc_buf_puts(&text, json);
    pthread_mutex_lock(&e->lock);
    while (e->count && number != e->last + 1) drop_oldest(e);
    if (number > e->last) append(e, number, type, job, &text);
    pthread_mutex_unlock(&e->lock);
    fc_buf_fini(&text);
    if (e->config.changed) e->config.changed(e->config.user);
}

void fc_events_share(fc_events *e, uint64_t last,
                     void (*forward)(void *user, const char *type, const char *job, const char *json),
                     void *user)
{
    e->last = last;
    e->forward = forward;
    e->forward_user = user;
}

uint64_t fc_events_last(fc_events *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t last = e->last;
    pthread_mutex_unlock(&e->lock);
    return last;
}

void fc_events_read(fc_events *e, uint64_t *cursor, const char *job, fc_buf *out)
{
    pthread_mutex_lock(&e->lock);
    uint64_t oldest = e->last - e->count + 1; /* numbers in the ring have no gaps */
    if (*cursor + 1 < oldest || *cursor > e->last) {
        fc_buf_printf(out, "id: %" PRIu64 "\nevent: reset\ndata: {}\n\n", e->last);
        *cursor = e->last;
    }
    while (*cursor < e->last && out->len < READ_BYTES) {
        const event *next = &e->ring[(e->first + (size_t)(*cursor + 1 - oldest)) % e->config.max_events];
        if (!job || strcmp(job, next->job) == 0) fc_buf_append(out, next->text, next->size);
        ++*cursor;
    }
    pthread_mutex_unlock(&e->lock);
}
