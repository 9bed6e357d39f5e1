/* Fooocus-API's pictures from pictures: vary, enlarge, paint in and beyond the edges, image prompts. v1 sends
 * forms, v2 JSON. */
#include <stdio.h>
#include <string.h>
#include "app/common/json_text.h"
#include "base/str.h"
#include "server/compat/fooocus.h"
#include "server/compat/pictures_in.h"
#include "server/server_impl.h"

typedef struct work {
    fc_http *h;
    const json_t *body, *advanced;
    json_t *out; /* our parameters */
    fc_err *err;
} work;

static fc_status take_picture(work *w, const char *theirs, const char *ours, bool optional)
{
    char id[FC_INPUT_ID_SIZE];
    const json_t *value = fc_json_member(w->body, theirs);
    bool empty = !value || (json_is_string(value) && !*json_string_value(value));
    if (empty && optional) return FC_OK;
    if (empty) return fc_fail(w->err, FC_ARG, "%s: it is missing", theirs);
    fc_status status = fc_compat_picture(w->h, theirs, value, id, w->err);
    if (status == FC_OK) json_object_set_new(w->out, ours, json_string(id));
    return status;
}

/* A number of advanced_params that overwrites ours when it is above 0. */
static void take_number(work *w, const char *theirs, const char *ours)
{
    const json_t *value = fc_json_member(w->advanced, theirs);
    if (json_is_number(value) && json_number_value(value) > 0)
        json_object_set_new(w->out, ours, json_real(json_number_value(value)));
}

/* ---- vary and enlarge ---- */

static fc_status read_method(work *w)
{
    static const struct {
        const char *theirs, *vary;
        double upscale;
        bool fast;
    } methods[] = {{"Vary (Subtle)", "subtle", 0, false}, {"Vary (Strong)", "strong", 0, false},
                   {"Upscale (1.5x)", NULL, 1.5, false},  {"Upscale (2x)", NULL, 2, false},
                   {"Upscale (Fast 2x)", NULL, 2, true},  {"Upscale (Custom)", NULL, -1, false}};
    const char *method = json_string_value(fc_json_member(w->body, "uov_method"));
    for (size_t i = 0; method && i < sizeof methods / sizeof methods[0]; i++) {
        if (!fc_str_eq_nocase(methods[i].theirs, method)) continue;
        const json_t *factor = fc_json_member(w->body, "upscale_value");
        double times =
            json_is_number(factor) && json_number_value(factor) >= 1 ? json_number_value(factor) : 2;
        if (methods[i].vary) json_object_set_new(w->out, "vary", json_string(methods[i].vary));
        if (methods[i].upscale)
            json_object_set_new(w->out, "upscale",
                                json_real(methods[i].upscale > 0 ? methods[i].upscale : times));
        if (methods[i].fast) json_object_set_new(w->out, "fast_upscale", json_true());
        take_number(w, methods[i].vary ? "overwrite_vary_strength" : "overwrite_upscale_strength",
                    "strength");
        return FC_OK;
    }
    return fc_fail(w->err, FC_ARG,
                   "uov_method: '%.60s' is none of Vary (Subtle), Vary (Strong), Upscale (1.5x), (2x), "
                   "(Fast 2x), (Custom)",
                   method ? method : "");
}

static work begin(fc_http *h, fc_err *err)
{
    work w = {h, NULL, NULL, fc_fooocus_parameters(h, err), err};
    if (w.out) w.body = fc_compat_body(h, err);
    w.advanced = fc_json_member(w.body, "advanced_params");
    return w;
}

static json_t *finish(work *w, fc_status status)
{
    if (status == FC_OK) return w->out;
    json_decref(w->out);
    return NULL;
}

/* ---- image prompts ---- */

static void take_threshold(work *w, const char *theirs, const char *ours)
{
    const json_t *value = fc_json_member(w->advanced, theirs);
    if (json_is_number(value) && json_number_value(value) >= 1)
        json_object_set_new(w->out, ours, json_integer((json_int_t)json_number_value(value)));
}

enum { MAX_GUIDES = 4 };

/* Weight or stop: 0 and nothing leave it to the kind. */
static void take_strength(json_t *item, const char *ours, const json_t *value)
{
    if (json_is_number(value) && json_number_value(value) > 0)
        json_object_set_new(item, ours, json_real(json_number_value(value)));
}

static fc_status add_guide(work *w, const char *field, const json_t *image, const json_t *type,
                           const json_t *weight, const json_t *stop)
{
    static const struct {
        const char *theirs, *ours, *model; /* model: what reads a picture that is such a drawing already */
    } kinds[] = {{"ImagePrompt", "image_prompts", NULL},
                 {"FaceSwap", "faces", NULL},
                 {"PyraCanny", "canny", "control-lora-canny-rank128.safetensors"},
                 {"CPDS", "cpds", "fooocus_xl_cpds_128.safetensors"}};
    char id[FC_INPUT_ID_SIZE];
    const char *name =
        json_is_string(type) && *json_string_value(type) ? json_string_value(type) : "ImagePrompt";
    size_t k = 0;
    while (k < sizeof kinds / sizeof kinds[0] && !fc_str_eq_nocase(kinds[k].theirs, name)) k++;
    if (k == sizeof kinds / sizeof kinds[0])
        return fc_fail(w->err, FC_ARG, "cn_type: '%.60s' is none of ImagePrompt, FaceSwap, PyraCanny, CPDS",
                       name);
    fc_status status = fc_compat_picture(w->h, field, image, id, w->err);
    if (status) return status;
    bool ready = kinds[k].model && json_is_true(fc_json_member(w->advanced, "skipping_cn_preprocessor"));
    const char *ours = ready ? "controls" : kinds[k].ours;
    json_t *list = json_object_get(w->out, ours), *item = json_pack("{s:s}", "image", id);
    if (!list) json_object_set_new(w->out, ours, list = json_array());
    if (ready) json_object_set_new(item, "model", json_string(kinds[k].model));
    take_strength(item, "weight", weight);
    take_strength(item, "stop", stop);
    json_array_append_new(list, item);
    return FC_OK;
}

