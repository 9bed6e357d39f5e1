/* See config.h. Values are kept as JSON, one per row of the table, with the source that gave it. */
#include "app/common/home.h"
#include "app/settings/config_impl.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/common/app_data.h"
#include "app/common/json_text.h"
#include "app/common/walk.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { MAX_KEYS = 200, MAX_FILE = 4 << 20, PATH_SIZE = 4096, SHOWN_VALUE = 60 };

typedef struct value {
    json_t *json;
    fc_config_source source;
} value;

struct fc_config {
    atomic_int users; /* an open one never changes, so any number of threads may read it */
    char home[PATH_SIZE], file[PATH_SIZE], preset[256];
    value *values; /* one per row */
    fc_warn warn;
};

/* ---- one value ---- */

static const char *source_name(fc_config_source source)
{
    static const char *const names[] = {"built in", "the preset default", "config.txt", "the preset",
                                        "the environment"};
    return names[source];
}

static void complain(const fc_config *c, const fc_config_row *row, const json_t *json,
                     fc_config_source source)
{
    fc_buf shown, allowed;
    fc_buf_init(&shown, MAX_FILE);
    fc_buf_init(&allowed, 8192);
    fc_json_write(json, JSON_ENCODE_ANY | JSON_COMPACT, &shown);
    fc_config_describe_allowed(row->key, &allowed);
    fc_warn_emit(c->warn, "%s: %s is %.*s, but must be %s; it was left out",
                 source == FC_CONFIG_FILE ? c->file : source_name(source), row->key, SHOWN_VALUE,
                 fc_buf_cstr(&shown), fc_buf_cstr(&allowed));
    fc_buf_fini(&shown);
    fc_buf_fini(&allowed);
}

/* null means "not set", and so does a folder without a name ("None" is how Python writes it). */
static bool is_unset(const fc_config_row *row, const json_t *json)
{
    const char *text = json_string_value(json);
    bool folder = row->kind == FC_CONFIG_DIRS || row->kind == FC_CONFIG_DIR;
    return json_is_null(json) || (folder && text && (!*text || strcmp(text, "None") == 0));
}

/* "" stands for "None", but not in prompts. */
static json_t *normalised(const fc_config_row *row, json_t *json)
{
    const char *text = json_string_value(json);
    bool texty = row->kind != FC_CONFIG_BOOL && row->kind != FC_CONFIG_INT && row->kind != FC_CONFIG_NUM &&
                 row->kind != FC_CONFIG_PROMPT;
    return texty && text && !*text ? json_string("None") : json_incref(json);
}

/* "models/loras" counts from the home folder. False: too long. */
static bool place(const fc_config *c, const char *folder, char path[PATH_SIZE])
{
    bool alone = *folder == '/' || strcmp(c->home, ".") == 0;
    int n = snprintf(path, PATH_SIZE, "%s%s%s", alone ? "" : c->home, alone ? "" : "/", folder);
    return n > 0 && n < PATH_SIZE;
}

static bool folder_exists(const fc_config *c, const json_t *name)
{
    char path[PATH_SIZE];
    const char *text = json_string_value(name);
    return text && place(c, text, path) && fc_path_is_dir(path);
}

/* Folders of which none exists are as good as none, but for the usual one, which is made when needed. */
static bool is_nowhere(const fc_config *c, size_t row, const json_t *json)
{
    size_t i;
    json_t *item;
    if (fc_config_table[row].kind != FC_CONFIG_DIRS || folder_exists(c, json)) return false;
    json_array_foreach(json, i, item) if (folder_exists(c, item)) return false;
    const json_t *first = json_is_array(json) ? json_array_get(json, 0) : json;
    const char *usual = json_string_value(json_array_get(c->values[row].json, 0));
    const char *name = json_string_value(first);
    if (!usual || !name || fc_str_ends(name, usual)) return false;
    fc_warn_emit(c->warn, "%s: the folder %s does not exist; the usual one is used", fc_config_table[row].key,
                 name);
    return true;
}

static void set(fc_config *c, size_t row, json_t *given, fc_config_source source)
{
    if (c->values[row].source > source) return;
    if (is_unset(&fc_config_table[row], given)) return;
    json_t *json = normalised(&fc_config_table[row], given);
    if (json && fc_config_is_valid(&fc_config_table[row], json) && is_nowhere(c, row, json)) {
        json_decref(json);
        return;
    }
    if (json && fc_config_is_valid(&fc_config_table[row], json)) {
        json_decref(c->values[row].json);
        c->values[row] = (value){json, source};
        return;
    }
    complain(c, &fc_config_table[row], given, source);
    json_decref(json);
}

