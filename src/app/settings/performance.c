/* See performance.h. */
#include "app/settings/performance.h"

#include <math.h>
#include <string.h>
#include "base/buf.h"

static const fc_performance_forced extreme_speed = {
    "sdxl_lcm_lora.safetensors", 1, {{FC_P_sampler, "lcm"}, {FC_P_scheduler, "lcm"}}};
static const fc_performance_forced lightning = {
    "sdxl_lightning_4step_lora.safetensors", 1, {{FC_P_sampler, "euler"}, {FC_P_scheduler, "sgm_uniform"}}};
static const fc_performance_forced hyper_sd = {"sdxl_hyper_sd_4step_lora.safetensors",
                                               0.8,
                                               {{FC_P_sampler, "dpmpp_sde_gpu"}, {FC_P_scheduler, "karras"}}};

/* All of these LoRAs want no guidance and no refiner. */
static const fc_forced_value unguided[] = {
    {FC_P_cfg, "1"},          {FC_P_adaptive_cfg, "1"}, {FC_P_sharpness, "0"}, {FC_P_refiner_switch, "1"},
    {FC_P_adm_positive, "1"}, {FC_P_adm_negative, "1"}, {FC_P_adm_end, "0"}};

const fc_forced_value *fc_performance_forced_at(const fc_performance *mode, size_t index)
{
    if (!mode->forced) return NULL;
    if (index < FC_FORCED_OWN) return &mode->forced->own[index];
    index -= FC_FORCED_OWN;
    return index < sizeof unguided / sizeof *unguided ? &unguided[index] : NULL;
}

static const fc_performance quality = {"quality", "Quality", 60, 36, 40, NULL};
static const fc_performance speed = {"speed", "Speed", 30, 18, 20, NULL};
static const fc_performance fast[] = {{"extreme-speed", "Extreme Speed", 8, 8, 0, &extreme_speed},
                                      {"lightning", "Lightning", 4, 4, 0, &lightning},
                                      {"hyper-sd", "Hyper-SD", 4, 4, 0, &hyper_sd}};

static const fc_performance *const list_v1[] = {&speed, &quality, &fast[0], &fast[1], &fast[2], NULL};
static const fc_performance *const list_v25[] = {&quality, &speed, &fast[0], &fast[1], &fast[2], NULL};

static const fc_performance *const *list_of(fc_recipe_id recipe)
{
    return recipe == FC_RECIPE_1_0 ? list_v1 : list_v25;
}

const fc_performance *fc_performance_at(fc_recipe_id recipe, size_t index)
{
    size_t count =
        recipe == FC_RECIPE_1_0 ? sizeof list_v1 / sizeof *list_v1 : sizeof list_v25 / sizeof *list_v25;
    return index < count ? list_of(recipe)[index] : NULL;
}

static char plain(char c)
{
    if (c == '-' || c == '_') return ' ';
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a && plain(*a) == plain(*b)) a++, b++;
    return plain(*a) == plain(*b);
}

const fc_performance *fc_performance_find(fc_recipe_id recipe, const char *name)
{
    for (const fc_performance *const *mode = list_of(recipe); *mode; mode++)
        if (same_name((*mode)->id, name)) return *mode;
    return NULL;
}

fc_status fc_performance_get(fc_recipe_id recipe, const char *name, const fc_performance **mode, fc_err *err)
{
    *mode = fc_performance_find(recipe, name);
    if (*mode) return FC_OK;
    fc_buf names;
    fc_buf_init(&names, 400);
    for (const fc_performance *const *m = list_of(recipe); *m; m++)
        fc_buf_printf(&names, "%s%s", names.len ? ", " : "", (*m)->name);
    fc_status status = fc_fail(err, FC_ARG, "there is no performance mode \"%.100s\"; there are %s", name,
                               fc_buf_cstr(&names));
    fc_buf_fini(&names);
    return status;
}

int32_t fc_performance_steps(const fc_performance *mode, bool upscaling, int32_t overwrite)
{
    if (overwrite > 0) return overwrite;
    return upscaling ? mode->upscale_steps : mode->steps;
}

int32_t fc_performance_switch_step(int32_t steps, double refiner_switch, int32_t overwrite)
{
    return overwrite > 0 ? overwrite : (int32_t)nearbyint(steps * refiner_switch);
}
