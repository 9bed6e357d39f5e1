/* The network side of a download: up to `connections` lanes, each fetching one chunk by a range request. The
 * first answer tells size and whether ranges work; only then do further lanes start. A lane that breaks
 * pauses and goes on where it was. An answer that belongs to another version of the file starts everything
 * over. Used by one thread. */
#include "app/models/fetch_impl.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "format/sniff.h"

enum {
    MAX_LANES = 16,
    MAX_RESTARTS = 3,
    POLL_MILLIS = 100,
    CONNECT_SECONDS = 20,
    MAX_REDIRECTS = 10,
    MIN_SNIFF = 16
};
static const double SAVE_SECONDS = 5, MAX_PAUSE = 30, MAX_SERVER_PAUSE = 300, RATE_SECONDS = 5;

typedef enum verdict {
    GO_ON,
    RETRY,   /* this lane, later */
    RESTART, /* everything from the beginning */
    GIVE_UP  /* run.status says why */
} verdict;

typedef struct lane {
    struct run *run;
    CURL *easy;
    struct curl_slist *headers;
    bool busy, accepted;
    uint32_t chunk;
    uint64_t from, at, end; /* asked from; next byte; behind the last byte wanted */
    double resume_at;       /* do not start before */
    verdict verdict;
    char curl_message[CURL_ERROR_SIZE];
    /* of the answer: */
    char etag[FC_FETCH_ETAG_SIZE], range[96];
    double retry_after;
} lane;

typedef struct run {
    const fc_transfer *t;
    fc_fetch_state *s;
    CURLM *multi;
    lane lanes[MAX_LANES];
    int lane_count;
    bool single;            /* the server cannot send ranges: one stream from the beginning */
    bool resumed;           /* chunks came from the state file */
    int failures, restarts; /* failures: since there were never more bytes than now */
    uint64_t most_bytes;
    uint64_t single_total; /* 0: the server does not say */
    double saved_at, shown_at;
    double rate, rate_at;
    uint64_t rate_bytes;
    char reason[CURL_ERROR_SIZE];
    fc_status status;
    fc_err *err;
} run;

#define give_up(r, ...) ((r)->status = fc_fail((r)->err, __VA_ARGS__), GIVE_UP)

static bool cancelled(const run *r)
{
    const atomic_int *c = r->t->options->cancel;
    return c && atomic_load(c) != 0;
}

/* ---- progress ---- */

static void show(run *r, fc_fetch_phase phase, bool now)
{
    const fc_fetch_options *o = r->t->options;
    double time = fc_now();
    uint64_t done = fc_fetch_state_bytes(r->s);
    if (done < r->rate_bytes) r->rate_bytes = done, r->rate_at = time;
    double passed = time - r->rate_at;
    if (passed >= 0.5) { /* exponential mean over about RATE_SECONDS */
        double current = (double)(done - r->rate_bytes) / passed;
        double share = passed > RATE_SECONDS || r->rate <= 0 ? 1 : passed / RATE_SECONDS;
        r->rate += share * (current - r->rate);
        r->rate_at = time;
        r->rate_bytes = done;
    }
    if (!o->on_progress || (!now && time - r->shown_at < 0.1)) return;
    r->shown_at = time;
    bool unknown = r->single && r->single_total == 0;
    fc_fetch_progress p = {.phase = phase, .done = done, .total = unknown ? 0 : r->s->total, .rate = r->rate};
    p.seconds_left = r->rate > 0 && p.total ? (double)(p.total - done) / r->rate : -1;
    p.reason = phase == FC_FETCH_RETRYING ? r->reason : NULL;
    o->on_progress(o->user, &p);
}

static fc_status save(run *r, bool now)
{
    if (r->single || r->s->count == 0 || (!now && fc_now() - r->saved_at < SAVE_SECONDS)) return FC_OK;
    if (fdatasync(r->t->fd) != 0) return fc_fail_errno(r->err, errno, "cannot write %s", r->t->part_path);
    fc_status status = fc_fetch_state_save(r->s, r->t->state_path, r->err);
    r->saved_at = fc_now();
    return status;
}

