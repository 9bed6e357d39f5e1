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

/* Origin is "scheme://host:port"; ours when host and port are those of the Host header. */
static bool origin_is_ours(const char *origin, const char *host)
{
    const char *at = strstr(origin, "://");
    return at && strcasecmp(at + 3, host) == 0;
}

static enum MHD_Result count_host(void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
    int *count = user;
    (void)kind;
    (void)value;
    *count += strcasecmp(name, "Host") == 0;
    return MHD_YES;
}

bool fc_guard_check(fc_http *h)
{
    int hosts = 0;
    const char *host = fc_http_header(h, "Host");
    MHD_get_connection_values(h->connection, MHD_HEADER_KIND, count_host, &hosts);
    if (hosts > 1) {
        fc_http_problem_as(h, 400, FC_ARG, "there must be one Host header", "Host");
        return false;
    }
    if (!host_is_ours(h->server, host)) {
        fc_http_problem_as(h, 403, FC_DENIED,
                           "the Host header does not name this server; add the name with --host", "Host");
        return false;
    }
    if (is_safe_method(h->method)) return true;
    const char *origin = fc_http_header(h, "Origin"), *site = fc_http_header(h, "Sec-Fetch-Site");
    bool own_site = !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    if (own_site && (!origin || origin_is_ours(origin, host))) return true;
    fc_http_problem_as(h, 403, FC_DENIED, "requests of pages from elsewhere are not served", "Origin");
    return false;
}
