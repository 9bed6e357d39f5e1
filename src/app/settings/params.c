/* The tables made from params.def, and the lookups by name. */
#include "app/settings/params.h"

#include <string.h>
#include "base/str.h"

#define RANGE(a, b, c) .lowest = (a), .highest = (b), .step = (c)
#define CHOICES(fn)    .choice = (fn)
#define LENGTH(n)      .max_length = (n)
#define ITEMS(n)       .max_items = (n)
#define NONE           .step = 0

const fc_param fc_param_table[FC_PARAM_COUNT] = {
#define FC_PARAM(kind_, name_, group_, marks_, flag_, short_, value_, default_1_0, default_2_5, limits,      \
                 text)                                                                                       \
    [FC_P_##name_] = {.name = #name_,                                                                        \
                      .flag = flag_,                                                                         \
                      .value = value_,                                                                       \
                      .help = text,                                                                          \
                      .defaults = {default_1_0, default_2_5},                                                \
                      .offset = offsetof(fc_params, name_),                                                  \
                      .kind = FC_KIND_##kind_,                                                               \
                      .group = FC_GROUP_##group_,                                                            \
                      .marks = marks_,                                                                       \
                      .short_flag = short_,                                                                  \
                      limits},
#define FC_COMPOSITE(...)
#include "app/settings/params.def"
#undef FC_PARAM
#undef FC_COMPOSITE
};

const fc_composite fc_composite_table[] = {
#define FC_PARAM(...)
#define FC_COMPOSITE(name_, group_, flag_, value_, separator_, text, ...)                                    \
    {.name = #name_,                                                                                         \
     .flag = flag_,                                                                                          \
     .value = value_,                                                                                        \
     .help = text,                                                                                           \
     .separator = separator_[0],                                                                             \
     .group = FC_GROUP_##group_,                                                                             \
     .part_count = sizeof((fc_param_id[]){__VA_ARGS__}) / sizeof(fc_param_id),                               \
     .parts = {__VA_ARGS__}},
#include "app/settings/params.def"
#undef FC_PARAM
#undef FC_COMPOSITE
};

const size_t fc_composite_count = sizeof fc_composite_table / sizeof fc_composite_table[0];

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z') return (char)(c + ('a' - 'A'));
    return c == '-' || c == ' ' ? '_' : c;
}

/* Names match without regard to case, and '-', '_' and blank are the same letter. */
static bool same_name(const char *a, const char *b)
{
    while (*a && folded(*a) == folded(*b)) a++, b++;
    return *a == *b;
}

const fc_param *fc_param_find(const char *name)
{
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        if (same_name(p->name, name) || (p->flag && same_name(p->flag, name))) return p;
    }
    return NULL;
}

const fc_composite *fc_composite_find(const char *name)
{
    for (size_t i = 0; i < fc_composite_count; i++)
        if (same_name(fc_composite_table[i].name, name) || same_name(fc_composite_table[i].flag, name))
            return &fc_composite_table[i];
    return NULL;
}

const char *fc_param_closest(const char *name)
{
    const char *names[2 * FC_PARAM_COUNT + 8];
    size_t count = 0;
    for (size_t i = 0; i < fc_composite_count && i < 8; i++) names[count++] = fc_composite_table[i].name;
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        names[count++] = fc_param_table[i].name;
        if (fc_param_table[i].flag) names[count++] = fc_param_table[i].flag;
    }
    return fc_str_closest(name, names, count);
}

const char *fc_param_kind_name(fc_param_kind kind)
{
    static const char *const names[] = {"bool", "int",   "num",    "text", "enum",
                                        "list", "loras", "guides", "seed", "image"};
    return names[kind];
}

const char *fc_param_group_id(fc_param_group group)
{
    static const char *const ids[] = {"basic", "picture", "models", "output", "advanced", "developer"};
    _Static_assert(sizeof ids / sizeof ids[0] == FC_GROUP_COUNT, "one id for each group");
    return ids[group];
}

const char *fc_param_group_title(fc_param_group group)
{
    static const char *const titles[FC_GROUP_COUNT] = {
        [FC_GROUP_BASIC] = "Basic",       [FC_GROUP_PICTURE] = "Pictures to work on",
        [FC_GROUP_MODELS] = "Models",     [FC_GROUP_OUTPUT] = "Output",
        [FC_GROUP_ADVANCED] = "Advanced", [FC_GROUP_DEVELOPER] = "Developer",
    };
    return titles[group];
}

fc_recipe_id fc_recipe_from_name(const char *name)
{
    return strcmp(name, "1.0") == 0 ? FC_RECIPE_1_0 : FC_RECIPE_2_5;
}

const char *fc_choice_find(fc_choice_fn choice, const char *text)
{
    const char *name;
    for (size_t i = 0; (name = choice(i)); i++)
        if (same_name(name, text)) return name;
    return NULL;
}
