/* See inputs.h. When a picture was last used is its file's time of change. */
#include "app/common/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"

enum { PATH_SIZE = 4096, ID_LENGTH = FC_INPUT_ID_SIZE - 1 };

bool fc_input_id_valid(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");
    return n == ID_LENGTH && text[n] == '\0';
}

bool fc_input_history_id(const char *text, int64_t *id)
{
    static const char prefix[] = "picture:";
    return fc_str_starts(text, prefix) && fc_parse_i64(text + sizeof prefix - 1, id) && *id > 0;
}

static fc_status folder_of(const char *home, char path[PATH_SIZE], fc_err *err)
{
    const char *shared = getenv("FOOOCUS_INPUTS");
    if (shared && *shared) home = shared;
    if (fc_path_join(path, PATH_SIZE, home, "inputs") == FC_OK) return FC_OK;
    return fc_fail(err, FC_LIMIT, "the path of the home folder is too long");
}

static fc_status file_of(const char *home, const char *id, fc_image_format format, char path[PATH_SIZE],
                         fc_err *err)
{
    char folder[PATH_SIZE], name[FC_INPUT_ID_SIZE + 8];
    fc_status status = folder_of(home, folder, err);
    if (status) return status;
    snprintf(name, sizeof name, "%.64s.%s", id, fc_image_format_name(format));
    if (fc_path_join(path, PATH_SIZE, folder, name) == FC_OK) return FC_OK;
    return fc_fail(err, FC_LIMIT, "the path of the home folder is too long");
}

static bool mark_used(const char *path)
{
    return utimensat(AT_FDCWD, path, NULL, 0) == 0;
}

static fc_status check_picture(const void *data, size_t size, fc_image_format *format, fc_err *err)
{
    int32_t w, h;
    if (size > FC_INPUT_MAX_BYTES)
        return fc_fail(err, FC_LIMIT,
                       "the picture has %zu bytes, at most %zu are taken: save it as JPEG or smaller", size,
                       FC_INPUT_MAX_BYTES);
    fc_status status = fc_image_probe(data, size, format, &w, &h, err);
    if (status) return status;
    if (w > FC_IMAGE_MAX_SIDE || h > FC_IMAGE_MAX_SIDE || (int64_t)w * h > FC_IMAGE_MAX_INPUT)
        return fc_fail(err, FC_LIMIT,
                       "the picture has %d x %d pixels, at most %lld in all are taken: make it smaller", w, h,
                       (long long)FC_IMAGE_MAX_INPUT);
    return FC_OK;
}

fc_status fc_inputs_put(const char *home, const void *data, size_t size, char id[FC_INPUT_ID_SIZE],
                        fc_err *err)
{
    char folder[PATH_SIZE], path[PATH_SIZE];
    fc_image_format format;
    fc_sha256 hash;
    fc_status status = check_picture(data, size, &format, err);
    if (status) return status;
    status = fc_sha256_bytes(data, size, &hash, err);
    if (status) return status;
    status = folder_of(home, folder, err);
    if (status) return status;
    status = file_of(home, hash.hex, format, path, err);
    if (status) return status;
    memcpy(id, hash.hex, FC_INPUT_ID_SIZE);
    if (mark_used(path)) return FC_OK;
    status = fc_mkdir_all(folder, err);
    if (status) return status;
    status = fc_file_write_atomic(path, data, size, err);
    return status ? status : fc_inputs_clean(home, FC_INPUTS_MAX_BYTES, NULL, err);
}

fc_status fc_inputs_put_whole(const char *home, const void *data, size_t size, char id[FC_INPUT_ID_SIZE],
                              fc_err *err)
{
    fc_image_format format;
    fc_pixels pixels = {0};
    fc_status status = check_picture(data, size, &format, err);
    if (status) return status;
    status = fc_image_decode_input(&pixels, data, size, FC_IMAGE_MAX_INPUT, err);
    fc_pixels_fini(&pixels);
    return status ? status : fc_inputs_put(home, data, size, id, err);
}

