/* Files: mappings, whole reads, folders. Atomic writes are in file_atomic.c, names in path.c. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef FC_HARD
enum { READ_SIZE = 509 };
#else
enum { READ_SIZE = 1 << 16 };
#endif

/* Opens a regular file for reading; its size goes to *size. -> descriptor or -1 */
static int open_regular(const char *path, size_t *size, fc_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait for a writer */
    if (fd < 0) {
        fc_fail_errno(err, errno, "cannot open %s", path);
        return -1;
    }
    if (fstat(fd, &st) != 0) {
        fc_fail_errno(err, errno, "cannot examine %s", path);
    } else if (S_ISDIR(st.st_mode)) {
        fc_fail(err, FC_ARG, "%s is a folder; name a file in it", path);
    } else if (!S_ISREG(st.st_mode)) {
        fc_fail(err, FC_ARG, "%s is not a regular file", path);
    } else {
        *size = (size_t)st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

fc_status fc_map_open(fc_mapping *m, const char *path, fc_err *err)
{
    fc_err local = {0};
    if (!err) err = &local;
    *m = (fc_mapping){0};
    size_t size = 0;
    int fd = open_regular(path, &size, err);
    if (fd < 0) return err->status;
    fc_status status = FC_OK;
    if (size > 0) {
        void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            status = fc_fail_errno(err, errno, "cannot map %s", path);
        else
            *m = (fc_mapping){.data = p, .size = size};
    }
    close(fd);
    return status;
}

void fc_map_close(fc_mapping *m)
{
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (fc_mapping){0};
}

void fc_map_forget(const void *p, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)p + page - 1) / page * page, end = ((uintptr_t)p + size) / page * page;
    if (end > first) (void)madvise((void *)first, end - first, MADV_DONTNEED);
}

fc_status fc_file_read(const char *path, fc_buf *b, fc_err *err)
{
    fc_err local = {0};
    if (!err) err = &local;
    size_t size;
    int fd = open_regular(path, &size, err);
    if (fd < 0) return err->status;
    fc_status status = FC_OK;
    char block[READ_SIZE];
    while (status == FC_OK) {
        ssize_t n = read(fd, block, sizeof block);
        if (n == 0) break;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = fc_fail_errno(err, errno, "cannot read %s", path);
            break;
        }
        fc_buf_append(b, block, (size_t)n);
        if (b->status == FC_LIMIT)
            status = fc_fail(err, FC_LIMIT, "%s is larger than %zu bytes", path, b->max);
        if (b->status == FC_NOMEM) status = fc_fail(err, FC_NOMEM, "out of memory while reading %s", path);
    }
    close(fd);
    return status;
}

bool fc_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool fc_path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* One level; fine when it is there already. */
static fc_status make_dir(const char *path, fc_err *err)
{
    if (mkdir(path, 0777) == 0) return FC_OK;
    int error_number = errno;
    if (fc_path_is_dir(path)) return FC_OK;
    if (error_number == EEXIST || error_number == ENOTDIR)
        return fc_fail(err, FC_ARG, "cannot make the folder %s: a file has this name", path);
    return fc_fail_errno(err, error_number, "cannot make the folder %s", path);
}

fc_status fc_mkdir_all(const char *path, fc_err *err)
{
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) return fc_fail(err, FC_LIMIT, "the folder name is empty or too long");
    memcpy(part, path, n + 1);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        fc_status status = make_dir(part, err);
        if (status != FC_OK) return status;
        *slash = '/';
    }
    return make_dir(part, err);
}