static bool is_picture(const json_t *value)
{
    return value && !json_is_null(value) && !(json_is_string(value) && !*json_string_value(value));
}

/* v1: cn_img1 .. cn_img4 and what belongs to each; v2: a list. */
static fc_status take_guides(work *w)
{
    static const char *const parts[] = {"cn_img", "cn_type", "cn_weight", "cn_stop"};
    const json_t *list = fc_json_member(w->body, "image_prompts"), *softness;
    for (size_t i = 0; i < MAX_GUIDES || i < json_array_size(list); i++) {
        const json_t *value[4], *item = json_array_get(list, i);
        for (int k = 0; k < 4; k++) {
            char name[20];
            snprintf(name, sizeof name, "%s%d", parts[k], (int)i + 1);
            value[k] = item ? fc_json_member(item, parts[k]) : fc_json_member(w->body, name);
        }
        if (!is_picture(value[0])) continue;
        fc_status status = add_guide(w, "cn_img", value[0], value[1], value[2], value[3]);
        if (status) return status;
    }
    softness = fc_json_member(w->advanced, "controlnet_softness");
    if (json_is_number(softness)) json_object_set(w->out, "control_softness", (json_t *)(uintptr_t)softness);
    take_threshold(w, "canny_low_threshold", "canny_low");
    take_threshold(w, "canny_high_threshold", "canny_high");
    return FC_OK;
}

static json_t *make_vary(fc_http *h, fc_err *err)
{
    work w = begin(h, err);
    if (!w.out) return NULL;
    fc_status status = take_picture(&w, "input_image", "image", false);
    if (status != FC_OK) goto out;
    status = read_method(&w);
    if (status != FC_OK) goto out;
    status = take_guides(&w);
out:
    return finish(&w, status);
}

/* ---- paint in and beyond the edges ---- */

/* ["Left", "Top"] or "Left,Top", with distances in pixels where they are given. */
static void read_sides(work *w)
{
    static const char *const sides[] = {"left", "right", "top", "bottom"};
    char text[200] = "";
    fc_buf list;
    fc_buf_init(&list, FC_BODY_JSON);
    fc_json_write(fc_json_member(w->body, "outpaint_selections"), JSON_COMPACT, &list);
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        char name[40];
        size_t n = strlen(text);
        if (!strcasestr(fc_buf_cstr(&list), sides[i])) continue;
        snprintf(name, sizeof name, "outpaint_distance_%s", sides[i]);
        const json_t *distance = fc_json_member(w->body, name);
        double pixels = json_is_number(distance) ? json_number_value(distance) : 0;
        if (pixels > 0 && pixels <= 8192)
            snprintf(text + n, sizeof text - n, "%s%s=%d", n ? "," : "", sides[i], (int)pixels);
        else
            snprintf(text + n, sizeof text - n, "%s%s", n ? "," : "", sides[i]);
    }
    fc_buf_fini(&list);
    if (*text) json_object_set_new(w->out, "outpaint", json_string(text));
}

/* What is painted in stands in front of the sentence, as Fooocus puts it. */
static void add_prompt(work *w)
{
    const char *more = json_string_value(fc_json_member(w->body, "inpaint_additional_prompt"));
    const char *prompt = json_string_value(json_object_get(w->out, "prompt"));
    if (!more || !*more) return;
    const char *both = prompt && *prompt ? fc_arena_printf(&w->h->arena, "%s\n%s", more, prompt) : more;
    if (both) json_object_set_new(w->out, "prompt", fc_json_text(both));
}

static json_t *make_inpaint(fc_http *h, fc_err *err)
{
    work w = begin(h, err);
    if (!w.out) return NULL;
    fc_status status = take_picture(&w, "input_image", "image", false);
    if (status != FC_OK) goto out;
    status = take_picture(&w, "input_mask", "mask", true);
    if (status != FC_OK) goto out;
    status = take_guides(&w);
out:
    if (status != FC_OK) return finish(&w, status);
    read_sides(&w);
    add_prompt(&w);
    take_number(&w, "inpaint_strength", "strength");
    take_number(&w, "inpaint_respective_field", "field");
    const json_t *grow = fc_json_member(w.advanced, "inpaint_erode_or_dilate");
    if (json_is_number(grow))
        json_object_set_new(w.out, "grow_mask", json_integer((json_int_t)json_number_value(grow)));
    if (json_is_true(fc_json_member(w.advanced, "invert_mask_checkbox")))
        json_object_set_new(w.out, "invert_mask", json_true());
    return finish(&w, FC_OK);
}

/* With a picture to paint into it is that, guided. */
static json_t *make_prompt(fc_http *h, fc_err *err)
{
    work w = begin(h, err);
    if (!w.out) return NULL;
    if (is_picture(fc_json_member(w.body, "input_image"))) {
        json_decref(w.out);
        return make_inpaint(h, err);
    }
    return finish(&w, take_guides(&w));
}

void fc_fooocus_image_prompt(fc_http *h)
{
    fc_fooocus_run(h, make_prompt);
}

void fc_fooocus_vary(fc_http *h)
{
    fc_fooocus_run(h, make_vary);
}

void fc_fooocus_inpaint(fc_http *h)
{
    fc_fooocus_run(h, make_inpaint);
}
