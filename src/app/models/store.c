/* See modelstore.h. A line of SHA256SUMS is appended with one write; of several lines the last counts. */
#include "app/models/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/common/home.h"
#include "app/common/walk.h"
#include "app/settings/performance.h"
#include "base/file.h"
#include "base/str.h"

enum { MAX_SUMS = 4 << 20, HASH_DIGITS = 64, MAX_ASIDE = 100 };

/* A file of that name anywhere below folder. */
static bool find_below(const char *folder, const char *name, fc_arena *arena, char *path, size_t size)
{
    const char *last = fc_path_basename(name);
    const char *const endings[] = {last, NULL};
    fc_lines found;
    fc_lines_init(&found, arena);
    if (fc_path_join(path, size, folder, name) == FC_OK && fc_path_exists(path)) return true;
    if (fc_walk(folder, endings, &found, NULL) != FC_OK) return false;
    for (size_t i = 0; i < found.count; i++)
        if (strcmp(fc_path_basename(found.items[i]), last) == 0)
            return fc_path_join(path, size, folder, found.items[i]) == FC_OK;
    return false;
}

fc_status fc_modelstore_path(const fc_config *config, const fc_catalog_model *m, char *path, size_t size,
                             bool *there, fc_err *err)
{
    fc_arena arena;
    fc_lines folders;
    fc_arena_init(&arena, 16 << 20);
    fc_lines_init(&folders, &arena);
    fc_status status = FC_OK;
    *there = false;
    fc_config_folders(config, fc_catalog_kind(m), &folders);
    if (folders.count == 0) status = fc_fail(err, FC_NOMEM, "out of memory for folder names");
    for (size_t i = 0; i < folders.count && status == FC_OK && !*there; i++)
        *there = find_below(folders.items[i], m->name, &arena, path, size);
    if (status != FC_OK) goto out;
    if (!*there) status = fc_path_join(path, size, folders.items[0], m->name);
out:
    if (status == FC_LIMIT) fc_fail(err, status, "the file name is too long: %s", m->name);
    fc_arena_fini(&arena);
    return status;
}

/* ---- hashes seen first ---- */

static fc_status sums_path(const char *home, char *out, size_t size)
{
    return fc_path_join(out, size, fc_home_dir(home), "models/SHA256SUMS");
}

/* The name under which a file stands in SHA256SUMS: below models/, else its absolute path. */
static bool sums_name(const char *home, const char *path, char *out, size_t size)
{
    char models[4096], absolute[4096], root[4096];
    if (fc_path_join(models, sizeof models, fc_home_dir(home), "models") != FC_OK) return false;
    if (!realpath(path, absolute) || strpbrk(absolute, "\n\\")) return false;
    size_t n = realpath(models, root) ? strlen(root) : 0;
    bool below = n > 0 && strncmp(absolute, root, n) == 0 && absolute[n] == '/';
    int length = snprintf(out, size, "%s", below ? absolute + n + 1 : absolute);
    return length > 0 && (size_t)length < size;
}

static bool recall(const char *home, const char *name, char hash[HASH_DIGITS + 1])
{
    char path[4096];
    fc_buf sums;
    bool found = false;
    fc_buf_init(&sums, MAX_SUMS);
    if (sums_path(home, path, sizeof path) == FC_OK && fc_path_exists(path) &&
        fc_file_read(path, &sums, NULL) == FC_OK) {
        const char *at = fc_buf_cstr(&sums), *end = at + sums.len;
        while (at < end) {
            const char *line = at;
            size_t n = fc_line_next(&at, end), wanted = strlen(name);
            if (n != HASH_DIGITS + 2 + wanted || memcmp(line + HASH_DIGITS + 2, name, wanted) != 0) continue;
            if (strspn(line, "0123456789abcdef") != HASH_DIGITS) continue;
            memcpy(hash, line, HASH_DIGITS);
            hash[HASH_DIGITS] = '\0';
            found = true;
        }
    }
    fc_buf_fini(&sums);
    return found;
}

