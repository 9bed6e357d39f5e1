/* Opening and closing, and the life of a request between libmicrohttpd and the handlers. */
#include "server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "app/common/home.h"
#include "app/queue/trash.h"
#include "app/settings/config.h"
#include "app/common/json_text.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/str.h"
#include "server/access/access.h"
#include "server/api/api.h"
#include "server/compat/compat.h"
#include "server/router.h"
#include "server/server_impl.h"

enum {
    THREADS = 4,
    IDLE_SECONDS = 75,   /* of a kept connection, or one that does not read */
    HEAD_SECONDS = 20,   /* for the head of the first request */
    NEXT_SECONDS = 95,   /* for the head of a further one */
    BODY_SECONDS = 60,   /* for a body */
    MAX_WARNINGS = 8192, /* bytes of them in a head */
    HEAD_MEMORY = 98304, /* of a head of at most 32 KiB, its parts, and a copy of its cookies */
    BACKLOG = 511,
    DRAINED = 128 << 20, /* bytes of a body that is too large which are read all the same, so that the client
                          * hears the answer and not only that the connection broke */
    EVENTS = 4096,
    EVENT_BYTES = 4 << 20,
    MAX_TLS_FILE = 1 << 20,
    AWAY_SECONDS = 60 /* that a database may take to start */
};

/* ---- one request ---- */

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src "
    "'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void add_common_headers(fc_http *h)
{
    fc_http_add_header(h, "X-Content-Type-Options", "nosniff");
    fc_http_add_header(h, "Referrer-Policy", "no-referrer");
    fc_guard_headers(h);
    fc_http_add_header(h, "Cross-Origin-Opener-Policy", "same-origin");
    fc_http_add_header(h, "Content-Security-Policy", page_policy);
    if (!MHD_get_response_header(h->response, "Cache-Control"))
        fc_http_add_header(h, "Cache-Control", "no-store");
}

/* For APIs whose answers have no place for them: a JSON array of texts. */
static void add_warnings(fc_http *h)
{
    fc_buf text;
    if (!h->warnings) return;
    fc_buf_init(&text, MAX_WARNINGS);
    fc_json_write(h->warnings, JSON_COMPACT | JSON_ENSURE_ASCII, &text);
    if (text.status == FC_OK) fc_http_add_header(h, "X-Fooocus-Warnings", text.data);
    fc_buf_fini(&text);
}

static enum MHD_Result send_answer(fc_http *h)
{
    if (!h->response) return MHD_NO; /* no memory even for the apology */
    add_warnings(h);
    add_common_headers(h);
    enum MHD_Result result = MHD_queue_response(h->connection, h->status, h->response);
    MHD_destroy_response(h->response);
    h->response = NULL;
    h->answered = true;
    fc_conn_deadline(h->server, h->conn, 0); /* the timeout of a connection that does not move goes on */
    return result;
}

static size_t body_limit(const fc_http *h)
{
    return h->route->flags & FC_ROUTE_UPLOAD ? FC_BODY_UPLOAD : FC_BODY_JSON;
}

static void refuse_body(fc_http *h)
{
    char message[120];
    snprintf(message, sizeof message, "the body is too large, at most %zu bytes are allowed", body_limit(h));
    fc_http_problem(h, FC_LIMIT, message);
}

static void find_route(fc_http *h)
{
    char allow[128];
    bool asks = strcmp(h->method, "OPTIONS") == 0;
    h->route = fc_route_find(h, allow, sizeof allow);
    if (h->route && h->server->config.only_worker && !(h->route->flags & FC_ROUTE_HEALTH)) {
        h->route = NULL;
        *allow = '\0';
    }
    if (h->route) return;
    if (asks && (*allow || strcmp(h->path, "*") == 0)) {
        fc_guard_options(h, *allow ? allow : "GET, HEAD, POST, DELETE, OPTIONS");
        return;
    }
    fc_http_problem_as(h, *allow ? 405 : 404, *allow ? FC_UNSUPPORTED : FC_NOT_FOUND,
                       *allow ? "this path does not have this method" : "there is no such path", NULL);
    if (*allow) fc_http_add_header(h, "Allow", allow);
}

