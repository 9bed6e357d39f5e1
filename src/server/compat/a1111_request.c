/* A request of an AUTOMATIC1111 client as our parameters. As there, numbers may be texts and sizes any
 * number: what is rounded or left out is told; what would make another picture than the one that was asked
 * for is refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "app/common/json_text.h"
#include "app/output/a1111.h"
#include "app/prompt/styles.h"
#include "app/settings/params.h"
#include "base/str.h"
#include "server/compat/a1111.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

enum { DEFAULT_STEPS = 20, DEFAULT_CFG = 7, MAX_PICTURES = 100 };

typedef struct translation {
    fc_http *h;
    const json_t *body, *override;
    json_t *options; /* with those that this request overrides */
    json_t *out;     /* our parameters */
    fc_err *err;
} translation;

/* ---- values ---- */

/* 7, 7.0, "7", "7.5" */
static bool number_of(const json_t *value, double *out)
{
    if (json_is_number(value)) *out = json_number_value(value);
    return json_is_number(value) || (json_is_string(value) && fc_parse_f64(json_string_value(value), out));
}

/* true, "True", 1 */
static bool flag_of(const json_t *value)
{
    double number;
    const char *text = json_string_value(value);
    if (text && (fc_str_eq_nocase(text, "true") || fc_str_eq_nocase(text, "yes"))) return true;
    return json_is_true(value) || (number_of(value, &number) && number != 0);
}

static double number(translation *w, const char *name, double lowest, double highest, double otherwise)
{
    double value;
    const json_t *member = fc_json_member(w->body, name);
    if (!member) return otherwise;
    if (number_of(member, &value) && value >= lowest && value <= highest) return value;
    fc_fail(w->err, FC_ARG, "%s: want a number from %.15g to %.15g", name, lowest, highest);
    return otherwise;
}

static json_int_t whole(translation *w, const char *name, double lowest, double highest, json_int_t otherwise)
{
    const json_t *member = fc_json_member(w->body, name);
    if (json_is_integer(member) && (double)json_integer_value(member) >= lowest &&
        (double)json_integer_value(member) <= highest)
        return json_integer_value(member); /* seeds have more digits than a double */
    double value = number(w, name, lowest, highest, (double)otherwise);
    if (value != floor(value)) fc_http_warn(w->h, "%s: %.15g is taken as %.15g", name, value, floor(value));
    return (json_int_t)value;
}

/* ---- parts of a request ---- */

static void read_texts(translation *w)
{
    static const char *const names[] = {"prompt", "negative_prompt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *value = fc_json_member(w->body, names[i]);
        if (value) json_object_set(w->out, names[i], (json_t *)(uintptr_t)value);
    }
}

static void read_side(translation *w, const char *name)
{
    const fc_param *p = &fc_param_table[FC_P_width];
    json_int_t step = (json_int_t)p->step, lowest = (json_int_t)p->lowest, side = whole(w, name, 1, 16384, 0);
    json_int_t rounded = (side + step / 2) / step * step;
    if (side == 0) return; /* not given: the model's own size, as SDXL's are no 512 */
    if (rounded < lowest) rounded = lowest;
    if (rounded != side)
        fc_http_warn(w->h, "%s: %lld is rounded to %lld", name, (long long)side, (long long)rounded);
    json_object_set_new(w->out, name, json_integer(rounded));
}

static void read_numbers(translation *w)
{
    json_int_t count = whole(w, "batch_size", 1, MAX_PICTURES, 1) * whole(w, "n_iter", 1, MAX_PICTURES, 1);
    json_int_t seed = whole(w, "seed", -1, 9223372036854775807.0, -1);
    double cfg = number(w, "cfg_scale", 0, 1000, DEFAULT_CFG), lowest = fc_param_table[FC_P_cfg].lowest;
    if (count > MAX_PICTURES) fc_fail(w->err, FC_ARG, "n_iter: more than %d pictures at once", MAX_PICTURES);
    json_object_set_new(w->out, "count", json_integer(count));
    if (seed >= 0) json_object_set_new(w->out, "seed", json_integer(seed));
    json_object_set_new(w->out, "steps", json_integer(whole(w, "steps", 1, 1e6, DEFAULT_STEPS)));
    if (cfg < lowest) fc_http_warn(w->h, "cfg_scale: %.15g is taken as %.15g", cfg, lowest);
    json_object_set_new(w->out, "cfg", json_real(cfg < lowest ? lowest : cfg));
    read_side(w, "width");
    read_side(w, "height");
}

