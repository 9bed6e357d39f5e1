/* What there is, for programs that draw a form: the listings of fooocus.h. */
#include <stdio.h>
#include <string.h>
#include "app/models/files.h"
#include "app/settings/params.h"

enum { LIST_MEMORY = 64 << 20 };

int fc_setting_at(size_t index, fc_setting *setting)
{
    if (!setting || index >= FC_PARAM_COUNT) return 0;
    const fc_param *p = &fc_param_table[index];
    const fc_setting own = {.size = sizeof own,
                            .name = p->name,
                            .flag = p->flag,
                            .kind = fc_param_kind_name(p->kind),
                            .group = fc_param_group_id(p->group),
                            .help = p->help,
                            .lowest = p->lowest,
                            .highest = p->highest,
                            .step = p->step};
    size_t size = setting->size && setting->size < sizeof own ? setting->size : sizeof own;
    memcpy(setting, &own, size);
    setting->size = size;
    return 1;
}

const char *fc_choice_at(const char *setting, size_t index)
{
    const fc_param *p = setting ? fc_param_find(setting) : NULL;
    for (size_t i = 0; p && p->choice && p->choice(i); i++)
        if (i == index) return p->choice(i);
    return NULL;
}

fc_status fc_models_list(const char *home, const char *kind,
                         void (*visit)(void *user, const char *name, const char *path), void *user,
                         fc_err *err)
{
    fc_arena arena;
    fc_model_folder folder;
    if (!kind || !visit) return fc_fail(err, FC_ARG, "fc_models_list: kind and visit must not be NULL");
    fc_config *config;
    fc_status status = fc_config_open(&config, home, NULL, (fc_warn){0}, err);
    if (status != FC_OK) return status;
    fc_arena_init(&arena, LIST_MEMORY);
    status = fc_model_folder_open(config, kind, &arena, &folder, err);
    for (size_t i = 0; status == FC_OK && i < folder.names.count; i++)
        visit(user, folder.names.items[i], folder.paths.items[i]);
    fc_arena_fini(&arena);
    fc_config_close(config);
    return status;
}
