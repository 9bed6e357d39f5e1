/* Fooocus-API's pictures from pictures: vary, enlarge, paint in and beyond the edges. v1 sends forms, v2
 * JSON. */
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

static json_t *make_vary(fc_http *h, fc_err *err)
{
    work w = begin(h, err);
    if (!w.out) return NULL;
    fc_status status = take_picture(&w, "input_image", "image", false);
    if (status != FC_OK) goto out;
    status = read_method(&w);
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

void fc_fooocus_vary(fc_http *h)
{
    fc_fooocus_run(h, make_vary);
}

void fc_fooocus_inpaint(fc_http *h)
{
    fc_fooocus_run(h, make_inpaint);
}