/* fc_str_closest is generous with long names. */
static bool edits_are_few(const char *key, const char *near)
{
    size_t n = strlen(key), m = strlen(near), start = 0, end = 0;
    while (key[start] && key[start] == near[start]) start++;
    while (end + start < n && end + start < m && key[n - 1 - end] == near[m - 1 - end]) end++;
    size_t longer = n > m ? n : m;
    return longer - start - end <= 2;
}

/* Other programs' keys are none of ours; one that is nearly ours is a slip of the pen. */
static void tell_unknown(const fc_config *c, const json_t *object, fc_config_source source)
{
    const char *key, *names[MAX_KEYS];
    json_t *member;
    size_t count = 0;
    for (; count < fc_config_table_size && count < MAX_KEYS; count++)
        names[count] = fc_config_table[count].key;
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        const char *near = fc_config_row_find(key) ? NULL : fc_str_closest(key, names, count);
        if (near && edits_are_few(key, near))
            fc_warn_emit(c->warn, "%s: there is no setting %.60s; did you mean %s?",
                         source == FC_CONFIG_FILE ? c->file : source_name(source), key, near);
    }
}

static void set_all(fc_config *c, const json_t *object, fc_config_source source)
{
    tell_unknown(c, object, source);
    for (size_t i = 0; i < fc_config_table_size; i++) {
        json_t *given = json_object_get(object, fc_config_table[i].key);
        if (given) set(c, i, given, source);
    }
}

/* ---- sources ---- */

static json_t *read_json(const char *path, fc_err *err)
{
    json_t *root = NULL;
    return fc_json_read_file(path, MAX_FILE, FC_JSON_OBJECT, &root, err) == FC_OK ? root : NULL;
}

/* "mine" in any folder below home/presets, "sub/mine", "sub\\mine". */
static bool find_preset(const fc_config *c, const char *name, char path[PATH_SIZE + 300])
{
    static const char *const endings[] = {".json", NULL};
    char folder[PATH_SIZE], wanted[256];
    fc_arena arena;
    fc_lines files;
    bool found = false;
    if (strlen(name) >= sizeof wanted) return false;
    for (size_t i = 0; i <= strlen(name); i++) wanted[i] = name[i] == '\\' ? '/' : name[i];
    snprintf(folder, sizeof folder, "%.4000s/presets", c->home);
    snprintf(path, PATH_SIZE + 300, "%s/%s.json", folder, wanted);
    if (fc_name_is_plain(wanted) && fc_path_exists(path)) return true;
    fc_arena_init(&arena, 16 << 20);
    fc_lines_init(&files, &arena);
    fc_status status = fc_walk(folder, endings, &files, NULL);
    for (size_t i = 0; status == FC_OK && i < files.count && !found; i++) {
        size_t n;
        const char *stem = fc_path_stem(files.items[i], &n);
        found = strlen(wanted) == n && memcmp(stem, wanted, n) == 0;
        if (found) snprintf(path, PATH_SIZE + 300, "%s/%s", folder, files.items[i]);
    }
    fc_arena_fini(&arena);
    return found;
}

/* home/presets/NAME.json, else the built-in one. NULL: there is none, or it is broken, which err says. */
static json_t *read_preset(const fc_config *c, const char *name, bool *exists, fc_err *err)
{
    char path[PATH_SIZE + 300], built_in[300];
    json_t *root = NULL;
    snprintf(built_in, sizeof built_in, "presets/%.255s.json", name);
    const fc_embedded_file *file = fc_embedded_find(&fc_app_data, built_in);
    bool own = find_preset(c, name, path);
    *exists = own || file != NULL;
    if (own) return read_json(path, err);
    bool read = file && fc_json_read(file->data, file->size, FC_JSON_OBJECT, &root, err) == FC_OK;
    return read ? root : NULL;
}

static void use_environment(fc_config *c)
{
    for (size_t i = 0; i < fc_config_table_size; i++) {
        const char *text = getenv(fc_config_table[i].key);
        json_t *json = text ? fc_config_from_environment(&fc_config_table[i], text) : NULL;
        if (json) set(c, i, json, FC_CONFIG_ENVIRONMENT);
        json_decref(json);
    }
}

static fc_status use_defaults(fc_config *c, fc_err *err)
{
    for (size_t i = 0; i < fc_config_table_size; i++) {
        c->values[i].json = json_loads(fc_config_table[i].value, JSON_DECODE_ANY, NULL);
        if (!c->values[i].json) return fc_fail(err, FC_NOMEM, "out of memory for the settings");
    }
    return FC_OK;
}

