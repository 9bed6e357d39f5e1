/* See trash.h. */
#include "app/queue/trash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/output/thumbnail.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

enum { PATH_SIZE = 4096, PURGE_AT_ONCE = 200, PURGE_MEMORY = 64 << 20 };

static bool trash_path(const char *outputs, const fc_picture_row *p, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/.library/trash/%lld.%s", outputs, (long long)p->id, p->format);
    return n > 0 && (size_t)n < size;
}

fc_status fc_picture_path(const char *outputs, const fc_picture_row *p, char *path, size_t size, fc_err *err)
{
    if (p->deleted && trash_path(outputs, p, path, size) && fc_path_exists(path)) return FC_OK;
    fc_status status = fc_path_join_safe(path, size, outputs, p->path, err);
    if (status != FC_OK) return status;
    if (!fc_path_exists(path)) status = fc_fail(err, FC_NOT_FOUND, "the file of this picture is gone");
    return status;
}

fc_status fc_trash_move(const char *outputs, const fc_picture_row *row, bool to_trash, fc_err *err)
{
    char place[PATH_SIZE], trash[PATH_SIZE];
    fc_status status = fc_path_join_safe(place, sizeof place, outputs, row->path, err);
    if (status != FC_OK) return status;
    status = fc_path_join(trash, sizeof trash, outputs, ".library/trash");
    if (status != FC_OK) return status;
    status = fc_mkdir_all(trash, err);
    if (status != FC_OK) return status;
    size_t n = strlen(trash);
    snprintf(trash + n, sizeof trash - n, "/%lld.%s", (long long)row->id, row->format);
    if (rename(to_trash ? place : trash, to_trash ? trash : place) == 0 || errno == ENOENT) return FC_OK;
    return fc_fail_errno(err, errno, "cannot move %s", place);
}

static void purge_one(fc_library *library, const char *outputs, const fc_picture_row *row)
{
    char path[PATH_SIZE];
    fc_err err = {0};
    if (fc_picture_path(outputs, row, path, sizeof path, &err) == FC_OK) unlink(path);
    if (fc_thumbnail_path(outputs, row->id, path, sizeof path) == FC_OK) unlink(path);
    if (fc_library_picture_delete(library, row->id, &err) != FC_OK)
        fc_log(FC_LOG_ERROR, "picture %lld: %s", (long long)row->id, err.message);
}

/* One part of the trash, from the newest on; *before: where the next part begins, 0: that was all. */
static fc_status purge_some(fc_library *library, const char *outputs, int64_t oldest, int64_t *before,
                            fc_err *err)
{
    fc_arena arena;
    int32_t count = 0;
    const fc_picture_filter filter = {.trash = true, .before = *before, .limit = PURGE_AT_ONCE};
    fc_arena_init(&arena, PURGE_MEMORY);
    fc_picture_row *rows = fc_arena_array(&arena, PURGE_AT_ONCE, sizeof *rows);
    fc_status status = rows ? fc_library_pictures(library, &filter, &arena, rows, &count, err)
                            : fc_fail(err, FC_NOMEM, "out of memory");
    *before = count == PURGE_AT_ONCE ? rows[count - 1].id : 0;
    for (int32_t i = 0; i < count; i++)
        if (rows[i].deleted < oldest) purge_one(library, outputs, &rows[i]);
    fc_arena_fini(&arena);
    return status;
}

void fc_trash_purge(fc_library *library, const char *outputs)
{
    fc_err err = {0};
    int64_t before = 0;
    const int64_t oldest = fc_unix_millis() - (int64_t)FC_TRASH_DAYS * 86400 * 1000;
    do {
        if (purge_some(library, outputs, oldest, &before, &err) == FC_OK) continue;
        fc_log(FC_LOG_WARN, "trash: %s", err.message);
        return;
    } while (before > 0);
}