static void read_sampler(translation *w)
{
    const char *from_name = NULL;
    const json_t *name = fc_json_member(w->body, "sampler_name"),
                 *scheduler = fc_json_member(w->body, "scheduler");
    if (!name) name = fc_json_member(w->body, "sampler_index");
    const char *shown = name ? json_string_value(name) : "Euler";
    const char *id = shown ? fc_a1111_read_sampler(w->h, *shown ? shown : "Euler", &from_name) : NULL;
    if (!id) {
        fc_fail(w->err, FC_NOT_FOUND, "sampler_name: there is no sampler '%.60s'", shown ? shown : "?");
        return;
    }
    const char *wanted = scheduler ? json_string_value(scheduler) : "Automatic";
    const char *scheduler_id = wanted ? fc_a1111_scheduler_id(wanted, id) : NULL;
    if (!scheduler_id) {
        fc_fail(w->err, FC_NOT_FOUND, "scheduler: there is no scheduler '%.60s'", wanted ? wanted : "?");
        return;
    }
    bool automatic = !*wanted || fc_str_eq_nocase(wanted, "Automatic");
    json_object_set_new(w->out, "sampler", json_string(id));
    json_object_set_new(w->out, "scheduler", json_string(automatic && from_name ? from_name : scheduler_id));
}

/* Styles that are chosen by name; none is the default here. As there, unknown ones are left out. */
static void read_styles(translation *w)
{
    size_t i;
    json_t *name, *chosen = json_array();
    fc_styles *styles = NULL;
    const json_t *wanted = fc_json_member(w->body, "styles");
    if (json_array_size(wanted) > 0 &&
        fc_styles_open_home(w->h->server->home, (fc_warn){0}, &styles, w->err) != FC_OK)
        styles = NULL;
    json_array_foreach(wanted, i, name)
    {
        const char *text = json_string_value(name);
        if (text && styles && fc_styles_find(styles, text))
            json_array_append(chosen, name);
        else
            fc_http_warn(w->h, "styles: there is no style '%.60s'", text ? text : "?");
    }
    fc_styles_close(styles);
    json_object_set_new(w->out, "styles", chosen);
}

static void set_model(translation *w, const char *field, const char *theirs, const char *title)
{
    const char *name = fc_a1111_find_model(w->h, title);
    if (name)
        json_object_set_new(w->out, field, fc_json_text(name));
    else
        fc_fail(w->err, FC_NOT_FOUND, "%s: there is no checkpoint '%.100s'", theirs, title);
}

static const char *text_option(const translation *w, const char *name)
{
    const char *text = json_string_value(json_object_get(w->options, name));
    return text ? text : "";
}

static void read_models(translation *w)
{
    const char *checkpoint = text_option(w, "sd_model_checkpoint"), *vae = text_option(w, "sd_vae");
    const char *refiner = json_string_value(fc_json_member(w->body, "refiner_checkpoint"));
    if (*checkpoint) set_model(w, "model", "sd_model_checkpoint", checkpoint);
    if (!fc_a1111_has_vae(w->h, vae))
        fc_fail(w->err, FC_NOT_FOUND, "sd_vae: there is no VAE '%.100s'", vae);
    else if (*vae && !fc_str_eq_nocase(vae, "None") && !fc_str_eq_nocase(vae, "Automatic"))
        json_object_set_new(w->out, "vae", fc_json_text(vae));
    if (!refiner || !*refiner || fc_str_eq_nocase(refiner, "None")) return;
    set_model(w, "refiner", "refiner_checkpoint", refiner);
    if (fc_json_member(w->body, "refiner_switch_at"))
        json_object_set_new(w->out, "refiner_switch", json_real(number(w, "refiner_switch_at", 0, 1, 0.8)));
}

