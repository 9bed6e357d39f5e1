/* Which requests are served at all. A page of a stranger in the user's browser can send requests here too: by
 * a name of its own that resolves to this machine (DNS rebinding), or across sites. So the Host header must
 * name this machine, and what changes something must come from our own pages or from no page at all. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "base/str.h"
#include "server/server_impl.h"

enum { MAX_HOST = 256 };

/* "name:port", "1.2.3.4:port", "[::1]:port" -> what stands before the port. */
static bool cut_port(const char *host, char out[MAX_HOST])
{
    size_t n = strlen(host);
    const char *end = host + n;
    if (*host == '[') {
        const char *bracket = strchr(host, ']');
        if (!bracket) return false;
        host++;
        end = bracket;
    } else {
        const char *colon = strchr(host, ':');
        if (colon) end = colon;
    }
    n = (size_t)(end - host);
    if (n == 0 || n >= MAX_HOST) return false;
    memcpy(out, host, n);
    out[n] = '\0';
    if (out[n - 1] == '.') out[n - 1] = '\0'; /* the root of all names */
    return true;
}

static bool is_address(const char *name)
{
    struct in6_addr any;
    return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

static bool is_own_name(const fc_server *s, const char *name)
{
    char own[MAX_HOST], local[MAX_HOST + 8];
    if (strcasecmp(name, "localhost") == 0 || fc_str_ends_nocase(name, ".localhost")) return true;
    if (gethostname(own, sizeof own - 1) == 0) {
        own[sizeof own - 1] = '\0';
        snprintf(local, sizeof local, "%s.local", own);
        if (strcasecmp(name, own) == 0 || strcasecmp(name, local) == 0) return true;
    }
    for (int i = 0; i < FC_SERVER_MAX_HOSTS && s->config.hosts[i]; i++)
        if (strcasecmp(name, s->config.hosts[i]) == 0) return true;
    return false;
}

/* A page can only be rebound under a name, never under an address. */
static bool host_is_ours(const fc_server *s, const char *host)
{
    char name[MAX_HOST];
    return host && cut_port(host, name) && (is_address(name) || is_own_name(s, name));
}

static bool is_safe_method(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

/* Origin is "scheme://host:port"; ours when host and port are those that the request names, or those of
 * --public-url. */
static bool origin_is_ours(fc_http *h, const char *origin)
{
    const char *at = strstr(origin, "://");
    return at && (strcasecmp(at + 3, h->peer.named) == 0 || strcasecmp(at + 3, h->peer.host) == 0);
}

static bool origin_is_allowed(const fc_server *s, const char *origin, size_t size)
{
    for (int i = 0; i < FC_SERVER_MAX_HOSTS && s->config.origins[i]; i++) {
        const char *allowed = s->config.origins[i];
        if (strcmp(allowed, "*") == 0) return true;
        if (strlen(allowed) == size && strncasecmp(allowed, origin, size) == 0) return true;
    }
    return false;
}

/* The foreign page of --allow-origin: by Origin, or for its <img> by Referer. */
static const char *allowed_page(fc_http *h)
{
    const char *page = fc_http_header(h, "Origin");
    if (!page) page = fc_http_header(h, "Referer");
    const char *at = page ? strstr(page, "://") : NULL;
    if (!at) return NULL;
    size_t n = (size_t)(at + 3 - page) + strcspn(at + 3, "/");
    return origin_is_allowed(h->server, page, n) ? fc_arena_strndup(&h->arena, page, n) : NULL;
}

bool fc_guard_check(fc_http *h)
{
    const char *named = h->peer.named, *public = h->server->public_url.host;
    bool old = !*named && strcmp(h->version, "HTTP/1.0") == 0; /* no browser: a proxy asks whether we live */
    if (!old && !host_is_ours(h->server, named) && !(*public && strcasecmp(public, named) == 0)) {
        fc_http_problem_as(h, 403, FC_DENIED,
                           "the Host header does not name this server; add the name with --host", "Host");
        return false;
    }
    h->peer.page = allowed_page(h);
    if (is_safe_method(h->method) || h->peer.page) return true;
    const char *origin = fc_http_header(h, "Origin"), *site = fc_http_header(h, "Sec-Fetch-Site");
    bool own_site = !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    if (own_site && (!origin || origin_is_ours(h, origin))) return true;
    fc_http_problem_as(
        h, 403, FC_DENIED,
        "requests of pages from elsewhere are not served; behind a proxy start with --public-url, for "
        "a page of your own with --allow-origin",
        "Origin");
    return false;
}

void fc_guard_options(fc_http *h, const char *allow)
{
    const char *wanted = fc_http_header(h, "Access-Control-Request-Headers");
    fc_http_empty(h, 204);
    fc_http_add_header(h, "Allow", allow);
    if (!h->peer.page || !fc_http_header(h, "Access-Control-Request-Method")) return;
    fc_http_add_header(h, "Access-Control-Allow-Methods", allow);
    if (wanted) fc_http_add_header(h, "Access-Control-Allow-Headers", wanted);
    fc_http_add_header(h, "Access-Control-Max-Age", "600");
}

/* Without Access-Control-Allow-Credentials: a foreign page shows a token, it never uses the browser's
 * session. */
void fc_guard_headers(fc_http *h)
{
    fc_http_add_header(h, "Cross-Origin-Resource-Policy", h->peer.page ? "cross-origin" : "same-origin");
    if (h->server->config.origins[0]) fc_http_add_header(h, "Vary", "Origin");
    if (!h->peer.page) return;
    fc_http_add_header(h, "Access-Control-Allow-Origin", h->peer.page);
    fc_http_add_header(h, "Access-Control-Expose-Headers",
                       "Location, Retry-After, ETag, Content-Disposition");
}
