/* See describe.h. */
#include "app/describe.h"

#include <string.h>

#include "app/models/files.h"
#include "base/file.h"

static const char *find_model(const fc_model_folder *folder)
{
    const char *path = fc_model_folder_path(folder, FC_DESCRIBE_MODEL);
    for (size_t i = 0; i < folder->names.count && !path; i++)
        if (strcasestr(fc_path_basename(folder->names.items[i]), "blip")) path = folder->paths.items[i];
    return path;
}

/* Texts are no models and not in the list of the folder. */
static const char *find_vocabulary(const fc_config *config, fc_arena *arena)
{
    static const char *const names[] = {FC_DESCRIBE_VOCABULARY, "vocab.txt"};
    char path[4096];
    fc_lines dirs;
    fc_lines_init(&dirs, arena);
    fc_config_folders(config, "clip_vision", &dirs);
    for (size_t i = 0; i < dirs.count; i++)
        for (int k = 0; k < 2; k++)
            if (fc_path_join(path, sizeof path, dirs.items[i], names[k]) == FC_OK && fc_path_exists(path))
                return fc_arena_strdup(arena, path);
    return NULL;
}

fc_status fc_describe_open(const fc_config *config, fc_captioner **out, fc_err *err)
{
    fc_arena arena;
    fc_model_folder folder;
    *out = NULL;
    fc_arena_init(&arena, 16 << 20);
    fc_status status = fc_model_folder_open(config, "clip_vision", &arena, &folder, err);
    if (status != FC_OK) goto out;
    const char *model = find_model(&folder), *vocabulary = find_vocabulary(config, &arena);
    if (model && vocabulary)
        status = fc_captioner_open(out, model, vocabulary, err);
    else
        status = fc_fail(
            err, FC_NOT_FOUND, "describing pictures needs %s in %.300s; fooocus models get %s fetches it",
            model ? "a vocabulary" : "a captioner", folder.dir ? folder.dir : "models/clip_vision",
            model ? FC_DESCRIBE_VOCABULARY : FC_DESCRIBE_MODEL);
out:
    fc_arena_fini(&arena);
    return status;
}