static void check_body(fc_http *h)
{
    uint64_t length = 0;
    const char *text = fc_http_header(h, "Content-Length"), *encoding = fc_http_header(h, "Content-Encoding");
    if (encoding && strcasecmp(encoding, "identity") != 0) {
        fc_http_problem_as(h, 415, FC_UNSUPPORTED, "send the body as it is, without a Content-Encoding",
                           NULL);
        fc_http_add_header(h, "Accept-Encoding", "identity");
    } else if (text && (!fc_parse_u64(text, &length) || length > DRAINED ||
                        (length > body_limit(h) && fc_http_header(h, "Expect")))) {
        refuse_body(h); /* who asks with Expect has not sent it yet */
    }
}

static void turn_away(fc_http *h)
{
    fc_http_problem_as(h, 503, FC_LIMIT, "too many connections are open, try again in a moment", NULL);
    fc_http_add_header(h, "Retry-After", "5");
    fc_http_add_header(h, "Connection", "close");
}

/* What can be said before the body comes: an answer is set when the request is refused. */
static void check_head(fc_http *h)
{
    fc_peer_read(h);
    if (fc_str_starts(h->path, "/sdapi/"))
        h->tell_problem = fc_a1111_error;
    else if (fc_openai_owns(h->path))
        h->tell_problem = fc_openai_error;
    if (h->conn && h->conn->turned_away) {
        turn_away(h);
        return;
    }
    if (!fc_head_check(h) || !fc_guard_check(h)) return;
    find_route(h);
    if (h->response || !fc_access_check(h)) return;
    check_body(h);
}

/* The first that is heard of a request: its target as it came. */
static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    fc_server *s = user;
    fc_http *h = fc_calloc(1, sizeof *h);
    if (!h) return NULL;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    h->server = s;
    h->connection = connection;
    h->conn = info ? info->socket_context : NULL;
    h->waiter.connection = connection;
    h->path = "";
    fc_arena_init(&h->arena, FC_HTTP_MEMORY);
    h->target = fc_arena_strdup(&h->arena, target ? target : "");
    if (!h->target) h->target = "";
    fc_buf_init(&h->body, FC_BODY_UPLOAD);
    fc_conn_deadline(s, h->conn, s->config.body_seconds);
    return h;
}

