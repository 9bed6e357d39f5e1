/* See task.h. */
#include "engine/task.h"

#include "diffusion/recipe.h"

const fc_recipe *fc_recipe_of(fc_recipe_id id)
{
    return id == FC_RECIPE_1_0 ? &fc_recipe_1_0 : &fc_recipe_2_5;
}

fc_task fc_task_ordinary(void)
{
    return (fc_task){
        .recipe = FC_RECIPE_2_5,
        .seed = 1,
        .steps = 30,
#define FC_TASK_SETTING(type, name, ordinary) .name = ordinary,
#include "engine/task.def"
#undef FC_TASK_SETTING
    };
}
