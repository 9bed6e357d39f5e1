/* See catalog.h. */
#include "app/models/catalog.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "app/common/app_data.h"
#include "app/common/home.h"
#include "app/settings/performance.h"
#include "base/file.h"
#include "base/str.h"
#include "format/json.h"

enum {
    MAX_FILE = 4 << 20,
    MAX_MODELS = 10000,
    MAX_SUGGESTIONS = 1000,
    MAX_MEMORY = 32 << 20,
    MIN_INSIDE = 4
};

static bool is_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

/* "x.safetensors", "XL/x.safetensors"; no part is empty or hidden. */
static bool is_file_name(const char *name)
{
    if (!fc_name_is_plain(name)) return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        if (*part == '\0' || *part == '.' || *part == '/') return false;
    }
    return true;
}

/* What is wrong with the entry; NULL: nothing. Files land below the folders of models, nowhere else. */
static const char *problem_of(const fc_catalog_model *m)
{
    if (!is_file_name(m->name)) return "\"name\" must be a file name, without \"..\" and hidden folders";
    if (!*m->folder || !fc_name_is_plain(m->folder) || *m->folder == '.')
        return "\"folder\" must be a folder below models";
    if (!fc_str_starts(m->url, "https://") && !fc_str_starts(m->url, "http://"))
        return "\"url\" must be an http or https address";
    if (m->sha256 && !is_hash(m->sha256)) return "\"sha256\" must have 64 hexadecimal digits";
    return NULL;
}

/* Presets from Windows part folders by '\\'; a is an entry's, with '/'. */
static bool same_name(const char *a, const char *b)
{
    for (; *a && *a == (*b == '\\' ? '/' : *b); a++, b++) continue;
    return *a == *b;
}

const fc_catalog_model *fc_catalog_exact(const fc_catalog *c, const char *folder, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (same_name(c->models[i].name, name) && strcmp(c->models[i].folder, folder) == 0)
            return &c->models[i];
    return NULL;
}

const char *fc_catalog_kind(const fc_catalog_model *m)
{
    return strcmp(m->folder, "prompt_expansion/fooocus_expansion") == 0 ? "fooocus_expansion" : m->folder;
}

const fc_catalog_model *fc_catalog_of_kind(const fc_catalog *c, const char *kind, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (same_name(c->models[i].name, name) && strcmp(fc_catalog_kind(&c->models[i]), kind) == 0)
            return &c->models[i];
    return NULL;
}

static void add(fc_catalog *c, fc_catalog_model m)
{
    const fc_catalog_model *old = fc_catalog_exact(c, m.folder, m.name);
    if (old) {
        c->models[old - c->models] = m;
        return;
    }
    if (c->count == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        fc_catalog_model *grown = fc_arena_array(&c->arena, cap, sizeof *grown);
        if (!grown) return; /* the arena remembers */
        if (c->count) memcpy(grown, c->models, c->count * sizeof *grown);
        c->models = grown;
        c->cap = cap;
    }
    c->models[c->count++] = m;
}

static const char *member(fc_catalog *c, const json_t *entry, const char *key)
{
    const char *text = json_string_value(json_object_get(entry, key));
    const char *copy = text ? fc_arena_strdup(&c->arena, text) : "";
    return copy ? copy : "";
}

/* A name with '/' between its folders. */
static const char *name_member(fc_catalog *c, const json_t *entry)
{
    const char *text = json_string_value(json_object_get(entry, "name"));
    char *copy = text ? fc_arena_strdup(&c->arena, text) : NULL;
    for (char *at = copy; at && *at; at++)
        if (*at == '\\') *at = '/';
    return copy ? copy : "";
}

static uint64_t bytes(const json_t *entry, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(entry, key));
    return n > 0 ? (uint64_t)n : 0;
}

static void read_entry(fc_catalog *c, const char *file, const json_t *entry, fc_warn warn)
{
    fc_catalog_model m = {.name = name_member(c, entry),
                          .folder = member(c, entry, "folder"),
                          .url = member(c, entry, "url"),
                          .sha256 = member(c, entry, "sha256"),
                          .needed_for = member(c, entry, "needed_for"),
                          .licence = member(c, entry, "licence"),
                          .note = member(c, entry, "note"),
                          .size = bytes(entry, "size"),
                          .approx_bytes = bytes(entry, "approx_bytes")};
    if (!*m.sha256) m.sha256 = NULL;
    const char *problem = problem_of(&m);
    if (problem)
        fc_warn_emit(warn, "%s: the model \"%.100s\": %s; it was left out", file, m.name, problem);
    else
        add(c, m);
}

static void read_text(fc_catalog *c, const char *file, const char *text, size_t size, fc_warn warn)
{
    fc_err why = {0};
    size_t i;
    json_t *entry, *root;
    bool read = fc_json_read(text, size, FC_JSON_OBJECT, &root, &why) == FC_OK;
    const json_t *models = json_object_get(root, "models");
    if (!read)
        fc_warn_emit(warn, "%s: %s; the whole file was left out", file, why.message);
    else if (!json_is_array(models))
        fc_warn_emit(warn, "%s: there is no list \"models\"; the file was left out", file);
    json_array_foreach(models, i, entry) if (c->count < MAX_MODELS) read_entry(c, file, entry, warn);
    json_decref(root);
}

