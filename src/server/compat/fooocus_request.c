/* What the body of a request to Fooocus-API says, as our parameters. */
#include <string.h>
#include "app/common/json_text.h"
#include "app/models/files.h"
#include "app/prompt/styles.h"
#include "app/settings/resolutions.h"
#include "base/str.h"
#include "server/compat/fooocus.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { MAX_PICTURES = 32 };

typedef struct translation {
    fc_http *h;
    const json_t *body, *advanced;
    json_t *out; /* our parameters */
    fc_err *err;
} translation;

static void copy_members(translation *w)
{
    static const struct {
        const char *theirs, *ours;
        bool advanced;
    } pairs[] = {
        {"prompt", "prompt", false},
        {"negative_prompt", "negative_prompt", false},
        {"performance_selection", "performance", false},
        {"sharpness", "sharpness", false},
        {"guidance_scale", "cfg", false},
        {"refiner_switch", "refiner_switch", false},
        {"read_wildcards_in_order", "wildcards_in_order", false},
        {"adm_scaler_positive", "adm_positive", true},
        {"adm_scaler_negative", "adm_negative", true},
        {"adm_scaler_end", "adm_end", true},
        {"adaptive_cfg", "adaptive_cfg", true},
        {"clip_skip", "clip_skip", true},
        {"sampler_name", "sampler", true},
        {"scheduler_name", "scheduler", true},
        {"refiner_swap_method", "swap_method", true},
        {"disable_seed_increment", "same_seed", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const json_t *value = fc_json_member(pairs[i].advanced ? w->advanced : w->body, pairs[i].theirs);
        if (value) json_object_set(w->out, pairs[i].ours, (json_t *)(uintptr_t)value);
    }
}

/* Positive numbers overwrite; -1 means that nothing is overwritten. */
static void read_overwrites(translation *w)
{
    static const struct {
        const char *theirs, *ours;
    } pairs[] = {{"overwrite_step", "steps"},
                 {"overwrite_switch", "switch_step"},
                 {"overwrite_width", "width"},
                 {"overwrite_height", "height"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        json_int_t value = (json_int_t)json_number_value(fc_json_member(w->advanced, pairs[i].theirs));
        if (value > 0) json_object_set_new(w->out, pairs[i].ours, json_integer(value));
    }
}

static void read_size(translation *w)
{
    fc_resolution r;
    const json_t *ratio = fc_json_member(w->body, "aspect_ratios_selection");
    if (!ratio) return;
    if (!json_is_string(ratio) || fc_resolution_parse(json_string_value(ratio), &r, NULL, w->err) != FC_OK) {
        fc_fail(w->err, FC_ARG, "aspect_ratios_selection: want a size like 1152*896, multiples of 8");
        return;
    }
    json_object_set_new(w->out, "width", json_integer(r.width));
    json_object_set_new(w->out, "height", json_integer(r.height));
}

bool fc_fooocus_wants_png(fc_http *h)
{
    const char *accept = fc_http_query(h, "accept");
    if (!accept) accept = fc_http_header(h, "Accept");
    return accept && strcmp(accept, "image/png") == 0;
}

static void read_numbers(translation *w)
{
    const json_t *count = fc_json_member(w->body, "image_number"),
                 *seed = fc_json_member(w->body, "image_seed");
    json_int_t n = count ? json_integer_value(count) : 1;
    if ((count && !json_is_integer(count)) || n < 1 || n > MAX_PICTURES)
        fc_fail(w->err, FC_ARG, "image_number: want a whole number from 1 to %d", MAX_PICTURES);
    json_object_set_new(w->out, "count", json_integer(fc_fooocus_wants_png(w->h) ? 1 : n));
    if (json_is_integer(seed) && json_integer_value(seed) >= 0)
        json_object_set(w->out, "seed", (json_t *)(uintptr_t)seed);
}

static bool is_named(const char *name)
{
    return name && *name && !fc_str_eq_nocase(name, "None");
}

/* Names that are not there fall back to the default: clients send the defaults of another installation. */
static bool is_installed(translation *w, const char *kind, const char *name)
{
    fc_model_folder folder;
    const char *path;
    if (!is_named(name)) return false;
    return fc_model_folder_open(fc_http_settings(w->h), kind, &w->h->arena, &folder, NULL) == FC_OK &&
           fc_model_folder_find(&folder, "model", name, &path, NULL) == FC_OK;
}

static void read_models(translation *w)
{
    static const struct {
        const char *theirs, *ours, *kind;
    } rows[] = {{"base_model_name", "model", "checkpoints"},
                {"refiner_model_name", "refiner", "checkpoints"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *name = json_string_value(fc_json_member(w->body, rows[i].theirs));
        if (is_installed(w, rows[i].kind, name))
            json_object_set_new(w->out, rows[i].ours, fc_json_text(name));
        else if (is_named(name))
            fc_http_warn(w->h, "%s: there is no file %.100s, the usual one is used", rows[i].theirs, name);
    }
    const char *vae = json_string_value(fc_json_member(w->advanced, "vae_name"));
    if (is_installed(w, "vae", vae)) json_object_set_new(w->out, "vae", fc_json_text(vae));
}

static void read_loras(translation *w)
{
    size_t i;
    json_t *row;
    const json_t *loras = fc_json_member(w->body, "loras");
    json_t *out = json_array();
    json_array_foreach(loras, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "model_name"));
        const json_t *weight = json_object_get(row, "weight");
        if (json_is_false(json_object_get(row, "enabled")) || !is_named(name)) continue;
        if (!is_installed(w, "loras", name)) {
            fc_http_warn(w->h, "loras: there is no file %.100s, it is left out", name);
            continue;
        }
        json_array_append_new(out, json_pack("{s:o, s:f}", "file", fc_json_text(name), "weight",
                                             json_is_number(weight) ? json_number_value(weight) : 1.0));
    }
    if (loras)
        json_object_set_new(w->out, "loras", out);
    else
        json_decref(out);
}

/* Unknown styles are dropped, as there. */
static void read_styles(translation *w)
{
    size_t i;
    json_t *name;
    fc_styles *styles;
    const json_t *wanted = fc_json_member(w->body, "style_selections");
    if (!json_is_array(wanted) ||
        fc_styles_open_home(w->h->server->home, (fc_warn){0}, &styles, w->err) != FC_OK)
        return;
    json_t *out = json_array();
    json_array_foreach(wanted, i, name)
    {
        const char *text = json_string_value(name);
        if (text && fc_styles_find(styles, text))
            json_array_append(out, name);
        else
            fc_http_warn(w->h, "style_selections: there is no style '%.60s', it is left out",
                         text ? text : "?");
    }
    fc_styles_close(styles);
    json_object_set_new(w->out, "styles", out);
}

static void read_output(translation *w)
{
    const char *extension = json_string_value(fc_json_member(w->body, "save_extension"));
    const char *scheme = json_string_value(fc_json_member(w->body, "meta_scheme"));
    const char *webhook = json_string_value(fc_json_member(w->body, "webhook_url"));
    if (extension)
        json_object_set_new(w->out, "format",
                            fc_json_text(strcmp(extension, "jpg") == 0 ? "jpeg" : extension));
    if (json_is_true(fc_json_member(w->body, "save_meta")))
        json_object_set_new(w->out, "metadata",
                            json_string(scheme && fc_str_starts(scheme, "a1") ? "a1111" : "fooocus"));
    const char *save_name = json_string_value(fc_json_member(w->body, "save_name"));
    if (save_name && *save_name)
        fc_http_warn(w->h, "save_name: not used here, the answer tells where the picture is");
    if (webhook && *webhook)
        fc_fail(w->err, FC_UNSUPPORTED, "webhook_url: not offered here, see GET /api/v1/events");
    if (json_is_true(fc_json_member(w->advanced, "freeu_enabled")))
        fc_fail(w->err, FC_UNSUPPORTED, "freeu_enabled: not offered here");
}

json_t *fc_fooocus_parameters(fc_http *h, fc_err *err)
{
    *err = (fc_err){0};
    const json_t *body = fc_compat_body(h, err);
    if (!body) return NULL;
    translation w = {h, body, fc_json_member(body, "advanced_params"), json_object(), err};
    json_object_set_new(w.out, "recipe", json_string("2.5")); /* that server is built on 2.5 */
    copy_members(&w);
    read_numbers(&w);
    read_size(&w);
    read_overwrites(&w);
    read_models(&w);
    read_loras(&w);
    read_styles(&w);
    read_output(&w);
    if (err->status == FC_OK) return w.out;
    json_decref(w.out);
    return NULL;
}