/* A folder that cannot be written is no reason to fail: nothing is remembered then. */
static void remember(const char *home, const char *name, const char *hash)
{
    char path[4096], line[4096 + HASH_DIGITS + 8];
    if (sums_path(home, path, sizeof path) != FC_OK) return;
    int n = snprintf(line, sizeof line, "%s  %s\n", hash, name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return;
    ssize_t written = write(fd, line, (size_t)n);
    (void)written;
    close(fd);
}

fc_status fc_modelstore_get(const fc_config *config, const fc_catalog_model *m,
                            const fc_fetch_options *options, char *path, size_t size, fc_err *err)
{
    char own[4096], name[4096], known[HASH_DIGITS + 1];
    fc_fetch_result result;
    bool there;
    const char *home = fc_config_home(config);
    if (!path) path = own, size = sizeof own;
    fc_status status = fc_modelstore_path(config, m, path, size, &there, err);
    if (status != FC_OK || there) return status;
    const fc_fetch_item item = {m->url, path, m->sha256, m->size};
    status = fc_fetch(&item, options, &result, err);
    if (status != FC_OK || result.already_there || !sums_name(home, path, name, sizeof name)) return status;
    if (!recall(home, name, known) || strcmp(known, result.sha256.hex) != 0)
        remember(home, name, result.sha256.hex);
    return FC_OK;
}

typedef struct missing {
    const fc_catalog *catalog;
    const fc_config *config;
    const fc_catalog_model **models;
    size_t count;
} missing;

static void miss(missing *m, const char *folder, const char *name)
{
    char path[4096];
    bool there = true;
    const fc_catalog_model *model = name ? fc_catalog_exact(m->catalog, folder, name) : NULL;
    if (!model || m->count == FC_CATALOG_MAX_NEEDED || fc_path_exists(name)) return;
    if (fc_modelstore_path(m->config, model, path, sizeof path, &there, NULL) != FC_OK || there) return;
    for (size_t i = 0; i < m->count; i++)
        if (m->models[i] == model) return;
    m->models[m->count++] = model;
}

size_t fc_modelstore_missing(const fc_catalog *catalog, const fc_config *config, const fc_params *params,
                             const fc_catalog_model **models)
{
    missing m = {catalog, config, models, 0};
    miss(&m, "checkpoints", params->model);
    miss(&m, "checkpoints", params->refiner);
    miss(&m, "vae", params->vae);
    for (int32_t i = 0; i < params->loras.count; i++) miss(&m, "loras", params->loras.items[i].path);
    const fc_performance *mode = fc_performance_find(FC_RECIPE_2_5, params->performance);
    if (mode && mode->forced) miss(&m, "loras", mode->forced->lora);
    return m.count;
}

fc_status fc_modelstore_verify(const char *home, const char *path, const fc_catalog_model *m,
                               const fc_fetch_options *options, fc_verify_result *r, fc_err *err)
{
    static const fc_fetch_options none;
    char name[4096];
    fc_err why = {0};
    *r = (fc_verify_result){0};
    if (!fc_path_exists(path)) return fc_fail(err, FC_NOT_FOUND, "there is no file %s", path);
    bool named = sums_name(home, path, name, sizeof name);
    if (m && m->sha256)
        snprintf(r->expected, sizeof r->expected, "%s", m->sha256);
    else if (named)
        recall(home, name, r->expected);
    if (fc_fetch_check_kind(path, path, &why) != FC_OK) {
        r->verdict = FC_VERIFIED_BROKEN;
        snprintf(r->problem, sizeof r->problem, "%.299s", why.message);
        return FC_OK;
    }
    fc_status status = fc_fetch_hash(path, options ? options : &none, &r->sha256, err);
    if (status != FC_OK) return status;
    if (r->expected[0])
        r->verdict = fc_str_eq_nocase(r->expected, r->sha256.hex) ? FC_VERIFIED_GOOD : FC_VERIFIED_CHANGED;
    else
        r->verdict = FC_VERIFIED_FIRST;
    if (r->verdict == FC_VERIFIED_FIRST && named) remember(home, name, r->sha256.hex);
    return FC_OK;
}

fc_status fc_modelstore_set_aside(const char *path, char *new_path, size_t size, fc_err *err)
{
    for (int i = 0; i < MAX_ASIDE; i++) {
        int n = i == 0 ? snprintf(new_path, size, "%s.corrupted", path)
                       : snprintf(new_path, size, "%s.corrupted-%d", path, i);
        if (n < 0 || (size_t)n >= size) return fc_fail(err, FC_LIMIT, "the file name is too long: %s", path);
        if (link(path, new_path) == 0) { /* never replaces a file */
            if (unlink(path) == 0) return FC_OK;
            return fc_fail_errno(err, errno, "cannot move %s", path);
        }
        if (errno == EEXIST) continue;
        if (errno != EPERM && errno != EOPNOTSUPP) return fc_fail_errno(err, errno, "cannot move %s", path);
        if (!fc_path_exists(new_path) && rename(path, new_path) == 0) return FC_OK; /* no links there */
    }
    return fc_fail(err, FC_BUSY, "there are too many files called %s.corrupted", path);
}