/* The format of the file, whether settings stand in it, and CLIP's layer. */
static void read_options(translation *w)
{
    const char *format = text_option(w, "samples_format");
    if (fc_str_eq_nocase(format, "jpg")) format = "jpeg";
    const char *known = *format ? fc_choice_find(fc_choice_format, format) : "png";
    if (!known) fc_http_warn(w->h, "samples_format: '%.20s' is not offered, png is used", format);
    json_int_t skip = json_integer_value(json_object_get(w->options, "CLIP_stop_at_last_layers"));
    bool info = !json_is_false(json_object_get(w->options, "enable_pnginfo"));
    json_object_set_new(w->out, "format", json_string(known ? known : "png"));
    json_object_set_new(w->out, "metadata", json_string(info ? "a1111" : "none"));
    if (skip > 2) json_object_set_new(w->out, "clip_skip", json_integer(skip));
}

/* ---- what is not offered ---- */

/* One argument of a script says that it is to do something. */
static bool is_on(const json_t *argument)
{
    const json_t *enabled = json_object_get(argument, "enabled");
    if (json_is_object(argument)) return enabled ? flag_of(enabled) : json_object_size(argument) > 0;
    if (json_is_string(argument)) return *json_string_value(argument) != '\0';
    return flag_of(argument);
}

static bool script_is_on(const json_t *script)
{
    size_t i;
    json_t *argument;
    const json_t *list = json_is_array(script) ? script : json_object_get(script, "args");
    if (json_is_object(list)) return is_on(list);
    if (json_is_false(json_array_get(list, 0))) return false; /* the switch of most of them */
    json_array_foreach(list, i, argument)
    {
        if (is_on(argument)) return true;
    }
    return false;
}

static void refuse_scripts(translation *w)
{
    const char *name;
    json_t *script;
    json_object_foreach((json_t *)(uintptr_t)fc_json_member(w->body, "alwayson_scripts"), name, script)
    {
        bool own = strcasecmp(name, "sampler") == 0 || strcasecmp(name, "seed") == 0;
        if (!script_is_on(script)) continue;
        if (strcasecmp(name, "controlnet") == 0)
            (void)!fc_a1111_controlnet(w->h, w->body, script, w->out, w->err);
        else if (own) /* these two only say again what stands in the request */
            fc_http_warn(w->h, "alwayson_scripts.%.40s: not used here", name);
        else
            fc_fail(w->err, FC_UNSUPPORTED, "alwayson_scripts: always on script %.60s not found", name);
    }
    const char *script_name = json_string_value(fc_json_member(w->body, "script_name"));
    if (script_name && *script_name)
        fc_fail(w->err, FC_UNSUPPORTED, "script_name: script %.60s not found, there are no scripts here",
                script_name);
}

static void refuse_unsupported(translation *w)
{
    static const char *const switches[] = {"enable_hr", "restore_faces", "tiling"};
    static const struct {
        const char *name;
        double usual;
    } unused[] = {{"eta", 0}, {"s_churn", 0}, {"s_tmin", 0}, {"s_noise", 1}, {"s_min_uncond", 0}};
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        if (flag_of(json_object_get(w->body, switches[i])))
            fc_fail(w->err, FC_UNSUPPORTED, "%s: this is not offered here", switches[i]);
    if (number(w, "subseed_strength", -1e9, 1e9, 0) > 0)
        fc_fail(w->err, FC_UNSUPPORTED, "subseed_strength: variations of a seed are not offered here");
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        double value;
        const json_t *member = fc_json_member(w->body, unused[i].name);
        if (member && (!number_of(member, &value) || value != unused[i].usual))
            fc_http_warn(w->h, "%s: not used here", unused[i].name);
    }
    refuse_scripts(w);
}

json_t *fc_a1111_parameters(fc_http *h, fc_err *err)
{
    *err = (fc_err){0};
    const json_t *body = fc_compat_body(h, err);
    if (!body) return NULL;
    const json_t *override = fc_json_member(body, "override_settings");
    translation w = {h, body, override, fc_a1111_options(h, override), json_object(), err};
    read_texts(&w);
    read_numbers(&w);
    read_sampler(&w);
    read_styles(&w);
    read_models(&w);
    read_options(&w);
    refuse_unsupported(&w);
    json_decref(w.options);
    if (err->status == FC_OK) return w.out;
    json_decref(w.out);
    return NULL;
}

double fc_a1111_number(const json_t *body, const char *name, double otherwise)
{
    double value;
    const json_t *member = fc_json_member(body, name);
    const char *text = json_string_value(member);
    if (json_is_number(member)) return json_number_value(member);
    if (json_is_boolean(member)) return json_is_true(member);
    return text && fc_parse_f64(text, &value) ? value : otherwise;
}