fc_status fc_inputs_path(const char *home, const char *id, char *path, size_t path_size, fc_err *err)
{
    char file[PATH_SIZE];
    if (!fc_input_id_valid(id))
        return fc_fail(err, FC_ARG, "\"%.80s\" is not the name of a kept picture", id);
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        fc_status status = file_of(home, id, (fc_image_format)f, file, err);
        if (status) return status;
        if (!mark_used(file)) continue;
        int n = snprintf(path, path_size, "%s", file);
        return n >= 0 && (size_t)n < path_size ? FC_OK : fc_fail(err, FC_LIMIT, "the path is too long");
    }
    return fc_fail(err, FC_NOT_FOUND, "the picture %.12s... is no longer kept: put it in again", id);
}

/* ---- the folder ---- */

/* False: a file of another kind. */
static bool read_name(const char *name, fc_input_row *row)
{
    const char *dot = strchr(name, '.');
    if (!dot || dot - name != ID_LENGTH) return false;
    memcpy(row->id, name, ID_LENGTH);
    row->id[ID_LENGTH] = '\0';
    return fc_input_id_valid(row->id) && fc_image_format_from_name(dot + 1, &row->format) &&
           strcmp(dot + 1, fc_image_format_name(row->format)) == 0;
}

static int last_used_first(const void *a, const void *b)
{
    const fc_input_row *x = a, *y = b;
    if (x->used != y->used) return x->used < y->used ? 1 : -1;
    return strcmp(x->id, y->id);
}

fc_status fc_inputs_list(const char *home, fc_input_row *rows, size_t max, size_t *count, fc_err *err)
{
    char folder[PATH_SIZE];
    *count = 0;
    fc_status status = folder_of(home, folder, err);
    if (status) return status;
    DIR *dir = opendir(folder);
    if (!dir)
        return errno == ENOENT ? FC_OK : fc_fail(err, FC_IO, "cannot read %s: %s", folder, strerror(errno));
    for (const struct dirent *entry = readdir(dir); entry && *count < max; entry = readdir(dir)) {
        struct stat st;
        fc_input_row row = {0};
        if (!read_name(entry->d_name, &row) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        row.bytes = (uint64_t)st.st_size;
        row.used = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        rows[(*count)++] = row;
    }
    closedir(dir);
    qsort(rows, *count, sizeof *rows, last_used_first);
    return FC_OK;
}

static fc_status remove_row(const char *home, const fc_input_row *row, fc_err *err)
{
    char path[PATH_SIZE];
    fc_status status = file_of(home, row->id, row->format, path, err);
    if (status) return status;
    if (unlink(path) == 0 || errno == ENOENT) return FC_OK;
    return fc_fail(err, FC_IO, "cannot remove %s: %s", path, strerror(errno));
}

fc_status fc_inputs_clean(const char *home, uint64_t max_bytes, size_t *removed, fc_err *err)
{
    fc_input_row *rows = fc_alloc(FC_INPUTS_MAX_LIST * sizeof *rows);
    size_t count, gone = 0;
    uint64_t kept = 0;
    if (!rows) return fc_fail(err, FC_NOMEM, "out of memory while cleaning up the kept pictures");
    fc_status status = fc_inputs_list(home, rows, FC_INPUTS_MAX_LIST, &count, err);
    for (size_t i = 0; i < count && !status; i++) {
        kept += rows[i].bytes;
        if (kept <= max_bytes || i == 0) continue; /* the last one is in use, whatever its size */
        status = remove_row(home, &rows[i], err);
        gone++;
    }
    fc_free(rows);
    if (removed) *removed = gone;
    return status;
}

fc_status fc_inputs_remove(const char *home, const char *id, fc_err *err)
{
    fc_input_row row = {0};
    if (!fc_input_id_valid(id))
        return fc_fail(err, FC_ARG, "\"%.80s\" is not the name of a kept picture", id);
    memcpy(row.id, id, FC_INPUT_ID_SIZE);
    for (int f = 0; f < FC_IMAGE_FORMAT_COUNT; f++) {
        row.format = (fc_image_format)f;
        fc_status status = remove_row(home, &row, err);
        if (status) return status;
    }
    return FC_OK;
}
