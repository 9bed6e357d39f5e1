/* What the fields of kind ENUM may be. Samplers, schedulers and performance modes come from the tables of
 * their owners. */
#include "app/settings/params.h"

#include "app/settings/performance.h"
#include "diffusion/schedule.h"
#include "diffusion/solvers/solvers.h"

#define TABLE(fn, ...)                                                                                       \
    const char *fn(size_t index)                                                                             \
    {                                                                                                        \
        static const char *const names[] = {__VA_ARGS__};                                                    \
        return index < sizeof names / sizeof names[0] ? names[index] : NULL;                                 \
    }

TABLE(fc_choice_recipe, "1.0", "2.5")
TABLE(fc_choice_format, "png", "jpeg", "webp")
TABLE(fc_choice_metadata, "none", "fooocus", "a1111")
TABLE(fc_choice_swap, "joint", "separate")
TABLE(fc_choice_vary, "none", "subtle", "strong")
TABLE(fc_choice_edit, "inpaint", "detail", "modify")

const char *fc_choice_performance(size_t index)
{
    const fc_performance *mode = fc_performance_at(FC_RECIPE_2_5, index);
    return mode ? mode->id : NULL;
}

/* Those of recipe 2.5, then those that only recipe 1.0 has. */
const char *fc_choice_sampler(size_t index)
{
    size_t shared = 0;
    while (fc_sampler_at(shared, &fc_recipe_2_5)) shared++;
    if (index < shared) return fc_sampler_at(index, &fc_recipe_2_5)->name;
    const fc_sampler *s;
    for (size_t i = 0, left = index - shared; (s = fc_sampler_at(i, &fc_recipe_1_0)); i++)
        if (!fc_sampler_find(s->name, &fc_recipe_2_5) && left-- == 0) return s->name;
    return NULL;
}

const char *fc_choice_scheduler(size_t index)
{
    const fc_scheduler *s = fc_scheduler_at(index);
    return s ? s->name : NULL;
}
