/* Framing: what tells where a request ends must be unmistakable, or a proxy in front of us and we would see
 * two different sequences of requests in the same bytes (request smuggling). RFC 9112, 3 and 5 to 6.3. What
 * is refused here closes the connection. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/str.h"
#include "server/server_impl.h"

enum { MAX_HEAD = 32768 };

typedef struct head_scan {
    int hosts, lengths, encodings;
    const char *length;
    bool odd_length, odd_encoding, odd_name, odd_value;
} head_scan;

static bool is_token(const char *text, size_t size)
{
    static const char signs[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(signs, c))) return false;
    }
    return size > 0;
}

static bool has_control(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f) return true;
    return false;
}

/* libmicrohttpd before 0.9.77 cuts the head in place, so that name and value stand where they stood on the
 * wire: a folded line, a NUL inside a value and a line that does not end in CR LF are seen only there. Later
 * ones refuse them. */
static bool is_one_line(const char *name, size_t name_size, const char *value, size_t value_size)
{
#if MHD_VERSION < 0x00097700
    const char *at = name + name_size + 1; /* behind the colon */
    if (value < at || value - at > MAX_HEAD) return false;
    while (at < value && (*at == ' ' || *at == '\t')) at++;
    return at == value && value[value_size] == '\0' && value[value_size + 1] == '\0';
#else
    (void)name, (void)name_size, (void)value, (void)value_size;
    return true;
#endif
}

static enum MHD_Result scan(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                            const char *value, size_t value_size)
{
    head_scan *s = user;
    (void)kind;
    if (!value) value = "";
    s->odd_name |= !is_token(name, name_size);
    s->odd_value |= has_control(value, value_size) || !is_one_line(name, name_size, value, value_size);
    s->hosts += strcasecmp(name, "Host") == 0;
    if (strcasecmp(name, "Content-Length") == 0) {
        s->lengths++;
        s->odd_length |= value_size == 0 || strspn(value, "0123456789") != value_size;
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        s->encodings++;
        s->odd_encoding |= strcasecmp(value, "chunked") != 0;
    }
    return MHD_YES;
}

static size_t head_size(fc_http *h)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(h->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info ? info->header_size : 0;
}

/* %00 ends a text in C, so what follows would be seen by the proxy only. In the query it is data. */
static bool path_has_nul(const char *target)
{
    const char *query = strchr(target, '?'), *nul = strstr(target, "%00");
    return nul && (!query || nul < query);
}

static const char *fault_of(fc_http *h, const head_scan *s)
{
    bool old = strcmp(h->version, "HTTP/1.0") == 0;
    if (strpbrk(h->target, " \t") || has_control(h->target, strlen(h->target)))
        return "the path has a blank or a control character in it";
    if (path_has_nul(h->target)) return "the path has a NUL (%00) in it";
    if (s->odd_name) return "a header's name has a character that is not allowed there";
    if (s->odd_value)
        return "a header has a control character or a folded line in it, or does not end in CR LF";
    if (s->hosts > 1 || (s->hosts == 0 && !old)) return "there must be one Host header";
    if (s->lengths > 1 || s->odd_length) return "there must be one Content-Length, a whole number";
    if (s->encodings && s->lengths) return "a body has a Content-Length or a Transfer-Encoding, not both";
    if (s->encodings > 1 || (s->encodings && old)) return "the Transfer-Encoding is not understood";
    return NULL;
}

static bool refuse(fc_http *h, unsigned status, fc_status kind, const char *message)
{
    fc_http_problem_as(h, status, kind, message, NULL);
    fc_http_add_header(h, "Connection", "close");
    return false;
}

bool fc_head_check(fc_http *h)
{
    head_scan s = {0};
    MHD_get_connection_values_n(h->connection, MHD_HEADER_KIND, scan, &s);
    if (head_size(h) > MAX_HEAD) return refuse(h, 431, FC_LIMIT, "the head of the request is too large");
    const char *fault = fault_of(h, &s);
    if (fault) return refuse(h, 400, FC_ARG, fault);
    if (s.odd_encoding)
        return refuse(h, 501, FC_UNSUPPORTED, "of Transfer-Encoding only chunked is known here");
    return true;
}
