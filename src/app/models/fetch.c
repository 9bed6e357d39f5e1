/* One download from start to end: lock, resume, transfer, check, rename. The lock is a flock on the .part
 * file itself, so that it ends with the process however that ends. */
#include "app/models/fetch_impl.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "format/safetensors.h"
#include "format/sniff.h"
#include "format/zip.h"

enum { WAIT_MILLIS = 100, SHOW_EVERY = 10, MAX_DIRECTORY = 64 << 20 };
static const double SHOW_SECONDS = 0.1;

typedef struct fetch {
    const fc_fetch_item *item;
    const fc_fetch_options *options;
    char part[4096], state_path[4096], address[FC_FETCH_URL_SIZE];
    int fd;
    fc_fetch_state state;
    bool resumed;
} fetch;

/* ---- addresses ---- */

static const char *from_environment(const char *given, const char *name)
{
    const char *value = given ? given : getenv(name);
    return value && *value ? value : NULL;
}

bool fc_fetch_same_origin(const char *url, const char *origin)
{
    size_t n = strlen(origin);
    return strncasecmp(url, origin, n) == 0 && (url[n] == '/' || url[n] == '\0');
}

fc_status fc_fetch_address(const char *url, const char *mirror, char *out, size_t out_size, fc_err *err)
{
    const char *prefix = "", *rest = url;
    size_t n = 0;
    if (!fc_str_starts(url, "https://") && !fc_str_starts(url, "http://"))
        return fc_fail(err, FC_ARG, "%s is no http or https address", url);
    if (mirror && fc_fetch_same_origin(url, FC_HUB_ORIGIN)) {
        if (!fc_str_starts(mirror, "https://") && !fc_str_starts(mirror, "http://"))
            return fc_fail(err, FC_ARG, "the mirror %s is no http or https address", mirror);
        prefix = mirror;
        n = strlen(mirror);
        while (n > 0 && mirror[n - 1] == '/') n--;
        rest = url + strlen(FC_HUB_ORIGIN);
    }
    int length = snprintf(out, out_size, "%.*s%s", (int)n, prefix, rest);
    if (length < 0 || (size_t)length >= out_size)
        return fc_fail(err, FC_LIMIT, "the address is too long: %s", url);
    return FC_OK;
}

static const char *token_for(const fetch *f)
{
    const fc_fetch_options *o = f->options;
    const char *token = from_environment(o->token, "HF_TOKEN");
    const char *origin = o->token_origin ? o->token_origin : FC_HUB_ORIGIN;
    return token && fc_fetch_same_origin(f->address, origin) ? token : NULL;
}

/* ---- the lock ---- */

static void tell(const fetch *f, fc_fetch_phase phase)
{
    fc_fetch_progress p = {.phase = phase, .total = f->state.total, .seconds_left = -1};
    if (f->options->on_progress) f->options->on_progress(f->options->user, &p);
}

static fc_status wait_for_lock(fetch *f, fc_err *err)
{
    for (int round = 0; flock(f->fd, LOCK_EX | LOCK_NB) != 0; round++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fc_fail_errno(err, errno, "cannot lock %s", f->part);
        if (f->options->cancel && atomic_load(f->options->cancel))
            return fc_fail(err, FC_CANCELLED, "stopped");
        if (round % SHOW_EVERY == 0) tell(f, FC_FETCH_WAITING);
        nanosleep(&(struct timespec){.tv_nsec = WAIT_MILLIS * 1000000L}, NULL);
    }
    return FC_OK;
}

/* While waiting, the owner may have renamed or removed the file that was opened here. */
static bool still_the_part(const fetch *f)
{
    struct stat mine, named;
    return fstat(f->fd, &mine) == 0 && stat(f->part, &named) == 0 && mine.st_dev == named.st_dev &&
           mine.st_ino == named.st_ino;
}

/* Opens and locks the .part file; *there: the final name exists, nothing is open. */
static fc_status lock_part(fetch *f, bool *there, fc_err *err)
{
    for (;;) {
        *there = fc_path_exists(f->item->path);
        if (*there) return FC_OK;
        f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (f->fd < 0) return fc_fail_errno(err, errno, "cannot write %s", f->part);
        fc_status status = wait_for_lock(f, err);
        if (status != FC_OK) return status;
        *there = fc_path_exists(f->item->path);
        if (still_the_part(f)) {
            if (*there) unlink(f->part); /* made here a moment after the other one was done */
            if (!*there) return FC_OK;
        }
        close(f->fd);
        f->fd = -1;
    }
}