static fc_status preset_not_found(const fc_config *c, const char *name, fc_err *err)
{
    fc_arena arena;
    fc_lines names;
    fc_arena_init(&arena, 16 << 20);
    fc_lines_init(&names, &arena);
    const char *near = NULL;
    if (fc_config_presets(c->home, &names, NULL) == FC_OK)
        near = fc_str_closest(name, names.items, names.count);
    fc_status status =
        near ? fc_fail(err, FC_NOT_FOUND, "there is no preset %.100s; did you mean %s?", name, near)
             : fc_fail(err, FC_NOT_FOUND, "there is no preset %.100s", name);
    fc_arena_fini(&arena);
    return status;
}

static const char recipe_key[] = "default_recipe";

static fc_status use_preset(fc_config *c, const char *name, fc_config_source source, fc_err *err)
{
    bool exists = false;
    fc_err broken = {0};
    if (strcmp(name, "initial") == 0) return FC_OK; /* nothing but the start-up settings */
    json_t *root = read_preset(c, name, &exists, &broken);
    /* presets are made for the version that has them */
    if (root && source == FC_CONFIG_PRESET && !json_object_get(root, recipe_key))
        json_object_set_new(root, recipe_key, json_string("2.5"));
    if (root) set_all(c, root, source);
    json_decref(root);
    if (exists && !root && source == FC_CONFIG_PRESET) /* asked for by name: not to be left out in silence */
        return fc_fail(err, broken.status, "the preset %.100s cannot be read: %s", name, broken.message);
    if (exists && !root) fc_warn_emit(c->warn, "%s; it was left out", broken.message);
    return exists || source == FC_CONFIG_DEFAULT_PRESET ? FC_OK : preset_not_found(c, name, err);
}

static fc_status fill(fc_config *c, const char *preset, fc_err *err)
{
    fc_status status = use_defaults(c, err);
    if (status != FC_OK) return status;
    status = use_preset(c, "default", FC_CONFIG_DEFAULT_PRESET, err);
    if (status == FC_OK && fc_path_exists(c->file)) {
        fc_err broken = {0};
        json_t *root = read_json(c->file, &broken);
        if (!root) fc_warn_emit(c->warn, "%s; the whole file was left out", broken.message);
        set_all(c, root, FC_CONFIG_FILE);
        json_decref(root);
    }
    if (status != FC_OK) return status;
    if (preset) status = use_preset(c, preset, FC_CONFIG_PRESET, err);
    if (status == FC_OK) use_environment(c);
    return status;
}

static fc_config *new_config(fc_warn warn)
{
    fc_config *c = fc_calloc(1, sizeof *c);
    value *values = fc_calloc(fc_config_table_size, sizeof *values);
    if (!c || !values) {
        fc_free(c);
        fc_free(values);
        return NULL;
    }
    atomic_init(&c->users, 1);
    c->values = values;
    c->warn = warn;
    return c;
}

static fc_status finish(fc_config *c, fc_status status, fc_config **config)
{
    c->warn = (fc_warn){0};
    if (status == FC_OK)
        *config = c;
    else
        fc_config_close(c);
    return status;
}

void fc_config_find(const char *home, char *path, size_t size)
{
    const char *named = getenv("config_path");
    if (named && *named)
        snprintf(path, size, "%s", named);
    else
        snprintf(path, size, "%.4000s/config.txt", fc_home_dir(home));
}

fc_status fc_config_open(fc_config **config, const char *home, const char *preset, fc_warn warn, fc_err *err)
{
    *config = NULL;
    fc_config *c = new_config(warn);
    if (!c) return fc_fail(err, FC_NOMEM, "out of memory for the settings");
    snprintf(c->home, sizeof c->home, "%s", fc_home_dir(home));
    snprintf(c->preset, sizeof c->preset, "%s", preset ? preset : "");
    fc_config_find(home, c->file, sizeof c->file);
    return finish(c, fill(c, preset, err), config);
}

fc_status fc_config_with_preset(fc_config **config, const fc_config *base, const char *preset, fc_warn warn,
                                fc_err *err)
{
    *config = NULL;
    fc_config *c = new_config(warn);
    if (!c) return fc_fail(err, FC_NOMEM, "out of memory for the settings");
    memcpy(c->home, base->home, sizeof c->home);
    memcpy(c->file, base->file, sizeof c->file);
    snprintf(c->preset, sizeof c->preset, "%s", preset ? preset : "");
    for (size_t i = 0; i < fc_config_table_size; i++)
        c->values[i] = (value){json_incref(base->values[i].json), base->values[i].source};
    return finish(c, preset ? use_preset(c, preset, FC_CONFIG_PRESET, err) : FC_OK, config);
}

