/* Records back to requests. Records come from strangers' files: every value passes the checks of the request,
 * and what does not is left out with a warning. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/common/home.h"
#include "app/common/inputs.h"
#include "app/common/number_text.h"
#include "app/common/python_literal.h"
#include "app/output/foreign.h"
#include "app/output/record.h"
#include "app/settings/performance.h"
#include "base/mem.h"
#include "base/str.h"

/* Members that are one field each. */
static const struct {
    const char *key;
    fc_param_id id;
} plain[] = {
    {"recipe", FC_P_recipe},
    {"prompt", FC_P_prompt},
    {"negative_prompt", FC_P_negative_prompt},
    {"performance", FC_P_performance},
    {"guidance_scale", FC_P_cfg},
    {"sharpness", FC_P_sharpness},
    {"base_model", FC_P_model},
    {"refiner_model", FC_P_refiner},
    {"vae", FC_P_vae},
    {"refiner_switch", FC_P_refiner_switch},
    {"overwrite_switch", FC_P_switch_step},
    {"refiner_swap_method", FC_P_swap_method},
    {"adaptive_cfg", FC_P_adaptive_cfg},
    {"clip_skip", FC_P_clip_skip},
    {"sampler", FC_P_sampler},
    {"scheduler", FC_P_scheduler},
    {"seed", FC_P_seed},
    {"raw", FC_P_raw},
    {"fast_vae", FC_P_fast_vae},
};

typedef struct reader {
    const json_t *record;
    fc_request *request;
    fc_warn warn;
} reader;

static void set(const reader *r, fc_param_id id, const char *text)
{
    fc_err err = {0};
    if (fc_request_set(r->request, fc_param_table[id].name, text, &err) != FC_OK)
        fc_warn_emit(r->warn, "the picture's settings: %s", err.message);
}

/* Strangers may name files of the model folders, but no paths. */
static bool is_plain(const reader *r, fc_param_id id, const char *name)
{
    if (fc_name_is_plain(name)) return true;
    fc_warn_emit(r->warn, "the picture's settings: %s names the path '%.80s' and was left out",
                 fc_param_table[id].name, name);
    return false;
}

/* Placeholders for "nothing chosen". */
static bool means_default(const char *key, const char *text)
{
    if (strcmp(key, "vae") == 0) return strcmp(text, "Default (model)") == 0;
    if (strcmp(key, "overwrite_switch") == 0) return strcmp(text, "-1") == 0;
    return strcmp(key, "base_model") == 0 && !*text;
}

static void apply_plain(const reader *r)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 17);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        fc_buf_reset(&text);
        if (!fc_record_text(r->record, plain[i].key, &text) || text.status != FC_OK) continue;
        if (means_default(plain[i].key, fc_buf_cstr(&text))) continue;
        bool names_file = (fc_param_table[plain[i].id].marks & FC_MARK_MODEL) != 0;
        if (!names_file || is_plain(r, plain[i].id, fc_buf_cstr(&text)))
            set(r, plain[i].id, fc_buf_cstr(&text));
    }
    fc_buf_fini(&text);
}

/* The fields about a picture that came in, which has to be kept still (app/common/inputs.h). */
static void apply_picture(const reader *r)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 16);
    for (int i = 0; i < FC_PARAM_COUNT; i++) {
        const fc_param *p = &fc_param_table[i];
        fc_buf_reset(&text);
        if (p->group != FC_GROUP_PICTURE || !fc_record_text(r->record, p->name, &text) ||
            text.status != FC_OK)
            continue;
        const char *value = fc_buf_cstr(&text);
        bool id = p->kind != FC_KIND_IMAGE || fc_input_id_valid(value);
        if (id && (!(p->marks & FC_MARK_MODEL) || is_plain(r, (fc_param_id)i, value)))
            set(r, (fc_param_id)i, value);
    }
    fc_buf_fini(&text);
}

/* A member that is a Python literal in a text, or (from other writers) a JSON array. The caller owns the
 * answer. */
static json_t *get_sequence(const reader *r, const char *key)
{
    json_t *member = json_object_get(r->record, key);
    json_t *value =
        json_is_string(member) ? fc_pyliteral_read(json_string_value(member)) : json_incref(member);
    if (json_is_array(value)) return value;
    if (member) fc_warn_emit(r->warn, "the picture's settings: %s is no list and was left out", key);
    json_decref(value);
    return NULL;
}

static void apply_styles(const reader *r)
{
    json_t *styles = get_sequence(r, "styles");
    if (!styles) return;
    set(r, FC_P_styles, "none");
    for (size_t i = 0; i < json_array_size(styles); i++) {
        const char *name = json_string_value(json_array_get(styles, i));
        if (name) set(r, FC_P_styles, name);
    }
    json_decref(styles);
}

