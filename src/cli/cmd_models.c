/* fooocus models list | get | verify | remove */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/jsontext.h"
#include "app/modelfiles.h"
#include "app/walk.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/models_args.h"

static const char flags[] = "home all json yes quiet offline hf-mirror preset";

static const char help[] =
    "fooocus models list [--all] [--json]   what is here; --all: also what could be fetched\n"
    "fooocus models get NAME...             fetch models of the list, or all that --preset NAME needs\n"
    "fooocus models verify [NAME...]        compare files with their known SHA-256 (without names: all)\n"
    "fooocus models remove NAME...          delete files, after a question\n"
    "\n"
    "  --home DIR         the folder that holds models/; without it FOOOCUS_HOME, else the current folder\n"
    "  --preset NAME      get: the models of a preset\n"
    "  --hf-mirror URL    fetch from there instead of https://huggingface.co (also: HF_MIRROR)\n"
    "  --offline          do not touch the network\n"
    "  --yes              do not ask\n"
    "  --quiet            no progress\n"
    "\n"
    "A break is no harm: the same command goes on where it stopped. HF_TOKEN is sent to huggingface.co "
    "alone;\n"
    "proxies are those of the environment (https_proxy).\n";

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

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* ---- list ---- */

static const char *const kinds[] = {
    "checkpoints", "loras",      "vae",         "embeddings",        "vae_approx",     "upscale_models",
    "inpaint",     "controlnet", "clip_vision", "fooocus_expansion", "safety_checker", "sam"};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static const char *kind_of(const fc_catalog_model *m)
{
    return fc_str_starts(m->folder, "prompt_expansion/") ? "fooocus_expansion" : m->folder;
}

static void print_row(const models_args *a, json_t *list, const char *kind, const char *name, uint64_t size,
                      const char *path, const char *note)
{
    char text[32];
    models_size(size, text);
    if (!a->json) {
        printf("  %-52s %9s  %s\n", name, text, note);
        return;
    }
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:I, s:b, s:s?, s:s}", "kind", kind, "name", name, "bytes",
                                    (json_int_t)size, "here", path != NULL, "path", path, "note", note));
}

static fc_status list_kind(const store *s, const char *kind, json_t *list, fc_err *err)
{
    static const char *const endings[] = {".safetensors", ".ckpt",  ".pth",  ".bin",
                                          ".pt",          ".patch", ".onnx", NULL};
    fc_arena arena;
    fc_lines folders, names;
    bool title = false;
    fc_arena_init(&arena, 64 << 20);
    fc_lines_init(&folders, &arena);
    fc_config_folders(s->config, kind, &folders);
    fc_status status = FC_OK;
    for (size_t i = 0; i < folders.count && status == FC_OK; i++) {
        fc_lines_init(&names, &arena);
        status = fc_walk(folders.items[i], endings, &names, err);
        if (names.count > 0 && !s->args->json) printf("%s (%s)\n", kind, folders.items[i]), title = true;
        for (size_t j = 0; j < names.count; j++) {
            char path[4096];
            const fc_catalog_model *m = fc_catalog_exact(&s->catalog, kind, names.items[j]);
            if (fc_path_join(path, sizeof path, folders.items[i], names.items[j]) == FC_OK)
                print_row(s->args, list, kind, names.items[j], file_bytes(path), path, m ? m->note : "");
        }
    }
    for (size_t i = 0; i < s->catalog.count && s->args->all && status == FC_OK; i++) {
        const fc_catalog_model *m = &s->catalog.models[i];
        char path[4096];
        bool there;
        if (strcmp(kind_of(m), kind) != 0) continue;
        status = fc_modelstore_path(s->args->home, m, path, sizeof path, &there, err);
        if (status != FC_OK || there) continue;
        if (!title && !s->args->json) printf("%s\n", kind), title = true;
        char note[300];
        snprintf(note, sizeof note, "not here: %.250s", m->note);
        print_row(s->args, list, kind, m->name, fc_catalog_bytes(m), NULL, note);
    }
    fc_arena_fini(&arena);
    return status;
}

