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

/* A guiding picture has to be kept still, its network to be named without a path. */
static bool is_usable_guide(const reader *r, const fc_param *p, const char *text)
{
    fc_guide_text t;
    char id[FC_INPUT_ID_SIZE] = "", model[256] = "";
    fc_guide_text_split(p, text, &t);
    if (t.image_len < sizeof id) memcpy(id, t.image, t.image_len);
    if (t.model_len < sizeof model) memcpy(model, text, t.model_len);
    bool named = t.model_len == 0 || (*model && fc_name_is_plain(model));
    if (fc_input_id_valid(id) && named) return true;
    fc_warn_emit(r->warn, "the picture's settings: %s names no kept picture or a path and was left out",
                 p->name);
    return false;
}

static void apply_list(const reader *r, const fc_record_row *row)
{
    const fc_param *p = &fc_param_table[row->parts[0]];
    json_t *items = get_sequence(r, row->key);
    if (!items) return;
    set(r, row->parts[0], "none");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *name = json_string_value(json_array_get(items, i));
        if (name && (p->kind != FC_KIND_GUIDES || is_usable_guide(r, p, name))) set(r, row->parts[0], name);
    }
    json_decref(items);
}

/* The numbers of a tuple into fields of their own. */
static void apply_numbers(const reader *r, const fc_record_row *row)
{
    json_t *values = get_sequence(r, row->key);
    if (!values) return;
    for (int i = 0; i < row->part_count; i++) {
        fc_buf text;
        json_t *holder = json_pack("{s:O?}", "x", json_array_get(values, (size_t)i));
        fc_buf_init(&text, 64);
        if (fc_record_text(holder, "x", &text))
            set(r, row->parts[i], fc_buf_cstr(&text));
        else
            fc_warn_emit(r->warn, "the picture's settings: %s has no %d. number", row->key, i + 1);
        fc_buf_fini(&text);
        json_decref(holder);
    }
    json_decref(values);
}

/* The steps of the mode stay unset, so that another mode on the command line brings its own. */
static bool is_usual(const reader *r, const char *digits)
{
    fc_buf name;
    int64_t steps;
    fc_buf_init(&name, 256);
    bool has_mode = fc_record_text(r->record, FC_RECORD_KEY(performance), &name);
    const fc_performance *mode = fc_performance_find(FC_RECIPE_2_5, has_mode ? fc_buf_cstr(&name) : "speed");
    fc_buf_fini(&name);
    return mode && fc_parse_i64(digits, &steps) && steps == mode->steps;
}

/* Whether the text stands for "nothing chosen". What requests too call none is given as such: it keeps out
 * what a configuration would bring. */
static bool means_default(const fc_record_row *row, const char *text)
{
    bool automatic = (fc_param_table[row->parts[0]].marks & FC_MARK_AUTO) && strcmp(text, "-1") == 0;
    return automatic || (row->nothing && strcmp(text, row->nothing) == 0 && !fc_str_eq_nocase(text, "none"));
}

/* "(1.01, 1.02, 0.99, 0.95)" -> "1.01,1.02,0.99,0.95" */
static void strip_tuple(char *text)
{
    char *to = text;
    for (const char *s = text; *s; s++)
        if (!strchr("() []", *s)) *to++ = *s;
    *to = '\0';
}

/* Pictures that came in are told by their ids, and have to be kept still (app/common/inputs.h). */
static bool is_usable(const reader *r, const fc_record_row *row, const char *text)
{
    const fc_param *p = &fc_param_table[row->parts[0]];
    bool id = p->kind != FC_KIND_IMAGE || fc_input_id_valid(text);
    if (!id) fc_warn_emit(r->warn, "the picture's settings: %s is no kept picture and was left out", p->name);
    return id && (!(p->marks & FC_MARK_MODEL) || is_plain(r, row->parts[0], text));
}

static void apply_text(const reader *r, const fc_record_row *row)
{
    fc_buf text;
    fc_buf_init(&text, 1 << 17);
    if (!fc_record_text(r->record, row->key, &text) || text.status != FC_OK) goto out;
    if (row->shape == FC_SHAPE_FACTORS && text.len) strip_tuple(text.data);
    const char *value = fc_buf_cstr(&text);
    if (means_default(row, value) || (row->shape == FC_SHAPE_STEPS && is_usual(r, value))) goto out;
    if (is_usable(r, row, value)) set(r, row->parts[0], value);
out:
    fc_buf_fini(&text);
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
    const json_t *list = json_object_get(r->record, FC_RECORD_KEY(loras));
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
        fc_record_lora_key(i, key);
        const char *text = json_string_value(json_object_get(r->record, key));
        const char *colon = NULL;
        for (const char *s = text; s && (s = strstr(s, " : ")); s += 3) colon = s;
        char *name = colon ? fc_strndup(text, (size_t)(colon - text)) : NULL;
        if (name) set_lora(r, name, colon + 3);
        fc_free(name);
    }
}

static void apply_loras(const reader *r)
{
    fc_request_unset(r->request, FC_P_loras);
    if (!apply_lora_list(r)) apply_lora_rows(r);
}

/* What the reader of another program's settings left out. */
static void tell_notes(const reader *r)
{
    size_t i;
    json_t *note;
    const char *prompt = json_string_value(json_object_get(r->record, FC_RECORD_KEY(prompt)));
    json_array_foreach(json_object_get(r->record, FC_FOREIGN_NOTES), i, note) if (json_is_string(note))
        fc_warn_emit(r->warn, "the picture's settings: %s", json_string_value(note));
    if (!prompt || !*prompt) fc_warn_emit(r->warn, "the picture's settings have no prompt");
}

static void apply_row(const reader *r, const fc_record_row *row)
{
    switch (row->shape) {
    case FC_SHAPE_LORAS:
        apply_loras(r);
        break;
    case FC_SHAPE_NUMBERS:
    case FC_SHAPE_SIZE:
        apply_numbers(r, row);
        break;
    default:
        if (fc_param_is_list(&fc_param_table[row->parts[0]]))
            apply_list(r, row);
        else
            apply_text(r, row);
    }
}

fc_status fc_record_apply(const json_t *record, fc_request *request, fc_warn warn, fc_err *err)
{
    const reader r = {record, request, warn};
    if (!json_is_object(record)) return fc_fail(err, FC_FORMAT, "the picture's settings are no JSON object");
    set(&r, FC_P_recipe, "2.5"); /* what writes such records; ours name their recipe */
    for (int i = 0; i < FC_RECORD_COUNT; i++)
        if (fc_record_table[i].part_count) apply_row(&r, &fc_record_table[i]);
    tell_notes(&r);
    return FC_OK;
}
