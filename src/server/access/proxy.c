/* Behind a proxy: what the world calls this server, and who asks. X-Forwarded-For, -Proto, -Host and -Prefix
 * count only when the connection comes from an address of --trust-proxy: everybody else can write them too.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include "base/str.h"
#include "server/server_impl.h"

enum { ADDRESS = 48, MAX_NAME = 256 };

static void peer_address(fc_http *h, char out[ADDRESS])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(h->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    snprintf(out, ADDRESS, "?");
    if (!info || !info->client_addr) return;
    const void *any = info->client_addr;
    if (info->client_addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)any)->sin_addr, out, ADDRESS);
    else if (info->client_addr->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)any)->sin6_addr, out, ADDRESS);
    if (strncasecmp(out, "::ffff:", 7) == 0)
        memmove(out, out + 7, strlen(out + 7) + 1); /* IPv4 on an IPv6 socket */
}

static bool is_trusted(const fc_server *s, const char *address)
{
    for (int i = 0; i < FC_SERVER_MAX_HOSTS && s->config.proxies[i]; i++)
        if (strcasecmp(s->config.proxies[i], address) == 0) return true;
    return false;
}

/* One of the comma's parts without blanks, in the arena; the last one when `last`. NULL: there is none. */
static const char *part_of(fc_http *h, const char *list, bool last)
{
    const char *comma = list && last ? strrchr(list, ',') : NULL;
    if (!list) return NULL;
    const char *from = comma ? comma + 1 : list;
    from += strspn(from, " \t");
    size_t n = strcspn(from, ",");
    while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\t')) n--;
    return n > 0 && n < MAX_NAME ? fc_arena_strndup(&h->arena, from, n) : NULL;
}

/* From the right: what the proxies that are trusted have seen. */
static const char *real_client(fc_http *h, const char *peer)
{
    const char *list = fc_http_header(h, "X-Forwarded-For"), *client = peer;
    char *rest = list ? fc_arena_strdup(&h->arena, list) : NULL;
    while (rest && *rest && is_trusted(h->server, client)) {
        const char *part = part_of(h, rest, true);
        struct in6_addr any;
        bool fine = part && (inet_pton(AF_INET, part, &any) == 1 || inet_pton(AF_INET6, part, &any) == 1);
        if (!fine) break;
        client = part;
        char *comma = strrchr(rest, ',');
        *(comma ? comma : rest) = '\0';
    }
    return client;
}

/* "/a/b" without an end slash; anything else is none. */
static const char *clean_prefix(fc_http *h, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    while (n > 0 && text[n - 1] == '/') n--;
    if (n == 0 || text[0] != '/' || text[1] == '/') return "";
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= ' ' || strchr("\"'<>;\\?#", text[i])) return "";
    const char *prefix = fc_arena_strndup(&h->arena, text, n);
    return prefix ? prefix : "";
}

static void read_forwarded(fc_http *h)
{
    const char *proto = part_of(h, fc_http_header(h, "X-Forwarded-Proto"), false);
    const char *host = part_of(h, fc_http_header(h, "X-Forwarded-Host"), false);
    if (proto && strcasecmp(proto, "https") == 0) h->peer.scheme = "https";
    if (proto && strcasecmp(proto, "http") == 0) h->peer.scheme = "http";
    if (host) h->peer.named = host;
    h->peer.prefix = clean_prefix(h, part_of(h, fc_http_header(h, "X-Forwarded-Prefix"), false));
}

/* "scheme://host/prefix" of --public-url. False: this is no such URL. */
bool fc_public_url_parse(const char *url, fc_public_url *out)
{
    const char *at = strstr(url, "://");
    size_t scheme = at ? (size_t)(at - url) : 0;
    bool https = scheme == 5 && strncasecmp(url, "https", 5) == 0;
    if (!https && !(scheme == 4 && strncasecmp(url, "http", 4) == 0)) return false;
    at += 3;
    size_t host = strcspn(at, "/"), rest = strlen(at + host);
    while (rest > 0 && at[host + rest - 1] == '/') rest--;
    if (host == 0 || host >= sizeof out->host || rest >= sizeof out->prefix) return false;
    if (strcspn(at, "@?# \t\"'<>;\\") < strlen(at)) return false;
    *out = (fc_public_url){.https = https};
    memcpy(out->host, at, host);
    memcpy(out->prefix, at + host, rest);
    return true;
}

/* http://host/path as a proxy would be asked: the name there counts, not that of Host. */
static void read_absolute(fc_http *h)
{
    const char *at = h->path;
    if (strncasecmp(at, "http://", 7) == 0)
        at += 7;
    else if (strncasecmp(at, "https://", 8) == 0)
        at += 8;
    else
        return;
    size_t n = strcspn(at, "/");
    const char *host = fc_arena_strndup(&h->arena, at, n);
    h->peer.named = host ? host : "";
    h->path = at[n] ? at + n : "/";
}

/* Proxies hand paths on with the prefix or without it. */
static void cut_prefix(fc_http *h)
{
    size_t n = strlen(h->peer.prefix);
    if (n > 0 && strncmp(h->path, h->peer.prefix, n) == 0 && (h->path[n] == '/' || h->path[n] == '\0'))
        h->path = h->path[n] ? h->path + n : "/";
}

void fc_peer_read(fc_http *h)
{
    char peer[ADDRESS];
    fc_server *s = h->server;
    const char *host = fc_http_header(h, "Host"), *copy;
    h->peer = (fc_peer){.scheme = s->tls_key ? "https" : "http", .named = host ? host : "", .prefix = ""};
    peer_address(h, peer);
    read_absolute(h);
    copy = fc_arena_strdup(&h->arena, peer);
    h->peer.client = copy ? copy : "?";
    if (is_trusted(s, peer)) {
        h->peer.client = real_client(h, h->peer.client);
        read_forwarded(h);
    }
    h->peer.host = *h->peer.named ? h->peer.named : "localhost";
    if (*s->public_url.host) {
        h->peer.scheme = s->public_url.https ? "https" : "http";
        h->peer.host = s->public_url.host;
        h->peer.prefix = s->public_url.prefix;
    }
    cut_prefix(h);
}
