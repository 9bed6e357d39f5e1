#include "server/http/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "app/common/json_text.h"
#include "app/settings/problem.h"
#include "base/mem.h"
#include "base/str.h"
#include "server/server_impl.h"

enum { MAX_ANSWER = 256 << 20 };

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

json_t *fc_http_body_json(fc_http *h, bool optional)
{
    fc_err why = {0};
    char message[sizeof why.message + 40];
    json_t *root;
    if (optional && h->body.len == 0) return json_object();
    fc_status status = fc_json_read(h->body.data, h->body.len, FC_JSON_ANY, &root, &why);
    if (json_is_object(root)) return root;
    if (status == FC_OK)
        snprintf(message, sizeof message, "the body must be a JSON object");
    else
        snprintf(message, sizeof message, "the body is no valid JSON: %s", why.message);
    json_decref(root);
    fc_http_problem(h, FC_ARG, message);
    return NULL;
}

bool fc_http_capture_id(fc_http *h, int64_t *id)
{
    if (h->captures[0] && fc_parse_i64(h->captures[0], id) && *id > 0) return true;
    fc_http_problem(h, FC_NOT_FOUND, "there is no picture of this number");
    return false;
}

/* ---- answering ---- */

/* If-None-Match is a list of tags, each perhaps weak, or a star. */
static bool tag_listed(const char *list, const char *etag)
{
    size_t n = strlen(etag);
    for (const char *at = list; (at = strstr(at, etag)) != NULL; at += n)
        if (at[n] == '\0' || at[n] == ',' || at[n] == ' ') return true;
    return strcmp(list, "*") == 0;
}

bool fc_http_client_has(fc_http *h, const char *etag)
{
    const char *have = fc_http_header(h, "If-None-Match");
    return have && tag_listed(have, etag);
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

void fc_http_bytes(fc_http *h, unsigned status, const char *type, const void *data, size_t size)
{
    /* the library takes a pointer to what it only reads */
    set(h, status, MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY));
    if (type) fc_http_add_header(h, "Content-Type", type);
}

void fc_http_static(fc_http *h, const char *type, const void *data, size_t size, const char *etag)
{
    if (fc_http_client_has(h, etag))
        fc_http_bytes(h, 304, NULL, "", 0);
    else
        set(h, 200, MHD_create_response_from_buffer(size, (void *)(uintptr_t)data, MHD_RESPMEM_PERSISTENT));
    fc_http_add_header(h, "Content-Type", type);
    fc_http_add_header(h, "ETag", etag);
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
    if (!http) http = (unsigned)fc_status_http(status);
    json_answer(h, http, "application/problem+json", fc_problem_to_json(status, (int)http, message, field));
}

void fc_http_problem(fc_http *h, fc_status status, const char *message)
{
    fc_http_problem_as(h, 0, status, message, NULL);
}

void fc_http_fail(fc_http *h, const fc_err *err)
{
    fc_http_problem_as(h, 0, err->status, err->message, NULL);
}

/* ---- waiting ---- */

void fc_http_wait(fc_http *h)
{
    h->waiting = true;
}

bool fc_http_peer_gone(fc_http *h)
{
    char byte;
    if (!h->conn) return false;
    ssize_t n = recv(h->conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

const char *fc_http_base_url(fc_http *h)
{
    const char *host = fc_http_header(h, "Host");
    const char *url = fc_arena_printf(&h->arena, "%s://%s", h->server->tls_key ? "https" : "http",
                                      host ? host : "localhost");
    return url ? url : "";
}
