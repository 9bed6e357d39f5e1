/* GET /api/v1/events: server-sent events. A stream copies what is newer than its own number and sends it at
 * the client's pace; without news it is suspended. */
#include <string.h>
#include "app/common/ulid.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "server/api/api.h"
#include "server/server_impl.h"

enum { BLOCK = 32 << 10, MAX_PENDING = 1 << 20, KEPT_PENDING = 8 << 10 };
static const double keep_alive_seconds = 9; /* looked at every 5 s: no silence of 15 */

typedef struct stream {
    fc_server *server;
    fc_waiter waiter;
    uint64_t cursor;
    char job[FC_ULID_SIZE]; /* "": all */
    fc_buf pending;
    size_t sent; /* of pending */
    double last; /* fc_now() when something was written */
} stream;

static void free_stream(void *user)
{
    stream *st = user;
    fc_jobs_watch(st->server->jobs, -1);
    fc_buf_fini(&st->pending);
    fc_free(st);
}

static void refill(stream *st)
{
    if (st->pending.cap > KEPT_PENDING) { /* many streams wait most of the time */
        fc_buf_fini(&st->pending);
        fc_buf_init(&st->pending, MAX_PENDING);
    }
    fc_buf_reset(&st->pending);
    st->sent = 0;
    fc_events_read(st->server->events, &st->cursor, *st->job ? st->job : NULL, &st->pending);
    if (!st->pending.len && fc_now() - st->last >= keep_alive_seconds)
        fc_buf_puts(&st->pending, ": keep-alive\n\n");
}

static ssize_t read_stream(void *user, uint64_t position, char *out, size_t max)
{
    stream *st = user;
    (void)position;
    for (;;) {
        size_t rest = st->pending.len - st->sent;
        if (rest > 0) {
            size_t n = rest < max ? rest : max;
            memcpy(out, st->pending.data + st->sent, n);
            st->sent += n;
            st->last = fc_now();
            return (ssize_t)n;
        }
        if (fc_wait_closing(st->server)) return MHD_CONTENT_READER_END_OF_STREAM;
        uint64_t seen = fc_wait_seen(st->server);
        refill(st);
        if (st->pending.status != FC_OK) return MHD_CONTENT_READER_END_WITH_ERROR;
        if (!st->pending.len && fc_wait_suspend(st->server, &st->waiter, seen)) return 0;
    }
}

/* Where to begin: behind the number the client names, else with what comes from now on. */
static bool find_start(fc_http *h, uint64_t *cursor)
{
    const char *text = fc_http_header(h, "Last-Event-ID");
    if (!text) text = fc_http_query(h, "after");
    *cursor = fc_events_last(h->server->events);
    if (!text || !*text || fc_parse_u64(text, cursor)) return true;
    fc_http_problem_as(h, 0, FC_ARG, "after: want the number of an event", "after");
    return false;
}

void fc_api_events(fc_http *h)
{
    uint64_t cursor;
    const char *job = fc_http_query(h, "job");
    if (!find_start(h, &cursor)) return;
    if (job && !fc_ulid_valid(job)) {
        fc_http_problem_as(h, 0, FC_ARG, "job: this is no id of a job", "job");
        return;
    }
    stream *st = fc_calloc(1, sizeof *st);
    if (!st) {
        fc_http_problem(h, FC_NOMEM, "out of memory");
        return;
    }
    st->server = h->server;
    st->waiter.connection = h->connection;
    st->cursor = cursor;
    st->last = fc_now();
    if (job) memcpy(st->job, job, sizeof st->job);
    fc_buf_init(&st->pending, MAX_PENDING);
    fc_buf_puts(&st->pending, "retry: 2000\n\n"); /* also sends the head at once */
    fc_jobs_watch(h->server->jobs, 1);
    h->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, st, free_stream);
    h->status = 200;
    if (!h->response) {
        free_stream(st);
        fc_http_problem(h, FC_NOMEM, "out of memory");
        return;
    }
    fc_http_add_header(h, "Content-Type", "text/event-stream; charset=utf-8");
    fc_http_add_header(h, "Cache-Control", "no-cache");
    fc_http_add_header(h, "X-Accel-Buffering", "no");
}
