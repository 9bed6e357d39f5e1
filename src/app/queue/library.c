/* Opening and closing. The tables are in schema.c, one statement in query.c. */
#include "app/queue/library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/queue/library_impl.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

enum { BUSY_MILLIS = 5000, PROGRESS_OPS = 4000, MAX_TEXT = 16 << 20 };
static const double read_seconds = 3;

static int on_progress(void *user)
{
    const fc_lib_conn *conn = user;
    return conn->deadline > 0 && fc_now() > conn->deadline;
}

static fc_status init_lock(fc_lib_conn *conn, fc_err *err)
{
    pthread_mutexattr_t attr;
    if (pthread_mutexattr_init(&attr) != 0) return fc_fail(err, FC_NOMEM, "out of memory");
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    int failure = pthread_mutex_init(&conn->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return failure ? fc_fail(err, FC_NOMEM, "out of memory") : FC_OK;
}

static fc_status connect(fc_lib_conn *conn, const char *path, double seconds, fc_err *err)
{
    static const char *const setup[] = {
        "PRAGMA journal_mode = WAL",  "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -8000", "PRAGMA journal_size_limit = 8388608",
    };
    conn->seconds = seconds;
    int code = sqlite3_open_v2(path, &conn->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) return fc_lib_failed(conn->db, code, err);
    sqlite3_extended_result_codes(conn->db, 1);
    sqlite3_busy_timeout(conn->db, BUSY_MILLIS);
    sqlite3_limit(conn->db, SQLITE_LIMIT_LENGTH, MAX_TEXT);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    fc_status status = FC_OK;
    for (size_t i = 0; i < sizeof setup / sizeof setup[0] && status == FC_OK; i++)
        status = fc_lib_run(conn, setup[i], err);
    if (seconds > 0) sqlite3_progress_handler(conn->db, PROGRESS_OPS, on_progress, conn);
    return status;
}

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

fc_status fc_library_open(const char *path, fc_library **library, fc_err *err)
{
    *library = NULL;
    fc_library *l = fc_calloc(1, sizeof *l);
    if (!l) return fc_fail(err, FC_NOMEM, "out of memory");
    l->lock_fd = -1;
    fc_status status = init_lock(&l->writer, err);
    if (status == FC_OK && (status = init_lock(&l->reader, err)) != FC_OK)
        pthread_mutex_destroy(&l->writer.lock);
    if (status != FC_OK) {
        fc_free(l);
        return status;
    }
    status = take_files(l, path, err);
    if (status != FC_OK) goto out;
    status = connect(&l->writer, path, 0, err);
    if (status != FC_OK) goto out;
    status = fc_lib_migrate(&l->writer, path, err);
    if (status != FC_OK) goto out;
    status = connect(&l->reader, path, read_seconds, err);
out:
    if (status == FC_FORMAT && err)
        fc_fail_prefix(err, "%s is damaged or no library; rename it to start a new one", path);
    if (status != FC_OK)
        fc_library_close(l);
    else
        *library = l;
    return status;
}

static void disconnect(fc_lib_conn *conn)
{
    for (int i = 0; i < conn->kept_count; i++) sqlite3_finalize(conn->kept[i].stmt);
    sqlite3_close(conn->db);
    pthread_mutex_destroy(&conn->lock);
}

void fc_library_close(fc_library *l)
{
    if (!l) return;
    disconnect(&l->reader);
    disconnect(&l->writer); /* last: its close folds the log into the file */
    if (l->lock_fd >= 0) close(l->lock_fd);
    fc_free(l);
}
