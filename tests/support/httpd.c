#include "support/httpd.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "support/support.h"

typedef struct server {
    const uint8_t *data;
    size_t size;
    httpd_stats *stats;
    int port;
} server;

typedef struct connection {
    const server *s;
    int fd, number;
    char request[8192];
    const char *query; /* "" when there is none */
} connection;

static bool option(const connection *c, const char *name, int64_t *value)
{
    size_t n = strlen(name);
    for (const char *p = c->query; *p;) {
        size_t length = strcspn(p, "& ");
        if (strncmp(p, name, n) == 0 && (p[n] == '=' || length == n)) {
            if (value) *value = p[n] == '=' ? strtoll(p + n + 1, NULL, 10) : 0;
            return true;
        }
        p += length;
        if (*p != '&') break;
        p++;
    }
    return false;
}

static bool put(connection *c, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        ssize_t n = send(c->fd, p, size, MSG_NOSIGNAL);
        if (n <= 0) return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static void nap(int64_t millis)
{
    nanosleep(&(struct timespec){millis / 1000, millis % 1000 * 1000000}, NULL);
}

/* The header line's value, or NULL. */
static const char *header(const connection *c, const char *name)
{
    const char *p = strcasestr(c->request, name);
    return p ? p + strlen(name) : NULL;
}

static void answer(connection *c, int status, const char *more, const char *body)
{
    char text[1024];
    int n =
        snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s",
                 status, strlen(body), more, body);
    put(c, text, (size_t)n);
}

static bool special(connection *c)
{
    static const char page[] =
        "<!DOCTYPE html><html><head><title>Log in</title></head><body>Log in</body></html>";
    char where[300];
    int64_t value;
    if (option(c, "first", &value) && c->number == 1) {
        answer(c, (int)value, "Retry-After: 0\r\n", "no\n");
        return true;
    }
    if (option(c, "status", &value)) {
        answer(c, (int)value, "", "no\n");
        return true;
    }
    if (option(c, "redirect", NULL) || option(c, "away", NULL)) {
        snprintf(where, sizeof where, "Location: http://%s:%d/moved.bin\r\n",
                 option(c, "away", NULL) ? "localhost" : "127.0.0.1", c->s->port);
        answer(c, 302, where, "<html>moved</html>");
        return true;
    }
    if (option(c, "circle", NULL)) {
        snprintf(where, sizeof where, "Location: http://127.0.0.1:%d/model.bin?circle\r\n", c->s->port);
        answer(c, 302, where, "<html>moved</html>");
        return true;
    }
    if (option(c, "page", NULL) || option(c, "hiddenpage", NULL)) {
        answer(c, 200,
               option(c, "page", NULL) ? "Content-Type: text/html; charset=utf-8\r\n"
                                       : "Content-Type: application/octet-stream\r\n",
               page);
        return true;
    }
    return false;
}

static void send_body(connection *c, uint64_t from, uint64_t end, bool other)
{
    int64_t cut = INT64_MAX, delay = 0, stall = INT64_MAX;
    uint8_t block[4096];
    option(c, "cut", &cut);
    option(c, "delay", &delay);
    if (c->number == 1) option(c, "stall", &stall);
    if (option(c, "cutrandom", NULL) && end > from) /* some progress each time, or the client may give up */
        cut = 1 + (int64_t)((uint64_t)rand() % (end - from));
    for (uint64_t at = from; at < end;) {
        int64_t sent = (int64_t)(at - from), most = cut < stall ? cut : stall;
        size_t n = end - at < sizeof block ? (size_t)(end - at) : sizeof block;
        if (sent >= most) break;
        if (most - sent < (int64_t)n) n = (size_t)(most - sent);
        for (size_t i = 0; i < n; i++) block[i] = other ? c->s->data[at + i] ^ 0x55u : c->s->data[at + i];
        if (!put(c, block, n)) return;
        __atomic_add_fetch(&c->s->stats->bytes, n, __ATOMIC_RELAXED);
        at += n;
        if (delay) nap(delay);
    }
    if (stall != INT64_MAX) nap(60000);
}

