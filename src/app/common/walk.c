/* See walk.h. */
#include "app/common/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

typedef struct walk {
    const char *const *endings;
    fc_lines *out;
    size_t seen; /* entries of all kinds, capped */
    fc_err *err;
    struct {
        dev_t dev;
        ino_t ino;
    } parents[FC_WALK_MAX_DEPTH]; /* folders above this one: links back to them are circles */
} walk;

typedef struct entries {
    fc_arena arena;
    fc_lines files, folders;
} entries;

static bool has_ending(const char *name, const char *const *endings)
{
    for (; *endings; endings++)
        if (fc_str_ends_nocase(name, *endings)) return true;
    return false;
}

static bool is_usable_name(const char *name)
{
    if (*name == '.' || !fc_utf8_valid(name, strlen(name))) return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) return false;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int order = strcasecmp(x, y);
    return order ? order : strcmp(x, y);
}

static void sort(fc_lines *l)
{
    if (l->count > 1) qsort(l->items, l->count, sizeof *l->items, by_name);
}

static fc_status read_entries(walk *w, DIR *dir, const char *path, entries *e)
{
    for (struct dirent *d; (d = readdir(dir));) {
        char child[4096];
        struct stat st;
        if (!is_usable_name(d->d_name)) continue;
        if (++w->seen > FC_WALK_MAX_FILES)
            return fc_fail(w->err, FC_LIMIT, "%s: more than %d entries, keep such a folder elsewhere", path,
                           (int)FC_WALK_MAX_FILES);
        if (fc_path_join(child, sizeof child, path, d->d_name) || stat(child, &st) != 0) continue;
        bool folder = S_ISDIR(st.st_mode);
        if (!folder && !(S_ISREG(st.st_mode) && has_ending(d->d_name, w->endings))) continue;
        fc_lines_add(folder ? &e->folders : &e->files, d->d_name, strlen(d->d_name));
    }
    sort(&e->files);
    sort(&e->folders);
    return e->arena.status;
}

static fc_status walk_folder(walk *w, const char *root, const char *relative, int depth);

static fc_status walk_entries(walk *w, const char *root, const char *relative, int depth, entries *e)
{
    const char *slash = *relative ? "/" : "";
    char child[4096];
    fc_status status = FC_OK;
    for (size_t i = 0; i < e->folders.count && !status; i++) {
        int n = snprintf(child, sizeof child, "%s%s%s", relative, slash, e->folders.items[i]);
        if (n > 0 && (size_t)n < sizeof child) status = walk_folder(w, root, child, depth + 1);
    }
    for (size_t i = 0; i < e->files.count && !status; i++) {
        int n = snprintf(child, sizeof child, "%s%s%s", relative, slash, e->files.items[i]);
        if (n > 0 && (size_t)n < sizeof child) fc_lines_add(w->out, child, (size_t)n);
        status = w->out->arena->status;
    }
    return status;
}

/* Notes the folder as a parent of what lies in it; false when it is one already, or lies too deep. */
static bool enter(walk *w, const char *path, int depth)
{
    struct stat st;
    if (depth >= FC_WALK_MAX_DEPTH || stat(path, &st) != 0) return false;
    for (int i = 0; i < depth; i++)
        if (w->parents[i].dev == st.st_dev && w->parents[i].ino == st.st_ino) return false;
    w->parents[depth].dev = st.st_dev;
    w->parents[depth].ino = st.st_ino;
    return true;
}

static fc_status walk_folder(walk *w, const char *root, const char *relative, int depth)
{
    char path[4096];
    if (fc_path_join(path, sizeof path, root, relative) || !enter(w, path, depth)) return FC_OK;
    DIR *dir = opendir(path);
    if (!dir) return depth || errno == ENOENT ? FC_OK : fc_fail_errno(w->err, errno, "%s", path);
    entries *e = fc_calloc(1, sizeof *e);
    fc_status status = e ? FC_OK : FC_NOMEM;
    if (e) {
        fc_arena_init(&e->arena, (size_t)64 << 20);
        fc_lines_init(&e->files, &e->arena);
        fc_lines_init(&e->folders, &e->arena);
        status = read_entries(w, dir, path, e);
    }
    closedir(dir);
    if (status != FC_OK) goto out;
    status = walk_entries(w, root, relative, depth, e);
out:
    if (e) fc_arena_fini(&e->arena);
    fc_free(e);
    return status;
}

fc_status fc_walk(const char *folder, const char *const *endings, fc_lines *out, fc_err *err)
{
    fc_err details = {0};
    walk w = {.endings = endings, .out = out, .err = &details};
    fc_status status = walk_folder(&w, folder, "", 0);
    if (status && details.message[0]) return fc_fail(err, status, "%s", details.message);
    return status ? fc_fail(err, status, "%s: not enough memory for the list of its files", folder) : FC_OK;
}
