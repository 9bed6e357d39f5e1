/* See sampler_name.h. */
#include <stdio.h>
#include <string.h>
#include "app/output/sampler_name.h"
#include "app/settings/params.h"
#include "base/str.h"

/* Names shown for samplers. The first id of a name is the one read back; the _gpu ones compute the same. */
static const struct {
    const char *id, *shown;
} samplers[] = {
    {"euler", "Euler"},
    {"euler_ancestral", "Euler a"},
    {"heun", "Heun"},
    {"dpm_2", "DPM2"},
    {"dpm_2_ancestral", "DPM2 a"},
    {"lms", "LMS"},
    {"dpm_fast", "DPM fast"},
    {"dpm_adaptive", "DPM adaptive"},
    {"dpmpp_2s_ancestral", "DPM++ 2S a"},
    {"dpmpp_sde", "DPM++ SDE"},
    {"dpmpp_sde_gpu", "DPM++ SDE"},
    {"dpmpp_2m", "DPM++ 2M"},
    {"dpmpp_2m_sde", "DPM++ 2M SDE"},
    {"dpmpp_2m_sde_gpu", "DPM++ 2M SDE"},
    {"dpmpp_3m_sde", "DPM++ 3M SDE"},
    {"dpmpp_3m_sde_gpu", "DPM++ 3M SDE"},
    {"lcm", "LCM"},
    {"tcd", "TCD"},
    {"restart", "Restart"},
    {"ddim", "DDIM"},
    {"uni_pc", "UniPC"},
};

const char *fc_sampler_shown(const char *id)
{
    for (size_t i = 0; i < sizeof samplers / sizeof samplers[0]; i++)
        if (strcmp(samplers[i].id, id) == 0) return samplers[i].shown;
    return id;
}

const char *fc_sampler_id(const char *shown, const char **scheduler)
{
    char name[64];
    const char *id = NULL;
    snprintf(name, sizeof name, "%s", shown);
    *scheduler = fc_str_ends(name, FC_KARRAS_SUFFIX) ? "karras" : NULL;
    if (*scheduler) name[strlen(name) - strlen(FC_KARRAS_SUFFIX)] = '\0';
    for (size_t i = sizeof samplers / sizeof samplers[0]; i-- > 0;)
        if (fc_str_eq_nocase(samplers[i].shown, name)) id = samplers[i].id;
    return id ? id : fc_choice_find(fc_choice_sampler, name);
}

/* Schedules as AUTOMATIC1111, Forge, SwarmUI and others show them, in small letters without blanks and '_'.
 */
static const struct {
    const char *shown, *id;
} schedules[] = {
    {"karras", "karras"},
    {"exponential", "exponential"},
    {"sgmuniform", "sgm_uniform"},
    {"simple", "simple"},
    {"normal", "normal"},
    {"uniform", "normal"},
    {"ddim", "ddim_uniform"},
    {"ddimuniform", "ddim_uniform"},
    {"alignyoursteps", "align_your_steps"},
    {"ays", "align_your_steps"},
    {"turbo", "turbo"},
    {"kloptimal", "kl_optimal"},
    {"beta", "beta"},
    {"lcm", "lcm"},
    {"tcd", "tcd"},
};

void fc_name_squeeze(const char *name, char out[40])
{
    size_t n = 0;
    for (; *name && n < 39; name++)
        if (*name != ' ' && *name != '_' && *name != '-')
            out[n++] = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;
    out[n] = '\0';
}

const char *fc_schedule_id(const char *shown)
{
    char name[40];
    fc_name_squeeze(shown, name);
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++)
        if (strcmp(schedules[i].shown, name) == 0) return schedules[i].id;
    return NULL;
}

/* "k_euler_a", "sample_dpmpp_2m", "dpmpp_2m_k" -> an id of ours, with the schedule that the ending means. */
const char *fc_sampler_id_of_others(const char *shown, const char **scheduler)
{
    static const char *const prefixes[] = {"k_", "sample_", ""};
    static const char *const others[][2] = {
        {"euler_a", "euler_ancestral"},       {"euler ancestral", "euler_ancestral"},
        {"dpm_2_a", "dpm_2_ancestral"},       {"dpmpp_2s", "dpmpp_2s_ancestral"},
        {"dpmpp_2s_a", "dpmpp_2s_ancestral"}, {"dpm++ 2s ancestral", "dpmpp_2s_ancestral"},
        {"dpm++ 2m sde", "dpmpp_2m_sde"},     {"unipc", "uni_pc"}};
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        char name[64];
        const char *rest = fc_str_starts(shown, prefixes[p]) ? shown + strlen(prefixes[p]) : shown;
        snprintf(name, sizeof name, "%s", rest);
        bool karras = fc_str_ends(name, "_k");
        if (karras) name[strlen(name) - 2] = '\0';
        if (karras && scheduler) *scheduler = "karras";
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
            if (fc_str_eq_nocase(name, others[i][0])) return others[i][1];
        const char *found = NULL, *id = fc_sampler_id(name, &found);
        if (id && found && scheduler) *scheduler = found;
        if (id) return id;
    }
    return NULL;
}