static fc_status list(const store *s, fc_err *err)
{
    fc_status status = FC_OK;
    json_t *rows = json_array();
    for (int i = 0; i < KIND_COUNT && status == FC_OK; i++) status = list_kind(s, kinds[i], rows, err);
    if (s->args->json && status == FC_OK) {
        fc_buf text;
        fc_buf_init(&text, 64 << 20);
        fc_json_write(rows, JSON_INDENT(2), &text);
        puts(fc_buf_cstr(&text));
        fc_buf_fini(&text);
    }
    json_decref(rows);
    return status;
}

/* ---- get ---- */

static fc_status get_one(const store *s, const fc_catalog_model *m, fc_err *err)
{
    char path[4096];
    fc_status status = models_fetch(s->args, m, path, sizeof path, err);
    if (status == FC_OK) puts(path);
    fflush(stdout);
    return status;
}

static fc_status get_preset(const store *s, fc_err *err)
{
    const fc_catalog_model *models[FC_CATALOG_MAX_NEEDED];
    size_t missing, count = fc_catalog_needed(&s->catalog, s->config, models, &missing);
    fc_status status = FC_OK;
    for (size_t i = 0; i < count && status == FC_OK; i++) status = get_one(s, models[i], err);
    if (status == FC_OK && missing)
        return fc_fail(err, FC_NOT_FOUND, "%zu files of the preset %s have no known address", missing,
                       s->args->preset);
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
        status = fc_catalog_find(&s->catalog, s->args->names[i], &m, err);
        if (status == FC_OK) status = get_one(s, m, err);
    }
    return status;
}

/* ---- verify and remove: files by name ---- */

