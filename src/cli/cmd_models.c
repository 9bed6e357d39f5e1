/* fooocus models list | get | verify | remove */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/common/home.h"
#include "app/common/json_text.h"
#include "app/common/walk.h"
#include "app/models/files.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/models_args.h"

typedef struct store {
    const models_args *args;
    fc_config *config;
    fc_catalog catalog;
} store;

static fc_status store_open(store *s, const models_args *a, fc_err *err)
{
    *s = (store){.args = a};
    fc_status status = fc_config_open(&s->config, a->home, a->preset, models_warn(), err);
    return status == FC_OK ? fc_catalog_open(&s->catalog, a->home, s->config, models_warn(), err) : status;
}

static void store_close(store *s)
{
    fc_catalog_close(&s->catalog);
    fc_config_close(s->config);
}

/* ---- files ---- */

static const char *const kinds[] = {
    "checkpoints", "loras",      "vae",         "embeddings",        "vae_approx",     "upscale_models",
    "inpaint",     "controlnet", "clip_vision", "fooocus_expansion", "safety_checker", "sam"};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

typedef struct model_file {
    const char *kind, *name, *path; /* name: below the folders of its kind */
    const fc_catalog_model *known;  /* NULL: in no catalogue */
} model_file;

typedef fc_status visit(const store *s, const model_file *file, void *user, fc_err *err);

/* Calls fn for every model file of a kind that is the user's; shipped: for those that come with the program
 * instead. */
static fc_status each_of(const store *s, const char *kind, bool shipped, visit *fn, void *user, fc_err *err)
{
    fc_arena arena;
    fc_model_folder folder;
    fc_arena_init(&arena, 64 << 20);
    fc_status status = fc_model_folder_open(s->config, kind, &arena, &folder, err);
    for (size_t i = shipped ? folder.box : 0;
         status == FC_OK && i < (shipped ? folder.names.count : folder.own); i++) {
        const char *name = folder.names.items[i];
        const model_file f = {kind, name, folder.paths.items[i],
                              fc_catalog_of_kind(&s->catalog, kind, fc_path_basename(name))};
        status = fn(s, &f, user, err);
    }
    fc_arena_fini(&arena);
    return status;
}

static fc_status each_file(const store *s, visit *fn, void *user, fc_err *err)
{
    fc_status status = FC_OK;
    for (int k = 0; k < KIND_COUNT && status == FC_OK; k++)
        status = each_of(s, kinds[k], false, fn, user, err);
    return status;
}

/* In *user, a text, the place of what follows the file's path when it begins with that. */
static fc_status skip_path(const store *s, const model_file *f, void *user, fc_err *err)
{
    const char **text = user;
    size_t n = strlen(f->path);
    (void)s, (void)err;
    if (fc_str_starts(*text, f->path) && strchr(":/ ", (*text)[n])) *text += n;
    return FC_OK;
}

