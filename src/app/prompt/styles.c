/* Loading and looking up styles; see styles.h. The work on texts is in style_apply.c, on names in
 * style_name.c. */
#include "app/prompt/styles.h"

#include <stdio.h>
#include <string.h>
#include "app/common/app_data.h"
#include "app/common/walk.h"
#include "app/prompt/style_name.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

enum { FIRST_WITH_TEXT = 2 }; /* behind "Fooocus V2" and "Random Style" */

struct fc_styles {
    fc_arena arena;
    fc_style *items; /* the listed ones, then the hidden ones */
    size_t count, cap, listed;
    fc_strmap by_name;
    fc_style_v1 *v1;
    size_t v1_count;
};

/* Built-in files in load order; v1.json (hidden styles) is apart. */
static const char *const builtin[] = {"fooocus.json", "sai.json",  "mre.json",
                                      "twri.json",    "diva.json", "marc_k3nt3l.json"};
enum { BUILTIN_COUNT = sizeof builtin / sizeof *builtin };

typedef struct loader {
    fc_styles *styles;
    fc_warn warn;
    const char *where; /* the file being read, for warnings */
    bool hidden;       /* what loads now is not listed */
    fc_err *err;
} loader;

/* ---- the table ---- */

static fc_style *lookup(const fc_styles *s, const char *name)
{
    uint32_t index;
    return fc_strmap_get(&s->by_name, name, strlen(name), &index) ? &s->items[index] : NULL;
}

/* A new style at the end, or NULL (out of memory, or too many: then *limit). */
static fc_style *append(fc_styles *s, const char *name)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 512;
        fc_style *items = fc_realloc(s->items, cap * sizeof *items);
        if (!items) return NULL;
        s->items = items;
        s->cap = cap;
    }
    char *copy = fc_arena_strdup(&s->arena, name);
    if (!copy || fc_strmap_put(&s->by_name, copy, strlen(copy), (uint32_t)s->count, NULL)) return NULL;
    s->items[s->count] = (fc_style){.name = copy, .prompt = "", .negative = ""};
    return &s->items[s->count++];
}

static fc_status add_special(fc_styles *s, const char *name, fc_style_kind kind)
{
    fc_style *style = append(s, name);
    if (!style) return FC_NOMEM;
    style->kind = kind;
    return FC_OK;
}

/* ---- one file ---- */

/* The text under key; "" when it is absent or null, NULL when it is something else than a text. */
static const char *text_of(const json_t *entry, const char *key)
{
    const json_t *value = json_object_get(entry, key);
    if (!value || json_is_null(value)) return "";
    return json_string_value(value);
}

/* name: the stored name. A style that exists gets the new texts, except that hidden ones never change others.
 */
static fc_status put(loader *l, const char *name, const char *prompt, const char *negative)
{
    fc_styles *s = l->styles;
    fc_style *style = lookup(s, name);
    if (style && l->hidden) return FC_OK;
    if (style && style->kind != FC_STYLE_TEXT) {
        fc_warn_emit(l->warn, "%s: \"%s\" has a meaning of its own and cannot be a style's name", l->where,
                     name);
        return FC_OK;
    }
    if (!style && s->count >= FC_STYLES_MAX)
        return fc_fail(l->err, FC_LIMIT, "%s: more than %u styles", l->where, FC_STYLES_MAX);
    if (!style) style = append(s, name);
    if (!style) return FC_NOMEM;
    style->prompt = fc_arena_strdup(&s->arena, prompt);
    style->negative = fc_arena_strdup(&s->arena, negative);
    style->hidden = l->hidden;
    return s->arena.status;
}

static fc_status load_entry(loader *l, const json_t *entry, size_t number)
{
    const char *name = json_is_object(entry) ? text_of(entry, "name") : NULL;
    const char *prompt = name ? text_of(entry, "prompt") : NULL;
    const char *negative = name ? text_of(entry, "negative_prompt") : NULL;
    if (!name || !*name || !prompt || !negative || strlen(name) > FC_STYLE_MAX_NAME) {
        fc_warn_emit(l->warn,
                     "%s: entry %zu is not a style: it wants \"name\", and texts under \"prompt\" and "
                     "\"negative_prompt\"; it was left out",
                     l->where, number);
        return FC_OK;
    }
    fc_buf stored;
    fc_buf_init(&stored, (size_t)4 * FC_STYLE_MAX_NAME);
    fc_style_name_normalise(name, &stored);
    fc_status status = stored.status;
    if (status != FC_OK) goto out;
    status = put(l, fc_buf_cstr(&stored), prompt, negative);
out:
    fc_buf_fini(&stored);
    return status;
}