fc_config *fc_config_retain(const fc_config *config)
{
    fc_config *c = (fc_config *)(uintptr_t)config; /* only the count of its users changes */
    atomic_fetch_add(&c->users, 1);
    return c;
}

void fc_config_close(fc_config *c)
{
    if (!c || atomic_fetch_sub(&c->users, 1) > 1) return;
    for (size_t i = 0; i < fc_config_table_size; i++) json_decref(c->values[i].json);
    fc_free(c->values);
    fc_free(c);
}

const char *fc_config_home(const fc_config *c)
{
    return c->home;
}

/* ---- reading ---- */

const char *fc_config_key(size_t index)
{
    return index < fc_config_table_size ? fc_config_table[index].key : NULL;
}

static const value *find(const fc_config *c, const char *key)
{
    const fc_config_row *row = fc_config_row_find(key);
    return row ? &c->values[row - fc_config_table] : NULL;
}

const json_t *fc_config_get(const fc_config *c, const char *key)
{
    const value *v = find(c, key);
    return v ? v->json : NULL;
}

fc_config_source fc_config_source_of(const fc_config *c, const char *key)
{
    const value *v = find(c, key);
    return v ? v->source : FC_CONFIG_BUILT_IN;
}

void fc_config_describe_source(const fc_config *c, const char *key, fc_buf *out)
{
    fc_config_source source = fc_config_source_of(c, key);
    if (source == FC_CONFIG_FILE)
        fc_buf_puts(out, c->file);
    else if (source == FC_CONFIG_PRESET)
        fc_buf_printf(out, "the preset %s", c->preset);
    else if (source == FC_CONFIG_ENVIRONMENT)
        fc_buf_printf(out, "the environment variable %s", key);
    else if (source == FC_CONFIG_DEFAULT_PRESET)
        fc_buf_puts(out, "the preset default: counts for setup, and with --preset default");
    else
        fc_buf_puts(out, source_name(source));
}

const char *fc_config_file(const fc_config *c)
{
    return c->file;
}

static void add_folder(const fc_config *c, const char *folder, fc_lines *folders)
{
    char path[PATH_SIZE];
    if (place(c, folder, path)) fc_lines_add(folders, path, strlen(path));
}

void fc_config_folders(const fc_config *c, const char *kind, fc_lines *folders)
{
    char key[64];
    size_t before = folders->count, i;
    json_t *item;
    snprintf(key, sizeof key, "path_%.50s", kind);
    const json_t *v = fc_config_get(c, key);
    if (json_is_string(v)) add_folder(c, json_string_value(v), folders);
    json_array_foreach(v, i, item) add_folder(c, json_string_value(item), folders);
    if (folders->count > before) return;
    snprintf(key, sizeof key, "models/%.50s", kind); /* a kind without key */
    add_folder(c, key, folders);
}

fc_status fc_config_outputs(const fc_config *c, char *path, size_t size, fc_err *err)
{
    fc_arena arena;
    fc_lines folders;
    fc_arena_init(&arena, 1 << 20);
    fc_lines_init(&folders, &arena);
    fc_config_folders(c, "outputs", &folders);
    int n = folders.count ? snprintf(path, size, "%s", folders.items[0]) : -1;
    fc_arena_fini(&arena);
    if (n >= 0 && (size_t)n < size) return FC_OK;
    return fc_fail(err, FC_LIMIT, "the path of the folder for pictures is too long");
}

/* ---- presets ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_preset(const char *path, fc_lines *names)
{
    size_t n;
    const char *stem = fc_path_stem(path, &n);
    for (size_t i = 0; i < names->count; i++)
        if (strlen(names->items[i]) == n && memcmp(names->items[i], stem, n) == 0) return;
    fc_lines_add(names, stem, n);
}

fc_status fc_config_presets(const char *home, fc_lines *names, fc_err *err)
{
    static const char *const endings[] = {".json", NULL};
    char folder[PATH_SIZE];
    fc_lines files;
    fc_lines_init(&files, names->arena);
    snprintf(folder, sizeof folder, "%.4000s/presets", fc_home_dir(home));
    fc_status status = fc_walk(folder, endings, &files, err);
    if (status != FC_OK) return status;
    for (size_t i = 0; i < files.count; i++) add_preset(files.items[i], names);
    for (size_t i = 0; i < fc_app_data.count; i++)
        if (fc_str_starts(fc_app_data.files[i].name, "presets/"))
            add_preset(fc_app_data.files[i].name, names);
    if (names->count > 1) qsort(names->items, names->count, sizeof *names->items, by_name);
    return names->arena->status == FC_OK ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory for preset names");
}