bool models_blamed(fc_config *config, const char *message)
{
    const store s = {.config = config};
    const char *rest = message;
    return each_file(&s, skip_path, &rest, NULL) == FC_OK && rest != message;
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* Of a file, or of all files of a model's folder. */
static uint64_t model_bytes(const char *path)
{
    static const char *const endings[] = {"", NULL};
    char file[4096];
    fc_arena arena;
    fc_lines names;
    uint64_t sum = 0;
    if (!fc_path_is_dir(path)) return file_bytes(path);
    fc_arena_init(&arena, 16 << 20);
    fc_lines_init(&names, &arena);
    if (fc_walk(path, endings, &names, NULL) == FC_OK)
        for (size_t i = 0; i < names.count; i++)
            if (fc_path_join(file, sizeof file, path, names.items[i]) == FC_OK) sum += file_bytes(file);
    fc_arena_fini(&arena);
    return sum;
}

/* ---- list ---- */

typedef struct listing {
    json_t *rows; /* NULL: print */
    const char *title;
    size_t count; /* rows beside those that come with the program */
} listing;

static void print_row(listing *l, const char *kind, const char *name, uint64_t size, const char *path,
                      const char *note)
{
    char text[32];
    if (l->rows) {
        json_array_append_new(l->rows, json_pack("{s:s, s:s, s:I, s:b, s:s?, s:s}", "kind", kind, "name",
                                                 name, "bytes", (json_int_t)size, "here", path != NULL,
                                                 "path", path, "note", note));
        return;
    }
    if (l->title != kind) printf("%s\n", kind);
    l->title = kind;
    models_size(size, text);
    printf("  %-52s %9s  %s%s\n", name, size ? text : "?", path ? "" : "not here: ", note);
}

static fc_status list_file(const store *s, const model_file *f, void *user, fc_err *err)
{
    listing *l = user;
    (void)s, (void)err;
    l->count++;
    print_row(l, f->kind, f->name, model_bytes(f->path), f->path, f->known ? f->known->note : "");
    return FC_OK;
}

static fc_status list_shipped(const store *s, const model_file *f, void *user, fc_err *err)
{
    (void)s, (void)err;
    print_row(user, f->kind, f->name, model_bytes(f->path), f->path, "comes with the program");
    return FC_OK;
}

static fc_status list_kind(const store *s, const char *kind, listing *l, fc_err *err)
{
    char path[4096];
    bool there;
    fc_status status = each_of(s, kind, false, list_file, l, err);
    if (status != FC_OK) return status;
    status = each_of(s, kind, true, list_shipped, l, err);
    for (size_t i = 0; i < s->catalog.count && s->args->all && status == FC_OK; i++) {
        const fc_catalog_model *m = &s->catalog.models[i];
        if (strcmp(fc_catalog_kind(m), kind) != 0) continue;
        status = fc_modelstore_path(s->config, m, path, sizeof path, &there, err);
        if (status != FC_OK || there) continue;
        l->count++;
        print_row(l, kind, m->name, fc_catalog_bytes(m), NULL, m->note);
    }
    return status;
}

static fc_status list(const store *s, fc_err *err)
{
    fc_status status = FC_OK;
    listing l = {.rows = s->args->json ? json_array() : NULL};
    if (s->args->name_count)
        return fc_fail(err, FC_ARG, "list takes no names; about one file: fooocus doctor %s",
                       s->args->names[0]);
    for (int i = 0; i < KIND_COUNT && status == FC_OK; i++) status = list_kind(s, kinds[i], &l, err);
    if (l.rows && status == FC_OK) {
        fc_buf text;
        fc_buf_init(&text, 64 << 20);
        fc_json_write(l.rows, JSON_INDENT(2), &text);
        puts(fc_buf_cstr(&text));
        fc_buf_fini(&text);
    }
    if (!l.rows && l.count == 0 && status == FC_OK)
        fprintf(stderr, "There are no models in %s/models yet. Fetch the usual ones: fooocus setup\n",
                fc_home_dir(s->args->home));
    json_decref(l.rows);
    return status;
}

/* ---- get ---- */

static fc_status get_one(const store *s, const fc_catalog_model *m, fc_err *err)
{
    char path[4096];
    fc_status status = models_fetch(s->args, s->config, m, path, sizeof path, err);
    if (status == FC_OK) puts(path);
    fflush(stdout); /* scripts read it while the next one comes */
    return status;
}

static fc_status check_addresses(const store *s, size_t missing, fc_err *err)
{
    if (missing == 0) return FC_OK;
    return fc_fail(err, FC_NOT_FOUND, "%zu file%s of the preset %s have no known address", missing,
                   missing == 1 ? "" : "s", s->args->preset);
}

static fc_status get_preset(const store *s, fc_err *err)
{
    const fc_catalog_model *models[FC_CATALOG_MAX_NEEDED];
    size_t missing, count = fc_catalog_needed(&s->catalog, s->config, models, &missing);
    fc_status status = FC_OK;
    for (size_t i = 0; i < count && status == FC_OK; i++) status = get_one(s, models[i], err);
    return status == FC_OK ? check_addresses(s, missing, err) : status;
}

/* All files of a model that is a folder, "opus-mt-zh-en"; their number in *count. */
static fc_status get_folder(const store *s, const char *name, size_t *count, fc_err *err)
{
    fc_status status = FC_OK;
    *count = 0;
    for (size_t i = 0; i < s->catalog.count && status == FC_OK; i++) {
        const fc_catalog_model *m = &s->catalog.models[i];
        const char *last = strrchr(m->folder, '/');
        if (!last || (strcmp(last + 1, name) != 0 && strcmp(m->folder, name) != 0)) continue;
        ++*count;
        status = get_one(s, m, err);
    }
    return status;
}

static fc_status get(const store *s, fc_err *err)
{
    fc_status status = FC_OK;
    if (s->args->name_count == 0 && !s->args->preset)
        return fc_fail(err, FC_ARG, "which model? The list: fooocus models list --all");
    if (s->args->preset) status = get_preset(s, err);
    for (int i = 0; i < s->args->name_count && status == FC_OK; i++) {
        const fc_catalog_model *m;
        size_t files;
        status = get_folder(s, s->args->names[i], &files, err);
        if (status != FC_OK || files > 0) continue;
        status = fc_catalog_find(&s->catalog, s->args->names[i], &m, err);
        if (status == FC_OK) status = get_one(s, m, err);
    }
    return status;
}

/* ---- verify and remove: files by name ---- */

typedef struct wanted {
    const char *name;
    char path[4096];
    const fc_catalog_model *known;
    bool found;
} wanted;

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool has_stem(const char *file, const char *name)
{
    size_t n;
    const char *stem = fc_path_stem(file, &n);
    return strlen(name) == n && strncasecmp(stem, name, n) == 0;
}

static fc_status match(const store *s, const model_file *f, void *user, fc_err *err)
{
    wanted *w = user;
    (void)s, (void)err;
    if (w->found) return FC_OK;
    w->found = strcmp(f->name, w->name) == 0 || fc_str_eq_nocase(fc_path_basename(f->name), w->name) ||
               has_stem(f->name, w->name) || is_same_file(f->path, w->name);
    if (!w->found) return FC_OK;
    snprintf(w->path, sizeof w->path, "%s", f->path);
    w->known = f->known;
    return FC_OK;
}

/* w->name: a file of one of the folders by relative name, file name or stem, or its path. */
static fc_status find_file(const store *s, wanted *w, fc_err *err)
{
    fc_status status = each_file(s, match, w, err);
    if (status != FC_OK || w->found) return status;
    return fc_fail(err, FC_NOT_FOUND,
                   "there is no model file %s in the folders of models; see: fooocus models", w->name);
}

/* A broken file is moved aside and fetched again, if the user wants that. */
static fc_status mend(const store *s, const char *path, const fc_catalog_model *m, fc_err *err)
{
    char aside[4200];
    if (!m || s->args->fetch.offline || !models_ask(s->args, "Move it aside and fetch it again?"))
        return FC_OK;
    fc_status status = fc_modelstore_set_aside(path, aside, sizeof aside, err);
    if (status != FC_OK) return status;
    fprintf(stderr, "moved to %s\n", aside);
    return get_one(s, m, err);
}

static fc_status verify_one(const store *s, const char *path, const fc_catalog_model *m, bool *bad,
                            fc_err *err)
{
    fc_verify_result r;
    fc_status status = models_verify(s->args, path, m, &r, err);
    if (status != FC_OK) return status;
    switch (r.verdict) {
    case FC_VERIFIED_GOOD:
        printf("good     %s  %s\n", r.sha256.hex, path);
        return FC_OK;
    case FC_VERIFIED_FIRST:
        printf("noted    %s  %s (no hash was known; it is from now on)\n", r.sha256.hex, path);
        return FC_OK;
    case FC_VERIFIED_CHANGED:
        printf("CHANGED  %s  %s (expected %s)\n", r.sha256.hex, path, r.expected);
        break;
    case FC_VERIFIED_BROKEN:
        printf("BROKEN   %s\n", r.problem);
        break;
    }
    fflush(stdout);
    *bad = true;
    return mend(s, path, m, err);
}

/* A model in a folder: each of its files. */
static fc_status verify_model(const store *s, const model_file *f, void *user, fc_err *err)
{
    static const char *const endings[] = {".safetensors", ".bin", NULL};
    char path[4096];
    fc_arena arena;
    fc_lines names;
    if (!fc_path_is_dir(f->path)) return verify_one(s, f->path, f->known, user, err);
    fc_arena_init(&arena, 16 << 20);
    fc_lines_init(&names, &arena);
    fc_status status = fc_walk(f->path, endings, &names, err);
    for (size_t i = 0; i < names.count && status == FC_OK; i++) {
        status = fc_path_join(path, sizeof path, f->path, names.items[i]);
        if (status == FC_OK) status = verify_one(s, path, NULL, user, err);
    }
    fc_arena_fini(&arena);
    return status;
}

static fc_status verify(const store *s, fc_err *err)
{
    bool bad = false;
    fc_status status = s->args->name_count ? FC_OK : each_file(s, verify_model, &bad, err);
    for (int i = 0; i < s->args->name_count && status == FC_OK; i++) {
        wanted w = {.name = s->args->names[i]};
        status = find_file(s, &w, err);
        if (status == FC_OK) {
            const model_file f = {"", w.name, w.path, w.known};
            status = verify_model(s, &f, &bad, err);
        }
    }
    if (status == FC_OK && bad) return fc_fail(err, FC_FORMAT, "some files are not what they should be");
    return status;
}

static fc_status remove_one(const store *s, const char *name, fc_err *err)
{
    wanted w = {.name = name};
    char question[4300], size[32];
    fc_status status = find_file(s, &w, err);
    if (status != FC_OK) return status;
    if (fc_path_is_dir(w.path))
        return fc_fail(err, FC_UNSUPPORTED, "%s is a folder of many files: please delete it yourself",
                       w.path);
    models_size(file_bytes(w.path), size);
    snprintf(question, sizeof question, "Delete %s (%s)?", w.path, size);
    if (!models_ask_twice(s->args, question)) return fc_fail(err, FC_CANCELLED, "%s was kept", w.path);
    if (unlink(w.path) != 0) return fc_fail_errno(err, errno, "cannot delete %s", w.path);
    printf("deleted %s\n", w.path);
    return FC_OK;
}

static fc_status remove_files(const store *s, fc_err *err)
{
    fc_status status = FC_OK;
    if (s->args->name_count == 0) return fc_fail(err, FC_ARG, "which file should be removed?");
    for (int i = 0; i < s->args->name_count && status == FC_OK; i++)
        status = remove_one(s, s->args->names[i], err);
    return status;
}

int cli_models(int argc, char **argv)
{
    static const struct {
        const char *word;
        fc_status (*run)(const store *s, fc_err *err);
    } actions[] = {{"list", list}, {"get", get}, {"verify", verify}, {"remove", remove_files}};
    models_args a;
    store s = {0};
    fc_err err = {0};
    const char *word = argc > 1 && argv[1][0] != '-' ? argv[1] : "list";
    int skip = argc > 1 && argv[1][0] != '-';
    argv[skip] = argv[0]; /* the command's name stands in front of what is parsed */
    fc_status status = models_args_parse(&a, argc - skip, argv + skip, &err);
    if (status == FC_OK && a.help) return cli_print_help("models");
    if (status == FC_OK) {
        status = fc_fail(&err, FC_ARG, "'%.60s' is not one of list, get, verify, remove", word);
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
            if (strcmp(actions[i].word, word) != 0) continue;
            status = store_open(&s, &a, &err);
            if (status == FC_OK) status = actions[i].run(&s, &err);
        }
    }
    store_close(&s);
    return status == FC_OK ? 0 : cli_fail(&err);
}