/* Warnings instead of errors, but for memory and limits. */
static fc_status load_text(loader *l, const char *json, size_t size)
{
    json_t *root;
    fc_err why = {0};
    fc_status status = fc_json_read(json, size, FC_JSON_ARRAY, &root, &why);
    if (status == FC_NOMEM) return status;
    if (status) {
        fc_warn_emit(l->warn, "%s: %s; the file was left out", l->where, why.message);
        return FC_OK;
    }
    for (size_t i = 0; i < json_array_size(root) && !status; i++)
        status = load_entry(l, json_array_get(root, i), i + 1);
    json_decref(root);
    return status;
}

static fc_status load_file(loader *l, const char *folder, const char *relative)
{
    char path[4096];
    fc_err why = {0};
    fc_buf content;
    if (fc_path_join(path, sizeof path, folder, relative)) return FC_OK;
    fc_buf_init(&content, FC_STYLES_MAX_FILE);
    fc_status status = fc_file_read(path, &content, &why);
    l->where = path;
    if (!status)
        status = load_text(l, fc_buf_cstr(&content), content.len);
    else if (status != FC_NOMEM) {
        fc_warn_emit(l->warn, "%s; the file was left out", why.message);
        status = FC_OK;
    }
    fc_buf_fini(&content);
    return status;
}

/* ---- all files ---- */

typedef struct user_file {
    const char *folder, *name;
} user_file;

typedef struct user_files {
    fc_arena arena;
    user_file *items;
    size_t count;
    user_file stand_ins[BUILTIN_COUNT]; /* name NULL: none */
} user_files;

/* "sai.json", or "sdxl_styles_sai.json" as Fooocus calls it. */
static int builtin_index(const char *name)
{
    static const char prefix[] = "sdxl_styles_";
    if (fc_str_starts(name, prefix)) name += sizeof prefix - 1;
    for (int i = 0; i < BUILTIN_COUNT; i++)
        if (!strcmp(name, builtin[i])) return i;
    return -1;
}

static fc_status find_user_files(const char *const *folders, size_t folder_count, user_files *u, fc_err *err)
{
    static const char *const endings[] = {".json", NULL};
    fc_status status = FC_OK;
    for (size_t f = 0; f < folder_count && !status; f++) {
        fc_lines found;
        fc_lines_init(&found, &u->arena);
        status = fc_walk(folders[f], endings, &found, err);
        user_file *items = status ? NULL : fc_arena_array(&u->arena, u->count + found.count, sizeof *items);
        if (!items) continue;
        if (u->count) memcpy(items, u->items, u->count * sizeof *items);
        u->items = items;
        for (size_t i = 0; i < found.count; i++) {
            user_file file = {folders[f], found.items[i]};
            int k = builtin_index(file.name);
            if (k < 0)
                items[u->count++] = file;
            else if (!u->stand_ins[k].name)
                u->stand_ins[k] = file;
        }
    }
    return status ? status : u->arena.status;
}

static fc_status load_builtin(loader *l, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "styles/%s", name);
    const fc_embedded_file *file = fc_embedded_find(&fc_app_data, path);
    l->where = path;
    return file ? load_text(l, file->data, file->size)
                : fc_fail(l->err, FC_INTERNAL, "%s is missing in the program", path);
}

static fc_status load_all(loader *l, const user_files *u)
{
    fc_status status = FC_OK;
    for (size_t i = 0; i < u->count && !status; i++)
        status = load_file(l, u->items[i].folder, u->items[i].name);
    for (int i = 0; i < BUILTIN_COUNT && !status; i++) {
        const user_file *own = &u->stand_ins[i];
        status = own->name ? load_file(l, own->folder, own->name) : load_builtin(l, builtin[i]);
    }
    l->styles->listed = l->styles->count;
    l->hidden = true;
    return status ? status : load_builtin(l, "v1.json");
}

/* The list of 1.0.43. Its styles can only be missing when the user's files stand in for built-in ones: None
 * then. */
