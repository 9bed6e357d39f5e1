/* Joining paths, also with names from strangers. */
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/str.h"

fc_status fc_path_join(char *out, size_t out_size, const char *dir, const char *name)
{
    size_t n = strlen(dir), m = strlen(name);
    bool slash = n > 0 && dir[n - 1] != '/';
    if (n + slash + m + 1 > out_size) return FC_LIMIT;
    memmove(out, dir, n);
    if (slash) out[n++] = '/';
    memcpy(out + n, name, m + 1);
    return FC_OK;
}

const char *fc_path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) return true;
    return false;
}

static fc_status check_name(const char *name, fc_err *err)
{
    if (!*name) return fc_fail(err, FC_ARG, "a file name is missing");
    if (strlen(name) >= PATH_MAX) return fc_fail(err, FC_LIMIT, "the file name is too long");
    if (!fc_utf8_valid(name, strlen(name)) || has_control(name))
        return fc_fail(err, FC_ARG, "the file name \"%s\" has control characters or is not UTF-8", name);
    if (strchr(name, '\\')) return fc_fail(err, FC_ARG, "the file name \"%s\" has a backslash", name);
    if (*name == '/') return fc_fail(err, FC_ARG, "\"%s\" must be relative to its folder", name);
    for (const char *part = name;; part++) {
        size_t n = strcspn(part, "/");
        bool dots = (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.');
        if (n == 0 || dots)
            return fc_fail(err, FC_ARG, "the file name \"%s\" has an empty, \".\" or \"..\" part", name);
        part += n;
        if (!*part) return FC_OK;
    }
}

/* The real path of the deepest part of path that exists; path is shortened to it. A link to nowhere is
 * refused: writing through it would make a file outside. */
static fc_status resolve_existing(char *path, char real[PATH_MAX], fc_err *err)
{
    while (!realpath(path, real)) {
        int error_number = errno;
        char *slash = strrchr(path, '/');
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
            return fc_fail(err, FC_DENIED, "%s is a link to nowhere", path);
        if (error_number != ENOENT || !slash || slash == path)
            return fc_fail_errno(err, error_number, "cannot use %s", path);
        *slash = '\0';
    }
    return FC_OK;
}

fc_status fc_path_join_safe(char *out, size_t out_size, const char *dir, const char *untrusted, fc_err *err)
{
    char real_dir[PATH_MAX], real[PATH_MAX], path[2 * PATH_MAX];
    fc_status status = check_name(untrusted, err);
    if (status != FC_OK) return status;
    if (!realpath(dir, real_dir)) return fc_fail_errno(err, errno, "cannot use the folder %s", dir);
    if (fc_path_join(path, sizeof path, real_dir, untrusted) != FC_OK ||
        fc_path_join(out, out_size, dir, untrusted) != FC_OK)
        return fc_fail(err, FC_LIMIT, "the file name is too long");
    status = resolve_existing(path, real, err);
    if (status != FC_OK) return status;
    size_t n = strlen(real_dir);
    bool inside = strncmp(real, real_dir, n) == 0 && (real[n] == '/' || real[n] == '\0' || n == 1);
    return inside ? FC_OK : fc_fail(err, FC_DENIED, "\"%s\" leads out of its folder", untrusted);
}

const char *fc_path_stem(const char *path, size_t *size)
{
    const char *name = fc_path_basename(path), *dot = strrchr(name, '.');
    *size = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    return name;
}
