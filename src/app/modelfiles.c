/* Lookup of model files by path, relative name, file name or stem. */
#include "app/modelfiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/config.h"
#include "app/performance.h"
#include "app/walk.h"
#include "base/file.h"
#include "base/str.h"

enum { MAX_SUGGESTIONS = 1000 };

const char *fc_home_dir(const char *wish)
{
    if (*wish) return wish;
    const char *from_environment = getenv("FOOOCUS_HOME");
    return from_environment && *from_environment ? from_environment : ".";
}

const char *fc_path_stem(const char *path, size_t *size)
{
    const char *name = fc_path_basename(path), *dot = strrchr(name, '.');
    *size = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    return name;
}

bool fc_model_name_is_plain(const char *name)
{
    if (*name == '/' || strchr(name, '\\')) return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        if (fc_str_starts(part, "..") && (part[2] == '/' || part[2] == '\0')) return false;
    }
    return true;
}

bool fc_path_is_model_folder(const char *path)
{
    char index[4096];
    return fc_path_join(index, sizeof index, path, "model_index.json") == FC_OK && fc_path_exists(index);
}

/* How much of `name` names a folder of the many-files layout, whose parts are no choices of their own; 0:
 * none. */
static size_t model_folder_length(const char *dir, const char *name)
{
    char path[4096];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        int n = snprintf(path, sizeof path, "%s/%.*s", dir, (int)(slash - name), name);
        if (n > 0 && (size_t)n < sizeof path && fc_path_is_model_folder(path)) return (size_t)(slash - name);
    }
    return 0;
}

/* Adds what was found below dir; the files of a model's folder as that one folder. */
static void add_found(fc_model_folder *folder, const char *dir, const fc_lines *found)
{
    const char *last = ""; /* the folder added last: its files come one after the other */
    for (size_t i = 0; i < found->count; i++) {
        const char *name = found->items[i];
        size_t n = model_folder_length(dir, name);
        if (n > 0 && strlen(last) == n && memcmp(last, name, n) == 0) continue;
        fc_lines_add(&folder->names, name, n ? n : strlen(name));
        if (folder->names.arena->status != FC_OK) return;
        const char *added = folder->names.items[folder->names.count - 1];
        if (n > 0) last = added;
        const char *path = fc_arena_printf(folder->names.arena, "%s/%s", dir, added);
        if (path) fc_lines_add(&folder->paths, path, strlen(path));
    }
}

fc_status fc_model_folder_open(const char *home, const char *kind, fc_arena *arena, fc_model_folder *folder,
                               fc_err *err)
{
    static const char *const endings[] = {".safetensors", ".ckpt",  ".pth",  ".bin",
                                          ".pt",          ".patch", ".onnx", NULL};
    fc_lines dirs;
    fc_lines_init(&dirs, arena);
    fc_lines_init(&folder->names, arena);
    fc_lines_init(&folder->paths, arena);
    fc_status status = fc_config_read_folders(home, kind, &dirs, err);
    for (size_t i = 0; i < dirs.count && status == FC_OK; i++) {
        fc_lines found;
        fc_lines_init(&found, arena);
        status = fc_walk(dirs.items[i], endings, &found, err);
        if (status == FC_OK) add_found(folder, dirs.items[i], &found);
    }
    folder->dir = dirs.count ? dirs.items[0] : NULL;
    if (status == FC_OK && arena->status != FC_OK)
        return fc_fail(err, arena->status, "out of memory for the list of model files");
    return status;
}

static bool stem_is(const char *file, const char *name)
{
    size_t n;
    const char *stem = fc_path_stem(file, &n);
    return strlen(name) == n && memcmp(stem, name, n) == 0;
}

/* The relative name that `name` means: itself, a file name in a sub-folder, or a stem. */
static const char *find_in(const fc_model_folder *folder, const char *name)
{
    const fc_lines *all = &folder->names;
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i], name) == 0) return all->items[i];
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(fc_path_basename(all->items[i]), name) == 0) return all->items[i];
    for (size_t i = 0; i < all->count; i++)
        if (stem_is(all->items[i], name)) return all->items[i];
    return NULL;
}