static fc_status load_v1(loader *l)
{
    fc_styles *s = l->styles;
    const fc_embedded_file *file = fc_embedded_find(&fc_app_data, "styles/order_v1.json");
    json_t *root = file ? json_loadb(file->data, file->size, 0, NULL) : NULL;
    size_t count = json_array_size(root);
    s->v1 = fc_arena_array(&s->arena, count, sizeof *s->v1);
    for (size_t i = 0; i < count && s->v1; i++) {
        const json_t *row = json_array_get(root, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *style = json_string_value(json_object_get(row, "style"));
        const fc_style *known = style ? lookup(s, style) : NULL;
        if (!name) continue;
        s->v1[s->v1_count].name = fc_arena_strdup(&s->arena, name);
        s->v1[s->v1_count++].style = known ? known : lookup(s, "None");
    }
    json_decref(root);
    if (s->arena.status) return s->arena.status;
    return s->v1_count ? FC_OK : fc_fail(l->err, FC_NOMEM, "out of memory while reading the styles");
}

fc_status fc_styles_open(const char *const *folders, size_t folder_count, fc_warn warn, fc_styles **styles,
                         fc_err *err)
{
    fc_err details = {0};
    user_files *u = fc_calloc(1, sizeof *u);
    fc_styles *s = fc_calloc(1, sizeof *s);
    fc_status status = u && s ? FC_OK : FC_NOMEM;
    if (status) goto out;
    fc_arena_init(&u->arena, (size_t)64 << 20);
    fc_arena_init(&s->arena, (size_t)256 << 20);
    fc_strmap_init(&s->by_name);
    loader l = {.styles = s, .warn = warn, .err = &details};
    status = add_special(s, "Fooocus V2", FC_STYLE_EXPANSION);
    if (status) goto out;
    status = add_special(s, "Random Style", FC_STYLE_RANDOM);
    if (status) goto out;
    status = find_user_files(folders, folder_count, u, &details);
    if (status) goto out;
    status = load_all(&l, u);
    if (status) goto out;
    status = load_v1(&l);
out:
    if (u) fc_arena_fini(&u->arena);
    fc_free(u);
    if (!status) {
        *styles = s;
        return FC_OK;
    }
    fc_styles_close(s);
    *styles = NULL;
    return fc_fail(err, status, "%s",
                   details.message[0] ? details.message : "out of memory while reading the styles");
}

fc_status fc_styles_open_home(const char *home, fc_warn warn, fc_styles **styles, fc_err *err)
{
    char own[4096], fooocus[4096];
    const char *const folders[] = {own, fooocus};
    *styles = NULL;
    if (fc_path_join(own, sizeof own, home, "styles") != FC_OK ||
        fc_path_join(fooocus, sizeof fooocus, home, "sdxl_styles") != FC_OK)
        return fc_fail(err, FC_LIMIT, "the path of the home folder is too long");
    return fc_styles_open(folders, 2, warn, styles, err);
}

void fc_styles_close(fc_styles *s)
{
    if (!s) return;
    fc_strmap_fini(&s->by_name);
    fc_arena_fini(&s->arena);
    fc_free(s->items);
    fc_free(s);
}

/* ---- reading the set ---- */

size_t fc_styles_count(const fc_styles *s)
{
    return s->listed;
}

const fc_style *fc_styles_at(const fc_styles *s, size_t index)
{
    return index < s->listed ? &s->items[index] : NULL;
}

const fc_style_v1 *fc_styles_v1(const fc_styles *s, size_t *count)
{
    *count = s->v1_count;
    return s->v1;
}

const fc_style *fc_styles_find(const fc_styles *s, const char *name)
{
    fc_buf stored;
    fc_buf_init(&stored, (size_t)4 * FC_STYLE_MAX_NAME);
    fc_style_name_normalise(name, &stored); /* the exact rule first: it can name what the tidy one cannot */
    const fc_style *found = stored.status ? NULL : lookup(s, fc_buf_cstr(&stored));
    if (!found) fc_style_name_resolve(name, &stored);
    if (!found && !stored.status) found = lookup(s, fc_buf_cstr(&stored));
    fc_buf_fini(&stored);
    return found;
}

/* The name that a wrong one may have meant; NULL when none is close. */
static const char *closest(const fc_styles *s, const char *name)
{
    fc_buf wanted;
    fc_buf_init(&wanted, (size_t)4 * FC_STYLE_MAX_NAME);
    fc_style_name_resolve(name, &wanted);
    const char **names = fc_calloc(s->count, sizeof *names);
    const char *best = NULL;
    for (size_t i = 0; i < s->count && names; i++) names[i] = s->items[i].name;
    if (names && !wanted.status) best = fc_str_closest(fc_buf_cstr(&wanted), names, s->count);
    fc_free(names);
    fc_buf_fini(&wanted);
    return best;
}

fc_status fc_styles_get(const fc_styles *s, const char *name, const fc_style **style, fc_err *err)
{
    *style = fc_styles_find(s, name);
    if (*style) return FC_OK;
    const char *best = closest(s, name);
    if (best) return fc_fail(err, FC_ARG, "there is no style \"%.200s\"; did you mean \"%s\"?", name, best);
    return fc_fail(err, FC_ARG, "there is no style \"%.200s\"", name);
}

const fc_style *fc_styles_draw(const fc_styles *s, fc_pyrandom *random)
{
    if (s->listed <= FIRST_WITH_TEXT) return NULL;
    return &s->items[FIRST_WITH_TEXT + fc_pyrandom_choice(random, s->listed - FIRST_WITH_TEXT)];
}
