/* See path.h. */
#include "app/output/path.h"

#include "app/settings/config.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/random.h"
#include "base/str.h"

enum { MAX_ATTEMPTS = 50 };

static const struct {
    const char *ending, *format;
} endings[] = {{".png", "png"}, {".jpg", "jpeg"}, {".jpeg", "jpeg"}, {".webp", "webp"}};

static const char *format_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (fc_str_ends_nocase(name, endings[i].ending)) return endings[i].format;
    return NULL;
}

static bool ends_with_slash(const char *path)
{
    size_t n = strlen(path);
    return n > 0 && path[n - 1] == '/';
}

static fc_status copy_path(char out[FC_PATH_SIZE], const char *path, fc_err *err)
{
    size_t n = strlen(path);
    if (n >= FC_PATH_SIZE) return fc_fail(err, FC_LIMIT, "the path is too long: %.100s...", path);
    memcpy(out, path, n + 1);
    return FC_OK;
}

static fc_status check_folder(const char *folder, fc_err *err)
{
    if (!fc_path_is_dir(folder))
        return fc_fail(err, FC_NOT_FOUND, "output: there is no folder %s, make it or choose another one",
                       folder);
    if (access(folder, W_OK | X_OK) != 0)
        return fc_fail_errno(err, errno, "output: cannot write into the folder %s", folder);
    return FC_OK;
}

/* The folder is made when there is something to put into it; that it can be is checked now. */
static fc_status check_folder_to_be(const char *folder, fc_err *err)
{
    char path[FC_PATH_SIZE];
    fc_status status = copy_path(path, folder, err);
    if (status != FC_OK) return status;
    for (size_t n = strlen(path);;) {
        while (n > 1 && path[n - 1] == '/') n--;
        memcpy(path + n, n ? "" : ".", n ? 1 : 2);
        if (fc_path_exists(path)) break;
        while (n && path[n - 1] != '/') n--;
    }
    if (!fc_path_is_dir(path))
        return fc_fail(err, FC_ARG, "output: cannot make the folder %s: a file has the name %s", folder,
                       path);
    return check_folder(path, err);
}

/* The folder of a file name, "." when it has none. */
static fc_status check_folder_of(const char *path, fc_err *err)
{
    char folder[FC_PATH_SIZE];
    size_t n = (size_t)(fc_path_basename(path) - path);
    if (n == 0) return check_folder(".", err);
    memcpy(folder, path, n);
    folder[n] = '\0';
    return check_folder(folder, err);
}

static fc_status open_file(fc_out *out, const char *path, fc_err *err)
{
    out->kind = FC_OUT_FILE;
    out->format = format_of_name(path);
    if (!out->format)
        return fc_fail(
            err, FC_ARG,
            "output: %s ends in none of .png, .jpg and .webp; for a folder that is to be made write %s/",
            path, path);
    fc_status status = copy_path(out->base, path, err);
    return status == FC_OK ? check_folder_of(path, err) : status;
}

static fc_status open_latent(fc_out *out, const char *path, fc_err *err)
{
    if (!*path) return FC_OK;
    fc_status status = copy_path(out->latent, path, err);
    if (status != FC_OK) return status;
    if (!fc_str_ends_nocase(path, ".safetensors"))
        return fc_fail(err, FC_ARG, "latent: %s does not end in .safetensors", path);
    if (fc_path_is_dir(path)) return fc_fail(err, FC_ARG, "latent: %s is a folder", path);
    return check_folder_of(path, err);
}

fc_status fc_out_open(fc_out *out, const fc_params *params, const fc_config *config, fc_err *err)
{
    const char *target = params->output;
    *out = (fc_out){.kind = FC_OUT_DAY, .format = params->format};
    fc_status status = open_latent(out, params->latent, err);
    if (status != FC_OK) return status;
    if (*target && !ends_with_slash(target) && !fc_path_is_dir(target)) return open_file(out, target, err);
    if (*target) {
        out->kind = FC_OUT_FOLDER;
        status = copy_path(out->base, target, err);
    } else {
        status = fc_config_outputs(config, out->base, sizeof out->base, err);
    }
    return status == FC_OK ? check_folder_to_be(out->base, err) : status;
}

