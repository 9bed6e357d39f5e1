/* Lookup of model files by path, relative name, file name or stem. */
#include "app/models/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/common/demo.h"
#include "app/common/file_name.h"
#include "app/common/home.h"
#include "app/common/walk.h"
#include "app/models/card.h"
#include "app/settings/config.h"
#include "app/settings/performance.h"
#include "base/file.h"
#include "base/str.h"

enum { MAX_SUGGESTIONS = 1000 };

/* Whether path is a model of the many-files layout (diffusers): a folder with model_index.json. */
static bool is_model_folder(const char *path)
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
        if (n > 0 && (size_t)n < sizeof path && is_model_folder(path)) return (size_t)(slash - name);
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

static fc_status add_dir(fc_model_folder *folder, const char *dir, fc_err *err)
{
    static const char *const endings[] = {".safetensors", ".ckpt",  ".pth",  ".bin",
                                          ".pt",          ".patch", ".onnx", NULL};
    fc_lines found;
    fc_lines_init(&found, folder->names.arena);
    fc_status status = fc_walk(dir, endings, &found, err);
    if (status == FC_OK) add_found(folder, dir, &found);
    return status;
}

/* The files of a kind that are the user's own. */
static fc_status open_own(const fc_config *config, const char *kind, fc_arena *arena, fc_model_folder *folder,
                          fc_err *err)
{
    fc_lines dirs;
    *folder = (fc_model_folder){0};
    fc_lines_init(&dirs, arena);
    fc_lines_init(&folder->names, arena);
    fc_lines_init(&folder->paths, arena);
    fc_status status = FC_OK;
    fc_config_folders(config, kind, &dirs);
    for (size_t i = 0; i < dirs.count && status == FC_OK; i++) status = add_dir(folder, dirs.items[i], err);
    folder->dir = dirs.count ? dirs.items[0] : NULL;
    return status;
}

/* Files of the demo model, while the user has no checkpoint. */
static fc_status add_demo(const fc_config *config, const char *kind, fc_model_folder *folder, fc_err *err)
{
    char dir[4096], demo[4096];
    fc_model_folder checkpoints = *folder;
    bool is_checkpoints = strcmp(kind, "checkpoints") == 0;
    if (!fc_demo_dir(demo, sizeof demo) || fc_path_join(dir, sizeof dir, demo, kind) != FC_OK) return FC_OK;
    fc_status status =
        is_checkpoints ? FC_OK : open_own(config, "checkpoints", folder->names.arena, &checkpoints, err);
    if (status != FC_OK || checkpoints.names.count > 0) return status;
    status = add_dir(folder, dir, err);
    folder->demo = true;
    return status;
}

/* Files that come with the program, behind the user's. */
static fc_status add_box(const char *kind, fc_model_folder *folder, fc_err *err)
{
    char dir[4096], box[4096];
    folder->box = folder->names.count;
    if (!fc_box_dir(box, sizeof box) || fc_path_join(dir, sizeof dir, box, kind) != FC_OK) return FC_OK;
    return add_dir(folder, dir, err);
}

fc_status fc_model_folder_open(const fc_config *config, const char *kind, fc_arena *arena,
                               fc_model_folder *folder, fc_err *err)
{
    fc_status status = open_own(config, kind, arena, folder, err);
    folder->own = folder->names.count;
    if (status != FC_OK) return status;
    status = add_demo(config, kind, folder, err);
    if (status != FC_OK) return status;
    status = add_box(kind, folder, err);
    if (status == FC_OK && arena->status != FC_OK)
        return fc_fail(err, arena->status, "out of memory for the list of model files");
    return status;
}

