/* Opening and closing. The tables are in schema.c and schema_pg.c, one statement in query.c. */
#include "app/queue/library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/queue/library_impl.h"
#include "app/queue/store_pg.h"
#include "app/queue/store_sqlite.h"
#include "base/file.h"
#include "base/mem.h"

static const double read_seconds = 3;

/* What people search, paint and keep is nobody else's business: the files belong to the user alone. A second
 * program on the same file would run the same queue, so the first one keeps a lock as long as it lives. */
static fc_status take_files(fc_library *l, const char *path, fc_err *err)
{
    char lock_path[4096];
    int n = snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    if (n < 0 || (size_t)n >= sizeof lock_path)
        return fc_fail(err, FC_LIMIT, "the path of the library is too long");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fc_fail_errno(err, errno, "cannot open the library %s", path);
    close(fd);
    l->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (l->lock_fd < 0) return fc_fail_errno(err, errno, "cannot open %s", lock_path);
    if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0) return FC_OK;
    if (errno == EWOULDBLOCK)
        return fc_fail(err, FC_BUSY,
                       "another fooocus serve is using %s; give this one another folder with --home", path);
    return fc_fail_errno(err, errno, "cannot lock %s", lock_path);
}

static fc_status open_file(fc_library *l, const char *path, fc_err *err)
{
    fc_status status = take_files(l, path, err);
    if (status != FC_OK) goto out;
    status = fc_sqlite_connect(&l->writer, path, 0, err);
    if (status != FC_OK) goto out;
    status = fc_lib_migrate(&l->writer, path, err);
    if (status != FC_OK) goto out;
    status = fc_sqlite_connect(&l->reader, path, read_seconds, err);
out:
    if (status == FC_FORMAT && err)
        fc_fail_prefix(err, "%s is damaged or no library; rename it to start a new one", path);
    return status;
}

static fc_status open_database(fc_library *l, const char *url, fc_err *err)
{
    fc_status status = fc_pg_connect(&l->writer, url, 0, err);
    if (status != FC_OK) return status;
    status = fc_lib_migrate_pg(&l->writer, err);
    if (status != FC_OK) return status;
    return fc_pg_connect(&l->reader, url, read_seconds, err);
}

static fc_status open_any(const char *path, bool to_read, fc_library **library, fc_err *err)
{
    *library = NULL;
    fc_library *l = fc_calloc(1, sizeof *l);
    if (!l) return fc_fail(err, FC_NOMEM, "out of memory");
    l->lock_fd = -1;
    fc_status status = fc_lib_conn_init(&l->writer, err);
    if (status == FC_OK && (status = fc_lib_conn_init(&l->reader, err)) != FC_OK)
        fc_lib_conn_fini(&l->writer);
    if (status != FC_OK) {
        fc_free(l);
        return status;
    }
    if (to_read)
        status = fc_sqlite_connect(&l->reader, path, read_seconds, err);
    else
        status = fc_pg_is_url(path) ? open_database(l, path, err) : open_file(l, path, err);
    if (status != FC_OK)
        fc_library_close(l);
    else
        *library = l;
    return status;
}

fc_status fc_library_open(const char *path, fc_library **library, fc_err *err)
{
    return open_any(path, false, library, err);
}

fc_status fc_library_open_to_read(const char *path, fc_library **library, fc_err *err)
{
    return open_any(path, true, library, err);
}

void fc_library_close(fc_library *l)
{
    if (!l) return;
    fc_lib_conn_fini(&l->reader);
    fc_lib_conn_fini(&l->writer); /* last: its close folds SQLite's log into the file */
    if (l->lock_fd >= 0) close(l->lock_fd);
    fc_free(l);
}

fc_status fc_library_mark(fc_library *l, const char *mine, char *mark, size_t size, fc_err *err)
{
    fc_query q;
    fc_query_begin(&q, &l->writer, "INSERT INTO mark (name) VALUES (?) ON CONFLICT DO NOTHING", err);
    fc_query_text(&q, mine);
    fc_status status = fc_query_end(&q, NULL);
    if (status != FC_OK) return status;
    fc_query_begin(&q, &l->writer, "SELECT name FROM mark", err);
    if (fc_query_row(&q)) fc_query_copy_text(&q, 0, mark, size);
    return fc_query_end(&q, NULL);
}

fc_status fc_library_workers(fc_library *l, fc_worker_row *rows, int32_t max, int32_t *count, fc_err *err)
{
    fc_query q;
    *count = 0;
    if (l->reader.store != &fc_lib_pg) return FC_OK;
    fc_query_begin(
        &q, &l->reader,
        "SELECT name, device, idle::integer, drain::integer, pictures, (step_seconds * 1000000)::bigint"
        " FROM workers WHERE seen > now() - interval '30 s' ORDER BY id LIMIT ?",
        err);
    fc_query_int(&q, max);
    while (fc_query_row(&q)) {
        fc_worker_row *w = &rows[(*count)++];
        fc_query_copy_text(&q, 0, w->name, sizeof w->name);
        fc_query_copy_text(&q, 1, w->device, sizeof w->device);
        w->idle = fc_query_get_int(&q, 2) != 0;
        w->drain = fc_query_get_int(&q, 3) != 0;
        w->pictures = fc_query_get_int(&q, 4);
        w->step_micros = fc_query_get_int(&q, 5);
    }
    return fc_query_end(&q, NULL);
}