void fc_out_dated_name(const struct tm *when, int number, const char *format, char name[64])
{
    snprintf(name, 64, "%04d-%02d-%02d_%02d-%02d-%02d_%04d.%s", when->tm_year + 1900, when->tm_mon + 1,
             when->tm_mday, when->tm_hour, when->tm_min, when->tm_sec, number, format);
}

static fc_status draw_number(int *number, fc_err *err)
{
    uint32_t bits;
    fc_status status = fc_random_bytes(&bits, sizeof bits, err);
    *number = status == FC_OK ? (int)(1000 + bits % 9000) : 0;
    return status;
}

/* A fresh name of the moment; its folder is made. */
static fc_status dated_path(const fc_out *out, char path[FC_PATH_SIZE], fc_err *err)
{
    struct tm when;
    char name[64], day[16], folder[FC_PATH_SIZE];
    int number;
    time_t now = time(NULL);
    if (!localtime_r(&now, &when)) return fc_fail(err, FC_INTERNAL, "the clock shows no valid date");
    fc_status status = draw_number(&number, err);
    if (status != FC_OK) return status;
    fc_out_dated_name(&when, number, out->format, name);
    snprintf(day, sizeof day, "%.10s", name);
    if (out->kind == FC_OUT_DAY) {
        status = fc_path_join(folder, sizeof folder, out->base, day);
    } else {
        status = copy_path(folder, out->base, err);
    }
    if (status != FC_OK) return status;
    status = fc_mkdir_all(folder, err);
    if (status != FC_OK) return status;
    if (fc_path_join(path, FC_PATH_SIZE, folder, name) != FC_OK)
        return fc_fail(err, FC_LIMIT, "the path of the output folder is too long");
    return FC_OK;
}

/* fox.png -> fox-2.png for the second of several. */
static fc_status numbered_path(const char *base, int32_t image, int32_t images, char path[FC_PATH_SIZE],
                               fc_err *err)
{
    const char *dot = strrchr(fc_path_basename(base), '.');
    size_t stem = dot ? (size_t)(dot - base) : strlen(base);
    int n = images > 1
                ? snprintf(path, FC_PATH_SIZE, "%.*s-%" PRId32 "%s", (int)stem, base, image, base + stem)
                : snprintf(path, FC_PATH_SIZE, "%s", base);
    return n >= 0 && n < FC_PATH_SIZE ? FC_OK
                                      : fc_fail(err, FC_LIMIT, "the path is too long: %.100s...", base);
}

static fc_status write_new(const char *path, const void *data, size_t size, fc_err *err)
{
    fc_atomic_file f;
    fc_status status = fc_atomic_open(&f, path, err);
    if (status != FC_OK) goto out;
    status = fc_atomic_write(&f, data, size, err);
    if (status != FC_OK) goto out;
    status = fc_atomic_commit_new(&f, err);
out:
    fc_atomic_abort(&f);
    return status;
}

fc_status fc_out_save(const fc_out *out, int32_t image, int32_t images, const void *data, size_t size,
                      char path[FC_PATH_SIZE], fc_err *err)
{
    fc_status status = FC_BUSY;
    if (out->kind == FC_OUT_FILE) {
        status = numbered_path(out->base, image, images, path, err);
        return status == FC_OK ? fc_file_write_atomic(path, data, size, err) : status;
    }
    for (int i = 0; i < MAX_ATTEMPTS && status == FC_BUSY; i++) {
        status = dated_path(out, path, err);
        if (status == FC_OK) status = write_new(path, data, size, err);
    }
    return status;
}

fc_status fc_out_latent_path(const fc_out *out, int32_t image, int32_t images, char path[FC_PATH_SIZE],
                             fc_err *err)
{
    return numbered_path(out->latent, image, images, path, err);
}