/* ---- checks ---- */

static bool is_model_name(const char *name)
{
    static const char *const endings[] = {".ckpt", ".pth", ".pt", ".bin", ".onnx", ".patch"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (fc_str_ends_nocase(name, endings[i])) return true;
    return false;
}

static fc_status sniff(const char *path, const char *name, fc_file_kind *found, fc_err *err)
{
    char head[512];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fc_fail_errno(err, errno, "cannot open %s", path);
    ssize_t n = read(fd, head, sizeof head);
    int error = errno;
    close(fd);
    if (n < 0) return fc_fail_errno(err, error, "cannot read %s", path);
    fc_file_kind kind = *found = fc_sniff_kind(head, (size_t)n);
    bool page = kind == FC_KIND_HTML || kind == FC_KIND_LFS_POINTER || kind == FC_KIND_EMPTY;
    bool answer = kind == FC_KIND_XML || kind == FC_KIND_JSON;
    if (!page && !(answer && is_model_name(name))) return FC_OK;
    return fc_fail(err, FC_FORMAT, "%s is %s; %s", path, fc_kind_name(kind), fc_kind_advice(kind));
}

/* An archive that was cut has no directory. What is in it is the business of whoever reads it. */
static fc_status check_zip(const char *path, fc_err *err)
{
    fc_mapping map;
    fc_arena arena;
    fc_zip zip;
    fc_status status = fc_map_open(&map, path, err);
    if (status != FC_OK) return status;
    fc_arena_init(&arena, MAX_DIRECTORY);
    status = fc_zip_open(&zip, map.data, map.size, &arena, err);
    if (status == FC_OK) fc_zip_close(&zip);
    fc_arena_fini(&arena);
    fc_map_close(&map);
    return status == FC_UNSUPPORTED ? FC_OK : status;
}

fc_status fc_fetch_check_kind(const char *path, const char *final_name, fc_err *err)
{
    fc_safetensors st;
    fc_file_kind kind = FC_KIND_UNKNOWN;
    fc_status status;
    if (!fc_str_ends_nocase(final_name, ".safetensors")) {
        status = sniff(path, final_name, &kind, err);
        return status == FC_OK && kind == FC_KIND_ZIP ? check_zip(path, err) : status;
    }
    status = fc_safetensors_open(&st, path, err);
    if (status == FC_OK) fc_safetensors_close(&st);
    return status;
}

typedef struct hashing {
    const fc_fetch_options *options;
    uint64_t total;
    double started, shown;
} hashing;

static void on_bytes(void *user, uint64_t done)
{
    hashing *h = user;
    double now = fc_now(), passed = now - h->started;
    if (!h->options->on_progress || (now - h->shown < SHOW_SECONDS && done < h->total)) return;
    h->shown = now;
    fc_fetch_progress p = {.phase = FC_FETCH_CHECKING, .done = done, .total = h->total, .seconds_left = -1};
    if (passed > 0) p.rate = (double)done / passed;
    if (p.rate > 0 && done <= h->total) p.seconds_left = (double)(h->total - done) / p.rate;
    h->options->on_progress(h->options->user, &p);
}

fc_status fc_fetch_hash(const char *path, const fc_fetch_options *options, fc_sha256 *out, fc_err *err)
{
    struct stat st;
    hashing h = {.options = options, .started = fc_now()};
    if (stat(path, &st) == 0 && st.st_size > 0) h.total = (uint64_t)st.st_size;
    return fc_sha256_file_watched(path, &(fc_sha256_watch){options->cancel, on_bytes, &h}, out, err);
}

static void throw_away(fetch *f)
{
    unlink(f->state_path);
    unlink(f->part);
    fc_fetch_state_clear(&f->state);
}

static fc_status check(fetch *f, fc_fetch_result *result, fc_err *err)
{
    struct stat st;
    fc_err why = {0};
    tell(f, FC_FETCH_CHECKING);
    if (ftruncate(f->fd, (off_t)f->state.total) != 0 || fdatasync(f->fd) != 0 || fstat(f->fd, &st) != 0)
        return fc_fail_errno(err, errno, "cannot write %s", f->part);
    result->size = (uint64_t)st.st_size;
    fc_status status = fc_fetch_check_kind(f->part, f->item->path, &why);
    if (status != FC_OK)
        return fc_fail(err, FC_FORMAT, "%s gave a file that cannot be used: %s", f->item->url, why.message);
    status = fc_fetch_hash(f->part, f->options, &result->sha256, err);
    if (status != FC_OK || !f->item->sha256 || fc_str_eq_nocase(f->item->sha256, result->sha256.hex))
        return status;
    return fc_fail(
        err, FC_FORMAT,
        "%s gave another file than expected: its SHA-256 is %s, it should be %s; it was thrown away",
        f->item->url, result->sha256.hex, f->item->sha256);
}

/* ---- one file ---- */

static bool data_is_there(const fetch *f)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0) return false;
    for (uint32_t i = 0; i < f->state.count; i++)
        if (f->state.done[i] && i * f->state.chunk_bytes + f->state.done[i] > (uint64_t)st.st_size)
            return false;
    return true;
}

