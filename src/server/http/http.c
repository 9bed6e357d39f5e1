/* Reading a request and setting its answer. See http.h. */
#include "server/http/http.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "app/settings/problem.h"
#include "base/mem.h"
#include "base/str.h"
#include "server/server_impl.h"

enum { MAX_ANSWER = 256 << 20, MAX_WARNINGS = 50 };

const fc_config *fc_http_settings(fc_http *h)
{
    if (!h->settings) h->settings = fc_live_config_take(h->server->settings);
    return h->settings;
}

/* ---- reading ---- */

const char *fc_http_query(fc_http *h, const char *name)
{
    return MHD_lookup_connection_value(h->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *fc_http_header(fc_http *h, const char *name)
{
    return MHD_lookup_connection_value(h->connection, MHD_HEADER_KIND, name);
}

bool fc_http_query_int(fc_http *h, const char *name, int64_t lowest, int64_t highest, int64_t otherwise,
                       int64_t *out)
{
    char message[160];
    const char *text = fc_http_query(h, name);
    *out = otherwise;
    if (!text) return true;
    if (fc_parse_i64(text, out) && *out >= lowest && *out <= highest) return true;
    snprintf(message, sizeof message, "%s: want a whole number from %lld to %lld", name, (long long)lowest,
             (long long)highest);
    fc_http_problem_as(h, 0, FC_ARG, message, name);
    return false;
}

bool fc_http_query_flag(fc_http *h, const char *name)
{
    const char *value = fc_http_query(h, name);
    return value && (fc_str_eq_nocase(value, "true") || fc_str_eq_nocase(value, "yes") ||
                     fc_str_eq_nocase(value, "on") || strcmp(value, "1") == 0);
}

json_t *fc_http_read_json(fc_http *h, bool optional, fc_err *err)
{
    fc_err why = {0};
    json_t *root;
    if (optional && h->body.len == 0) return json_object();
    fc_status status = fc_json_read(h->body.data, h->body.len, FC_JSON_ANY, &root, &why);
    if (json_is_object(root)) return root;
    if (status == FC_OK)
        fc_fail(err, FC_ARG, "the body must be a JSON object");
    else
        fc_fail(err, FC_ARG, "the body is no valid JSON: %s", why.message);
    json_decref(root);
    return NULL;
}

json_t *fc_http_body_json(fc_http *h, bool optional)
{
    fc_err err = {0};
    json_t *root = fc_http_read_json(h, optional, &err);
    if (!root) fc_http_fail(h, &err);
    return root;
}

bool fc_http_capture_id(fc_http *h, int64_t *id)
{
    if (h->captures[0] && fc_parse_i64(h->captures[0], id) && *id > 0) return true;
    fc_http_problem(h, FC_NOT_FOUND, "there is no picture of this number");
    return false;
}

/* ---- answering ---- */

/* If-None-Match is a list of tags, each perhaps weak, or a star. */
bool fc_http_tag_listed(const char *list, const char *etag)
{
    size_t n = strlen(etag);
    for (const char *at = list; (at = strstr(at, etag)) != NULL; at += n)
        if (at[n] == '\0' || at[n] == ',' || at[n] == ' ') return true;
    return strcmp(list, "*") == 0;
}

bool fc_http_client_has(fc_http *h, const char *etag)
{
    const char *have = fc_http_header(h, "If-None-Match");
    return have && fc_http_tag_listed(have, etag);
}

static void set(fc_http *h, unsigned status, struct MHD_Response *response)
{
    if (h->response) MHD_destroy_response(h->response); /* the later answer counts */
    h->response = response;
    h->status = status;
}

void fc_http_add_header(fc_http *h, const char *name, const char *value)
{
    if (h->response) MHD_add_response_header(h->response, name, value);
}

/* False: it goes out as it is. */
static bool set_compressed(fc_http *h, unsigned status, const char *type, const void *data, size_t size)
{
    fc_buf small;
    if (!fc_http_can_compress(fc_http_header(h, "Accept-Encoding"), type, size)) return false;
    fc_buf_init(&small, MAX_ANSWER);
    bool done = fc_gzip(data, size, &small) && small.len < size;
    if (done) set(h, status, MHD_create_response_from_buffer(small.len, small.data, MHD_RESPMEM_MUST_COPY));
    fc_buf_fini(&small);
    if (done) fc_http_add_header(h, "Content-Encoding", "gzip");
    if (done) fc_http_add_header(h, "Vary", "Accept-Encoding");
    return done;
}

void fc_http_bytes(fc_http *h, unsigned status, const char *type, const void *data, size_t size)
{
    if (!set_compressed(h, status, type, data, size)) /* the library takes a pointer to what it only reads */
        set(h, status, MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY));
    if (type) fc_http_add_header(h, "Content-Type", type);
}

void fc_http_static(fc_http *h, const char *type, const void *data, size_t size, const char *etag)
{
    char weak[80]; /* compressed or not, it means the same: the tag is not for ranges */
    /* 304 has the head of the 200, with its length; the library leaves the body out */
    unsigned status = fc_http_client_has(h, etag) ? 304 : 200;
    if (!set_compressed(h, status, type, data, size))
        set(h, status,
            MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT));
    snprintf(weak, sizeof weak, "W/%s", etag);
    fc_http_add_header(h, "Content-Type", type);
    fc_http_add_header(h, "ETag", weak);
    fc_http_add_header(h, "Cache-Control", "no-cache");
}

