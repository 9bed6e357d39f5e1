/* Cache lines: "hash size seconds nanoseconds path". A line is appended with one write, so that several
 * processes may share the file; a broken line is as good as none. */
#include "app/models/file_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/common/lines.h"
#include "base/file.h"
#include "base/sha256.h"

enum { HASH_DIGITS = FC_FILEHASH_SIZE - 1, MAX_CACHE = 4 << 20, MAX_LINE = 4400 };

/* All of a line behind the hash: what the hash belongs to. */
static bool identity(const char *path, char line[MAX_LINE], fc_err *err)
{
    struct stat st;
    char absolute[4096];
    if (stat(path, &st) != 0) {
        fc_fail_errno(err, errno, "cannot open %s", path);
        return false;
    }
    if (!realpath(path, absolute)) snprintf(absolute, sizeof absolute, "%s", path);
    int n = snprintf(line, MAX_LINE, " %" PRId64 " %" PRId64 " %ld %s\n", (int64_t)st.st_size,
                     (int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, absolute);
    return n > 0 && n < MAX_LINE;
}

static bool is_hash(const char *text)
{
    return strspn(text, "0123456789abcdef") >= HASH_DIGITS;
}

static bool look_up(const char *cache_path, const char *wanted, char hash[FC_FILEHASH_SIZE])
{
    fc_buf cache;
    bool found = false;
    fc_buf_init(&cache, MAX_CACHE);
    if (fc_path_exists(cache_path) && fc_file_read(cache_path, &cache, NULL) == FC_OK) {
        const char *text = fc_buf_cstr(&cache), *hit = text;
        while (!found && (hit = strstr(hit, wanted))) {
            const char *start = hit - HASH_DIGITS;
            found = hit - text >= HASH_DIGITS && is_hash(start) && (start == text || start[-1] == '\n');
            if (found) memcpy(hash, start, HASH_DIGITS);
            hit++;
        }
    }
    hash[HASH_DIGITS] = '\0';
    fc_buf_fini(&cache);
    return found;
}

static void remember(const char *cache_path, const char *hash, const char *what)
{
    char line[MAX_LINE + FC_FILEHASH_SIZE];
    int n = snprintf(line, sizeof line, "%s%s", hash, what);
    int fd = open(cache_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return;                           /* a read-only folder: it is computed again next time */
    ssize_t written = write(fd, line, (size_t)n); /* a line cut by a full disk is no valid line */
    (void)written;
    close(fd);
}

/* The hash in one line of Fooocus's cache; NULL when the line is about another file or none. */
static json_t *line_about(const char *line, size_t size, const char *absolute)
{
    json_t *entry = json_loadb(line, size, 0, NULL);
    json_t *hash = json_incref(json_object_get(entry, absolute));
    json_decref(entry);
    return hash;
}

static bool is_newer(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) != 0 || stat(b, &y) != 0) return false;
    return x.st_mtim.tv_sec > y.st_mtim.tv_sec;
}

bool fc_filehash_of_fooocus(const char *path, const char *fooocus_cache, char hash[FC_FILEHASH_SIZE])
{
    char absolute[4096];
    fc_buf cache;
    bool found = false;
    if (!realpath(path, absolute) || !fc_path_exists(fooocus_cache) || is_newer(path, fooocus_cache))
        return false;
    fc_buf_init(&cache, MAX_CACHE);
    if (fc_file_read(fooocus_cache, &cache, NULL) == FC_OK) {
        const char *at = fc_buf_cstr(&cache), *end = at + cache.len;
        while (at < end && !found) {
            const char *line = at;
            json_t *known = line_about(line, fc_line_next(&at, end), absolute);
            const char *text = json_string_value(known);
            found = text && strlen(text) == HASH_DIGITS && is_hash(text);
            if (found) memcpy(hash, text, HASH_DIGITS + 1);
            json_decref(known);
        }
    }
    fc_buf_fini(&cache);
    return found;
}

fc_status fc_filehash(const char *path, const char *cache_path, int *cancel, char hash[FC_FILEHASH_SIZE],
                      fc_err *err)
{
    char what[MAX_LINE];
    fc_sha256 full;
    fc_err ignored = {0};
    bool known = identity(path, what, &ignored);
    if (!known && ignored.status != FC_OK) return fc_fail(err, ignored.status, "%s", ignored.message);
    bool cacheable = cache_path && known && !strchr(path, '\n');
    if (cacheable && look_up(cache_path, what, hash)) return FC_OK;
    /* an int that is stored atomically by its owner has the layout of an atomic_int */
    fc_status status = fc_sha256_file(path, (const atomic_int *)cancel, &full, err);
    if (status != FC_OK) return status;
    memcpy(hash, full.hex, HASH_DIGITS);
    hash[HASH_DIGITS] = '\0';
    if (cacheable) remember(cache_path, hash, what);
    return FC_OK;
}