static bool has_body(fc_http *h)
{
    const char *length = fc_http_header(h, "Content-Length");
    return fc_http_header(h, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

static void take_body(fc_http *h, const char *data, size_t size)
{
    fc_server *s = h->server;
    if (h->body_too_large) return;
    size_t all = __atomic_add_fetch(&s->body_bytes, size, __ATOMIC_RELAXED);
    h->body_counted += size;
    if (h->body.len + size > body_limit(h) || all > FC_BODY_ALL)
        h->body_too_large = true;
    else
        fc_buf_append(&h->body, data, size);
}

static enum MHD_Result answer(fc_http *h)
{
    if (h->body_too_large) {
        refuse_body(h);
        return send_answer(h);
    }
    fc_conn_deadline(h->server, h->conn, 0);
    for (;;) {
        uint64_t seen = fc_wait_seen(h->server);
        h->waiting = false;
        h->route->handler(h);
        if (h->response || !h->waiting) break;
        if (fc_wait_closing(h->server)) {
            fc_http_problem_as(h, 503, FC_CANCELLED, "the server ends", NULL);
            break;
        }
        if (fc_wait_suspend(h->server, &h->waiter, seen)) return MHD_YES;
    }
    if (!h->response) fc_http_problem(h, FC_INTERNAL, "no answer was given");
    return send_answer(h);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **state)
{
    fc_http *h = *state;
    (void)user, (void)connection;
    if (!h) return MHD_NO;
    if (!h->begun) {
        h->begun = true;
        h->path = url ? url : "";
        h->method = method;
        h->version = version;
        check_head(h);
        /* an answer before the body ends the connection, so without a body it waits for the next call */
        return h->response && has_body(h) ? send_answer(h) : MHD_YES;
    }
    if (h->response) {
        *size = 0;
        return send_answer(h);
    }
    if (*size > 0) {
        take_body(h, data, *size);
        *size = 0;
        return MHD_YES;
    }
    return answer(h);
}

static void on_completed(void *user, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    fc_server *s = user;
    fc_http *h = *state;
    (void)connection;
    (void)code;
    if (!h) return;
    if (h->on_gone && !h->answered && !fc_wait_closing(s)) h->on_gone(h);
    if (h->response) MHD_destroy_response(h->response);
    __atomic_sub_fetch(&s->body_bytes, h->body_counted, __ATOMIC_RELAXED);
    fc_conn_deadline(s, h->conn, NEXT_SECONDS);
    fc_buf_fini(&h->body);
    json_decref(h->warnings);
    json_decref(h->form);
    json_decref(h->parts);
    fc_config_close(h->settings);
    fc_arena_fini(&h->arena);
    fc_free(h);
    *state = NULL;
}

static void on_connection(void *user, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    fc_server *s = user;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        fc_conn_close(s, *state);
        *state = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *state = info ? fc_conn_open(s, info->connect_fd) : NULL;
    const fc_conn *c = *state;
    fc_conn_deadline(s, *state, c && c->turned_away ? 1 : s->config.head_seconds);
}

static void on_log(void *user, const char *format, va_list args)
{
    char text[400];
    (void)user;
    vsnprintf(text, sizeof text, format, args);
    fc_log(FC_LOG_DEBUG, "http: %s", text);
}

/* ---- listening ---- */

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static bool parse_address(const char *ip, address *a, socklen_t *size)
{
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, ip, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        *size = sizeof a->v4;
        return true;
    }
    if (inet_pton(AF_INET6, ip, &a->v6.sin6_addr) != 1) return false;
    a->v6.sin6_family = AF_INET6;
    *size = sizeof a->v6;
    return true;
}

static int bind_to(address *a, socklen_t size, int port)
{
    int one = 1, fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->any.sa_family == AF_INET)
        a->v4.sin_port = htons((uint16_t)port);
    else
        a->v6.sin6_port = htons((uint16_t)port);
    if (bind(fd, &a->any, size) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static fc_status open_socket(fc_server *s, int *fd, fc_err *err)
{
    address a;
    socklen_t size;
    const char *ip = s->config.listen ? s->config.listen : "127.0.0.1";
    if (!parse_address(ip, &a, &size)) return fc_fail(err, FC_ARG, "--listen: %s is no IP address", ip);
    int port = s->config.port, tries = s->config.port_tries;
    while ((*fd = bind_to(&a, size, port)) < 0) {
        if (errno != EADDRINUSE || tries-- <= 0 || port == 65535)
            return fc_fail_errno(err, errno, "cannot listen on %s, port %d", ip, port);
        port++;
    }
    getsockname(*fd, &a.any, &size);
    s->port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    bool everywhere = strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
    bool v6 = a.any.sa_family == AF_INET6 && !everywhere;
    snprintf(s->url, sizeof s->url, "%s://%s%s%s:%d/", s->config.tls_key ? "https" : "http", v6 ? "[" : "",
             everywhere ? "127.0.0.1" : ip, v6 ? "]" : "", s->port);
    return FC_OK;
}

static fc_status read_tls(const char *path, char **out, fc_err *err)
{
    fc_buf text;
    fc_buf_init(&text, MAX_TLS_FILE);
    fc_status status = fc_file_read(path, &text, err);
    if (status == FC_OK) *out = fc_buf_take(&text);
    fc_buf_fini(&text);
    return status;
}

static fc_status start_daemon(fc_server *s, fc_err *err)
{
    int fd = -1;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[3] = {{MHD_OPTION_END, 0, NULL}};
    if (s->config.tls_key) {
        if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
            return fc_fail(err, FC_UNSUPPORTED, "this libmicrohttpd was built without TLS");
        fc_status status = read_tls(s->config.tls_cert, &s->tls_cert, err);
        if (status == FC_OK) status = read_tls(s->config.tls_key, &s->tls_key, err);
        if (status != FC_OK) return status;
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, s->tls_cert};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls_key};
        tls[2] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    }
    fc_status status = open_socket(s, &fd, err);
    if (status != FC_OK) return status;
    unsigned threads = s->config.threads > 0 ? (unsigned)s->config.threads : THREADS;
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, threads > 1 ? threads : 2,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(FC_MAX_CONNECTIONS + FC_RESERVE),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEAD_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (s->daemon) return FC_OK;
    close(fd);
    return fc_fail(err, FC_IO,
                   s->config.tls_key ? "cannot start the server; are certificate and key a pair of PEM files?"
                                     : "cannot start the server");
}

