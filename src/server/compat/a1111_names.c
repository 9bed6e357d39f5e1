/* Names of samplers and schedulers as AUTOMATIC1111's clients write them. */
#include <stdio.h>
#include <string.h>
#include "app/output/sampler_name.h"
#include "app/settings/params.h"
#include "base/str.h"
#include "server/compat/a1111.h"

/* ---- samplers ---- */

/* Spellings beside the shown name and our own: k-diffusion's, and samplers that another one stands in for. */
static const struct {
    const char *theirs, *id;
    bool stands_in;
} other_samplers[] = {
    {"k_euler", "euler", false},
    {"k_euler_a", "euler_ancestral", false},
    {"k_euler_ancestral", "euler_ancestral", false},
    {"k_heun", "heun", false},
    {"k_lms", "lms", false},
    {"k_dpm_2", "dpm_2", false},
    {"k_dpm_2_a", "dpm_2_ancestral", false},
    {"k_dpm_fast", "dpm_fast", false},
    {"k_dpm_ad", "dpm_adaptive", false},
    {"k_dpm_adaptive", "dpm_adaptive", false},
    {"k_dpmpp_2s_a", "dpmpp_2s_ancestral", false},
    {"k_dpmpp_2m", "dpmpp_2m", false},
    {"k_dpmpp_sde", "dpmpp_sde", false},
    {"k_dpmpp_2m_sde", "dpmpp_2m_sde", false},
    {"k_dpmpp_3m_sde", "dpmpp_3m_sde", false},
    {"PLMS", "lms", true},
    {"DDIM CFG++", "ddim", true},
    {"DPM++ 2M SDE Heun", "dpmpp_2m_sde", true},
};

const char *fc_a1111_read_sampler(fc_http *h, const char *shown, const char **scheduler)
{
    char name[64];
    const char *id = fc_sampler_id(shown, scheduler);
    if (id) return id;
    snprintf(name, sizeof name, "%s", shown);
    size_t n = strlen(name);
    bool karras = fc_str_ends_nocase(name, " karras") || fc_str_ends(name, "_ka");
    if (karras) name[n - (fc_str_ends(name, "_ka") ? 3 : 7)] = '\0';
    *scheduler = karras ? "karras" : NULL;
    for (size_t i = 0; i < sizeof other_samplers / sizeof other_samplers[0]; i++) {
        if (!fc_str_eq_nocase(other_samplers[i].theirs, name)) continue;
        if (other_samplers[i].stands_in)
            fc_http_warn(h, "sampler_name: %s is not offered, %s is used", other_samplers[i].theirs,
                         fc_sampler_shown(other_samplers[i].id));
        return other_samplers[i].id;
    }
    return NULL;
}

/* The _gpu spellings compute the same, so each name stands there once. */
void fc_a1111_samplers(fc_http *h)
{
    json_t *list = json_array();
    for (size_t i = 0; fc_choice_sampler(i); i++) {
        const char *id = fc_choice_sampler(i);
        if (fc_str_ends(id, "_gpu")) continue;
        json_t *aliases = json_pack("[s]", id);
        for (size_t k = 0; k < sizeof other_samplers / sizeof other_samplers[0]; k++)
            if (!other_samplers[k].stands_in && strcmp(other_samplers[k].id, id) == 0)
                json_array_append_new(aliases, json_string(other_samplers[k].theirs));
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:{}}", "name", fc_sampler_shown(id), "aliases", aliases, "options"));
    }
    fc_http_json(h, 200, list);
}

/* ---- schedulers ---- */

static const struct {
    const char *name, *label, *id, *alias;
} schedulers[] = {
    {"automatic", "Automatic", NULL, NULL},
    {"uniform", "Uniform", "normal", NULL},
    {"karras", "Karras", "karras", NULL},
    {"exponential", "Exponential", "exponential", NULL},
    {"polyexponential", "Polyexponential", "exponential", NULL}, /* with rho 1, as there, the same */
    {"sgm_uniform", "SGM Uniform", "sgm_uniform", "SGMUniform"},
    {"kl_optimal", "KL Optimal", "kl_optimal", NULL},
    {"align_your_steps", "Align Your Steps", "align_your_steps", NULL},
    {"simple", "Simple", "simple", NULL},
    {"normal", "Normal", "normal", NULL},
    {"ddim", "DDIM", "ddim_uniform", "DDIM Uniform"},
    {"beta", "Beta", "beta", NULL},
    {"turbo", "Turbo", "turbo", NULL},
};

/* The DPM++ family is meant for Karras's noise levels, the others for those of the training. */
static const char *usual_scheduler(const char *sampler)
{
    return fc_str_starts(sampler, "dpmpp_2m") || fc_str_starts(sampler, "dpmpp_3m") ||
                   fc_str_starts(sampler, "dpmpp_sde")
               ? "karras"
               : "normal";
}

const char *fc_a1111_scheduler_id(const char *shown, const char *sampler)
{
    if (!*shown || fc_str_eq_nocase(shown, "Automatic")) return usual_scheduler(sampler);
    for (size_t i = 1; i < sizeof schedulers / sizeof schedulers[0]; i++)
        if (fc_str_eq_nocase(schedulers[i].label, shown) || fc_str_eq_nocase(schedulers[i].name, shown) ||
            (schedulers[i].alias && fc_str_eq_nocase(schedulers[i].alias, shown)))
            return fc_choice_find(fc_choice_scheduler, schedulers[i].id);
    return fc_choice_find(fc_choice_scheduler, shown);
}

const char *fc_a1111_scheduler_label(const char *id)
{
    for (size_t i = 1; i < sizeof schedulers / sizeof schedulers[0]; i++)
        if (strcmp(schedulers[i].id, id) == 0) return schedulers[i].label;
    return id;
}

void fc_a1111_schedulers(fc_http *h)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof schedulers / sizeof schedulers[0]; i++) {
        json_t *aliases = schedulers[i].alias ? json_pack("[s]", schedulers[i].alias) : json_array();
        double rho = strcmp(schedulers[i].name, "karras") == 0            ? 7
                     : strcmp(schedulers[i].name, "polyexponential") == 0 ? 1
                                                                          : -1;
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:f, s:b}", "name", schedulers[i].name,
                                              "label", schedulers[i].label, "aliases", aliases, "default_rho",
                                              rho, "need_inner_model", 0));
    }
    fc_http_json(h, 200, list);
}