/* ---- disk ---- */

static void folder_of(const char *path, char out[4096])
{
    size_t n = (size_t)(fc_path_basename(path) - path);
    if (n == 0 || n >= 4096)
        snprintf(out, 4096, ".");
    else
        snprintf(out, 4096, "%.*s", (int)n, path);
}

/* Checks for room and takes it, so that a disk that is too small is found out before the download. */
static verdict make_room(run *r, uint64_t total)
{
    struct stat st;
    struct statvfs fs;
    char folder[4096];
    folder_of(r->t->part_path, folder);
    uint64_t have = fstat(r->t->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
    uint64_t needed = total > have ? total - have : 0;
    if (statvfs(folder, &fs) == 0 && fs.f_blocks > 0) {
        uint64_t space = (uint64_t)fs.f_bavail * fs.f_frsize;
        if (space < needed)
            return give_up(r, FC_IO,
                           "there is not enough room in %s: %s needs %.2f GB more, %.2f GB are free", folder,
                           fc_path_basename(r->t->item->path), (double)needed / 1e9, (double)space / 1e9);
    }
    if (fallocate(r->t->fd, 0, 0, (off_t)total) != 0 && errno != EOPNOTSUPP && errno != ENOSYS &&
        errno != EINTR) {
        int error = errno;
        if (ftruncate(r->t->fd, (off_t)have) != 0)
            have = 0; /* give back what was taken; failure changes nothing */
        r->status = fc_fail_errno(r->err, error, "cannot make room for %s", r->t->part_path);
        return GIVE_UP;
    }
    return GO_ON;
}

/* ---- what the server answered ---- */

/* "bytes 100-199/4000" */
static bool parse_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *total)
{
    char copy[96];
    snprintf(copy, sizeof copy, "%s", text);
    char *dash = strchr(copy, '-'), *slash = strchr(copy, '/');
    if (strncasecmp(copy, "bytes ", 6) != 0 || !dash || !slash || slash < dash) return false;
    *dash = *slash = '\0';
    return fc_parse_u64(copy + 6, first) && fc_parse_u64(dash + 1, last) && fc_parse_u64(slash + 1, total) &&
           *first <= *last && *last < *total;
}

static verdict check_size(run *r, uint64_t total)
{
    uint64_t wanted = r->t->item->size;
    if (wanted && total != wanted)
        return give_up(r, FC_FORMAT,
                       "the server has another file: %s should have %" PRIu64 " bytes, there it has %" PRIu64,
                       fc_path_basename(r->t->item->path), wanted, total);
    return GO_ON;
}

static verdict begin_file(run *r, lane *l, uint64_t total, uint64_t chunk_bytes)
{
    verdict v = check_size(r, total);
    if (v == GO_ON && fc_fetch_state_cut(r->s, total, chunk_bytes, r->err) != FC_OK) {
        r->status = r->err->status;
        v = GIVE_UP;
    }
    if (v == GO_ON) v = make_room(r, total);
    snprintf(r->s->etag, sizeof r->s->etag, "%s", l->etag);
    return v;
}

static verdict accept_part(run *r, lane *l)
{
    uint64_t first, last, total;
    if (!parse_range(l->range, &first, &last, &total) || first != l->from || last >= l->end) {
        snprintf(r->reason, sizeof r->reason, "the server sent another part of the file than asked for");
        return RETRY;
    }
    if (r->s->total == 0) {
        verdict v = begin_file(r, l, total, l->end - l->from);
        if (v != GO_ON) return v;
    }
    bool changed = total != r->s->total || (l->etag[0] && r->s->etag[0] && strcmp(l->etag, r->s->etag) != 0);
    if (changed) return RESTART;
    l->end = last + 1;
    return GO_ON;
}