/* ---- setup ---- */

/* Keeps those of models that are not here; the others are told. */
static fc_status keep_missing(const store *s, const fc_catalog_model **models, size_t *count, fc_err *err)
{
    char path[4096];
    bool there;
    size_t left = 0;
    for (size_t i = 0; i < *count; i++) {
        fc_status status = fc_modelstore_path(s->config, models[i], path, sizeof path, &there, err);
        if (status != FC_OK) return status;
        if (!there)
            models[left++] = models[i];
        else if (!s->args->quiet)
            fprintf(stderr, "  %-46s   is here  %s\n", models[i]->name, path);
    }
    *count = left;
    return FC_OK;
}

static fc_status setup(const store *s, fc_err *err)
{
    const fc_catalog_model *models[FC_CATALOG_MAX_NEEDED];
    size_t missing, count = fc_catalog_needed(&s->catalog, s->config, models, &missing);
    fc_status status = keep_missing(s, models, &count, err);
    if (status == FC_OK && count > 0) {
        models_announce(models, count, s->args->home);
        if (!models_ask(s->args, "Fetch them now?")) return fc_fail(err, FC_CANCELLED, "nothing was fetched");
    }
    for (size_t i = 0; i < count && status == FC_OK; i++) status = get_one(s, models[i], err);
    if (status != FC_OK) return status;
    status = check_addresses(s, missing, err);
    if (status == FC_OK && !s->args->quiet)
        fprintf(stderr, "%s. Now: fooocus generate \"a lighthouse by the sea\" --preset %s\n",
                count ? "Ready" : "Everything is here", s->args->preset);
    return status;
}

int cli_setup(int argc, char **argv)
{
    models_args a;
    store s = {0};
    fc_err err = {0};
    fc_status status = models_args_parse(&a, argc, argv, &err);
    if (status == FC_OK && a.help) return cli_print_help("setup");
    if (status != FC_OK) goto out;
    if (a.name_count) {
        status = fc_fail(&err, FC_ARG, "'%.60s' means nothing here", a.names[0]);
        goto out;
    }
    if (!a.preset) a.preset = "sai";
    status = store_open(&s, &a, &err);
    if (status != FC_OK) goto out;
    status = setup(&s, &err);
out:
    store_close(&s);
    return status == FC_OK ? 0 : cli_fail(&err);
}