void fc_http_empty(fc_http *h, unsigned status)
{
    fc_http_bytes(h, status, NULL, "", 0);
}

static void json_answer(fc_http *h, unsigned status, const char *type, json_t *value)
{
    fc_buf text;
    fc_buf_init(&text, MAX_ANSWER);
    if (value) fc_json_write(value, JSON_COMPACT, &text);
    json_decref(value);
    if (!value || text.status != FC_OK) {
        static const char sorry[] = "{\"type\":\"about:blank\",\"title\":\"out of memory\",\"status\":503}";
        fc_http_bytes(h, 503, "application/problem+json", sorry, sizeof sorry - 1);
    } else {
        fc_http_bytes(h, status, type, text.data, text.len);
    }
    fc_buf_fini(&text);
}

void fc_http_json(fc_http *h, unsigned status, json_t *value)
{
    json_answer(h, status, "application/json", value);
}

void fc_http_problem_as(fc_http *h, unsigned http, fc_status status, const char *message, const char *field)
{
    fc_err err = {0};
    if (!http) http = (unsigned)fc_status_http(status);
    fc_fail(&err, status, "%s", message);
    fc_server_hide_paths(h->server, err.message);
    if (h->tell_problem)
        h->tell_problem(h, http, &err);
    else
        json_answer(h, http, "application/problem+json",
                    fc_problem_to_json(status, (int)http, err.message, field));
}

void fc_http_problem(fc_http *h, fc_status status, const char *message)
{
    fc_http_problem_as(h, 0, status, message, NULL);
}

void fc_http_fail(fc_http *h, const fc_err *err)
{
    fc_http_problem_as(h, 0, err->status, err->message, NULL);
}

void fc_http_warn(fc_http *h, const char *format, ...)
{
    char message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!h->warnings) h->warnings = json_array();
    json_t *text = fc_json_text(message);
    bool known = false;
    for (size_t i = 0; i < json_array_size(h->warnings); i++)
        known = known || json_equal(json_array_get(h->warnings, i), text);
    if (!known && json_array_size(h->warnings) < MAX_WARNINGS) json_array_append(h->warnings, text);
    json_decref(text);
}

/* ---- waiting ---- */

void fc_http_wait(fc_http *h)
{
    h->waiting = true;
}

bool fc_http_peer_gone(fc_http *h)
{
    struct pollfd p = {.fd = h->conn ? h->conn->fd : -1, .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

const char *fc_http_base_url(fc_http *h)
{
    const char *host = *h->peer.host ? h->peer.host : "localhost";
    const char *url = fc_arena_printf(&h->arena, "%s://%s%s", h->peer.scheme, host, h->peer.prefix);
    return url ? url : "";
}
