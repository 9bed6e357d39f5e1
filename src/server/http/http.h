/* One request and its answer. A handler is called when the whole body is there; it either sets the answer or
 * calls fc_http_wait and is called again when something has changed. Memory of a request comes from its
 * arena.
 */
#ifndef FC_SERVER_HTTP_HTTP_H
#define FC_SERVER_HTTP_HTTP_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include "app/settings/config.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/embed.h"
#include "server/http/wait.h"
#include "server/server.h"

struct fc_route;

/* Where the request comes from, as a trusted proxy tells it or as the connection shows it. In the arena. */
typedef struct fc_peer {
    const char *named; /* the host as the request or a trusted proxy names it, with the port; "": not */
    const char *scheme, *host; /* of our links */
    const char *prefix;        /* "" or "/path": what a proxy serves us below */
    const char *client;        /* IP address */
    const char *page;          /* Origin of a foreign page that --allow-origin lets in; NULL: none */
} fc_peer;

typedef struct fc_http {
    fc_server *server;
    struct MHD_Connection *connection;
    fc_conn *conn;
    const struct fc_route *route;
    const char *target;        /* as it came: path and query, not decoded */
    const char *version;       /* "HTTP/1.1" */
    const char *method, *path; /* path: decoded, without the query and without the proxy's prefix */
    const char *captures[2];   /* what stands at {...} of the route's pattern */
    const char *user;          /* who asks; NULL without authentication */
    fc_peer peer;
    fc_arena arena;
    fc_buf body;
    size_t body_counted; /* bytes that count among those of all bodies */
    bool begun, body_too_large, waiting;
    void (*tell_problem)(struct fc_http *h, unsigned http, const fc_err *err); /* NULL: as problem+json */
    fc_waiter waiter;
    json_t *form;        /* the body as compat/pictures_in.h reads it; NULL: not yet */
    json_t *warnings;    /* what was not done as it was asked for: texts; NULL: nothing */
    fc_config *settings; /* see fc_http_settings; NULL: not asked for yet */
    void *state;         /* a handler's own, in the arena, kept while it waits; NULL at first */
    json_t *parts;       /* what is there already of an answer that takes several jobs; NULL: nothing */
    void (*on_gone)(struct fc_http *h); /* the client hung up before there was an answer; NULL: never mind */
    bool answered;
    struct MHD_Response *response;
    unsigned status;
} fc_http;

typedef void (*fc_handler)(fc_http *h);

/* PUBLIC: needs no login. SIGNED: a signature in the address does instead. UPLOAD: the body may be large. */
enum {
    FC_ROUTE_PUBLIC = 1,
    FC_ROUTE_SIGNED = 2,
    FC_ROUTE_UPLOAD = 4,
    FC_ROUTE_HEALTH = 8 /* of a worker too */
};

typedef struct fc_route {
    const char *method, *pattern;
    fc_handler handler;
    unsigned flags;
} fc_route;

/* The configuration as it was when this request first asked for it. */
const fc_config *fc_http_settings(fc_http *h);

/* ---- reading ---- */

const char *fc_http_query(fc_http *h, const char *name);  /* NULL: not there; decoded */
const char *fc_http_header(fc_http *h, const char *name); /* NULL: not there */
/* A whole number of the query; `otherwise` when it is not there. False: it is no number in the range, and the
 * answer says so. */
bool fc_http_query_int(fc_http *h, const char *name, int64_t lowest, int64_t highest, int64_t otherwise,
                       int64_t *out);
/* Whether a switch of the query is on: true, 1, yes, on in any case. */
bool fc_http_query_flag(fc_http *h, const char *name);
/* The body as JSON object, or NULL and err tells why. An empty body is {} when `optional`. */
json_t *fc_http_read_json(fc_http *h, bool optional, fc_err *err);
/* The same; NULL: the answer is set. */
json_t *fc_http_body_json(fc_http *h, bool optional);
/* The number in captures[0], or false and the answer (404) is set. */
bool fc_http_capture_id(fc_http *h, int64_t *id);

/* ---- answering: each sets the one answer ---- */

/* Problems are told by h->tell_problem in the form of the API whose path was asked. */
void fc_http_json(fc_http *h, unsigned status, json_t *value); /* takes the reference; NULL: out of memory */
void fc_http_problem(fc_http *h, fc_status status, const char *message);
void fc_http_problem_as(fc_http *h, unsigned http, fc_status status, const char *message, const char *field);
void fc_http_fail(fc_http *h, const fc_err *err); /* the problem that err describes */
void fc_http_empty(fc_http *h, unsigned status);
void fc_http_bytes(fc_http *h, unsigned status, const char *type, const void *data, size_t size); /* copies */
/* The memory must outlive the server. */
void fc_http_static(fc_http *h, const char *type, const void *data, size_t size, const char *etag);
void fc_http_add_header(fc_http *h, const char *name, const char *value); /* after the answer is set */
/* Something that is not done as it was asked for, without being an error; told with the answer. */
void fc_http_warn(fc_http *h, const char *format, ...) FC_PRINTF(2, 3);

/* A file that is sent with ETag, Last-Modified, ranges and 304. cache: the Cache-Control header. False: there
 * is no such file, and no answer is set. */
bool fc_http_file(fc_http *h, const char *path, const char *type, const char *cache);
/* Whether a list of tags, each perhaps weak, or a star, holds this one. */
bool fc_http_tag_listed(const char *list, const char *etag);
/* Whether If-None-Match says that the client has it. */
bool fc_http_client_has(fc_http *h, const char *etag);

/* Suspends the request until something has changed. */
void fc_http_wait(fc_http *h);
/* Whether the client has hung up meanwhile. */
bool fc_http_peer_gone(fc_http *h);

/* "http://host:port/prefix" as the client, --public-url or a trusted proxy names it; in the arena. */
const char *fc_http_base_url(fc_http *h);

/* Host, Origin and the like; false: refused, and the answer is set. (guard.c) */
bool fc_guard_check(fc_http *h);
/* The answer to OPTIONS, which a browser sends before a request of a foreign page. */
void fc_guard_options(fc_http *h, const char *allow);
/* Headers that let the foreign page read the answer. */
void fc_guard_headers(fc_http *h);
/* Whether the head says clearly where the request ends; false: refused, and the answer is set. (head.c) */
bool fc_head_check(fc_http *h);

/* ---- compress.c ---- */

/* accepted: the client's Accept-Encoding; NULL: it has none. */
bool fc_http_can_compress(const char *accepted, const char *type, size_t size);
bool fc_gzip(const void *data, size_t size, fc_buf *out); /* false: out of memory */

/* ---- the page (assets.c) ---- */

extern const fc_embedded_set fc_web; /* web/, built in */
void fc_asset_get(fc_http *h);

#endif
