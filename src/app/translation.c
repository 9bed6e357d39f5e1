/* See translation.h. */
#include "app/translation.h"

#include <stdio.h>
#include <string.h>

#include "app/common/walk.h"
#include "base/file.h"
#include "base/str.h"

/* ---- finding ---- */

/* Folders with a config.json in one of the folders for translation models. */
static fc_status add_folders(fc_translation *t, const char *dir, fc_err *err)
{
    static const char *const endings[] = {"config.json", NULL};
    fc_lines files;
    char path[4096];
    fc_lines_init(&files, t->arena);
    fc_status status = fc_walk(dir, endings, &files, err);
    for (size_t i = 0; i < files.count && !status; i++) {
        const char *base = fc_path_basename(files.items[i]);
        size_t size = (size_t)(base - files.items[i]);
        if (strcmp(base, "config.json") != 0 || size < 2) continue;
        fc_lines_add(&t->names, files.items[i], size - 1);
        const char *name = t->names.items[t->names.count - 1];
        if (fc_path_join(path, sizeof path, dir, name) != FC_OK)
            return fc_fail(err, FC_LIMIT, "the folder's path is too long: %.200s", dir);
        fc_lines_add(&t->paths, path, strlen(path));
    }
    return status;
}

static size_t find_name(const fc_translation *t, const char *name)
{
    for (size_t i = 0; i < t->names.count; i++)
        if (strcmp(t->names.items[i], name) == 0 || strcmp(fc_path_basename(t->names.items[i]), name) == 0)
            return i;
    return SIZE_MAX;
}

/* A model for this language, or for many, by its name: "-zh-en", "-mul-en". */
static size_t find_language(const fc_translation *t, const char *language)
{
    char ending[2][16];
    snprintf(ending[0], sizeof ending[0], "%s-en", language);
    snprintf(ending[1], sizeof ending[1], "mul-en");
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < t->names.count; i++)
            if (fc_str_ends_nocase(t->names.items[i], ending[k])) return i;
    return SIZE_MAX;
}

static bool is_broken(const fc_translation *t, size_t i)
{
    for (size_t k = 0; k < t->broken.count; k++)
        if (strcmp(t->broken.items[k], t->paths.items[i]) == 0) return true;
    return false;
}

/* ---- translating ---- */

static fc_status open_model(fc_translation *t, size_t i, fc_err *err)
{
    if (t->model && t->open == i) return FC_OK;
    fc_translator_close(t->model);
    t->model = NULL;
    t->open = i;
    return fc_translator_open(&t->model, t->paths.items[i], err);
}

/* One that was found by its language and does not open is told, and the word list serves. */
static bool reads(void *user, const char *language)
{
    fc_translation *t = user;
    fc_err why = {0};
    if (t->off || t->dry) return false;
    if (t->chosen != SIZE_MAX) return true;
    size_t i = language ? find_language(t, language) : SIZE_MAX;
    if (i == SIZE_MAX || is_broken(t, i)) return false;
    if (open_model(t, i, &why) == FC_OK) return true;
    fc_lines_add(&t->broken, t->paths.items[i], strlen(t->paths.items[i]));
    fc_warn_emit(t->warn, "the translation model %s is not used: %s", t->names.items[i], why.message);
    return false;
}

static fc_status run(void *user, const char *language, const char *sentence, fc_arena *arena,
                     const char **english, fc_err *err)
{
    fc_translation *t = user;
    for (size_t i = 0; i < t->known.count; i++)
        if (strcmp(t->known.items[i], sentence) == 0) {
            *english = t->english.items[i];
            return FC_OK;
        }
    fc_status status = open_model(t, t->chosen != SIZE_MAX ? t->chosen : find_language(t, language), err);
    if (status) return status;
    status = fc_translator_run(t->model, sentence, t->cancel, arena, english, err);
    if (status) return status;
    fc_lines_add(&t->known, sentence, strlen(sentence));
    fc_lines_add(&t->english, *english, strlen(*english));
    return FC_OK;
}

fc_status fc_translation_init(fc_translation *t, const fc_config *config, const char *choice, bool dry,
                              const int *cancel, fc_warn warn, fc_arena *arena, fc_err *err)
{
    fc_lines dirs, *own[] = {&t->names, &t->paths, &t->broken, &t->known, &t->english, &dirs};
    *t = (fc_translation){.arena = arena, .warn = warn, .cancel = cancel, .chosen = SIZE_MAX, .dry = dry};
    t->translator = (fc_sentence_translator){t, reads, run};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) fc_lines_init(own[i], arena);
    t->off = strcmp(choice, "glossary") == 0;
    if (t->off) return FC_OK;
    fc_config_folders(config, "translation", &dirs);
    for (size_t i = 0; i < dirs.count; i++) {
        fc_status status = add_folders(t, dirs.items[i], err);
        if (status) return status;
    }
    if (arena->status) return fc_fail(err, arena->status, "out of memory");
    if (strcmp(choice, "auto") == 0) return FC_OK;
    t->chosen = find_name(t, choice);
    if (t->chosen != SIZE_MAX) return FC_OK;
    return fc_fail(err, FC_NOT_FOUND,
                   "translator: there is no folder %.100s in %.300s; use auto, glossary, or a folder's name",
                   choice, dirs.count ? dirs.items[0] : "models/translation");
}

void fc_translation_fini(fc_translation *t)
{
    fc_translator_close(t->model);
    t->model = NULL;
}