/* The relative name that `name` means; NULL: none. */
static const char *find_in(const fc_model_folder *folder, const char *name)
{
    size_t i = fc_file_name_find(folder->names.items, folder->names.count, name);
    return i < folder->names.count ? folder->names.items[i] : NULL;
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

/* A file of a kind that is in no list (model.gguf): opening it says what it is. NULL: there is none. */
static const char *find_unlisted(const fc_model_folder *folder, const char *name)
{
    char path[4096];
    if (!folder->dir || !fc_name_is_plain(name) ||
        fc_path_join(path, sizeof path, folder->dir, name) != FC_OK)
        return NULL;
    bool is_file = fc_path_exists(path) && !fc_path_is_dir(path);
    return is_file ? fc_arena_strdup(folder->names.arena, path) : NULL;
}

/* One chosen file -> its path. */
static fc_status find_one(const fc_model_folder *folder, const char *field, const char *name, bool names_only,
                          const char **path, fc_err *err)
{
    if (names_only && !fc_name_is_plain(name))
        return fc_fail(err, FC_DENIED, "%s: '%s' is a path, only names of files in %s are allowed", field,
                       name, folder->dir);
    const char *found = find_in(folder, name);
    bool is_path = !names_only && fc_path_exists(name);
    bool other_folder = is_path && fc_path_is_dir(name) && !is_model_folder(name);
    if (other_folder && !found)
        return fc_fail(err, FC_ARG, "%s: %s is a folder, give a model file", field, name);
    if (is_path && !other_folder)
        *path = fc_arena_strdup(folder->names.arena, name);
    else if (found)
        *path = path_in(folder, found);
    else if (!(*path = find_unlisted(folder, name)))
        return not_found(folder, field, name, err);
    return *path ? FC_OK : fc_fail(err, FC_NOMEM, "out of memory");
}

fc_status fc_model_folder_find(const fc_model_folder *folder, const char *field, const char *name,
                               const char **path, fc_err *err)
{
    return find_one(folder, field, name, true, path, err);
}

const char *fc_model_folder_path(const fc_model_folder *folder, const char *name)
{
    const char *found = find_in(folder, name);
    return found ? path_in(folder, found) : NULL;
}

/* ---- the files of a request ---- */

/* The model that lends what a base's file lacks: default_model of the settings, else the plain SDXL model. */
static const char *find_fallback(const fc_config *config, const fc_model_folder *folder, const char *base)
{
    const char *preferred = json_string_value(fc_config_get(config, "default_model"));
    const char *names[] = {preferred ? preferred : "", "sd_xl_base_1.0_0.9vae", "sd_xl_base_1.0"},
               *fallback = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !fallback; i++) {
        const char *found = find_in(folder, names[i]);
        const char *path = found ? path_in(folder, found) : NULL;
        if (path && strcmp(path, base) != 0) fallback = path;
    }
    return fallback;
}

/* What a recipe was made with. */
typedef struct own_set {
    const char *model, *refiner, *lora;
    double lora_weight;
} own_set;

static const own_set own_sets[] = {
    [FC_RECIPE_1_0] = {"sd_xl_base_1.0_0.9vae.safetensors", "sd_xl_refiner_1.0_0.9vae.safetensors",
                       "sd_xl_offset_example-lora_1.0.safetensors", 0.5},
    [FC_RECIPE_2_5] = {"juggernautXL_v8Rundiffusion.safetensors", NULL,
                       "sd_xl_offset_example-lora_1.0.safetensors", 0.1},
};

typedef struct finder {
    const fc_params *params;
    const fc_request *request;               /* tells what was given */
    const own_set *own;                      /* NULL: another model is used */
    const char *card_refiner, *card_decoder; /* names; NULL: the base's card has none */
    const fc_config *config;
    bool names_only;
    fc_arena *arena;
    fc_model_files *files;
    fc_err *err;
} finder;

static fc_status open_folder(const finder *f, const char *kind, fc_model_folder *folder)
{
    return fc_model_folder_open(f->config, kind, f->arena, folder, f->err);
}

static fc_status find_file(const finder *f, const fc_model_folder *folder, fc_param_id id, const char *name,
                           const char **path)
{
    return find_one(folder, fc_param_table[id].name, name, f->names_only, path, f->err);
}

static fc_status find_vae(finder *f)
{
    fc_model_folder folder;
    if (!*f->params->vae) return FC_OK;
    fc_status status = open_folder(f, "vae", &folder);
    return status == FC_OK ? find_file(f, &folder, FC_P_vae, f->params->vae, &f->files->vae) : status;
}

/* Whatever is no refiner by its name. */
static const char *first_model(const fc_model_folder *folder)
{
    for (size_t i = 0; i < folder->names.count; i++)
        if (!strcasestr(folder->names.items[i], "refiner")) return folder->paths.items[i];
    return folder->paths.items[0];
}

/* What may stand in for the model that was taken. */
static fc_string_list other_models(const finder *f, const fc_model_folder *folder)
{
    const char **others = fc_arena_array(f->arena, folder->paths.count, sizeof *others);
    int32_t count = 0;
    for (size_t i = 0; others && i < folder->paths.count; i++)
        if (strcmp(folder->paths.items[i], f->files->base) != 0) others[count++] = folder->paths.items[i];
    return (fc_string_list){others, count};
}

static fc_status find_checkpoints(finder *f)
{
    fc_model_folder folder;
    const fc_params *params = f->params;
    fc_status status = open_folder(f, "checkpoints", &folder);
    if (status != FC_OK) return status;
    f->files->checkpoints = (fc_string_list){folder.paths.items, (int32_t)folder.paths.count};
    if (*params->model) {
        status = find_file(f, &folder, FC_P_model, params->model, &f->files->base);
        if (status == FC_OK) f->files->fallback = find_fallback(f->config, &folder, f->files->base);
        return status;
    }
    if (folder.names.count == 0)
        return fc_fail(f->err, FC_NOT_FOUND,
                       "there is no model: give an SDXL checkpoint with --model FILE, or put one into %s; "
                       "fooocus setup fetches the usual ones",
                       folder.dir);
    const own_set *own = &own_sets[fc_recipe_from_name(params->recipe)];
    f->files->base = fc_model_folder_path(&folder, own->model);
    if (f->files->base)
        f->own = own;
    else
        f->files->base = first_model(&folder);
    f->files->other_bases = other_models(f, &folder);
    f->files->fallback = find_fallback(f->config, &folder, f->files->base);
    return FC_OK;
}