/* name: an item of the folder's list. */
static const char *path_in(const fc_model_folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->names.count; i++)
        if (folder->names.items[i] == name) return folder->paths.items[i];
    return NULL;
}

/* Endings are left out of the comparison: they would outweigh the difference of short names. */
static const char *closest_in(const fc_model_folder *folder, const char *name)
{
    const fc_lines *all = &folder->names;
    fc_arena *arena = all->arena;
    size_t count = all->count < MAX_SUGGESTIONS ? all->count : MAX_SUGGESTIONS, size;
    const char **stems = fc_arena_array(arena, count, sizeof *stems);
    const char *stem = fc_path_stem(name, &size), *wanted = fc_arena_strndup(arena, stem, size);
    for (size_t i = 0; stems && i < count; i++) {
        stem = fc_path_stem(all->items[i], &size);
        stems[i] = fc_arena_strndup(arena, stem, size);
    }
    if (arena->status != FC_OK) return NULL;
    const char *near = fc_str_closest(wanted, stems, count);
    for (size_t i = 0; i < count; i++)
        if (stems[i] == near) return all->items[i];
    return NULL;
}

static fc_status not_found(const fc_model_folder *folder, const char *field, const char *name, fc_err *err)
{
    const char *near = closest_in(folder, name);
    if (near)
        return fc_fail(err, FC_NOT_FOUND, "%s: there is no file %s, and none in %s; did you mean %s?", field,
                       name, folder->dir, near);
    return fc_fail(err, FC_NOT_FOUND, "%s: there is no file %s, and none of that name in %s", field, name,
                   folder->dir);
}

/* One chosen file -> its path. */
static fc_status find_one(const fc_model_folder *folder, const char *field, const char *name, bool names_only,
                          const char **path, fc_err *err)
{
    if (names_only && !fc_model_name_is_plain(name))
        return fc_fail(err, FC_DENIED, "%s: '%s' is a path, only names of files in %s are allowed", field,
                       name, folder->dir);
    const char *found = find_in(folder, name);
    bool is_path = !names_only && fc_path_exists(name);
    bool other_folder = is_path && fc_path_is_dir(name) && !fc_path_is_model_folder(name);
    if (other_folder && !found)
        return fc_fail(err, FC_ARG, "%s: %s is a folder, give a model file", field, name);
    if (is_path && !other_folder)
        *path = fc_arena_strdup(folder->names.arena, name);
    else if (found)
        *path = path_in(folder, found);
    else
        return not_found(folder, field, name, err);
    return *path ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

fc_status fc_model_folder_find(const fc_model_folder *folder, const char *field, const char *name,
                               const char **path, fc_err *err)
{
    return find_one(folder, field, name, true, path, err);
}

static fc_status find_optional(const char *home, const char *kind, const char *field, const char *name,
                               bool names_only, fc_arena *arena, const char **path, fc_err *err)
{
    fc_model_folder folder;
    *path = NULL;
    if (!*name) return FC_OK;
    fc_status status = fc_model_folder_open(home, kind, arena, &folder, err);
    return status == FC_OK ? find_one(&folder, field, name, names_only, path, err) : status;
}

/* The model that lends what a base's file lacks: default_model of the settings, else the plain SDXL model. */
static const char *find_lender(const char *home, const fc_model_folder *folder, const char *base)
{
    fc_config *config;
    if (fc_config_open(&config, home, NULL, (fc_warn){0}, NULL) != FC_OK) return NULL;
    const char *wished = json_string_value(fc_config_get(config, "default_model"));
    const char *names[] = {wished ? wished : "", "sd_xl_base_1.0_0.9vae", "sd_xl_base_1.0"}, *lender = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !lender; i++) {
        const char *found = find_in(folder, names[i]);
        const char *path = found ? path_in(folder, found) : NULL;
        if (path && strcmp(path, base) != 0) lender = path;
    }
    fc_config_close(config);
    return lender;
}