/* The numbers of a tuple into fields of their own. */
static void apply_numbers(const reader *r, const char *key, const fc_param_id *ids, size_t count)
{
    json_t *values = get_sequence(r, key);
    if (!values) return;
    for (size_t i = 0; i < count; i++) {
        fc_buf text;
        json_t *holder = json_pack("{s:O?}", "x", json_array_get(values, i));
        fc_buf_init(&text, 64);
        if (fc_record_text(holder, "x", &text))
            set(r, ids[i], fc_buf_cstr(&text));
        else
            fc_warn_emit(r->warn, "the picture's settings: %s has no %zu. number", key, i + 1);
        fc_buf_fini(&text);
        json_decref(holder);
    }
    json_decref(values);
}

/* The steps of the mode stay unset, so that another mode on the command line brings its own. */
static void apply_steps(const reader *r)
{
    fc_buf name, digits;
    int64_t steps = 0;
    fc_buf_init(&name, 256);
    fc_buf_init(&digits, 64);
    bool has_mode = fc_record_text(r->record, "performance", &name);
    const fc_performance *mode = fc_performance_find(FC_RECIPE_2_5, has_mode ? fc_buf_cstr(&name) : "speed");
    if (fc_record_text(r->record, "steps", &digits)) {
        bool usual = mode && fc_parse_i64(fc_buf_cstr(&digits), &steps) && steps == mode->steps;
        if (!usual) set(r, FC_P_steps, fc_buf_cstr(&digits));
    }
    fc_buf_fini(&name);
    fc_buf_fini(&digits);
}

static void set_lora(const reader *r, const char *name, const char *weight)
{
    fc_buf text;
    if (!*name || strcmp(name, "None") == 0 || !is_plain(r, FC_P_loras, name)) return;
    fc_buf_init(&text, 1 << 16);
    fc_buf_printf(&text, "%s:%s", name, weight);
    set(r, FC_P_loras, fc_buf_cstr(&text));
    fc_buf_fini(&text);
}

/* "loras": [[stem, weight, hash], ...] */
static bool apply_lora_list(const reader *r)
{
    const json_t *list = json_object_get(r->record, "loras");
    if (!json_is_array(list)) return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i), *weight = json_array_get(row, 1);
        const char *name = json_string_value(json_array_get(row, 0));
        char digits[FC_NUMTEXT_SIZE];
        if (!name || !json_is_number(weight)) {
            fc_warn_emit(r->warn, "the picture's settings: LoRA %zu has no name and weight and was left out",
                         i + 1);
            continue;
        }
        fc_number_text(json_number_value(weight), digits);
        set_lora(r, name, digits);
    }
    return true;
}

/* "lora_combined_1": "file.safetensors : 0.5" */
static void apply_lora_rows(const reader *r)
{
    for (int i = 1; i <= FC_RECORD_MAX_LORAS; i++) {
        char key[32];
        snprintf(key, sizeof key, "lora_combined_%d", i);
        const char *text = json_string_value(json_object_get(r->record, key));
        const char *colon = NULL;
        for (const char *s = text; s && (s = strstr(s, " : ")); s += 3) colon = s;
        char *name = colon ? fc_strndup(text, (size_t)(colon - text)) : NULL;
        if (name) set_lora(r, name, colon + 3);
        fc_free(name);
    }
}

/* What the reader of another program's settings left out. */
static void tell_notes(const reader *r)
{
    size_t i;
    json_t *note;
    const char *prompt = json_string_value(json_object_get(r->record, "prompt"));
    json_array_foreach(json_object_get(r->record, FC_FOREIGN_NOTES), i, note) if (json_is_string(note))
        fc_warn_emit(r->warn, "the picture's settings: %s", json_string_value(note));
    if (!prompt || !*prompt) fc_warn_emit(r->warn, "the picture's settings have no prompt");
}

fc_status fc_record_apply(const json_t *record, fc_request *request, fc_warn warn, fc_err *err)
{
    static const fc_param_id size[] = {FC_P_width, FC_P_height};
    static const fc_param_id adm[] = {FC_P_adm_positive, FC_P_adm_negative, FC_P_adm_end};
    const reader r = {record, request, warn};
    if (!json_is_object(record)) return fc_fail(err, FC_FORMAT, "the picture's settings are no JSON object");
    set(&r, FC_P_recipe, "2.5"); /* what writes such records; ours name their recipe */
    apply_plain(&r);
    apply_picture(&r);
    apply_steps(&r);
    apply_styles(&r);
    apply_numbers(&r, "resolution", size, 2);
    apply_numbers(&r, "adm_guidance", adm, 3);
    fc_request_unset(request, FC_P_loras);
    if (!apply_lora_list(&r)) apply_lora_rows(&r);
    tell_notes(&r);
    return FC_OK;
}