/* name: a path, a catalogue name, or a file of one of the folders. */
static fc_status find_file(const store *s, const char *name, char path[4096], const fc_catalog_model **model,
                           fc_err *err)
{
    fc_arena arena;
    fc_model_folder folder;
    bool there = false;
    if (fc_catalog_find(&s->catalog, name, model, err) == FC_OK) {
        fc_status status = fc_modelstore_path(s->args->home, *model, path, 4096, &there, err);
        if (status != FC_OK || there) return status;
    }
    *model = NULL;
    fc_arena_init(&arena, 64 << 20);
    fc_status status = FC_OK;
    for (int k = 0; k < KIND_COUNT && !there && status == FC_OK; k++) {
        status = fc_model_folder_open(fc_home_dir(s->args->home ? s->args->home : ""), kinds[k], &arena,
                                      &folder, err);
        for (size_t i = 0; status == FC_OK && i < folder.names.count && !there; i++) {
            there = strcmp(folder.names.items[i], name) == 0 ||
                    strcmp(fc_path_basename(folder.names.items[i]), name) == 0;
            if (there) snprintf(path, 4096, "%s", folder.paths.items[i]);
        }
    }
    fc_arena_fini(&arena);
    if (status != FC_OK || there) return status;
    if (!fc_path_exists(name) || fc_path_is_dir(name))
        return fc_fail(err, FC_NOT_FOUND, "there is no model file %s here", name);
    snprintf(path, 4096, "%s", name);
    return FC_OK;
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
    fc_status status = fc_modelstore_verify(s->args->home, path, m, models_cancel(), &r, err);
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

static fc_status verify_all(const store *s, bool *bad, fc_err *err)
{
    fc_arena arena;
    fc_model_folder folder;
    fc_status status = FC_OK;
    fc_arena_init(&arena, 64 << 20);
    for (int k = 0; k < KIND_COUNT && status == FC_OK; k++) {
        status = fc_model_folder_open(fc_home_dir(s->args->home ? s->args->home : ""), kinds[k], &arena,
                                      &folder, err);
        for (size_t i = 0; status == FC_OK && i < folder.names.count; i++)
            status = verify_one(s, folder.paths.items[i],
                                fc_catalog_exact(&s->catalog, kinds[k], folder.names.items[i]), bad, err);
    }
    fc_arena_fini(&arena);
    return status;
}

static fc_status verify(const store *s, fc_err *err)
{
    bool bad = false;
    fc_status status = s->args->name_count ? FC_OK : verify_all(s, &bad, err);
    for (int i = 0; i < s->args->name_count && status == FC_OK; i++) {
        char path[4096];
        const fc_catalog_model *m;
        status = find_file(s, s->args->names[i], path, &m, err);
        if (status == FC_OK) status = verify_one(s, path, m, &bad, err);
    }
    if (status == FC_OK && bad) return fc_fail(err, FC_FORMAT, "some files are not what they should be");
    return status;
}

static fc_status remove_files(const store *s, fc_err *err)
{
    if (s->args->name_count == 0) return fc_fail(err, FC_ARG, "which file should be removed?");
    for (int i = 0; i < s->args->name_count; i++) {
        char path[4096], question[4300], size[32];
        const fc_catalog_model *m;
        fc_status status = find_file(s, s->args->names[i], path, &m, err);
        if (status != FC_OK) return status;
        models_size(file_bytes(path), size);
        snprintf(question, sizeof question, "Delete %s (%s)?", path, size);
        if (!models_ask(s->args, question)) return fc_fail(err, FC_CANCELLED, "nothing was deleted");
        if (unlink(path) != 0) return fc_fail_errno(err, errno, "cannot delete %s", path);
        printf("deleted %s\n", path);
    }
    return FC_OK;
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
    fc_status status = models_args_parse(&a, flags, argc - skip, argv + skip, &err);
    if (status == FC_OK && a.help) return fputs(help, stdout) < 0;
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

static const char setup_help[] =
    "fooocus setup [--preset NAME] [--yes] [--home DIR] [--hf-mirror URL]\n"
    "\n"
    "Fetches the models that are needed for pictures, after one question. Without --preset the set of preset "
    "sai:\n"
    "the SDXL base model, its refiner and the offset LoRA (13 GB). What is already there stays.\n";

static fc_status announce(const store *s, const fc_catalog_model **models, size_t count, size_t *left,
                          fc_err *err)
{
    uint64_t total = 0;
    char text[32], path[4096];
    bool there;
    *left = 0;
    for (size_t i = 0; i < count; i++) {
        fc_status status = fc_modelstore_path(s->args->home, models[i], path, sizeof path, &there, err);
        if (status != FC_OK) return status;
        models_size(fc_catalog_bytes(models[i]), text);
        fprintf(stderr, "  %-46s %9s  %s\n", models[i]->name, there ? "is here" : text,
                there ? "" : models[i]->licence);
        if (there) continue;
        total += fc_catalog_bytes(models[i]);
        models[(*left)++] = models[i];
    }
    models_size(total, text);
    if (*left)
        fprintf(stderr, "Together %s, into %s/models.\n", text,
                fc_home_dir(s->args->home ? s->args->home : ""));
    return FC_OK;
}

static fc_status setup(const store *s, fc_err *err)
{
    const fc_catalog_model *models[FC_CATALOG_MAX_NEEDED];
    size_t left, missing, count = fc_catalog_needed(&s->catalog, s->config, models, &missing);
    fc_status status = announce(s, models, count, &left, err);
    if (status == FC_OK && left == 0) {
        fprintf(stderr, "Everything is here.\n");
        return FC_OK;
    }
    if (status == FC_OK && !models_ask(s->args, "Fetch them now?"))
        return fc_fail(err, FC_CANCELLED, "nothing was fetched");
    for (size_t i = 0; i < left && status == FC_OK; i++) status = get_one(s, models[i], err);
    if (status == FC_OK)
        fprintf(stderr, "Ready: fooocus generate \"a lighthouse by the sea\" --preset %s\n", s->args->preset);
    return status;
}

int cli_setup(int argc, char **argv)
{
    models_args a;
    store s = {0};
    fc_err err = {0};
    fc_status status = models_args_parse(&a, "home preset yes quiet offline hf-mirror", argc, argv, &err);
    if (status == FC_OK && a.help) return fputs(setup_help, stdout) < 0;
    if (status == FC_OK && a.name_count)
        status = fc_fail(&err, FC_ARG, "'%.60s' means nothing here", a.names[0]);
    if (!a.preset) a.preset = "sai";
    if (status == FC_OK) status = store_open(&s, &a, &err);
    if (status == FC_OK) status = setup(&s, &err);
    store_close(&s);
    return status == FC_OK ? 0 : cli_fail(&err);
}