/* The whole file although a part was asked for: the server has no ranges, or (If-Range) a newer file. */
static verdict accept_whole(run *r, lane *l)
{
    curl_off_t length = -1;
    if (r->s->total && !r->single) return RESTART;
    curl_easy_getinfo(l->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    r->single = true;
    r->single_total = length > 0 ? (uint64_t)length : 0;
    l->from = l->at = 0;
    l->end = r->single_total ? r->single_total : FC_FETCH_MAX_BYTES;
    l->chunk = 0;
    if (r->single_total) return begin_file(r, l, r->single_total, r->single_total);
    if (fc_fetch_state_cut(r->s, FC_FETCH_MAX_BYTES, FC_FETCH_MAX_BYTES, r->err) == FC_OK) return GO_ON;
    return give_up(r, FC_NOMEM, "out of memory for a download");
}

static verdict refuse(run *r, lane *l, long code)
{
    const char *url = r->t->item->url;
    switch (code) {
    case 401:
    case 403:
        return give_up(r, FC_DENIED,
                       "the server refuses %s (HTTP %ld): the model may need an account and consent to its "
                       "terms; then put an access token into the environment variable HF_TOKEN",
                       url, code);
    case 404:
    case 410:
        return give_up(r, FC_NOT_FOUND, "there is no file at %s (HTTP %ld)", url, code);
    case 416:
        if (r->s->total || r->resumed) return RESTART;
        return give_up(r, FC_FORMAT, "the file at %s is empty (HTTP 416)", url);
    case 408:
    case 425:
    case 429:
        break;
    default:
        if (code < 500) return give_up(r, FC_NETWORK, "the server answers HTTP %ld for %s", code, url);
    }
    snprintf(r->reason, sizeof r->reason, "the server answers HTTP %ld", code);
    double wait = l->retry_after < MAX_SERVER_PAUSE ? l->retry_after : MAX_SERVER_PAUSE;
    if (wait > 0) l->resume_at = fc_now() + wait;
    return RETRY;
}

static bool name_is_page(const char *path)
{
    return fc_str_ends_nocase(path, ".html") || fc_str_ends_nocase(path, ".htm");
}

static verdict refuse_page(run *r, const char *what)
{
    return give_up(r, FC_FORMAT, "%s gave %s in place of the file; %s", r->t->item->url, what,
                   fc_kind_advice(FC_KIND_HTML));
}

static verdict judge(run *r, lane *l)
{
    long code = 0;
    const char *type = NULL;
    curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 && code != 206) return refuse(r, l, code);
    curl_easy_getinfo(l->easy, CURLINFO_CONTENT_TYPE, &type);
    if (type && strncasecmp(type, "text/html", 9) == 0 && !name_is_page(r->t->item->path))
        return refuse_page(r, "a web page (HTML)");
    verdict v = code == 206 ? accept_part(r, l) : accept_whole(r, l);
    l->accepted = v == GO_ON;
    return v;
}

/* A page is told by its first bytes, before gigabytes of it come. */
static verdict look_at(run *r, const lane *l, const char *data, size_t size)
{
    if (l->at != 0 || size < MIN_SNIFF || name_is_page(r->t->item->path)) return GO_ON;
    fc_file_kind kind = fc_sniff_kind(data, size);
    if (kind == FC_KIND_HTML || kind == FC_KIND_LFS_POINTER) return refuse_page(r, fc_kind_name(kind));
    return GO_ON;
}

static verdict store(run *r, lane *l, const char *data, size_t size)
{
    verdict v = look_at(r, l, data, size);
    if (v != GO_ON) return v;
    if (size > l->end - l->at) {
        snprintf(r->reason, sizeof r->reason, "the server sent more bytes than it had announced");
        return RETRY;
    }
    while (size > 0) {
        ssize_t n = pwrite(r->t->fd, data, size, (off_t)l->at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            r->status = fc_fail_errno(r->err, errno, "cannot write %s", r->t->part_path);
            return GIVE_UP;
        }
        data += n;
        size -= (size_t)n;
        l->at += (uint64_t)n;
        r->s->done[l->chunk] += (uint64_t)n;
    }
    uint64_t bytes = fc_fetch_state_bytes(r->s);
    if (bytes > r->most_bytes) {
        r->most_bytes = bytes;
        r->failures = 0;
    }
    return GO_ON;
}

/* ---- curl's callbacks ---- */