static fc_status find_checkpoints(const fc_params *params, bool names_only, const char *home, fc_arena *arena,
                                  fc_model_files *files, fc_err *err)
{
    fc_model_folder folder;
    fc_status status = fc_model_folder_open(home, "checkpoints", arena, &folder, err);
    if (status != FC_OK) return status;
    if (!*params->model && folder.names.count == 0)
        return fc_fail(err, FC_NOT_FOUND,
                       "there is no model: give an SDXL checkpoint with --model FILE, or put one into %s",
                       folder.dir);
    if (*params->model)
        status = find_one(&folder, "model", params->model, names_only, &files->base, err);
    else
        files->base = path_in(&folder, folder.names.items[0]);
    if (status == FC_OK && !*params->model)
        files->other_bases = (fc_string_list){folder.paths.items + 1, (int32_t)folder.paths.count - 1};
    if (status == FC_OK && *params->refiner)
        status = find_one(&folder, "refiner", params->refiner, names_only, &files->refiner, err);
    if (status == FC_OK) files->lender = find_lender(home, &folder, files->base);
    return status;
}

/* The preview decoder is optional: without a choice the usual file is taken when it is there. */
static fc_status find_decoder(const fc_params *params, bool names_only, const char *home, fc_arena *arena,
                              fc_model_files *files, fc_err *err)
{
    fc_model_folder folder;
    fc_status status = fc_model_folder_open(home, "vae_approx", arena, &folder, err);
    if (status != FC_OK) return status;
    if (*params->preview_decoder)
        return find_one(&folder, "preview_decoder", params->preview_decoder, names_only,
                        &files->preview_decoder, err);
    const char *usual = find_in(&folder, "taesdxl_decoder");
    files->preview_decoder = usual ? path_in(&folder, usual) : NULL;
    return FC_OK;
}

static fc_status find_loras(const fc_params *params, bool names_only, const char *home, fc_arena *arena,
                            fc_model_files *files, fc_err *err)
{
    fc_model_folder folder;
    fc_status status = fc_model_folder_open(home, "loras", arena, &folder, err);
    if (status != FC_OK) return status;
    const char **known = fc_arena_array(arena, folder.names.count, sizeof *known);
    fc_lora_choice *chosen = fc_arena_array(arena, (size_t)params->loras.count, sizeof *chosen);
    if (!known || !chosen) return fc_fail(err, arena->status, "out of memory for the list of LoRAs");
    for (size_t i = 0; i < folder.names.count; i++) known[i] = folder.paths.items[i];
    files->known_loras = (fc_string_list){known, (int32_t)folder.names.count};
    for (int32_t i = 0; i < params->loras.count && status == FC_OK; i++) {
        chosen[i].weight = params->loras.items[i].weight;
        status = find_one(&folder, "lora", params->loras.items[i].path, names_only, &chosen[i].path, err);
    }
    files->loras = (fc_lora_list){chosen, params->loras.count};
    const fc_performance *mode =
        fc_performance_find(fc_recipe_from_name(params->recipe), params->performance);
    if (status != FC_OK || !mode || !mode->forced) return status;
    const char *own = find_in(&folder, mode->forced->lora);
    if (!own)
        return fc_fail(err, FC_NOT_FOUND, "performance %s needs the LoRA %s in %s", mode->id,
                       mode->forced->lora, folder.dir);
    files->performance_lora = path_in(&folder, own);
    return FC_OK;
}

fc_status fc_model_files_find(const fc_params *params, bool names_only, fc_arena *arena,
                              fc_model_files *files, fc_err *err)
{
    const char *home = fc_home_dir(params->home);
    *files = (fc_model_files){0};
    fc_status status = find_checkpoints(params, names_only, home, arena, files, err);
    if (status == FC_OK)
        status = find_optional(home, "vae", "vae", params->vae, names_only, arena, &files->vae, err);
    if (status == FC_OK) status = find_decoder(params, names_only, home, arena, files, err);
    if (status == FC_OK) status = find_loras(params, names_only, home, arena, files, err);
    if (status != FC_OK) return status;
    fc_lines embeddings;
    fc_lines_init(&embeddings, arena);
    status = fc_config_read_folders(home, "embeddings", &embeddings, err);
    if (status != FC_OK) return status;
    files->embeddings_dir = embeddings.items[0];
    if (arena->status != FC_OK)
        return fc_fail(err, arena->status, "out of memory for the list of model files");
    if (!fc_path_is_dir(files->embeddings_dir)) files->embeddings_dir = NULL;
    return FC_OK;
}
