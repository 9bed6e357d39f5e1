/* Writing a file so that its name holds the old or the new content, never half of it, even after a power
 * failure. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/random.h"

fc_status fc_atomic_open(fc_atomic_file *f, const char *path, fc_err *err)
{
    uint64_t random;
    f->fd = -1;
    f->temp[0] = '\0';
    fc_status status = fc_random_bytes(&random, sizeof random, err);
    if (status != FC_OK) return status;
    size_t n = strlen(path);
    if (n >= sizeof f->path) return fc_fail(err, FC_LIMIT, "the file name is too long: %s", path);
    memcpy(f->path, path, n + 1);
    /* a hidden name: when the program is killed, nobody takes the half of a picture for one */
    const char *base = fc_path_basename(path);
    int len = snprintf(f->temp, sizeof f->temp, "%.*s.%s.%08" PRIx32 ".part", (int)(base - path), path, base,
                       (uint32_t)random);
    if (len < 0 || (size_t)len >= sizeof f->temp) {
        f->temp[0] = '\0';
        return fc_fail(err, FC_LIMIT, "the file name is too long: %s", path);
    }
    if (fc_path_is_dir(path)) {
        f->temp[0] = '\0';
        return fc_fail(err, FC_ARG, "cannot write %s: it is a folder", path);
    }
    f->fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd >= 0) return FC_OK;
    f->temp[0] = '\0';
    return fc_fail_errno(err, errno, "cannot write %s", path);
}

fc_status fc_atomic_write(fc_atomic_file *f, const void *data, size_t size, fc_err *err)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t n = write(f->fd, bytes, size < (1u << 30) ? size : 1u << 30);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fc_fail_errno(err, errno, "cannot write %s", f->path);
        bytes += n;
        size -= (size_t)n;
    }
    return FC_OK;
}

/* The rename itself must reach the disk too; file systems that cannot do that are no reason to fail. */
static void sync_folder_of(const char *path)
{
    char folder[sizeof((fc_atomic_file *)0)->path];
    const char *base = fc_path_basename(path);
    size_t n = (size_t)(base - path);
    memcpy(folder, path, n);
    folder[n] = '\0';
    int fd = open(n ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

static fc_status flush_and_close(fc_atomic_file *f, fc_err *err)
{
    if (fsync(f->fd) != 0) return fc_fail_errno(err, errno, "cannot write %s", f->path);
    int fd = f->fd;
    f->fd = -1;
    if (close(fd) != 0) return fc_fail_errno(err, errno, "cannot write %s", f->path);
    return FC_OK;
}

fc_status fc_atomic_commit(fc_atomic_file *f, fc_err *err)
{
    fc_status status = flush_and_close(f, err);
    if (status != FC_OK) return status;
    if (rename(f->temp, f->path) != 0) return fc_fail_errno(err, errno, "cannot write %s", f->path);
    f->temp[0] = '\0';
    sync_folder_of(f->path);
    return FC_OK;
}

/* File systems without RENAME_NOREPLACE (NFS) have hard links, which never replace either. */
static bool rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    if (link(from, to) != 0) return false;
    unlink(from);
    return true;
}

fc_status fc_atomic_commit_new(fc_atomic_file *f, fc_err *err)
{
    fc_status status = flush_and_close(f, err);
    if (status != FC_OK) return status;
    if (!rename_new(f->temp, f->path)) {
        if (errno == EEXIST) return fc_fail(err, FC_BUSY, "%s exists already", f->path);
        return fc_fail_errno(err, errno, "cannot write %s", f->path);
    }
    f->temp[0] = '\0';
    sync_folder_of(f->path);
    return FC_OK;
}

void fc_atomic_abort(fc_atomic_file *f)
{
    if (f->fd >= 0) close(f->fd);
    if (f->temp[0]) unlink(f->temp);
    f->fd = -1;
    f->temp[0] = '\0';
}

fc_status fc_file_write_atomic(const char *path, const void *data, size_t size, fc_err *err)
{
    fc_atomic_file f;
    fc_status status = fc_atomic_open(&f, path, err);
    if (status != FC_OK) goto out;
    status = fc_atomic_write(&f, data, size, err);
    if (status != FC_OK) goto out;
    status = fc_atomic_commit(&f, err);
out:
    fc_atomic_abort(&f); /* nothing is left to do after a commit */
    return status;
}