static size_t on_data(char *data, size_t one, size_t size, void *user)
{
    lane *l = user;
    (void)one;
    if (!l->accepted) l->verdict = judge(l->run, l);
    if (l->verdict == GO_ON) l->verdict = store(l->run, l, data, size);
    return l->verdict == GO_ON ? size : 0; /* anything else ends this lane */
}

static bool header_is(const char *line, size_t size, const char *name, char *out, size_t out_size)
{
    size_t n = strlen(name);
    if (size <= n || strncasecmp(line, name, n) != 0) return false;
    const char *value = line + n;
    size_t rest = size - n;
    while (rest > 0 && (*value == ' ' || *value == '\t')) value++, rest--;
    while (rest > 0 && strchr("\r\n \t", value[rest - 1])) rest--;
    if (rest >= out_size) rest = 0; /* too long to be what it should be */
    memcpy(out, value, rest);
    out[rest] = '\0';
    return true;
}

static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    lane *l = user;
    char text[32];
    (void)one;
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* a redirect's answer came before */
        l->etag[0] = l->range[0] = '\0';
        l->retry_after = 0;
    }
    header_is(line, size, "etag:", l->etag, sizeof l->etag);
    header_is(line, size, "content-range:", l->range, sizeof l->range);
    double seconds;
    if (header_is(line, size, "retry-after:", text, sizeof text) && fc_parse_f64(text, &seconds))
        l->retry_after = seconds;
    return size;
}

/* ---- lanes ---- */

static bool set_options(lane *l)
{
    const fc_transfer *t = l->run->t;
    const fc_fetch_options *o = t->options;
    bool secure = fc_str_starts(t->address, "https:");
    CURL *e = l->easy;
    CURLcode c = curl_easy_setopt(e, CURLOPT_URL, t->address);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    if (!c) c = curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    if (!c) c = curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    if (!c) c = curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    if (!c) c = curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    if (!c) c = curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)(o->stall_seconds ? o->stall_seconds : 30));
    if (!c) c = curl_easy_setopt(e, CURLOPT_USERAGENT, "fooocus-c/" FC_VERSION);
    if (!c) c = curl_easy_setopt(e, CURLOPT_ERRORBUFFER, l->curl_message);
    if (!c) c = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
    if (!c) c = curl_easy_setopt(e, CURLOPT_WRITEDATA, l);
    if (!c) c = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    if (!c) c = curl_easy_setopt(e, CURLOPT_HEADERDATA, l);
    if (!c) c = curl_easy_setopt(e, CURLOPT_PRIVATE, l);
    if (!c && t->token) { /* curl drops it when a redirect leads to another host */
        c = curl_easy_setopt(e, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        if (!c) c = curl_easy_setopt(e, CURLOPT_XOAUTH2_BEARER, t->token);
    }
    return c == CURLE_OK;
}

static verdict start(run *r, lane *l)
{
    char range[64], condition[FC_FETCH_ETAG_SIZE + 16];
    l->accepted = false;
    l->verdict = GO_ON;
    l->at = l->from;
    l->curl_message[0] = '\0';
    l->etag[0] = l->range[0] = '\0';
    curl_slist_free_all(l->headers);
    l->headers = NULL;
    if (!l->easy && (l->easy = curl_easy_init())) /* a handle that has been used may refuse another size */
        curl_easy_setopt(l->easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    if (!l->easy || !set_options(l)) return give_up(r, FC_NOMEM, "out of memory for a download");
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, l->from, l->end - 1);
    curl_easy_setopt(l->easy, CURLOPT_RANGE, r->single ? NULL : range);
    if (!r->single && r->s->etag[0] == '"') { /* a strong validator */
        snprintf(condition, sizeof condition, "If-Range: %s", r->s->etag);
        l->headers = curl_slist_append(NULL, condition);
    }
    curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, l->headers);
    if (curl_multi_add_handle(r->multi, l->easy) != CURLM_OK)
        return give_up(r, FC_NOMEM, "out of memory for a download");
    l->busy = true;
    return GO_ON;
}

