/* A ring of numbered events, kept as the text that event streams send. Any thread may publish, any number of
 * readers follow at their own pace: a reader that fell behind the ring is told to start anew, and costs
 * nobody anything. Numbers grow over restarts of the program, so an old number is never mistaken for one of
 * now. */
#ifndef FC_APP_COMMON_EVENTS_H
#define FC_APP_COMMON_EVENTS_H

#include <jansson.h>
#include <stdint.h>
#include "base/buf.h"

typedef struct fc_events fc_events;

typedef struct fc_events_config {
    size_t max_events, max_bytes;
    uint64_t first; /* the number before the first event */
    /* After each event, on the publishing thread, without a lock held; may be NULL. */
    void (*changed)(void *user);
    void *user;
} fc_events_config;

fc_status fc_events_open(const fc_events_config *config, fc_events **events, fc_err *err) FC_MUST_USE;
void fc_events_close(fc_events *e);

/* Takes the reference to data. An event that cannot be kept (memory) makes all readers start anew. */
void fc_events_publish(fc_events *e, const char *type, const char *job, json_t *data);
/* For events that several programs share, whose numbers go on behind `last`: what is published goes to
 * forward, which sees to it that it comes back with its number through fc_events_append. Before there are
 * other threads. */
void fc_events_share(fc_events *e, uint64_t last,
                     void (*forward)(void *user, const char *type, const char *job, const char *json),
                     void *user);
/* Adds an event that has a number, greater than all before; behind a gap all readers start anew. */
void fc_events_append(fc_events *e, uint64_t number, const char *type, const char *job, const char *json);
uint64_t fc_events_last(fc_events *e);
/* Appends what is newer than *cursor as text/event-stream, whole events, some 64 KiB at most; moves *cursor.
 * job (NULL: all) chooses the events of one job. A number that the ring does not reach gives the event
 * "reset". */
void fc_events_read(fc_events *e, uint64_t *cursor, const char *job, fc_buf *out);

#endif