static fc_status transfer(fetch *f, fc_err *err)
{
    f->resumed = fc_fetch_state_load(&f->state, f->state_path, f->item->url) && data_is_there(f);
    if (!f->resumed) {
        fc_fetch_state_clear(&f->state);
        if (ftruncate(f->fd, 0) != 0) return fc_fail_errno(err, errno, "cannot write %s", f->part);
    }
    const fc_transfer t = {f->item, f->options, f->address,    token_for(f),
                           f->fd,   f->part,    f->state_path, &f->state};
    return fc_transfer_run(&t, err);
}

static fc_status put_in_place(fetch *f, fc_err *err)
{
    if (fc_path_exists(f->item->path))
        return fc_fail(err, FC_BUSY, "%s has appeared meanwhile; the fetched file is %s", f->item->path,
                       f->part);
    if (rename(f->part, f->item->path) != 0)
        return fc_fail_errno(err, errno, "cannot rename %s to %s", f->part, f->item->path);
    unlink(f->state_path);
    return FC_OK;
}

/* A file that turns out wrong although only a rest was fetched deserves a second, whole try: its older part
 * may have been damaged here. */
static fc_status fetch_locked(fetch *f, fc_fetch_result *result, fc_err *err)
{
    fc_status status = transfer(f, err);
    if (status != FC_OK) goto out;
    status = check(f, result, err);
out:
    if (status == FC_FORMAT && f->resumed) {
        unlink(f->state_path);
        fc_fetch_state_clear(&f->state);
        status = transfer(f, err);
        if (status == FC_OK) status = check(f, result, err);
    }
    if (status == FC_OK) return put_in_place(f, err);
    bool useless = status == FC_FORMAT || status == FC_NOT_FOUND || status == FC_DENIED;
    if (useless || (f->state.total == 0 && !fc_path_exists(f->state_path))) throw_away(f);
    return status;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static fc_status prepare(fetch *f, fc_err *err)
{
    const char *path = f->item->path;
    char folder[4096];
    int n = snprintf(f->state_path, sizeof f->state_path, "%s.part.state", path);
    if (n < 0 || (size_t)n >= sizeof f->state_path)
        return fc_fail(err, FC_LIMIT, "the file name is too long: %s", path);
    snprintf(f->part, sizeof f->part, "%.4080s.part", path);
    if (f->options->offline)
        return fc_fail(err, FC_NETWORK, "%s is not there, and nothing is fetched in offline mode", path);
    fc_status status = fc_fetch_address(f->item->url, from_environment(f->options->mirror, "HF_MIRROR"),
                                        f->address, sizeof f->address, err);
    size_t parent = (size_t)(fc_path_basename(path) - path);
    if (status != FC_OK || parent == 0) return status;
    snprintf(folder, sizeof folder, "%.*s", (int)parent, path);
    return fc_mkdir_all(folder, err);
}

fc_status fc_fetch(const fc_fetch_item *item, const fc_fetch_options *options, fc_fetch_result *result,
                   fc_err *err)
{
    static const fc_fetch_options defaults;
    fc_fetch_result own;
    fetch f = {.item = item, .options = options ? options : &defaults, .fd = -1};
    bool there = fc_path_exists(item->path);
    if (!result) result = &own;
    *result = (fc_fetch_result){0};
    fc_status status = there ? FC_OK : prepare(&f, err);
    if (status == FC_OK && !there) {
        pthread_once(&curl_once, init_curl);
        status = lock_part(&f, &there, err);
    }
    if (status == FC_OK && there)
        result->already_there = true;
    else if (status == FC_OK)
        status = fetch_locked(&f, result, err);
    fc_fetch_state_fini(&f.state);
    if (f.fd >= 0) close(f.fd);
    return status;
}