static bool in_work(const run *r, uint32_t chunk)
{
    for (int i = 0; i < r->lane_count; i++)
        if (r->lanes[i].busy && r->lanes[i].chunk == chunk) return true;
    return false;
}

/* Gives the lane the next chunk with missing bytes; false when there is none. */
static bool choose_chunk(run *r, lane *l)
{
    fc_fetch_state *s = r->s;
    uint64_t chunk_bytes = r->t->options->chunk_bytes ? r->t->options->chunk_bytes : (uint64_t)64 << 20;
    if (s->total == 0 || r->single) {
        l->chunk = 0;
        l->from = 0;
        l->end = r->single ? FC_FETCH_MAX_BYTES : chunk_bytes;
        if (r->single) fc_fetch_state_clear(s);
        return true;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t size = fc_fetch_state_chunk_size(s, i);
        if (s->done[i] == size || in_work(r, i)) continue;
        l->chunk = i;
        l->from = i * s->chunk_bytes + s->done[i];
        l->end = i * s->chunk_bytes + size;
        return true;
    }
    return false;
}

static verdict start_lanes(run *r)
{
    double now = fc_now();
    bool one = r->s->total == 0 || r->single;
    for (int i = 0; i < (one ? 1 : r->lane_count); i++) {
        lane *l = &r->lanes[i];
        if (l->busy || now < l->resume_at) continue;
        if (!choose_chunk(r, l)) break;
        verdict v = start(r, l);
        if (v != GO_ON) return v;
    }
    return GO_ON;
}

static void stop(run *r, lane *l)
{
    if (l->busy) curl_multi_remove_handle(r->multi, l->easy);
    l->busy = false;
}

/* ---- the end of a lane ---- */

static verdict retry_later(run *r, lane *l)
{
    const fc_fetch_options *o = r->t->options;
    int attempts = o->attempts ? o->attempts : 8;
    double pause = o->pause_seconds > 0 ? o->pause_seconds : 1;
    for (int i = 0; i < r->failures && pause < MAX_PAUSE; i++) pause *= 2;
    if (pause > MAX_PAUSE) pause = MAX_PAUSE;
    if (++r->failures >= attempts)
        return give_up(r, FC_NETWORK,
                       "cannot fetch %s: %s (%d attempts); what has arrived is kept, try again",
                       r->t->item->url, r->reason, r->failures);
    if (l->resume_at < fc_now() + pause) l->resume_at = fc_now() + pause;
    show(r, FC_FETCH_RETRYING, true);
    return GO_ON;
}

/* A stream without announced length is as long as what came, if it ended in good order. */
static verdict finish_single(run *r, lane *l)
{
    uint64_t total = l->at;
    if (r->single_total == 0 && total > 0) {
        verdict v = check_size(r, total);
        if (v != GO_ON) return v;
        if (fc_fetch_state_cut(r->s, total, total, r->err) != FC_OK)
            return give_up(r, FC_NOMEM, "out of memory");
        r->s->done[0] = total;
        if (ftruncate(r->t->fd, (off_t)total) != 0)
            return give_up(r, FC_IO, "cannot write %s", r->t->part_path);
    }
    return GO_ON;
}

/* What another try would meet again. */
static bool is_permanent(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
           code == CURLE_PEER_FAILED_VERIFICATION;
}

static verdict finish(run *r, lane *l, CURLcode code)
{
    if (l->verdict == GO_ON && !l->accepted && code == CURLE_OK) l->verdict = judge(r, l); /* no body came */
    if (l->verdict == GO_ON && code == CURLE_OK) {
        if (r->single) return finish_single(r, l);
        if (l->at == l->end) return GO_ON;
    }
    if (l->verdict == RESTART || l->verdict == GIVE_UP) return l->verdict;
    if (code == CURLE_TOO_MANY_REDIRECTS)
        return give_up(r, FC_NETWORK,
                       "cannot fetch %s: the address leads in a circle (more than %d redirects)",
                       r->t->item->url, (int)MAX_REDIRECTS);
    if (is_permanent(code))
        return give_up(r, FC_NETWORK, "cannot fetch %s: %s", r->t->item->url,
                       l->curl_message[0] ? l->curl_message : curl_easy_strerror(code));
    if (l->verdict == GO_ON)
        snprintf(r->reason, sizeof r->reason, "%s",
                 code == CURLE_OK     ? "the connection ended early"
                 : l->curl_message[0] ? l->curl_message
                                      : curl_easy_strerror(code));
    return retry_later(r, l);
}