static const char *copy_text(fc_arena *arena, const char *text)
{
    return text ? fc_arena_strdup(arena, text) : NULL;
}

/* What the base's card says about the files that go with it. */
static fc_status read_card(finder *f)
{
    fc_model_card card;
    fc_status status = fc_model_card_open(&card, f->files->base, f->err);
    f->files->notice = copy_text(f->arena, fc_model_card_text(&card, "notice"));
    f->card_refiner = copy_text(f->arena, fc_model_card_text(&card, "refiner"));
    f->card_decoder = copy_text(f->arena, fc_model_card_text(&card, "preview_decoder"));
    fc_model_card_close(&card);
    return status;
}

static fc_status find_refiner(finder *f)
{
    fc_model_folder folder;
    const char *name = f->params->refiner, *usual = f->own ? f->own->refiner : f->card_refiner;
    bool chosen = fc_request_is_set(f->request, FC_P_refiner);
    if (!*name && (chosen || !usual)) return FC_OK;
    fc_status status = open_folder(f, "checkpoints", &folder);
    if (status != FC_OK) return status;
    if (*name) return find_file(f, &folder, FC_P_refiner, name, &f->files->refiner);
    f->files->refiner = fc_model_folder_path(&folder, usual);
    return FC_OK;
}

/* The preview decoder is optional: without a choice the usual file is taken when it is there. */
static fc_status find_decoder(finder *f)
{
    fc_model_folder folder;
    const char *name = f->params->preview_decoder;
    fc_status status = open_folder(f, "vae_approx", &folder);
    if (status != FC_OK) return status;
    if (*name) return find_file(f, &folder, FC_P_preview_decoder, name, &f->files->preview_decoder);
    f->files->preview_decoder =
        fc_model_folder_path(&folder, f->card_decoder ? f->card_decoder : "taesdxl_decoder");
    return FC_OK;
}

static fc_status find_mode_lora(finder *f, const fc_model_folder *folder)
{
    const fc_performance *mode =
        fc_performance_find(fc_recipe_from_name(f->params->recipe), f->params->performance);
    if (!mode || !mode->forced) return FC_OK;
    f->files->performance_lora = fc_model_folder_path(folder, mode->forced->lora);
    if (f->files->performance_lora) return FC_OK;
    return fc_fail(f->err, FC_NOT_FOUND,
                   "performance %s needs the LoRA %s in %s; fooocus models get %s fetches it", mode->id,
                   mode->forced->lora, folder->dir, mode->forced->lora);
}

static fc_status find_loras(finder *f)
{
    fc_model_folder folder;
    const fc_lora_list *wanted = &f->params->loras;
    fc_status status = open_folder(f, "loras", &folder);
    if (status != FC_OK) return status;
    fc_lora_choice *chosen = fc_arena_array(f->arena, (size_t)wanted->count + 1, sizeof *chosen);
    if (!chosen) return fc_fail(f->err, f->arena->status, "out of memory for the list of LoRAs");
    for (int32_t i = 0; i < wanted->count && status == FC_OK; i++) {
        chosen[i].weight = wanted->items[i].weight;
        status = find_one(&folder, "lora", wanted->items[i].path, f->names_only, &chosen[i].path, f->err);
    }
    int32_t count = wanted->count;
    bool own = f->own && f->own->lora && !fc_request_is_set(f->request, FC_P_loras);
    const char *path = own ? fc_model_folder_path(&folder, f->own->lora) : NULL;
    if (path) chosen[count++] = (fc_lora_choice){path, f->own->lora_weight};
    f->files->loras = (fc_lora_list){chosen, count};
    f->files->known_loras = (fc_string_list){folder.paths.items, (int32_t)folder.paths.count};
    return status == FC_OK ? find_mode_lora(f, &folder) : status;
}

fc_status fc_model_files_find(const fc_config *config, const fc_params *params, const fc_request *request,
                              fc_arena *arena, fc_model_files *files, fc_err *err)
{
    finder f = {.params = params,
                .request = request,
                .config = config,
                .names_only = fc_request_from_network(request),
                .arena = arena,
                .files = files,
                .err = err};
    *files = (fc_model_files){0};
    fc_status status = find_checkpoints(&f);
    if (status != FC_OK) return status;
    status = read_card(&f);
    if (status != FC_OK) return status;
    status = find_refiner(&f);
    if (status != FC_OK) return status;
    status = find_vae(&f);
    if (status != FC_OK) return status;
    status = find_decoder(&f);
    if (status != FC_OK) return status;
    status = find_loras(&f);
    if (status != FC_OK) return status;
    status = open_folder(&f, "embeddings", &files->embeddings);
    if (status == FC_OK && arena->status != FC_OK)
        return fc_fail(err, arena->status, "out of memory for the list of model files");
    return status;
}