static void read_users(fc_catalog *c, const char *home, fc_warn warn)
{
    char path[4096];
    fc_buf text;
    fc_err err = {0};
    if (fc_path_join(path, sizeof path, fc_home_dir(home), "catalog.json") != FC_OK) return;
    if (!fc_path_exists(path)) return;
    fc_buf_init(&text, MAX_FILE);
    if (fc_file_read(path, &text, &err) == FC_OK)
        read_text(c, path, fc_buf_cstr(&text), text.len, warn);
    else
        fc_warn_emit(warn, "%s; it was left out", err.message);
    fc_buf_fini(&text);
}

/* {"file": "address"} of settings; entries of the catalogue know more and stay. */
static void read_downloads(fc_catalog *c, const fc_config *config, const char *key, const char *folder,
                           fc_warn warn)
{
    const char *name;
    json_t *url;
    json_object_foreach((json_t *)(uintptr_t)fc_config_get(config, key), name, url)
    {
        if (fc_catalog_exact(c, folder, name)) continue;
        json_t *entry = json_pack("{s:s, s:s, s:O}", "name", name, "folder", folder, "url", url);
        read_entry(c, key, entry, warn);
        json_decref(entry);
    }
}

fc_status fc_catalog_open(fc_catalog *c, const char *home, const fc_config *config, fc_warn warn, fc_err *err)
{
    const fc_embedded_file *file = fc_embedded_find(&fc_app_data, "catalog.json");
    *c = (fc_catalog){0};
    fc_arena_init(&c->arena, MAX_MEMORY);
    if (file) read_text(c, "the built-in catalogue", file->data, file->size, warn);
    read_users(c, home, warn);
    if (config) {
        read_downloads(c, config, "checkpoint_downloads", "checkpoints", warn);
        read_downloads(c, config, "lora_downloads", "loras", warn);
        read_downloads(c, config, "embeddings_downloads", "embeddings", warn);
        read_downloads(c, config, "vae_downloads", "vae", warn);
    }
    if (c->arena.status == FC_OK && c->count > 0) return FC_OK;
    fc_catalog_close(c);
    return fc_fail(err, FC_NOMEM, "out of memory for the catalogue of models");
}

void fc_catalog_close(fc_catalog *c)
{
    fc_arena_fini(&c->arena);
    *c = (fc_catalog){0};
}

/* ---- looking up ---- */

static bool is_called(const fc_catalog_model *m, const char *name)
{
    size_t n, folder = strlen(m->folder);
    const char *stem = fc_path_stem(m->name, &n);
    if (fc_str_eq_nocase(m->name, name)) return true;
    if (strncmp(name, m->folder, folder) == 0 && name[folder] == '/')
        return fc_str_eq_nocase(m->name, name + folder + 1);
    for (size_t i = 0; i < n; i++)
        if ((stem[i] | 0x20) != (name[i] | 0x20)) return false; /* a NUL in name differs, so it ends there */
    return name[n] == '\0';
}

/* The first model whose name has this text inside; NULL: none. */
static const char *containing(const fc_catalog *c, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; n >= MIN_INSIDE && i < c->count; i++)
        for (const char *at = c->models[i].name; strlen(at) >= n; at++)
            if (strncasecmp(at, text, n) == 0) return c->models[i].name;
    return NULL;
}

fc_status fc_catalog_find(const fc_catalog *c, const char *name, const fc_catalog_model **model, fc_err *err)
{
    const char *names[MAX_SUGGESTIONS];
    size_t count = c->count < MAX_SUGGESTIONS ? c->count : MAX_SUGGESTIONS;
    for (size_t i = 0; i < c->count; i++)
        if (is_called(&c->models[i], name)) {
            *model = &c->models[i];
            return FC_OK;
        }
    *model = NULL;
    for (size_t i = 0; i < count; i++) names[i] = c->models[i].name;
    const char *near = containing(c, name);
    if (!near) near = fc_str_closest(name, names, count);
    return fc_fail(err, FC_NOT_FOUND, "no model %.200s is known%s%s%s; the list: fooocus models list --all",
                   name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

typedef struct needed {
    const fc_catalog *catalog;
    const fc_catalog_model **models;
    size_t count, missing;
} needed;

static void need(needed *n, const char *folder, const char *name)
{
    if (!name || !*name || fc_str_eq_nocase(name, "none") || fc_str_starts(name, "Default (")) return;
    const fc_catalog_model *m = fc_catalog_exact(n->catalog, folder, name);
    for (size_t i = 0; i < n->count; i++)
        if (n->models[i] == m) return;
    if (!m || n->count == FC_CATALOG_MAX_NEEDED)
        n->missing++;
    else
        n->models[n->count++] = m;
}

size_t fc_catalog_needed(const fc_catalog *c, const fc_config *config, const fc_catalog_model **models,
                         size_t *missing)
{
    needed n = {.catalog = c, .models = models};
    size_t i;
    json_t *row;
    need(&n, "checkpoints", json_string_value(fc_config_get(config, "default_model")));
    need(&n, "checkpoints", json_string_value(fc_config_get(config, "default_refiner")));
    need(&n, "vae", json_string_value(fc_config_get(config, "default_vae")));
    json_array_foreach(fc_config_get(config, "default_loras"), i, row)
    {
        size_t first = json_array_size(row) == 3;
        if (!first || json_is_true(json_array_get(row, 0)))
            need(&n, "loras", json_string_value(json_array_get(row, first)));
    }
    const char *mode = json_string_value(fc_config_get(config, "default_performance"));
    const fc_performance *p = mode ? fc_performance_find(FC_RECIPE_2_5, mode) : NULL;
    if (p && p->forced) need(&n, "loras", p->forced->lora);
    *missing = n.missing;
    return n.count;
}

uint64_t fc_catalog_bytes(const fc_catalog_model *m)
{
    return m->size ? m->size : m->approx_bytes;
}