/* ---- opening ---- */

static void on_change(void *user)
{
    fc_wait_wake(user);
}

/* Absolute, so that the engine's paths begin as ours do. */
static fc_status make_folders(fc_server *s, fc_err *err)
{
    const char *home = fc_home_dir(s->config.home);
    char folder[FC_PATH_SIZE];
    fc_status status = fc_mkdir_all(home, err);
    if (status != FC_OK) return status;
    if (!realpath(home, s->home)) return fc_fail_errno(err, errno, "cannot use the folder %s", home);
    status = fc_live_config_open(&s->settings, s->home, s->config.preset, err);
    if (status != FC_OK) return status;
    fc_config *config = fc_live_config_take(s->settings);
    status = fc_config_outputs(config, s->outputs, sizeof s->outputs, err);
    fc_config_close(config);
    if (status != FC_OK) return status;
    if (fc_path_join(folder, sizeof folder, s->outputs, ".library") != FC_OK)
        return fc_fail(err, FC_LIMIT, "the path of the home folder is too long");
    return fc_mkdir_all(folder, err);
}

/* A database that is not there yet may be starting, as this program is. */
static fc_status open_shared_library(fc_server *s, fc_err *err)
{
    fc_status status;
    for (int i = 0; i < AWAY_SECONDS; i++) {
        const struct timespec pause = {1, 0};
        status = fc_library_open(s->config.library, &s->library, err);
        if (status != FC_NETWORK) break;
        if (i == 0) fc_warn_emit(s->config.warn, "%s; trying again for a minute", err ? err->message : "");
        nanosleep(&pause, NULL);
    }
    return status == FC_OK ? fc_server_check_outputs(s, err) : status;
}

static fc_status open_library(fc_server *s, fc_err *err)
{
    char path[FC_PATH_SIZE];
    if (s->config.library) return open_shared_library(s, err);
    fc_status status = fc_path_join(path, sizeof path, s->outputs, FC_LIBRARY_FILE);
    return status == FC_OK ? fc_library_open(path, &s->library, err) : status;
}

static fc_status open_engine(fc_server *s, fc_err *err)
{
    if (s->config.run || s->config.no_worker) return FC_OK;
    s->config.run = fc_engine_job;
    s->config.run_user = s;
    fc_status status = fc_engine_open(&s->config.engine, &s->engine, err);
    if (status == FC_OK) fc_engine_describe(s->engine, &s->report);
    return status;
}

static void describe_fleet(fc_server *s)
{
    fc_machine_memory memory;
    char host[64] = "";
    if (!s->config.library) return;
    fc_machine_memory_read(&memory);
    gethostname(host, sizeof host - 1);
    snprintf(s->worker_name, sizeof s->worker_name, "%s", s->config.name ? s->config.name : host);
    s->fleet = (fc_fleet_config){.url = s->config.library,
                                 .draws = !s->config.no_worker,
                                 .name = s->worker_name,
                                 .device = s->report.device,
                                 .memory = (int64_t)memory.total,
                                 .lease_seconds = s->config.lease_seconds,
                                 .offers = fc_server_offers,
                                 .user = s};
}