static verdict restart(run *r)
{
    for (int i = 0; i < r->lane_count; i++) stop(r, &r->lanes[i]);
    fc_fetch_state_clear(r->s);
    r->resumed = r->single = false;
    r->most_bytes = 0;
    unlink(r->t->state_path);
    if (++r->restarts > MAX_RESTARTS)
        return give_up(r, FC_NETWORK, "the file at %s keeps changing while it is fetched", r->t->item->url);
    return GO_ON;
}

static verdict finish_lanes(run *r)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(r->multi, &left))) {
        lane *l = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &l);
        verdict v = finish(r, l, code);
        stop(r, l);
        if (v == RESTART) return restart(r);
        if (v != GO_ON) return v;
    }
    return GO_ON;
}

static bool is_complete(const run *r)
{
    for (int i = 0; i < r->lane_count; i++)
        if (r->single && r->lanes[i].busy) return false; /* its length may still be unknown */
    return fc_fetch_state_complete(r->s);
}

/* How long nothing but the network can happen. */
static int idle_millis(const run *r)
{
    double now = fc_now(), wait = POLL_MILLIS;
    for (int i = 0; i < r->lane_count; i++) {
        double left = (r->lanes[i].resume_at - now) * 1e3;
        if (!r->lanes[i].busy && left > 0 && left < wait) wait = left;
    }
    return (int)wait + 1;
}

static fc_status loop(run *r)
{
    int running;
    while (!is_complete(r)) {
        if (cancelled(r)) return fc_fail(r->err, FC_CANCELLED, "stopped; what has arrived is kept");
        if (start_lanes(r) != GO_ON) return r->status;
        if (curl_multi_perform(r->multi, &running) != CURLM_OK)
            return fc_fail(r->err, FC_NETWORK, "the download cannot go on");
        if (finish_lanes(r) != GO_ON) return r->status;
        show(r, FC_FETCH_RECEIVING, false);
        fc_status status = save(r, false);
        if (status != FC_OK) return status;
        if (!is_complete(r)) curl_multi_poll(r->multi, NULL, 0, idle_millis(r), NULL);
    }
    return FC_OK;
}

fc_status fc_transfer_run(const fc_transfer *t, fc_err *err)
{
    fc_err own = {0};
    int wanted = t->options->connections ? t->options->connections : 4;
    run r = {.t = t, .s = t->state, .err = err ? err : &own};
    r.lane_count = wanted < 1 ? 1 : wanted > MAX_LANES ? MAX_LANES : wanted;
    r.resumed = t->state->total > 0;
    r.saved_at = r.rate_at = fc_now();
    r.rate_bytes = r.most_bytes = fc_fetch_state_bytes(t->state);
    if (r.resumed && check_size(&r, t->state->total) != GO_ON) fc_fetch_state_clear(t->state);
    for (int i = 0; i < r.lane_count; i++) r.lanes[i].run = &r;
    r.multi = curl_multi_init();
    if (!r.multi) return fc_fail(err, FC_NOMEM, "out of memory for a download");
    fc_status status = loop(&r), saved = FC_OK;
    for (int i = 0; i < r.lane_count; i++) {
        stop(&r, &r.lanes[i]);
        curl_easy_cleanup(r.lanes[i].easy);
        curl_slist_free_all(r.lanes[i].headers);
    }
    curl_multi_cleanup(r.multi);
    if (status == FC_OK || status == FC_CANCELLED || status == FC_NETWORK) {
        r.err = status == FC_OK ? r.err : NULL; /* the first problem is the one to tell */
        saved = save(&r, true);
    }
    if (status == FC_OK) show(&r, FC_FETCH_RECEIVING, true);
    return status == FC_OK ? saved : status;
}