static void send_file(connection *c)
{
    const char *range = header(c, "\r\nRange: bytes="), *condition = header(c, "\r\nIf-Range: ");
    int64_t change;
    bool other = option(c, "change", &change) && c->number >= change;
    const char *etag = other ? "\"other\"" : "\"one\"";
    uint64_t from = 0, end = c->s->size, last;
    char head[600], extra[200] = "";
    if (condition && strncmp(condition, etag, strlen(etag)) != 0) range = NULL;
    bool whole = option(c, "norange", NULL) || option(c, "nolength", NULL);
    if (range && !whole && sscanf(range, "%" SCNu64 "-%" SCNu64, &from, &last) == 2) {
        if (from >= end) {
            answer(c, 416, "", "");
            return;
        }
        if (last + 1 < end) end = last + 1;
        uint64_t told = option(c, "wrongrange", NULL) ? from + 1 : from;
        snprintf(extra, sizeof extra, "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%zu\r\n", told, end - 1,
                 c->s->size);
    } else {
        range = NULL;
        from = 0;
    }
    if (!option(c, "nolength", NULL)) {
        size_t n = strlen(extra);
        snprintf(extra + n, sizeof extra - n, "Content-Length: %" PRIu64 "\r\n", end - from);
    }
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d OK\r\nConnection: close\r\nETag: %s\r\n%s\r\n",
                     range && !whole ? 206 : 200, etag, extra);
    if (put(c, head, (size_t)n)) send_body(c, from, end, other);
}

static bool read_request(connection *c)
{
    size_t n = 0;
    while (!strstr(c->request, "\r\n\r\n")) {
        ssize_t got = recv(c->fd, c->request + n, sizeof c->request - 1 - n, 0);
        if (got <= 0) return false;
        n += (size_t)got;
        c->request[n] = '\0';
    }
    const char *mark = strchr(c->request, '?'), *line = strstr(c->request, "\r\n");
    c->query = mark && mark < line ? mark + 1 : "";
    return true;
}

static void *serve(void *user)
{
    connection *c = user;
    httpd_stats *s = c->s->stats;
    int now = __atomic_add_fetch(&s->at_once, 1, __ATOMIC_RELAXED), most = s->most_at_once;
    if (now > most) s->most_at_once = now;
    if (read_request(c)) {
        c->number = __atomic_add_fetch(&s->requests, 1, __ATOMIC_RELAXED);
        if (header(c, "\r\nRange:")) s->ranged++;
        if (header(c, "\r\nAuthorization: Bearer secret")) s->authorized++;
        if (!special(c)) send_file(c);
    }
    __atomic_sub_fetch(&s->at_once, 1, __ATOMIC_RELAXED);
    shutdown(c->fd, SHUT_WR);
    close(c->fd);
    free(c);
    return NULL;
}

static void run(const server *s, int listener)
{
    srand(4711);
    for (;;) {
        connection *c = calloc(1, sizeof *c);
        pthread_t thread;
        if (!c) _exit(1);
        c->s = s;
        c->query = "";
        c->fd = accept(listener, NULL, NULL);
        if (c->fd < 0 || pthread_create(&thread, NULL, serve, c) != 0) _exit(1);
        pthread_detach(thread);
    }
}

httpd httpd_start(const void *data, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    httpd h = {0};
    httpd_stats *stats = mmap(NULL, sizeof *stats, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(stats != MAP_FAILED && listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 64), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    h.port = ntohs(address.sin_port);
    h.stats = stats;
    const server s = {data, size, stats, h.port};
    h.pid = fork();
    assert_true(h.pid >= 0);
    if (h.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails must not leave it behind */
        run(&s, listener);
        _exit(0);
    }
    close(listener);
    return h;
}

void httpd_stop(httpd *h)
{
    kill(h->pid, SIGKILL);
    waitpid(h->pid, NULL, 0);
    munmap((void *)(uintptr_t)h->stats, sizeof *h->stats);
}

const char *httpd_url(const httpd *h, const char *rest)
{
    static char buffers[8][300];
    static unsigned next;
    char *b = buffers[next++ % 8];
    snprintf(b, sizeof buffers[0], "http://127.0.0.1:%d/%s", h->port, rest);
    return b;
}