static fc_status open_parts(fc_server *s, fc_err *err)
{
    const fc_events_config events = {EVENTS, EVENT_BYTES, (uint64_t)fc_unix_millis(), on_change, s};
    fc_status status = make_folders(s, err);
    if (status != FC_OK) return status;
    if (s->config.auth) status = fc_auth_open(s->config.auth, &s->auth, err);
    if (status != FC_OK) return status;
    status = open_library(s, err);
    if (status != FC_OK) return status;
    status = fc_events_open(&events, &s->events, err);
    if (status != FC_OK) return status;
    status = open_engine(s, err);
    if (status != FC_OK) return status;
    if (!s->config.only_worker) fc_trash_purge(s->library, s->outputs);
    describe_fleet(s);
    const fc_jobs_config jobs = {.library = s->library,
                                 .events = s->events,
                                 .outputs = s->outputs,
                                 .run = s->config.run,
                                 .user = s->config.run_user,
                                 .max_queued = s->config.max_queued,
                                 .fleet = s->fleet.url ? &s->fleet : NULL};
    status = fc_jobs_open(&jobs, &s->jobs, err);
    if (status != FC_OK) return status;
    return fc_downloads_open(s->settings, s->events, &s->downloads, err);
}

fc_status fc_server_open(const fc_server_config *config, fc_server **server, fc_err *err)
{
    *server = NULL;
    fc_server *s = fc_calloc(1, sizeof *s);
    if (!s) return fc_fail(err, FC_NOMEM, "out of memory");
    json_object_seed(0); /* before there are threads */
    s->config = *config;
    if (s->config.head_seconds <= 0) s->config.head_seconds = HEAD_SECONDS;
    if (s->config.body_seconds <= 0) s->config.body_seconds = BODY_SECONDS;
    if (s->config.max_pixels <= 0) s->config.max_pixels = (int64_t)8 << 20;
    pthread_mutex_init(&s->wait_lock, NULL);
    pthread_mutex_init(&s->conn_lock, NULL);
    pthread_mutex_init(&s->report_lock, NULL);
    pthread_mutex_init(&s->tick_lock, NULL);
    pthread_cond_init(&s->tick, NULL);
    fc_status status = FC_OK;
    if (config->public_url && !fc_public_url_parse(config->public_url, &s->public_url))
        status = fc_fail(err, FC_ARG, "--public-url: '%.100s' is no URL like https://example.org/pictures",
                         config->public_url);
    if (status != FC_OK) goto out;
    status = open_parts(s, err);
    if (status != FC_OK) goto out;
    if (!s->config.no_http) status = start_daemon(s, err);
    if (status != FC_OK) goto out;
    status = fc_ticker_start(s, err);
out:
    if (status != FC_OK)
        fc_server_close(s);
    else
        *server = s;
    return status;
}

static void end_requests(fc_server *s)
{
    pthread_mutex_lock(&s->wait_lock);
    s->closing = true;
    pthread_mutex_unlock(&s->wait_lock);
    fc_wait_wake(s);
    if (s->daemon) MHD_stop_daemon(s->daemon); /* closes the socket too */
}

void fc_server_close(fc_server *s)
{
    if (!s) return;
    fc_ticker_stop(s);
    end_requests(s);
    fc_downloads_close(s->downloads);
    fc_jobs_close(s->jobs);
    fc_events_close(s->events);
    fc_library_close(s->library);
    fc_auth_close(s->auth);
    json_decref(s->options);
    fc_engine_close(s->engine);
    fc_live_config_close(s->settings);
    fc_free(s->tls_cert);
    fc_free(s->tls_key);
    pthread_cond_destroy(&s->tick);
    pthread_mutex_destroy(&s->tick_lock);
    pthread_mutex_destroy(&s->report_lock);
    pthread_mutex_destroy(&s->conn_lock);
    pthread_mutex_destroy(&s->wait_lock);
    fc_free(s);
}

const char *fc_server_url(const fc_server *s)
{
    return s->url;
}
